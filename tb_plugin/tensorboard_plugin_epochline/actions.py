"""What the panel does with the checkpoints of a run: pin, annotate, prune, take back, average.

Each is a thin layer over what the Python interface does. What a prune would do is told by `plan`,
which changes nothing.

Invariant: only files that lie in the run directory, also behind links, are let go, and of them only
those that the request names: neither a path in an event is trusted, since event files may come from
strangers, nor that the run is still what the user saw.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from epochline.errors import (
    CheckpointCorruptError,
    CheckpointMissingError,
    EpochlineError,
    PruneBusyError,
)
from epochline.planning import Fate, PrunePlan, PruneStep, plan_prune
from epochline.retention import AnyOf, KeepAllBut, KeepBest, KeepLast, RetentionPolicy
from epochline.run import Run
from epochline.sentences import size
from epochline.timeline import CheckpointEntry
from epochline.upkeep import PruneResult, annotate, prune_run, undo_prune
from tensorboard_plugin_epochline.answers import ApiError, ErrorCode, disk_error
from tensorboard_plugin_epochline.averages import make_mean
from tensorboard_plugin_epochline.library import Snapshot
from tensorboard_plugin_epochline.snippets import prune_commands

__all__ = ["ACTIONS", "Action", "plan", "retention_rule"]

View = dict[str, object]
_BY_HAND: Final = "Use the command shown beside it, with a user and a machine that may."
_AGAIN: Final = "Look at the run again, and choose anew."


@dataclass(frozen=True, slots=True, kw_only=True)
class Action:
    """Something that a POST does.

    Attributes:
        keys: Keys of its body.
        kinds: What is below those that do not hold text, see `guard.parse_body`.
        do: From a run and the body to the answer.
    """

    keys: tuple[str, ...]
    kinds: Mapping[str, type] = field(default_factory=dict)
    do: Callable[[Snapshot, Path, Mapping[str, Any]], View]

    def carry_out(self, snapshot: Snapshot, body: Mapping[str, Any]) -> View:
        """Does it, and returns the answer.

        Args:
            snapshot: The run.
            body: A body with `keys`.

        Raises:
            ApiError: If it cannot be done; the message says why.
        """
        run_dir = snapshot.directory.local
        if run_dir is None:
            message = f"The run is in {snapshot.directory.shown or 'a place unknown here'}."
            raise ApiError(ErrorCode.CONFLICT, message, "Do it where the run is.")
        try:
            return self.do(snapshot, run_dir, body)
        except (CheckpointMissingError, CheckpointCorruptError, PruneBusyError) as error:
            raise ApiError(ErrorCode.CONFLICT, str(error), _AGAIN) from error
        except FileExistsError as error:
            raise ApiError(ErrorCode.CONFLICT, str(error), "Move that file away.") from error
        except EpochlineError:
            raise
        except ValueError as error:
            raise ApiError(ErrorCode.BAD_REQUEST, str(error)) from error
        except OSError as error:
            failure = disk_error(error, _BY_HAND)
            if failure is None:
                raise
            raise failure from error


def retention_rule(last: int, best: int, metric: str) -> RetentionPolicy:
    """Returns the policy that keeps the newest `last` and the best `best` by `metric`.

    Raises:
        ApiError: If it would keep nothing, or there are less than none.
    """
    parts: list[RetentionPolicy] = []
    try:
        parts += [KeepLast(last)] if last else []
        parts += [KeepBest(metric, best)] if best else []
        return AnyOf(*parts) if len(parts) > 1 else parts[0]
    except (ValueError, IndexError) as error:
        message = f"A rule must keep something, but keeps the last {last} and the best {best}."
        raise ApiError(ErrorCode.BAD_REQUEST, message, "Give a number from 1.") from error


def plan(snapshot: Snapshot, policy: RetentionPolicy) -> View:
    """Returns a `PrunePlan`: what would go, what it frees and why; nothing is changed.

    Args:
        snapshot: The run.
        policy: What to keep.
    """
    entries = snapshot.timeline.checkpoints
    found = plan_prune(
        policy,
        [item for item in entries if item.restorable],
        gone=[item for item in entries if not item.restorable and item.digest is not None],
        mode_of=snapshot.timeline.mode,
    )
    going = found.of(Fate.DELETE)
    named = policy.ids if isinstance(policy, KeepAllBut) else frozenset[str]()
    return {
        "run": snapshot.run,
        "policy": found.policy,
        "goes": _steps(going, snapshot),
        # Named, and yet they stay: the newest, what is pinned, what others wrote.
        "stays": _steps([step for step in found.of(Fate.KEEP) if step.id in named], snapshot),
        "count": len(found.steps),
        "frees_bytes": found.frees_bytes,
        "left_bytes": found.left_bytes,
        "message": _told(found),
        "commands": prune_commands(policy, directory=snapshot.directory.shown),
    }


def _told(found: PrunePlan) -> str:
    going = found.of(Fate.DELETE)
    if not going:
        return f"Nothing goes: all {len(found.steps)} checkpoints are kept."
    one = len(going) == 1
    return (
        f"{len(going)} of {len(found.steps)} checkpoints {'goes' if one else 'go'}: "
        f"{size(found.frees_bytes)} freed, {size(found.left_bytes)} left."
    )


def _steps(steps: Collection[PruneStep], snapshot: Snapshot) -> View:
    rows = [(step, snapshot.timeline.by_id(step.id)) for step in steps]
    return {
        "id": [step.id for step, _ in rows],
        "epoch": [entry.epoch for _, entry in rows],
        "name": [entry.path for _, entry in rows],
        "size_bytes": [step.size_bytes for step, _ in rows],
        "why": [step.why for step, _ in rows],
    }


def _pin(snapshot: Snapshot, run_dir: Path, body: Mapping[str, Any]) -> View:
    entry = snapshot.checkpoint(body["id"])
    if body["pinned"] and not entry.restorable:
        message = f"Epoch {entry.epoch + 1} cannot be pinned. {entry.why}"
        raise ApiError(ErrorCode.CONFLICT, message, "Only a checkpoint with a file can be.")
    return _annotated(snapshot, run_dir, entry, pinned=body["pinned"])


def _annotate(snapshot: Snapshot, run_dir: Path, body: Mapping[str, Any]) -> View:
    tags = [tag.strip() for tag in body["tags"] if tag.strip()]
    entry = snapshot.checkpoint(body["id"])
    return _annotated(snapshot, run_dir, entry, note=body["note"], tags=tags)


def _annotated(snapshot: Snapshot, run_dir: Path, entry: CheckpointEntry, **said: Any) -> View:
    event = annotate(run_dir, entry.id, **said)
    what = "pinned: no rule removes it" if event.pinned else "left to the keep rules"
    message = f"Epoch {entry.epoch + 1} is {what}." if "pinned" in said else "Note and tags saved."
    return {
        "run": snapshot.run,
        "id": entry.id,
        "pinned": event.pinned,
        "note": event.note,
        "tags": list(event.tags),
        "message": message,
    }


def _prune(snapshot: Snapshot, run_dir: Path, body: Mapping[str, Any]) -> View:
    entries = [snapshot.checkpoint(name) for name in body["ids"]]
    if not entries:
        raise ApiError(ErrorCode.BAD_REQUEST, "No checkpoint is named.", _AGAIN)
    for entry in entries:
        _check_place(entry, run_dir)
    result = prune_run(Run(run_dir), KeepAllBut(*(item.id for item in entries)), dry_run=False)
    return {
        "run": snapshot.run,
        "deleted": list(result.deleted),
        "trashed": list(result.trashed),
        "freed_bytes": result.freed_bytes,
        "problems": [f"{problem.message} {problem.hint}" for problem in result.problems],
        "message": _pruned(result),
    }


def _pruned(result: PruneResult) -> str:
    gone, trashed = len(result.deleted), len(result.trashed)
    if not gone:
        return "Nothing was removed."
    told = f"{gone} checkpoint{'' if gone == 1 else 's'} removed: {size(result.freed_bytes)} freed"
    if trashed == 0:
        return f"{told}. This cannot be undone: there was no room for the trash."
    return f"{told} once the trash is emptied, within a week at the latest."


def _check_place(entry: CheckpointEntry, run_dir: Path) -> None:
    inside = os.path.realpath(run_dir)
    for file in entry.stored:
        place = os.path.realpath(run_dir / file.path)
        if os.path.commonpath([inside, place]) != inside:
            message = f"{file.path} is outside of the run directory."
            raise ApiError(ErrorCode.CONFLICT, message, "Use the command, in a terminal.")


def _undo(snapshot: Snapshot, run_dir: Path, body: Mapping[str, Any]) -> View:
    for name in body["ids"]:
        _check_place(snapshot.checkpoint(name), run_dir)
    recovered = undo_prune(Run(run_dir), body["ids"])
    count = len(recovered)
    return {
        "run": snapshot.run,
        "recovered": list(recovered),
        "message": f"{count} checkpoint{' is' if count == 1 else 's are'} back.",
    }


def _average(snapshot: Snapshot, run_dir: Path, body: Mapping[str, Any]) -> View:
    for name in body["ids"]:
        _check_place(snapshot.checkpoint(name), run_dir)
    return make_mean(snapshot, run_dir, body["ids"])


_IDS: Final[Mapping[str, type]] = {"ids": list}

ACTIONS: Final[Mapping[str, Action]] = {
    "pin": Action(keys=("run", "id", "pinned"), kinds={"pinned": bool}, do=_pin),
    "annotate": Action(keys=("run", "id", "note", "tags"), kinds={"tags": list}, do=_annotate),
    "prune": Action(keys=("run", "ids"), kinds=_IDS, do=_prune),
    "undo": Action(keys=("run", "ids"), kinds=_IDS, do=_undo),
    "average": Action(keys=("run", "ids"), kinds=_IDS, do=_average),
}
"""The routes that take a POST beside `restore`, by name."""
