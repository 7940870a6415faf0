"""Trainings to be killed: each model of the table on each kind of data, with a log of its own.

The log is written by a callback that knows nothing of Epochline: the loss of every batch, and at
the end of each epoch the digest of every variable, the counters of the callbacks and the random
state, so that a continued training can be compared with one that was never interrupted.
"""

from __future__ import annotations

import hashlib
import json
import os
import random
import signal
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final

import h5py
import keras
import numpy as np

from epochline.callbacks import Resume, Timeline

__all__ = ["DATA", "KILLS", "MODELS", "Job", "run"]

EPOCHS: Final = 6
BATCHES: Final = 6
BATCH_SIZE: Final = 8
KILL_EPOCH: Final = 2
KILL_BATCH: Final = 3

MODELS: Final = ("dense", "cnn", "lstm", "ema", "loss_scale", "two_metrics")
DATA: Final = ("arrays", "tf.data", "PyDataset")
KILLS: Final = ("batch", "save", "validation", "SIGTERM")


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """One training, or what is left of it.

    Attributes:
        model: Which of `MODELS`.
        data: Which of `DATA`.
        run_dir: Where it is saved.
        log: File that it appends to.
        kill: Which of `KILLS` ends it; empty for none.
        saver: "resume", "timeline" (`Timeline` beside it), "stock" (`BackupAndRestore`).
        options: Arguments of `Resume`.
        fit: Arguments of `fit`.
    """

    model: str
    data: str
    run_dir: str
    log: str
    kill: str = ""
    saver: str = "resume"
    options: dict[str, Any] | None = None
    fit: dict[str, Any] | None = None

    def to_json(self) -> str:
        """Returns the job as one line."""
        return json.dumps(asdict(self))


def run(job: Job) -> None:
    """Trains as `job` says; it may end the process."""
    keras.utils.clear_session()
    keras.utils.set_random_seed(11)
    rows = BATCHES * BATCH_SIZE
    x, y = _rows(job.model, rows)
    model = _model(job.model)
    callbacks = [
        Witness(job),
        keras.callbacks.EarlyStopping(patience=3, restore_best_weights=True),
        keras.callbacks.ReduceLROnPlateau(patience=1, factor=0.5, cooldown=1),
        keras.callbacks.ModelCheckpoint(
            Path(job.run_dir, "best.weights.h5"), save_best_only=True, save_weights_only=True
        ),
        keras.callbacks.LearningRateScheduler(lambda _, rate: rate * 0.97),
        Nudge(),
        *([keras.callbacks.SwapEMAWeights(swap_on_epoch=True)] if job.model == "ema" else []),
    ]
    if job.saver == "stock":
        callbacks.append(
            keras.callbacks.BackupAndRestore(
                Path(job.run_dir, "backup"), double_checkpoint=True, delete_checkpoint=False
            )
        )
    else:
        callbacks.insert(0, Resume(job.run_dir, **(job.options or {})))
    if job.saver == "timeline":
        callbacks.append(Timeline(job.run_dir))
    if job.kill == "save":
        _kill_in_save()
    arguments: dict[str, Any] = {
        "epochs": EPOCHS,
        "verbose": 0,
        "validation_data": _rows(job.model, 24),
        "validation_batch_size": 8,
        "callbacks": callbacks,
    }
    history = model.fit(**_data(job.data, x, y), **(arguments | (job.fit or {})))
    _append(job, {"at": "end", "history": history.history, "epochs": history.epoch, **_of(model)})


# ---- data ----------------------------------------------------------------------------------------


def _rows(model: str, count: int) -> tuple[Any, Any]:
    shape = {"cnn": (8, 8, 1), "lstm": (5, 4)}.get(model, (6,))
    numbers = np.random.default_rng(count)
    x = numbers.normal(size=(count, *shape)).astype("float32")
    y = (x.reshape(count, -1).sum(axis=1) > 0).astype("float32").reshape(-1, 1)
    return x, y


