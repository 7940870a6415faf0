"""Look at a `fit` from inside: probes between the callbacks of its `CallbackList`.

Keras gives a callback no way to see its siblings. While `CallbackList.set_params` calls us, it
stands one frame above, so that the live list can be taken from there. The hooks of that one list
object are wrapped: for the length of a hook, the list holds a probe behind each callback that acts
in it. Nothing of Keras is changed for the process. What the probes report is not interpreted here.

Invariant: the callbacks of the user are called in their order, with the same arguments, as without
probes. Between hooks the list is as it was, so that nothing runs per batch unless a callback acts
in batches or Keras does not know how many there are.
"""

from __future__ import annotations

import sys
import weakref
from collections.abc import Callable, Mapping, Sequence
from itertools import takewhile
from traceback import walk_tb
from types import TracebackType
from typing import Any, Final, NamedTuple, Protocol

import keras

from epochline.callbacks.private import peek
from epochline.callbacks.stock import BATCH_HOOKS, HOOKS, acts

__all__ = ["TRAIN_BEGIN", "Apart", "Place", "Probes", "Watcher", "find_callback_list"]

_ALWAYS: Final = frozenset({"on_train_begin", "on_epoch_begin", "on_epoch_end", "on_train_end"})
_OURS: Final = "_epochline_probes"
_FRAMES: Final = 8


class Place(NamedTuple):
    """A place in the list, in one hook.

    Attributes:
        hook: The hook.
        behind: Index of the callback that has just done its hook, None for none.
        ahead: Index of the callback that acts next, None for none.
        first: Whether the hook begins here.
        last: Whether it ends here.
    """

    hook: str
    behind: int | None = None
    ahead: int | None = None
    first: bool = False
    last: bool = False


TRAIN_BEGIN: Final = Place("on_train_begin", first=True)
"""Where a training begins whose list was found when it had begun already."""


class Watcher(Protocol):
    """Who gets the reports."""

    def reached(self, place: Place, number: int | None, logs: Mapping[str, Any]) -> None:
        """Called at each place; `number` is the epoch or the batch that Keras names."""

    def batch_ended(self, batch: int) -> None:
        """Called before the callbacks are told that a batch ended, where batches are counted."""

    def left(self, error: BaseException | None, index: int | None) -> None:
        """Called when `fit` was left: by an exception in the callback at `index`, if known."""


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


class Apart(keras.callbacks.Callback):
    """A callback of ours that acts around all others, and so has no place among them."""


