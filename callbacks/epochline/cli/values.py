"""JSON values of what the commands list. Their keys are documented in `docs/cli.md` and stay.

Keys and units are those of the HTTP API (`http_api.md`): `epoch` is zero-based, as Keras hooks
count; `printed_epoch` is the number that Keras prints and that the options of the command line
take.
"""

from __future__ import annotations

from dataclasses import fields
from typing import Any

from epochline.events import Decision
from epochline.run import Checkpoint, Run
from epochline.timeline import DecisionEntry, Moment

__all__ = ["checkpoint_value", "decision_value", "moment_value", "run_value"]


def moment_value(moment: Moment) -> dict[str, Any]:
    """Returns when something happened."""
    return {
        "session": moment.session,
        "epoch": moment.epoch,
        "printed_epoch": moment.epoch + 1,
        "step": moment.step,
        "batch": moment.batch,
        "wall_time": moment.wall_time,
    }


def run_value(name: str, run: Run) -> dict[str, Any]:
    """Returns a run without its lists."""
    timeline = run.timeline
    return {
        "run": name,
        "path": str(run.path),
        "state": str(run.state),
        "last_wall_time": timeline.last_wall_time,
        "epochs": timeline.epoch_count,
        "sessions": len(timeline.sessions),
        "monitor": timeline.monitor,
        "mode": timeline.mode(timeline.monitor) if timeline.monitor else None,
        "metrics": list(timeline.metric_names),
    }


def checkpoint_value(item: Checkpoint) -> dict[str, Any]:
    """Returns a checkpoint."""
    return {
        "id": item.id,
        **moment_value(item),
        "status": item.status,
        "reason": item.reason,
        "why": item.why,
        "path": str(item.file),
        "size_bytes": item.size_bytes,
        "total_bytes": item.total_bytes,
        "digest": item.digest,
        "weights_kind": item.weights_kind,
        "has_optimizer": item.has_optimizer,
        "save_seconds": item.save_seconds,
        "callback": item.callback,
        "parents": list(item.parents),
        "metrics": dict(item.metrics),
        "health": item.health,
        "tier": item.tier,
        "pinned": item.pinned,
        "note": item.note,
        "tags": list(item.tags),
        "recoverable": item.recoverable,
    }


def decision_value(decision: DecisionEntry) -> dict[str, Any]:
    """Returns a decision with all its numbers."""
    return {
        **moment_value(decision),
        "acted": decision.acted,
        "sentence": decision.sentence,
        **{spec.name: getattr(decision, spec.name) for spec in fields(Decision)},
    }
