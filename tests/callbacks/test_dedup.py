"""Layers that are not trained are stored once, and every checkpoint stands by itself."""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest

from epochline import KeepAll, KeepLast, open_run
from epochline.callbacks import ModelCheckpoint, Timeline, storage
from epochline.run import Checkpoint
from epochline.store import dedup
from epochline.store.dedup import Dedup

ROWS = np.linspace(-1, 1, 96, dtype="float32").reshape(12, 8)


class Counter(keras.layers.Layer):
    """Counts its calls in a variable that no optimizer trains."""

    def build(self, shape: Any) -> None:
        """Called by Keras."""
        self.count = self.add_weight(shape=(), trainable=False, initializer="zeros")

    def call(self, inputs: Any) -> Any:
        """Called by Keras."""
        self.count.assign_add(1.0)
        return inputs


def fine_tuned(*, counting: bool = False) -> keras.Model:
    """Returns a model nearly all of which is frozen."""
    keras.utils.set_random_seed(0)
    backbone = [keras.layers.Dense(256, trainable=False), keras.layers.Dense(256, trainable=False)]
    model = keras.Sequential(
        [
            keras.layers.Input((8,)),
            *backbone,
            *([Counter()] if counting else []),
            keras.layers.BatchNormalization(),
            keras.layers.Dense(1),
        ]
    )
    model.compile("adam", "mse")
    return model


def fit(model: keras.Model, *callbacks: keras.callbacks.Callback, epochs: int = 4) -> None:
    """Trains the head."""
    model.fit(ROWS, ROWS[:, 0], epochs=epochs, verbose=0, callbacks=list(callbacks))


def on_disk(directory: Path) -> int:
    """Returns the bytes of the blocks that files take, each file once however many names it has."""
    found = {stat.st_ino: stat for stat in (path.stat() for path in directory.iterdir())}
    return sum(stat.st_blocks * 512 for stat in found.values())


def values(model: keras.Model) -> list[Any]:
    """Returns all values of a model and its optimizer."""
    return [item.numpy() for item in (*model.weights, *model.optimizer.variables)]


def assert_loads(item: Checkpoint, expected: Iterable[Any], *, counting: bool = False) -> None:
    """Plain Keras loads the file to these values."""
    model = fine_tuned(counting=counting)
    model.optimizer.build(model.trainable_variables)
    for variable in model.weights:
        variable.assign(np.zeros(variable.shape))
    model.load_weights(item.file)
    for found, value in zip(values(model), expected, strict=True):
        np.testing.assert_array_equal(found, value)


class Remember(keras.callbacks.Callback):
    """Keeps the state at the end of each epoch."""

    def __init__(self) -> None:
        super().__init__()
        self.states: list[list[Any]] = []

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        """Called by Keras."""
        self.states.append(values(self.model))


@pytest.fixture
def links(monkeypatch: pytest.MonkeyPatch) -> None:
    """The file system can link files and not clone them, as ext4."""

    def refuse(_source: int, _target: int) -> None:
        raise OSError(95, "Operation not supported")

    monkeypatch.setattr(dedup, "_clone", refuse)


