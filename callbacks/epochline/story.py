"""A run as a story: what happened, line by line, and what of it is worth telling.

Pure: values in, lines out. `epochline why` prints them, the panel shows them beside the curves.

Invariant: every checkpoint, decision, restore and notice of the run is a line of the whole `story`;
what `shortened` leaves out of the turning points is said in a line that is there.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from itertools import groupby
from pathlib import PurePosixPath
from typing import Final

from epochline.events import Outcome, SaveReason, Topic, Verdict, WeightsKind
from epochline.sentences import rate, size
from epochline.timeline import (
    CheckpointEntry,
    DecisionEntry,
    Moment,
    RestoreEntry,
    RunState,
    SessionEntry,
    Status,
    Timeline,
)

__all__ = ["Line", "shortened", "story"]

_WORDS: Final = {
    Verdict.SAVED: "saved",
    Verdict.NOT_SAVED: "not saved",
    Verdict.IMPROVED: "improved",
    Verdict.WAITING: "waiting",
    Verdict.CHANGED: "LR changed",
    Verdict.AT_FLOOR: "at floor",
    Verdict.COOLING_DOWN: "cooldown",
    Verdict.WARMING_UP: "warm-up",
    Verdict.STOPPED: "stopped",
    Verdict.WEIGHTS_RESTORED: "restored",
    Verdict.RESTORED: "restored",
    Verdict.METRIC_MISSING: "no metric",
    Verdict.SKIPPED: "skipped",
    Verdict.BACKED_UP: "backed up",
    Verdict.BACKUP_REMOVED: "removed",
    Verdict.SWAPPED_IN: "EMA in",
    Verdict.SWAPPED_BACK: "EMA out",
    Verdict.EMA_VALIDATED: "EMA tested",
}
# Told the first time, not again in every epoch in which it is so.
_TOLD_ONCE: Final = frozenset(
    {
        Verdict.METRIC_MISSING,
        Verdict.BACKED_UP,
        Verdict.SWAPPED_IN,
        Verdict.EMA_VALIDATED,
        Verdict.AT_FLOOR,
    }
)
_FEW: Final = 3
_MANY: Final = 10


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """One line of a story.

    Attributes:
        moment: When.
        kind: What kind of thing it is: session, restore, request, notice, checkpoint or
            decision.
        verdict: In one or two words.
        sentence: In one sentence.
        turning_point: Whether it belongs to the short story.
        decision: Its numbers.
        checkpoint: The checkpoint that it is about.
        restore: The restore that it is about.
    """

    moment: Moment
    kind: str
    verdict: str
    sentence: str
    turning_point: bool = True
    decision: DecisionEntry | None = None
    checkpoint: CheckpointEntry | None = None
    restore: RestoreEntry | None = None


def story(timeline: Timeline, state: RunState, *, whole: bool) -> list[Line]:
    """Returns what is recorded of a run, in order.

    Args:
        timeline: The run, checked against its files.
        state: What it is doing.
        whole: Whether to tell all of it; else the turning points only.
    """
    several = len(_savers(timeline)) > 1
    lines = [
        *_sessions(timeline),
        *(_restore(item) for item in timeline.restores),
        *(
            Line(moment=item, kind="notice", verdict="note", sentence=f"{item.message} {item.hint}")
            for item in timeline.notices
        ),
        *_requests(timeline),
        *(_checkpoint(item, item.callback if several else "") for item in timeline.checkpoints),
        *_decisions(timeline, whole=whole, several=several),
        *_ends(timeline, state),
    ]
    # Within one record the order above is the order of things. A checkpoint is recorded when its
    # file is there, which may be in a later epoch.
    order = {session.id: place for place, session in enumerate(timeline.sessions)}

    def when(line: Line) -> tuple[int, int, float]:
        moment = line.moment
        return order.get(moment.session, len(order)), moment.epoch, moment.wall_time

    return sorted((line for line in lines if whole or line.turning_point), key=when)


def shortened(lines: Iterable[Line]) -> list[Line]:
    """Returns turning points so that what goes on and on is told in as few lines as will do.

    A learning rate that follows a schedule is one line from where it begins, and of many saves in a
    row the first and the last are told.
    """
    return list(_saves_in_a_row(_rates_as_one(list(lines))))


def _rates_as_one(lines: list[Line]) -> Iterator[Line]:
    """Puts what one cause does to the learning rate in epoch after epoch into one line."""
    runs: dict[tuple[object, ...], list[list[Line]]] = {}
    for line in lines:
        key = _by_schedule(line)
        if key is None:
            continue
        series = runs.setdefault(key, [])
        if series and line.moment.epoch - series[-1][-1].moment.epoch <= 1:
            series[-1].append(line)
        else:
            series.append([line])
    first: dict[int, Line] = {}
    dropped: set[int] = set()
    for series in runs.values():
        for changes in series:
            if len(changes) > _FEW:
                first[id(changes[0])] = _summed_up(changes)
                dropped.update(id(line) for line in changes[1:])
    yield from (first.get(id(line), line) for line in lines if id(line) not in dropped)


def _by_schedule(line: Line) -> tuple[object, ...] | None:
    decision = line.decision
    if decision is None or decision.verdict is not Verdict.CHANGED or decision.monitor is not None:
        return None
    return decision.session, decision.callback, decision.position, decision.optimizer


def _summed_up(changes: list[Line]) -> Line:
    made = [line.decision for line in changes if line.decision is not None]
    before, after = made[0].lr_before, made[-1].lr_after
    rates = [one.lr_after for one in made if one.lr_after is not None]
    between = ""
    if after is not None and before is not None and rates:
        low, high = min(*rates, before), max(*rates, before)
        if {low, high} != {before, after}:
            between = f", between {rate(low)} and {rate(high)}"
    who = made[0].callback + (f" ({made[0].optimizer})" if made[0].optimizer else "")
    sentence = (
        f"{who}: learning rate {rate(before)} → {rate(after)}, changed {len(made)} times until "
        f"epoch {made[-1].epoch + 1}{between}."
    )
    return replace(changes[0], verdict="LR changes", sentence=sentence)


def _saves_in_a_row(lines: Iterator[Line]) -> Iterator[Line]:
    def saved(line: Line) -> bool:
        return line.kind == "checkpoint" and line.verdict == "saved"

    for is_saved, group in groupby(lines, key=saved):
        row = list(group)
        if not is_saved or len(row) <= _MANY:
            yield from row
            continue
        yield row[0]
        yield replace(
            row[1],
            verdict="…",
            checkpoint=None,
            sentence=f"{len(row) - 2} more were saved until epoch {row[-2].moment.epoch + 1}.",
        )
        yield row[-1]


def _requests(timeline: Timeline) -> Iterator[Line]:
    restores = {item.request for item in timeline.restores}
    for item in timeline.requests:
        if item.request not in restores:  # those tell it themselves
            word = "asked" if item.outcome is Outcome.DONE else str(item.outcome)
            yield Line(moment=item, kind="request", verdict=word, sentence=item.sentence)


def _restore(item: RestoreEntry) -> Line:
    return Line(
        moment=item, kind="restore", verdict="restored", sentence=item.sentence, restore=item
    )


def _sessions(timeline: Timeline) -> Iterator[Line]:
    for session in timeline.sessions:
        start = session.start
        planned = f" to {start.planned_epochs}" if start.planned_epochs else ""
        parts = [f"training from epoch {start.initial_epoch + 1}{planned}"]
        parts += [text for text in (start.backend, ", ".join(start.callbacks)) if text]
        if start.save:
            parts.append(f"saves {start.save}" + (f", keeps {start.keep}" if start.keep else ""))
        moment = _at(session, session.started, start.initial_epoch)
        sentence = "; ".join(parts) + "."
        yield Line(moment=moment, kind="session", verdict="started", sentence=sentence)


def _ends(timeline: Timeline, state: RunState) -> Iterator[Line]:
    for session in timeline.sessions:
        running = state is RunState.RUNNING and session is timeline.sessions[-1]
        verdict = "running" if running else "ended"
        epoch = session.start.initial_epoch if session.last_epoch is None else session.last_epoch
        moment = _at(session, session.ended or session.last_wall_time, epoch)
        sentence = session.message(running=running)
        yield Line(moment=moment, kind="session", verdict=verdict, sentence=sentence)


def _at(session: SessionEntry, wall_time: float, epoch: int) -> Moment:
    return Moment(session=session.id, epoch=epoch, step=0, batch=0, wall_time=wall_time)


def _checkpoint(item: CheckpointEntry, callback: str) -> Line:
    failed = item.status is Status.FAILED
    sentence = item.why.removeprefix("Saved: ").removeprefix("Saved ").removeprefix("Save failed: ")
    if item.restorable or item.status is Status.PRUNED:
        # The reason is its first sentence; what became of the file is told shorter here.
        parts = [sentence.partition(". ")[0].removesuffix("."), PurePosixPath(item.path).name]
        if item.weights_kind is WeightsKind.EMA:
            parts.append("averaged (EMA) weights")
        parts.append(size(item.size_bytes) if item.restorable else "removed since")
        sentence = ", ".join(parts)
    return Line(
        moment=item,
        kind="checkpoint",
        verdict="failed" if failed else "saved",
        sentence=f"{sentence} ({callback})" if callback else sentence,
        turning_point=failed or item.reason is not SaveReason.SCHEDULED,
        checkpoint=item,
    )


def _savers(timeline: Timeline) -> set[str]:
    """Returns the class names of what saves in this run."""
    deciding = {d.callback for d in timeline.decisions if d.topic is Topic.CHECKPOINT}
    return deciding | {item.callback for item in timeline.checkpoints if item.callback}


def _decisions(timeline: Timeline, *, whole: bool, several: bool) -> Iterator[Line]:
    saved = {(item.session, item.wall_time) for item in timeline.checkpoints}
    told: set[tuple[str, str, int | None, Verdict]] = set()
    for decision in timeline.decisions:
        cause = (decision.session, decision.callback, decision.position)
        begins = decision.verdict in _TOLD_ONCE and (*cause, decision.verdict) not in told
        told.add((*cause, decision.verdict))
        if decision.verdict is Verdict.CHANGED:
            told.discard((*cause, Verdict.AT_FLOOR))
        if decision.verdict is Verdict.SAVED and (decision.session, decision.wall_time) in saved:
            continue  # told by the checkpoint itself
        scheduled = decision.verdict is Verdict.SAVED and decision.observed is None
        turning_point = (decision.acted and not scheduled) or begins
        if not (whole or turning_point):
            continue  # most of a long run, and most of the time it takes to tell it
        yield Line(
            moment=decision,
            kind="decision",
            verdict=_word(decision),
            sentence=_sentence(decision, several=several),
            turning_point=turning_point,
            decision=decision,
        )


def _sentence(decision: DecisionEntry, *, several: bool) -> str:
    """The sentence of a decision, without what its word says already."""
    text, who = decision.sentence, decision.callback
    if decision.verdict is Verdict.NOT_SAVED:
        return text.removeprefix("Not saved: ") + (f" ({who})" if several else "")
    return text.replace(f"{who} stopped the training: ", f"{who}: ", 1)


def _word(decision: DecisionEntry) -> str:
    before, after = decision.lr_before, decision.lr_after
    if decision.verdict is Verdict.CHANGED and before is not None and after is not None:
        return "LR cut" if after < before else "LR raised"
    return _WORDS[decision.verdict]
