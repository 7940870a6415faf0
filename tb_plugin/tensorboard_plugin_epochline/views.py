"""From a timeline to the JSON-able values of `http_api.md`.

Pure. Tables become columns: an object of equally long lists takes a third of the size and time of
rows.

Invariant: every number in a view is finite, see `num`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from enum import StrEnum
from itertools import chain
from typing import Final, cast

from epochline.errors import CheckpointNotFoundError
from epochline.events import Decision, Mode, Topic, Verdict
from epochline.story import shortened, story
from epochline.timeline import (
    CheckpointEntry,
    DecisionEntry,
    Moment,
    NoticeEntry,
    RestoreEntry,
    RunState,
    SessionEntry,
    Timeline,
)
from tensorboard_plugin_epochline.answers import Num, num
from tensorboard_plugin_epochline.runs import RunGroup
from tensorboard_plugin_epochline.snippets import commands, snippets

__all__ = ["checkpoint_view", "outline_view", "run_view", "story_view", "timeline_view"]

View = dict[str, object]
_Decided = DecisionEntry | RestoreEntry
_RESTORE: Final = "restore"
_RESTORED: Final = "restored"
_NOT_IN_OUTLINE: Final[Mapping[str, tuple[str, ...]]] = {
    "history": ("batch", "duration_seconds"),
    "checkpoints": ("batch", "digest"),
    "decisions": ("batch",),
}
_NO_NUMBERS: Final = Decision(callback="", topic=Topic.CHECKPOINT, verdict=Verdict.SAVED)


def run_view(group: RunGroup, revision: str, last_wall_time: float) -> View:
    """Returns a `RunSummary`."""
    return {
        "run": group.name,
        "tensorboard_runs": list(group.tensorboard_runs),
        "color_index": group.color_index,
        "revision": revision,
        "last_wall_time": last_wall_time,
    }


def timeline_view(run: str, revision: str, timeline: Timeline, *, alive: bool | None) -> View:
    """Returns a `Timeline`.

    Args:
        run: Name of the run group.
        revision: Revision of the answer.
        timeline: The run, checked against its files.
        alive: Whether its writer lives; None when that cannot be told.
    """
    return _timeline_view(run, revision, timeline, timeline.decisions, alive=alive)


def _timeline_view(
    run: str,
    revision: str,
    timeline: Timeline,
    decisions: Iterable[DecisionEntry],
    *,
    alive: bool | None,
) -> View:
    index = _index(timeline)
    state = timeline.state(alive=alive)
    return {
        "run": run,
        "revision": revision,
        "state": state,
        "last_wall_time": timeline.last_wall_time,
        "monitor": timeline.monitor,
        "directions": _directions(timeline),
        "best": _best(timeline),
        "sessions": [
            _session(item, running=state is RunState.RUNNING and item is timeline.sessions[-1])
            for item in timeline.sessions
        ],
        "history": {
            **_moments(timeline.epochs, index, timeline),
            "duration_seconds": [num(row.duration_seconds) for row in timeline.epochs],
            "metrics": _metrics([row.metrics for row in timeline.epochs]),
        },
        "checkpoints": _checkpoints(timeline, index),
        "annotations": {
            row.id: {"note": row.note, "tags": list(row.tags)}
            for row in timeline.checkpoints
            if row.note or row.tags
        },
        "recoverable": [row.id for row in timeline.checkpoints if row.recoverable],
        "decisions": _decisions(_in_order(timeline.restores, decisions, index), index, timeline),
        "notices": [_notice(item, index) for item in timeline.notices],
        "gaps": [
            {
                "session": index[gap.session],
                "first_seq": gap.first_seq,
                "last_seq": gap.last_seq,
                "message": gap.message,
            }
            for gap in timeline.gaps
        ],
    }


def outline_view(run: str, revision: str, timeline: Timeline, *, alive: bool | None) -> View:
    """Returns an `Outline`: the timeline as far as charts and table need it.

    A long training has thousands of decisions that left everything as it was; they are most of a
    `Timeline`, and nothing is drawn of them.

    Args:
        run: Name of the run group.
        revision: Revision of the answer.
        timeline: The run, checked against its files.
        alive: Whether its writer lives; None when that cannot be told.
    """
    view = _timeline_view(run, revision, timeline, timeline.acts, alive=alive)
    for name, columns in _NOT_IN_OUTLINE.items():
        table = cast("dict[str, object]", view[name])
        for column in columns:
            del table[column]
    return view


def story_view(run: str, timeline: Timeline, *, alive: bool | None) -> View:
    """Returns a `Story`: what `epochline why` tells of a run.

    Args:
        run: Name of the run group.
        timeline: The run, checked against its files.
        alive: Whether its writer lives; None when that cannot be told.
    """
    index = _index(timeline)
    outline = _in_order(timeline.restores, timeline.acts, index)
    places = {_mark(item): place for place, item in enumerate(outline)}
    lines = [
        line
        for line in shortened(story(timeline, timeline.state(alive=alive), whole=False))
        if line.moment.session in index
    ]
    decided = [line.decision or line.restore for line in lines]
    return {
        "run": run,
        "lines": {
            "session": [index[line.moment.session] for line in lines],
            "epoch": [line.moment.epoch for line in lines],
            "wall_time": [line.moment.wall_time for line in lines],
            "kind": [line.kind for line in lines],
            "verdict": [line.verdict for line in lines],
            "sentence": [line.sentence for line in lines],
            "checkpoint": [line.checkpoint and line.checkpoint.id for line in lines],
            "decision": [item and places.get(_mark(item)) for item in decided],
        },
    }


def _mark(item: _Decided) -> tuple[object, ...]:
    """Returns what no other decision or restore of a run has."""
    cause = (item.callback, item.position, item.topic) if isinstance(item, DecisionEntry) else ()
    return (item.session, item.wall_time, item.batch, _verdict(item), *cause)


def checkpoint_view(  # noqa: PLR0913 -- all but two are keywords
    run: str,
    timeline: Timeline,
    *,
    entry: CheckpointEntry,
    directory: str,
    path: str,
    verify: View | None,
) -> View:
    """Returns a `CheckpointDetail`.

    Args:
        run: Name of the run group.
        timeline: The run.
        entry: The checkpoint.
        directory: Absolute path of the run directory.
        path: Absolute path of the file.
        verify: Outcome of reading the file again; None when that was not asked for.
    """
    index = _index(timeline)
    same_epoch = [
        item
        for item in _in_order(timeline.restores, timeline.decisions, index)
        if (item.session, item.epoch) == (entry.session, entry.epoch)
    ]
    return {
        "run": run,
        "id": entry.id,
        "session": index[entry.session],
        "epoch": entry.epoch,
        "step": entry.step,
        "batch": entry.batch,
        "wall_time": entry.wall_time,
        "status": entry.status,
        "reason": entry.reason,
        "why": entry.why,
        "name": entry.path,
        "path": path,
        "size_bytes": _bytes(entry),
        "digest": entry.digest,
        "weights_kind": entry.weights_kind,
        "optimizer": entry.optimizer,
        "has_optimizer": entry.has_optimizer,
        "save_seconds": num(entry.save_seconds),
        "metrics": {name: num(value) for name, value in entry.metrics.items()},
        "decisions": [
            {
                "topic": _topic(item),
                "verdict": _verdict(item),
                "callback": _callback(item),
                "sentence": item.sentence,
            }
            for item in same_epoch
        ],
        "pinned": entry.pinned,
        "note": entry.note,
        "tags": list(entry.tags),
        "recoverable": entry.recoverable,
        "measured": entry.measured is not None and entry.described is not None,
        "snippets": snippets(entry, directory=directory, path=path),
        "commands": commands(entry, directory=directory),
        "verify": verify,
    }


def _index(timeline: Timeline) -> dict[str, int]:
    return {session.id: number for number, session in enumerate(timeline.sessions)}


def _directions(timeline: Timeline) -> dict[str, Mode]:
    """Returns the directions that are known, not guessed, also for the `val_` twins."""
    told = set(timeline.directions)
    told.update(s.start.monitor for s in timeline.sessions if s.start.monitor and s.start.mode)
    names = dict.fromkeys(chain(timeline.metric_names, sorted(told)))
    return {
        name: timeline.mode(name)
        for name in names
        if name in told or name.removeprefix("val_") in told
    }


def _best(timeline: Timeline) -> str | None:
    if timeline.monitor is None:
        return None
    try:
        return timeline.best(timeline.monitor).id
    except CheckpointNotFoundError:
        return None


def _session(entry: SessionEntry, *, running: bool) -> View:
    return {
        "id": entry.id,
        "started": entry.started,
        "ended": entry.ended,
        "parent": entry.start.parent or None,
        "end_reason": entry.end_reason,
        "message": entry.message(running=running),
        "initial_epoch": entry.start.initial_epoch,
        "planned_epochs": entry.start.planned_epochs,
        "last_epoch": entry.last_epoch,
        "backend": entry.start.backend,
        "callbacks": list(entry.start.callbacks),
        "keras_version": entry.start.keras_version,
        "model_name": entry.start.model_name,
        "host": entry.start.host,
        "steps_per_epoch": entry.start.steps_per_epoch,
        "save": entry.start.save,
        "keep": entry.start.keep,
    }


def _moments(rows: Sequence[Moment], index: Mapping[str, int], timeline: Timeline) -> View:
    return {
        "session": [index[row.session] for row in rows],
        "epoch": [row.epoch for row in rows],
        "step": [row.step for row in rows],
        "batch": [row.batch for row in rows],
        "wall_time": [row.wall_time for row in rows],
        "abandoned": timeline.left_behind(rows),
    }


def _bytes(entry: CheckpointEntry) -> int | None:
    return None if entry.size_bytes is None else entry.total_bytes


def _metrics(rows: Sequence[Mapping[str, float]]) -> dict[str, list[Num]]:
    names = dict.fromkeys(name for row in rows for name in row)
    return {name: [num(row.get(name)) for row in rows] for name in names}


def _checkpoints(timeline: Timeline, index: Mapping[str, int]) -> View:
    rows = timeline.checkpoints
    return {
        "id": [row.id for row in rows],
        **_moments(rows, index, timeline),
        "status": [row.status for row in rows],
        "reason": [row.reason for row in rows],
        "why": [row.why for row in rows],
        "name": [row.path for row in rows],
        "size_bytes": [_bytes(row) for row in rows],
        "digest": [row.digest for row in rows],
        "weights_kind": [row.weights_kind for row in rows],
        "metrics": _metrics([row.metrics for row in rows]),
    }


def _in_order(
    restores: Iterable[RestoreEntry], decisions: Iterable[DecisionEntry], index: Mapping[str, int]
) -> list[_Decided]:
    """Returns decisions and restores as one list; to the user a restore is a decision, too."""
    both: Iterable[_Decided] = chain(restores, decisions)
    return sorted(both, key=lambda item: (index[item.session], item.wall_time))


def _topic(item: _Decided) -> str:
    return item.topic if isinstance(item, DecisionEntry) else _RESTORE


def _verdict(item: _Decided) -> StrEnum | str:
    return item.verdict if isinstance(item, DecisionEntry) else _RESTORED


def _callback(item: _Decided) -> str:
    return item.callback if isinstance(item, DecisionEntry) else ""


def _decisions(rows: Sequence[_Decided], index: Mapping[str, int], timeline: Timeline) -> View:
    made = [row if isinstance(row, DecisionEntry) else _NO_NUMBERS for row in rows]
    return {
        **_moments(rows, index, timeline),
        "topic": [_topic(row) for row in rows],
        "verdict": [_verdict(row) for row in rows],
        "acted": [isinstance(row, RestoreEntry) or row.acted for row in rows],
        "callback": [row.callback for row in made],
        "sentence": [row.sentence for row in rows],
        "monitor": [row.monitor for row in made],
        "observed": [num(row.observed) for row in made],
        "best": [num(row.best) for row in made],
        "best_epoch": [row.best_epoch for row in made],
        "wait": [row.wait for row in made],
        "patience": [row.patience for row in made],
        "lr_before": [num(row.lr_before) for row in made],
        "lr_after": [num(row.lr_after) for row in made],
    }


def _notice(entry: NoticeEntry, index: Mapping[str, int]) -> View:
    return {
        "code": entry.code,
        "message": entry.message,
        "hint": entry.hint,
        "session": index[entry.session],
        "epoch": entry.epoch,
        "wall_time": entry.wall_time,
    }
