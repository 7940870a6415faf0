"""A restore loads all of a checkpoint, or leaves the model as it was; and it says which."""

from __future__ import annotations

import os
import warnings
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest

import epochline
from epochline.callbacks import Timeline
from epochline.restore import restored_from
from tests.restore.trained import (
    FEATURES,
    TARGETS,
    Values,
    new_model,
    record,
    slots,
    used,
    values,
    weights,
)


@pytest.fixture
def trained() -> keras.Model:
    """A model with weights and an optimizer that are no longer those of the beginning."""
    return used(new_model())


@pytest.fixture
def checkpoint(tmp_path: Path, trained: keras.Model) -> epochline.Checkpoint:
    """Its checkpoint."""
    return record(tmp_path / "run", trained)


def _equal(one: Values, other: Values) -> bool:
    return len(one) == len(other) and all(map(np.array_equal, one, other))


def test_restore_into_a_new_model_loads_every_tensor(
    checkpoint: epochline.Checkpoint, trained: keras.Model
) -> None:
    """Also the slots of an optimizer that was never used, which Keras alone would skip."""
    model = new_model(seed=2)
    result = checkpoint.restore(model)
    assert (result.weights_restored, result.weights_total) == (9, 9)
    assert result.optimizer_restored
    assert _equal(weights(model), weights(trained))
    assert _equal(slots(model), slots(trained))
    assert model.evaluate(FEATURES, TARGETS, verbose=0) == trained.evaluate(
        FEATURES, TARGETS, verbose=0
    )
    assert result.message == (
        "Restored epoch 1: 9 of 9 weights equal the file; optimizer state restored."
    )


def test_training_goes_on_as_it_would_have(
    checkpoint: epochline.Checkpoint, trained: keras.Model
) -> None:
    """The optimizer continues with its moments and step, so the next losses are the same."""
    model = new_model(seed=2)
    checkpoint.restore(model)
    losses = []
    for one in (trained, model):
        for layer in one.layers:
            if isinstance(layer, keras.layers.Dropout):
                layer.seed_generator.state.assign([3, 4])  # Keras saves no seed states
        keras.utils.set_random_seed(5)
        losses.append(
            one.fit(FEATURES, TARGETS, batch_size=10, epochs=2, verbose=0).history["loss"]
        )
    assert losses[0] == losses[1]


def test_without_the_optimizer_it_stays_as_it_was(checkpoint: epochline.Checkpoint) -> None:
    """Weights change, moments, step and learning rate do not."""
    model = used(new_model(seed=2))
    model.optimizer.learning_rate = 0.5
    before = slots(model)
    result = checkpoint.restore(model, optimizer=False)
    after = slots(model)
    assert _equal(before, after)
    assert not result.optimizer_restored
    assert result.weights_restored == 9
    assert "optimizer left as it was" in result.message


def test_without_the_optimizer_an_unused_one_stays_unbuilt(
    checkpoint: epochline.Checkpoint,
) -> None:
    """It is not even built, and Keras's warning about it is not passed on."""
    model = new_model(seed=2)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        checkpoint.restore(model, optimizer=False)
    assert not model.optimizer.built


def test_learning_rate_that_comes_back_is_told(checkpoint: epochline.Checkpoint) -> None:
    """Loading the optimizer brings back its learning rate; the result says from what to what."""
    model = new_model(seed=2)
    model.optimizer.learning_rate = 1e-5
    result = checkpoint.restore(model)
    assert result.learning_rate_before == pytest.approx(1e-5)
    assert result.learning_rate_after == pytest.approx(1e-3)
    assert "learning rate 1e-5 → 1e-3" in result.message


def test_learning_rate_schedule_has_no_variable_and_is_no_obstacle(tmp_path: Path) -> None:
    """An optimizer with a schedule is restored; its rate follows its step."""
    schedule = keras.optimizers.schedules.ExponentialDecay(0.1, 10, 0.5)
    saved = used(new_model(optimizer=keras.optimizers.SGD(schedule, momentum=0.9)))
    model = new_model(optimizer=keras.optimizers.SGD(schedule, momentum=0.9), seed=2)
    result = record(tmp_path / "run", saved).restore(model)
    assert result.optimizer_restored
    assert (result.learning_rate_after or 0) < (result.learning_rate_before or 0)