def _data(kind: str, x: Any, y: Any) -> dict[str, Any]:
    steps = {"generator": BATCHES - 1, "repeated": BATCHES - 1}.get(kind)
    return (
        {"x": _SOURCES[kind](x, y), "steps_per_epoch": steps} if kind != "arrays" else _arrays(x, y)
    )


def _arrays(x: Any, y: Any) -> dict[str, Any]:
    return {"x": x, "y": y, "batch_size": BATCH_SIZE}


def _pipeline(x: Any, y: Any) -> Any:
    import tensorflow as tf

    return tf.data.Dataset.from_tensor_slices((x, y)).shuffle(len(x))


def _noisy() -> Callable[[Any, Any], tuple[Any, Any]]:
    noise = keras.layers.GaussianNoise(0.3)  # its seed generator is a variable of the pipeline
    return lambda x, y: (noise(x, training=True), y)


_SOURCES: Final[dict[str, Callable[[Any, Any], Any]]] = {
    "tf.data": lambda x, y: _pipeline(x, y).batch(BATCH_SIZE).prefetch(2),
    "augmented": lambda x, y: _pipeline(x, y).map(_noisy()).batch(BATCH_SIZE).prefetch(2),
    "repeated": lambda x, y: _pipeline(x, y).batch(BATCH_SIZE).repeat(),
    "unknown length": lambda x, y: _pipeline(x, y).filter(lambda *_: True).batch(BATCH_SIZE),
}


def _endless(x: Any, y: Any) -> Any:
    while True:
        for begin in range(0, len(x), BATCH_SIZE):
            yield x[begin : begin + BATCH_SIZE], y[begin : begin + BATCH_SIZE]


class Shuffling(keras.utils.PyDataset):
    """Shuffles by a generator of its own, each order made from the one before."""

    def __init__(self, x: Any, y: Any) -> None:
        super().__init__()
        self.x, self.y = x, y
        self.order = np.arange(len(x))
        self.numbers = np.random.default_rng(5)

    def __len__(self) -> int:
        return BATCHES

    def __getitem__(self, index: int) -> tuple[Any, Any]:
        rows = self.order[index * BATCH_SIZE : (index + 1) * BATCH_SIZE]
        return self.x[rows], self.y[rows]

    def on_epoch_end(self) -> None:
        """Called by Keras."""
        self.numbers.shuffle(self.order)


class Drawing(Shuffling):
    """Adds noise from the global random state of NumPy to each batch."""

    def __getitem__(self, index: int) -> tuple[Any, Any]:
        x, y = super().__getitem__(index)
        return x + np.random.normal(size=x.shape).astype("float32"), y  # noqa: NPY002


_SOURCES.update({"PyDataset": Shuffling, "drawing": Drawing, "generator": _endless})


# ---- models --------------------------------------------------------------------------------------


def _model(kind: str) -> keras.Model:
    layers = keras.layers
    body: dict[str, list[Any]] = {
        "cnn": [
            layers.Input((8, 8, 1)),
            layers.RandomFlip(),
            layers.RandomTranslation(0.1, 0.1),
            layers.RandomContrast(0.2),
            layers.Conv2D(3, 3, activation="relu"),
            layers.BatchNormalization(),
            layers.Flatten(),
        ],
        "lstm": [layers.Input((5, 4)), layers.LSTM(4, dropout=0.2, recurrent_dropout=0.2)],
        "unbuilt": [layers.Dense(8, activation="relu"), layers.Dropout(0.3)],
    }
    dtype = "mixed_float16" if kind == "loss_scale" else None
    usual = [
        layers.Input((6,)),
        layers.Dense(8, activation="relu", dtype=dtype),
        layers.BatchNormalization(dtype=dtype),
        layers.Dropout(0.3, dtype=dtype),
    ]
    model = keras.Sequential([*body.get(kind, usual), layers.Dense(1, activation="sigmoid")])
    optimizer: Any = keras.optimizers.Adam(0.01)
    if kind == "ema":
        optimizer = keras.optimizers.Adam(0.01, use_ema=True, ema_momentum=0.9)
    if kind == "loss_scale":
        optimizer = keras.optimizers.LossScaleOptimizer(
            optimizer, initial_scale=2.0**10, dynamic_growth_steps=5
        )
    metrics = [keras.metrics.AUC(name="auc"), "accuracy"] if kind == "two_metrics" else ["accuracy"]
    model.compile(optimizer, "binary_crossentropy", metrics=metrics)
    return model


