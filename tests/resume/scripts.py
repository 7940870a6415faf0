"""A training script in a function: each call is a new start of it, in the same process."""

from __future__ import annotations

import random
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import keras
import numpy as np

from epochline.callbacks import Resume, Timeline
from epochline.callbacks.resuming import continuation

__all__ = ["ROWS", "TARGETS", "Crash", "Killed", "new_process", "script", "state_of"]

ROWS = np.linspace(-1.0, 1.0, 96, dtype="float32").reshape(24, 4)
TARGETS = (ROWS.sum(axis=1) > 0).astype("float32")
BATCHES = 6


class Killed(Exception):  # noqa: N818 – it stands for no error
    """Stands for a kill: nothing more is called in that training."""


class Crash(keras.callbacks.Callback):
    """Leaves `fit` at a moment, as nothing that is saved knows of."""

    def __init__(self, epoch: int, batch: int = 2) -> None:
        super().__init__()
        self._at = (epoch, batch)
        self._epoch = 0

    def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:
        """Called by Keras."""
        self._epoch = epoch

    def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
        """Called by Keras."""
        if (self._epoch, batch) == self._at:
            raise Killed


def new_model(units: int = 5, optimizer: str = "adam") -> keras.Model:
    """Returns a compiled model with random state and slots."""
    model = keras.Sequential(
        [
            keras.layers.Input((4,)),
            keras.layers.Dense(units, activation="relu"),
            keras.layers.Dropout(0.3),
            keras.layers.Dense(1, activation="sigmoid"),
        ]
    )
    model.compile(optimizer, "binary_crossentropy", metrics=["accuracy"], jit_compile=False)
    return model


def script(
    run_dir: Path,
    *callbacks: keras.callbacks.Callback,
    resume: Resume | Timeline | None = None,
    model: keras.Model | None = None,
    seed: int = 4,
    **arguments: Any,
) -> keras.Model:
    """Trains from the beginning, as a script does that knows nothing of earlier starts.

    Returns:
        The model; `model.history` is that of `fit`.
    """
    keras.utils.set_random_seed(seed)
    trained = new_model() if model is None else model
    usual: dict[str, Any] = {
        "x": ROWS,
        "y": TARGETS,
        "batch_size": 4,
        "epochs": 6,
        "validation_split": 0.25,
        "verbose": 0,
    }
    trained.fit(**(usual | arguments), callbacks=[resume or Resume(run_dir), *callbacks])
    return trained


def state_of(model: keras.Model) -> list[Any]:
    """Returns all that a training leaves, as values that can be compared."""
    variables = [*model.variables, *model.optimizer.variables]
    numbers: Sequence[Any] = [model.history.history, model.history.epoch, random.getstate()]
    values = [keras.ops.convert_to_numpy(variable.value).tobytes() for variable in variables]
    words = np.random.get_state(legacy=False)["state"]["key"].tolist()  # noqa: NPY002
    return [*numbers, words, *values]


def new_process() -> None:
    """Forgets what only a process remembers: which of its trainings have ended."""
    continuation._ended.clear()  # noqa: SLF001 – there is no other process here
