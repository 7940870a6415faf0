"""`ModelCheckpoint`: Keras's callback with safe files, retention and a record of every decision."""

from __future__ import annotations

import os
import time
from collections import defaultdict
from collections.abc import Mapping
from datetime import timedelta
from functools import partial
from pathlib import Path
from string import Formatter
from typing import Any, Final, Literal

from epochline.callbacks.fit import Fit
from epochline.callbacks.measure import metric_directions, scalars
from epochline.callbacks.part import PartCallback
from epochline.callbacks.storage import Storage
from epochline.callbacks.writing import Pruning
from epochline.events import (
    CheckpointSaved,
    Decision,
    Health,
    Mode,
    SaveReason,
    Topic,
    Verdict,
)
from epochline.monitor import infer_mode, is_improvement
from epochline.retention import ModeOf, Retention, RetentionPolicy
from epochline.shards import INDEX_ENDING, WEIGHTS_ENDING
from epochline.store import CheckpointStore
from epochline.tiers import ONLY, can_shrink

__all__ = ["ModelCheckpoint", "is_interval"]

_WHOLE_MODELS: Final = (".keras", ".h5")


class ModelCheckpoint(PartCallback):
    """Saves the model or its weights as `keras.callbacks.ModelCheckpoint` does, but safely.

    A file gets its name only when it is complete and on the disk, so that neither a kill nor a full
    disk destroys the file that was there before. A save that fails is reported loudly, recorded,
    and does not stop the training. Each save, each "not better, not saved" with its numbers, and
    each deletion is recorded; the digest of the file is recorded with it.

    The training is held while the values of the variables are taken; a thread writes the file.
    Weights that are not healthy (NaN, or much larger than in the last healthy checkpoint) are
    saved, too, but never counted as best and never put in the place of a healthy file.

    It acts at the end of each epoch, or of every `save_freq` batches, at its place among the
    callbacks.

    Args:
        filepath: Path of the file; `{epoch}` (from 1), `{batch}` and metric names are filled in as
            in `"weights-improvement-{epoch:02d}-{val_accuracy:.2f}.weights.h5"`. Must end in
            `.weights.h5` or `.weights.json` with `save_weights_only`, else in `.keras` or `.h5`. A
            metric that does not exist is written as `none`, and a notice says so.
        monitor: Metric that says which checkpoint is better. Defaults to `"val_loss"`.
        verbose: 0 silent, 1 prints Keras's messages ("improved from … to …").
        save_best_only: Save only when `monitor` is better than ever before. NaN is never better.
            When the metric is missing, it saves, as Keras does, and a notice says so.
        save_weights_only: Save the weights (and the optimizer's state) instead of the whole model.
        mode: `"min"`, `"max"`, or `"auto"` to go by what Keras knows of the metric.
        save_freq: `"epoch"`, a number of batches, or a `datetime.timedelta`: at the end of the
            first batch after so much time.
        initial_value_threshold: Value that the first save has to beat, with `save_best_only`.
        keep: Retention policy, such as `KeepLast(2) | KeepBest("val_loss", 3)`; only files that
            this run recorded as its own are deleted. None keeps everything.
        log_dir: Run directory for the records. None: that of another Epochline callback in the same
            list, else the directory of `filepath`.
        overwrite: Whether a file of the same name is replaced (Keras's behaviour). False picks
            another name.
        background: Whether the training goes on while the file is written. Keras itself makes
            `.keras` and `.h5` files, which the training waits for in any case.
        when_busy: What happens to a save while the one before is still being written: `"wait"`
            holds the training, `"skip"` does not save and records that.
        max_shard_size: Gigabytes (1024³ bytes) of values in one file, for `.weights.json`: the
            weights are spread over files beside it, `…_00000.weights.h5` and so on.
        dedup: Whether layers that are not trained are stored once for all checkpoints, where the
            file system can do that. On one that can clone files (XFS, btrfs) the files share what
            they have in common; on others the layers get a file of their own, which has a name in
            each checkpoint (a hard link), beside a `.weights.json`. Every checkpoint can be loaded
            and deleted by itself.

    Files of `.weights.json` checkpoints are never replaced, because several files cannot be
    replaced as one: `filepath` needs `{epoch}` or `{batch}` then, and also with `dedup`; when the
    name is taken, another one is used.

    Attributes:
        best: Best value of `monitor` so far, None before the first.
        best_epoch: Zero-based epoch of `best`, None before the first.
        model_file: Where the model itself (architecture, vocabularies) is kept beside files that
            hold weights only; None for nowhere.

    Raises:
        ValueError: If an argument is not of the accepted values; the message lists them.

    Example:
        >>> checkpoint = ModelCheckpoint(
        ...     "ckpt/best.weights.h5",
        ...     monitor="val_accuracy",
        ...     save_best_only=True,
        ...     save_weights_only=True,
        ... )
        >>> checkpoint.monitor
        'val_accuracy'
    """

    topics = frozenset({Topic.CHECKPOINT})

    def __init__(
        self,
        filepath: str | os.PathLike[str],
        monitor: str = "val_loss",
        verbose: int = 0,
        save_best_only: bool = False,
        save_weights_only: bool = False,
        mode: str = "auto",
        save_freq: str | int | timedelta = "epoch",
        initial_value_threshold: float | None = None,
        *,
        keep: RetentionPolicy | None = None,
        log_dir: str | os.PathLike[str] | None = None,
        overwrite: bool = True,
        background: bool = True,
        when_busy: Literal["wait", "skip"] = "wait",
        max_shard_size: float | None = None,
        dedup: bool = False,
    ) -> None:
        super().__init__(log_dir)
        self.filepath = os.fspath(filepath)
        self.monitor = monitor
        self.verbose = verbose
        self.save_best_only = save_best_only
        self.save_weights_only = save_weights_only
        self.mode = mode
        self.save_freq = save_freq
        self.keep = keep
        self.overwrite = overwrite
        self.background = background
        self.when_busy = when_busy
        self.max_shard_size = max_shard_size
        self.dedup = dedup
        self.best = initial_value_threshold
        self.best_epoch: int | None = None
        self.model_file: Path | None = None
        self._check_arguments()
        self._storage = Storage(
            self.filepath,
            weights_only=save_weights_only,
            max_shard_size=max_shard_size,
            dedup=dedup,
        )
        self._last_batch: int | None = None
        self._batches_since_save = 0
        self._saved_at = time.monotonic()
        if save_freq != "epoch":
            # Bound to the instance: a batch hook of the class would cost every fit its asynchronous
            # dispatch.
            self.on_train_batch_end = self._on_train_batch_end

    def _check_arguments(self) -> None:
        if self.mode not in ("auto", "min", "max"):
            msg = f"ModelCheckpoint got mode={self.mode!r}. Use 'auto', 'min' or 'max'."
            raise ValueError(msg)
        if self.save_freq != "epoch" and not is_interval(self.save_freq):
            msg = (
                f"ModelCheckpoint got save_freq={self.save_freq!r}. "
                "Use 'epoch', a positive number of batches, or a positive timedelta."
            )
            raise ValueError(msg)
        if self.when_busy not in ("wait", "skip"):
            msg = f"ModelCheckpoint got when_busy={self.when_busy!r}. Use 'wait' or 'skip'."
            raise ValueError(msg)
        endings = (WEIGHTS_ENDING, INDEX_ENDING) if self.save_weights_only else _WHOLE_MODELS
        if not self.filepath.endswith(endings) or (
            not self.save_weights_only and self.filepath.endswith(WEIGHTS_ENDING)
        ):
            msg = (
                f"ModelCheckpoint got filepath={self.filepath!r} with "
                f"save_weights_only={self.save_weights_only}. It must end in "
                f"{' or '.join(endings)}."
            )
            raise ValueError(msg)
        _check_policy(self.keep, self.filepath)
        try:
            self.filepath.format_map(defaultdict(float, epoch=1, batch=1))
        except (ValueError, IndexError, AttributeError) as error:
            msg = (
                f"ModelCheckpoint got filepath={self.filepath!r}, which cannot be filled in "
                f"({error}). Use fields such as {{epoch:02d}} and {{val_loss:.2f}}."
            )
            raise ValueError(msg) from error

    def default_run_dir(self) -> str:
        """Returns the directory of the files, above every part that is filled in."""
        return os.path.dirname(self.filepath.split("{", 1)[0]) or "."

    def describe(self) -> dict[str, Any]:
        """Returns what `SessionStarted` should say about saving."""
        what = "weights" if self.save_weights_only else "model"
        when = f"{self.save_freq} batches" if isinstance(self.save_freq, int) else self.save_freq
        best = f", when {self.monitor} is better than before" if self.save_best_only else ""
        return {
            "monitor": self.monitor,
            "mode": None if self.mode == "auto" else Mode(self.mode),
            "save": f"{what} every {when}{best}",
            "keep": "all" if self.keep is None else str(self.keep),
        }

    def session_started(self, fit: Fit) -> None:
        """Tidies up behind killed writers; remembers the best of the sessions it continues."""
        fit.session.tidy(Path(self.filepath).parent)
        self._storage.begin(fit.session)
        earlier = fit.saver.catalog.best(self.monitor, self._mode(fit)) if fit.continued else None
        if earlier is not None and is_improvement(
            earlier.metrics[self.monitor], self.best, self._mode(fit)
        ):
            self.best, self.best_epoch = earlier.metrics[self.monitor], earlier.epoch

    def on_epoch_end(self, epoch: int, logs: Mapping[str, Any] | None = None) -> None:
        """Saves, if this is the moment and the metric is good enough."""
        if self.save_freq == "epoch" and self.fit is not None:
            self.consider(self.fit, epoch, None, logs or {})

    def _on_train_batch_end(self, batch: int, logs: Mapping[str, Any] | None = None) -> None:
        # With steps_per_execution, Keras calls once for several batches.
        first = self._last_batch is None or batch <= self._last_batch
        self._batches_since_save += batch + 1 if first else batch - (self._last_batch or 0)
        self._last_batch = batch
        if self._is_time() and self.fit is not None:
            self._batches_since_save = 0
            self._saved_at = time.monotonic()
            self.consider(self.fit, self.fit.session.epoch, batch, logs or {})

    def _is_time(self) -> bool:
        if isinstance(self.save_freq, timedelta):
            return time.monotonic() - self._saved_at >= self.save_freq.total_seconds()
        return self._batches_since_save >= int(self.save_freq)

    def consider(self, fit: Fit, epoch: int, batch: int | None, logs: Mapping[str, Any]) -> None:
        """Decides whether to save, and does.

        Args:
            fit: Where to record it.
            epoch: Zero-based epoch.
            batch: Zero-based batch of the epoch, None at its end.
            logs: The metrics of this moment.
        """
        if batch is not None:
            fit.save_position()
        metrics = scalars(logs)
        observed = metrics.get(self.monitor)
        mode = self._mode(fit)
        best, best_epoch = self.best, self.best_epoch
        better = observed is not None and is_improvement(observed, best, mode)
        if observed is None:
            self._tell_missing(fit, metrics)
        judged: dict[str, Any] = {
            "monitor": None if observed is None else self.monitor,
            "mode": mode,
            "observed": observed,
            "best": best,
            "best_epoch": best_epoch,
        }
        if self.save_best_only and observed is not None and not better:
            self._print(f"\nEpoch {epoch + 1}: {self.monitor} did not improve from {_five(best)}")
            fit.session.record(
                Decision(
                    callback=self.name,
                    topic=Topic.CHECKPOINT,
                    verdict=Verdict.NOT_SAVED,
                    **judged,
                )
            )
            return
        if fit.saver.busy and self.when_busy == "skip":
            fit.session.record(
                Decision(
                    callback=self.name, topic=Topic.CHECKPOINT, verdict=Verdict.SKIPPED, **judged
                )
            )
            return
        if better:
            self.best, self.best_epoch = observed, epoch
        path = self._path(fit, epoch, batch, logs)
        if self.save_best_only and better:
            self._print(
                f"\nEpoch {epoch + 1}: {self.monitor} improved from {_five(best)} to "
                f"{_five(observed)}, saving model to {path}"
            )
        else:
            self._print(f"\nEpoch {epoch + 1}: saving model to {path}")
        fit.saver.save(
            self.model,
            path,
            metrics,
            overwrite=self.overwrite,
            background=self.background,
            pruning=None if self.keep is None else Pruning(self.keep, self._mode_of(fit)),
            then=partial(self._finished, epoch, path, (self.best, best, best_epoch)),
            model_file=self.model_file if self.save_weights_only else None,
            sharding=self._storage.sharding,
            dedup=self._storage.dedup,
            reason=SaveReason.BEST if better else SaveReason.SCHEDULED,
            weights_kind=fit.weights_to_save(self.name),
            callback=self.name,
            **judged,
        )

    def _finished(
        self,
        epoch: int,
        path: Path,
        bests: tuple[float | None, float | None, int | None],
        saved: CheckpointSaved | None,
    ) -> None:
        """Called when the file is there, or could not be saved, by the thread that wrote it."""
        if saved is not None:
            self._print(f"\nEpoch {epoch + 1}: finished saving model to {path}")
        now, before, before_epoch = bests
        if (saved is None or saved.health is not Health.HEALTHY) and self.best == now:
            self.best, self.best_epoch = before, before_epoch

    @property
    def name(self) -> str:
        """Name under which its decisions are recorded."""
        return type(self).__name__

    def _mode_of(self, fit: Fit) -> ModeOf:
        mode, directions = self._mode(fit), fit.directions
        return lambda metric: mode if metric == self.monitor else infer_mode(metric, directions)

    def _mode(self, fit: Fit) -> Mode:
        if self.mode != "auto":
            return Mode(self.mode)
        directions = fit.directions or metric_directions(self.model)
        name = self.monitor.removeprefix("val_")
        if name not in directions:
            fit.session.notice(
                "mode_inferred",
                f"Keras does not know whether {self.monitor!r} should grow or shrink; by its name "
                f"it is taken as {infer_mode(self.monitor).value!r}.",
                "Pass mode='min' or mode='max' to decide it.",
            )
        return infer_mode(self.monitor, directions)

    def _path(self, fit: Fit, epoch: int, batch: int | None, logs: Mapping[str, Any]) -> Path:
        values: dict[str, Any] = {"epoch": epoch + 1, **logs}
        if batch is not None:
            values.setdefault("batch", batch + 1)
        filepath = self._storage.filepath
        wanted = {field for _, field, _, _ in Formatter().parse(filepath) if field}
        missing = sorted(field for field in wanted if field not in values)
        if missing:
            fit.session.notice(
                "filepath_field_missing",
                f"The file name {self.filepath!r} asks for {', '.join(missing)}, which this "
                "training does not have; 'none' stands there instead. "
                f"It has: {', '.join(sorted(values))}.",
                "Correct the name in filepath=.",
            )
        path = Path(filepath.format_map(defaultdict(_None, values)))
        if self.overwrite and not self._storage.sharded:
            return path
        return CheckpointStore(path.parent).free_name(*_split(path.name))

    def _tell_missing(self, fit: Fit, metrics: Mapping[str, float]) -> None:
        fit.session.notice(
            "monitor_missing",
            f"{self.name} did not find its metric {self.monitor!r}, and saves without ranking. "
            f"Available metrics: {', '.join(metrics) or 'none'}.",
            "Give monitor= one of these, or validation data to fit.",
        )

    def _print(self, message: str) -> None:
        if self.verbose > 0:
            print(message)  # noqa: T201 – what Keras's callback prints, where it prints it


def is_interval(value: object) -> bool:
    """Returns whether `value` says how often to save: a number of batches, or a time."""
    if isinstance(value, timedelta):
        return value > timedelta(0)
    return isinstance(value, int) and not isinstance(value, bool) and value > 0


def _check_policy(keep: object, filepath: str) -> None:
    if keep is not None and not isinstance(keep, RetentionPolicy):
        msg = (
            f"ModelCheckpoint got keep={keep!r}. "
            "Use a retention policy such as KeepLast(2), or None to keep everything."
        )
        raise ValueError(msg)
    if isinstance(keep, Retention) and keep.demotions and not can_shrink(filepath):
        msg = f"ModelCheckpoint got filepath={filepath!r} with keep={str(keep)!r}: {ONLY}."
        raise ValueError(msg)


class _None:
    """Stands in a file name for a metric that does not exist, whatever its format."""

    def __format__(self, spec: str) -> str:
        return "none"


def _five(value: float | None) -> str:
    return "None" if value is None else f"{value:.5f}"


def _split(name: str) -> tuple[str, str]:
    endings = (WEIGHTS_ENDING, INDEX_ENDING)
    suffix = next((ending for ending in endings if name.endswith(ending)), Path(name).suffix)
    return name.removesuffix(suffix), suffix
