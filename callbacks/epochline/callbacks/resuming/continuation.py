"""One `fit` that can be continued after a kill: what is saved when, and put back when.

Two callbacks of ours are put into the list of the `fit`, one before and one behind all others, as
what they do depends on who has acted:

- A state between two epochs is taken behind everybody's `on_epoch_end`, and put back before
  anybody's `on_epoch_begin` (a scheduler sets the learning rate there).
- A state within an epoch is taken behind everybody's `on_train_batch_begin`, the one hook that is
  called in the main thread on every backend, and put back at the same place. Until there, the epoch
  begins as it did, and its first batches are drawn but not trained on.

Invariant: the model is not touched before the state was found to fit it.
"""

from __future__ import annotations

import contextlib
import logging
import signal
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import keras

from epochline.callbacks.fit import Fit
from epochline.callbacks.probes import Apart
from epochline.callbacks.resuming.attributes import Siblings
from epochline.callbacks.resuming.data import Kind, Position, find_loop
from epochline.callbacks.resuming.preemption import Preemption
from epochline.callbacks.resuming.proof import ProofLog
from epochline.callbacks.resuming.randomness import capture_random, restore_random
from epochline.callbacks.resuming.script import (
    data_differences,
    describe_environment,
    describe_script,
    environment_differences,
    script_differences,
)
from epochline.callbacks.resuming.variables import build, capture_variables, restore_variables
from epochline.events import EndReason
from epochline.restore.plain import NotPlainError, encode
from epochline.restore.resume_state import (
    ResumeMismatchError,
    ResumeState,
    ResumeStates,
    StateFile,
)

__all__ = ["Continuation", "Options"]

_log = logging.getLogger("epochline")

# How many trainings have ended in this process, by run directory: a script may fit more than once.
_ended: dict[Path, int] = {}


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """When to save, and what to do about signals; see `Resume`."""

    every: int
    every_batches: int | None
    signals: tuple[signal.Signals, ...]
    exit_code: int


