"""Every event is at the right place on all three of Keras's x-axes, however `fit` is called."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import keras
import pytest
import tensorflow as tf

from epochline.callbacks import Timeline
from tests.callbacks.training import FEATURES, TARGETS, new_model, timeline_of, train


def recorder(run_dir: Path) -> Timeline:
    """Records, and saves nothing."""
    return Timeline(run_dir, monitor="loss", save=None)


def axes(run_dir: Path) -> list[tuple[int, int, int]]:
    """Epoch, step and batch at the end of each epoch; steps from the first session's start."""
    timeline = timeline_of(run_dir)
    return [(row.epoch, row.step, row.batch) for row in timeline.epochs]


class Rows(keras.utils.PyDataset):
    """The training rows in batches of 4."""

    def __len__(self) -> int:
        return 3

    def __getitem__(self, index: int) -> tuple[Any, Any]:
        rows = slice(4 * index, 4 * index + 4)
        return FEATURES[rows], TARGETS[rows]


@pytest.mark.parametrize(
    "data",
    [
        {"x": FEATURES, "y": TARGETS, "batch_size": 4},
        {"x": tf.data.Dataset.from_tensor_slices((FEATURES, TARGETS)).batch(4)},
        {"x": Rows()},
        {
            "x": tf.data.Dataset.from_tensor_slices((FEATURES, TARGETS)).batch(4).repeat(),
            "steps_per_epoch": 3,
        },
    ],
    ids=["arrays", "dataset", "PyDataset", "steps_per_epoch"],
)
def test_epoch_step_and_batch(run_dir: Path, data: dict[str, Any]) -> None:
    """Three batches an epoch are three steps and three batches."""
    arguments = {"y": None, "batch_size": None} | data
    train(new_model(), recorder(run_dir), epochs=2, **arguments)
    assert axes(run_dir) == [(0, 3, 3), (1, 6, 6)]


def test_several_steps_per_execution(run_dir: Path) -> None:
    """With `steps_per_execution`, the steps inside of an execution are counted."""
    model = new_model()
    model.compile(loss="mse", optimizer="adam", steps_per_execution=2)
    train(model, recorder(run_dir), epochs=2, batch_size=2)
    assert axes(run_dir) == [(0, 6, 6), (1, 12, 12)]


def test_steps_per_execution_that_do_not_divide_the_epoch(run_dir: Path) -> None:
    """The last execution of an epoch may be shorter; no batch is counted that was not there."""
    model = new_model()
    model.compile(loss="mse", optimizer="adam", steps_per_execution=4)
    stop = keras.callbacks.TerminateOnNaN()  # has a batch hook, so that batches are counted
    train(model, stop, recorder(run_dir), epochs=2, batch_size=2)
    assert [batch for _, _, batch in axes(run_dir)] == [6, 12]


def test_metric_that_some_epochs_do_not_have(model: keras.Model, run_dir: Path) -> None:
    """With `validation_freq`, validation metrics stand at the epochs that had them, as in Keras."""
    history = train(
        model,
        recorder(run_dir),
        epochs=4,
        validation_data=(FEATURES, TARGETS),
        validation_freq=2,
    )
    timeline = timeline_of(run_dir)
    assert [row.epoch for row in timeline.epochs if "val_loss" in row.metrics] == [1, 3]
    assert timeline.history()["val_loss"] == history.history["val_loss"]


def test_several_fits_of_one_model(run_dir: Path) -> None:
    """The step goes on, epoch and batch start anew, as on Keras's own axes."""
    model = new_model()
    train(model, recorder(run_dir), epochs=2)
    train(model, recorder(run_dir), epochs=1)
    assert axes(run_dir) == [(0, 3, 3), (1, 6, 6), (0, 9, 3)]
