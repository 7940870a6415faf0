"""What would have happened, in words: for the command line, the panel and Python alike.

Pure: values in, text out. Epochs are told as Keras prints them, from 1.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import Final

from epochline.events import Mode
from epochline.monitor import is_improvement
from epochline.recorded_rules import Found, Step
from epochline.replay import EarlyStoppingRule, PlateauRule
from epochline.sentences import number, rate, size
from epochline.timeline import EpochEntry, Timeline
from epochline.what_if_values import Kept, Stop, StopVerdict, WhatIf

__all__ = ["doubt", "duration", "notes", "sentences"]

_FEW: Final = 4
_UNITS: Final = ((3_600.0, "h"), (60.0, "min"))


def sentences(answer: WhatIf, steps: Sequence[Step]) -> Iterator[str]:
    """Yields what would have happened.

    Args:
        answer: The numbers.
        steps: The epochs that led to its present state.
    """
    if answer.stop is not None and answer.early_stopping is not None:
        yield _stop(answer.stop, answer.early_stopping, len(steps))
        yield from _saved(answer)
        if answer.stop.verdict is StopVerdict.EARLIER:
            yield from _best(answer.stop, answer.early_stopping, steps)
    if answer.plateau is not None:
        yield _cuts(answer)
    yield from _differs(answer)
    yield _kept(answer.checkpoints)


def notes(
    answer: WhatIf,
    timeline: Timeline,
    steps: Sequence[Step],
    stopper: Found[EarlyStoppingRule] | None,
    cutter: Found[PlateauRule] | None,
) -> Iterator[str]:
    """Yields what makes it less sure.

    Args:
        answer: The numbers.
        timeline: The run.
        steps: The epochs that led to its present state.
        stopper: The `EarlyStopping` of the training.
        cutter: Its `ReduceLROnPlateau`.
    """
    for name, rule in (
        ("EarlyStopping", answer.early_stopping),
        ("ReduceLROnPlateau", answer.reduce_lr),
    ):
        first = next((s.row.metrics.get(rule.monitor) for s in steps), None) if rule else None
        if rule is not None and first is not None and math.isnan(first):
            yield (
                f"The first {rule.monitor} is NaN. {name} takes it for the best for good: no later "
                "value is better than NaN."
            )
    for found in (stopper, cutter):
        if found is not None and found.others:
            yield (
                f"The training had {found.others + 1} callbacks like {found.callback}; one is "
                "replayed, the others did what they did."
            )
    if answer.reduce_lr is not None and not any("learning_rate" in s.row.metrics for s in steps):
        yield "No learning rate was recorded, so no cut can be replayed."
    if timeline.gaps:
        yield "Records are missing, so epochs may be missing here."


def doubt(callback: str, epoch: int) -> str:
    """Returns that a replay with the recorded settings does not give what was recorded.

    Args:
        callback: Class name.
        epoch: Zero-based epoch behind which it does something else.
    """
    return (
        f"With the settings that were recorded, {callback} does something else after epoch "
        f"{epoch + 1} than it did. It has rules of its own, or its state was changed: what is said "
        "of it is not exact."
    )


def duration(seconds: float) -> str:
    """Returns a duration in the largest fitting unit.

    Example:
        >>> duration(90.0), duration(5_400.0), duration(4.25)
        ('1.5 min', '1.5 h', '4.2 s')
    """
    for length, unit in _UNITS:
        if seconds >= length:
            return f"{seconds / length:.3g} {unit}"
    return f"{seconds:.2g} s"


def _epochs(count: int) -> str:
    return "1 epoch" if count == 1 else f"{count:,} epochs"


def _stop(stop: Stop, rule: EarlyStoppingRule, epochs: int) -> str:
    epoch = stop.at.epoch + 1
    if stop.best is None:
        standing = f"{rule.monitor} did not count yet"
    else:
        by = f" by {number(rule.min_delta)}" if rule.min_delta else ""
        standing = (
            f"{rule.monitor} not better than {number(stop.best)} (epoch {stop.best_epoch + 1}){by} "
            f"for {_epochs(stop.wait)}"
        )
    match stop.verdict:
        case StopVerdict.EARLIER:
            return f"EarlyStopping would have stopped after epoch {epoch}: {standing}."
        case StopVerdict.AT_END:
            return f"EarlyStopping stops after epoch {epoch}, where the training ended: {standing}."
        case StopVerdict.LATER:
            most = "" if stop.at_most is None else f", at most {stop.at_most:,}"
            return (
                f"EarlyStopping would not have stopped after epoch {epoch}: patience "
                f"{stop.wait}/{rule.patience}. The training would have gone on for at least "
                f"{_epochs(stop.at_least)}{most}."
            )
        case _:
            return (
                f"EarlyStopping would not have stopped in the {_epochs(epochs)} that were trained: "
                f"patience {stop.wait}/{rule.patience} at the end."
            )


def _saved(answer: WhatIf) -> Iterator[str]:
    if not answer.epochs_saved:
        return
    text = f"That saves {_epochs(answer.epochs_saved)} of {answer.epochs:,}"
    hours = answer.gpu_hours_saved
    if answer.seconds_saved is not None and hours is not None:
        gpus = "1 GPU" if answer.gpus == 1 else f"{answer.gpus:,} GPUs"
        text += f", {duration(answer.seconds_saved)} of training: {hours:.2g} GPU hours on {gpus}"
    yield f"{text}."


def _best(stop: Stop, rule: EarlyStoppingRule, steps: Sequence[Step]) -> Iterator[str]:
    rows = [step.row for step in steps]
    last = next(place for place, row in enumerate(rows) if row is stop.at)
    then = _best_of(rows[: last + 1], rule.monitor, rule.mode)
    now = _best_of(rows, rule.monitor, rule.mode)
    if then is None or now is None:
        return
    had, has = then.metrics[rule.monitor], now.metrics[rule.monitor]
    if then is now:
        yield f"The best {rule.monitor} stays {number(has)} (epoch {now.epoch + 1})."
    else:
        yield (
            f"The best {rule.monitor} would be {number(had, has)} (epoch {then.epoch + 1}) in "
            f"place of {number(has, had)} (epoch {now.epoch + 1})."
        )


def _best_of(rows: Sequence[EpochEntry], metric: str, mode: Mode) -> EpochEntry | None:
    best: EpochEntry | None = None
    for row in rows:
        value = row.metrics.get(metric)
        before = None if best is None else best.metrics[metric]
        if value is not None and is_improvement(value, before, mode):
            best = row
    return best


def _cuts(answer: WhatIf) -> str:
    cuts = answer.plateau.cuts if answer.plateau else ()
    if not cuts:
        early = answer.stop is not None and answer.stop.verdict is StopVerdict.EARLIER
        return f"ReduceLROnPlateau would not have cut the learning rate{' by then' * early}."
    told = [
        f"{rate(cut.lr_before, cut.lr_after)} → {rate(cut.lr_after, cut.lr_before)}"
        f"{f' ({cut.optimizer})' if cut.optimizer else ''} after epoch {cut.at.epoch + 1}"
        for cut in cuts
    ]
    if len(told) > _FEW:
        told[_FEW - 1 : -1] = ["…"]
    would = "cuts" if all(cut.recorded for cut in cuts) else "would have cut"
    times = "once" if len(cuts) == 1 else f"{len(cuts):,} times"
    return f"ReduceLROnPlateau {would} the learning rate {times}: {', '.join(told)}."


def _differs(answer: WhatIf) -> Iterator[str]:
    if answer.differs_from is None:
        yield "Exact: none of it changes an epoch that was trained."
        return
    here = f"From epoch {answer.differs_from + 1} on the training would differ"
    plateau = answer.plateau
    if plateau is None or plateau.differs_at is None:
        yield f"{here}: it was not trained so far."
        return
    at = plateau.differs_at
    why = (
        "the learning rate would not have been cut"
        if plateau.missed
        else "its learning rate would be another"
    )
    if at.epoch + 1 != answer.differs_from:
        yield f"{here}."
        return
    rest = any(not cut.exact for cut in plateau.cuts)
    rest = rest or (answer.stop is not None and not answer.stop.exact)
    guess = " What is said of later epochs takes the metrics as they were." if rest else ""
    yield f"{here}: {why}.{guess}"


def _kept(kept: Kept) -> str:
    there = len(kept.kept) + len(kept.pruned)
    count = f"{len(kept.kept):,} of {there:,} checkpoint{'' if there == 1 else 's'}"
    never = f"; {len(kept.never):,} would not have been saved" if kept.never else ""
    if kept.plan is None:
        return f"{count} {'is' if len(kept.kept) == 1 else 'are'} there{never}."
    gone = [item for item in kept.kept if not item.restorable]
    lost = f"; {len(gone):,} of them {'is' if len(gone) == 1 else 'are'} gone now" if gone else ""
    return (
        f"The rule {kept.plan.policy} would keep {count}, {size(kept.size_bytes)} in place of "
        f"{size(kept.now_bytes)} now{lost}{never}."
    )
