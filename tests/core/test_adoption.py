"""Folders that nobody recorded: what is a checkpoint there, and what its name says."""

from __future__ import annotations

import os
from pathlib import Path

import h5py
import numpy as np
import pytest

from epochline import KeepLast, open_run
from epochline.adoption import adopt_entries, adopt_files, find_files, foreign_entries
from epochline.events import SaveReason
from epochline.run import Run
from tests.core.recorded import Recorded
from tests.core.retained import weights_file
from tests.store.faults import files_in


def _write(folder: Path, name: str, *, at: float = 1.7e9, data: bytes | None = None) -> Path:
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(weights_file() if data is None else data)
    os.utime(path, (at, at))
    return path


@pytest.mark.parametrize(
    ("name", "epoch"),
    [
        ("epoch-0036.weights.h5", 36),
        ("weights-improvement-36-0.84.weights.h5", 36),
        ("weights.05-0.92.weights.h5", 5),
        ("cp-0012.weights.h5", 12),
        ("ckpt_12.weights.h5", 12),
        ("12.weights.h5", 12),
        ("model.12.weights.h5", 12),
        ("resnet50_e7.weights.h5", 7),
        ("Epoch=3-loss=0.5.weights.h5", 3),
        ("best.weights.h5", 0),
        ("vgg16.weights.h5", 0),
        ("model-0.84.weights.h5", 0),
    ],
)
def test_epoch_is_told_by_the_name(tmp_path: Path, name: str, epoch: int) -> None:
    """Counted from 1 as Keras prints it; a number in a word or a decimal is none."""
    _write(tmp_path, name)
    (file,) = find_files(tmp_path)
    assert file.epoch == epoch - 1
    assert (file.id, file.wall_time, file.has_optimizer) == (name, 1.7e9, True)


def test_only_checkpoints_of_keras_are_found(tmp_path: Path) -> None:
    """No table of the training data, no link, nothing unfinished, nothing below."""
    _write(tmp_path, "b.weights.h5", at=2e9)
    _write(tmp_path, "a.weights.h5", at=1e9)
    _write(tmp_path, ".tmp-1-0123456789abcdef-c.weights.h5")
    _write(tmp_path, "below/d.weights.h5")
    _write(tmp_path, "damaged.weights.h5", data=b"no HDF5")
    _write(tmp_path, "notes.txt")
    (tmp_path / "link.weights.h5").symlink_to(tmp_path / "a.weights.h5")
    with h5py.File(tmp_path / "training-data.h5", "w") as file:
        file["images"] = np.zeros(5)
    with h5py.File(tmp_path / "legacy.h5", "w") as file:
        file["model_weights/dense/dense/kernel"] = np.zeros(5)
    with h5py.File(tmp_path / "older.hdf5", "w") as file:
        file["dense/dense/kernel:0"] = np.zeros(5)
    found = [file.path for file in find_files(tmp_path)]
    assert sorted(found) == ["a.weights.h5", "b.weights.h5", "legacy.h5", "older.hdf5"]
    assert found.index("a.weights.h5") < found.index("b.weights.h5")


def test_finding_changes_nothing(tmp_path: Path) -> None:
    """The folder is not made a run by looking."""
    _write(tmp_path, "1.weights.h5")
    before = files_in(tmp_path)
    find_files(tmp_path)
    assert files_in(tmp_path) == before


def test_adopted_files_are_checkpoints_of_a_run(tmp_path: Path) -> None:
    """With epoch, time and digest; pruned and taken back like any others."""
    for number in (1, 2, 3):
        _write(tmp_path, f"model-{number:02d}.weights.h5", at=1.7e9 + number)
    before = files_in(tmp_path)
    adopt_files(tmp_path, find_files(tmp_path))
    run = open_run(tmp_path)
    assert [(item.epoch, item.wall_time - 1.7e9) for item in run.checkpoints] == [
        (0, 1),
        (1, 2),
        (2, 3),
    ]
    assert all(item.verify() and item.owned for item in run.checkpoints)
    assert {item.reason for item in run.checkpoints} == {SaveReason.ADOPTED}

    run.prune(KeepLast(1), dry_run=False)
    assert not (tmp_path / "model-01.weights.h5").exists()
    run.undo_prune()
    assert {name: files_in(tmp_path)[name] for name in before} == before


def test_files_of_stock_callbacks_go_only_once_they_are_adopted(tmp_path: Path) -> None:
    """Until then they are listed and left alone."""
    recorded = Recorded(tmp_path)
    for epoch in range(3):
        recorded.put(epoch, recorded.saved(epoch, weights_file(epoch), {}, owned=False))
    run = Run(tmp_path)
    assert run.prune(KeepLast(1), dry_run=False).deleted == ()
    assert len(foreign_entries(run.timeline)) == 3
    adopt_entries(tmp_path, foreign_entries(run.timeline)[:2])
    result = run.prune(KeepLast(1), dry_run=False)
    assert result.deleted == (run.checkpoints[0].id,)
    run.refresh()
    assert len(foreign_entries(run.timeline)) == 1
