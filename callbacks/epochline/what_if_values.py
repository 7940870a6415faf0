"""What would have happened, as values; `what_if.py` finds it, `what_if_words.py` says it.

Pure: knows no files, clock or Keras.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from epochline.planning import PrunePlan
from epochline.replay import EarlyStoppingRule, PlateauRule
from epochline.timeline import CheckpointEntry, EpochEntry

__all__ = ["Cut", "Kept", "Plateau", "Stop", "StopVerdict", "WhatIf"]

_HOUR: Final = 3_600.0


class StopVerdict(StrEnum):
    """Where a replayed `EarlyStopping` stops."""

    EARLIER = "earlier"
    """Before the training ended."""
    AT_END = "at_end"
    """Behind the last epoch, where the training ended."""
    LATER = "later"
    """It does not stop where it did: the training would have gone on."""
    NEVER = "never"
    """Not in the epochs that there are."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Stop:
    """What a replayed `EarlyStopping` does.

    Attributes:
        verdict: Where it stops.
        at: The epoch behind which it stops; with `LATER` the one behind which it stopped, with
            `NEVER` the last one.
        exact: Whether the training would have been the same up to there.
        wait: Epochs without improvement at that moment.
        best: The value to beat then; None when nothing counted yet.
        best_epoch: Zero-based epoch of it.
        at_least: With `LATER`, how many more epochs it would have been at least.
        at_most: Likewise at most; None when nobody said how many were planned.
    """

    verdict: StopVerdict
    at: EpochEntry
    exact: bool
    wait: int
    best: float | None
    best_epoch: int
    at_least: int = 0
    at_most: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Cut:
    """A learning rate that a replayed `ReduceLROnPlateau` cuts.

    Attributes:
        at: The epoch behind which it does.
        optimizer: Which optimizer, when the model has several.
        lr_before: Learning rate before.
        lr_after: Learning rate after.
        recorded: Whether the same was done in the training.
        exact: Whether the training would have been the same up to there.
    """

    at: EpochEntry
    optimizer: str
    lr_before: float
    lr_after: float
    recorded: bool
    exact: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Plateau:
    """What a replayed `ReduceLROnPlateau` does.

    Attributes:
        cuts: Every cut, in order.
        differs_at: The epoch behind which it does something else than was done; None when it
            does the same.
        missed: Whether that is a cut of the training that it does not make.
    """

    cuts: tuple[Cut, ...]
    differs_at: EpochEntry | None = None
    missed: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Kept:
    """Which checkpoints there would be.

    Attributes:
        kept: Those that would be kept.
        pruned: Those that would not.
        never: Those that would not have been saved, because the training would have stopped before.
        size_bytes: Bytes of those that would be kept.
        now_bytes: Bytes of those that there are now.
        plan: What the policy does, with the reasons; None when none was given.
    """

    kept: tuple[CheckpointEntry, ...]
    pruned: tuple[CheckpointEntry, ...]
    never: tuple[CheckpointEntry, ...]
    size_bytes: int
    now_bytes: int
    plan: PrunePlan | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class WhatIf:
    """What would have happened.

    Attributes:
        early_stopping: The rule that was replayed; None without one.
        reduce_lr: Likewise.
        recorded_early_stopping: The rule of the training; None when it had none.
        recorded_reduce_lr: Likewise.
        epochs: How many epochs led to the present state.
        stop: What `EarlyStopping` does; None without one.
        plateau: What `ReduceLROnPlateau` does; None without one.
        checkpoints: Which checkpoints there would be.
        differs_from: First zero-based epoch in which the training would differ; None when it would
            be the same for as long as it lasts.
        epochs_saved: Epochs that would not have been trained; None when more would have been.
        seconds_saved: How long these took; None when that is not known.
        gpus: How many GPUs the training is taken to have used.
        sentences: The whole in words.
        notes: What makes it less sure.
    """

    early_stopping: EarlyStoppingRule | None
    reduce_lr: PlateauRule | None
    recorded_early_stopping: EarlyStoppingRule | None
    recorded_reduce_lr: PlateauRule | None
    epochs: int
    stop: Stop | None
    plateau: Plateau | None
    checkpoints: Kept
    differs_from: int | None
    epochs_saved: int | None
    seconds_saved: float | None
    gpus: int = 1
    sentences: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()

    @property
    def gpu_hours_saved(self) -> float | None:
        """GPU hours that would not have been spent; None when that is not known."""
        return None if self.seconds_saved is None else self.seconds_saved / _HOUR * self.gpus

    def __str__(self) -> str:
        return "\n".join((*self.sentences, *self.notes))
