"""What would have happened with other settings: replayed from what was recorded, not trained again.

Where would `EarlyStopping` have stopped, what would `ReduceLROnPlateau` have cut, which checkpoints
would be kept? The rules are those of `replay.py` and `retention.py`; nothing is decided here.

Pure but for opening the run. Invariant: what is said is exact for as long as the decision would not
have changed the training. From the first epoch that another learning rate would have trained, or
that was never trained, it is said that the training would differ.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import fields, replace
from itertools import pairwise
from typing import TYPE_CHECKING, Any, Final, TypedDict, TypeVar

from epochline.errors import WhatIfError
from epochline.events import Mode, Verdict
from epochline.planning import Fate, plan_prune
from epochline.recorded_rules import (
    Found,
    Step,
    early_stopping_of,
    ended_by,
    plateau_of,
    steps_of,
)
from epochline.replay import (
    EarlyStoppingReplay,
    EarlyStoppingRule,
    PlateauReplay,
    PlateauRule,
    float32,
)
from epochline.retention import RetentionPolicy
from epochline.timeline import EpochEntry, Timeline
from epochline.what_if_values import Cut, Kept, Plateau, Stop, StopVerdict, WhatIf
from epochline.what_if_words import doubt, notes, sentences

if TYPE_CHECKING:
    from epochline.run import Run

__all__ = [
    "EarlyStoppingChanges",
    "PlateauChanges",
    "WhatIf",
    "replayed",
    "what_if",
]

_RATE: Final = "learning_rate"
_FAR: Final = 10_000
"""How many epochs are looked ahead where nobody said how many were planned."""
_R = TypeVar("_R", EarlyStoppingRule, PlateauRule)


class EarlyStoppingChanges(TypedDict, total=False):
    """Settings of `EarlyStopping` to replay; what is left out stays as it was."""

    monitor: str
    mode: Mode | str
    min_delta: float
    patience: int
    baseline: float | None
    start_from_epoch: int


class PlateauChanges(TypedDict, total=False):
    """Settings of `ReduceLROnPlateau` to replay; what is left out stays as it was."""

    monitor: str
    mode: Mode | str
    min_delta: float
    patience: int
    factor: float
    cooldown: int
    min_lr: float


def what_if(
    run: Run | str | os.PathLike[str],
    *,
    early_stopping: EarlyStoppingChanges | None = None,
    reduce_lr: PlateauChanges | None = None,
    keep: RetentionPolicy | None = None,
    gpus: int = 1,
) -> WhatIf:
    """Returns what would have happened with other settings.

    The rules are replayed over the recorded metrics, as Keras 3.15 has them. That is exact for as
    long as the decision would not have changed the training; `differs_from` says from where it
    would.

    Args:
        run: A run, or its directory.
        early_stopping: Settings of `EarlyStopping` that are other than they were. Where the
            training had none, the rest is as Keras has it, and `monitor` what the run monitors.
        reduce_lr: Likewise of `ReduceLROnPlateau`.
        keep: What to keep of all checkpoints that there ever were, such as
            `KeepLast(2) | KeepBest("val_loss", 3)`; None for what was kept.
        gpus: How many GPUs the training used, to count GPU hours.

    Returns:
        What would have happened; print it to read it.

    Raises:
        RunNotFoundError: If there is no run.
        WhatIfError: If a setting is unknown or out of its range, the run has no such metric, or no
            epoch has ended.

    Example:
        >>> print(what_if("logs/pima", early_stopping={"patience": 3}))  # doctest: +SKIP
    """
    from epochline.run import Run, open_run

    opened = run if isinstance(run, Run) else open_run(run)
    return replayed(
        opened.timeline, early_stopping=early_stopping, reduce_lr=reduce_lr, keep=keep, gpus=gpus
    )


def replayed(
    timeline: Timeline,
    *,
    early_stopping: EarlyStoppingChanges | None = None,
    reduce_lr: PlateauChanges | None = None,
    keep: RetentionPolicy | None = None,
    gpus: int = 1,
) -> WhatIf:
    """Returns what would have happened with other settings; see `what_if`.

    Args:
        timeline: A run, checked against its files.
        early_stopping: As for `what_if`.
        reduce_lr: Likewise.
        keep: Likewise.
        gpus: Likewise.

    Raises:
        WhatIfError: As for `what_if`.
    """
    if not timeline.lineage or not timeline.epochs:
        msg = "No epoch of this run has ended yet, so there is nothing to replay."
        raise WhatIfError(msg)
    if gpus < 1:
        msg = f"gpus is {gpus!r}. Give how many the training used, at least 1."
        raise WhatIfError(msg)
    stopper, cutter = early_stopping_of(timeline), plateau_of(timeline)
    stop_rule = _rule(EarlyStoppingRule, stopper, early_stopping, timeline)
    cut_rule = _rule(PlateauRule, cutter, reduce_lr, timeline)
    plateau = None if cut_rule is None else _plateau(timeline, cut_rule, cutter)
    same_until = None if plateau is None else plateau.differs_at
    steps = steps_of(timeline, stopper.decisions if stopper else ())
    stop = None if stop_rule is None else _stop(steps, stop_rule, stopper, same_until)
    later = stop is not None and stop.verdict is StopVerdict.LATER
    earlier = stop is not None and stop.verdict is StopVerdict.EARLIER
    if plateau is not None and stop is not None and (earlier or later):
        plateau = _until(plateau, stop.at)
    rest = _after(steps, stop) if earlier else []
    told = [seconds for seconds in rest if seconds is not None]
    answer = WhatIf(
        early_stopping=stop_rule,
        reduce_lr=cut_rule,
        recorded_early_stopping=stopper.rule if stopper else None,
        recorded_reduce_lr=cutter.rule if cutter else None,
        epochs=len(steps),
        stop=stop,
        plateau=plateau,
        checkpoints=_kept(timeline, keep, stop if earlier else None),
        differs_from=_differs_from(stop, plateau),
        epochs_saved=None if later else len(rest),
        seconds_saved=None if later or len(told) < len(rest) else sum(told),
        gpus=gpus,
    )
    return replace(
        answer,
        sentences=tuple(sentences(answer, steps)),
        notes=(
            *notes(answer, timeline, steps, stopper, cutter),
            *_doubts(timeline, steps, stopper, cutter),
        ),
    )


def _doubts(
    timeline: Timeline,
    steps: Sequence[Step],
    stopper: Found[EarlyStoppingRule] | None,
    cutter: Found[PlateauRule] | None,
) -> Iterator[str]:
    """Replays the settings of the training, which must give what was recorded."""
    if stopper is not None:
        stop = _stop(steps, stopper.rule, stopper, None)
        if stop.verdict in (StopVerdict.EARLIER, StopVerdict.LATER):
            yield doubt(stopper.callback, stop.at.epoch)
    if cutter is not None:
        differs = _plateau(timeline, cutter.rule, cutter).differs_at
        if differs is not None:
            yield doubt(cutter.callback, differs.epoch)


def _rule(
    kind: type[_R], found: Found[_R] | None, changes: Mapping[str, Any] | None, timeline: Timeline
) -> _R | None:
    """Returns the rule of the training with changes; None when there was none, and is none."""
    if found is None and changes is None:
        return None
    known = [spec.name for spec in fields(kind)]
    wanted = dict(changes or {})
    if unknown := [name for name in wanted if name not in known]:
        msg = f"There is no setting {unknown[0]!r}. There are: {', '.join(known)}."
        raise WhatIfError(msg)
    monitor = wanted.get("monitor") or (found.rule.monitor if found else _monitor(timeline))
    if monitor not in timeline.metric_names:
        names = ", ".join(timeline.metric_names)
        msg = f"The run has no metric {monitor!r} to monitor. It has: {names}."
        raise WhatIfError(msg)
    mode = wanted.get("mode")
    if mode in (None, "auto"):
        kept = found.rule.mode if found and found.rule.monitor == monitor else None
        mode = kept or timeline.mode(monitor)
    elif mode not in tuple(Mode):
        msg = f"mode is {mode!r}. Use 'min', 'max' or 'auto'."
        raise WhatIfError(msg)
    wanted |= {"monitor": monitor, "mode": Mode(str(mode))}
    try:
        return replace(found.rule, **wanted) if found else kind(**wanted)
    except (TypeError, ValueError) as error:
        raise WhatIfError(str(error)) from error


def _monitor(timeline: Timeline) -> str:
    """Returns what Keras's callbacks monitor by default, else what the run does."""
    names = timeline.metric_names
    candidates = ("val_loss", timeline.monitor, "loss")
    return next((name for name in candidates if name in names), names[0] if names else "val_loss")