class Probes:
    """The probes of one callback list; made by `of`.

    Args:
        callback_list: The list.

    Attributes:
        callbacks: Its callbacks, in order.
        watchers: Who is told.
        counting: Whether `Watcher.batch_ended` is called.
    """

    def __init__(self, callback_list: keras.callbacks.CallbackList) -> None:
        self.callbacks: tuple[keras.callbacks.Callback, ...] = ()
        self.watchers: list[Watcher] = []
        self.counting = False
        self._list = weakref.ref(callback_list)
        self._members: dict[str, list[keras.callbacks.Callback]] = {}
        self._ahead: int | None = None
        self._prepare(callback_list)
        setattr(callback_list, _OURS, self)
        # A `fit` that is left between two hooks says nothing; but its list goes.
        weakref.finalize(callback_list, self._gone).atexit = False

    @classmethod
    def of(cls, callback_list: keras.callbacks.CallbackList) -> Probes:
        """Returns the probes of `callback_list`, which are made if there are none."""
        found = getattr(callback_list, _OURS, None)
        return found if isinstance(found, Probes) else cls(callback_list)

    @property
    def callback_list(self) -> keras.callbacks.CallbackList | None:
        """The list; None when it is gone."""
        return self._list()

    def reached(self, place: Place, number: int | None, logs: Mapping[str, Any] | None) -> None:
        """Called by the probes."""
        self._ahead = place.ahead
        for watcher in self.watchers:
            watcher.reached(place, number, logs or {})

    def _prepare(self, owner: keras.callbacks.CallbackList) -> None:
        """Looks at which callbacks there are, and wraps the hooks where one of them acts."""
        own = owner.callbacks
        self.callbacks = tuple(item for item in own if not isinstance(item, Apart))
        self._members = {hook: self._with_probes(hook, own) for hook in (*HOOKS, *BATCH_HOOKS)}
        wrapped = {hook for hook, members in self._members.items() if members}
        self.counting = bool(wrapped & set(BATCH_HOOKS)) or not (owner.params or {}).get("steps")
        if self.counting:
            wrapped.add("on_train_batch_end")
        for hook in wrapped:
            if hook not in vars(owner):
                setattr(owner, hook, self._wrapped(hook))

    def _with_probes(
        self, hook: str, own: Sequence[keras.callbacks.Callback]
    ) -> list[keras.callbacks.Callback]:
        """Returns the members of the list during `hook`; none where nothing is to be seen."""
        acting = [index for index, item in enumerate(self.callbacks) if acts(item, hook)]
        if not acting and hook not in _ALWAYS:
            return []
        following = dict(zip([None, *acting], [*acting, None], strict=True))
        front = list(takewhile(lambda item: isinstance(item, Apart), own))
        members = [*front, _Probe(self, Place(hook, ahead=following[None], first=True))]
        for index, item in enumerate(self.callbacks):
            members.append(item)
            if index in following:
                members.append(_Probe(self, Place(hook, behind=index, ahead=following[index])))
        back = [item for item in own[len(front) :] if isinstance(item, Apart)]
        return [*members, _Probe(self, Place(hook, last=True)), *back]

    def _wrapped(self, hook: str) -> Callable[..., None]:
        # Must not hold the list: that would keep it alive, and nobody would see that it goes.
        def call(*args: Any, **kwargs: Any) -> None:
            owner = self._list()
            if owner is not None:
                self._call(owner, hook, args, kwargs)

        return call

    def _call(
        self,
        owner: keras.callbacks.CallbackList,
        hook: str,
        args: tuple[Any, ...],
        kwargs: dict[str, Any],
    ) -> None:
        if hook == "on_train_begin":
            self._prepare(owner)
        elif hook == "on_train_batch_end":
            for watcher in self.watchers:
                watcher.batch_ended(args[0] if args else kwargs["batch"])
        method = getattr(type(owner), hook)
        members = self._members[hook]
        # Keras hands that hook to a thread then, which does not wait for us.
        asynchronous = hook == "on_train_batch_end" and peek(owner, "_async_train", default=False)
        if not members or asynchronous:
            method(owner, *args, **kwargs)
            return
        own, owner.callbacks = owner.callbacks, members
        try:
            method(owner, *args, **kwargs)
        except BaseException as error:
            index = _culprit(self.callbacks, error.__traceback__)
            for watcher in self.watchers:
                watcher.left(error, self._ahead if index is None else index)
            raise
        finally:
            if owner.callbacks is members:
                owner.callbacks = own
            else:  # somebody put in another list meanwhile
                owner.callbacks = [it for it in owner.callbacks if not isinstance(it, _Probe)]
                self._prepare(owner)

    def _gone(self) -> None:
        for watcher in self.watchers:
            watcher.left(None, None)


def _culprit(
    callbacks: tuple[keras.callbacks.Callback, ...], traceback: TracebackType | None
) -> int | None:
    """Returns the place of the callback whose method an exception came through."""
    for frame, _ in walk_tb(traceback):
        owner = frame.f_locals.get("self")
        for index, item in enumerate(callbacks):
            if item is owner:
                return index
    return None


class _Probe(keras.callbacks.Callback):
    """Reports that its place was reached; it is in the list during that hook only."""

    def __init__(self, probes: Probes, place: Place) -> None:
        super().__init__()
        self._probes = probes
        self._place = place

    def _reached(self, hook: str, number: int | None, logs: Mapping[str, Any] | None) -> None:
        # With JAX, batch hooks that Keras handed to a thread may still go through the list.
        if hook == self._place.hook:
            self._probes.reached(self._place, number, logs)

    def on_train_begin(self, logs: Mapping[str, Any] | None = None) -> None:
        self._reached("on_train_begin", None, logs)

    def on_train_end(self, logs: Mapping[str, Any] | None = None) -> None:
        self._reached("on_train_end", None, logs)

    def on_test_begin(self, logs: Mapping[str, Any] | None = None) -> None:
        self._reached("on_test_begin", None, logs)

    def on_test_end(self, logs: Mapping[str, Any] | None = None) -> None:
        self._reached("on_test_end", None, logs)

    def on_epoch_begin(self, epoch: int, logs: Mapping[str, Any] | None = None) -> None:
        self._reached("on_epoch_begin", epoch, logs)

    def on_epoch_end(self, epoch: int, logs: Mapping[str, Any] | None = None) -> None:
        self._reached("on_epoch_end", epoch, logs)

    def on_train_batch_begin(self, batch: int, logs: Mapping[str, Any] | None = None) -> None:
        self._reached("on_train_batch_begin", batch, logs)

    def on_train_batch_end(self, batch: int, logs: Mapping[str, Any] | None = None) -> None:
        self._reached("on_train_batch_end", batch, logs)

    def on_test_batch_begin(self, batch: int, logs: Mapping[str, Any] | None = None) -> None:
        self._reached("on_test_batch_begin", batch, logs)

    def on_test_batch_end(self, batch: int, logs: Mapping[str, Any] | None = None) -> None:
        self._reached("on_test_batch_end", batch, logs)
