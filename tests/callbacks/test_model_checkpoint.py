"""Our `ModelCheckpoint` does what Keras's does, keeps its files safe, and says why."""

from __future__ import annotations

import errno
import math
import os
import re
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest

from epochline.callbacks import ModelCheckpoint
from epochline.events import SaveReason
from epochline.retention import KeepBest, KeepLast
from epochline.store import digest_file
from epochline.timeline import Status
from tests.callbacks.training import FEATURES, TARGETS, Dictate, new_model, timeline_of, train

TEMPLATE = "weights-improvement-{epoch:02d}-{val_accuracy:.2f}.weights.h5"
SCORES = {"val_accuracy": [0.5, 0.75, 0.7, 0.8], "val_loss": [1.0, 1.5, 0.5, 0.7]}


def both(
    model: keras.Model, tmp_path: Path, name: str, *, epochs: int = 4, **arguments: Any
) -> tuple[keras.callbacks.ModelCheckpoint, ModelCheckpoint]:
    """Runs Keras's callback and ours side by side in one training."""
    stock = keras.callbacks.ModelCheckpoint(tmp_path / "stock" / name, **arguments)
    ours = ModelCheckpoint(tmp_path / "ours" / name, **arguments)
    train(model, Dictate(**SCORES), stock, ours, epochs=epochs)
    return stock, ours


def files(directory: Path) -> list[str]:
    """Names of the files there."""
    return sorted(path.name for path in directory.iterdir() if path.is_file())


@pytest.mark.parametrize(
    ("name", "arguments"),
    [
        (TEMPLATE, {"save_weights_only": True}),
        (TEMPLATE, {"save_weights_only": True, "save_best_only": True, "monitor": "val_accuracy"}),
        ("best.weights.h5", {"save_weights_only": True, "save_best_only": True}),
        ("{epoch}.keras", {"monitor": "loss"}),
        ("{val_loss:.1f}.keras", {"save_best_only": True, "mode": "max"}),
        ("whole.h5", {"save_best_only": True, "monitor": "val_accuracy", "mode": "max"}),
        (
            "{epoch}.weights.h5",
            {
                "save_weights_only": True,
                "save_best_only": True,
                "monitor": "val_accuracy",
                "initial_value_threshold": 0.72,
            },
        ),
        ("{epoch}-{batch}.weights.h5", {"save_weights_only": True, "save_freq": 4}),
    ],
)
@pytest.mark.filterwarnings("ignore:You are saving your model as an HDF5 file")
def test_same_files_as_keras(
    model: keras.Model, tmp_path: Path, name: str, arguments: dict[str, Any]
) -> None:
    """With Keras's arguments, the same files are written under the same names."""
    both(model, tmp_path, name, **arguments)
    assert files(tmp_path / "ours") == files(tmp_path / "stock")


