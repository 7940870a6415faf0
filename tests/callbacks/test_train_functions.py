"""Training steps that are not the usual ones, which not every backend can do."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import keras

from epochline.callbacks import LearningRateRecorder
from tests.callbacks.stock.told import recorder
from tests.callbacks.training import new_model, timeline_of, train


class OwnStep(keras.Model):
    """A model whose training step sets its own learning rate."""

    def __init__(self) -> None:
        super().__init__()
        self.dense = keras.layers.Dense(1)

    def call(self, inputs: Any) -> Any:
        """Called by Keras."""
        return self.dense(inputs)

    def train_step(self, *arguments: Any) -> Any:
        """Called by Keras, here without compiling."""
        self.optimizer.learning_rate = 0.5
        return super().train_step(*arguments)


def test_change_that_no_callback_made_is_put_down_to_none(run_dir: Path) -> None:
    """A callback that only looks is not blamed for what the training step does."""
    model = OwnStep()
    model.compile(loss="mse", optimizer="sgd", run_eagerly=True)
    looks = keras.callbacks.LambdaCallback(on_train_batch_end=lambda *_, **__: None)
    train(model, looks, LearningRateRecorder(run_dir), epochs=1)
    (change,) = timeline_of(run_dir).decisions
    assert (change.callback, change.position) == ("something outside of the callbacks", None)


def test_saves_between_batches_with_several_steps_per_execution(tmp_path: Path) -> None:
    """Keras looks only at the end of an execution; so many batches were trained by then."""
    model = new_model()
    model.compile(loss="mse", optimizer="adam", steps_per_execution=2)
    stock = keras.callbacks.ModelCheckpoint(
        tmp_path / "last.weights.h5", save_weights_only=True, save_freq=3
    )
    train(model, stock, recorder(tmp_path / "run"), epochs=1, batch_size=2)
    saved = timeline_of(tmp_path / "run").checkpoints
    assert [(item.batch, item.step) for item in saved] == [(4, 4)]
