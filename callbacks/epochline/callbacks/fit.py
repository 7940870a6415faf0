"""One `fit` call as Epochline sees it: probes in, records out.

All parts (`Timeline`, `ModelCheckpoint`, the recorders) that stand in one callback list and write
to one run share one `Fit`, and so one session. Here is decided when something is recorded; who
decided what is found out in `observer.py`, how it reaches the disk in `epochline.session`.

Invariant: no exception of ours leaves a hook once training has begun. The first is printed and
recorded; when it came up while a decision was looked at, no more decisions are recorded, but
checkpoints are saved as before. What was decided in a hook is on its way to the disk when the hook
ends.
"""

from __future__ import annotations

import logging
import os
import threading
import time
from collections.abc import Iterable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import keras

from epochline.callbacks.adoption import adopted
from epochline.callbacks.axes import Axes
from epochline.callbacks.catalog import Catalog
from epochline.callbacks.looks import Situation
from epochline.callbacks.measure import metric_directions, scalars
from epochline.callbacks.observer import Found, Observer
from epochline.callbacks.opening import opening
from epochline.callbacks.private import moved
from epochline.callbacks.probes import Place, Probes
from epochline.callbacks.saving import Saver
from epochline.callbacks.stock import BATCH_HOOKS
from epochline.callbacks.traps import Traps, weights_kind
from epochline.errors import RunBusyError
from epochline.events import (
    CheckpointSaved,
    Decision,
    EndReason,
    EpochEnded,
    Event,
    MetricsDescribed,
    Mode,
    SessionStarted,
    Topic,
    Verdict,
    WeightsKind,
)
from epochline.run import Run
from epochline.session import Session

if TYPE_CHECKING:
    from epochline.callbacks.part import PartCallback

__all__ = ["Fit"]

_log = logging.getLogger("epochline")
_BATCHES_ARE_OVER: Final = frozenset({"on_test_begin", "on_test_end", "on_epoch_end"})
_STOPPERS: Final = {
    keras.callbacks.EarlyStopping: EndReason.EARLY_STOPPING,
    keras.callbacks.TerminateOnNaN: EndReason.NAN,
}


