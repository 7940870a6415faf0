"""What is known of a training when it begins, as the first events of its session."""

from __future__ import annotations

import os
import socket
from collections.abc import Mapping, Sequence
from typing import Any

import keras

from epochline.events import Event, Restored, SessionStarted
from epochline.restore.lineage import forget_restored, restored_from, resumed_session
from epochline.run import Run

__all__ = ["opening"]

_ADDED_BY_KERAS = (keras.callbacks.History, keras.callbacks.ProgbarLogger)


def opening(
    earlier: Run,
    model: keras.Model,
    callbacks: Sequence[keras.callbacks.Callback],
    params: Mapping[str, Any],
    *,
    initial_epoch: int,
    described: Mapping[str, Any],
) -> list[Event]:
    """Returns the events that open a session.

    Args:
        earlier: The run as earlier sessions left it.
        model: What is trained; it is forgotten that a checkpoint was restored into it.
        callbacks: All callbacks, in order.
        params: What Keras says about the `fit`.
        initial_epoch: Zero-based epoch that it begins with.
        described: Further fields of `SessionStarted`.
    """
    origin = restored_from(model)
    forget_restored(model)
    last = earlier.sessions[-1].id if earlier.sessions and initial_epoch else ""
    resumed = resumed_session(model) or last
    started = SessionStarted(
        parent=origin.session if origin else resumed,
        initial_epoch=initial_epoch,
        planned_epochs=params.get("epochs"),
        steps_per_epoch=params.get("steps"),
        backend=keras.backend.backend(),
        keras_version=keras.__version__,
        model_name=model.name,
        host=socket.gethostname(),
        pid=os.getpid(),
        callbacks=_given(callbacks),
        **described,
    )
    if origin is None:
        return [started]
    restored = Restored(
        checkpoint=origin.checkpoint,
        session=origin.session,
        checkpoint_epoch=origin.epoch,
        what=origin.what,
    )
    return [started, restored]


def _given(callbacks: Sequence[keras.callbacks.Callback]) -> tuple[str, ...]:
    """Returns the class names of the list given to `fit`: Keras adds its own behind it."""
    names = [type(item).__name__ for item in callbacks]
    while names and type(callbacks[len(names) - 1]) in _ADDED_BY_KERAS:
        names.pop()
    return tuple(names)
