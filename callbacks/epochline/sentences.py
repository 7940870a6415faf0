"""Every event in one plain sentence: the only place where reasons are put into words.

Pure: values in, text out. The command line, the Python interface and the panel show these same
sentences. Epochs are told as Keras prints them, from 1.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from decimal import Decimal
from typing import Final

from epochline.events import (
    CheckpointDemoted,
    CheckpointFailed,
    CheckpointPruned,
    CheckpointSaved,
    Decision,
    EndReason,
    Mode,
    SaveReason,
    SessionEnded,
    Tier,
    Topic,
    Verdict,
)

__all__ = [
    "describe",
    "number",
    "rate",
    "session_end",
    "size",
    "why_demoted",
    "why_failed",
    "why_pruned",
    "why_saved",
]

_CLOSEST: Final = 4
_FINEST: Final = 17
_SMALLEST_EXPONENT: Final = -2  # smaller learning rates are written as 1e-3


def number(value: float | None, *others: float | None) -> str:
    """Returns `value` with four significant digits, or with more to tell it from `others`.

    Example:
        >>> number(0.123456, 0.123457)
        '0.123456'
    """
    if value is None:
        return "none"
    if not math.isfinite(value):
        return "NaN" if math.isnan(value) else "∞" if value > 0 else "-∞"
    text = f"{value:.{_CLOSEST}g}"
    for digits in range(_CLOSEST, _FINEST):
        # A loop, because checkpoints are told of by the hundred thousand.
        for other in others:
            if other is not None and other != value and f"{other:.{digits}g}" == text:
                break
        else:
            return text
        text = f"{value:.{digits + 1}g}"
    return text


def rate(value: float | None, *others: float | None) -> str:
    """Returns a learning rate in the short form people write, such as 1e-3.

    It has four significant digits, or more to tell it from `others`.

    Example:
        >>> rate(0.001), rate(0.0125), rate(0.00025000001187436283)
        ('1e-3', '0.0125', '2.5e-4')
    """
    text = number(value, *others)  # rounded: 0.01 is a little less in float32
    if value is None or value == 0 or not math.isfinite(value):
        return text
    exact = Decimal(text)
    return text if exact.adjusted() >= _SMALLEST_EXPONENT else f"{exact:e}"


def size(bytes_: int | None) -> str:
    """Returns a size in the largest fitting decimal unit.

    Example:
        >>> size(41_200)
        '41 kB'
    """
    if bytes_ is None:
        return "unknown size"
    value = float(bytes_)
    for unit in ("B", "kB", "MB", "GB"):
        if value < 999.5:  # noqa: PLR2004 – what rounds to 1000 belongs to the next unit
            return f"{value:.0f} {unit}" if value >= 9.95 or unit == "B" else f"{value:.1f} {unit}"  # noqa: PLR2004
        value /= 1000
    return f"{value:.1f} TB"


_SAVED: Final = {
    SaveReason.SCHEDULED: "Saved as scheduled",
    SaveReason.ADOPTED: "Taken into the run by hand; the file was there before",
}


def why_saved(event: CheckpointSaved) -> str:
    """Returns why a checkpoint was saved."""
    saved = _SAVED.get(event.reason, "Saved on request")
    if event.parents:
        saved = f"Made by hand: the mean of {len(event.parents)} checkpoints"
    if event.monitor is None or event.observed is None:
        return f"{saved}."
    observed = f"{event.monitor} {number(event.observed, event.best)}"
    if event.reason is SaveReason.BEST:
        if math.isnan(event.observed):
            return f"Saved: {event.monitor} is NaN, the first value, and so the best for good."
        if event.best is None:
            return f"Saved: {observed} is the first value, and so the best so far."
        sign = ">" if event.mode is Mode.MAX else "<"
        return f"Saved: {observed} {sign} {_best(event.best, event.observed, event.best_epoch)}."
    if event.best is None:
        return f"{saved}, with {observed}."
    best = _best(event.best, event.observed, event.best_epoch)
    return f"{saved}; {observed} is not better than {best}."


def why_failed(event: CheckpointFailed) -> str:
    """Returns that a checkpoint was not saved, and what became of the training."""
    return f"Save failed: {event.message} Training went on. This checkpoint cannot be restored."


def why_pruned(event: CheckpointPruned) -> str:
    """Returns why the file of a checkpoint is gone on purpose."""
    if event.replaced_by:
        return "Its file was replaced by a later checkpoint of the same name."
    why = f"by hand, to keep {event.policy}" if event.operation else f"the run keeps {event.policy}"
    left = "Its file went to the trash." if event.trash else "Metrics remain, weights do not."
    return f"Removed: {why}. {left}"


def why_demoted(event: CheckpointDemoted) -> str:
    """Returns what is left of a checkpoint whose file was made smaller."""
    what = (
        "the weights were rounded to bfloat16, which is lossy, and the optimizer's state left out"
        if event.tier is Tier.BFLOAT16
        else "the optimizer's state was left out; the weights are what they were"
    )
    return f"Made smaller: {what}."


def session_end(event: SessionEnded, last_epoch: int | None) -> str:
    """Returns why a session ended."""
    epoch = (
        "before the first epoch ended" if last_epoch is None else f"after epoch {last_epoch + 1}"
    )
    by = event.callback or "something"
    match event.reason:
        case EndReason.COMPLETED:
            return f"Completed: all planned epochs were trained, ended {epoch}."
        case EndReason.EARLY_STOPPING:
            return f"Stopped by {by} {epoch}."
        case EndReason.NAN:
            return f"Stopped by {by} {epoch}: the loss was not finite."
        case EndReason.STOPPED:
            return f"Stopped {epoch}: {by} set model.stop_training."
        case EndReason.INTERRUPTED:
            return f"Interrupted {epoch}."
        case EndReason.FAILED:
            where = f", in {event.callback}" if event.callback else ""
            return f"Failed {epoch}{where}: {event.message or 'an exception left fit'}"


def describe(decision: Decision) -> str:
    """Returns a decision in one sentence, with its numbers."""
    return _DESCRIBE[decision.topic](decision)


def _best(best: float | None, observed: float | None, epoch: int | None) -> str:
    at = "" if epoch is None else f" (best of epoch {epoch + 1})"
    return f"{number(best, observed)}{at}"


def _is_nan(value: float | None) -> bool:
    return value is not None and math.isnan(value)


def _missing(d: Decision) -> str:
    return f"{d.callback} did not find its metric {d.monitor}. {d.detail}".strip()


def _checkpoint(d: Decision) -> str:
    match d.verdict:
        case Verdict.SAVED:
            text = f"{d.callback} saved {d.path}{_because(d)}."
        case Verdict.METRIC_MISSING:
            return _missing(d)
        case Verdict.BACKED_UP:
            text = f"{d.callback} made a backup at {d.path}."
        case Verdict.BACKUP_REMOVED:
            text = f"{d.callback} removed {d.path}."
        case Verdict.SKIPPED:
            text = "Not saved: the save before was still being written."
        case _:
            return _not_saved(d)
    return f"{text} {d.detail}".strip()


def _because(d: Decision) -> str:
    if d.observed is None:
        return ""
    observed = f"{d.monitor} {number(d.observed, d.best)}"
    if d.best is None:
        return f": {observed} is the first value"
    sign = ">" if d.mode is Mode.MAX else "<"
    return f": {observed} {sign} {_best(d.best, d.observed, d.best_epoch)}"


def _not_saved(d: Decision) -> str:
    if d.observed is not None and math.isnan(d.observed):
        return f"Not saved: {d.monitor} is NaN."
    if d.observed is None or d.best is None:
        return f"Not saved. {d.detail}".strip()
    if math.isnan(d.best):
        return f"Not saved: {d.monitor} {number(d.observed)}; nothing is better than NaN, the best."
    sign = "≤" if d.mode is Mode.MAX else "≥"
    origin = "" if d.baseline is None else " (from before this training)"
    short = "" if d.observed == d.best else f", short by {number(abs(d.observed - d.best))}"
    best = _best(d.best, d.observed, d.best_epoch)
    return f"Not saved: {d.monitor} {number(d.observed, d.best)} {sign} {best}{origin}{short}."


def _learning_rate(d: Decision) -> str:
    who = d.callback + (f" ({d.optimizer})" if d.optimizer else "")
    match d.verdict:
        case Verdict.CHANGED:
            before, after = rate(d.lr_before, d.lr_after), rate(d.lr_after, d.lr_before)
            change = f"learning rate {before} → {after}"
            if d.monitor is None:
                return f"{who}: {change}. {d.detail}".strip()
            return f"{who}: {_plateau(d)}; {change}; cooldown {d.cooldown or 0}."
        case Verdict.AT_FLOOR:
            return (
                f"{who} wanted to cut after {_epochs(d.wait)} without improvement, but the "
                f"learning rate is at min_lr {rate(d.min_lr)}."
            )
        case Verdict.COOLING_DOWN:
            return f"{who}: {_standing(d)}, cooling down, {_epochs(d.cooldown)} to go."
        case Verdict.METRIC_MISSING:
            return _missing(d)
        case _:
            return _patience(d)


def _stop(d: Decision) -> str:
    match d.verdict:
        case Verdict.STOPPED:
            return f"{d.callback} stopped the training{_stopped_for(d)}. {d.detail}".strip()
        case Verdict.WEIGHTS_RESTORED:
            at = "" if d.best_epoch is None else f" of epoch {d.best_epoch + 1}"
            return f"{d.callback} restored the best weights{at} (optimizer state was not)."
        case Verdict.WARMING_UP:
            start = "" if d.start_from_epoch is None else f" {d.start_from_epoch + 1}"
            return f"{d.callback}: warming up, {d.monitor} counts from epoch{start}."
        case Verdict.METRIC_MISSING:
            return _missing(d)
        case _:
            return _patience(d)


def _stopped_for(d: Decision) -> str:
    if d.patience is not None:
        return f": {_plateau(d)}; patience {d.wait}/{d.patience} used up"
    return "" if d.monitor is None else f": {d.monitor} was {number(d.observed)}"


def _patience(d: Decision) -> str:
    left = f"patience {d.wait}/{d.patience}"
    if d.verdict is not Verdict.IMPROVED:
        return f"{d.callback}: {_standing(d)}, {left}."
    observed = f"{d.monitor} {number(d.observed, d.best)}"
    if _is_nan(d.observed):
        text = f"{d.callback}: {d.monitor} is NaN, the first value, and so the best for good"
    elif d.best is None:
        text = f"{d.callback}: {observed} is the first value"
    else:
        text = f"{d.callback}: {observed} improved on {_best(d.best, d.observed, d.best_epoch)}"
    if d.wait:
        return f"{text}, but did not beat the baseline {number(d.baseline)}; {left}."
    return f"{text}."


def _standing(d: Decision) -> str:
    """The metric beside the value that it did not beat."""
    if _is_nan(d.best):
        return f"{d.monitor} {number(d.observed)}; nothing is better than NaN, the best"
    at = "" if d.best_epoch is None else f" at epoch {d.best_epoch + 1}"
    best = f"best {number(d.best, d.observed)}{at}"
    if _is_nan(d.observed):
        return f"{d.monitor} is NaN, {best}"
    return f"{d.monitor} {number(d.observed, d.best)}, {best}"


def _plateau(d: Decision) -> str:
    """For how long the metric did not get better, and than what."""
    now = " (NaN now)" if _is_nan(d.observed) else ""
    best = _best(d.best, d.observed, d.best_epoch)
    return f"{d.monitor} not better than {best}{_by(d.min_delta)} for {_epochs(d.wait)}{now}"


def _by(min_delta: float | None) -> str:
    return f" by {number(min_delta)}" if min_delta else ""


def _epochs(count: int | None) -> str:
    return "1 epoch" if count == 1 else f"{count} epochs"


def _restore(d: Decision) -> str:
    return f"{d.callback} loaded an earlier state. {d.detail}".strip()


def _weights(d: Decision) -> str:
    match d.verdict:
        case Verdict.SWAPPED_IN:
            what = "put the averaged (EMA) weights into the model"
        case Verdict.SWAPPED_BACK:
            what = "put the training weights back into the model"
        case Verdict.EMA_VALIDATED:
            what = (
                "put the averaged (EMA) weights into the model for the validation, and the training"
                " weights back: the validation metrics are those of the averaged weights"
            )
        case _:
            what = f"changed the weights: {d.verdict.replace('_', ' ')}"
    return f"{d.callback} {what}. {d.detail}".strip()


_DESCRIBE: Final[dict[Topic, Callable[[Decision], str]]] = {
    Topic.CHECKPOINT: _checkpoint,
    Topic.LEARNING_RATE: _learning_rate,
    Topic.STOP: _stop,
    Topic.RESTORE: _restore,
    Topic.WEIGHTS: _weights,
}
