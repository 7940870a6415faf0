"""The counters of the callbacks that wait for improvement.

After a restore they may go on, or begin anew as in `on_train_begin`; after an undo they are what
they were.

Invariant: `put_back` sets attributes and calls nothing.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Final

import keras

__all__ = ["CaptureOfCounters", "capture_counters", "put_back", "reset_counters", "waiting"]

# As `on_train_begin` sets them (keras/src/callbacks, 3.15).
_BEGINNING: Final[dict[type[keras.callbacks.Callback], dict[str, Any]]] = {
    keras.callbacks.EarlyStopping: {
        "wait": 0,
        "best": None,
        "best_epoch": 0,
        "best_weights": None,
        "stopped_epoch": 0,
    },
    keras.callbacks.ReduceLROnPlateau: {"wait": 0, "best": None, "cooldown_counter": 0},
}

CaptureOfCounters = list[tuple[keras.callbacks.Callback, dict[str, Any]]]
"""Each such callback with its attributes."""


def waiting(callbacks: Iterable[keras.callbacks.Callback]) -> list[keras.callbacks.Callback]:
    """Returns the callbacks that have such counters."""
    return [item for item in callbacks if isinstance(item, tuple(_BEGINNING))]


def capture_counters(callbacks: Iterable[keras.callbacks.Callback]) -> CaptureOfCounters:
    """Returns the counters as they are; weights are held, not copied, as Keras replaces them."""
    return [
        (item, {name: getattr(item, name) for name in _names(item) if hasattr(item, name)})
        for item in waiting(callbacks)
    ]


def put_back(captured: CaptureOfCounters) -> None:
    """Sets the counters to what they were."""
    for item, values in captured:
        for name, value in values.items():
            setattr(item, name, value)


def reset_counters(callbacks: Iterable[keras.callbacks.Callback]) -> None:
    """Lets the counters begin anew."""
    for item in waiting(callbacks):
        for name, value in _names(item).items():
            setattr(item, name, value)


def _names(callback: keras.callbacks.Callback) -> dict[str, Any]:
    return next(names for kind, names in _BEGINNING.items() if isinstance(callback, kind))
