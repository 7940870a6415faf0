"""Trainings in a fraction of a second, with metrics that the test dictates."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import keras
import numpy as np

from epochline.reader import read_records
from epochline.timeline import DecisionEntry, Timeline, build_timeline

__all__ = ["FEATURES", "TARGETS", "Dictate", "decisions", "new_model", "timeline_of", "train"]

FEATURES = np.linspace(-1.0, 1.0, 48, dtype="float32").reshape(12, 4)
TARGETS = (FEATURES.sum(axis=1) > 0).astype("float32")


def new_model(*, seed: int = 7, loss: str = "binary_crossentropy") -> keras.Model:
    """Returns a compiled model with dropout (random state) and an optimizer with slots."""
    keras.utils.set_random_seed(seed)
    model = keras.Sequential(
        [
            keras.layers.Input((4,)),
            keras.layers.Dense(5, activation="relu", name="hidden"),
            keras.layers.Dropout(0.2, seed=3),
            keras.layers.Dense(1, activation="sigmoid", name="output"),
        ]
    )
    model.compile(loss=loss, optimizer="adam", metrics=["accuracy"])
    return model


class Dictate(keras.callbacks.Callback):
    """Puts the given values into the logs of each epoch, so that decisions can be foreseen."""

    def __init__(self, **values: Sequence[float]) -> None:
        super().__init__()
        self.values = values

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Called by Keras."""
        assert logs is not None
        for name, values in self.values.items():
            if epoch < len(values):
                logs[name] = values[epoch]


def train(
    model: keras.Model, *callbacks: keras.callbacks.Callback, epochs: int = 3, **arguments: Any
) -> keras.callbacks.History:
    """Fits `model` on 12 rows in 3 batches an epoch."""
    defaults: dict[str, Any] = {"x": FEATURES, "y": TARGETS, "batch_size": 4, "verbose": 0}
    return model.fit(**(defaults | arguments), epochs=epochs, callbacks=list(callbacks))


def timeline_of(run_dir: Path) -> Timeline:
    """Returns what the files of a run say, checked against its checkpoint files."""
    result = read_records(run_dir)
    assert not result.damages
    timeline = build_timeline(result.records)
    files = {item.path: run_dir / item.path for item in timeline.checkpoints}
    return timeline.with_files(
        {name: path.stat().st_size if path.exists() else None for name, path in files.items()}
    )


def decisions(run_dir: Path, callback: str) -> list[DecisionEntry]:
    """Returns the decisions that one callback made."""
    return [item for item in timeline_of(run_dir).decisions if item.callback == callback]


def numbers(entry: DecisionEntry, names: Mapping[str, Any]) -> dict[str, Any]:
    """Returns the named fields of a decision."""
    return {name: getattr(entry, name) for name in names}