def test_checkpoint_without_optimizer_state_says_so(tmp_path: Path) -> None:
    """A file of weights alone leaves the optimizer, and the result does not claim otherwise."""
    saved = new_model()
    saved.optimizer = None
    checkpoint = record(tmp_path / "run", saved, has_optimizer=False)
    model = used(new_model(seed=2))
    before = slots(model)
    result = checkpoint.restore(model)
    assert not result.optimizer_restored
    assert "holds no optimizer state" in result.message
    assert _equal(before, slots(model))


def test_model_that_is_not_compiled_gets_the_weights(
    checkpoint: epochline.Checkpoint, trained: keras.Model
) -> None:
    """For prediction no optimizer is needed."""
    model = keras.Sequential.from_config(trained.get_config())
    result = checkpoint.restore(model)
    assert (result.optimizer_restored, result.learning_rate_after) == (False, None)
    assert "not compiled" in result.message
    assert np.array_equal(model.predict(FEATURES, verbose=0), trained.predict(FEATURES, verbose=0))


def _damage_bit(file: Path) -> None:
    data = bytearray(file.read_bytes())
    data[len(data) // 2] ^= 1
    file.write_bytes(data)


@pytest.mark.parametrize(
    ("damage", "error"),
    [
        (_damage_bit, epochline.CheckpointCorruptError),
        (lambda file: file.write_bytes(file.read_bytes()[:-100]), epochline.CheckpointCorruptError),
        (lambda file: file.write_bytes(b""), epochline.CheckpointCorruptError),
        (Path.unlink, epochline.CheckpointMissingError),
    ],
)
def test_damaged_file_never_touches_the_model(
    checkpoint: epochline.Checkpoint, damage: Any, error: type[Exception]
) -> None:
    """Not a variable is assigned, not even an optimizer is built, before the digest is right."""
    damage(checkpoint.file)
    model = new_model(seed=2)
    before = values(model)
    with pytest.raises(error, match=r"epoch-0001\.weights\.h5"):
        checkpoint.restore(model)
    assert _equal(values(model), before)
    assert not model.optimizer.built


def test_link_in_place_of_the_file_is_refused(
    checkpoint: epochline.Checkpoint, tmp_path: Path
) -> None:
    """A checkpoint that was swapped for a link is not followed."""
    checkpoint.file.rename(tmp_path / "elsewhere")
    checkpoint.file.symlink_to(tmp_path / "elsewhere")
    with pytest.raises(OSError, match="symbolic link"):
        checkpoint.restore(new_model())


def test_other_architecture_is_undone_and_named(checkpoint: epochline.Checkpoint) -> None:
    """Keras has assigned some layers when it raises; all of them are put back."""
    model = used(new_model(units=7, seed=2))
    before = values(model)
    with pytest.raises(epochline.CheckpointMismatchError) as caught:
        checkpoint.restore(model)
    assert _equal(values(model), before)
    assert any("(4, 7)" in line and "kernel" in line for line in caught.value.differences)
    assert any("(4, 6)" in line and "layers/dense" in line for line in caught.value.differences)
    assert "left as it was" in str(caught.value)


def test_same_shapes_in_another_order_are_undone_too(tmp_path: Path) -> None:
    """Where the shapes say nothing, Keras's own words are passed on."""

    def build(*, square_first: bool) -> keras.Model:
        layers = [keras.layers.Dense(4), keras.layers.Dense(4, use_bias=False)]
        model = keras.Sequential([keras.layers.Input((4,)), *layers[:: 1 if square_first else -1]])
        model.compile(optimizer="sgd", loss="mse")
        return model

    checkpoint = record(tmp_path / "run", build(square_first=True))
    model = build(square_first=False)
    before = values(model)
    with pytest.raises(epochline.CheckpointMismatchError, match=r"expected 1 variables"):
        checkpoint.restore(model)
    assert _equal(values(model), before)


def test_other_optimizer_is_an_error_not_a_skipped_state(
    checkpoint: epochline.Checkpoint,
) -> None:
    """Keras would warn and load the weights alone; here nothing is loaded."""
    model = used(new_model(optimizer="sgd", seed=2))
    before = values(model)
    with pytest.raises(epochline.CheckpointMismatchError, match=r"this SGD.*optimizer=False"):
        checkpoint.restore(model)
    assert _equal(values(model), before)
    assert checkpoint.restore(model, optimizer=False).weights_restored == 9


def test_optimizer_of_another_class_with_the_same_variables_is_an_error(tmp_path: Path) -> None:
    """Keras would take the moments of one for those of the other."""
    saved = used(new_model(optimizer="adam"))
    saved.fit(FEATURES, TARGETS, verbose=0, callbacks=[Timeline(tmp_path / "run")])
    checkpoint = epochline.open_run(tmp_path / "run").latest()
    model = used(new_model(optimizer="nadam", seed=2))
    before = values(model)
    with pytest.raises(epochline.CheckpointMismatchError, match=r"state of Adam.*Nadam"):
        checkpoint.restore(model)
    assert _equal(values(model), before)
    assert checkpoint.restore(model, optimizer=False).weights_restored == 9


def test_keras_still_says_when_it_skips_an_optimizer(
    checkpoint: epochline.Checkpoint, tmp_path: Path
) -> None:
    """The restore relies on this warning of Keras; a release that rewords it is found here."""
    with pytest.warns(UserWarning, match="Skipping variable loading for optimizer"):
        new_model(seed=2).load_weights(checkpoint.export(tmp_path / "copy.weights.h5"))


def test_second_optimizer_of_a_model_is_never_skipped_silently(tmp_path: Path) -> None:
    """A model that holds two optimizers is restored with both, or not at all."""

    class Two(keras.Model):
        def __init__(self) -> None:
            super().__init__()
            self.dense = keras.layers.Dense(2)
            self.second = keras.optimizers.Adam()

        def call(self, inputs: Any) -> Any:
            return self.dense(inputs)

    def build(*, built: bool) -> keras.Model:
        model = Two()
        model.compile(optimizer="sgd", loss="mse")
        model(FEATURES)
        if built:
            model.second.build(model.trainable_variables)
        return model

    saved = build(built=True)
    saved.optimizer.build(saved.trainable_variables)
    saved.second.variables[0].assign(41)
    checkpoint = record(tmp_path / "run", saved)
    with pytest.raises(epochline.CheckpointMismatchError):
        checkpoint.restore(build(built=False))
    model = build(built=True)
    assert checkpoint.restore(model).optimizer_restored
    assert int(model.second.variables[0].numpy()) == 41
    model.second.variables[0].assign(1)
    checkpoint.restore(model, optimizer=False)
    assert int(model.second.variables[0].numpy()) == 1


def test_unbuilt_model_is_refused_with_what_to_do(checkpoint: epochline.Checkpoint) -> None:
    """A model without variables cannot hold anything."""
    model = keras.Sequential([keras.layers.Dense(6)])
    with pytest.raises(epochline.CheckpointMismatchError, match="call it on a batch"):
        checkpoint.restore(model)


def test_interruption_puts_everything_back(
    checkpoint: epochline.Checkpoint, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Ctrl-C in the middle of loading leaves no half-restored model."""
    model = used(new_model(seed=2))
    before = values(model)
    load = model.load_weights

    def interrupted(path: str) -> None:
        load(path)
        raise KeyboardInterrupt

    monkeypatch.setattr(model, "load_weights", interrupted)
    with pytest.raises(KeyboardInterrupt):
        checkpoint.restore(model)
    assert _equal(values(model), before)
    assert restored_from(model) is None


def test_what_is_loaded_is_what_was_verified(
    checkpoint: epochline.Checkpoint, trained: keras.Model, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A file that changes after the check does not get into the model."""
    model = new_model(seed=2)
    load = model.load_weights

    def swapped(path: str) -> None:
        _damage_bit(checkpoint.file)
        load(path)

    monkeypatch.setattr(model, "load_weights", swapped)
    checkpoint.restore(model)
    assert _equal(weights(model), weights(trained))


def test_private_copy_is_private_and_goes_away(
    checkpoint: epochline.Checkpoint, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The copy lies in a directory that only the user can enter, and nothing of it stays."""
    model = new_model(seed=2)
    load = model.load_weights
    seen: list[Path] = []

    def watched(path: str) -> None:
        seen.append(Path(path))
        assert Path(path).parent.stat().st_mode & 0o077 == 0
        load(path)

    monkeypatch.setattr(model, "load_weights", watched)
    checkpoint.restore(model)
    assert checkpoint.file not in seen
    assert not seen[0].parent.exists()


def test_whole_model_files_are_restored_with_their_optimizer(tmp_path: Path) -> None:
    """`.keras`, as the stock callback saves it."""
    saved = used(new_model())
    model = new_model(seed=2)
    result = record(tmp_path / "run", saved, ending=".keras").restore(model)
    assert (result.weights_restored, result.optimizer_restored) == (9, True)
    assert _equal(weights(model), weights(saved))


@pytest.mark.filterwarnings("ignore:You are saving your model as an HDF5 file")
def test_legacy_files_are_restored_without_their_optimizer(tmp_path: Path) -> None:
    """Keras loads no optimizer from a legacy `.h5`, and the result does not claim it."""
    saved = used(new_model())
    model = new_model(seed=2)
    result = record(tmp_path / "run", saved, ending=".h5").restore(model)
    assert (result.weights_restored, result.optimizer_restored) == (9, False)
    assert "does not load the optimizer state" in result.message


def test_layer_with_a_loading_of_its_own_is_counted_as_such(tmp_path: Path) -> None:
    """A weight that does not hold what the file holds is not counted as equal to it."""

    class Halved(keras.layers.Dense):
        def load_own_variables(self, store: Any) -> None:
            super().load_own_variables(store)
            self.kernel.assign(self.kernel / 2)

    def build() -> keras.Model:
        return keras.Sequential([keras.layers.Input((4,)), Halved(2)])

    result = record(tmp_path / "run", build(), has_optimizer=False).restore(build())
    assert (result.weights_restored, result.weights_total) == (1, 2)
    assert "converted by their layers" in result.message


def test_mixed_precision_is_restored_whole(tmp_path: Path) -> None:
    """Weights kept as bfloat16 and an optimizer that scales the loss are compared byte by byte."""
    for policy in ("mixed_float16", "bfloat16"):
        keras.config.set_dtype_policy(policy)
        try:
            saved, model = used(new_model()), new_model(seed=2)
            result = record(tmp_path / policy, saved).restore(model)
        finally:
            keras.config.set_dtype_policy("float32")
        assert (result.weights_restored, result.optimizer_restored) == (9, True)


def test_origin_is_remembered_for_the_next_training(
    checkpoint: epochline.Checkpoint,
) -> None:
    """The callbacks learn which checkpoint the model came from, and with what of it."""
    model = new_model(seed=2)
    assert restored_from(model) is None
    checkpoint.restore(model)
    origin = restored_from(model)
    assert origin is not None
    assert (origin.checkpoint, origin.session) == (checkpoint.id, checkpoint.session)
    assert (origin.epoch, origin.what) == (0, "weights and optimizer")
    checkpoint.restore(model, optimizer=False)
    assert getattr(restored_from(model), "what", None) == "weights"


def test_full_temporary_directory_is_told_and_the_model_untouched(
    checkpoint: epochline.Checkpoint, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where the private copy cannot be made, the error says where it should have gone."""
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "missing"))
    model = new_model(seed=2)
    before = values(model)
    with pytest.raises(OSError, match="missing"):
        checkpoint.restore(model)
    assert _equal(values(model), before)
    assert os.listdir(tmp_path / "run")
