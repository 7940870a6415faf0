"""What Keras's EarlyStopping and ReduceLROnPlateau decide, told from metrics alone.

The rules are those of Keras 3.15, line by line: `keras/src/callbacks/monitor_callback.py`,
`early_stopping.py` and `reduce_lr_on_plateau.py`. Tests drive both beside each other.

Pure: knows no files, clock or Keras. Invariant: a replay that is given what a callback was given
holds the same `wait`, `best` and `cooldown_counter` after every epoch, also where that is a trap: a
NaN that comes first stays the best for good, and values that are equal in float32 are equal.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from ctypes import c_float
from dataclasses import dataclass

from epochline.events import Mode

__all__ = ["EarlyStoppingReplay", "EarlyStoppingRule", "PlateauReplay", "PlateauRule", "float32"]


@dataclass(frozen=True, slots=True, kw_only=True)
class EarlyStoppingRule:
    """The settings of `keras.callbacks.EarlyStopping` that decide when it stops.

    Attributes:
        monitor: Name of the metric, as in `History.history`.
        mode: Which direction of it is better.
        min_delta: Smallest change that counts as an improvement, not negative.
        patience: Epochs without improvement that are put up with.
        baseline: Value that must be beaten before waiting starts anew; None for none.
        start_from_epoch: First zero-based epoch that counts.

    Raises:
        ValueError: If a number is out of its range.
    """

    monitor: str
    mode: Mode
    min_delta: float = 0.0
    patience: int = 0
    baseline: float | None = None
    start_from_epoch: int = 0

    def __post_init__(self) -> None:
        _not_negative(min_delta=self.min_delta, patience=self.patience)
        _not_negative(start_from_epoch=self.start_from_epoch)
        if self.baseline is not None and math.isnan(self.baseline):
            msg = "baseline is NaN, which nothing beats. Give a number, or None for no baseline."
            raise ValueError(msg)


@dataclass(frozen=True, slots=True, kw_only=True)
class PlateauRule:
    """The settings of `keras.callbacks.ReduceLROnPlateau`.

    Attributes:
        monitor: Name of the metric, as in `History.history`.
        mode: Which direction of it is better.
        min_delta: Smallest change that counts as an improvement, not negative.
        patience: Epochs without improvement after which the learning rate is cut.
        factor: What it is multiplied by, less than 1.
        cooldown: Epochs after a cut in which nothing is counted.
        min_lr: Lower bound of the learning rate.

    Raises:
        ValueError: If a number is out of its range.
    """

    monitor: str
    mode: Mode
    min_delta: float = 1e-4
    patience: int = 10
    factor: float = 0.1
    cooldown: int = 0
    min_lr: float = 0.0

    def __post_init__(self) -> None:
        _not_negative(min_delta=self.min_delta, patience=self.patience)
        _not_negative(cooldown=self.cooldown, min_lr=self.min_lr)
        if not 0 <= self.factor < 1:
            msg = f"factor is {self.factor!r}. It must be at least 0 and less than 1."
            raise ValueError(msg)


class EarlyStoppingReplay:
    """An `EarlyStopping` without a model.

    Args:
        rule: Its settings.

    Attributes:
        wait: Epochs without improvement so far.
        best: The value to beat; None before the first.
        best_epoch: Zero-based epoch of it.
    """

    def __init__(self, rule: EarlyStoppingRule) -> None:
        self.rule = rule
        self.train_begin()

    def train_begin(self) -> None:
        """Begins anew, as in `on_train_begin`."""
        self.wait = 0
        self.best: float | None = None
        self.best_epoch = 0

    def epoch_end(self, epoch: int, value: float | None) -> bool:
        """Returns whether it stops the training.

        Args:
            epoch: Zero-based.
            value: Of the metric; None when the epoch does not have it.
        """
        rule = self.rule
        if value is None or epoch < rule.start_from_epoch:
            return False
        self.wait += 1
        if _improves(rule, value, self.best):
            self.best, self.best_epoch = value, epoch
            if rule.baseline is None or _improves(rule, value, rule.baseline):
                self.wait = 0
            return False
        return self.wait >= rule.patience and epoch > 0


class PlateauReplay:
    """A `ReduceLROnPlateau` without a model.

    Args:
        rule: Its settings.

    Attributes:
        wait: Epochs without improvement so far.
        best: The value to beat; None before the first.
        best_epoch: Zero-based epoch of it.
        cooldown_counter: Epochs of cooldown still to come.
    """

    def __init__(self, rule: PlateauRule) -> None:
        self.rule = rule
        self.train_begin()

    def train_begin(self) -> None:
        """Begins anew, as in `on_train_begin`."""
        self.wait = 0
        self.best: float | None = None
        self.best_epoch = 0
        self.cooldown_counter = 0

    def epoch_end(
        self, epoch: int, value: float | None, rates: Mapping[str, float]
    ) -> dict[str, float]:
        """Returns the learning rates that it sets, by optimizer; nothing when it sets none.

        Args:
            epoch: Zero-based.
            value: Of the metric; None when the epoch does not have it.
            rates: Name of each optimizer to its learning rate.
        """
        rule = self.rule
        if value is None:
            return {}
        if self.cooldown_counter > 0:
            self.cooldown_counter -= 1
            self.wait = 0
        if _improves(rule, value, self.best):
            self.best, self.best_epoch, self.wait = value, epoch, 0
            return {}
        if self.cooldown_counter > 0:
            return {}
        self.wait += 1
        if self.wait < rule.patience:
            return {}
        changed = {
            name: float32(max(old * rule.factor, rule.min_lr))
            for name, old in rates.items()
            if old > float32(rule.min_lr)
        }
        if changed:
            self.cooldown_counter, self.wait = rule.cooldown, 0
        return changed


def float32(value: float) -> float:
    """Returns the nearest number that float32 holds: Keras compares and stores in it.

    Example:
        >>> float32(0.1) == float32(0.1 + 1e-9)
        True
    """
    return c_float(value).value


def _improves(rule: EarlyStoppingRule | PlateauRule, value: float, best: float | None) -> bool:
    if best is None:
        return True
    if rule.mode is Mode.MIN:
        return float32(value + rule.min_delta) < float32(best)
    return float32(value - rule.min_delta) > float32(best)


def _not_negative(**numbers: float) -> None:
    for name, value in numbers.items():
        if not 0 <= value < math.inf:
            msg = f"{name} is {value!r}. It must be a number from 0."
            raise ValueError(msg)
