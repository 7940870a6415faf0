"""The first and the last place in a list of callbacks.

Invariant: no method of these runs per batch but one, which Keras calls in the main thread on every
backend and without giving up asynchronous dispatch.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol

import keras

from epochline.callbacks.probes import Apart

__all__ = ["Course", "is_leaving", "is_taken", "take_places"]


class Course(Protocol):
    """Who acts at those places."""

    @property
    def leaving(self) -> bool:
        """Whether the process was asked to end, and will at the next place."""
        ...

    def epoch_begins_before_all(self, epoch: int) -> None:
        """Called before any other `on_epoch_begin`."""

    def epoch_begins_behind_all(self, epoch: int) -> None:
        """Called behind all other `on_epoch_begin`."""

    def batch_begins_behind_all(self, batch: int) -> None:
        """Called behind all other `on_train_batch_begin`."""

    def test_begins_behind_all(self) -> None:
        """Called behind all other `on_test_begin`."""

    def epoch_ended_behind_all(self, epoch: int, logs: Mapping[str, Any]) -> None:
        """Called behind all other `on_epoch_end`."""

    def train_ends_before_all(self) -> None:
        """Called before any other `on_train_end`."""

    def train_ended_behind_all(self) -> None:
        """Called behind all other `on_train_end`."""


def is_taken(callback_list: keras.callbacks.CallbackList) -> bool:
    """Returns whether somebody acts at the places of that list already."""
    return any(isinstance(item, _First) for item in callback_list.callbacks)


def is_leaving(callback_list: keras.callbacks.CallbackList) -> bool:
    """Returns whether somebody at the places of that list is about to end the process."""
    return any(item.course.leaving for item in callback_list.callbacks if isinstance(item, _First))


def take_places(callback_list: keras.callbacks.CallbackList, course: Course) -> None:
    """Lets `course` act before and behind all callbacks, from the next hook on.

    The list object is replaced, not changed, because it may just be iterated over.
    """
    callback_list.callbacks = [_First(course), *callback_list.callbacks, _Last(course)]


class _First(Apart):
    def __init__(self, course: Course) -> None:
        super().__init__()
        self.course = course

    def on_epoch_begin(self, epoch: int, logs: Mapping[str, Any] | None = None) -> None:
        self.course.epoch_begins_before_all(epoch)

    def on_train_end(self, logs: Mapping[str, Any] | None = None) -> None:
        self.course.train_ends_before_all()


class _Last(Apart):
    def __init__(self, course: Course) -> None:
        super().__init__()
        self._course = course

    def on_epoch_begin(self, epoch: int, logs: Mapping[str, Any] | None = None) -> None:
        self._course.epoch_begins_behind_all(epoch)

    def on_train_batch_begin(self, batch: int, logs: Mapping[str, Any] | None = None) -> None:
        self._course.batch_begins_behind_all(batch)

    def on_test_begin(self, logs: Mapping[str, Any] | None = None) -> None:
        self._course.test_begins_behind_all()

    def on_epoch_end(self, epoch: int, logs: Mapping[str, Any] | None = None) -> None:
        self._course.epoch_ended_behind_all(epoch, logs or {})

    def on_train_end(self, logs: Mapping[str, Any] | None = None) -> None:
        self._course.train_ended_behind_all()
