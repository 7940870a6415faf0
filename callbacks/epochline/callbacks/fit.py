"""One `fit` call as Epochline sees it: probes in, records out.

All parts (`Timeline`, `ModelCheckpoint`, the recorders) that stand in one callback list and write
to one run share one `Fit`, and so one session. Here is decided when something is recorded; what it
means is decided in `verdicts.py`, how it reaches the disk in `epochline.session`.

Invariant: no exception of ours leaves a hook once training has begun. The first is printed and
recorded; when it came up while a decision was looked at, no more decisions are recorded, but
checkpoints are saved as before.
"""

from __future__ import annotations

import logging
import os
import socket
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final, Protocol

import keras

from epochline.callbacks.catalog import Catalog
from epochline.callbacks.measure import (
    iterations,
    metric_directions,
    scalar,
    scalars,
)
from epochline.callbacks.probes import has_batch_hook, insert_probes, overrides
from epochline.callbacks.saving import Saver
from epochline.callbacks.traps import Traps
from epochline.callbacks.verdicts import Look, Situation, explain, look, rate_changes
from epochline.errors import RunBusyError
from epochline.events import (
    Decision,
    EndReason,
    EpochEnded,
    Event,
    MetricsDescribed,
    Mode,
    Restored,
    SaveReason,
    SessionStarted,
    Topic,
    Verdict,
)
from epochline.restore.lineage import forget_restored, restored_from
from epochline.run import Run
from epochline.session import Session

__all__ = ["Fit", "Part"]

_log = logging.getLogger("epochline")
_DURING_BATCHES: Final = "something during the batches"
_STOPPERS: Final = {
    keras.callbacks.EarlyStopping: EndReason.EARLY_STOPPING,
    keras.callbacks.TerminateOnNaN: EndReason.NAN,
}


class Part(Protocol):
    """What takes part in the recording of a `fit`.

    Attributes:
        topics: What decisions it wants recorded.
        model: The model, with its state in it on every backend.
        params: What Keras says about the `fit`.
    """

    topics: frozenset[Topic]
    model: Any
    params: Any

    def describe(self) -> dict[str, Any]:
        """Returns what `SessionStarted` should say about this part."""
        ...

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


