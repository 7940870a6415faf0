"""Checkpoints of several files: plain Keras loads them, and they are treated as one thing."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest

import epochline
from epochline import KeepAll, KeepLast, open_run
from epochline.callbacks import ModelCheckpoint, saving_lib
from epochline.events import Health
from epochline.store import PendingFile, parts
from epochline.timeline import Status
from tests.callbacks.training import new_model, train

SMALL = 100 / 1024**3  # gigabytes: several files of the little model
NAME = "ckpt-{epoch}.weights.json"


def sharded(directory: Path, **arguments: Any) -> ModelCheckpoint:
    """Returns a callback that spreads the weights over several files in `directory`."""
    defaults: dict[str, Any] = {"max_shard_size": SMALL, "log_dir": directory / "run"}
    return ModelCheckpoint(directory / NAME, save_weights_only=True, **(defaults | arguments))


def assert_same_state(model: keras.Model, other: keras.Model) -> None:
    """Weights and optimizer of both are the same, bit for bit."""
    ours, theirs = (one.weights + one.optimizer.variables for one in (model, other))
    for mine, its in zip(ours, theirs, strict=True):
        np.testing.assert_array_equal(mine.numpy(), its.numpy())


def loaded(path: Path) -> keras.Model:
    """Returns a new model into which plain Keras has loaded the file."""
    model = new_model(seed=1)
    model.optimizer.build(model.trainable_variables)
    model.load_weights(path)
    return model


def names(directory: Path) -> list[str]:
    """Names of the files there."""
    return sorted(path.name for path in directory.iterdir() if path.is_file())


def test_plain_keras_loads_what_was_saved(tmp_path: Path) -> None:
    """Weights and optimizer state come back, whatever the shards; a large group is in several."""
    model = new_model()
    train(model, sharded(tmp_path), epochs=2)

    assert_same_state(model, loaded(tmp_path / "ckpt-2.weights.json"))
    weight_map = json.loads((tmp_path / "ckpt-2.weights.json").read_text())["weight_map"]
    assert any(isinstance(value, list) for value in weight_map.values())
    assert (tmp_path / "ckpt-2_00000.weights.h5").exists()


def test_a_group_that_fits_stays_in_one_file(tmp_path: Path) -> None:
    """With room for all of a layer, no layer is in two files."""
    train(new_model(), sharded(tmp_path, max_shard_size=300 / 1024**3), epochs=1)

    weight_map = json.loads((tmp_path / "ckpt-1.weights.json").read_text())["weight_map"]
    assert all(isinstance(value, str) for value in weight_map.values())
    assert len(set(weight_map.values())) > 1


def test_a_sharded_checkpoint_is_recorded_with_its_parts(tmp_path: Path) -> None:
    """Size, digest and statistics are those of all files; damage to any of them is found."""
    model = new_model()
    train(model, sharded(tmp_path), epochs=1)

    item = open_run(tmp_path / "run").latest()
    assert item.verify()
    assert item.health is Health.HEALTHY
    assert item.total_bytes == sum(p.stat().st_size for p in tmp_path.iterdir() if p.is_file())
    assert item.layout is not None
    assert item.measurements is not None
    kernel = next(v for v in item.layout.variables if v.name == model.layers[0].kernel.path)
    data = b"".join((item.run_dir / part.path).read_bytes() for part in item.parts)
    saved = data[kernel.offset : kernel.offset + kernel.size_bytes]
    assert saved == model.layers[0].kernel.numpy().tobytes()

    shard = item.run_dir / item.parts[-1].path
    damaged = bytearray(shard.read_bytes())
    damaged[-1] ^= 1
    shard.write_bytes(damaged)
    assert not item.verify()
    shard.unlink()
    assert open_run(tmp_path / "run").checkpoints[0].status is Status.CORRUPT


def test_restore_export_and_diff(tmp_path: Path) -> None:
    """What can be done with one file can be done with several."""
    model = new_model()
    train(model, sharded(tmp_path), epochs=2)
    run = open_run(tmp_path / "run")
    item = run.latest()

    restored = new_model(seed=1)
    assert item.restore(restored).optimizer_restored
    assert_same_state(model, restored)
    (tmp_path / "out").mkdir()
    same = item.export(tmp_path / "out")
    assert same.read_bytes() == item.file.read_bytes()
    assert_same_state(model, loaded(same))
    assert_same_state(model, loaded(item.export(tmp_path / "out" / "other.weights.json")))
    with pytest.raises(FileExistsError):
        item.export(same, replace=True)
    change = epochline.diff(run.checkpoints[0], item)
    by_path = epochline.diff(run.checkpoints[0].file, item.file)
    assert change.weights.relative_change == pytest.approx(by_path.weights.relative_change)


def test_pruned_shards_go_and_come_back_with_their_index(tmp_path: Path) -> None:
    """All files of a checkpoint go into the trash, and all of them come out of it."""
    model = new_model()
    train(model, sharded(tmp_path, keep=KeepLast(1), log_dir=tmp_path), epochs=2)

    assert not [name for name in names(tmp_path) if name.startswith("ckpt-1")]
    first = open_run(tmp_path).checkpoints[0]
    assert first.status is Status.PRUNED
    back = first.recover()
    assert back.verify()
    assert loaded(back.file)


def test_names_are_never_reused(tmp_path: Path) -> None:
    """A second training saves beside the first, also where only shards are left."""
    train(new_model(), sharded(tmp_path), epochs=1)
    before = {name: (tmp_path / name).read_bytes() for name in names(tmp_path)}
    train(new_model(), sharded(tmp_path), epochs=1)
    (tmp_path / "ckpt-1.weights.json").unlink()
    train(new_model(), sharded(tmp_path), epochs=1)

    assert (tmp_path / "ckpt-1-2.weights.json").exists()
    assert (tmp_path / "ckpt-1-3.weights.json").exists()
    for name in before.keys() - {"ckpt-1.weights.json"}:
        assert (tmp_path / name).read_bytes() == before[name]


def test_a_failed_save_leaves_no_shard(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The training goes on, the failure is recorded, and the next save works."""

    class Failing(PendingFile):
        def publish(self, name: str | None = None) -> Any:
            if name is None or name.endswith("_00001.weights.h5"):
                raise OSError(5, "Input/output error")
            return super().publish(name)

    with monkeypatch.context() as patched:
        patched.setattr(parts, "PendingFile", Failing)
        train(new_model(), sharded(tmp_path), epochs=1)

    assert names(tmp_path) == []
    assert open_run(tmp_path / "run").checkpoints[0].status is Status.FAILED
    train(new_model(), sharded(tmp_path), epochs=1)
    assert open_run(tmp_path / "run").latest().verify()


