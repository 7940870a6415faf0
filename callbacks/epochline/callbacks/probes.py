"""Look at a `fit` from inside: a probe before and after every callback of its `CallbackList`.

Keras gives a callback no way to see its siblings. While `CallbackList.set_params` calls us, it
stands one frame above, so that the live list can be taken from there; the probes go into that one
list, and nothing of Keras is changed for the process. What the probes report is not interpreted
here.

Invariant: the callbacks of the user are called in their order, with the same arguments, as without
probes; no method runs per batch unless one of them already has a batch hook, or the number of
batches is unknown.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from typing import Any, Final, Protocol

import keras

__all__ = ["HOOKS", "Watcher", "find_callback_list", "has_batch_hook", "insert_probes", "overrides"]

HOOKS: Final = ("on_train_begin", "on_epoch_begin", "on_epoch_end", "on_train_end")
"""The hooks that probes report."""

_BATCH_HOOKS: Final = (
    "on_train_batch_begin",
    "on_train_batch_end",
    "on_batch_begin",
    "on_batch_end",
)
_FRAMES: Final = 8


class Watcher(Protocol):
    """Who gets the reports."""

    def reached(self, index: int, hook: str, epoch: int | None, logs: Mapping[str, Any]) -> None:
        """Called when the callback at `index` has done its `hook`; -1 before the first."""

    def batch_reached(self, index: int, batch: int, logs: Mapping[str, Any]) -> None:
        """Called when the callback at `index` has done its `on_train_batch_end`; -1 likewise."""


def find_callback_list() -> keras.callbacks.CallbackList | None:
    """Returns the `CallbackList` that is calling, None when none is within a few frames."""
    frame = sys._getframe(1)  # noqa: SLF001 – the one way to it that patches nothing
    for _ in range(_FRAMES):
        owner = frame.f_locals.get("self")
        if isinstance(owner, keras.callbacks.CallbackList):
            return owner
        if frame.f_back is None:
            break
        frame = frame.f_back
    return None


def overrides(callback: keras.callbacks.Callback, hook: str) -> bool:
    """Returns whether `callback` does anything in `hook`."""
    method = getattr(callback, hook)
    return getattr(method, "__func__", None) is not getattr(keras.callbacks.Callback, hook)


def has_batch_hook(callback: keras.callbacks.Callback) -> bool:
    """Returns whether `callback` acts in training batches, other than as the progress bar."""
    if isinstance(callback, keras.callbacks.ProgbarLogger | _Probe):
        return False
    return any(overrides(callback, hook) for hook in _BATCH_HOOKS)


def insert_probes(
    callback_list: keras.callbacks.CallbackList, watcher: Watcher
) -> tuple[keras.callbacks.Callback, ...]:
    """Puts a probe before the first and behind every callback; returns those that are watched.

    The list object is replaced, not changed, because it may just be iterated over.
    """
    watched = tuple(item for item in callback_list.callbacks if not isinstance(item, _Probe))
    steps_known = bool((callback_list.params or {}).get("steps"))
    batches = any(has_batch_hook(item) for item in watched)
    head = _Probe(watcher, -1, per_batch=batches or not steps_known)
    members: list[keras.callbacks.Callback] = [head]
    index = 0
    for item in callback_list.callbacks:
        members.append(item)
        if not isinstance(item, _Probe):
            members.append(_Probe(watcher, index, per_batch=has_batch_hook(item)))
            index += 1
    for member in members:
        if isinstance(member, _Probe) and member.watcher is watcher:
            member.set_params(callback_list.params)
            member.set_model(callback_list._model)  # noqa: SLF001 – `.model` would sync JAX state
    callback_list.callbacks = members
    return watched


def watchers(callback_list: keras.callbacks.CallbackList) -> Sequence[Watcher]:
    """Returns those who already watch `callback_list`."""
    found = [item.watcher for item in callback_list.callbacks if isinstance(item, _Probe)]
    return tuple(dict.fromkeys(found))


class _Probe(keras.callbacks.Callback):
    """Reports to a watcher that a place in the list was reached.

    Args:
        watcher: Who is told.
        index: Place of the callback before it; -1 for the first probe.
        per_batch: Whether to report batches as well.
    """

    def __init__(self, watcher: Watcher, index: int, *, per_batch: bool) -> None:
        super().__init__()
        self.watcher = watcher
        self.index = index
        if per_batch:
            # Bound to the instance: a method of the class would be called for every batch of every
            # fit.
            self.on_train_batch_end = self._on_train_batch_end

    def on_train_begin(self, logs: Mapping[str, Any] | None = None) -> None:
        self.watcher.reached(self.index, "on_train_begin", None, logs or {})

    def on_epoch_begin(self, epoch: int, logs: Mapping[str, Any] | None = None) -> None:
        self.watcher.reached(self.index, "on_epoch_begin", epoch, logs or {})

    def on_epoch_end(self, epoch: int, logs: Mapping[str, Any] | None = None) -> None:
        self.watcher.reached(self.index, "on_epoch_end", epoch, logs or {})

    def on_train_end(self, logs: Mapping[str, Any] | None = None) -> None:
        self.watcher.reached(self.index, "on_train_end", None, logs or {})

    def _on_train_batch_end(self, batch: int, logs: Mapping[str, Any] | None = None) -> None:
        self.watcher.batch_reached(self.index, batch, logs or {})
