"""Many long runs, as `fit` with `EarlyStopping` and `Timeline` leaves them; always the same.

Beside the records of Epochline there are the two curves of each run as TensorBoard's own scalars,
so that its dashboards can show the same numbers.
"""

from __future__ import annotations

import math
from pathlib import Path

from epochline.events import (
    CheckpointSaved,
    Decision,
    EndReason,
    EpochEnded,
    Event,
    MetricsDescribed,
    Mode,
    Record,
    SaveReason,
    SessionEnded,
    SessionStarted,
    Topic,
    Verdict,
)
from epochline.store.digest import digest_bytes
from epochline.writer import EventWriter

__all__ = ["last_wall_time", "save_another", "write"]

START = 1_760_000_000.0
EPOCH_SECONDS = 20.0
STEPS_PER_EPOCH = 390
PATIENCE = 100
_DATA = b"weights"
_DIGEST = digest_bytes(_DATA)


def write(logdir: Path, *, runs: int, epochs: int, save_every: int, to_go: int) -> None:
    """Writes runs `sweep/000`, `sweep/001`, ...

    Args:
        logdir: Where.
        runs: How many.
        epochs: Of each run.
        save_every: Epochs from checkpoint to checkpoint.
        to_go: Epochs that the last run has still to train.
    """
    for number in range(runs):
        run_dir = logdir / "sweep" / f"{number:03d}"
        (run_dir / "checkpoints").mkdir(parents=True)
        trained = epochs - to_go if number == runs - 1 else epochs
        _write_records(run_dir, number, trained, save_every)
        _write_scalars(run_dir, number, trained)


def save_another(logdir: Path, *, number: int, epoch: int) -> None:
    """Lets run `number` train one more epoch and save it.

    Args:
        logdir: Where `write` wrote.
        number: Of the run.
        epoch: Which epoch comes next, counted from zero.
    """
    run_dir = logdir / "sweep" / f"{number:03d}"
    now = metrics(number, epoch)
    events = (EpochEnded(metrics=now), _save(run_dir, epoch, now, math.inf))
    writer = EventWriter(run_dir / "timeline")
    writer.append_record(_record(number, epoch, events))
    writer.close()


def metrics(number: int, epoch: int) -> dict[str, float]:
    """Returns what run `number` reports after an epoch, counted from zero."""
    floor = 0.2 + 0.002 * number
    loss = floor + math.exp(-epoch / (60 + number)) + 0.01 * math.sin(epoch * (1 + 0.01 * number))
    val_loss = floor + 0.05 + math.exp(-epoch / (50 + number)) + 0.02 * math.sin(0.7 * epoch)
    return {"loss": round(loss, 6), "val_loss": round(val_loss, 6)}


def last_wall_time(number: int, epochs: int) -> float:
    """Returns when so many epochs of run `number` were over."""
    return START + 50 * number + EPOCH_SECONDS * epochs


def _write_records(run_dir: Path, number: int, epochs: int, save_every: int) -> None:
    writer = EventWriter(run_dir / "timeline")
    best, best_epoch = math.inf, 0
    started = SessionStarted(
        planned_epochs=epochs,
        backend="tensorflow",
        callbacks=("EarlyStopping", "Timeline"),
        monitor="val_loss",
        mode=Mode.MIN,
    )
    directions = MetricsDescribed(directions={"loss": Mode.MIN, "val_loss": Mode.MIN})
    events: list[Event] = [started, directions]
    for epoch in range(epochs):
        now = metrics(number, epoch)
        value = now["val_loss"]
        wait = epoch - best_epoch if value >= best else 0
        events.append(EpochEnded(metrics=now, duration_seconds=EPOCH_SECONDS))
        events.append(_patience(value, best, best_epoch, wait))
        if (epoch + 1) % save_every == 0:
            events.append(_save(run_dir, epoch, now, best))
        else:
            events.append(_not_saved(value, best, best_epoch))
        if value < best:
            best, best_epoch = value, epoch
        if epoch == epochs - 1:
            events.append(SessionEnded(reason=EndReason.COMPLETED))
        writer.append_record(_record(number, epoch, tuple(events)))
        events = []
    writer.close()


def _record(number: int, epoch: int, events: tuple[Event, ...]) -> Record:
    return Record(
        session=f"{number + 1:016x}",
        seq=epoch,
        wall_time=last_wall_time(number, epoch + 1),
        epoch=epoch,
        step=STEPS_PER_EPOCH * (epoch + 1),
        batch=STEPS_PER_EPOCH * (epoch + 1),
        events=events,
    )


def _save(run_dir: Path, epoch: int, now: dict[str, float], best: float) -> CheckpointSaved:
    path = f"checkpoints/epoch-{epoch + 1:04d}.weights.h5"
    (run_dir / path).write_bytes(_DATA)
    return CheckpointSaved(
        id=f"{int(run_dir.name):08x}{epoch:08x}",
        path=path,
        size_bytes=len(_DATA),
        digest=_DIGEST,
        metrics=now,
        reason=SaveReason.BEST if now["val_loss"] < best else SaveReason.SCHEDULED,
        save_seconds=0.02,
        callback="Timeline",
        monitor="val_loss",
        mode=Mode.MIN,
        observed=now["val_loss"],
        best=best if math.isfinite(best) else None,
    )


def _patience(value: float, best: float, best_epoch: int, wait: int) -> Decision:
    return Decision(
        callback="EarlyStopping",
        position=0,
        topic=Topic.STOP,
        verdict=Verdict.WAITING if wait else Verdict.IMPROVED,
        monitor="val_loss",
        mode=Mode.MIN,
        observed=value,
        best=best if math.isfinite(best) else None,
        best_epoch=best_epoch if math.isfinite(best) else None,
        wait=wait,
        patience=PATIENCE,
    )


def _not_saved(value: float, best: float, best_epoch: int) -> Decision:
    return Decision(
        callback="Timeline",
        position=1,
        topic=Topic.CHECKPOINT,
        verdict=Verdict.NOT_SAVED,
        monitor="val_loss",
        mode=Mode.MIN,
        observed=value,
        best=best if math.isfinite(best) else None,
        best_epoch=best_epoch if math.isfinite(best) else None,
    )


def _write_scalars(run_dir: Path, number: int, epochs: int) -> None:
    for member, name in (("train", "loss"), ("validation", "val_loss")):
        writer = EventWriter(run_dir / member)
        for epoch in range(epochs):
            wall_time = last_wall_time(number, epoch + 1)
            value = metrics(number, epoch)[name]
            writer.append_scalars(epoch, {"epoch_loss": value}, wall_time=wall_time)
        writer.close()
