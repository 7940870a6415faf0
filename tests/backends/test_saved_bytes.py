"""What is saved in the background is what Keras would have saved at that moment, byte for byte."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest

from epochline import KeepAll, open_run
from epochline.callbacks import ModelCheckpoint, Timeline
from tests.backends.kinds import KINDS, data_for

EPOCHS = 3


class Reference(keras.callbacks.Callback):
    """Saves with Keras's own `save_weights`, at the end of each epoch."""

    def __init__(self, directory: Path) -> None:
        super().__init__()
        self.directory = directory
        directory.mkdir()

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        """Called by Keras."""
        self.model.save_weights(self.directory / f"{epoch}.weights.h5")


def fit(model: keras.Model, *callbacks: keras.callbacks.Callback) -> None:
    """Trains a few epochs of a few batches, while checkpoints are written."""
    inputs, targets = data_for(model)
    model.fit(inputs, targets, epochs=EPOCHS, batch_size=8, verbose=0, callbacks=list(callbacks))


def all_of(model: keras.Model) -> list[Any]:
    """Returns the values of the weights and of the optimizer."""
    variables = [*model.weights, *model.optimizer.variables]
    return [np.asarray(keras.ops.convert_to_numpy(item)) for item in variables]


@pytest.mark.parametrize("kind", KINDS)
def test_a_background_save_is_what_keras_would_have_written(kind: str, tmp_path: Path) -> None:
    """For every kind of model, with the training going on; and it loads to the same state."""
    model = KINDS[kind]()
    reference = Reference(tmp_path / "reference")

    fit(model, reference, Timeline(tmp_path / "run", keep=KeepAll()))

    run = open_run(tmp_path / "run")
    assert [item.epoch for item in run.checkpoints] == list(range(EPOCHS))
    for item in run.checkpoints:
        expected = reference.directory / f"{item.epoch}.weights.h5"
        assert item.file.read_bytes() == expected.read_bytes()
    assert "saved_by_keras" not in {notice.code for notice in run.notices}
    restored, loaded = KINDS[kind](), KINDS[kind]()
    loaded.optimizer.build(loaded.trainable_variables)
    loaded.load_weights(reference.directory / f"{EPOCHS - 1}.weights.h5")
    run.latest().restore(restored)
    for mine, its in zip(all_of(restored), all_of(loaded), strict=True):
        assert mine.tobytes() == its.tobytes()


def test_statistics_are_those_of_the_saved_values(tmp_path: Path) -> None:
    """They are recorded with the checkpoint, for each variable of the model by its name."""
    model = KINDS["sequential"]()

    fit(model, Timeline(tmp_path / "run"))

    found = open_run(tmp_path / "run").latest()
    kernel = np.asarray(keras.ops.convert_to_numpy(model.layers[0].kernel))
    assert found.layout is not None
    assert found.measurements is not None
    names = [variable.name for variable in found.layout.variables]
    row = found.measurements[names.index(model.layers[0].kernel.path)]
    np.testing.assert_allclose(
        [row.l2, row.mean, row.minimum, row.maximum],
        [np.linalg.norm(kernel), kernel.mean(), kernel.min(), kernel.max()],
        rtol=1e-5,
    )


def test_a_whole_model_is_saved_in_the_background_too(tmp_path: Path) -> None:
    """A `.keras` file loads to a model that predicts the same and trains on from the same state."""
    model = KINDS["dropout"]()
    path = tmp_path / "model-{epoch}.keras"

    fit(model, ModelCheckpoint(path, log_dir=tmp_path / "run"))

    assert_same_model(keras.saving.load_model(tmp_path / f"model-{EPOCHS}.keras"), model)


@pytest.mark.parametrize("dedup", [False, True])
def test_saved_weights_are_exported_as_a_whole_model(dedup: bool, tmp_path: Path) -> None:
    """Plain Keras loads it to a model that predicts the same and trains on from the same state."""
    model = KINDS["dropout"]()
    model.layers[0].trainable = False
    model.compile("adam", "mse")

    fit(model, Timeline(tmp_path / "run", dedup=dedup))

    exported = open_run(tmp_path / "run").latest().export(tmp_path / "model.keras")
    assert_same_model(keras.saving.load_model(exported), model)


def assert_same_model(loaded: keras.Model, model: keras.Model) -> None:
    """Checks what a model predicts, and the state of its optimizer."""
    inputs, _ = data_for(model)
    np.testing.assert_array_equal(
        loaded.predict(inputs, verbose=0), model.predict(inputs, verbose=0)
    )
    for mine, its in zip(loaded.optimizer.variables, model.optimizer.variables, strict=True):
        np.testing.assert_array_equal(
            keras.ops.convert_to_numpy(mine), keras.ops.convert_to_numpy(its)
        )


def test_no_snapshot_is_torn_while_every_batch_is_saved(tmp_path: Path) -> None:
    """One moment each, in a thousand saves of a training that goes on."""
    rows, saves = 40, 1000
    rng = np.random.default_rng(0)
    data = rng.normal(size=(rows, 8)).astype("float32"), rng.normal(size=rows)
    stack = [keras.layers.Dense(64), keras.layers.Dense(64), keras.layers.Dense(1)]
    model = keras.Sequential([keras.Input((8,)), *stack])
    model.compile(keras.optimizers.SGD(1e-3), "mse")
    moments: list[list[bytes]] = []

    class Look(keras.callbacks.Callback):
        def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
            values = [keras.ops.convert_to_numpy(item) for item in self.model.weights]
            moments.append([np.array(value).tobytes() for value in values])

    timeline = Timeline(tmp_path / "run", save=1, keep=KeepAll())
    epochs = saves * 4 // rows
    model.fit(*data, epochs=epochs, batch_size=4, verbose=0, callbacks=[Look(), timeline])

    checkpoints = open_run(tmp_path / "run").checkpoints
    assert len(checkpoints) == len(moments) == saves
    assert len({item.digest for item in checkpoints}) == saves
    for item, moment in zip(checkpoints, moments, strict=True):
        assert item.layout is not None
        with item.file.open("rb") as file:
            saved = set()
            for variable in item.layout.variables:
                file.seek(variable.offset)
                saved.add(file.read(variable.size_bytes))
        assert set(moment) <= saved
