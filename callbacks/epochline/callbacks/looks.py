"""What can be seen of a training at one moment, so that two moments can be compared.

Outside of batches a look reads the numbers. Between batches it must not: with JAX the state is not
in the model then, and reading waits for the device. There a `Gauge` compares what holds the numbers
and reads only when somebody has touched it.

Knows models, optimizers and callbacks; nothing of what a difference means. Changes nothing.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

import keras

from epochline.callbacks.measure import iterations, learning_rates, number, optimizers
from epochline.callbacks.private import peek

__all__ = [
    "Gauge",
    "Look",
    "Situation",
    "changed",
    "look",
    "rate_changes",
    "same",
    "schedule_of",
    "target",
]

_COUNTERS: Final = (
    "wait",
    "best",
    "best_epoch",
    "stopped_epoch",
    "cooldown_counter",
    "_batches_seen_since_last_saving",
    "_ema_weights_in_model",
)
_MISSING: Final = object()
_SAME_RATE: Final = 1e-12


@dataclass(frozen=True, slots=True, kw_only=True)
class Situation:
    """Where the training is.

    Attributes:
        hook: Which hook is called.
        epoch: Zero-based epoch.
        batch: Zero-based batch of the epoch; None outside of batches.
        logs: What Keras passes to the hook.
        planned: How many epochs are planned; None when unknown.
    """

    hook: str
    epoch: int
    batch: int | None
    logs: Mapping[str, Any]
    planned: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Look:
    """What can be seen of a model and one callback at one moment.

    Attributes:
        rates: Learning rate of each optimizer by name; the only one is called "".
        stopping: `model.stop_training`.
        step: Optimizer updates done; None without an optimizer.
        initial_epoch: What a callback set as the epoch to go on with.
        state: The counters of the callback, as far as it has them.
        file: Identity of the file that it would write, None when there is none.
    """

    rates: Mapping[str, float]
    stopping: bool
    step: int | None = None
    initial_epoch: int | None = None
    state: Mapping[str, Any] = field(default_factory=dict)
    file: tuple[int, int, int] | None = None

    def of(
        self,
        callback: keras.callbacks.Callback,
        at: Situation,
        best_epoch: int | None = None,
    ) -> Look:
        """Returns the same moment with the counters of `callback`.

        Args:
            callback: One of the list.
            at: Its hook.
            best_epoch: Epoch of its `best`, for callbacks that do not count that themselves.
        """
        counters = [(name, getattr(callback, name, _MISSING)) for name in _COUNTERS]
        state = {name: value for name, value in counters if value is not _MISSING}
        state.setdefault("best_epoch", best_epoch)
        known = "_batches_seen_since_last_saving" in state
        path = None if at.batch is not None and known else target(callback, at)
        return Look(
            rates=self.rates,
            stopping=self.stopping,
            step=self.step,
            initial_epoch=self.initial_epoch,
            state=state,
            file=None if path is None else _identity(path),
        )


def look(model: keras.Model) -> Look:
    """Returns what can be seen of `model` now; its state must be in it."""
    return Look(
        rates=learning_rates(model),
        stopping=bool(model.stop_training),
        step=iterations(model),
        initial_epoch=peek(model, "_initial_epoch"),
    )


def changed(before: Look, after: Look, name: str) -> bool:
    """Returns whether a counter of the callback has another value; NaN is no other than NaN."""
    old, new = before.state.get(name), after.state.get(name)
    return new is not None and (old is None or bool(old != new and new == new))  # noqa: PLR0124 – NaN


def rate_changes(before: Look, after: Look) -> Iterator[tuple[str, float, float]]:
    """Yields optimizer name, rate before and rate after of each learning rate that changed."""
    for name, rate in after.rates.items():
        old = before.rates.get(name, rate)
        if abs(rate - old) > _SAME_RATE * max(abs(rate), abs(old)):
            yield name, old, rate


def target(callback: keras.callbacks.Callback, at: Situation) -> str | None:
    """Returns the file that a stock callback would write in this hook, None when it is not known.

    Args:
        callback: Any callback.
        at: The hook. An earlier `_get_file_path` of Keras's fills the same values in.
    """
    if isinstance(callback, keras.callbacks.BackupAndRestore):
        path = peek(callback, "_weights_path")
        return None if path is None else str(path)
    if not isinstance(callback, keras.callbacks.ModelCheckpoint):
        return None
    if at.hook not in ("on_epoch_end", "on_train_batch_end"):
        return None
    values = {"epoch": at.epoch + 1, **at.logs}
    if at.batch is not None:
        values.setdefault("batch", at.batch + 1)
    try:
        return str(callback.filepath.format(**values))
    except (KeyError, ValueError, IndexError):
        return None  # Keras itself is about to complain


def schedule_of(model: keras.Model) -> str | None:
    """Returns the class of the schedule that sets the learning rate of `model`, None without."""
    for _, optimizer in optimizers(model):
        rate = peek(optimizer, "_learning_rate")
        if isinstance(rate, keras.optimizers.schedules.LearningRateSchedule):
            return type(rate).__name__
    return None


class Gauge:
    """Tells between batches whether a callback has touched the learning rate or the step.

    Args:
        model: The model itself, not by way of `Callback.model`, which moves JAX's state.
    """

    def __init__(self, model: keras.Model) -> None:
        self._model = model
        self._backend = keras.backend.backend()
        optimizer = getattr(model, "optimizer", None)
        self._step = getattr(optimizer, "iterations", None)
        variables = list(getattr(optimizer, "variables", ()))
        self._places = {id(variable): place for place, variable in enumerate(variables)}
        self._blind = self._backend == "jax" and not hasattr(model, "_jax_state_synced")

    def marks(self) -> tuple[Any, ...]:
        """Returns things that stay the same for as long as nobody sets learning rate or step."""
        if self._blind:
            return ()
        watched = [variable for _, variable in self._rates()]
        if self._step is not None and self._backend in ("jax", "torch"):
            watched.append(self._step)  # elsewhere it would have to be read
        return tuple(self._mark(variable) for variable in watched)

    def rates(self) -> dict[str, float]:
        """Returns the learning rates that no schedule gives, by name of the optimizer."""
        return {name: number(self._value(variable)) for name, variable in self._rates()}

    def step(self) -> int | None:
        """Returns the optimizer updates done; None when that cannot be seen between batches."""
        return None if self._step is None or self._blind else int(number(self._value(self._step)))

    def _rates(self) -> Iterator[tuple[str, Any]]:
        for name, optimizer in optimizers(self._model):
            rate = peek(optimizer, "_learning_rate")
            if isinstance(rate, keras.Variable):
                yield name, rate

    def _value(self, variable: Any) -> Any:
        """Returns what holds the value, also while JAX has it outside of the variable."""
        if self._backend == "jax" and not self._model._jax_state_synced:  # noqa: SLF001 – see private.py
            held = self._model._jax_state.get("optimizer_variables")  # noqa: SLF001
            place = self._places.get(id(variable))
            if held is not None and place is not None:  # in a validation it stays in the variable
                return held[place]
        return variable.value

    def _mark(self, variable: Any) -> Any:
        value = self._value(variable)
        if self._backend == "jax":
            return value  # arrays never change: who sets the variable puts in another one
        if self._backend == "torch" and value.device.type != "cpu":
            return (id(value), value._version)  # noqa: SLF001 – counts what is written to it
        return number(value)


def same(before: tuple[Any, ...], after: tuple[Any, ...]) -> bool:
    """Returns whether the marks of a `Gauge` are what they were."""
    return len(before) == len(after) and all(
        old is new or (isinstance(old, float | tuple) and old == new)
        for old, new in zip(before, after, strict=True)
    )


def _identity(path: str) -> tuple[int, int, int] | None:
    try:
        status = os.stat(path)
    except OSError:
        return None
    return status.st_ino, status.st_mtime_ns, status.st_size
