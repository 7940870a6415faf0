"""What Keras's own callbacks can do in which hook, so that nothing is looked at in vain.

Goes by the functions themselves, not by class names: a subclass that overrides a hook is watched in
that hook like any callback of the user's. What a version of Keras does not have is left out.

Invariant: a hook that is called harmless here changes neither the learning rate, the optimizer's
step, `stop_training`, nor a file that is recorded. Read from `keras/src/callbacks/*.py`, 3.15.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, Final

import keras

__all__ = ["BATCH_HOOKS", "HOOKS", "OrbaxCheckpoint", "acts", "touches_rate"]

HOOKS: Final = (
    "on_train_begin",
    "on_epoch_begin",
    "on_test_begin",
    "on_test_end",
    "on_epoch_end",
    "on_train_end",
)
"""The hooks of `fit` outside of batches."""

BATCH_HOOKS: Final = (
    "on_train_batch_begin",
    "on_train_batch_end",
    "on_test_batch_begin",
    "on_test_batch_end",
)
"""The hooks of its batches."""

# What Keras calls for a hook whose own method is not overridden.
_ALIASES: Final = {"on_train_batch_begin": "on_batch_begin", "on_train_batch_end": "on_batch_end"}


class _NotThere:
    """In place of a class that this Keras does not have; nothing is an instance of it."""


OrbaxCheckpoint: Final[type[Any]] = getattr(keras.callbacks, "OrbaxCheckpoint", _NotThere)
"""`keras.callbacks.OrbaxCheckpoint`, the youngest of Keras's callbacks."""

_Function = Callable[..., Any]


def _functions(**hooks: str) -> frozenset[_Function]:
    """Returns the functions of stock callbacks, given as class name and hooks."""
    found = (
        getattr(getattr(keras.callbacks, kind, None), hook, None)
        for kind, names in hooks.items()
        for hook in names.split()
    )
    return frozenset(function for function in found if function is not None)


_EVERY: Final = " ".join((*HOOKS, *BATCH_HOOKS, *_ALIASES.values()))

# They write down what they see, count, or reset their own counters.
_HARMLESS: Final = _functions(
    Callback=_EVERY,
    CSVLogger=_EVERY,
    History=_EVERY,
    ProgbarLogger=_EVERY,
    RemoteMonitor=_EVERY,
    TensorBoard=_EVERY,
    EarlyStopping="on_train_begin",
    LearningRateScheduler="on_epoch_end",
    ModelCheckpoint="on_epoch_begin",
    ReduceLROnPlateau="on_train_begin",
)

# They may stop, save or swap weights, but leave learning rate and step alone.
_RATE_SAFE: Final = _HARMLESS | _functions(
    BackupAndRestore="on_epoch_end on_train_batch_end on_train_end",
    EarlyStopping="on_epoch_end on_train_end",
    ModelCheckpoint="on_epoch_end on_train_batch_end",
    OrbaxCheckpoint="on_epoch_end on_train_batch_end on_train_end",
    SwapEMAWeights="on_epoch_begin on_epoch_end on_test_begin on_test_end",
    TerminateOnNaN="on_batch_end",
)

# They do something in batches only when they were asked to save there.
_BY_SAVE_FREQ: Final = _functions(
    BackupAndRestore="on_train_batch_end",
    ModelCheckpoint="on_train_batch_end",
    OrbaxCheckpoint="on_train_batch_end",
)


def acts(callback: keras.callbacks.Callback, hook: str) -> bool:
    """Returns whether `callback` may decide or change something in `hook`."""
    return any(
        function not in _HARMLESS
        and not (function in _BY_SAVE_FREQ and getattr(callback, "save_freq", None) == "epoch")
        for function in _called(callback, hook)
    )


def touches_rate(callback: keras.callbacks.Callback, hook: str) -> bool:
    """Returns whether `callback` may change the learning rate or the optimizer's step there."""
    return any(function not in _RATE_SAFE for function in _called(callback, hook))


def _called(callback: keras.callbacks.Callback, hook: str) -> Iterator[_Function]:
    for name in (hook, _ALIASES.get(hook)):
        if name is not None:
            method = getattr(callback, name)
            yield getattr(method, "__func__", method)
