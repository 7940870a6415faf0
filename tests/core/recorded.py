"""A run written without Keras: records by `EventWriter`, checkpoint files by the store."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from epochline.events import (
    CheckpointPruned,
    CheckpointSaved,
    Decision,
    EndReason,
    EpochEnded,
    Event,
    Mode,
    Record,
    SaveReason,
    SessionEnded,
    SessionStarted,
    Topic,
    Verdict,
)
from epochline.store import write_atomic
from epochline.writer import EventWriter

__all__ = ["EPOCHS", "Recorded", "record_run"]

START = 1_760_000_000.0
STEPS = 52
EPOCHS = (0.60, 0.80, 0.70, 0.80, 0.75)
"""Validation accuracy of each epoch of `record_run`; the first is pruned."""


class Recorded:
    """One session of a run, written record by record.

    Args:
        run_dir: The run directory.
        session: Its id.
        start: Wall time of the first record.
    """

    def __init__(
        self, run_dir: Path, session: str = "5e55100000000001", start: float = START
    ) -> None:
        self.run_dir = run_dir
        self.session = session
        self.seq = 0
        self.wall_time = start
        self._writer = EventWriter(run_dir / "timeline")

    def put(self, epoch: int, *events: Event) -> None:
        """Appends a record, a second after the one before."""
        steps = (epoch + 1) * STEPS
        self._writer.append_record(
            Record(
                session=self.session,
                seq=self.seq,
                wall_time=self.wall_time,
                epoch=epoch,
                step=steps,
                batch=steps,
                events=events,
            )
        )
        self.seq += 1
        self.wall_time += 1

    def saved(self, epoch: int, data: bytes, metrics: Mapping[str, float], **more: Any) -> Event:
        """Writes a checkpoint file and returns its event."""
        name = more.pop("name", f"epoch-{epoch + 1:04d}.weights.h5")
        written = write_atomic(self.run_dir / "checkpoints" / name, data, replace=True)
        values: dict[str, Any] = {
            "id": f"{epoch + 1:04x}c0ffee000000",
            "path": f"checkpoints/{name}",
            "size_bytes": written.size_bytes,
            "digest": written.digest,
            "metrics": metrics,
            "callback": "Timeline",
            **more,
        }
        return CheckpointSaved(**values)


def record_run(run_dir: Path) -> Recorded:
    """Writes a run of five epochs: four checkpoints on disk, one pruned, one cut, stopped early."""
    run = Recorded(run_dir)
    run.put(
        0,
        SessionStarted(
            planned_epochs=20,
            backend="tensorflow",
            callbacks=("EarlyStopping", "ReduceLROnPlateau", "Timeline"),
            monitor="val_accuracy",
            mode=Mode.MAX,
            save="weights every epoch",
            keep="last 2 or best 3 by val_accuracy",
        ),
    )
    best: tuple[float | None, int | None] = (None, None)
    for epoch, accuracy in enumerate(EPOCHS):
        metrics = {
            "accuracy": accuracy + 0.05,
            "loss": 1 - accuracy,
            "val_accuracy": accuracy,
            "val_loss": 1.1 - accuracy,
            "learning_rate": 1e-3 if epoch < 4 else 1e-4,
        }
        better = best[0] is None or accuracy > best[0]
        saved = run.saved(
            epoch,
            bytes([epoch]) * (1000 + epoch),
            metrics,
            reason=SaveReason.BEST if better else SaveReason.SCHEDULED,
            monitor="val_accuracy",
            mode=Mode.MAX,
            observed=accuracy,
            best=best[0],
            best_epoch=best[1],
            has_optimizer=True,
        )
        wait = Decision(
            callback="EarlyStopping",
            position=0,
            topic=Topic.STOP,
            verdict=Verdict.IMPROVED if better else Verdict.WAITING,
            monitor="val_accuracy",
            mode=Mode.MAX,
            observed=accuracy,
            best=best[0],
            best_epoch=best[1],
            wait=0 if better else epoch - (best[1] or 0),
            patience=3,
        )
        if better:
            best = (accuracy, epoch)
        run.put(epoch, EpochEnded(metrics=metrics, duration_seconds=0.5), saved, wait)
    _end(run, best)
    return run


def _end(run: Recorded, best: tuple[float | None, int | None]) -> None:
    (run.run_dir / "checkpoints" / "epoch-0001.weights.h5").unlink()
    last = len(EPOCHS) - 1
    run.put(
        last,
        CheckpointPruned(
            id="0001c0ffee000000",
            policy="last 2 or best 3 by val_accuracy",
            freed_bytes=1000,
        ),
        Decision(
            callback="ReduceLROnPlateau",
            position=1,
            topic=Topic.LEARNING_RATE,
            verdict=Verdict.CHANGED,
            monitor="val_loss",
            mode=Mode.MIN,
            observed=0.35,
            best=0.3,
            best_epoch=1,
            min_delta=1e-4,
            wait=2,
            patience=2,
            cooldown=0,
            lr_before=1e-3,
            lr_after=1e-4,
        ),
        Decision(
            callback="EarlyStopping",
            position=0,
            topic=Topic.STOP,
            verdict=Verdict.STOPPED,
            monitor="val_accuracy",
            mode=Mode.MAX,
            observed=EPOCHS[-1],
            best=best[0],
            best_epoch=best[1],
            wait=3,
            patience=3,
        ),
    )
    run.put(last, SessionEnded(reason=EndReason.EARLY_STOPPING, callback="EarlyStopping"))
