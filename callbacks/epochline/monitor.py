"""Is this value better? The comparison rule of Keras's monitoring callbacks, without Keras.

Pure: values in, values out. Everything that ranks checkpoints or judges a metric asks here, so that
    there
is one answer. NaN is worse than every number and never better than anything. (Stock Keras callbacks
let a NaN that comes first be the best for good.)
"""

from __future__ import annotations

import math
from collections.abc import Mapping

from epochline.events import Mode

__all__ = ["infer_mode", "is_improvement", "rank_key"]

# Metric classes of keras.metrics with `_direction == "up"`, by the names that Keras gives to them.
_UP_WORDS = (
    "acc",
    "auc",
    "precision",
    "recall",
    "f1",
    "fbeta",
    "r2",
    "iou",
    "sensitivity",
    "specificity",
    "positives",
    "cosine_similarity",
    "pearson",
    "concordance",
    "bleu",
    "rouge",
)
_NOT_UP = ("false_positives", "false_negatives")


def infer_mode(metric: str, directions: Mapping[str, Mode] | None = None) -> Mode:
    """Returns which direction of `metric` is better.

    Args:
        metric: Name as in `History.history`, with or without `val_`.
        directions: What Keras said about the metrics of the run
            (`keras.callbacks.MonitorCallback` reads `metric._direction`); trusted first.

    Returns:
        The recorded direction, else `MAX` for names of Keras's metrics that grow (accuracy, AUC,
        precision, recall, ...) and `MIN` for everything else (losses and errors).

    Example:
        >>> infer_mode("val_accuracy"), infer_mode("val_loss")
        (<Mode.MAX: 'max'>, <Mode.MIN: 'min'>)
    """
    name = metric.removeprefix("val_")
    for known in (metric, name):
        if directions and known in directions:
            return directions[known]
    if any(word in name for word in _NOT_UP):
        return Mode.MIN
    return Mode.MAX if any(word in name for word in _UP_WORDS) else Mode.MIN


def is_improvement(value: float, best: float | None, mode: Mode, min_delta: float = 0.0) -> bool:
    """Returns whether `value` beats `best` by more than `min_delta`.

    The rule is `keras.callbacks.MonitorCallback._is_improvement`, except that NaN never improves,
    and that any number improves on NaN.

    Args:
        value: The new value.
        best: The value to beat; None when there is none yet.
        mode: Which direction is better.
        min_delta: Smallest change that counts, not negative.

    Example:
        >>> is_improvement(0.30, 0.31, Mode.MIN, min_delta=0.02)
        False
    """
    if math.isnan(value):
        return False
    if best is None or math.isnan(best):
        return True
    return value + min_delta < best if mode is Mode.MIN else value - min_delta > best


def rank_key(value: float | None, mode: Mode) -> float:
    """Returns a sort key: better values first, NaN and missing ones last.

    Example:
        >>> sorted([0.2, float("nan"), 0.9], key=lambda v: rank_key(v, Mode.MAX))
        [0.9, 0.2, nan]
    """
    if value is None or math.isnan(value):
        return math.inf
    return value if mode is Mode.MIN else -value
