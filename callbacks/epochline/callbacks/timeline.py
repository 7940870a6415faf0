"""`Timeline`: the one line that records a training and keeps its checkpoints."""

from __future__ import annotations

import os
from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path
from typing import Any, Final, Literal, cast

import keras

from epochline.archive import MODEL_FILE
from epochline.callbacks.fit import Fit
from epochline.callbacks.live_restore import LiveRestore, RestoreOnNaN
from epochline.callbacks.model_checkpoint import ModelCheckpoint, is_interval
from epochline.callbacks.part import PartCallback
from epochline.callbacks.resume import Resume
from epochline.callbacks.saving import CHECKPOINTS_DIR
from epochline.callbacks.scalars import ScalarCurves
from epochline.events import Topic
from epochline.retention import KeepBest, KeepLast, RetentionPolicy

__all__ = ["Timeline"]

_PER_EPOCH: Final = ("epoch", "best")
_KEEP_LAST: Final = 2
_KEEP_BEST: Final = 3


class Timeline(PartCallback):
    """Records what happens in a training and why, and keeps its checkpoints.

    Add it to `fit`, at any place in the list, and look at the *Checkpoints* tab of TensorBoard. It
    composes `ModelCheckpoint`, `LearningRateRecorder` and `EarlyStoppingRecorder`, and writes the
    standard scalar curves unless a `keras.callbacks.TensorBoard` in the same list does. The result
    of the training is bit for bit what it is without.

    It acts after all other callbacks have done their part of a hook, wherever it stands.

    Args:
        log_dir: Run directory, one per training. Gets `timeline/` (records), `checkpoints/` (Keras
            weights files), `model.keras` (the model itself, once), `train/` and `validation/`
            (curves).
        monitor: Metric by which checkpoints are ranked. Defaults to `"val_loss"`.
        mode: `"min"`, `"max"`, or `"auto"` to go by what Keras knows of the metric.
        save: When to save the weights and the optimizer's state: `"epoch"` after every epoch,
            `"best"` when `monitor` is better than ever before, a number for every so many batches,
            a `datetime.timedelta` for every so much time, None never.
        keep: Retention policy; None for the last 2 and the best 3 by `monitor`. `KeepAll()` keeps
            everything.
        verbose: 0 silent, 1 prints Keras's messages for each save.
        background: Whether the training goes on while a checkpoint is written.
        when_busy: What happens to a save while the one before is still being written: `"wait"`
            holds the training, `"skip"` does not save and records that.
        dedup: Whether layers that are not trained are stored once for all checkpoints; see
            `ModelCheckpoint`. For fine-tuning with a frozen backbone.
        resume: Whether a training that is killed goes on, bit for bit, when the same script is
            started again; see `Resume`.
        live: Whether the training answers requests while it runs: restore, undo, pause, stop, save,
            learning rate; see `LiveRestore`.
        on_nan: What happens when the loss or the weights become NaN: `"restore"` goes back to the
            newest healthy checkpoint with half the learning rate, three times at most in one
            `fit`; None leaves the training to itself; see `LiveRestore`, which must be there
            (`live=True`).

    Raises:
        ValueError: If an argument is not of the accepted values; the message lists them.
        ResumeMismatchError, ResumeStateError: As from `Resume`.
        RunBusyError: From `fit`, before the first batch, if another living process writes to
            `log_dir`.

    Example:
        >>> model.fit(
        ...     x,
        ...     y,
        ...     validation_split=0.33,
        ...     epochs=150,
        ...     callbacks=[
        ...         keras.callbacks.EarlyStopping(patience=20),
        ...         Timeline("logs/pima", monitor="val_accuracy"),
        ...     ],
        ... )
    """

    topics = frozenset(Topic)

    def __init__(
        self,
        log_dir: str | os.PathLike[str],
        *,
        monitor: str = "val_loss",
        mode: Literal["auto", "min", "max"] = "auto",
        save: Literal["epoch", "best"] | int | timedelta | None = "epoch",
        keep: RetentionPolicy | None = None,
        verbose: int = 0,
        background: bool = True,
        when_busy: Literal["wait", "skip"] = "wait",
        dedup: bool = False,
        resume: bool = False,
        live: bool = True,
        on_nan: Literal["restore"] | RestoreOnNaN | None = None,
    ) -> None:
        super().__init__(log_dir)
        if on_nan is not None and not live:
            msg = f"Timeline got on_nan={on_nan!r} with live=False. Leave live=True."
            raise ValueError(msg)
        self.monitor = monitor
        self.mode = mode
        self.save = save
        self.checkpoint: ModelCheckpoint | None = None
        if save is not None:
            self.checkpoint = self._model_checkpoint(
                keep, verbose=verbose, background=background, when_busy=when_busy, dedup=dedup
            )
            if save not in _PER_EPOCH:
                self.on_train_batch_end = self.checkpoint.on_train_batch_end
        self.resume = Resume(log_dir) if resume else None
        self.live = LiveRestore(log_dir, on_nan=on_nan) if live else None
        self._curves: ScalarCurves | None = None

    def _model_checkpoint(self, keep: RetentionPolicy | None, **options: Any) -> ModelCheckpoint:
        per_epoch = self.save in _PER_EPOCH
        if not per_epoch and not is_interval(self.save):
            msg = (
                f"Timeline got save={self.save!r}. Use 'epoch', 'best', a positive number of "
                "batches, a positive timedelta, or None."
            )
            raise ValueError(msg)
        name = "epoch-{epoch:04d}" if per_epoch else "epoch-{epoch:04d}-batch-{batch:06d}"
        checkpoint = ModelCheckpoint(
            Path(self.log_dir or "", CHECKPOINTS_DIR, f"{name}.weights.h5"),
            monitor=self.monitor,
            save_best_only=self.save == "best",
            save_weights_only=True,
            mode=self.mode,
            save_freq="epoch" if per_epoch else cast("int | timedelta", self.save),
            keep=keep or KeepLast(_KEEP_LAST) | KeepBest(self.monitor, _KEEP_BEST),
            log_dir=self.log_dir,
            overwrite=False,
            **options,
        )
        checkpoint.model_file = Path(self.log_dir or "", MODEL_FILE)
        return checkpoint

    def set_model(self, model: keras.Model) -> None:
        """Called by Keras with the model that is trained."""
        super().set_model(model)
        if self.checkpoint is not None:
            self.checkpoint.set_model(model)

    def on_train_begin(self, logs: Mapping[str, Any] | None = None) -> None:
        """Called by Keras; finds out whether there is something to continue."""
        super().on_train_begin(logs)
        if self.live is not None:
            self.live.join(self.fit)
        if self.resume is not None:
            self.resume.join(self.fit)

    def attach(self, fit: Fit | None) -> None:
        """Makes `fit` what this part takes part in."""
        super().attach(fit)
        if self.checkpoint is not None:
            self.checkpoint.attach(fit)

    def describe(self) -> dict[str, Any]:
        """Returns what `SessionStarted` should say about saving."""
        if self.checkpoint is None:
            return {"monitor": self.monitor, "save": "nothing"}
        return self.checkpoint.describe()

    def session_started(self, fit: Fit) -> None:
        """Called when the session has begun."""
        if self.checkpoint is not None:
            self.checkpoint.session_started(fit)
        if not fit.has(keras.callbacks.TensorBoard):
            self._curves = ScalarCurves(fit.run_dir)
        if self.live is not None:
            self.live.session_started(fit)

    def epoch_ended(self, fit: Fit, epoch: int, metrics: Mapping[str, float]) -> None:
        """Writes the curves and saves."""
        if self._curves is not None:
            self._curves.epoch_ended(epoch, fit.session.step, metrics)
        if self.checkpoint is not None:
            self.checkpoint.on_epoch_end(epoch, metrics)
        if self.live is not None:
            self.live.epoch_ended(fit, epoch, metrics)

    def train_ended(self, fit: Fit) -> None:
        """Closes the curves, and ends listening."""
        if self._curves is not None:
            self._curves.close()
            self._curves = None
        if self.live is not None:
            self.live.train_ended(fit)
