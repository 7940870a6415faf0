"""`record`: the same timeline for a training loop of one's own, without `fit`."""

from __future__ import annotations

import os
import time
from collections.abc import Mapping
from types import TracebackType
from typing import Any, Self

import keras

from epochline.callbacks.catalog import Catalog
from epochline.callbacks.measure import iterations, scalars
from epochline.callbacks.saving import CHECKPOINTS_DIR, Saver
from epochline.callbacks.scalars import ScalarCurves
from epochline.callbacks.writing import Pruning
from epochline.events import (
    Decision,
    EndReason,
    EpochEnded,
    MetricsDescribed,
    Mode,
    SaveReason,
    SessionStarted,
    Topic,
    Verdict,
)
from epochline.monitor import infer_mode, is_improvement
from epochline.retention import KeepAll, RetentionPolicy
from epochline.run import Run
from epochline.session import Session
from epochline.shards import WEIGHTS_ENDING
from epochline.store import CheckpointStore

__all__ = ["Recorder", "record"]


class Recorder:
    """Records a training loop; a context manager, made by `record`.

    What it writes is what `Timeline` writes: records in `timeline/`, curves in `train/` and
    `validation/`, files in `checkpoints/`. No method raises because of the disk.

    Args:
        log_dir: Run directory, one per training.
        monitor: Metric by which checkpoints are ranked; None for none.
        mode: Which direction of it is better; None to go by its name.
        keep: Which checkpoints stay; everything by default.
        epochs: How many are planned, if that is known.
    """

    def __init__(
        self,
        log_dir: str | os.PathLike[str],
        *,
        monitor: str | None = None,
        mode: Mode | str | None = None,
        keep: RetentionPolicy | None = None,
        epochs: int | None = None,
    ) -> None:
        self._session = Session(log_dir)
        self._monitor = monitor
        self._mode = None if mode is None else Mode(mode)
        self._keep = keep or KeepAll()
        self._planned = epochs
        self._saver = Saver(self._session, Catalog(log_dir))
        self._curves = ScalarCurves(log_dir)
        self._metrics: dict[str, float] = {}
        self._rate: float | None = None
        self._best: tuple[float, int] | None = None
        self._began = 0.0

    def __enter__(self) -> Self:
        """Begins the session."""
        self._session.start()
        self._saver.catalog = Catalog.of(Run(self._session.run_dir))
        self._session.record(
            SessionStarted(
                planned_epochs=self._planned,
                backend=keras.backend.backend(),
                keras_version=keras.__version__,
                pid=os.getpid(),
                monitor=self._monitor,
                mode=self._mode,
                keep=str(self._keep),
            )
        )
        self._session.tidy(self._session.run_dir / CHECKPOINTS_DIR)
        self._saver.catalog.settle(str(self._keep), self._session)
        if self._monitor and self._mode:
            self._session.record(MetricsDescribed(directions={self._monitor: self._mode}))
        self._began = time.perf_counter()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Ends the session, with the exception as its reason when there is one."""
        self._curves.close()
        if kind is None:
            self._session.end(EndReason.COMPLETED)
        elif issubclass(kind, KeyboardInterrupt):
            self._session.end(EndReason.INTERRUPTED)
        else:
            self._session.end(EndReason.FAILED, message=f"{kind.__name__}: {error}")

    def epoch_end(
        self, epoch: int, metrics: Mapping[str, Any], *, step: int, batch: int | None = None
    ) -> None:
        """Records the metrics of an epoch.

        Args:
            epoch: Zero-based epoch.
            metrics: Name to number; those of the validation begin with `val_`.
            step: Optimizer updates done so far.
            batch: Training batches seen so far; `step` when None.

        Example:
            >>> recorder.epoch_end(0, {"loss": 0.7, "val_loss": 0.8}, step=100)  # doctest: +SKIP
        """
        now = time.perf_counter()
        seconds, self._began = now - self._began, now
        self._session.epoch, self._session.step = epoch, step
        self._session.batch = step if batch is None else batch
        self._metrics = scalars(metrics)
        if self._rate is not None:
            self._metrics.setdefault("learning_rate", self._rate)
        self._session.record(EpochEnded(metrics=self._metrics, duration_seconds=seconds))
        self._curves.epoch_ended(epoch, step, self._metrics)

    def learning_rate(self, rate: float, *, cause: str = "training loop", why: str = "") -> None:
        """Records the learning rate, and a decision when it has changed.

        Args:
            rate: The learning rate from now on.
            cause: Who set it.
            why: Its reason, in words.
        """
        rate, before, self._rate = float(rate), self._rate, float(rate)
        if before is not None and before != rate:
            self._session.record(
                Decision(
                    callback=cause,
                    topic=Topic.LEARNING_RATE,
                    verdict=Verdict.CHANGED,
                    lr_before=before,
                    lr_after=rate,
                    detail=why,
                )
            )

    def checkpoint(self, model: keras.Model) -> str | None:
        """Saves `model` (weights, optimizer state) with the metrics of the last epoch.

        The loop goes on while the file is written. A save that fails is logged and recorded.

        Returns:
            The id that the checkpoint will have; None when it is known already that it has failed.
        """
        session = self._session
        step = iterations(model)
        session.step = session.step if step is None else step
        folder = session.run_dir / CHECKPOINTS_DIR
        path = CheckpointStore(folder).free_name(f"epoch-{session.epoch + 1:04d}", WEIGHTS_ENDING)
        return self._saver.save(
            model,
            path,
            self._metrics,
            overwrite=False,
            pruning=Pruning(self._keep, self._mode_of),
            **self._judge(),
        )

    def _judge(self) -> dict[str, Any]:
        observed = None if self._monitor is None else self._metrics.get(self._monitor)
        if self._monitor is None or observed is None:
            return {"reason": SaveReason.MANUAL}
        mode, before = self._mode_of(self._monitor), self._best
        best = None if before is None else before[0]
        better = is_improvement(observed, best, mode)
        if better:
            self._best = (observed, self._session.epoch)
        return {
            "reason": SaveReason.BEST if better else SaveReason.MANUAL,
            "monitor": self._monitor,
            "mode": mode,
            "observed": observed,
            "best": best,
            "best_epoch": None if before is None else before[1],
        }

    def _mode_of(self, metric: str) -> Mode:
        return self._mode if metric == self._monitor and self._mode else infer_mode(metric)


def record(
    log_dir: str | os.PathLike[str],
    *,
    monitor: str | None = None,
    mode: Mode | str | None = None,
    keep: RetentionPolicy | None = None,
    epochs: int | None = None,
) -> Recorder:
    """Records a training loop of your own.

    Args:
        log_dir: Run directory, one per training.
        monitor: Metric by which checkpoints are ranked; None for none.
        mode: `"min"` or `"max"`; None to go by the name of the metric.
        keep: Which checkpoints stay; everything by default.
        epochs: How many are planned, if that is known.

    Raises:
        RunBusyError: On entering, if another living process writes to `log_dir`.

    Example:
        >>> with record("logs/own", monitor="val_loss") as recorder:  # doctest: +SKIP
        ...     for epoch in range(10):
        ...         recorder.epoch_end(epoch, train_one_epoch(), step=100 * (epoch + 1))
        ...         recorder.checkpoint(model)
    """
    return Recorder(log_dir, monitor=monitor, mode=mode, keep=keep, epochs=epochs)