@pytest.fixture
def clones(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The file system can clone files; returns how many bytes were written to each clone."""
    written: list[int] = []

    def clone(source: int, target: int) -> None:
        size = os.fstat(source).st_size
        os.sendfile(target, source, 0, size)
        written.append(0)

    overwrite = dedup.ClonedFile._overwrite  # noqa: SLF001 – what a clone does not share

    def counted(self: dedup.ClonedFile, piece: memoryview, offset: int) -> None:
        written[-1] += len(piece)
        overwrite(self, piece, offset)

    monkeypatch.setattr(dedup, "_clone", clone)
    monkeypatch.setattr(dedup.ClonedFile, "_overwrite", counted)
    return written


@pytest.mark.usefixtures("links")
def test_frozen_layers_are_one_file_of_many_names(tmp_path: Path) -> None:
    """Plain Keras loads each checkpoint; together they take little more than one."""
    remember = Remember()
    fit(fine_tuned(), remember, Timeline(tmp_path, dedup=True, keep=KeepAll()))

    items = open_run(tmp_path).checkpoints
    assert len({os.stat(tmp_path / item.parts[0].path).st_ino for item in items}) == 1
    assert on_disk(tmp_path / "checkpoints") < 1.5 * items[0].total_bytes
    for item, state in zip(items, remember.states, strict=True):
        assert item.verify()
        assert_loads(item, state)


@pytest.mark.usefixtures("links")
@pytest.mark.parametrize("order", [(0, 1, 2), (2, 1, 0), (1, 0, 2)])
def test_checkpoints_may_be_deleted_in_any_order(tmp_path: Path, order: tuple[int, ...]) -> None:
    """What is left loads as before."""
    remember = Remember()
    fit(fine_tuned(), remember, Timeline(tmp_path, dedup=True, keep=KeepAll()))
    items = open_run(tmp_path).checkpoints

    for place in order:
        for part in items[place].stored:
            (tmp_path / part.path).unlink()
        assert_loads(items[3], remember.states[3])
    assert items[3].verify()


@pytest.mark.usefixtures("links")
def test_a_pruned_run_links_to_what_is_left(tmp_path: Path) -> None:
    """The first checkpoint may go while the training runs; a later training goes on linking."""
    model = fine_tuned()
    fit(model, Timeline(tmp_path, dedup=True, keep=KeepLast(1)))
    before = open_run(tmp_path).latest()
    fit(model, Timeline(tmp_path, dedup=True, keep=KeepAll()), epochs=1)

    after = open_run(tmp_path).latest()
    assert before.id != after.id
    assert os.path.samefile(tmp_path / before.parts[0].path, tmp_path / after.parts[0].path)


@pytest.mark.usefixtures("links")
@pytest.mark.parametrize("damage", ["other bytes", "another size", "gone"])
def test_a_damaged_file_is_not_linked_to(tmp_path: Path, damage: str) -> None:
    """The frozen layers are written anew then, and the new checkpoint is intact."""
    model = fine_tuned()
    fit(model, Timeline(tmp_path, dedup=True, keep=KeepAll()), epochs=1)
    shard = tmp_path / open_run(tmp_path).latest().parts[0].path
    data = bytearray(shard.read_bytes())
    data[-1] ^= 1
    shard.unlink()
    if damage != "gone":
        shard.write_bytes(data if damage == "other bytes" else data[:-1])

    fit(model, Timeline(tmp_path, dedup=True, keep=KeepAll()), epochs=2)

    items = open_run(tmp_path).checkpoints
    assert items[0].parts[0].digest == items[1].parts[0].digest
    assert all(item.verify() for item in items[1:])
    assert os.path.samefile(tmp_path / items[1].parts[0].path, tmp_path / items[2].parts[0].path)


@pytest.mark.usefixtures("links")
def test_what_changes_without_being_trained_moves_to_the_other_file(tmp_path: Path) -> None:
    """A counter, say, does not make the whole backbone be written again and again."""
    remember = Remember()
    callbacks = (remember, Timeline(tmp_path, dedup=True, keep=KeepAll()))
    fit(fine_tuned(counting=True), *callbacks, epochs=5)

    items = open_run(tmp_path).checkpoints
    inodes = [os.stat(tmp_path / item.parts[0].path).st_ino for item in items]
    assert len(set(inodes[2:])) == 1
    for item, state in zip(items, remember.states, strict=True):
        assert_loads(item, state, counting=True)


@pytest.mark.usefixtures("links")
def test_layers_that_are_trained_again_are_saved_again(tmp_path: Path) -> None:
    """Unfreezing a layer in a second training takes it out of what is shared."""
    model, remember = fine_tuned(), Remember()
    fit(model, remember, Timeline(tmp_path, dedup=True, keep=KeepAll()), epochs=2)
    model.layers[1].trainable = True
    model.compile("adam", "mse")
    fit(model, remember, Timeline(tmp_path, dedup=True, keep=KeepAll()), epochs=2)

    items = open_run(tmp_path).checkpoints
    assert all(item.verify() for item in items)
    sizes = [item.parts[0].size_bytes for item in items]
    assert sizes[0] == sizes[1] > sizes[2] == sizes[3]


def test_clones_are_plain_files_and_only_what_differs_is_written(
    tmp_path: Path, clones: list[int]
) -> None:
    """Byte for byte what Keras writes; the frozen layers are not written again."""
    model, remember = fine_tuned(), Remember()
    fit(model, remember, Timeline(tmp_path, dedup=True, keep=KeepAll()))

    items = open_run(tmp_path).checkpoints
    assert [item.file.name for item in items] == [f"epoch-000{n}.weights.h5" for n in (1, 2, 3, 4)]
    model.save_weights(tmp_path / "now.weights.h5")
    assert items[-1].file.read_bytes() == (tmp_path / "now.weights.h5").read_bytes()
    assert all(item.verify() for item in items)
    saved = [count for count in clones if count]
    assert len(saved) == 3
    assert max(saved) < items[0].total_bytes / 2


@pytest.mark.usefixtures("links")
def test_without_either_the_files_are_plain_and_it_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Once, with what to do."""
    monkeypatch.setattr(storage, "probe_dedup", lambda _directory: Dedup.NONE)
    callback = ModelCheckpoint(
        tmp_path / "{epoch}.weights.h5", save_weights_only=True, dedup=True, log_dir=tmp_path
    )
    fit(fine_tuned(), callback, epochs=2)

    run = open_run(tmp_path)
    assert [item.file.name for item in run.checkpoints] == ["1.weights.h5", "2.weights.h5"]
    told = [notice.code for notice in run.notices if notice.code == "dedup_not_possible"]
    assert told == ["dedup_not_possible"]


def test_the_probe_leaves_nothing(tmp_path: Path) -> None:
    """It tries, and takes away what it tried with."""
    assert dedup.probe_dedup(tmp_path / "new") in Dedup
    assert os.listdir(tmp_path / "new") == []
