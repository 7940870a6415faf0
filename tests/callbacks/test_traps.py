"""Traps of Keras are told once, with what to do, and nothing is changed."""

from __future__ import annotations

import math
from pathlib import Path

import keras
import numpy as np
import pytest

from epochline.callbacks import Timeline
from epochline.events import Topic
from tests.callbacks.training import TARGETS, Dictate, new_model, timeline_of, train

NAN = math.nan


def notices(run_dir: Path) -> dict[str, str]:
    """Code to message and hint of what the run tells; each code stands there once."""
    found = timeline_of(run_dir).notices
    assert len({item.code for item in found}) == len(found)
    return {item.code: f"{item.message} {item.hint}" for item in found}


def record_only(run_dir: Path) -> Timeline:
    """Records, and saves nothing."""
    return Timeline(run_dir, monitor="loss", save=None)


def test_nan_that_comes_first_locks_the_best(model: keras.Model, run_dir: Path) -> None:
    """A stock callback that took NaN for its best value will never improve; that is told."""
    stopping = keras.callbacks.EarlyStopping(monitor="score", mode="min", patience=9)
    train(model, Dictate(score=[NAN, 3.0, 2.0]), stopping, record_only(run_dir), epochs=3)
    assert "EarlyStopping took NaN" in notices(run_dir)["nan_is_best"]


def test_checkpoint_that_is_saved_after_terminate_on_nan(run_dir: Path, tmp_path: Path) -> None:
    """TerminateOnNaN does not keep ModelCheckpoint from writing NaN weights over good ones."""
    stock = keras.callbacks.ModelCheckpoint(tmp_path / "last.weights.h5", save_weights_only=True)
    train(
        new_model(loss="mse"),
        keras.callbacks.TerminateOnNaN(),
        stock,
        Timeline(run_dir, monitor="loss"),
        y=np.full_like(TARGETS, NAN),
    )
    told = notices(run_dir)
    assert "although the loss is nan. TerminateOnNaN ends" in told["saved_after_nan"]
    assert "hidden/kernel" in told["weights_not_healthy"]


def test_finite_loss_with_weights_that_are_not(run_dir: Path) -> None:
    """Weights are looked at, not only the loss."""
    model = new_model()

    def poison(_epoch: int, _logs: object) -> None:
        kernel = model.layers[-1].kernel
        kernel.assign(np.full(kernel.shape, np.inf))

    train(
        model,
        keras.callbacks.LambdaCallback(on_epoch_end=poison),
        Timeline(run_dir, monitor="loss"),
        epochs=1,
    )
    assert "output/kernel" in notices(run_dir)["weights_not_healthy"]


def test_restored_best_weights_come_without_the_optimizer(
    model: keras.Model, run_dir: Path
) -> None:
    """EarlyStopping puts weights of one epoch beside the optimizer of another."""
    stopping = keras.callbacks.EarlyStopping(
        monitor="score", mode="min", patience=1, restore_best_weights=True
    )
    train(model, Dictate(score=[1.0, 2.0]), stopping, record_only(run_dir), epochs=5)
    assert "the weights of epoch 1" in notices(run_dir)["optimizer_not_restored"]


def test_loading_weights_brings_an_old_learning_rate_back(run_dir: Path, tmp_path: Path) -> None:
    """Who loads a checkpoint in a callback gets its learning rate, too; both are recorded."""
    model = new_model()
    path = tmp_path / "first.weights.h5"

    def save_and_load(epoch: int, _logs: object) -> None:
        if epoch == 0:
            model.save_weights(path)
            model.optimizer.learning_rate = 0.5
        if epoch == 1:
            model.load_weights(path)

    train(
        model,
        keras.callbacks.LambdaCallback(on_epoch_end=save_and_load),
        record_only(run_dir),
        epochs=2,
    )
    told = notices(run_dir)["learning_rate_resurrected"]
    assert "it is 0.001 again, after 0.5" in told
    restored = [d for d in timeline_of(run_dir).decisions if d.topic is Topic.RESTORE]
    assert [(d.epoch, d.callback, d.sentence) for d in restored] == [
        (1, "LambdaCallback", "LambdaCallback loaded an earlier state. Step 6 → 3.")
    ]


def test_backup_and_restore_is_recorded_when_it_restores(run_dir: Path, tmp_path: Path) -> None:
    """A training that BackupAndRestore takes up again says so, with the steps."""

    class Crash(keras.callbacks.Callback):
        def on_epoch_begin(self, epoch: int, logs: object = None) -> None:
            if epoch == 2:
                msg = "power failure"
                raise RuntimeError(msg)

    def backup() -> keras.callbacks.BackupAndRestore:
        return keras.callbacks.BackupAndRestore(tmp_path / "backup")

    with pytest.raises(RuntimeError, match="power failure"):
        train(new_model(), backup(), Crash(), record_only(run_dir), epochs=4)
    train(new_model(), backup(), record_only(run_dir), epochs=4)
    timeline = timeline_of(run_dir)
    assert [d.sentence for d in timeline.decisions if d.topic is Topic.RESTORE] == [
        "BackupAndRestore loaded an earlier state. Step 0 → 6. Training goes on with epoch 3."
    ]
    assert timeline.sessions[1].start.initial_epoch == 2
    assert [(row.epoch, row.step) for row in timeline.epochs] == [(0, 3), (1, 6), (2, 9), (3, 12)]


def test_two_callbacks_that_fight_over_the_learning_rate(model: keras.Model, run_dir: Path) -> None:
    """A scheduler that undoes what ReduceLROnPlateau did is told with both names."""
    train(
        model,
        Dictate(score=[1.0, 2.0, 3.0]),
        keras.callbacks.LearningRateScheduler(lambda _epoch: 0.01),
        keras.callbacks.ReduceLROnPlateau(monitor="score", mode="min", patience=1),
        record_only(run_dir),
        epochs=3,
    )
    told = notices(run_dir)["fight_over_learning_rate"]
    assert "ReduceLROnPlateau (callback 2) and LearningRateScheduler (callback 1)" in told


def test_filepath_of_keras_that_asks_for_a_metric_that_does_not_exist(
    model: keras.Model, run_dir: Path, tmp_path: Path
) -> None:
    """Keras is about to end the training with a KeyError; what is wrong is in the timeline."""
    stock = keras.callbacks.ModelCheckpoint(
        tmp_path / "{epoch}-{val_f1:.2f}.weights.h5", save_weights_only=True
    )
    with pytest.raises(KeyError, match="val_f1"):
        train(model, stock, record_only(run_dir), epochs=1)
    assert "asks for val_f1" in notices(run_dir)["keras_filepath_field_missing"]


@pytest.mark.filterwarnings("ignore:Can save best model only")
def test_batch_saves_by_a_validation_metric(
    model: keras.Model, run_dir: Path, tmp_path: Path
) -> None:
    """save_freq in batches cannot know a validation metric."""
    stock = keras.callbacks.ModelCheckpoint(
        tmp_path / "best.weights.h5", save_weights_only=True, save_best_only=True, save_freq=2
    )
    train(model, stock, record_only(run_dir), epochs=1)
    assert "saves every 2 batches by val_loss" in notices(run_dir)["batch_saves_without_validation"]


def test_ordinary_training_is_told_nothing(model: keras.Model, run_dir: Path) -> None:
    """Without a trap there is no notice."""
    stopping = keras.callbacks.EarlyStopping(monitor="loss", patience=9)
    plateau = keras.callbacks.ReduceLROnPlateau(monitor="loss")
    train(model, stopping, plateau, Timeline(run_dir, monitor="loss"), epochs=2)
    assert not notices(run_dir)