def test_keras_makes_the_shards_when_it_has_moved_what_we_need(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The run says so; the files are as good."""
    monkeypatch.setattr(saving_lib, "_WANTED", ("moved_away",))
    model = new_model()
    # Room for the largest variable: Keras itself refuses a smaller file.
    train(model, sharded(tmp_path), epochs=1)

    run = open_run(tmp_path / "run")
    assert "saved_by_keras" in {notice.code for notice in run.notices}
    assert run.latest().verify()
    assert_same_state(model, loaded(run.latest().file))


def test_a_variable_larger_than_a_file_is_saved_and_told(tmp_path: Path) -> None:
    """No checkpoint is lost for an option that cannot be kept."""
    model = new_model()
    train(model, sharded(tmp_path, max_shard_size=10 / 1024**3), epochs=1)

    run = open_run(tmp_path / "run")
    assert "shard_too_large" in {notice.code for notice in run.notices}
    assert_same_state(model, loaded(run.latest().file))


@pytest.mark.parametrize(
    ("name", "arguments", "said"),
    [
        ("best.weights.json", {"max_shard_size": 1}, "{epoch}"),
        ("{val_loss:.2f}.weights.json", {"max_shard_size": 1}, "{epoch}"),
        ("{epoch}.weights.json", {}, "max_shard_size"),
        ("{epoch}.weights.h5", {"max_shard_size": 1}, ".weights.json"),
        ("{epoch}.weights.json", {"max_shard_size": 0}, "positive"),
        ("best.weights.h5", {"dedup": True}, "{epoch}"),
    ],
)
def test_what_cannot_be_saved_safely_is_refused(
    tmp_path: Path, name: str, arguments: dict[str, Any], said: str
) -> None:
    """Before the training begins, with what to do instead."""
    with pytest.raises(ValueError, match=said.replace("{", r"\{")):
        ModelCheckpoint(tmp_path / name, save_weights_only=True, keep=KeepAll(), **arguments)
    assert not os.listdir(tmp_path)
