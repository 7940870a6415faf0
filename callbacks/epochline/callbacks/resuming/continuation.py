"""One `fit` that can be continued after a kill: what is saved when, and put back when.

It acts before and behind all other callbacks, as what is there to be saved depends on who has
acted:

- A state between two epochs is taken behind everybody's `on_epoch_end`, and put back before
  anybody's `on_epoch_begin` (a scheduler sets the learning rate there).
- A state within an epoch is taken behind everybody's `on_train_batch_begin`, and put back at the
  same place. Until there, the epoch begins as it did, and its first batches are drawn but not
  trained on.

Invariant: the model is not touched before the state was found to fit it; and once training has
begun, no exception of ours leaves a hook unless the process was asked to end.
"""

from __future__ import annotations

import contextlib
import logging
import signal
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import keras

from epochline.callbacks.fit import Fit
from epochline.callbacks.resuming.attributes import Siblings
from epochline.callbacks.resuming.data import Position, find_loop
from epochline.callbacks.resuming.places import is_taken, take_places
from epochline.callbacks.resuming.preemption import Preemption
from epochline.callbacks.resuming.proof import ProofLog
from epochline.callbacks.resuming.randomness import capture_random, restore_random, same_random
from epochline.callbacks.resuming.script import (
    data_differences,
    describe_environment,
    describe_script,
    environment_differences,
    script_differences,
)
from epochline.callbacks.resuming.variables import build, capture_variables, restore_variables
from epochline.events import EndReason
from epochline.restore.lineage import remember_resumed
from epochline.restore.plain import NotPlainError
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
    """

    def __init__(
        self, fit: Fit, callback_list: keras.callbacks.CallbackList, options: Options
    ) -> None:
        self._fit = fit
        self._list = callback_list
        self._options = options
        self._states = ResumeStates(fit.run_dir)
        self._number = _ended.get(fit.run_dir.absolute(), 0)
        self._environment = describe_environment()
        self._proof = ProofLog.wanted(fit.run_dir, self._number)
        loop, iterator = find_loop()
        self._position = Position(iterator)
        self._preemption = Preemption(options.signals, loop)
        self._found: StateFile | None = None  # until all of it has been put back
        self._siblings: Siblings | None = None  # once all callbacks have begun
        self._validation: Position | None = None
        self._validation_made = 0
        self._epoch = 0
        self._saved_batch = 0
        self._epoch_begin: dict[str, Any] = {}
        self._in_epoch: dict[str, Any] | None = None
        self._notices: list[tuple[str, str, str]] = []

    @classmethod
    def begin(cls, fit: Fit, callback_list: keras.callbacks.CallbackList, options: Options) -> None:
        """Joins a `fit` that is about to begin, unless that is done already.

        Raises:
            ResumeStateError: If there are states, but none can be used.
            ResumeMismatchError: If the script is not the one that saved the state.
            ValueError: If `keras.callbacks.BackupAndRestore` is among the callbacks.
        """
        if not is_taken(callback_list):
            cls(fit, callback_list, options)._take_part()  # noqa: SLF001 – its own

    @property
    def leaving(self) -> bool:
        """Whether a signal has asked the process to end."""
        return self._preemption.received is not None

    def _take_part(self) -> None:
        if self._fit.has(keras.callbacks.BackupAndRestore):
            message = (
                "Resume and keras.callbacks.BackupAndRestore both continue a killed training, each "
                "from a state of its own. Leave one of them out."
            )
            raise ValueError(message)
        try:
            self._states.remove_leftovers()
        except OSError as error:
            _log.warning("Epochline: %s", error)
        found = self._states.newest()
        if found is not None and found.state.fit > self._number:
            message = (
                f"The state is of training {found.state.fit + 1} of its script in this directory, "
                f"and this is training {self._number + 1}: give each fit a directory of its own."
            )
            raise ResumeMismatchError(str(found.path), (message,))
        if found is not None and found.state.fit == self._number:
            self._continue_from(found)
        take_places(self._list, self)
        if not self._preemption.install():
            self._notice(
                "signals_not_watched",
                "fit does not run in the main thread, so that a signal ends the training at once.",
                "It can be continued from the state that was saved last.",
            )

    def _continue_from(self, found: StateFile) -> None:
        state, parts = found.state, found.state.parts
        model = self._fit.model
        build(model, self._position.specification(), metrics=state.batch > 0)
        differences = script_differences(parts["script"], model)
        if state.batch:  # only the same data has the same batches
            differences += data_differences(parts["source"], self._position.describe())
        if differences:
            raise ResumeMismatchError(str(found.path), tuple(differences))
        self._found = found
        self._validation_made = parts["validation"]
        remember_resumed(model, state.session)
        # Read once by fit, and never cleared by Keras: see `_clear_initial_epoch`.
        model._initial_epoch = sys.maxsize if state.stopped else state.epoch  # noqa: SLF001

    # ---- hooks: putting back ---------------------------------------------------------------------

    def epoch_begins_before_all(self, epoch: int) -> None:
        """Called before any other `on_epoch_begin`."""
        if self._siblings is None:
            self._all_have_begun()
        if self._found is None:
            return
        if epoch != self._found.state.epoch:
            message = (
                f"The state is for epoch {self._found.state.epoch + 1}, and fit began with epoch "
                f"{epoch + 1}: leave initial_epoch= out."
            )
            raise ResumeMismatchError(str(self._found.path), (message,))
        self._put_back(self._found.state, metrics=False)
        self._position.restore(self._found.state.parts["data"])

    def epoch_begins_behind_all(self, epoch: int) -> None:
        """Called behind all other `on_epoch_begin`."""
        self._flush_notices()
        self._epoch, self._saved_batch, self._in_epoch = epoch, 0, None
        if self._found is not None:
            state = self._found.state
            now = state.parts["epoch_random"] if state.batch else capture_random()
            self._position.replay(state.parts["data"])
            restore_random(now)
            self._saved_batch = state.batch
            if state.batch:
                self._position.leave_out(state.batch)
            else:
                self._found = None
        self._epoch_begin = {"random": capture_random(), "data": self._position.capture()}

    def batch_begins_behind_all(self, batch: int) -> None:
        """Called behind all other `on_train_batch_begin`."""
        if self._found is not None:
            self._put_back(self._found.state, metrics=True)
            self._found = None
        if self._in_epoch is None and batch and self._position.reads_ahead:
            self._in_epoch = capture_random()
        due = self._options.every_batches
        wanted = due is not None and batch - self._saved_batch >= due
        if (wanted or self._preemption.received) and batch > self._saved_batch:
            self._save_within(batch)

    def test_begins_behind_all(self) -> None:
        """Called behind all other `on_test_begin`, when the validation of an epoch begins."""
        if self._validation is None:
            self._validation = Position(getattr(self._fit.model, "_eval_epoch_iterator", None))
            self._validation.catch_up(self._validation_made)

    def train_ends_before_all(self) -> None:
        """Called before any other `on_train_end`."""
        if self._siblings is None:
            self._all_have_begun()
        if self._found is not None:  # no epoch was left to train
            self._put_back(self._found.state, metrics=False)
            optimizer = self._fit.model.optimizer
            if isinstance(optimizer, keras.optimizers.Optimizer):  # again, as fit has just done
                optimizer.finalize_variable_values(self._fit.model.trainable_weights)

    def _all_have_begun(self) -> None:
        """Looks at the callbacks once each of them has done its `on_train_begin`."""
        self._clear_initial_epoch()
        self._siblings = Siblings(self._fit.callbacks)
        if self._found is not None:
            self._tell(self._found)

    def _put_back(self, state: ResumeState, *, metrics: bool) -> None:
        restore_variables(self._fit.model, state.parts["variables"], metrics=metrics)
        if self._siblings is not None:
            self._siblings.restore(state.parts["callbacks"])
        restore_random(state.parts["random"])

    def _clear_initial_epoch(self) -> None:
        # Else each later fit of this model would begin there.
        self._fit.model._initial_epoch = None  # noqa: SLF001

    # ---- hooks: saving ---------------------------------------------------------------------------

    def epoch_ended_behind_all(self, epoch: int, logs: Mapping[str, Any]) -> None:
        """Called behind all other `on_epoch_end`."""
        model = self._fit.model
        stopped = bool(model.stop_training)
        last = stopped or epoch + 1 == self._planned_epochs
        if self._proof is not None and self._siblings is not None:
            self._proof.epoch_ended(epoch, model, self._siblings.capture(), logs)
        if last or (epoch + 1) % self._options.every == 0 or self._preemption.received:
            self._save(epoch + 1, 0, self._position.capture, stopped=stopped)
        if self._preemption.received:
            self._leave(self._preemption.received)

    def train_ended_behind_all(self) -> None:
        """Called behind all other `on_train_end`."""
        self._flush_notices()
        self._position.release()
        self._preemption.remove()
        _ended[self._fit.run_dir.absolute()] = self._number + 1
        if self._proof is not None and self._siblings is not None:
            self._proof.train_ended(self._fit.model, self._siblings.capture())
        if self._preemption.received:
            signal.raise_signal(self._preemption.received)

    @property
    def _planned_epochs(self) -> int | None:
        epochs = (self._list.params or {}).get("epochs")
        return epochs if isinstance(epochs, int) else None

    def _save_within(self, batch: int) -> None:
        reasons = self._position.not_promised()
        if self._position.reads_ahead and not (
            self._in_epoch and batch > 1 and same_random(self._in_epoch, capture_random())
        ):
            reasons.append("Random numbers are drawn while its data is read ahead.")
        if reasons:
            self._notice(
                "resume_between_epochs_only",
                "The state of this training cannot be saved within an epoch. " + " ".join(reasons),
                "It is saved at the end of the epoch.",
            )
            return
        with contextlib.suppress(AttributeError):
            self._list._flush_futures()  # noqa: SLF001 – of callbacks that run in other threads
        self._save(self._epoch, batch, lambda: dict(self._epoch_begin["data"]), stopped=False)
        self._saved_batch = batch
        if self._preemption.received:
            self._leave(self._preemption.received)

    def _save(
        self, epoch: int, batch: int, data: Callable[[], dict[str, Any]], *, stopped: bool
    ) -> None:
        try:
            self._states.save(
                ResumeState(
                    fit=self._number,
                    epoch=epoch,
                    batch=batch,
                    stopped=stopped,
                    session=self._fit.session.id,
                    wall_time=time.time(),
                    parts={**self._parts(batch), "data": data()},
                )
            )
        except Exception as error:  # noqa: BLE001 – whatever went wrong, training must go on
            _log.error(
                "Epochline could not save the state to continue from. Training goes on. %s",
                error,
                exc_info=None if isinstance(error, OSError | NotPlainError) else error,
            )
            self._notice(
                "resume_state_not_saved",
                f"The state to continue from could not be saved: {error}.",
                "After a kill the training would go on from the state before.",
            )

    def _parts(self, batch: int) -> dict[str, Any]:
        model, siblings = self._fit.model, self._siblings
        lost = [f"{name} cannot be saved." for name in siblings.lost()] if siblings else []
        made = self._validation.made if self._validation else self._validation_made
        return {
            "environment": self._environment,
            "script": describe_script(model),
            "source": self._position.describe(),
            "not_promised": [*self._position.not_promised(), *lost],
            "variables": capture_variables(model, metrics=batch > 0),
            "random": capture_random(),
            "epoch_random": self._epoch_begin["random"] if batch else None,
            "callbacks": siblings.capture() if siblings else [],
            "validation": made,
        }

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

    def _tell(self, found: StateFile) -> None:
        state, parts = found.state, found.state.parts
        for damage in found.damages:
            self._notice("resume_state_damaged", damage, "The state before it is used.")
        if state.stopped or state.epoch == self._planned_epochs:
            self._notice(
                "nothing_left_to_train",
                f"This training had ended with epoch {state.epoch}; nothing is trained.",
                f"Delete {self._states.directory} to begin anew.",
            )
        else:
            done = f", after {state.batch} batches" if state.batch else ""
            self._notice(
                "resumed", f"Continuing with epoch {state.epoch + 1}{done}.", f"From {found.path}."
            )
        reasons = [
            *data_differences(parts["source"], self._position.describe()),
            *environment_differences(parts["environment"]),
            *(self._siblings.differences(parts["callbacks"]) if self._siblings else ()),
            *parts["not_promised"],
        ]
        if reasons:
            self._notice(
                "resume_not_exact",
                "The result may differ from that of a training that was never interrupted: "
                + " ".join(reasons),
                "All that could be restored was.",
            )
        if any(
            isinstance(item, keras.callbacks.CSVLogger) and not item.append
            for item in self._fit.callbacks
        ):
            self._notice(
                "csv_log_begun_anew",
                "CSVLogger has begun its file anew, without the epochs before.",
                "Pass append=True.",
            )

    def _notice(self, code: str, message: str, hint: str) -> None:
        self._notices.append((code, message, hint))
        if self._epoch_begin:
            self._flush_notices()

    def _flush_notices(self) -> None:
        """Tells what could not be told before the session had its first record."""
        for code, message, hint in self._notices:
            self._fit.session.notice(code, message, hint)
        self._notices.clear()