def test_same_messages_as_keras(
    model: keras.Model, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """`verbose=1` prints the familiar lines."""
    both(
        model,
        tmp_path,
        TEMPLATE,
        save_weights_only=True,
        save_best_only=True,
        monitor="val_accuracy",
        verbose=1,
    )
    lines = [line for line in capsys.readouterr().out.splitlines() if line.startswith("Epoch ")]
    stock = [line for line in lines if "ours" not in line]
    ours = [line.replace("/ours/", "/stock/") for line in lines if "stock" not in line]
    assert ours == stock
    assert any("val_accuracy improved from 0.50000 to 0.75000" in line for line in ours)
    assert any("val_accuracy did not improve from 0.75000" in line for line in ours)


def test_bytes_are_those_of_save_weights(tmp_path: Path) -> None:
    """The file is what `model.save_weights` writes at that moment, byte for byte."""
    model = new_model()
    train(model, ModelCheckpoint(tmp_path / "a.weights.h5", save_weights_only=True), epochs=1)
    model.save_weights(tmp_path / "b.weights.h5")
    assert (tmp_path / "a.weights.h5").read_bytes() == (tmp_path / "b.weights.h5").read_bytes()


@pytest.mark.parametrize("name", ["a.weights.h5", "a.keras"])
def test_plain_keras_loads_what_was_saved(tmp_path: Path, name: str) -> None:
    """Without Epochline, the saved file gives back the model with its optimizer."""
    model = new_model()
    train(model, ModelCheckpoint(tmp_path / name, save_weights_only="weights" in name), epochs=2)
    if name.endswith(".keras"):
        loaded = keras.saving.load_model(tmp_path / name)
    else:
        loaded = new_model(seed=1)
        loaded.optimizer.build(loaded.trainable_variables)
        loaded.load_weights(tmp_path / name)
    for saved, found in zip(
        model.weights + model.optimizer.variables,
        loaded.weights + loaded.optimizer.variables,
        strict=True,
    ):
        np.testing.assert_array_equal(saved.numpy(), found.numpy())


def test_each_save_and_each_refusal_is_recorded_with_its_numbers(
    model: keras.Model, tmp_path: Path
) -> None:
    """The timeline tells why each epoch was saved, or why not."""
    ours = ModelCheckpoint(
        tmp_path / TEMPLATE, monitor="val_accuracy", save_weights_only=True, save_best_only=True
    )
    train(model, Dictate(**SCORES), ours, epochs=4)
    timeline = timeline_of(tmp_path)
    assert [(c.epoch, c.reason, c.why) for c in timeline.checkpoints] == [
        (0, SaveReason.BEST, "Saved: val_accuracy 0.5 is the first value, and so the best so far."),
        (1, SaveReason.BEST, "Saved: val_accuracy 0.75 > 0.5 (best of epoch 1)."),
        (3, SaveReason.BEST, "Saved: val_accuracy 0.8 > 0.75 (best of epoch 2)."),
    ]
    assert [(d.epoch, d.sentence) for d in timeline.decisions] == [
        (2, "Not saved: val_accuracy 0.7 ≤ 0.75 (best of epoch 2), short by 0.05."),
    ]
    for item in timeline.checkpoints:
        file = digest_file(tmp_path / item.path)
        assert (file.digest, file.size_bytes) == (item.digest, item.size_bytes)
        assert item.has_optimizer
        assert item.metrics["val_loss"] == SCORES["val_loss"][item.epoch]


def test_nan_never_becomes_the_best(model: keras.Model, tmp_path: Path) -> None:
    """A NaN that comes first does not keep later numbers from being saved."""
    ours = ModelCheckpoint(
        tmp_path / "{epoch}.weights.h5", save_weights_only=True, save_best_only=True
    )
    train(model, Dictate(val_loss=[math.nan, 3.0, math.nan, 2.0]), ours, epochs=4)
    assert [item.epoch for item in timeline_of(tmp_path).checkpoints] == [1, 3]
    assert ours.best == 2.0


def test_replaced_file_is_not_listed_as_the_old_checkpoint(
    model: keras.Model, tmp_path: Path
) -> None:
    """When one name is written again, only the newest checkpoint stands for it."""
    ours = ModelCheckpoint(tmp_path / "last.weights.h5", save_weights_only=True)
    train(model, ours, epochs=3)
    assert [item.status for item in timeline_of(tmp_path).checkpoints] == [
        Status.PRUNED,
        Status.PRUNED,
        Status.SAVED,
    ]


def test_retention_deletes_only_what_the_policy_lets_go(model: keras.Model, tmp_path: Path) -> None:
    """Last and best stay, the others go; a file of somebody else stays, too."""
    foreign = tmp_path / "5.weights.h5"
    foreign.write_bytes(b"mine")
    ours = ModelCheckpoint(
        tmp_path / "run-{epoch}.weights.h5",
        save_weights_only=True,
        keep=KeepLast(1) | KeepBest("val_loss", 1),
    )
    train(model, Dictate(val_loss=[3.0, 1.0, 2.0, 4.0]), ours, epochs=4)
    assert files(tmp_path) == ["5.weights.h5", "run-2.weights.h5", "run-4.weights.h5"]
    kept = [item.epoch for item in timeline_of(tmp_path).checkpoints if item.restorable]
    assert kept == [1, 3]


def test_file_that_was_put_in_the_place_of_ours_is_not_deleted(
    model: keras.Model, tmp_path: Path
) -> None:
    """Retention compares the digest before it deletes."""

    def swap(epoch: int, _logs: object) -> None:
        if epoch == 1:
            (tmp_path / "1.weights.h5").write_bytes(
                b"\0" * (tmp_path / "1.weights.h5").stat().st_size
            )

    ours = ModelCheckpoint(
        tmp_path / "{epoch}.weights.h5", save_weights_only=True, keep=KeepLast(1)
    )
    train(model, keras.callbacks.LambdaCallback(on_epoch_end=swap), ours, epochs=3)
    assert files(tmp_path) == ["1.weights.h5", "3.weights.h5"]


def test_failed_save_is_loud_recorded_and_does_not_stop_training(
    model: keras.Model, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """A save that cannot be written leaves an event and an error in the log; training goes on."""
    (tmp_path / "2.weights.h5").mkdir()
    ours = ModelCheckpoint(tmp_path / "{epoch}.weights.h5", save_weights_only=True)
    history = train(model, ours, epochs=3)
    timeline = timeline_of(tmp_path)
    assert len(history.epoch) == 3
    assert [item.status for item in timeline.checkpoints] == ["saved", "failed", "saved"]
    assert timeline.checkpoints[1].why.startswith("Save failed: ")
    assert "could not save 2.weights.h5" in caplog.text


def test_failed_replacement_leaves_the_old_checkpoint_listed(
    model: keras.Model, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """When the disk fails while a file is replaced, the one that is still there can be restored."""
    fsync = os.fsync

    def fail_in_second_epoch(epoch: int, _logs: object) -> None:
        def broken(_descriptor: int) -> None:
            raise OSError(errno.EIO, os.strerror(errno.EIO))

        monkeypatch.setattr(os, "fsync", broken if epoch == 1 else fsync)

    ours = ModelCheckpoint(tmp_path / "best.weights.h5", monitor="loss", save_weights_only=True)
    train(model, keras.callbacks.LambdaCallback(on_epoch_end=fail_in_second_epoch), ours, epochs=2)
    first, second = timeline_of(tmp_path).checkpoints
    assert (first.status, second.status) == (Status.SAVED, Status.FAILED)
    assert digest_file(tmp_path / "best.weights.h5").digest == first.digest


def test_metric_that_does_not_exist_is_told_once_with_those_that_do(
    model: keras.Model, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """A missing monitor, also in the file name, costs the ranking, not the checkpoints."""
    ours = ModelCheckpoint(
        tmp_path / "{epoch}-{val_f1:.2f}.weights.h5",
        monitor="val_f1",
        mode="max",
        save_weights_only=True,
        save_best_only=True,
    )
    train(model, ours, epochs=2)
    assert files(tmp_path) == ["1-none.weights.h5", "2-none.weights.h5"]
    notices = timeline_of(tmp_path).notices
    assert [item.code for item in notices] == ["monitor_missing", "filepath_field_missing"]
    assert "accuracy, loss" in notices[0].message
    assert caplog.text.count("did not find its metric 'val_f1'") == 1


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"filepath": "a.keras", "save_weights_only": True}, "must end in .weights.h5"),
        ({"filepath": "a.txt"}, "must end in .keras or .h5"),
        ({"filepath": "a.weights.h5"}, "must end in .keras or .h5"),
        ({"filepath": "a.keras", "mode": "best"}, "mode='best'. Use 'auto', 'min' or 'max'"),
        ({"filepath": "a.keras", "save_freq": False}, "save_freq=False"),
        ({"filepath": "a.keras", "save_freq": 0}, "save_freq=0"),
        ({"filepath": "a.keras", "save_freq": "batch"}, "save_freq='batch'"),
        ({"filepath": "a.keras", "keep": 3}, "keep=3"),
        (
            {
                "filepath": "a.keras",
                "keep": KeepLast(9).demote("bfloat16", after=KeepLast(2)),
            },
            "only single .weights.h5 files can be made smaller",
        ),
        ({"filepath": "{val_loss:02d}.keras"}, "filepath='{val_loss:02d}.keras'"),
        ({"filepath": "{}.keras"}, "filepath='{}.keras'"),
    ],
)
def test_bad_argument_is_refused_with_the_accepted_values(
    arguments: dict[str, Any], message: str
) -> None:
    """The error names the argument, its value, and what would be right."""
    with pytest.raises(ValueError, match=re.escape(message)):
        ModelCheckpoint(**arguments)