class Nudge(keras.callbacks.Callback):
    """A callback of a user's: counts for itself, and draws from the global random state."""

    def __init__(self) -> None:
        super().__init__()
        self.steps = 0
        self.seen: list[float] = []

    def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
        """Called by Keras."""
        self.steps += 1

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        """Called by Keras."""
        self.seen = [*self.seen[-3:], random.random()]  # noqa: S311 – no secret
        rate = float(keras.ops.convert_to_numpy(self.model.optimizer.learning_rate))
        self.model.optimizer.learning_rate = rate * (1 + 0.01 * self.steps * self.seen[-1])


# ---- the log, and the kill -----------------------------------------------------------------------


class Witness(keras.callbacks.Callback):
    """Writes down what happens, and kills the process when it is time."""

    def __init__(self, job: Job) -> None:
        super().__init__()
        self._job = job
        self._epoch = 0

    def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:
        """Called by Keras."""
        self._epoch = epoch

    def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
        """Called by Keras."""
        loss = float((logs or {})["loss"])
        _append(self._job, {"at": f"{self._epoch}.{batch}", "loss": loss.hex()})
        self._kill("batch", batch == KILL_BATCH)
        if self._job.kill == "SIGTERM" and (self._epoch, batch) == (KILL_EPOCH, KILL_BATCH):
            os.kill(os.getpid(), signal.SIGTERM)

    def on_test_batch_end(self, batch: int, logs: Any = None) -> None:
        """Called by Keras."""
        self._kill("validation", batch == 1)

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        """Called by Keras."""
        numbers = {name: float(value).hex() for name, value in (logs or {}).items()}
        _append(self._job, {"at": f"{epoch}", "logs": numbers, **_of(self.model)})

    def _kill(self, kind: str, now: bool) -> None:
        if self._job.kill == kind and self._epoch == KILL_EPOCH and now:
            os.kill(os.getpid(), signal.SIGKILL)


def _kill_in_save() -> None:
    """Kills when the state after the epoch of the kill has been half written."""
    sync, close = os.fsync, h5py.File.close
    left = [KILL_EPOCH + 1]

    def written(path: str) -> None:
        left[0] -= 1
        if not left[0]:
            os.truncate(path, Path(path).stat().st_size // 2)
            os.kill(os.getpid(), signal.SIGKILL)

    def fsync(fd: Any) -> None:
        path = os.readlink(f"/proc/self/fd/{fd}")
        if "state-" in path:  # ours
            written(path)
        sync(fd)

    def close_file(file: h5py.File) -> None:
        path = file.filename if file else ""
        close(file)
        if "latest.weights.h5" in path:  # that of BackupAndRestore, which is not synced
            written(path)

    os.fsync = fsync
    h5py.File.close = close_file


def _of(model: keras.Model) -> dict[str, Any]:
    """Returns the digests of all variables and of the random state."""
    variables = [*model.variables, *model.optimizer.variables]
    values = [keras.ops.convert_to_numpy(variable.value) for variable in variables]
    state = repr((random.getstate(), [str(item) for item in np.random.get_state()])).encode()  # noqa: NPY002
    return {
        "variables": [hashlib.sha256(value.tobytes()).hexdigest()[:16] for value in values],
        "random": hashlib.sha256(state).hexdigest()[:16],
    }


def _append(job: Job, entry: dict[str, Any]) -> None:
    with Path(job.log).open("a", encoding="utf-8") as file:
        file.write(json.dumps(entry) + "\n")