class Continuation:
    """A `fit` that is saved as it goes, and goes on where an earlier one was killed.

    Args:
        fit: The recording of it.
        callback_list: Its callbacks.
        options: What the user wants.

    Raises:
        ResumeStateError: If there are states, but none can be used.
        ResumeMismatchError: If the script is not the one that saved the state.
        ValueError: If `keras.callbacks.BackupAndRestore` is among the callbacks.
    """

    def __init__(
        self, fit: Fit, callback_list: keras.callbacks.CallbackList, options: Options
    ) -> None:
        self._fit = fit
        self._list = callback_list
        self._options = options
        self._states = ResumeStates(fit.run_dir)
        self._siblings = Siblings(fit.callbacks)
        self._number = _ended.get(fit.run_dir.absolute(), 0)
        self._notices: list[tuple[str, str, str]] = []
        self._found: StateFile | None = None
        self._validation: Position | None = None
        self._validation_begin = 0
        self._epoch = 0
        self._saved_batch = 0
        self._epoch_begin: dict[str, Any] = {}
        self._drawn: bytes | None = None
        self._told_waiting = False
        self._environment = describe_environment()
        self._proof = ProofLog.from_environment()
        loop, iterator = find_loop()
        self._position = Position(iterator)
        self._preemption = Preemption(options.signals, loop)
        try:
            self._begin()
        except Exception as error:
            fit.left(error, None)  # the session has begun; that is how it ends
            raise

    @classmethod
    def begin(
        cls, fit: Fit, callback_list: keras.callbacks.CallbackList, options: Options
    ) -> None:
        """Joins a `fit`, unless that is done already."""
        if not any(isinstance(item, _First) for item in callback_list.callbacks):
            cls(fit, callback_list, options)

    @property
    def _model(self) -> keras.Model:
        return self._fit.model

    # ---- beginning -------------------------------------------------------------------------------

    def _begin(self) -> None:
        if self._fit.has(keras.callbacks.BackupAndRestore):
            message = (
                "Resume and keras.callbacks.BackupAndRestore both continue a killed training, each "
                "from a state of its own. Leave one of them out."
            )
            raise ValueError(message)
        self._remove_leftovers()
        found = self._states.newest()
        if found is not None and found.state.fit > self._number:
            message = (
                f"The state is of training {found.state.fit + 1} of its script in this directory, "
                f"and this is training {self._number + 1}: give each fit a directory of its own."
            )
            raise ResumeMismatchError(str(found.path), (message,))
        if found is not None and found.state.fit == self._number:
            self._continue_from(found)
        if not self._preemption.install():
            self._notice(
                "signals_not_watched",
                "fit does not run in the main thread, so that SIGTERM ends the training at once.",
                "It goes on from the last epoch that was saved.",
            )
        self._list.callbacks = [_First(self), *self._list.callbacks, _Last(self)]

    def _remove_leftovers(self) -> None:
        try:
            self._states.remove_leftovers()
        except OSError as error:
            _log.warning("Epochline: %s", error)

    def _continue_from(self, found: StateFile) -> None:
        state, parts = found.state, found.state.parts
        model = self._model
        build(model, self._position.specification(), metrics=state.batch > 0)
        differences = script_differences(parts["script"], model)
        data = data_differences(parts["source"], self._position.describe())
        if state.batch:  # between batches, only the same data has the same batches
            differences += data
        if differences:
            raise ResumeMismatchError(str(found.path), tuple(differences))
        self._found = found
        self._validation_begin = parts["validation"]
        self._restore(metrics=False)
        # Read once by fit, and never cleared by Keras: see `_leave_model`.
        model._initial_epoch = sys.maxsize if state.stopped else state.epoch  # noqa: SLF001
        self._tell(found, data)

    def _tell(self, found: StateFile, data: list[str]) -> None:
        state, parts = found.state, found.state.parts
        for damage in found.damages:
            self._notice("resume_state_damaged", damage, "The state before it is used.")
        where = f"epoch {state.epoch + 1}" + (f" after {state.batch} batches" if state.batch else "")
        done = state.stopped or state.epoch >= (self._fit_epochs or sys.maxsize)
        self._notice(
            "resumed",
            f"This training had ended before epoch {state.epoch + 1}."
            if done
            else f"This training goes on with {where}.",
            f"Delete {self._states.directory} to begin anew." if done else f"From {found.path}.",
        )
        reasons = [
            *data,
            *environment_differences(parts["environment"]),
            *self._siblings.differences(parts["callbacks"]),
            *parts["not_promised"],
        ]
        if reasons:
            self._notice(
                "resume_not_exact",
                "It may differ from a training that was never interrupted. " + " ".join(reasons),
                "See docs/resume.md.",
            )
        if self._fit.has(keras.callbacks.CSVLogger) and any(
            not item.append
            for item in self._fit.callbacks
            if isinstance(item, keras.callbacks.CSVLogger)
        ):
            self._notice(
                "csv_log_begun_anew",
                "CSVLogger has begun its file anew, so that the epochs before are not in it.",
                "Pass append=True.",
            )

    @property
    def _fit_epochs(self) -> int | None:
        params = self._list.params or {}
        epochs = params.get("epochs")
        return epochs if isinstance(epochs, int) else None

    # ---- hooks -----------------------------------------------------------------------------------

    def epoch_begins_before_all(self, epoch: int) -> None:
        """Called before any other `on_epoch_begin`."""
        self._leave_model()
        if self._found is None:
            return
        if epoch != self._found.state.epoch:
            message = (
                f"The state is for epoch {self._found.state.epoch + 1}, and fit began with epoch "
                f"{epoch + 1}: leave initial_epoch= out."
            )
            raise ResumeMismatchError(str(self._found.path), (message,))
        self._restore(metrics=False)

    def epoch_begins_behind_all(self, epoch: int) -> None:
        """Called behind all other `on_epoch_begin`."""
        self._flush_notices()
        self._epoch, self._saved_batch, self._drawn = epoch, 0, None
        state = None if self._found is None else self._found.state
        if state is not None:
            now = state.parts["epoch_random"] if state.batch else capture_random()
            self._position.replay(state.parts["data"])
            restore_random(now)
            if state.batch:
                self._saved_batch = state.batch
                self._position.leave_out(state.batch)
            else:
                self._found = None
        self._epoch_begin = {"random": capture_random(), "data": self._position.capture()}

    def batch_begins_behind_all(self, batch: int) -> None:
        """Called behind all other `on_train_batch_begin`."""
        if self._found is not None:
            self._restore(metrics=True)
            self._found = None
        if self._drawn is None and batch:
            self._drawn = _print(capture_random()) if self._draws_ahead else b""
        due = self._options.every_batches
        wanted = due is not None and batch - self._saved_batch >= due
        if (wanted or self._preemption.received) and batch > self._saved_batch:
            self._save_within(batch)

    def test_begins(self) -> None:
        """Called behind all other `on_test_begin`, when the validation of an epoch begins."""
        iterator = getattr(self._model, "_eval_epoch_iterator", None)
        if iterator is None or self._validation is not None:
            return
        self._validation = Position(iterator)
        self._validation.catch_up(self._validation_begin)

    def epoch_ended_behind_all(self, epoch: int, logs: Mapping[str, Any]) -> None:
        """Called behind all other `on_epoch_end`."""
        model = self._model
        epochs = self._fit_epochs
        last = model.stop_training or epoch + 1 == epochs
        if self._proof is not None:
            self._proof.epoch_ended(epoch, model, self._siblings.capture(), logs)
        if last or (epoch + 1) % self._options.every == 0 or self._preemption.received:
            self._save(epoch + 1, 0, self._position.capture(), stopped=bool(model.stop_training))
        if self._preemption.received and not last:
            self._leave(self._preemption.received)

    def train_ends_before_all(self) -> None:
        """Called before any other `on_train_end`."""
        self._leave_model()
        if self._found is not None:  # no epoch was left to train; others began afresh meanwhile
            self._siblings.restore(self._found.state.parts["callbacks"])
            restore_random(self._found.state.parts["random"])

    def train_ended_behind_all(self) -> None:
        """Called behind all other `on_train_end`."""
        self._flush_notices()
        self._preemption.remove()
        self._position.release()
        _ended[self._fit.run_dir.absolute()] = self._number + 1
        if self._proof is not None:
            self._proof.train_ended(self._model, self._siblings.capture())

    # ---- putting back ----------------------------------------------------------------------------

    def _restore(self, *, metrics: bool) -> None:
        if self._found is None:
            return
        state = self._found.state
        values = {
            name: value
            for name, value in state.parts["variables"].items()
            if metrics or name != "metrics"
        }
        restore_variables(self._model, values)
        self._siblings.restore(state.parts["callbacks"])
        if not metrics:
            self._position.restore(state.parts["data"])
        restore_random(state.parts["random"])

    def _leave_model(self) -> None:
        model = self._fit.callbacks[0]._model  # noqa: SLF001 – `.model` would sync JAX state
        model._initial_epoch = None  # noqa: SLF001 – else each later fit would begin there

    # ---- saving ----------------------------------------------------------------------------------

    @property
    def _draws_ahead(self) -> bool:
        """Whether random numbers may be drawn for batches that are not trained on yet."""
        return self._position.kind is Kind.PY_DATASET

    def _save_within(self, batch: int) -> None:
        reasons = self._position.not_promised()
        if self._draws_ahead and (not self._drawn or self._drawn != _print(capture_random())):
            reasons.append("The dataset draws random numbers while an epoch is read.")
        if reasons:
            if not self._told_waiting:
                self._told_waiting = True
                self._notice(
                    "resume_between_epochs_only",
                    "The state within an epoch cannot be saved. " + " ".join(reasons),
                    "It is saved at the end of the epoch.",
                )
            return
        with contextlib.suppress(AttributeError):
            self._list._flush_futures()  # noqa: SLF001 – of callbacks that run in other threads
        self._save(self._epoch, batch, self._epoch_begin["data"], stopped=False)
        self._saved_batch = batch
        if self._preemption.received:
            self._leave(self._preemption.received)

    def _save(self, epoch: int, batch: int, data: dict[str, Any], *, stopped: bool) -> None:
        model = self._model
        lost = [f"{name} cannot be saved." for name in self._siblings.lost()]
        try:
            self._states.save(
                ResumeState(
                    fit=self._number,
                    epoch=epoch,
                    batch=batch,
                    stopped=stopped,
                    session=self._fit.session.id,
                    wall_time=time.time(),
                    parts={
                        "environment": self._environment,
                        "script": describe_script(model),
                        "source": self._position.describe(),
                        "not_promised": [*self._position.not_promised(), *lost],
                        "variables": capture_variables(model, metrics=batch > 0),
                        "random": capture_random(),
                        "epoch_random": self._epoch_begin["random"] if batch else None,
                        "callbacks": self._siblings.capture(),
                        "data": data,
                        "validation": self._validation.made if self._validation else self._validation_begin,
                    },
                )
            )
        except Exception as error:  # noqa: BLE001 – whatever went wrong, training must go on
            expected = isinstance(error, OSError | NotPlainError)
            _log.error(
                "Epochline could not save the state to continue from: %s",
                error,
                exc_info=None if expected else error,
            )
            self._notice(
                "resume_state_not_saved",
                f"The state to continue from could not be saved: {error}.",
                "Training goes on; a kill would go back to the state before.",
            )

    def _leave(self, received: signal.Signals) -> None:
        """Ends the process as the signal asked, now that it can be continued."""
        self._preemption.received = None
        handler = signal.getsignal(received)
        if callable(handler) and handler is not signal.default_int_handler:
            handler(received, None)  # the user's own: it decides
            return
        self._fit.session.end(
            EndReason.INTERRUPTED,
            message=f"{received.name}; the state to continue from is in {self._states.directory}",
        )
        if received is signal.SIGINT:
            raise KeyboardInterrupt
        raise SystemExit(self._options.exit_code)

    # ---- telling ---------------------------------------------------------------------------------

    def _notice(self, code: str, message: str, hint: str) -> None:
        self._notices.append((code, message, hint))
        if self._epoch_begin:
            self._flush_notices()

    def _flush_notices(self) -> None:
        """Tells what could not be told before the session had its first record."""
        for code, message, hint in self._notices:
            self._fit.session.notice(code, message, hint)
        self._notices.clear()