def test_best_of_an_earlier_session_is_not_overwritten_after_a_resume(
    model: keras.Model, tmp_path: Path
) -> None:
    """A resumed training does not take a worse value for the best (keras #11420, #12803)."""

    def best() -> ModelCheckpoint:
        return ModelCheckpoint(
            tmp_path / "best.weights.h5", save_weights_only=True, save_best_only=True
        )

    train(model, Dictate(val_loss=[3.0, 1.0]), best(), epochs=2)
    before = (tmp_path / "best.weights.h5").read_bytes()
    resumed = best()
    train(model, Dictate(val_loss=[0, 0, 2.0, 1.5]), resumed, epochs=4, initial_epoch=2)
    assert (tmp_path / "best.weights.h5").read_bytes() == before
    assert (resumed.best, resumed.best_epoch) == (1.0, 1)


def test_evaluate_after_load_gives_the_recorded_metric(tmp_path: Path) -> None:
    """The metrics in the record are those of the weights in the file."""
    model = new_model()
    train(
        model,
        ModelCheckpoint(tmp_path / "{epoch}.weights.h5", save_weights_only=True),
        epochs=3,
        validation_data=(FEATURES, TARGETS),
    )
    for item in timeline_of(tmp_path).checkpoints:
        model.load_weights(tmp_path / item.path)
        found = model.evaluate(FEATURES, TARGETS, verbose=0, return_dict=True, batch_size=4)
        assert found["loss"] == pytest.approx(item.metrics["val_loss"], rel=1e-6)
