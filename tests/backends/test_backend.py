"""What must hold on every Keras backend; run once in an environment of each.

`KERAS_BACKEND` says which. Without it, and where Keras's default is meant, that is TensorFlow.
"""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from typing import Any

import keras
import pytest

from epochline import open_run
from epochline.callbacks import Timeline
from epochline.reader import read_records
from tests.callbacks.training import FEATURES, TARGETS, Dictate, new_model, timeline_of, train

VALIDATED: dict[str, Any] = {"validation_data": (FEATURES, TARGETS)}


@pytest.fixture
def run_dir(tmp_path: Path) -> Path:
    """A run directory that does not exist yet."""
    return tmp_path / "run"


def stock_callbacks() -> list[keras.callbacks.Callback]:
    """What most trainings have."""
    return [
        keras.callbacks.EarlyStopping(patience=3, restore_best_weights=True),
        keras.callbacks.ReduceLROnPlateau(patience=1),
    ]


def state_of(model: keras.Model) -> list[bytes]:
    """All variables as bytes, random state and optimizer included."""
    return [
        keras.ops.convert_to_numpy(variable.value).tobytes()
        for variable in [*model.variables, *model.optimizer.variables]
    ]


def test_training_is_bit_identical_with_and_without(run_dir: Path) -> None:
    """Recording and saving change nothing in the result of the training."""
    results = []
    for ours in ([], [Timeline(run_dir)]):
        model = new_model()
        history = train(model, *ours, *stock_callbacks(), epochs=6, **VALIDATED)
        results.append((history.history, state_of(model)))
    assert results[0] == results[1]


def test_asynchronous_dispatch_stays_on(run_dir: Path) -> None:
    """Where Keras may hand batch hooks to a thread, it still may with our callback in the list."""

    class Look(keras.callbacks.Callback):
        def set_params(self, params: Any) -> None:
            super().set_params(params)
            self.dispatch = sys._getframe(1).f_locals["self"]._async_train  # noqa: SLF001

    plain, recorded = Look(), Look()
    train(new_model(), plain, epochs=1)
    train(new_model(), recorded, Timeline(run_dir), epochs=1)
    assert recorded.dispatch == plain.dispatch == (keras.backend.backend() != "tensorflow")


def test_decisions_are_recorded_with_their_numbers(run_dir: Path) -> None:
    """Stops, cuts and positions are read right."""
    train(
        new_model(),
        Dictate(score=[3.0, 1.0, 2.0, 1.5]),
        keras.callbacks.EarlyStopping(monitor="score", mode="min", patience=2),
        keras.callbacks.ReduceLROnPlateau(monitor="score", mode="min", patience=1, factor=0.5),
        Timeline(run_dir, monitor="score", mode="min"),
        epochs=9,
    )
    timeline = timeline_of(run_dir)
    acted = [(d.epoch, d.callback, d.verdict) for d in timeline.decisions if d.acted]
    assert acted == [
        (2, "ReduceLROnPlateau", "changed"),
        (3, "EarlyStopping", "stopped"),
        (3, "ReduceLROnPlateau", "changed"),
    ]
    assert timeline.history()["learning_rate"] == pytest.approx([0.001, 0.001, 0.001, 0.0005])
    assert [(row.step, row.batch) for row in timeline.epochs] == [(3, 3), (6, 6), (9, 9), (12, 12)]
    assert timeline.sessions[0].start.backend == keras.backend.backend()


def test_checkpoint_is_what_save_weights_writes(run_dir: Path, tmp_path: Path) -> None:
    """The file is byte for byte Keras's own."""
    model = new_model()
    train(model, Timeline(run_dir, monitor="loss"), epochs=1)
    model.save_weights(tmp_path / "own.weights.h5")
    (checkpoint,) = open_run(run_dir).checkpoints
    assert checkpoint.file.read_bytes() == (tmp_path / "own.weights.h5").read_bytes()


def test_restored_model_gives_the_recorded_metrics(run_dir: Path) -> None:
    """After `restore`, `evaluate` gives what was recorded for that epoch."""
    train(new_model(), Timeline(run_dir), epochs=4, **VALIDATED)
    best = open_run(run_dir).best("val_loss")
    model = new_model(seed=1)
    result = best.restore(model)
    assert result.optimizer_restored
    found = model.evaluate(FEATURES, TARGETS, verbose=0, return_dict=True, batch_size=12)
    assert found["loss"] == pytest.approx(best.metrics["val_loss"], rel=1e-5)
    # The next training says where it came from.
    train(model, Timeline(run_dir), epochs=5, initial_epoch=4, **VALIDATED)
    (restore,) = timeline_of(run_dir).restores
    assert restore.checkpoint == best.id


def test_curves_are_written_where_tensorflow_is_missing(run_dir: Path) -> None:
    """The standard curves need nothing of TensorFlow, and nothing of ours imports it."""
    train(new_model(), Timeline(run_dir), epochs=2, **VALIDATED)
    assert not read_records(run_dir).damages
    for part in ("train", "validation"):
        (file,) = (run_dir / part).iterdir()
        assert b"epoch_loss" in file.read_bytes()
    if importlib.util.find_spec("tensorflow") is None:
        assert "tensorflow" not in sys.modules
    assert len(timeline_of(run_dir).epochs) == 2
