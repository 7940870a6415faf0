"""Traps of Keras that a training walks into: told once, with what to do.

Each is behaviour of the stock callbacks (3.15) that surprises people and costs them a training.
Nothing is changed or prevented here.
"""

from __future__ import annotations

import math
from string import Formatter

import keras

from epochline.callbacks.measure import scalar
from epochline.callbacks.verdicts import Look, Situation, loaded, rate_changes
from epochline.events import Decision, Topic, Verdict
from epochline.session import Session

__all__ = ["Traps"]


class Traps:
    """Looks for traps between the callbacks of one `fit`.

    Args:
        session: Tells what was found.
    """

    def __init__(self, session: Session) -> None:
        self._session = session
        self._rate_changers: dict[str, None] = {}

    def ahead(self, callback: keras.callbacks.Callback | None, at: Situation) -> None:
        """Looks at `callback` just before its hook."""
        if isinstance(callback, keras.callbacks.ModelCheckpoint):
            self._filepath(callback, at)
            self._batches_and_validation(callback, at)

    def behind(
        self,
        callback: keras.callbacks.Callback,
        at: Situation,
        before: Look,
        after: Look,
        decisions: list[Decision],
    ) -> None:
        """Looks at what `callback` did in its hook."""
        self._nan_is_best(callback, after)
        self._resurrected_rate(callback, at, before, after)
        for decision in decisions:
            self._optimizer_not_restored(decision)
            self._fight_over_rate(decision)
            self._saved_nan(decision, at)

    def _filepath(self, callback: keras.callbacks.ModelCheckpoint, at: Situation) -> None:
        if at.hook != "on_epoch_end" or callback.save_freq != "epoch":
            return
        wanted = {name for _, name, _, _ in Formatter().parse(callback.filepath) if name}
        missing = sorted(wanted - {"epoch", *at.logs})
        if missing:
            self._session.notice(
                "keras_filepath_field_missing",
                f"ModelCheckpoint is about to fail: its filepath {callback.filepath!r} asks for "
                f"{', '.join(missing)}. This training has {', '.join(at.logs)}.",
                "Correct the name in filepath=, or use epochline.callbacks.ModelCheckpoint, which "
                "writes 'none' there.",
            )

    def _batches_and_validation(
        self, callback: keras.callbacks.ModelCheckpoint, at: Situation
    ) -> None:
        by_batch = callback.save_freq != "epoch" and callback.save_best_only
        if at.hook == "on_epoch_begin" and by_batch and callback.monitor.startswith("val_"):
            self._session.notice(
                "batch_saves_without_validation",
                f"ModelCheckpoint saves every {callback.save_freq} batches by {callback.monitor}, "
                "which exists only at the end of an epoch: it will save each time, best or not.",
                "Use save_freq='epoch', or monitor a training metric.",
            )

    def _nan_is_best(self, callback: keras.callbacks.Callback, after: Look) -> None:
        best = scalar(after.state.get("best"))
        if best is not None and math.isnan(best):
            name = type(callback).__name__
            self._session.notice(
                "nan_is_best",
                f"{name} took NaN, the first value of its metric, for the best. Nothing "
                "compares better than NaN, so that it will never see an improvement again.",
                "Find out why the metric is NaN, or set start_from_epoch= or "
                "initial_value_threshold=.",
            )

    def _resurrected_rate(
        self, callback: keras.callbacks.Callback, at: Situation, before: Look, after: Look
    ) -> None:
        changes = list(rate_changes(before, after))
        if changes and loaded(at, before, after):
            _, old, new = changes[0]
            self._session.notice(
                "learning_rate_resurrected",
                f"{type(callback).__name__} loaded a state that holds a learning rate: it is "
                f"{new:g} again, after {old:g}.",
                "The learning rate is a variable of the optimizer. Set it again after loading.",
            )

    def _optimizer_not_restored(self, decision: Decision) -> None:
        if decision.verdict is Verdict.WEIGHTS_RESTORED and decision.best_epoch is not None:
            if decision.best_epoch >= self._session.epoch:
                return
            self._session.notice(
                "optimizer_not_restored",
                f"{decision.callback} restored the weights of epoch {decision.best_epoch + 1}, but "
                f"the optimizer's state and learning rate are those of epoch "
                f"{self._session.epoch + 1}.",
                "To train on from there, restore the checkpoint of that epoch with its optimizer.",
            )

    def _fight_over_rate(self, decision: Decision) -> None:
        if decision.topic is not Topic.LEARNING_RATE or decision.verdict is not Verdict.CHANGED:
            return
        self._rate_changers.setdefault(decision.callback)
        if len(self._rate_changers) > 1:
            self._session.notice(
                "fight_over_learning_rate",
                f"{' and '.join(self._rate_changers)} both set the learning rate of this training; "
                "each undoes what the other did.",
                "Keep one of them.",
            )

    def _saved_nan(self, decision: Decision, at: Situation) -> None:
        loss = scalar(at.logs.get("loss"))
        if decision.verdict is Verdict.SAVED and loss is not None and not math.isfinite(loss):
            self._session.notice(
                "saved_after_nan",
                f"{decision.callback} saved {decision.path} although the loss is {loss:g}: "
                "TerminateOnNaN ends the training, but the end of the epoch still saves.",
                "Do not load that file; an earlier one of the same name is gone.",
            )
