"""What Keras's own callbacks can do in which hook, so that nothing is looked at in vain.

Goes by the functions themselves, not by class names: a subclass that overrides a hook is watched in
that hook like any callback of the user's.

Invariant: a hook that is called harmless here changes neither the learning rate, the optimizer's
step, `stop_training`, nor a file that is recorded. Read from `keras/src/callbacks/*.py`, 3.15.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, Final

import keras

__all__ = ["BATCH_HOOKS", "HOOKS", "acts", "touches_rate"]

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

_Function = Callable[..., Any]
_stock = keras.callbacks


def _functions(*methods: _Function) -> frozenset[_Function]:
    return frozenset(methods)


def _all_hooks(*kinds: type[keras.callbacks.Callback]) -> Iterator[_Function]:
    for kind in kinds:
        for hook in (*HOOKS, *BATCH_HOOKS, *_ALIASES.values()):
            yield getattr(kind, hook)


# They write down what they see, count, or reset their own counters.
_HARMLESS: Final = frozenset(
    _all_hooks(
        _stock.Callback,
        _stock.CSVLogger,
        _stock.History,
        _stock.ProgbarLogger,
        _stock.RemoteMonitor,
        _stock.TensorBoard,
    )
) | _functions(
    _stock.EarlyStopping.on_train_begin,
    _stock.LearningRateScheduler.on_epoch_end,
    _stock.ModelCheckpoint.on_epoch_begin,
    _stock.ReduceLROnPlateau.on_train_begin,
)

# They may stop, save or swap weights, but leave learning rate and step alone.
_RATE_SAFE: Final = _functions(
    _stock.BackupAndRestore.on_epoch_end,
    _stock.BackupAndRestore.on_train_batch_end,
    _stock.BackupAndRestore.on_train_end,
    _stock.EarlyStopping.on_epoch_end,
    _stock.EarlyStopping.on_train_end,
    _stock.ModelCheckpoint.on_epoch_end,
    _stock.ModelCheckpoint.on_train_batch_end,
    _stock.OrbaxCheckpoint.on_epoch_end,
    _stock.OrbaxCheckpoint.on_train_batch_end,
    _stock.OrbaxCheckpoint.on_train_end,
    _stock.SwapEMAWeights.on_epoch_begin,
    _stock.SwapEMAWeights.on_epoch_end,
    _stock.SwapEMAWeights.on_test_begin,
    _stock.SwapEMAWeights.on_test_end,
    _stock.TerminateOnNaN.on_batch_end,
)

# They do something in batches only when they were asked to save there.
_BY_SAVE_FREQ: Final = _functions(
    _stock.BackupAndRestore.on_train_batch_end,
    _stock.ModelCheckpoint.on_train_batch_end,
    _stock.OrbaxCheckpoint.on_train_batch_end,
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
    return any(function not in _HARMLESS | _RATE_SAFE for function in _called(callback, hook))


def _called(callback: keras.callbacks.Callback, hook: str) -> Iterator[_Function]:
    for name in (hook, _ALIASES.get(hook)):
        if name is not None:
            method = getattr(callback, name)
            yield getattr(method, "__func__", method)
