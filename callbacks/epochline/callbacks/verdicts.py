"""What did this callback just decide, and why? Reads stock callbacks before and after their hook.

Knows the public attributes of Keras's callbacks and the branches of their code
(`keras/src/callbacks/*.py`, 3.15); changes nothing and writes nothing.

Invariant: a decision names exactly one callback, the one whose hook lies between the two looks.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Final

import keras

from epochline.callbacks.measure import iterations, learning_rates, scalar
from epochline.events import Decision, Mode, Topic, Verdict

__all__ = ["Look", "Situation", "explain", "loaded", "look", "metric_mode", "rate_changes"]

_FIELDS: Final = ("wait", "best", "best_epoch", "stopped_epoch", "cooldown_counter")
_SAME_RATE: Final = 1e-12


@dataclass(frozen=True, slots=True, kw_only=True)
class Situation:
    """Where the training is: which hook, which epoch, which metrics."""

    hook: str
    epoch: int | None
    logs: Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Look:
    """What can be seen of a model and one callback at one moment.

    Attributes:
        rates: Learning rate of each optimizer by name; the only one is called "".
        stopping: `model.stop_training`.
        step: Optimizer updates done; None without an optimizer.
        state: The public counters of the callback, as far as it has them.
        file: Identity of the file that it would write, None when there is none.
    """

    rates: Mapping[str, float]
    stopping: bool
    step: int | None = None
    state: Mapping[str, Any] = field(default_factory=dict)
    file: tuple[int, int, int] | None = None

    def of(self, callback: keras.callbacks.Callback | None, at: Situation) -> Look:
        """Returns the same moment with the counters of `callback`."""
        path = target_path(callback, at)
        return replace(
            self,
            state={name: getattr(callback, name) for name in _FIELDS if hasattr(callback, name)},
            file=None if path is None else _identity(path),
        )


def look(model: keras.Model) -> Look:
    """Returns what can be seen of `model` now."""
    return Look(
        rates=learning_rates(model), stopping=bool(model.stop_training), step=iterations(model)
    )


def metric_mode(callback: keras.callbacks.Callback) -> Mode | None:
    """Returns which direction a stock callback takes for better, None before it knows."""
    mode = getattr(callback, "mode", None)
    if mode in tuple(Mode):
        return Mode(mode)
    operator = getattr(callback, "monitor_op", None)
    if operator is None:
        return None
    return Mode.MIN if operator is keras.ops.less else Mode.MAX


def target_path(callback: keras.callbacks.Callback | None, at: Situation) -> str | None:
    """Returns the file that a stock `ModelCheckpoint` would write at the end of this epoch."""
    if at.hook != "on_epoch_end" or at.epoch is None:
        return None
    if callback is None or not isinstance(callback, keras.callbacks.ModelCheckpoint):
        return None
    try:
        return str(callback.filepath.format(epoch=at.epoch + 1, **at.logs))
    except (KeyError, ValueError, IndexError):
        return None  # Keras itself is about to complain


def explain(
    callback: keras.callbacks.Callback, position: int, at: Situation, before: Look, after: Look
) -> list[Decision]:
    """Returns what `callback` decided between two looks.

    Args:
        callback: The callback whose hook lies between them.
        position: Its place in the list given to `fit`.
        at: The hook.
        before: Seen before it.
        after: Seen after it.
    """
    cause = _Cause(callback=type(callback).__name__, position=position)
    decisions: list[Decision] = []
    for kind, rule in _RULES.items():
        if isinstance(callback, kind):
            decisions.extend(rule(callback, cause, at, before, after))
    told = {(decision.topic, decision.verdict) for decision in decisions}
    decisions.extend(
        effect
        for effect in _effects(cause, at, before, after)
        if (effect.topic, effect.verdict) not in told
    )
    return decisions


@dataclass(frozen=True, slots=True, kw_only=True)
class _Cause:
    callback: str
    position: int

    def decides(self, topic: Topic, verdict: Verdict, **numbers: Any) -> Decision:
        return Decision(
            callback=self.callback,
            position=self.position,
            topic=topic,
            verdict=verdict,
            **numbers,
        )


def rate_changes(before: Look, after: Look) -> Iterator[tuple[str, float, float]]:
    """Yields optimizer name, rate before and rate after of each learning rate that changed."""
    for name, rate in after.rates.items():
        old = before.rates.get(name, rate)
        if abs(rate - old) > _SAME_RATE * max(abs(rate), abs(old)):
            yield name, old, rate


def _effects(cause: _Cause, at: Situation, before: Look, after: Look) -> Iterator[Decision]:
    """Whatever the callback is: did it load a state, change the learning rate, or stop?"""
    if loaded(at, before, after):
        yield cause.decides(
            Topic.RESTORE, Verdict.RESTORED, detail=f"Step {before.step} → {after.step}."
        )
    for name, old, new in rate_changes(before, after):
        yield cause.decides(
            Topic.LEARNING_RATE, Verdict.CHANGED, lr_before=old, lr_after=new, optimizer=name
        )
    if after.stopping and not before.stopping:
        yield cause.decides(Topic.STOP, Verdict.STOPPED)


def loaded(at: Situation, before: Look, after: Look) -> bool:
    """Returns whether the optimizer's step jumped as it does when a checkpoint is loaded.

    A callback that trains on its own moves it forward; only before the first batch is that a
    restore, too.
    """
    if before.step is None or after.step is None:
        return False
    return after.step < before.step or (at.hook == "on_train_begin" and after.step > before.step)


def _monitored(callback: Any, at: Situation) -> dict[str, Any]:
    return {
        "monitor": callback.monitor,
        "mode": metric_mode(callback),
        "observed": scalar(at.logs.get(callback.monitor)),
    }


def _missing(at: Situation) -> str:
    return f"Available metrics: {', '.join(at.logs)}." if at.logs else "No metrics are available."


def _early_stopping(
    callback: keras.callbacks.EarlyStopping,
    cause: _Cause,
    at: Situation,
    before: Look,
    after: Look,
) -> Iterator[Decision]:
    if at.hook == "on_train_end":
        if callback.restore_best_weights and callback.best_weights is not None:
            yield cause.decides(
                Topic.STOP,
                Verdict.WEIGHTS_RESTORED,
                monitor=callback.monitor,
                best=scalar(callback.best),
                best_epoch=callback.best_epoch,
            )
        return
    if at.hook != "on_epoch_end" or at.epoch is None:
        return
    numbers = _monitored(callback, at) | {
        "best": scalar(before.state.get("best")),
        "best_epoch": None if before.state.get("best") is None else before.state.get("best_epoch"),
        "min_delta": abs(callback.min_delta),
        "baseline": scalar(callback.baseline),
        "wait": after.state["wait"],
        "patience": callback.patience,
    }
    if callback.monitor not in at.logs:
        yield cause.decides(
            Topic.STOP, Verdict.METRIC_MISSING, monitor=callback.monitor, detail=_missing(at)
        )
    elif at.epoch < callback.start_from_epoch:
        numbers["start_from_epoch"] = callback.start_from_epoch
        yield cause.decides(Topic.STOP, Verdict.WARMING_UP, **numbers)
    elif _changed(before, after, "best"):
        yield cause.decides(Topic.STOP, Verdict.IMPROVED, **numbers)
    elif after.stopping and not before.stopping:
        yield cause.decides(Topic.STOP, Verdict.STOPPED, **numbers)
    else:
        yield cause.decides(Topic.STOP, Verdict.WAITING, **numbers)


def _reduce_on_plateau(
    callback: keras.callbacks.ReduceLROnPlateau,
    cause: _Cause,
    at: Situation,
    before: Look,
    after: Look,
) -> Iterator[Decision]:
    if at.hook != "on_epoch_end":
        return
    topic = Topic.LEARNING_RATE
    numbers = _monitored(callback, at) | {
        "best": scalar(before.state.get("best")),
        "min_delta": abs(callback.min_delta),
        "wait": after.state["wait"],
        "patience": callback.patience,
        "cooldown": after.state["cooldown_counter"],
        "min_lr": callback.min_lr,
    }
    changes = list(rate_changes(before, after))
    if callback.monitor not in at.logs:
        yield cause.decides(
            topic, Verdict.METRIC_MISSING, monitor=callback.monitor, detail=_missing(at)
        )
    elif changes:
        # Its counter is back at 0 already: it cut because the count had reached this.
        numbers["wait"] = before.state["wait"] + 1
        for name, old, new in changes:
            change = numbers | {"lr_before": old, "lr_after": new, "optimizer": name}
            yield cause.decides(topic, Verdict.CHANGED, **change)
    elif _changed(before, after, "best"):
        yield cause.decides(topic, Verdict.IMPROVED, **numbers)
    elif callback.in_cooldown():
        yield cause.decides(topic, Verdict.COOLING_DOWN, **numbers)
    elif after.state["wait"] >= callback.patience:
        yield cause.decides(topic, Verdict.AT_FLOOR, **numbers)
    else:
        yield cause.decides(topic, Verdict.WAITING, **numbers)


def _model_checkpoint(
    callback: keras.callbacks.ModelCheckpoint,
    cause: _Cause,
    at: Situation,
    before: Look,
    after: Look,
) -> Iterator[Decision]:
    path = target_path(callback, at)
    if path is None or callback.save_freq != "epoch":
        return
    numbers = _monitored(callback, at) if callback.save_best_only else {}
    numbers |= {"best": scalar(before.state.get("best")), "path": path}
    saved = after.file is not None and after.file != before.file
    yield cause.decides(Topic.CHECKPOINT, Verdict.SAVED if saved else Verdict.NOT_SAVED, **numbers)


_Rule = Callable[[Any, _Cause, Situation, Look, Look], Iterator[Decision]]
_RULES: Final[dict[type[keras.callbacks.Callback], _Rule]] = {
    keras.callbacks.EarlyStopping: _early_stopping,
    keras.callbacks.ReduceLROnPlateau: _reduce_on_plateau,
    keras.callbacks.ModelCheckpoint: _model_checkpoint,
}


def _changed(before: Look, after: Look, name: str) -> bool:
    old, new = before.state.get(name), after.state.get(name)
    return new is not None and (old is None or bool(old != new and new == new))  # noqa: PLR0124 – NaN


def _identity(path: str) -> tuple[int, int, int] | None:
    try:
        status = os.stat(path)
    except OSError:
        return None
    return status.st_ino, status.st_mtime_ns, status.st_size