class Fit:
    """What is recorded of one `fit` call.

    Args:
        run_dir: Run directory.
        callback_list: The callbacks of the `fit`; probes come between them.

    Attributes:
        run_dir: Run directory.
        session: Its session.
        saver: Saves checkpoints; knows those of the run once the session has begun.
        directions: Which direction of each metric is better, as far as Keras knows; empty before
            the first epoch has ended.
        continued: Whether the session goes on with what an earlier one of this run, or a restore,
            left.
    """

    def __init__(
        self, run_dir: str | os.PathLike[str], callback_list: keras.callbacks.CallbackList
    ) -> None:
        self.run_dir = Path(run_dir)
        self._probes = Probes.of(callback_list)
        self._probes.watchers.append(self)
        self._parts: list[PartCallback] = []
        self._renew()

    def _renew(self) -> None:
        """Forgets the last training: a callback list of the user's own may serve several."""
        self.session = Session(self.run_dir)
        self.saver = Saver(self.session, Catalog(self.run_dir))
        self.directions: dict[str, Mode] = {}
        self.continued = False
        self._traps = Traps(self.session, ())
        self._observer: Observer | None = None
        self._active = False
        self._failed = False
        self._started = False
        self._epochs = 0
        self._pending: list[Event] = []
        self._axes = Axes(self.session)
        self._stop: Found | None = None
        self._described: tuple[str, ...] = ()
        self._epoch_began = 0.0

    @property
    def callbacks(self) -> tuple[keras.callbacks.Callback, ...]:
        """The callbacks in the list given to `fit`, in order."""
        return self._probes.callbacks

    @property
    def active(self) -> bool:
        """Whether a training is being recorded."""
        return self._active

    def add(self, part: PartCallback) -> None:
        """Lets `part` take part."""
        self._parts.append(part)

    @property
    def model(self) -> keras.Model:
        """The model, with its state in it on every backend."""
        return self._parts[0].model

    @property
    def params(self) -> Mapping[str, Any]:
        """What Keras says about the `fit`."""
        return self._parts[0].params or {}

    def has(self, kind: type[keras.callbacks.Callback]) -> bool:
        """Returns whether a callback of that class is in the list."""
        return any(isinstance(item, kind) for item in self.callbacks)

    def weights_to_save(self, callback: str) -> WeightsKind:
        """Returns which weights are in the model; tells when the metrics are those of others.

        Args:
            callback: Class name of what is about to save them.
        """
        self._traps.saving(callback)
        return weights_kind(self.callbacks)

    # ---- what the probes report ------------------------------------------------------------------

    def reached(self, place: Place, number: int | None, logs: Mapping[str, Any]) -> None:
        """Called by the probes; see `epochline.callbacks.probes.Watcher`."""
        try:
            if place.first:
                self._begin_hook(place.hook, number, logs)
            if self._active and self._observer is not None:
                self._observe(self._observer, place, number, logs)
            if self._active and place.last:
                self._end_hook(place.hook, number, logs)
        except RunBusyError:
            raise  # before the first batch: two trainings in one directory is a mistake to be told
        except Exception as error:  # noqa: BLE001 – whatever it is, training must go on
            self._report(error)

    def batch_ended(self, batch: int) -> None:
        """Called by the probes; see `epochline.callbacks.probes.Watcher`."""
        self._axes.count(batch)

    def left(self, error: BaseException | None, index: int | None) -> None:
        """Called by the probes; see `epochline.callbacks.probes.Watcher`."""
        # The list of callbacks goes in any thread, also in the one that is writing a checkpoint:
        # that one cannot wait for itself. The next `fit`, or the end of the process, is told then.
        waits = error is None and self.saver.busy
        if not self._active or (waits and threading.current_thread() != threading.main_thread()):
            return
        try:
            if not self._started:
                self._start_session()
            if self._observer is not None:
                self._decided(self._observer.held_back(), None)
            self._flush()
            self._parts_end()
            if error is None:
                self.session.abandon()
            elif isinstance(error, Exception):
                culprit = "" if index is None else type(self.callbacks[index]).__name__
                message = f"{type(error).__name__}: {error}"
                self.session.end(
                    EndReason.FAILED, callback=culprit, position=index, message=message
                )
            else:
                self.session.end(EndReason.INTERRUPTED)
        except Exception as fault:  # noqa: BLE001 – the user's exception is the one to be seen
            self._report(fault)

    # ---- hooks -----------------------------------------------------------------------------------

    def save_position(self) -> None:
        """Takes epoch, step and batch of the training over into the session."""
        self._axes.settle(self.model)

    def at_batch(self, batch: int) -> None:
        """Takes the position over into the session, between two batches.

        Args:
            batch: Zero-based batch of the epoch that comes next.
        """
        callback_list = self._probes.callback_list
        if callback_list is not None and hasattr(callback_list, "_flush_futures"):
            callback_list._flush_futures()  # noqa: SLF001 – of callbacks that run in other threads
        self._axes.count(batch - 1)
        self._axes.settle(self.model)

    def changed(self, decision: Decision | None = None) -> None:
        """Called by whoever has changed step, learning rate or `stop_training` and recorded that.

        Args:
            decision: The one that ends the training, if there is one.
        """
        if decision is not None:
            self._stop = self._stop or (None, decision)
        self._axes.went_elsewhere(self.model)
        if self._observer is not None:
            self._observer.accept()

    @property
    def stopper(self) -> keras.callbacks.Callback | None:
        """The callback that has ended the training; None if it goes on, or nobody knows who."""
        index = None if self._stop is None else self._stop[0]
        return None if index is None else self.callbacks[index]

    def go_on(self) -> None:
        """Takes back that the training is to end."""
        self._stop = None
        self.model.stop_training = False
        self.changed()

    def _begin_hook(self, hook: str, number: int | None, logs: Mapping[str, Any]) -> None:
        if hook == "on_train_begin":
            self._begin_training()
        if not self._active or hook == "on_train_begin":
            return
        if hook == "on_epoch_begin" and number is not None:
            self._axes.begin_epoch(number)
            self._epoch_began = time.perf_counter()
        self._epochs += hook == "on_epoch_end"
        if hook in _BATCHES_ARE_OVER:
            self._axes.end_batches(
                self.params.get("steps"),
                self._parts[0].bare_model,
                counted=self._probes.counting,
            )
        self._axes.update(within_epoch=hook in BATCH_HOOKS or hook.startswith("on_test"))
        if self._observer is None:  # else each look brings the step
            self.save_position()
        if not self._started:
            self._start_session()
        if hook == "on_train_end":
            self._traps.ending(self.params.get("epochs"))
            if not self._epochs:
                self._traps.no_epoch(self.model)

    def _begin_training(self) -> None:
        if self._started:
            self._renew()
        self.session.start()
        self._active = True
        self._traps = Traps(self.session, self.callbacks)
        self._observer = Observer(
            self.callbacks,
            model=lambda: self.model,
            bare=lambda: self._parts[0].bare_model,
            traps=self._traps,
            session=self.session,
        )

    def _observe(
        self, observer: Observer, place: Place, number: int | None, logs: Mapping[str, Any]
    ) -> None:
        at = Situation(
            hook=place.hook,
            epoch=self.session.epoch,
            batch=number if place.hook in BATCH_HOOKS else None,
            logs=logs,
            planned=self.params.get("epochs"),
        )
        try:
            self._decided(observer.reached(place, at), at)
        except Exception as error:  # noqa: BLE001 – decisions are lost then, but not checkpoints
            self._observer = None
            self._report(error)

    def _decided(self, found: Iterable[Found], at: Situation | None) -> None:
        wanted = frozenset().union(*(part.topics for part in self._parts))
        for index, decision in found:
            if decision.topic is Topic.STOP and decision.verdict is Verdict.STOPPED:
                self._stop = self._stop or (index, decision)
            if decision.topic in wanted:
                self._pending += adopted(
                    decision,
                    session=self.session,
                    saver=self.saver,
                    model=self.model if decision.verdict is Verdict.SAVED else None,
                    callbacks=self.callbacks,
                    metrics=scalars(at.logs) if at else {},
                )

    def _end_hook(self, hook: str, number: int | None, logs: Mapping[str, Any]) -> None:
        events: list[Event] = []
        metrics: dict[str, float] = {}
        if hook == "on_epoch_begin":
            self._axes.note_step()
        if hook == "on_epoch_end":
            metrics = self._metrics(logs)
            events += self._epoch_events(metrics)
            self._axes.end_epoch()
        if hook in BATCH_HOOKS and self._pending and self._observer is not None:
            step = self._observer.step()
            self.session.step = self.session.step if step is None else step
        self._flush(*events, metrics=metrics)
        if hook == "on_epoch_end" and number is not None:
            for part in self._parts:
                part.epoch_ended(self, number, metrics)
        if hook == "on_train_end":
            self._end_session()

    def _flush(self, *events: Event, metrics: Mapping[str, float] | None = None) -> None:
        """Records `events` and what was decided; whatever wrote metrics into the logs, and when."""
        if self._started:
            decided = [
                replace(event, metrics=metrics)
                if metrics and isinstance(event, CheckpointSaved)
                else event
                for event in self._pending
            ]
            self._pending = []
            events = (*events, *decided)
        if events:
            self.session.record(*events)

    # ---- beginning and end -----------------------------------------------------------------------

    def _start_session(self) -> None:
        # Not in on_train_begin: Keras tells the initial epoch only with the first epoch.
        self._started = True
        earlier = Run(self.run_dir)
        self.saver.catalog = Catalog.of(earlier)
        described: dict[str, Any] = {}
        for part in self._parts:
            described |= part.describe()
        events = opening(
            earlier,
            self.model,
            self.callbacks,
            self.params,
            initial_epoch=self.session.epoch,
            described=described,
        )
        self.session.record(*events)
        started = next(event for event in events if isinstance(event, SessionStarted))
        self.continued = bool(started.parent or len(events) > 1)
        self.saver.catalog.settle(started.keep, self.session)
        for part in self._parts:
            part.session_started(self)
        self._tell_moved()

    def _tell_moved(self) -> None:
        optimizer = getattr(self.model, "optimizer", None)
        lost = moved([self._probes.callback_list, *self.callbacks, self.model, optimizer])
        if lost:
            self.session.notice(
                "keras_moved",
                f"Keras {keras.__version__} is not as Epochline knows it. {' '.join(lost)}",
                "Everything else is recorded. A newer Epochline may know it.",
            )

    def _metrics(self, logs: Mapping[str, Any]) -> dict[str, float]:
        metrics = scalars(logs)
        rates = {} if self._observer is None else self._observer.epoch_rates
        for name, rate in rates.items():
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
        self._parts_end()
        if self._stop is not None:
            index, decision = self._stop
            stopper = None if index is None else self.callbacks[index]
            reason = next(
                (why for kind, why in _STOPPERS.items() if isinstance(stopper, kind)),
                EndReason.STOPPED,
            )
            self.session.end(reason, callback=decision.callback, position=decision.position)
        elif self.model.stop_training:
            self.session.end(EndReason.STOPPED)
        else:
            self.session.end(EndReason.COMPLETED)

    def _parts_end(self) -> None:
        self._active = False
        for part in self._parts:
            part.train_ended(self)

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
