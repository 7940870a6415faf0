"""What would have happened, as values; `what_if_replay.py` finds it, `what_if_words.py` says it.

Pure: knows no files, clock or Keras.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import Any, Final

from epochline.planning import PrunePlan
from epochline.replay import EarlyStoppingRule, PlateauRule
from epochline.timeline import CheckpointEntry, EpochEntry

__all__ = ["Cut", "Kept", "Plateau", "Stop", "StopVerdict", "WhatIf", "what_if_value"]

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


def what_if_value(answer: WhatIf) -> dict[str, Any]:
    """Returns it as JSON has it, but for numbers that are not finite.

    Args:
        answer: What would have happened.
    """
    stop, kept = answer.stop, answer.checkpoints
    return {
        "epochs": answer.epochs,
        "early_stopping": _settings(answer.early_stopping),
        "reduce_lr": _settings(answer.reduce_lr),
        "recorded": {
            "early_stopping": _settings(answer.recorded_early_stopping),
            "reduce_lr": _settings(answer.recorded_reduce_lr),
        },
        "stop": None
        if stop is None
        else {
            "verdict": stop.verdict,
            **_moment(stop.at),
            "exact": stop.exact,
            "wait": stop.wait,
            "best": stop.best,
            "best_epoch": stop.best_epoch,
            "at_least": stop.at_least,
            "at_most": stop.at_most,
        },
        "cuts": [
            {
                **_moment(cut.at),
                "optimizer": cut.optimizer,
                "lr_before": cut.lr_before,
                "lr_after": cut.lr_after,
                "recorded": cut.recorded,
                "exact": cut.exact,
            }
            for cut in (answer.plateau.cuts if answer.plateau else ())
        ],
        "differs_from": answer.differs_from,
        "epochs_saved": answer.epochs_saved,
        "seconds_saved": answer.seconds_saved,
        "gpus": answer.gpus,
        "gpu_hours_saved": answer.gpu_hours_saved,
        "checkpoints": {
            "policy": None if kept.plan is None else kept.plan.policy,
            "kept": [item.id for item in kept.kept],
            "pruned": [item.id for item in kept.pruned],
            "never": [item.id for item in kept.never],
            "size_bytes": kept.size_bytes,
            "now_bytes": kept.now_bytes,
        },
        "sentences": list(answer.sentences),
        "notes": list(answer.notes),
    }


def _settings(rule: EarlyStoppingRule | PlateauRule | None) -> dict[str, Any] | None:
    return None if rule is None else asdict(rule)


def _moment(row: EpochEntry) -> dict[str, Any]:
    return {
        "session": row.session,
        "epoch": row.epoch,
        "step": row.step,
        "batch": row.batch,
        "wall_time": row.wall_time,
    }
