"""A log directory in which all happened that can happen; its records are always the same.

- `pima`: two sessions; the first was killed and has a gap, the second resumed at an earlier epoch
  and was stopped early. Checkpoints of every status but `pinned`; three of them were measured.
- `pima-decay`: one session that never said that it ended.
- `long`: 2,500 records in one session, 4 at each step, and a second one that starts again at an
  earlier epoch.
- `plain`: no records, only TensorBoard's own curves.
"""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from epochline.events import (
    CheckpointFailed,
    CheckpointPruned,
    CheckpointSaved,
    Decision,
    EndReason,
    EpochEnded,
    Event,
    MetricsDescribed,
    Mode,
    Notice,
    Outcome,
    Record,
    Restored,
    SaveReason,
    SessionEnded,
    SessionStarted,
    Topic,
    Verdict,
    WeightsKind,
)
from epochline.layout import Layout, Variable
from epochline.restore.requests import Action, Answer, LayerChange
from epochline.statistics import Measurer
from epochline.store.digest import digest_bytes
from epochline.writer import EventWriter

if TYPE_CHECKING:
    from tests.end_to_end.tensorboard import TensorBoard

__all__ = [
    "BEST_ID",
    "LIVE_ANSWER",
    "LIVE_REQUEST",
    "LONG_RECORDS",
    "RESUMED_RECORDS",
    "RUNS",
    "SessionLog",
    "is_loaded",
    "write",
]

START = 1_760_000_000.0
STEPS_PER_EPOCH = 52
EPOCH_SECONDS = 2.0
LONG_RECORDS = 2_500
RESUMED_RECORDS = 100

FIRST = "a11ce00000000001"
SECOND = "a11ce00000000002"
DECAY = "dec0000000000001"
LONG = ("10000000000000aa", "10000000000000bb")
BEST_ID = "c0ffee0000000012"
LIVE_REQUEST: Final[dict[str, Any]] = {
    "run": "pima",
    "request": "01a20297c2e8c4debaf3350cba027d7a",
    "action": "restore",
    "checkpoint": BEST_ID,
    "optimizer": True,
    "learning_rate": "checkpoint",
    "counters": "reset",
    "dry_run": False,
}
LIVE_ANSWER: Final = Answer(
    id="01a20297c2e8c4debaf3350cba027d7b",
    action=Action.RESTORE,
    outcome=Outcome.DONE,
    message="Back at epoch 5, step 40 (checkpoint c0ffee0000000004): 14 of 14 variables restored. "
    "Learning rate 1e-3 → 5e-4. It can be undone.",
    wall_time=1_760_000_100.5,
    session="5e55100000000001",
    epoch=7,
    step=64,
    checkpoint="c0ffee0000000004",
    undo="c0ffee00000000aa",
    restored=14,
    total=14,
    learning_rate_before=0.001,
    learning_rate_after=0.0005,
    before="xxh3-128:daa38bcd6b91338fa5930c6771b5a20f",
    after="xxh3-128:ca328311d64a4f6bc68255f9d6aa47dd",
    plan=(
        "14 variables (weights and optimizer) become those of checkpoint c0ffee0000000004.",
        "The learning rate goes from 1e-3 to 5e-4.",
        "The counters of EarlyStopping begin anew.",
        "The epoch counter of fit goes on, and nothing is deleted.",
        "The present state is saved first, as a checkpoint, so that this can be undone.",
    ),
    layers=(
        LayerChange(layer="sequential/hidden", relative_change=0.25),
        LayerChange(layer="sequential/output", relative_change=None),
    ),
)
"""What a training answered once, for the golden answers."""
RUNS = ("pima", "pima-decay", "long", "plain")
CALLBACKS = ("EarlyStopping", "ReduceLROnPlateau", "Timeline")


class SessionLog:
    """Writes the records of one session, with made-up times.

    Args:
        run_dir: The run directory.
        session: Id of the session.
        start: Wall time of its first record.
    """

    def __init__(self, run_dir: Path, session: str, start: float) -> None:
        self._writer = EventWriter(run_dir / "timeline")
        self._session = session
        self._start = start
        self._first_epoch: int | None = None
        self.seq = 0

    def add(self, epoch: int, *events: Event) -> None:
        """Appends a record at the end of `epoch`."""
        if self._first_epoch is None:
            self._first_epoch = epoch
        epochs = epoch + 1 - self._first_epoch
        self._writer.append_record(
            Record(
                session=self._session,
                seq=self.seq,
                wall_time=self._start + EPOCH_SECONDS * epochs + 0.001 * self.seq,
                epoch=epoch,
                step=STEPS_PER_EPOCH * (epoch + 1),
                batch=STEPS_PER_EPOCH * epochs,
                events=events,
            )
        )
        self.seq += 1

    def close(self) -> None:
        """Closes the event file."""
        self._writer.close()


