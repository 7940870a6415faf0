"""From what the probes see to decisions, each with its one cause.

Looks at the training before and behind every callback that acts, and no more than is needed: where
a callback cannot touch the learning rate, it is not read again.

Invariant: a decision is put down to the callback between the two looks that differ; what happens
between two hooks is put down to the optimizer's schedule, to the only callback that Keras runs in
a thread, or to no callback.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from typing import Any, Final

import keras

from epochline.callbacks.causes import Cause
from epochline.callbacks.drift import Drift
from epochline.callbacks.looks import (
    Gauge,
    Look,
    Situation,
    changed,
    look,
    rate_changes,
    same,
    schedule_of,
)
from epochline.callbacks.probes import Place
from epochline.callbacks.stock import BATCH_HOOKS, HOOKS, acts, touches_rate
from epochline.callbacks.traps import Traps
from epochline.callbacks.verdicts import explain, outside
from epochline.events import Decision, Topic
from epochline.session import Session

__all__ = ["Found", "Observer"]

Found = tuple[int | None, Decision]
"""Place of the callback in the list, None for none of them, and what it decided."""

_MAY_HAVE_TRAINED: Final = frozenset({"on_train_begin", "on_epoch_end"})


class Observer:
    """Says what each callback of one training decided.

    Args:
        callbacks: The callbacks, in order.
        model: Returns the model with its state in it, on every backend.
        bare: Returns the model without moving its state.
        traps: Looks for what surprises people.
        session: Its step is kept up to date.
    """

    def __init__(
        self,
        callbacks: tuple[keras.callbacks.Callback, ...],
        *,
        model: Callable[[], keras.Model],
        bare: Callable[[], keras.Model],
        traps: Traps,
        session: Session,
    ) -> None:
        self._callbacks = callbacks
        self._model = model
        self._bare = bare
        self._traps = traps
        self._session = session
        self._touching = {
            hook: frozenset(i for i, item in enumerate(callbacks) if touches_rate(item, hook))
            for hook in (*HOOKS, *BATCH_HOOKS)
        }
        self._before: Look | None = None
        self._gauge: Gauge | None = None
        self._marks: tuple[Any, ...] = ()
        self._drift = Drift()
        self._best_epochs: dict[int, int] = {}
        self.epoch_rates: Mapping[str, float] = {}

    def step(self) -> int | None:
        """Returns the optimizer updates done, without moving the state of the model."""
        return self._gauged().step()

    def accept(self) -> None:
        """Takes what is there now as it is: who changed it between two hooks has told it."""
        seen = look(self._model())
        if self._before is not None:
            self._before = replace(
                self._before, rates=seen.rates, stopping=seen.stopping, step=seen.step
            )
        self._marks = self._gauged().marks()

    def reached(self, place: Place, at: Situation) -> Iterator[Found]:
        """Yields what was decided between the place before and this one."""
        if place.last:
            return
        now = self._now(place, at)
        if place.behind is not None:
            yield from self._behind(place.behind, at, now)
        elif self._before is not None:
            yield from self._between(at, self._before, now)
        if place.first and at.hook == "on_epoch_end":
            self.epoch_rates = now.rates
        if place.ahead is not None:
            following = self._callbacks[place.ahead]
            self._traps.ahead(following, at)
            now = now.of(following, at, self._best_epochs.get(place.ahead))
        self._before = now

    def _now(self, place: Place, at: Situation) -> Look:
        """Reads as little as will do."""
        before = self._before
        if place.first:
            needed = at.hook in _MAY_HAVE_TRAINED or bool(self._touching[at.hook])
        else:
            needed = place.behind in self._touching[at.hook]
        if before is None or (needed and at.batch is None):
            seen = look(self._model())
            if seen.step is not None:
                self._session.step = seen.step
            return seen
        stopping = bool(self._bare().stop_training)
        now = before if stopping == before.stopping else replace(before, stopping=stopping)
        return self._gauge_look(now, first=place.first) if needed else now

    def _gauge_look(self, now: Look, *, first: bool) -> Look:
        gauge = self._gauged()
        marks, known = gauge.marks(), self._marks
        self._marks = marks
        if first or same(known, marks):
            return now
        return replace(now, rates={**now.rates, **gauge.rates()}, step=gauge.step())

    def _gauged(self) -> Gauge:
        if self._gauge is None:
            self._gauge = Gauge(self._bare())
        return self._gauge

    def _behind(self, index: int, at: Situation, now: Look) -> Iterator[Found]:
        callback, before = self._callbacks[index], self._before
        if before is None:
            return
        after = now.of(callback, at)
        decisions = explain(callback, index, at, before, after)
        if changed(before, after, "best"):
            self._best_epochs[index] = at.epoch
        self._traps.behind(callback, at, before, after, decisions)
        for decision in decisions:
            if at.batch is None or self._drift.now(decision, at.batch):
                yield index, decision

    def _between(self, at: Situation, before: Look, now: Look) -> Iterator[Found]:
        """What happened since the hook before this one."""
        if at.hook == "on_epoch_end":
            yield from self.held_back()
        if now.stopping == before.stopping and not any(rate_changes(before, now)):
            return
        threaded = [i for i, item in enumerate(self._callbacks) if _in_thread(item)]
        cause = None
        if len(threaded) == 1:
            name = type(self._callbacks[threaded[0]]).__name__
            cause = Cause(callback=name, position=threaded[0])
        schedule = schedule_of(self._bare())
        for decision in outside(at, before, now, cause):
            if schedule is not None and decision.topic is Topic.LEARNING_RATE:
                yield None, replace(decision, callback=schedule, position=None)
            else:
                yield decision.position, decision

    def held_back(self) -> Iterator[Found]:
        """Yields what is told once an epoch."""
        for decision in self._drift.flush():
            yield decision.position, decision


def _in_thread(callback: keras.callbacks.Callback) -> bool:
    """Returns whether Keras may call the callback's batch hook in a thread, where nobody looks."""
    return bool(getattr(callback, "async_safe", False)) and acts(callback, "on_train_batch_end")