class Fit:
    """What is recorded of one `fit` call.

    Args:
        run_dir: Run directory.
        callback_list: The callbacks of the `fit`; probes are put into it.

    Attributes:
        run_dir: Run directory.
        session: Its session.
        saver: Saves checkpoints; knows those of the run once the session has begun.
        callbacks: The callbacks in the list given to `fit`, in order.
        directions: Which direction of each metric is better, as far as Keras knows; empty before
            the first epoch has ended.
        continued: Whether the session goes on with what an earlier one of this run, or a restore,
            left.
    """

    def __init__(
        self, run_dir: str | os.PathLike[str], callback_list: keras.callbacks.CallbackList
    ) -> None:
        self.run_dir = Path(run_dir)
        self.callbacks = insert_probes(callback_list, self)
        self._parts: list[Part] = []
        self._renew()

    def _renew(self) -> None:
        """Forgets the last training: a callback list of the user's own may serve several."""
        self.session = Session(self.run_dir)
        self.saver = Saver(self.session, Catalog(()))
        self._traps = Traps(self.session)
        self.directions: dict[str, Mode] = {}
        self.continued = False
        self._active = False
        self._observing = True
        self._failed = False
        self._started = False
        self._before: Look | None = None
        self._pending: list[Event] = []
        self._logged: dict[str, float] = {}
        self._stop: tuple[keras.callbacks.Callback | None, Decision] | None = None
        self._batches_before = 0
        self._batches_now = 0
        self._epoch_rates: Mapping[str, float] = {}
        self._described: tuple[str, ...] = ()
        self._epoch_began = 0.0

    @property
    def active(self) -> bool:
        """Whether a training is being recorded."""
        return self._active

    def add(self, part: Part) -> None:
        """Lets `part` take part."""
        self._parts.append(part)

    @property
    def model(self) -> keras.Model:
        """The model, with its state in it on every backend."""
        return self._parts[0].model

    def has(self, kind: type[keras.callbacks.Callback]) -> bool:
        """Returns whether a callback of that class is in the list."""
        return any(isinstance(item, kind) for item in self.callbacks)

    def reached(self, index: int, hook: str, epoch: int | None, logs: Mapping[str, Any]) -> None:
        """Called by the probes; see `epochline.callbacks.probes.Watcher`."""
        try:
            if index < 0:
                self._begin_hook(hook, epoch, logs)
            if self._active and self._observing:
                self._observe(index, Situation(hook=hook, epoch=epoch, logs=logs))
            if self._active and index == len(self.callbacks) - 1:
                self._end_hook(hook, epoch, logs)
        except RunBusyError:
            raise  # before the first batch: two trainings in one directory is a mistake to be told
        except Exception as error:  # noqa: BLE001 – whatever it is, training must go on
            self._report(error)

    def batch_reached(self, index: int, batch: int, logs: Mapping[str, Any]) -> None:
        """Called by the probes; see `epochline.callbacks.probes.Watcher`."""
        if index < 0:
            self._batches_now = max(self._batches_now, batch + 1)
            return
        callback = self.callbacks[index]
        # Not `.model`: with JAX that would fetch the whole state for a flag.
        stopping = callback._model.stop_training  # noqa: SLF001
        if stopping and self._active and self._stop is None:
            loss = scalar(logs.get("loss"))
            decision = Decision(
                callback=type(callback).__name__,
                position=index,
                topic=Topic.STOP,
                verdict=Verdict.STOPPED,
                detail=f"It was batch {batch + 1} of the epoch"
                + ("." if loss is None else f", with loss {loss:g}."),
            )
            self._decided(callback, [decision])

    def save_position(self) -> None:
        """Takes epoch, step and batch of the training over into the session."""
        step = iterations(self.model)
        self.session.batch = self._batches_before + self._batches_now
        self.session.step = self.session.batch if step is None else step

    def _begin_hook(self, hook: str, epoch: int | None, logs: Mapping[str, Any]) -> None:
        if hook == "on_train_begin":
            if self._started:
                self._renew()
            self.session.start()
            self._active = True
            return
        if not self._active:
            return
        if hook == "on_epoch_begin" and epoch is not None:
            self.session.epoch = epoch
            self._batches_now = 0
            self._epoch_began = time.perf_counter()
        if hook == "on_epoch_end":
            self._logged = scalars(logs)
            self._count_batches()
        self.save_position()
        if not self._started:
            self._start_session()

    def _count_batches(self) -> None:
        steps = (self._parts[0].params or {}).get("steps")
        if steps:
            # Nobody could have stopped the epoch early unless somebody has a batch hook, and then
            # they were counted; with steps_per_execution the last count may reach beyond the end.
            counted = any(has_batch_hook(item) for item in self.callbacks)
            self._batches_now = min(self._batches_now, steps) if counted else steps

    def _observe(self, index: int, at: Situation) -> None:
        try:
            self._look(index, at)
        except Exception as error:  # noqa: BLE001 – decisions are lost then, but not checkpoints
            self._observing = False
            self._report(error)

    def _look(self, index: int, at: Situation) -> None:
        """Compares what is seen behind the callback at `index` with what was seen before it."""
        callback = self.callbacks[index] if index >= 0 else None
        now = self._before
        if now is None or callback is None or overrides(callback, at.hook):
            now = look(self.model)
        if self._before is not None and now is not self._before:
            if callback is None:
                self._epoch_rates = now.rates
                self._between_hooks(self._before, now)
            else:
                after = now.of(callback, at)
                decisions = explain(callback, index, at, self._before, after)
                self._decided(callback, decisions)
                self._traps.behind(callback, at, self._before, after, decisions)
        following = self.callbacks[index + 1] if index + 1 < len(self.callbacks) else None
        self._traps.ahead(following, at)
        self._before = now.of(following, at)

    def _between_hooks(self, before: Look, now: Look) -> None:
        """A learning rate that changed between two hooks: by a schedule, or during the batches."""
        schedule = getattr(getattr(self.model, "optimizer", None), "_learning_rate", None)
        candidates = [item for item in self.callbacks if has_batch_hook(item)]
        if isinstance(schedule, keras.optimizers.schedules.LearningRateSchedule):
            cause, position = type(schedule).__name__, None
        elif len(candidates) == 1:
            cause, position = type(candidates[0]).__name__, self.callbacks.index(candidates[0])
        else:
            cause, position = _DURING_BATCHES, None
        for name, old, new in rate_changes(before, now):
            decision = Decision(
                callback=cause,
                position=position,
                topic=Topic.LEARNING_RATE,
                verdict=Verdict.CHANGED,
                lr_before=old,
                lr_after=new,
                optimizer=name,
            )
            self._decided(None, [decision])

    def _decided(
        self, callback: keras.callbacks.Callback | None, decisions: list[Decision]
    ) -> None:
        for decision in decisions:
            if decision.topic is Topic.STOP and decision.verdict is Verdict.STOPPED:
                self._stop = self._stop or (callback, decision)
        wanted = frozenset().union(*(part.topics for part in self._parts))
        for decision in decisions:
            if decision.topic in wanted:
                self._pending.extend(
                    self._saved_by_keras(decision)
                    if decision.verdict is Verdict.SAVED
                    else [decision]
                )

    def _saved_by_keras(self, decision: Decision) -> list[Event]:
        """A file that a stock callback wrote is a checkpoint, too."""
        try:
            return self.saver.adopt(
                self.model,
                Path(decision.path),
                self._logged,
                reason=SaveReason.SCHEDULED if decision.observed is None else SaveReason.BEST,
                callback=decision.callback,
                monitor=decision.monitor,
                mode=decision.mode,
                observed=decision.observed,
                best=decision.best,
            )
        except OSError:
            return [decision]  # it was written and is gone again, or is not a regular file

    def _end_hook(self, hook: str, epoch: int | None, logs: Mapping[str, Any]) -> None:
        events: list[Event] = []
        metrics: dict[str, float] = {}
        if hook == "on_epoch_end":
            metrics = self._metrics(logs)
            events += self._epoch_events(metrics)
            self._batches_before += self._batches_now
            self._batches_now = 0
        if self._started:
            events += self._pending
            self._pending = []
        if events:
            self.session.record(*events)
        if hook == "on_epoch_end" and epoch is not None:
            for part in self._parts:
                part.epoch_ended(self, epoch, metrics)
        if hook == "on_train_end":
            for part in self._parts:
                part.train_ended(self)
            self._end_session()

    def _start_session(self) -> None:
        # Not in on_train_begin: Keras tells the initial epoch only with the first epoch.
        self._started = True
        earlier = Run(self.run_dir)
        self.saver.catalog = Catalog(earlier.checkpoints)
        model = self.model
        params = self._parts[0].params or {}
        origin = restored_from(model)
        forget_restored(model)
        described: dict[str, Any] = {}
        for part in self._parts:
            described |= part.describe()
        resumed = earlier.sessions[-1].id if earlier.sessions and self.session.epoch else ""
        events: list[Event] = [
            SessionStarted(
                parent=origin.session if origin else resumed,
                initial_epoch=self.session.epoch,
                planned_epochs=params.get("epochs"),
                steps_per_epoch=params.get("steps"),
                backend=keras.backend.backend(),
                keras_version=keras.__version__,
                model_name=model.name,
                host=socket.gethostname(),
                pid=os.getpid(),
                callbacks=tuple(type(item).__name__ for item in self.callbacks),
                **described,
            )
        ]
        if origin:
            events.append(
                Restored(
                    checkpoint=origin.checkpoint,
                    session=origin.session,
                    checkpoint_epoch=origin.epoch,
                    what=origin.what,
                )
            )
        self.session.record(*events)
        self.continued = bool(origin or resumed)
        for part in self._parts:
            part.session_started(self)

    def _metrics(self, logs: Mapping[str, Any]) -> dict[str, float]:
        metrics = scalars(logs)
        for name, rate in self._epoch_rates.items():
            metrics.setdefault(f"learning_rate_{name}" if name else "learning_rate", rate)
        return metrics

    def _epoch_events(self, metrics: Mapping[str, float]) -> list[Event]:
        seconds = time.perf_counter() - self._epoch_began
        events: list[Event] = [EpochEnded(metrics=metrics, duration_seconds=seconds)]
        if tuple(metrics) != self._described:
            self._described = tuple(metrics)
            self.directions = metric_directions(self.model)
            events.append(MetricsDescribed(directions=self.directions))
        return events

    def _end_session(self) -> None:
        self._active = False
        if self._stop is not None:
            callback, decision = self._stop
            reason = next(
                (why for kind, why in _STOPPERS.items() if isinstance(callback, kind)),
                EndReason.STOPPED,
            )
            self.session.end(reason, callback=decision.callback)
        elif self.model.stop_training:
            self.session.end(EndReason.STOPPED)
        else:
            self.session.end(EndReason.COMPLETED)

    def _report(self, error: Exception) -> None:
        if not self._failed:
            self._failed = True
            _log.error(
                "Epochline failed. The training goes on. Please report this.", exc_info=error
            )
            self.session.notice(
                "recorder_failed",
                f"The recorder failed with {type(error).__name__}: {error}. Some of what happened "
                "after this moment may be missing.",
                "The training itself was not touched. Please report the traceback in its output.",
            )