def write(logdir: Path) -> None:
    """Writes all sample runs below `logdir`.

    TensorBoard orders runs by their start, its Rust loader by the times in the events, the Python
    one by when the file was made: both orders are the same here.
    """
    _write_scalars(logdir / "pima")
    _write_first_session(logdir / "pima")
    _write_second_session(logdir / "pima")
    _write_decay(logdir / "pima-decay")
    _write_long(logdir / "long")
    writer = EventWriter(logdir / "plain" / "train")
    writer.append_scalars(0, {"epoch_loss": 0.5}, wall_time=START + 90_000)
    writer.close()


def is_loaded(server: TensorBoard) -> bool:
    """Returns whether a TensorBoard has read all of it."""
    replies = [server.get("timeline", run=run) for run in ("pima", "pima-decay", "long")]
    if any(reply.status != 200 for reply in replies):
        return False
    epochs = [len(reply.json["history"]["epoch"]) for reply in replies]
    tags = server.get("scalars", run="pima").json["tags"]
    complete = epochs == [13, 4, (LONG_RECORDS + RESUMED_RECORDS) // 4]
    return complete and len(tags) == 3 and server.get("scalars", run="plain").status == 200


def _metrics(epoch: int, val_accuracy: float, learning_rate: float = 1e-3) -> dict[str, float]:
    return {
        "accuracy": round(0.62 + 0.02 * epoch, 4),
        "loss": round(0.68 - 0.03 * epoch, 4),
        "val_accuracy": val_accuracy,
        "val_loss": math.nan if val_accuracy == 0.0 else round(1.2 - val_accuracy, 4),
        "learning_rate": learning_rate,
    }


def _save(
    run_dir: Path,
    number: int,
    epoch: int,
    metrics: dict[str, float],
    best: float | None,
    best_epoch: int | None,
) -> CheckpointSaved:
    path = f"checkpoints/epoch-{epoch + 1:04d}-{number:02d}.weights.h5"
    data = f"weights {number} ".encode() * 3_000
    file = run_dir / path
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(data)
    observed = metrics["val_accuracy"]
    return CheckpointSaved(
        id=f"c0ffee00000000{number:02d}",
        path=path,
        size_bytes=len(data),
        digest=digest_bytes(data),
        metrics=metrics,
        reason=SaveReason.BEST if best is None or observed > best else SaveReason.SCHEDULED,
        weights_kind=WeightsKind.EMA if number == 3 else WeightsKind.RAW,
        has_optimizer=True,
        save_seconds=0.004,
        callback="Timeline",
        monitor="val_accuracy",
        mode=Mode.MAX,
        observed=observed,
        best=best,
        best_epoch=best_epoch,
    )


def _measured(run_dir: Path, saved: CheckpointSaved) -> tuple[Event, Event]:
    """Returns layout and statistics as if the bytes of the file were weights."""
    layout = Layout.of(
        Variable(
            dataset=dataset,
            name=name,
            dtype=dtype,
            shape=shape,
            offset=offset,
            size_bytes=size,
            trainable=not name.startswith("adam"),
        )
        for dataset, name, dtype, shape, offset, size in (
            ("layers/scale/vars/0", "scale/gamma", "uint8", (7,), 0, 7),  # equal in all files
            ("optimizer/vars/0", "adam/iteration", "int8", (), 8, 1),
            ("layers/dense/vars/0", "dense/kernel", "float16", (8, 12), 1_000, 192),
            ("layers/dense/vars/1", "dense/bias", "float16", (12,), 2_000, 24),
        )
    )
    data, measurer = (run_dir / saved.path).read_bytes(), Measurer()
    for item in layout.variables:
        measurer.add(data[item.offset :][: item.size_bytes], item.dtype)
    return layout.to_event(), measurer.result().to_event(id=saved.id, layout=layout.id)


def _patience(wait: int, observed: float, best: float | None, best_epoch: int | None) -> Decision:
    return Decision(
        callback="EarlyStopping",
        position=0,
        topic=Topic.STOP,
        verdict=Verdict.WAITING if wait else Verdict.IMPROVED,
        monitor="val_loss",
        mode=Mode.MIN,
        observed=observed,
        best=best,
        best_epoch=best_epoch,
        min_delta=0.0,
        wait=wait,
        patience=3,
        start_from_epoch=0,
    )


def _learning_rate(verdict: Verdict, observed: float, **numbers: float | None) -> Decision:
    return Decision(
        callback="ReduceLROnPlateau",
        position=1,
        topic=Topic.LEARNING_RATE,
        verdict=verdict,
        monitor="val_loss",
        mode=Mode.MIN,
        observed=observed,
        min_delta=1e-4,
        patience=2,
        min_lr=5e-4,
        **numbers,  # type: ignore[arg-type]
    )


def _not_saved(observed: float, best: float, best_epoch: int) -> Decision:
    return Decision(
        callback="Timeline",
        position=2,
        topic=Topic.CHECKPOINT,
        verdict=Verdict.NOT_SAVED,
        monitor="val_accuracy",
        mode=Mode.MAX,
        observed=observed,
        best=best,
        best_epoch=best_epoch,
    )


def _started(initial_epoch: int, planned_epochs: int, parent: str = "") -> SessionStarted:
    return SessionStarted(
        parent=parent,
        initial_epoch=initial_epoch,
        planned_epochs=planned_epochs,
        steps_per_epoch=STEPS_PER_EPOCH,
        backend="tensorflow",
        keras_version="3.15.1",
        model_name="sequential",
        host="laptop",
        pid=4711,
        callbacks=CALLBACKS,
        monitor="val_accuracy",
        mode=Mode.MAX,
        save="every epoch",
        keep="the last 2 and the best 3 by val_accuracy",
    )


def _write_first_session(run_dir: Path) -> None:
    log = SessionLog(run_dir, FIRST, START)
    log.add(0, _started(0, 150))
    log.add(0, MetricsDescribed(directions={"accuracy": Mode.MAX, "loss": Mode.MIN}))
    m = _metrics(0, 0.62)
    log.add(0, EpochEnded(metrics=m, duration_seconds=1.9), _patience(0, 0.58, None, None))
    log.add(0, _save(run_dir, 1, 0, m, None, None))
    m = _metrics(1, 0.66)
    log.add(1, EpochEnded(metrics=m, duration_seconds=1.2), _patience(0, 0.54, 0.58, 0))
    log.add(1, _save(run_dir, 2, 1, m, 0.62, 0))
    m = _metrics(2, 0.65)
    log.add(2, EpochEnded(metrics=m, duration_seconds=1.1), _patience(1, 0.55, 0.54, 1))
    gone = _save(run_dir, 3, 2, m, 0.66, 1)
    log.add(2, gone, *_measured(run_dir, gone))
    m = _metrics(3, 0.64)
    log.add(3, EpochEnded(metrics=m, duration_seconds=1.1), _patience(2, 0.56, 0.54, 1))
    full = "No space left on device: 41 kB needed, 12 kB free."
    failed = CheckpointFailed(
        id="c0ffee0000000004",
        path="checkpoints/epoch-0004-04.weights.h5",
        message=full,
        errno=28,
        metrics=m,
    )
    hint = "Free some space, or keep fewer checkpoints (keep=)."
    log.add(3, failed, Notice(code="save_failed", message=f"A save failed: {full}", hint=hint))
    keep = "the last 2 and the best 3 by val_accuracy"
    log.add(3, CheckpointPruned(id="c0ffee0000000001", policy=keep, freed_bytes=30_000))
    m = _metrics(4, 0.71)
    log.add(4, EpochEnded(metrics=m, duration_seconds=1.2), _patience(0, 0.49, 0.54, 1))
    log.add(4, _save(run_dir, 5, 4, m, 0.66, 1))
    log.seq += 2  # a gap
    m = _metrics(5, 0.0)
    log.add(5, EpochEnded(metrics=m, duration_seconds=None))
    hint = "Look for a division by zero in the loss, or lower the learning rate."
    log.add(5, Notice(code="nan_metric", message="val_loss is NaN after epoch 6.", hint=hint))
    log.add(5, _save(run_dir, 6, 5, m, 0.71, 4))
    log.close()
    checkpoints = run_dir / "checkpoints"
    (checkpoints / "epoch-0001-01.weights.h5").unlink()
    (checkpoints / "epoch-0003-03.weights.h5").unlink()
    truncated = checkpoints / "epoch-0006-06.weights.h5"
    truncated.write_bytes(truncated.read_bytes()[:1_000])


def _write_second_session(run_dir: Path) -> None:
    log = SessionLog(run_dir, SECOND, START + 100)
    log.add(5, _started(5, 150, parent=FIRST))
    what = "weights and optimizer"
    log.add(
        5, Restored(checkpoint="c0ffee0000000005", session=FIRST, checkpoint_epoch=4, what=what)
    )
    m = _metrics(5, 0.70)
    log.add(5, EpochEnded(metrics=m, duration_seconds=1.4), _patience(0, 0.50, None, None))
    waiting = _learning_rate(Verdict.WAITING, 0.50, best=0.49, best_epoch=4, wait=1)
    log.add(5, waiting, _not_saved(0.70, 0.71, 4))
    m = _metrics(6, 0.69)
    log.add(6, EpochEnded(metrics=m, duration_seconds=1.1), _patience(1, 0.51, 0.50, 5))
    rates = {"lr_before": 1e-3, "lr_after": 5e-4}
    log.add(6, _learning_rate(Verdict.CHANGED, 0.51, best=0.49, wait=2, cooldown=1, **rates))
    m = _metrics(7, 0.74, 5e-4)
    log.add(7, EpochEnded(metrics=m, duration_seconds=1.1), _patience(0, 0.46, 0.50, 5))
    cooling = _learning_rate(Verdict.COOLING_DOWN, 0.46, best=0.49, wait=0, cooldown=1)
    saved = _save(run_dir, 9, 7, m, 0.71, 4)
    log.add(7, saved, cooling, *_measured(run_dir, saved))
    m = _metrics(8, 0.76, 5e-4)
    log.add(8, EpochEnded(metrics=m, duration_seconds=1.1), _patience(0, 0.44, 0.46, 7))
    saved = _save(run_dir, 12, 8, m, 0.74, 7)
    log.add(8, saved, *_measured(run_dir, saved))
    for wait, val_accuracy in enumerate((0.75, 0.75, 0.74), start=1):
        epoch = 8 + wait
        m = _metrics(epoch, val_accuracy, 5e-4)
        log.add(
            epoch, EpochEnded(metrics=m, duration_seconds=1.1), _not_saved(val_accuracy, 0.76, 8)
        )
        log.add(epoch, _patience(wait, m["val_loss"], 0.44, 8))
    manual = _save(run_dir, 13, 11, m, 0.76, 8)
    log.add(11, replace(manual, reason=SaveReason.MANUAL, monitor=None, observed=None, best=None))
    log.add(11, _learning_rate(Verdict.AT_FLOOR, 0.46, best=0.44, wait=3, lr_before=5e-4))
    stop = {"callback": "EarlyStopping", "position": 0, "topic": Topic.STOP, "best_epoch": 8}
    numbers = {"monitor": "val_loss", "observed": 0.46, "best": 0.44, "wait": 3, "patience": 3}
    log.add(
        11,
        Decision(verdict=Verdict.STOPPED, **stop, **numbers),  # type: ignore[arg-type]
        Decision(verdict=Verdict.WEIGHTS_RESTORED, **stop),  # type: ignore[arg-type]
    )
    log.add(11, SessionEnded(reason=EndReason.EARLY_STOPPING, callback="EarlyStopping"))
    log.close()


def _write_decay(run_dir: Path) -> None:
    log = SessionLog(run_dir, DECAY, START + 300)
    log.add(0, _started(0, 10))
    m = _metrics(0, 0.60)
    for epoch in range(4):
        rate = 1e-2 * 0.5 ** (epoch // 2)
        m = _metrics(epoch, 0.60 + 0.01 * epoch, rate)
        log.add(epoch, EpochEnded(metrics=m, duration_seconds=1.0))
        if epoch == 2:
            change = Decision(
                callback="LearningRateScheduler",
                position=0,
                topic=Topic.LEARNING_RATE,
                verdict=Verdict.CHANGED,
                lr_before=1e-2,
                lr_after=5e-3,
            )
            log.add(epoch, change)
    log.add(3, _save(run_dir, 21, 3, m, None, None))
    log.close()


def _write_long(run_dir: Path) -> None:
    for session, first_epoch, count in ((0, 0, LONG_RECORDS), (1, 100, RESUMED_RECORDS)):
        log = SessionLog(run_dir, LONG[session], START + 10_000 * (session + 1))
        for number in range(count):
            # Four records at the end of each epoch, and so four at each step.
            epoch = first_epoch + number // 4
            event: Event = Notice(code=f"n{number}", message="One of many.")
            if number % 4 == 0:
                event = EpochEnded(metrics={"loss": 1 / (epoch + 1)})
            log.add(epoch, event)
        log.close()


def _write_scalars(run_dir: Path) -> None:
    train = ("epoch_loss", "epoch_learning_rate")
    for delay, (member, tags) in enumerate((("train", train), ("validation", ("epoch_loss",)))):
        writer = EventWriter(run_dir / member)
        for epoch in range(3):
            values = dict.fromkeys(tags, (epoch + 1) * 0.25)
            wall_time = START + EPOCH_SECONDS * epoch + 0.5 * delay
            writer.append_scalars(epoch, values, wall_time=wall_time)
        writer.close()
