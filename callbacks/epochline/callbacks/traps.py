"""Traps of Keras that a training walks into: told once, with what to do.

Each is behaviour of the stock callbacks (3.15) that surprises people and costs them a training.
Nothing is changed or prevented here.
"""

from __future__ import annotations

import math
import os
from collections.abc import Sequence
from string import Formatter
from typing import Any

import keras

from epochline.callbacks.looks import Look, Situation, rate_changes, schedule_of
from epochline.callbacks.measure import scalar
from epochline.callbacks.private import peek
from epochline.callbacks.stock import OrbaxCheckpoint
from epochline.callbacks.verdicts import loaded
from epochline.events import Decision, Verdict, WeightsKind
from epochline.session import Session

__all__ = ["Traps", "weights_kind"]

_RateSetter = keras.callbacks.ReduceLROnPlateau | keras.callbacks.LearningRateScheduler


class Traps:
    """Looks for traps between the callbacks of one `fit`.

    Args:
        session: Tells what was found.
        callbacks: The callbacks, in order.
    """

    def __init__(self, session: Session, callbacks: Sequence[keras.callbacks.Callback]) -> None:
        self._session = session
        self._callbacks = callbacks
        self._rate_setters: set[str] = set()
        self._last_change: tuple[str, bool] | None = None
        self._ema_validated: int | None = None
        self._looked_at: set[tuple[str, int]] = set()
        self._last_saved: dict[int, str] = {}

    def ahead(self, callback: keras.callbacks.Callback, at: Situation) -> None:
        """Looks at `callback` just before its hook."""
        if isinstance(callback, keras.callbacks.ModelCheckpoint):
            self._filepath(callback, at)
        if isinstance(callback, (keras.callbacks.ModelCheckpoint, OrbaxCheckpoint)):
            self._best_in_batches(callback, at)
        if isinstance(callback, _RateSetter):
            self._given_by_schedule(callback, at)

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
        self._backup_within_epoch(callback, at, before, after)
        for decision in decisions:
            self._optimizer_not_restored(decision)
            self._fight_over_rate(decision)
            self._saved_nan(decision, at)
            if decision.verdict is Verdict.EMA_VALIDATED:
                self._ema_validated = at.epoch
            if decision.verdict is Verdict.SAVED:
                self.saving(decision.callback)
                self._last_saved[id(callback)] = decision.path
        self._save_lost(callback, at)

    def saving(self, callback: str) -> None:
        """Looks at which weights `callback` saves now.

        Args:
            callback: Class name.
        """
        judged_by_average = self._ema_validated == self._session.epoch
        if judged_by_average and weights_kind(self._callbacks) is WeightsKind.RAW:
            self._session.notice(
                "saved_other_weights_than_validated",
                f"{callback} saves the training weights, but the validation metrics beside them "
                "are those of the averaged weights that SwapEMAWeights put in for the validation.",
                "Pass SwapEMAWeights(swap_on_epoch=True), and put it before what saves.",
            )

    def ending(self, planned: int | None) -> None:
        """Looks at the training as it ends.

        Args:
            planned: How many epochs were planned.
        """
        swapped = weights_kind(self._callbacks) is WeightsKind.EMA
        if swapped and planned is not None and self._session.epoch < planned - 1:
            self._session.notice(
                "averaged_weights_lost",
                f"The training ended in epoch {self._session.epoch + 1} of {planned}, while "
                "SwapEMAWeights had the averaged weights in the model. Keras then takes what it "
                "swapped out for the average: the model now holds the training weights.",
                "Load the last checkpoint for the averaged weights, or pass "
                "SwapEMAWeights(swap_on_epoch=False), which ends with them in any case.",
            )

    def no_epoch(self, model: keras.Model) -> None:
        """Tells that `fit` ended without an epoch."""
        initial = peek(model, "_initial_epoch")
        why = (
            f"Keras still has epoch {initial + 1} as the one to begin with, from the state that "
            "BackupAndRestore loaded into this model."
            if initial
            else "It was asked for none."
        )
        self._session.notice(
            "no_epoch_trained",
            f"This fit trained no epoch. {why}",
            "Give fit a larger epochs=, or build the model anew.",
        )

    def _filepath(self, callback: keras.callbacks.ModelCheckpoint, at: Situation) -> None:
        in_batch = callback.save_freq != "epoch"
        if at.hook != ("on_train_batch_end" if in_batch else "on_epoch_end"):
            return
        if in_batch and not self._first_time("filepath", callback):
            return
        wanted = {name for _, name, _, _ in Formatter().parse(callback.filepath) if name}
        missing = sorted(wanted - {"epoch", *at.logs} - ({"batch"} if in_batch else set()))
        if missing:
            when = " at the end of a batch" if in_batch else ""
            self._session.notice(
                "keras_filepath_field_missing",
                f"ModelCheckpoint is about to fail: its filepath {callback.filepath!r} asks for "
                f"{', '.join(missing)}. This training has {', '.join(at.logs)}{when}.",
                "Correct the name in filepath=, or use epochline.callbacks.ModelCheckpoint, which "
                "writes 'none' there.",
            )

    def _best_in_batches(self, callback: Any, at: Situation) -> None:
        if at.hook != "on_train_batch_end" or not callback.save_best_only:
            return
        if not self._first_time("best", callback):
            return
        saves = f"{type(callback).__name__} saves every {callback.save_freq} batches"
        if callback.monitor.startswith("val_"):
            never = isinstance(callback, OrbaxCheckpoint)
            outcome = "it will never save" if never else "it will save each time, best or not"
            self._session.notice(
                "batch_saves_without_validation",
                f"{saves} by {callback.monitor}, which exists only at the end of an epoch: "
                f"{outcome}.",
                "Use save_freq='epoch', or monitor a training metric with "
                "epochline.callbacks.ModelCheckpoint.",
            )
        elif getattr(callback, "monitor_op", self) is None:
            self._session.notice(
                "batch_saves_before_the_first_epoch_ended",
                f"{saves} when {callback.monitor} is better than before, but it learns which "
                "direction is better only when the first epoch ends: its second look in that "
                "epoch will end the training with a TypeError.",
                "Use save_freq='epoch', or epochline.callbacks.ModelCheckpoint.",
            )

    def _given_by_schedule(self, callback: keras.callbacks.Callback, at: Situation) -> None:
        if at.hook not in ("on_epoch_begin", "on_epoch_end"):
            return
        schedule = schedule_of(callback.model)
        if schedule is not None:
            self._session.notice(
                "learning_rate_given_by_schedule",
                f"The learning rate is given by {schedule} inside the optimizer: when "
                f"{type(callback).__name__} wants to set it, Keras will end the training with a "
                "TypeError.",
                "Keep one of them.",
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

    def _backup_within_epoch(
        self, callback: keras.callbacks.Callback, at: Situation, before: Look, after: Look
    ) -> None:
        steps = (callback.params or {}).get("steps")
        restored = isinstance(callback, keras.callbacks.BackupAndRestore) and loaded(
            at, before, after
        )
        if restored and steps and after.step and after.step % steps:
            self._session.notice(
                "backup_within_epoch",
                f"The backup that {type(callback).__name__} loaded was made after "
                f"{after.step % steps} of {steps} batches of an epoch. Keras begins that epoch "
                "anew, so that those batches are trained twice.",
                "Pass save_freq='epoch' to BackupAndRestore.",
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
        """Told when a callback that set the rate before turns back what another one did since."""
        if decision.lr_before is None or decision.lr_after is None:
            return
        name = f"{decision.callback} (callback {decision.position})"
        raised = decision.lr_after > decision.lr_before
        last, self._last_change = self._last_change, (name, raised)
        fights = last is not None and last[0] != name and last[1] != raised
        if fights and last is not None and name in self._rate_setters:
            self._session.notice(
                "fight_over_learning_rate",
                f"{last[0]} and {name} both set the learning rate of this training; each undoes "
                "what the other did.",
                "Keep one of them.",
            )
        self._rate_setters.add(name)

    def _saved_nan(self, decision: Decision, at: Situation) -> None:
        loss = scalar(at.logs.get("loss"))
        saved = decision.verdict in (Verdict.SAVED, Verdict.BACKED_UP)
        if saved and loss is not None and not math.isfinite(loss):
            stops = any(isinstance(it, keras.callbacks.TerminateOnNaN) for it in self._callbacks)
            why = (
                " TerminateOnNaN ends the training, but the end of the epoch still saves."
                if stops
                else ""
            )
            self._session.notice(
                "saved_after_nan",
                f"{decision.callback} saved {decision.path} although the loss is {loss:g}.{why}",
                "Do not load that file; an earlier one of the same name is gone.",
            )

    def _save_lost(self, callback: keras.callbacks.Callback, at: Situation) -> None:
        path = self._last_saved.get(id(callback), "")
        waited = isinstance(callback, OrbaxCheckpoint) and at.hook == "on_train_end"
        if waited and path and "://" not in path and not os.path.isdir(path):
            self._session.notice(
                "background_save_lost",
                f"{type(callback).__name__} did not finish its last save: {path} is not there. "
                "Keras says nothing when a save in the background fails.",
                "Look at the disk, or pass save_on_background=False to see the error.",
            )

    def _first_time(self, what: str, callback: keras.callbacks.Callback) -> bool:
        """Returns whether that was not looked at yet: batches are many."""
        key = (what, id(callback))
        first = key not in self._looked_at
        self._looked_at.add(key)
        return first


def weights_kind(callbacks: Sequence[keras.callbacks.Callback]) -> WeightsKind:
    """Returns which weights are in the model now."""
    swapped = any(
        peek(item, "_ema_weights_in_model", default=False)
        for item in callbacks
        if isinstance(item, keras.callbacks.SwapEMAWeights)
    )
    return WeightsKind.EMA if swapped else WeightsKind.RAW