class _First(Apart):
    """Acts before all other callbacks."""

    def __init__(self, continuation: Continuation) -> None:
        super().__init__()
        self._continuation = continuation

    def on_epoch_begin(self, epoch: int, logs: Mapping[str, Any] | None = None) -> None:
        self._continuation.epoch_begins_before_all(epoch)

    def on_train_end(self, logs: Mapping[str, Any] | None = None) -> None:
        self._continuation.train_ends_before_all()


class _Last(Apart):
    """Acts behind all other callbacks."""

    def __init__(self, continuation: Continuation) -> None:
        super().__init__()
        self._continuation = continuation

    def on_epoch_begin(self, epoch: int, logs: Mapping[str, Any] | None = None) -> None:
        self._continuation.epoch_begins_behind_all(epoch)

    def on_train_batch_begin(self, batch: int, logs: Mapping[str, Any] | None = None) -> None:
        self._continuation.batch_begins_behind_all(batch)

    def on_test_begin(self, logs: Mapping[str, Any] | None = None) -> None:
        self._continuation.test_begins()

    def on_epoch_end(self, epoch: int, logs: Mapping[str, Any] | None = None) -> None:
        self._continuation.epoch_ended_behind_all(epoch, logs or {})

    def on_train_end(self, logs: Mapping[str, Any] | None = None) -> None:
        self._continuation.train_ended_behind_all()


def _print(random_state: dict[str, Any]) -> bytes:
    return b"".join(encode(random_state))
