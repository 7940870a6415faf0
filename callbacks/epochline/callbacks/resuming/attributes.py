"""What callbacks and data sources remember in attributes: their state is what the training changed.

For Keras's callbacks and ours the names of the attributes are known. An object of another class is
asked by `state_dict()` and told by `load_state_dict(state)` if it has both (the names are PyTorch's
and Lightning's); else every attribute that is a plain value, an array or a random generator counts,
if it is another one than when the training began.

Invariant: restoring sets attributes, and calls nothing but `load_state_dict`.
"""

from __future__ import annotations

import random
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

import keras
import numpy as np

from epochline.callbacks.live_restore import LiveRestore
from epochline.callbacks.model_checkpoint import ModelCheckpoint
from epochline.callbacks.part import PartCallback
from epochline.restore.plain import NotPlainError, encode
from epochline.store.digest import Digester

__all__ = ["Baseline", "Siblings", "plain_copy"]

_SEPARATELY: Final = 64 << 20
"""Arrays of more bytes are compared by identity: they are data, and reading them costs time."""

_NOTHING: Final[tuple[str, ...]] = ()
# Class -> attributes that `fit` changes. min_delta and monitor_op of the monitoring ones are not
# among them: Keras flips the sign of the first when it sets the second.
_KNOWN: Final[dict[type[Any], tuple[str, ...]]] = {
    keras.callbacks.EarlyStopping: ("wait", "best", "best_epoch", "stopped_epoch", "best_weights"),
    keras.callbacks.ReduceLROnPlateau: ("wait", "best", "cooldown_counter"),
    keras.callbacks.ModelCheckpoint: (
        "best",
        "_current_epoch",
        "_last_batch_seen",
        "_batches_seen_since_last_saving",
    ),
    keras.callbacks.TensorBoard: ("_global_train_batch", "_global_test_batch"),
    keras.callbacks.SwapEMAWeights: ("_ema_weights_in_model",),
    keras.callbacks.History: ("history", "epoch"),
    keras.callbacks.LearningRateScheduler: _NOTHING,
    keras.callbacks.TerminateOnNaN: _NOTHING,
    keras.callbacks.ProgbarLogger: _NOTHING,
    keras.callbacks.CSVLogger: _NOTHING,
    keras.callbacks.RemoteMonitor: _NOTHING,
    keras.callbacks.LambdaCallback: _NOTHING,
    ModelCheckpoint: ("best", "best_epoch", "_epoch", "_last_batch", "_batches_since_save"),
    LiveRestore: ("nan_state",),
    PartCallback: _NOTHING,
}
_NO_STATE: Final = frozenset({"_model", "params", "min_delta", "monitor_op"})
_FLIPPED: Final = "min_delta"
_SETTINGS: Final = (int, float, str, bool, type(None))


class Baseline:
    """What an object of an unknown class was like when the training began.

    Args:
        target: A callback or a data source.
        without: Attributes that are no state.
    """

    def __init__(self, target: Any, without: Iterable[str] = ()) -> None:
        self._target = target
        self._without = frozenset(without)
        self._alive = self._attributes()  # else another object could get the identity of one
        self._begin = {name: _print(value) for name, value in self._alive.items()}
        self._restored: set[str] = set()

    @property
    def _says_itself(self) -> bool:
        return all(
            callable(getattr(self._target, name, None))
            for name in ("state_dict", "load_state_dict")
        )

    def capture(self) -> dict[str, Any]:
        """Returns the state: `{"state_dict": …}`, or `{"attributes": {name: value}}`.

        Raises:
            NotPlainError: If what `state_dict()` returns cannot be saved.
        """
        if self._says_itself:
            state = self._target.state_dict()
            encode(state)
            return {"state_dict": plain_copy(state)}
        return {
            "attributes": {
                name: plain_copy(_plain(value))
                for name, value in self._changed()
                if _plain(value) is not _CANNOT
            }
        }

    def lost(self) -> list[str]:
        """Returns the attributes that were exchanged meanwhile and cannot be saved."""
        if self._says_itself:
            return []
        return [name for name, value in self._changed() if _plain(value) is _CANNOT]

    def restore(self, saved: Mapping[str, Any]) -> None:
        """Puts back what `capture` returned."""
        if "state_dict" in saved:
            self._target.load_state_dict(plain_copy(saved["state_dict"]))
            return
        for name, value in saved["attributes"].items():
            self._restored.add(name)
            if isinstance(value, dict) and _GENERATOR in value:
                _restore_generator(getattr(self._target, name, None), value)
            else:
                setattr(self._target, name, plain_copy(value))

    def _attributes(self) -> dict[str, Any]:
        attributes = getattr(self._target, "__dict__", {})
        return {name: value for name, value in attributes.items() if name not in self._without}

    def _changed(self) -> list[tuple[str, Any]]:
        return [
            (name, value)
            for name, value in self._attributes().items()
            if name in self._restored or _print(value) != self._begin.get(name)
        ]


