"""What all our callbacks have in common: they find the `Fit` that they take part in."""

from __future__ import annotations

import logging
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import keras

from epochline.callbacks.fit import Fit
from epochline.callbacks.probes import TRAIN_BEGIN, Probes, find_callback_list
from epochline.events import Topic
from epochline.restore.resume_proof import moved

__all__ = ["PartCallback"]

_log = logging.getLogger("epochline")


class PartCallback(keras.callbacks.Callback):
    """A callback that takes part in the recording of a `fit`.

    Args:
        log_dir: Run directory; None to join whatever other part is in the same callback list.

    Attributes:
        log_dir: As given.
        topics: What decisions it wants recorded.
        fit: What it takes part in; None before training, and when nothing can be recorded.
    """

    topics: frozenset[Topic] = frozenset()

    def __init__(self, log_dir: str | os.PathLike[str] | None) -> None:
        super().__init__()
        self.log_dir = None if log_dir is None else moved(os.fspath(log_dir))
        self.fit: Fit | None = None
        self._given_model: keras.Model | None = None

    @property
    def bare_model(self) -> keras.Model:
        """The model for a look at its flags: `model` would move JAX's state into it."""
        return self._given_model if keras.backend.backend() == "jax" else self.model

    def set_model(self, model: keras.Model) -> None:
        """Called by Keras with the model that is trained."""
        super().set_model(model)
        self._given_model = model

    def set_params(self, params: Mapping[str, Any]) -> None:
        """Called by Keras before training; finds the other callbacks of the same `fit`."""
        super().set_params(params)
        self.attach(self._find_fit())

    def on_train_begin(self, logs: Mapping[str, Any] | None = None) -> None:
        """Called by Keras; takes part now when the list of callbacks is one of the user's own.

        Keras tells such a list no parameters, and so does not call `set_params`.
        """
        if self.fit is None and self.params is None:
            fit = self._find_fit()
            self.attach(fit)
            if fit is not None and not fit.active:
                fit.reached(TRAIN_BEGIN, None, logs or {})

    def attach(self, fit: Fit | None) -> None:
        """Makes `fit` what this part takes part in."""
        self.fit = fit

    def _find_fit(self) -> Fit | None:
        callback_list = find_callback_list()
        if callback_list is None:
            _log.error(
                "Epochline: %s was not called by a keras.callbacks.CallbackList, so that nothing "
                "of this training is recorded. Pass it to fit(callbacks=[...]) itself.",
                type(self).__name__,
            )
            return None
        others = [item for item in callback_list.callbacks if isinstance(item, PartCallback)]
        named = next((item.log_dir for item in others if item.log_dir), self.default_run_dir())
        run_dir = Path(self.log_dir or named)
        watchers = Probes.of(callback_list).watchers
        fits = [item for item in watchers if isinstance(item, Fit)]
        fit = next((item for item in fits if item.run_dir == run_dir), None)
        fit = fit or Fit(run_dir, callback_list)
        fit.add(self)
        return fit

    def default_run_dir(self) -> str:
        """Returns where to record when no part of the list says where."""
        return "."

    def describe(self) -> dict[str, Any]:
        """Returns what `SessionStarted` should say about this part."""
        return {}

    def session_started(self, fit: Fit) -> None:
        """Called when the session has begun."""

    def epoch_ended(self, fit: Fit, epoch: int, metrics: Mapping[str, float]) -> None:
        """Called when all callbacks have done their `on_epoch_end` and it was recorded.

        Args:
            fit: What is recorded.
            epoch: Zero-based epoch.
            metrics: All scalar metrics of the epoch, the learning rate among them.
        """

    def train_ended(self, fit: Fit) -> None:
        """Called just before the session ends."""
