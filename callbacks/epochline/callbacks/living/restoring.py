"""Take a running training back to a checkpoint: all of it, or nothing.

Invariant: when `Restoring.carry_out` raises, every variable of model and optimizers, the learning
rate and the counters of the callbacks are what they were. Those of metrics are never touched.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import keras
import numpy as np

from epochline.callbacks.fit import Fit
from epochline.callbacks.living.candidate import Candidate, NotEqualError, Refusal
from epochline.callbacks.living.counters import (
    CaptureOfCounters,
    capture_counters,
    put_back,
    reset_counters,
    waiting,
)
from epochline.callbacks.looks import schedule_of
from epochline.callbacks.measure import number
from epochline.callbacks.resuming.variables import capture_variables, restore_variables
from epochline.callbacks.traps import weights_kind
from epochline.events import WeightsKind
from epochline.restore.requests import Counters, LearningRate
from epochline.run import Checkpoint
from epochline.sentences import rate

__all__ = ["Done", "Restoring", "Wanted", "learning_rate", "not_proven", "set_learning_rate"]

# The strategies of TensorFlow by the names of their classes; the first two stand for none.
_STRATEGIES: Final = frozenset(
    {"_DefaultDistributionStrategy", "_DefaultDistributionStrategyV1", "MirroredStrategy"}
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """What is restored; see `Request`.

    Attributes:
        optimizer: Whether the state of the optimizer is.
        learning_rate: The learning rate afterwards.
        counters: What becomes of the counters of callbacks; or what they are to be.
    """

    optimizer: bool
    learning_rate: LearningRate
    counters: Counters | CaptureOfCounters


@dataclass(frozen=True, slots=True, kw_only=True)
class Done:
    """What a restore did; see `Answer`."""

    restored: int
    before: str
    after: str
    counters: CaptureOfCounters


def not_proven(model: keras.Model, callbacks: Sequence[keras.callbacks.Callback]) -> str:
    """Returns why a restore has not been proven to work in this training; empty when it has."""
    if keras.backend.backend() == "tensorflow":
        strategy = type(model.distribute_strategy).__name__
        if strategy not in _STRATEGIES:
            return f"Under {strategy} it has not been proven."
    if keras.distribution.distribution() is not None:
        return "Under keras.distribution it has not been proven."
    if weights_kind(callbacks) is WeightsKind.EMA:
        return "SwapEMAWeights has the averaged weights in the model just now."
    return ""


def learning_rate(model: keras.Model) -> float | None:
    """Returns the learning rate; None without one, or with several."""
    found = getattr(getattr(model, "optimizer", None), "learning_rate", None)
    return None if found is None else number(found)


def set_learning_rate(model: keras.Model, value: float) -> None:
    """Sets the learning rate.

    Raises:
        Refusal: If it is none that can be set.
    """
    schedule = schedule_of(model)
    if schedule is not None:
        raise Refusal(
            f"The learning rate is given by {schedule} inside of the optimizer, for each step; it "
            "cannot be set."
        )
    if learning_rate(model) is None:
        raise Refusal("This model has no learning rate, or several.")
    model.optimizer.learning_rate = value


class Restoring:
    """One restore, before it is done.

    Args:
        fit: The training.
        ready: The checkpoint, which fits.
        item: The same, as it was recorded.
        wanted: What is restored.

    Raises:
        Refusal: If that cannot be.
    """

    def __init__(self, fit: Fit, ready: Candidate, item: Checkpoint, wanted: Wanted) -> None:
        self._fit = fit
        self._ready = ready
        self._item = item
        self._wanted = wanted
        self._model = fit.model
        self.rate_before = learning_rate(self._model)
        self.rate_after = self._rate_after()

    @property
    def what(self) -> str:
        """What is loaded, in words."""
        return "weights and optimizer" if self._wanted.optimizer else "weights"

    def _rate_after(self) -> float | None:
        """Returns the learning rate that is to be, None where it is not set but follows."""
        wanted = self._wanted.learning_rate
        schedule = schedule_of(self._model)
        if schedule is not None:
            if isinstance(wanted, float) or (wanted == "keep" and self._wanted.optimizer):
                raise Refusal(
                    f"The learning rate follows {schedule}, step by step, and the step is part of "
                    "the state of the optimizer. Take the checkpoint's, or restore the weights "
                    "alone."
                )
            return None
        if isinstance(wanted, float):
            if self.rate_before is None:
                raise Refusal("This model has no learning rate, or several.")
            return wanted
        if wanted == "keep" or self.rate_before is None:
            return self.rate_before
        held = self._ready.learning_rate
        if held is None:
            raise Refusal(
                "The checkpoint holds no learning rate. Keep the present one, or give one."
            )
        return held

    def plan(self) -> tuple[str, ...]:
        """Returns what happens, what does not, and how to undo it."""
        item, wanted = self._item, self._wanted
        loaded = (
            f"{self._ready.total} variables ({self.what}) become those of checkpoint {item.id}, "
            f"saved in epoch {item.epoch + 1} at step {item.step}."
        )
        if not wanted.optimizer:
            loaded += " The state of the optimizer stays as it is."
        stays = (
            "The epoch counter of fit goes on, and nothing is deleted. The random state, the order "
            "of the data and the running metrics of the epoch stay as they are."
        )
        saved = "The present state is saved first, as a checkpoint, so that this can be undone."
        told = [loaded, self._rate_told(), *self._counters_told(), stays, saved]
        if any(isinstance(c, keras.callbacks.LearningRateScheduler) for c in self._fit.callbacks):
            told.append(
                "LearningRateScheduler sets the learning rate again when the next epoch begins."
            )
        return tuple(told)

    def _rate_told(self) -> str:
        schedule = schedule_of(self._model)
        if schedule is not None:
            back = ", which goes back with it" if self._wanted.optimizer else ""
            return f"The learning rate follows {schedule} by the step of the optimizer{back}."
        if self.rate_before == self.rate_after:
            return f"The learning rate stays {rate(self.rate_before)}."
        return f"The learning rate goes from {rate(self.rate_before)} to {rate(self.rate_after)}."

    def _counters_told(self) -> list[str]:
        found = waiting(self._fit.callbacks)
        if not found:
            return []
        names = " and ".join(dict.fromkeys(type(item).__name__ for item in found))
        if self._wanted.counters is Counters.RESET:
            return [f"The counters of {names} begin anew."]
        if self._wanted.counters is not Counters.KEEP:
            return [f"The counters of {names} become what they were."]
        told = [f"The counters of {names} stay as they are."]
        kept = [item for item in found if getattr(item, "best_weights", None) is not None]
        if kept:
            told.append(
                f"{type(kept[0]).__name__} still puts back its own best weights, of epoch "
                f"{kept[0].best_epoch + 1}, when the training ends."
            )
        return told

    def carry_out(self) -> Done:
        """Restores; all is as before when it raises.

        Raises:
            NotEqualError: If the living variables do not hold what was loaded.
        """
        before = self._ready.fingerprint()
        counters = capture_counters(self._fit.callbacks)
        values = {
            group: [np.array(value, copy=True) for value in found]
            for group, found in capture_variables(self._model, metrics=False).items()
        }
        try:
            restored = self._ready.load()
            after = self._ready.fingerprint()
            self._set_rate()
            self._set_counters()
        except BaseException:
            restore_variables(self._model, values, metrics=False)
            put_back(counters)
            raise
        return Done(restored=restored, before=before, after=after, counters=counters)

    def _set_rate(self) -> None:
        wanted = self.rate_after
        if wanted is None or learning_rate(self._model) == wanted:
            return
        set_learning_rate(self._model, wanted)
        found = learning_rate(self._model)
        if found is None or np.float32(found) != np.float32(wanted):
            message = f"the learning rate is {found} instead of {wanted}"
            raise NotEqualError(message)

    def _set_counters(self) -> None:
        wanted = self._wanted.counters
        if wanted is Counters.RESET:
            reset_counters(self._fit.callbacks)
        elif not isinstance(wanted, Counters):
            put_back(wanted)
