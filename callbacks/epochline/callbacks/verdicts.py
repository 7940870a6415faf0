"""What did this callback just decide, and why? Reads callbacks before and after their hook.

Knows the public attributes of Keras's callbacks and the branches of their code
(`keras/src/callbacks/*.py`, 3.15); changes nothing and writes nothing. What those decide that save
is in `save_verdicts.py`.

Invariant: a decision names exactly one callback, the one whose hook lies between the two looks.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

import keras

from epochline.callbacks.causes import Cause, Rule, missing, monitored
from epochline.callbacks.looks import Look, Situation, changed, rate_changes
from epochline.callbacks.measure import scalar
from epochline.callbacks.save_verdicts import SAVE_RULES
from epochline.events import Decision, Topic, Verdict

__all__ = ["explain", "loaded", "outside"]

_OUTSIDE: Final = "something outside of the callbacks"


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
    cause = Cause(callback=type(callback).__name__, position=position)
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


def outside(at: Situation, before: Look, after: Look, cause: Cause | None = None) -> list[Decision]:
    """Returns what happened between two hooks.

    Args:
        at: The hook that comes then.
        before: Seen at the end of the hook before it.
        after: Seen now.
        cause: Who did it, if that is known: a schedule inside the optimizer, say.
    """
    return list(_effects(cause or Cause(callback=_OUTSIDE), at, before, after))


def _effects(cause: Cause, at: Situation, before: Look, after: Look) -> Iterator[Decision]:
    """Whatever the callback is: did it load a state, change the learning rate, or stop?"""
    if loaded(at, before, after):
        detail = f"Step {before.step} → {after.step}."
        if after.initial_epoch != before.initial_epoch:
            detail += f" Training goes on with epoch {(after.initial_epoch or 0) + 1}."
        if after.file != before.file:
            detail += " The newest backup could not be read; this is the one before."
        yield cause.decides(Topic.RESTORE, Verdict.RESTORED, detail=detail)
    for name, old, new in rate_changes(before, after):
        yield cause.decides(
            Topic.LEARNING_RATE,
            Verdict.CHANGED,
            lr_before=old,
            lr_after=new,
            optimizer=name,
            detail=_when(at),
        )
    if after.stopping and not before.stopping:
        yield cause.decides(Topic.STOP, Verdict.STOPPED, detail=_when(at))


def _when(at: Situation) -> str:
    if at.batch is None:
        return ""
    whole = "validation" if at.hook.startswith("on_test") else "epoch"
    return f"It was batch {at.batch + 1} of the {whole}."


def loaded(at: Situation, before: Look, after: Look) -> bool:
    """Returns whether the optimizer's step jumped as it does when a checkpoint is loaded.

    A callback that trains on its own moves it forward; only before the first batch is that a
    restore, too, and so is another epoch to begin with.
    """
    if at.hook == "on_train_begin":
        return (after.step, after.initial_epoch) != (before.step, before.initial_epoch)
    return before.step is not None and after.step is not None and after.step < before.step


def _early_stopping(
    callback: keras.callbacks.EarlyStopping,
    cause: Cause,
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
    if at.hook != "on_epoch_end":
        return
    best = scalar(before.state.get("best"))
    numbers = monitored(callback, at) | {
        "best": best,
        "best_epoch": None if best is None else before.state.get("best_epoch"),
        "min_delta": abs(callback.min_delta),
        "baseline": scalar(callback.baseline),
        "wait": after.state["wait"],
        "patience": callback.patience,
    }
    if at.logs.get(callback.monitor) is None:
        yield cause.decides(
            Topic.STOP, Verdict.METRIC_MISSING, monitor=callback.monitor, detail=missing(at.logs)
        )
    elif at.epoch < callback.start_from_epoch:
        numbers["start_from_epoch"] = callback.start_from_epoch
        yield cause.decides(Topic.STOP, Verdict.WARMING_UP, **numbers)
    elif changed(before, after, "best"):
        yield cause.decides(Topic.STOP, Verdict.IMPROVED, **numbers)
    elif after.stopping and not before.stopping:
        yield cause.decides(Topic.STOP, Verdict.STOPPED, **numbers)
    elif changed(before, after, "wait"):  # always, but for a subclass with rules of its own
        yield cause.decides(Topic.STOP, Verdict.WAITING, **numbers)


def _reduce_on_plateau(
    callback: keras.callbacks.ReduceLROnPlateau,
    cause: Cause,
    at: Situation,
    before: Look,
    after: Look,
) -> Iterator[Decision]:
    if at.hook != "on_epoch_end":
        return
    topic = Topic.LEARNING_RATE
    best = scalar(before.state.get("best"))
    numbers = monitored(callback, at) | {
        "best": best,
        "best_epoch": None if best is None else before.state.get("best_epoch"),
        "min_delta": abs(callback.min_delta),
        "wait": after.state["wait"],
        "patience": callback.patience,
        "cooldown": after.state["cooldown_counter"],
        "min_lr": callback.min_lr,
    }
    changes = list(rate_changes(before, after))
    if at.logs.get(callback.monitor) is None:
        yield cause.decides(
            topic, Verdict.METRIC_MISSING, monitor=callback.monitor, detail=missing(at.logs)
        )
    elif changes:
        # Its counter is back at 0 already: it cut because the count had reached this.
        numbers["wait"] = before.state["wait"] + 1
        for name, old, new in changes:
            change = numbers | {"lr_before": old, "lr_after": new, "optimizer": name}
            yield cause.decides(topic, Verdict.CHANGED, **change)
    elif changed(before, after, "best"):
        yield cause.decides(topic, Verdict.IMPROVED, **numbers)
    elif callback.in_cooldown():
        yield cause.decides(topic, Verdict.COOLING_DOWN, **numbers)
    elif changed(before, after, "wait"):  # always, but for a subclass with rules of its own
        at_floor = after.state["wait"] >= callback.patience
        yield cause.decides(topic, Verdict.AT_FLOOR if at_floor else Verdict.WAITING, **numbers)


def _terminate_on_nan(
    _callback: keras.callbacks.TerminateOnNaN,
    cause: Cause,
    at: Situation,
    before: Look,
    after: Look,
) -> Iterator[Decision]:
    if after.stopping and not before.stopping and at.batch is not None:
        yield cause.decides(
            Topic.STOP,
            Verdict.STOPPED,
            monitor="loss",
            observed=scalar(at.logs.get("loss")),
            detail=_when(at),
        )


_RULES: Final[dict[type[Any], Rule]] = {
    keras.callbacks.EarlyStopping: _early_stopping,
    keras.callbacks.ReduceLROnPlateau: _reduce_on_plateau,
    keras.callbacks.TerminateOnNaN: _terminate_on_nan,
    **SAVE_RULES,
}
