"""`LiveRestore`: a running training answers requests, above all to go back to a checkpoint."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any, Literal

from epochline.callbacks.fit import Fit
from epochline.callbacks.living.desk import Desk
from epochline.callbacks.living.nan_guard import RestoreOnNaN
from epochline.callbacks.part import PartCallback
from epochline.callbacks.probes import find_callback_list

__all__ = ["LiveRestore", "RestoreOnNaN"]


class LiveRestore(PartCallback):
    """Lets a training be asked for something while it runs.

    It can be taken back to a checkpoint, with undo; paused; stopped with a last checkpoint; a
    checkpoint can be saved, and the learning rate be set. Ask from the *Checkpoints* tab, by
    `epochline live` and `epochline restore … --live`, or in Python: `run.live`,
    `checkpoint.restore_live()`. `Timeline` has it built in.

    It acts before the next batch, or before the next `steps_per_execution` batches; nothing is done
    during a validation. Requests are files in `timeline/control/live/` of the run directory; those
    that another user wrote are refused. Each is answered, and told in the timeline.

    With nothing asked it looks at the clock before each batch, and once a second at a directory.

    With `on_nan` it goes back by itself, to the newest healthy checkpoint of the run with its
    optimizer's state, when the loss or the weights of a checkpoint become NaN or infinite, and cuts
    the learning rate; the counters of other callbacks stay as they are. Then the loss is read once
    a second, too, and looked at when an epoch ends. What would be ended by `TerminateOnNaN` goes on
    after a restore; `TerminateOnNaN(raise_error=True)` ends it in any case.

    Args:
        log_dir: Run directory, one per training.
        on_nan: `"restore"` to go back by itself, three times at most in one `fit`, with half the
            learning rate each time; a `RestoreOnNaN` for other numbers; None to leave the training
            to itself.

    Raises:
        ValueError: If `on_nan` is none of these.
        RunBusyError: From `fit`, before the first batch, if another living process writes to
            `log_dir`.

    Example:
        >>> saving = ModelCheckpoint("run/{epoch}.weights.h5", save_weights_only=True)
        >>> model.fit(x, y, epochs=150, callbacks=[saving, LiveRestore("run")])
    """

    def __init__(
        self,
        log_dir: str | os.PathLike[str],
        *,
        on_nan: Literal["restore"] | RestoreOnNaN | None = None,
    ) -> None:
        super().__init__(log_dir)
        self.on_nan = _policy(on_nan)
        self._desk: Desk | None = None

    @property
    def nan_state(self) -> dict[str, Any]:
        """What `on_nan` has done so far in this `fit`; `Resume` saves it and puts it back."""
        guard = self._desk and self._desk.guard
        return guard.state if guard else {}

    @nan_state.setter
    def nan_state(self, saved: dict[str, Any]) -> None:
        guard = self._desk and self._desk.guard
        if guard and saved:
            guard.state = saved

    def on_train_begin(self, logs: Mapping[str, Any] | None = None) -> None:
        """Called by Keras; takes its place behind all other callbacks."""
        super().on_train_begin(logs)
        self.join(self.fit)

    def join(self, fit: Fit | None) -> None:
        """Takes part in a `fit` whose `on_train_begin` is going on.

        Args:
            fit: The recording of it; None when it cannot be recorded.
        """
        callback_list = find_callback_list()
        self._desk = None
        if fit is not None and callback_list is not None:
            self._desk = Desk.join(fit, callback_list, self.on_nan)

    def session_started(self, fit: Fit) -> None:
        """Begins to listen."""
        if self._desk is not None:
            self._desk.begin()

    def epoch_ended(self, fit: Fit, epoch: int, metrics: Mapping[str, float]) -> None:
        """Goes back if it must, and saves the last checkpoint of one that was asked to stop."""
        if self._desk is not None:
            self._desk.epoch_ended(metrics)

    def train_ended(self, fit: Fit) -> None:
        """Ends listening."""
        if self._desk is not None:
            self._desk.close()
            self._desk = None


def _policy(on_nan: object) -> RestoreOnNaN | None:
    if on_nan == "restore":
        return RestoreOnNaN()
    if on_nan is None or isinstance(on_nan, RestoreOnNaN):
        return on_nan
    msg = f"LiveRestore got on_nan={on_nan!r}. Use 'restore', a RestoreOnNaN, or None."
    raise ValueError(msg)
