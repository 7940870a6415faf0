"""Small Keras models and runs that hold their checkpoints."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import keras
import numpy as np

import epochline
from epochline.events import EpochEnded, Mode, SessionStarted
from tests.core.recorded import Recorded

__all__ = [
    "FEATURES",
    "TARGETS",
    "Values",
    "new_model",
    "record",
    "slots",
    "used",
    "values",
    "weights",
]

_random = np.random.default_rng(0)
FEATURES = _random.normal(size=(60, 4)).astype("float32")
TARGETS = (FEATURES[:, 0] > 0).astype("float32")

Values = list[np.ndarray[Any, Any]]


def new_model(*, optimizer: Any = "adam", units: int = 6, seed: int = 1) -> keras.Model:
    """Returns a compiled model with 9 weights, two of which are not trained."""
    keras.utils.set_random_seed(seed)
    model = keras.Sequential(
        [
            keras.layers.Input((4,)),
            keras.layers.Dense(units, activation="relu"),
            keras.layers.BatchNormalization(scale=False),
            keras.layers.Dropout(0.2),
            keras.layers.Dense(3, activation="relu"),
            keras.layers.Dense(1, activation="sigmoid"),
        ]
    )
    model.compile(optimizer=optimizer, loss="binary_crossentropy", metrics=["accuracy"])
    return model


def used(model: keras.Model) -> keras.Model:
    """Changes all weights and moments, as a training would, in a fraction of its time."""
    model.optimizer.build(model.trainable_variables)
    rate = getattr(model.optimizer, "_learning_rate", None)
    for variable in [*model.weights, *model.optimizer.variables]:
        if variable.dtype.startswith("int"):
            variable.assign(variable + 12)
        elif variable is not rate:
            variable.assign(_random.uniform(0.1, 1.0, variable.shape))
    return model


def weights(model: keras.Model) -> Values:
    """Returns copies of the weights of the model."""
    return [np.array(variable.numpy()) for variable in model.weights]


def slots(model: keras.Model) -> Values:
    """Returns copies of the variables of its optimizer."""
    return [np.array(variable.numpy()) for variable in model.optimizer.variables]


def values(model: keras.Model) -> Values:
    """Returns copies of all variables: weights, seeds, optimizer."""
    return [*(np.array(variable.numpy()) for variable in model.variables), *slots(model)]


def record(
    run_dir: Path, model: keras.Model, *, has_optimizer: bool = True, ending: str = ".weights.h5"
) -> epochline.Checkpoint:
    """Records the model as the one checkpoint of a run, and returns that checkpoint."""
    file = run_dir.parent / f"saved{ending}"
    if ending == ".weights.h5":
        model.save_weights(file)
    else:
        model.save(file)
    recorded = Recorded(run_dir)
    metrics = {"loss": 0.5}
    saved = recorded.saved(
        0, file.read_bytes(), metrics, name=f"epoch-0001{ending}", has_optimizer=has_optimizer
    )
    recorded.put(0, SessionStarted(monitor="loss", mode=Mode.MIN))
    recorded.put(0, EpochEnded(metrics=metrics), saved)
    return epochline.open_run(run_dir).latest()
