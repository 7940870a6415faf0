"""Which rules a training was under, and the epochs that its callbacks saw, read from its timeline.

Pure: a timeline in, values out; no files, clock or Keras.

Invariant: what is found is what was recorded. A setting that left no trace, because nothing ever
depended on it, has Keras's default.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Generic, TypeVar

from epochline.events import EndReason, Mode, Topic, Verdict
from epochline.replay import EarlyStoppingRule, PlateauRule, float32
from epochline.timeline import DecisionEntry, EpochEntry, SessionEntry, Timeline

__all__ = ["Found", "Step", "early_stopping_of", "ended_by", "plateau_of", "steps_of"]

_LEGIBLE: Final = ".6g"  # a factor as it was typed, out of two numbers that float32 has rounded
_R = TypeVar("_R")


@dataclass(frozen=True, slots=True, kw_only=True)
class Found(Generic[_R]):
    """A callback that decided by a rule.

    Attributes:
        rule: The rule.
        callback: Class name.
        position: Its place in the list given to `fit`.
        decisions: What it decided by that rule, in all sessions, oldest first.
        others: How many more callbacks of its kind decided in the same session.
    """

    rule: _R
    callback: str
    position: int | None
    decisions: tuple[DecisionEntry, ...]
    others: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """An epoch as a callback saw it.

    Attributes:
        row: The epoch.
        session: Its session.
        last: Whether it is the last epoch of its session.
        anew: Whether the counters of callbacks began anew before it.
    """

    row: EpochEntry
    session: SessionEntry
    last: bool
    anew: bool


def early_stopping_of(timeline: Timeline) -> Found[EarlyStoppingRule] | None:
    """Returns the `EarlyStopping` of a run, the one that stopped it if there are several."""
    made = _deciding(timeline, Topic.STOP, Verdict.STOPPED)
    if made is None:
        return None
    decisions, others = made
    last = decisions[-1]
    rule = EarlyStoppingRule(
        monitor=last.monitor or "",
        mode=last.mode or timeline.mode(last.monitor or ""),
        min_delta=last.min_delta or 0.0,
        patience=last.patience or 0,
        baseline=last.baseline,
        start_from_epoch=max((d.start_from_epoch or 0 for d in decisions), default=0),
    )
    return Found(
        rule=rule,
        callback=last.callback,
        position=last.position,
        decisions=decisions,
        others=others,
    )


def plateau_of(timeline: Timeline) -> Found[PlateauRule] | None:
    """Returns the `ReduceLROnPlateau` of a run, one that cut if there are several."""
    made = _deciding(timeline, Topic.LEARNING_RATE, Verdict.CHANGED)
    if made is None:
        return None
    decisions, others = made
    last = decisions[-1]
    cuts = [decision for decision in decisions if decision.verdict is Verdict.CHANGED]
    default = PlateauRule(monitor="", mode=Mode.MIN)
    factors = [factor for cut in cuts if (factor := _factor(cut)) is not None]
    rule = PlateauRule(
        monitor=last.monitor or "",
        mode=last.mode or timeline.mode(last.monitor or ""),
        min_delta=last.min_delta or 0.0,
        patience=last.patience or 0,
        factor=factors[-1] if factors else default.factor,
        # Right behind a cut the counter holds the setting.
        cooldown=(cuts[-1].cooldown or 0) if cuts else default.cooldown,
        min_lr=last.min_lr or 0.0,
    )
    return Found(
        rule=rule,
        callback=last.callback,
        position=last.position,
        decisions=decisions,
        others=others,
    )


def steps_of(timeline: Timeline, decisions: Sequence[DecisionEntry] = ()) -> list[Step]:
    """Returns the epochs on the way to the present state, as a callback saw them.

    A training that went back while it ran has passed through what it left behind; one that was
    resumed has not.

    Args:
        timeline: The run.
        decisions: What the callback decided: in a session that goes on from another, its first
            decision shows whether its counters were carried over. They count as carried over when
            it decided nothing there.
    """
    sessions = {session.id: session for session in timeline.sessions}
    spans: dict[str, tuple[int, float]] = {}
    for branch in timeline.lineage:
        after, _ = spans.get(branch.session, (branch.after_batch, 0.0))
        spans[branch.session] = (after, branch.last_batch)
    firsts: dict[str, DecisionEntry] = {}
    for decision in decisions:
        firsts.setdefault(decision.session, decision)
    steps: list[Step] = []
    for name, (after, until) in spans.items():
        session = sessions[name]
        rows = [r for r in timeline.epochs if r.session == name and after < r.batch <= until]
        fresh = _anew(session, firsts.get(name))
        resets = [r.batch for r in timeline.restores if r.session == name and r.counters == "reset"]
        for place, row in enumerate(rows):
            before = rows[place - 1].batch if place else after
            anew = (place == 0 and fresh) or any(before <= batch < row.batch for batch in resets)
            last = place == len(rows) - 1
            steps.append(Step(row=row, session=session, last=last, anew=anew))
    return steps


def ended_by(step: Step, found: Found[EarlyStoppingRule] | None) -> bool:
    """Returns whether the training ended behind `step` because that callback stopped it."""
    end = step.session.end
    if found is None or end is None or not step.last:
        return False
    return (
        end.reason is EndReason.EARLY_STOPPING
        and end.callback == found.callback
        and end.position in (None, found.position)
    )


def _anew(session: SessionEntry, first: DecisionEntry | None) -> bool:
    return not session.start.parent or (first is not None and first.best is None)


def _deciding(
    timeline: Timeline, topic: Topic, act: Verdict
) -> tuple[tuple[DecisionEntry, ...], int] | None:
    """Returns what one callback with patience decided, and how many others like it there are."""
    made: dict[tuple[str, int | None], list[DecisionEntry]] = {}
    for decision in timeline.decisions:
        if decision.topic is topic and decision.patience is not None and decision.monitor:
            made.setdefault((decision.callback, decision.position), []).append(decision)
    if not made:
        return None
    newest = max(timeline.sessions, key=lambda s: s.started).id
    now = [one for one in made.values() if one[-1].session == newest] or list(made.values())
    acting = [one for one in now if any(d.verdict is act for d in one)]
    return tuple((acting or now)[0]), len(now) - 1


def _factor(cut: DecisionEntry) -> float | None:
    """Returns what a cut multiplied by; None where the lower bound decided."""
    before, after = cut.lr_before, cut.lr_after
    if not before or after is None or after <= float32(cut.min_lr or 0.0):
        return None
    typed = float(format(after / before, _LEGIBLE))
    return typed if float32(before * typed) == float32(after) else after / before