def _stop(
    steps: Sequence[Step],
    rule: EarlyStoppingRule,
    found: Found[EarlyStoppingRule] | None,
    same_until: EpochEntry | None,
) -> Stop:
    replay = EarlyStoppingReplay(rule)
    exact, verdict, at = True, StopVerdict.NEVER, steps[-1]
    for step in steps:
        if step.anew:
            replay.train_begin()
        stops = replay.epoch_end(step.row.epoch, step.row.metrics.get(rule.monitor))
        end = step is steps[-1]
        # Where a session ended anyway, a stop changes nothing: the next one begins all the same.
        if stops and (end or not step.last):
            verdict, at = StopVerdict.AT_END if end else StopVerdict.EARLIER, step
            break
        if not stops and ended_by(step, found):
            verdict, at = StopVerdict.LATER, step
            break
        exact = exact and step.row is not same_until
    later = verdict is StopVerdict.LATER
    left = _left(at)
    return Stop(
        verdict=verdict,
        at=at.row,
        exact=exact,
        wait=replay.wait,
        best=replay.best,
        best_epoch=replay.best_epoch,
        at_least=_at_least(replay, at.row.epoch, _FAR if left is None else left) if later else 0,
        at_most=left if later else None,
    )


def _left(step: Step) -> int | None:
    """Returns how many of the planned epochs were left; None when nobody said."""
    planned = step.session.start.planned_epochs
    return None if planned is None else max(0, planned - step.row.epoch - 1)