class Siblings:
    """The state of all callbacks of a `fit`.

    Args:
        callbacks: They, in order; without what only observes.
    """

    def __init__(self, callbacks: Iterable[keras.callbacks.Callback]) -> None:
        self._callbacks = tuple(callbacks)
        known = [_known(item) for item in self._callbacks]
        self._baselines = [
            Baseline(item, _NO_STATE) if names is None else None
            for item, names in zip(self._callbacks, known, strict=True)
        ]
        self._settings = [
            _settings(item, names or ()) for item, names in zip(self._callbacks, known, strict=True)
        ]

    def capture(self) -> list[dict[str, Any]]:
        """Returns class, settings and state of each, in order."""
        told = []
        for item, baseline, settings in zip(
            self._callbacks, self._baselines, self._settings, strict=True
        ):
            state = (
                baseline.capture()
                if baseline is not None
                else {
                    "attributes": {
                        name: plain_copy(getattr(part, name))
                        for part in _parts(item)
                        for name in _names(part)
                        if hasattr(part, name)
                    }
                }
            )
            told.append({"class": _class(item), "settings": settings, "state": state})
        return told

    def lost(self) -> list[str]:
        """Returns what of the callbacks cannot be saved, as `Class.attribute`."""
        return [
            f"{type(item).__name__}.{name}"
            for item, baseline in zip(self._callbacks, self._baselines, strict=True)
            if baseline is not None
            for name in baseline.lost()
        ]

    def differences(self, saved: Sequence[Mapping[str, Any]]) -> list[str]:
        """Returns in sentences how these callbacks differ from those that were saved."""
        told = []
        partners = self._partners(saved)
        for index, item in enumerate(self._callbacks):
            entry = partners.get(index)
            if entry is None:
                told.append(f"{type(item).__name__} is new and begins afresh.")
                continue
            for name, now in self._settings[index].items():
                before = entry["settings"].get(name, now)
                if before != now:
                    told.append(f"{type(item).__name__}.{name} was {before!r}, and is {now!r}.")
        kept = {id(entry) for entry in partners.values()}
        told.extend(
            f"{entry['class'].rpartition('.')[2]} is gone."
            for entry in saved
            if id(entry) not in kept
        )
        return told

    def restore(self, saved: Sequence[Mapping[str, Any]]) -> None:
        """Puts back what `capture` returned, as far as the callbacks are still there."""
        for index, entry in self._partners(saved).items():
            item, baseline = self._callbacks[index], self._baselines[index]
            if baseline is not None:
                baseline.restore(entry["state"])
                continue
            saved_attributes = entry["state"].get("attributes", {})
            for part in _parts(item):
                for name in _names(part):
                    if name in saved_attributes:
                        setattr(part, name, plain_copy(saved_attributes[name]))

    def _partners(self, saved: Sequence[Mapping[str, Any]]) -> dict[int, Mapping[str, Any]]:
        """Returns which saved entry belongs to which callback: the n-th of its class."""
        left: dict[str, list[Mapping[str, Any]]] = {}
        for entry in saved:
            left.setdefault(entry["class"], []).append(entry)
        partners = {}
        for index, item in enumerate(self._callbacks):
            entries = left.get(_class(item))
            if entries:
                partners[index] = entries.pop(0)
        return partners


def _known(callback: keras.callbacks.Callback) -> tuple[str, ...] | None:
    """Returns the names of the state of a callback whose class is known, None of another."""
    if type(callback).__module__.split(".")[0] not in {"keras", "epochline"}:
        return None
    if not any(isinstance(callback, kind) for kind in _KNOWN):
        return None
    return tuple(name for part in _parts(callback) for name in _names(part))


def _names(part: keras.callbacks.Callback) -> tuple[str, ...]:
    """Returns the names of the state of one of the known classes."""
    return next(names for kind, names in _KNOWN.items() if isinstance(part, kind))


def _parts(callback: keras.callbacks.Callback) -> list[keras.callbacks.Callback]:
    """Returns the objects whose attributes are the state: a `Timeline` has them in its parts."""
    composed = (getattr(callback, name, None) for name in ("checkpoint", "live"))
    return [callback, *(part for part in composed if isinstance(part, PartCallback))]


def _class(item: Any) -> str:
    return f"{type(item).__module__}.{type(item).__qualname__}"


def _settings(callback: keras.callbacks.Callback, state: Iterable[str]) -> dict[str, Any]:
    """Returns the plain public attributes that are no state: what it was made with."""
    no_setting = {*_NO_STATE - {_FLIPPED}, *state, "verbose"}
    settings = {
        name: value
        for name, value in vars(callback).items()
        if type(value) in _SETTINGS and not name.startswith("_") and name not in no_setting
    }
    if isinstance(settings.get(_FLIPPED), int | float):
        settings[_FLIPPED] = abs(settings[_FLIPPED])
    return settings if _known(callback) is not None else {}


_CANNOT: Final = object()
_GENERATOR: Final = "random generator"


def _plain(value: Any) -> Any:
    """Returns `value` as it can be saved; `_CANNOT` when it cannot."""
    if isinstance(value, random.Random):
        return {_GENERATOR: "python", "state": value.getstate()}
    if isinstance(value, np.random.Generator):
        return {_GENERATOR: "numpy", "state": value.bit_generator.state}
    if isinstance(value, np.random.RandomState):
        return {_GENERATOR: "numpy legacy", "state": value.get_state(legacy=False)}
    try:
        encode(value)
    except NotPlainError:
        return _CANNOT
    return value


def _restore_generator(generator: Any, saved: Mapping[str, Any]) -> None:
    if isinstance(generator, random.Random):
        generator.setstate(saved["state"])
    elif isinstance(generator, np.random.Generator):
        generator.bit_generator.state = saved["state"]
    elif isinstance(generator, np.random.RandomState):
        generator.set_state(saved["state"])


def _print(value: Any) -> Any:
    """Returns what tells two values apart: of those that cannot be saved, which object it is."""
    plain = _plain(value)
    if plain is _CANNOT or (isinstance(plain, np.ndarray) and plain.nbytes > _SEPARATELY):
        return id(value)
    digester = Digester()
    for buffer in encode(plain):
        digester.update(buffer)
    return digester.digest()


def plain_copy(value: Any) -> Any:
    """Returns a copy of a plain value that shares nothing with it that can change."""
    if isinstance(value, np.ndarray):
        return np.array(value)
    if isinstance(value, dict):
        return {key: plain_copy(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return type(value)(plain_copy(item) for item in value)
    return value