def _at_least(replay: EarlyStoppingReplay, epoch: int, left: int) -> int:
    """Returns how many more epochs it would be if nothing ever improved again."""
    ahead = EarlyStoppingReplay(replay.rule)
    ahead.wait, ahead.best, ahead.best_epoch = replay.wait, replay.best, replay.best_epoch
    return next((n for n in range(1, left + 1) if ahead.epoch_end(epoch + n, float("nan"))), left)


def _plateau(timeline: Timeline, rule: PlateauRule, found: Found[PlateauRule] | None) -> Plateau:
    decisions = found.decisions if found else ()
    done: dict[tuple[str, int], dict[str, float]] = {}
    rates_there: dict[tuple[str, int], dict[str, float]] = {}
    for one in decisions:
        if one.verdict is Verdict.CHANGED and one.lr_after is not None:
            key = (one.session, one.epoch)
            done.setdefault(key, {})[one.optimizer] = one.lr_after
            rates_there.setdefault(key, {})[one.optimizer] = one.lr_before or 0.0
    replay = PlateauReplay(rule)
    cuts: list[Cut] = []
    differs: Step | None = None
    missed = False
    rates: dict[str, float] = {}
    for step in steps_of(timeline, decisions):
        row, key = step.row, (step.row.session, step.row.epoch)
        if step.anew:
            replay.train_begin()
        if differs is None:
            rates = _rates(row) | rates_there.get(key, {})
        new = replay.epoch_end(row.epoch, row.metrics.get(rule.monitor), rates)
        exact = differs is None
        if exact and not _same(new, done.get(key, {})):
            differs, missed = step, not new
        recorded = differs is None
        cuts += [
            Cut(
                at=row,
                optimizer=name,
                lr_before=rates[name],
                lr_after=after,
                recorded=recorded,
                exact=exact,
            )
            for name, after in new.items()
        ]
        rates |= new
    return Plateau(cuts=tuple(cuts), differs_at=differs.row if differs else None, missed=missed)


def _rates(row: EpochEntry) -> dict[str, float]:
    """Returns optimizer to its learning rate in an epoch."""
    return {
        name.removeprefix(_RATE).removeprefix("_"): rate
        for name, rate in row.metrics.items()
        if name == _RATE or name.startswith(f"{_RATE}_")
    }


def _same(ours: Mapping[str, float], theirs: Mapping[str, float]) -> bool:
    return ours.keys() == theirs.keys() and all(
        float32(rate) == float32(theirs[name]) for name, rate in ours.items()
    )


def _until(plateau: Plateau, end: EpochEntry) -> Plateau:
    """Returns what it does before a training ends behind an epoch."""
    differs = plateau.differs_at
    # A cut behind the last epoch trains nothing.
    known = differs is not None and differs.wall_time < end.wall_time
    return replace(
        plateau,
        cuts=tuple(cut for cut in plateau.cuts if cut.at.wall_time <= end.wall_time),
        differs_at=differs if known else None,
    )


def _after(steps: Sequence[Step], stop: Stop | None) -> list[float | None]:
    """Returns how long each epoch took that would not have been trained; None where not known."""
    places = (place for place, step in enumerate(steps) if stop is not None and step.row is stop.at)
    first = next(places)
    return [_seconds(before, after) for before, after in pairwise(steps[first:])]


def _seconds(before: Step, after: Step) -> float | None:
    """Returns how long an epoch took; None when that is not known."""
    if after.row.duration_seconds is not None:
        return after.row.duration_seconds
    if before.row.session != after.row.session:
        return None
    return after.row.wall_time - before.row.wall_time


def _differs_from(stop: Stop | None, plateau: Plateau | None) -> int | None:
    changed = [plateau.differs_at] if plateau and plateau.differs_at else []
    if stop is not None and stop.verdict is StopVerdict.LATER:
        changed.append(stop.at)
    return min(changed, key=lambda row: row.wall_time).epoch + 1 if changed else None


def _kept(timeline: Timeline, keep: RetentionPolicy | None, stop: Stop | None) -> Kept:
    order = {session.id: place for place, session in enumerate(timeline.sessions)}
    last = None if stop is None else (order[stop.at.session], stop.at.epoch)
    ever = [item for item in timeline.checkpoints if item.digest is not None]
    missing = {i.id for i in ever if last and (order.get(i.session, 0), i.epoch) > last}
    there = [item for item in ever if item.id not in missing]
    plan = None if keep is None else plan_prune(keep, there, mode_of=timeline.mode)
    if plan is None:
        stays = {item.id for item in there if item.restorable}
    else:
        stays = {step.id for step in plan.steps if step.fate is not Fate.DELETE}
    kept = tuple(item for item in there if item.id in stays)
    return Kept(
        kept=kept,
        pruned=tuple(item for item in there if item.id not in stays),
        never=tuple(item for item in ever if item.id in missing),
        size_bytes=plan.left_bytes if plan else sum(item.total_bytes for item in kept),
        now_bytes=sum(item.total_bytes for item in ever if item.restorable),
        plan=plan,
    )
