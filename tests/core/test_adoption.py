"""Folders that nobody recorded: what is a checkpoint there, and what its name says."""

from __future__ import annotations

import os
from pathlib import Path

import h5py
import numpy as np

from epochline import KeepLast, open_run
from epochline.adoption import adopt_entries, adopt_files, find_files, foreign_entries
from epochline.events import SaveReason
from epochline.matching import Confidence
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


def test_a_file_has_its_place_by_its_time(tmp_path: Path) -> None:
    """And what its name says of its epoch."""
    _write(tmp_path, "epoch-36.weights.h5")
    (file,) = find_files(tmp_path)
    assert (file.id, file.epoch, file.confidence) == ("epoch-36.weights.h5", 35, Confidence.LIKELY)
    assert (file.wall_time, file.has_optimizer) == (1.7e9, True)


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


def test_shards_are_nothing_alone(tmp_path: Path) -> None:
    """They belong to the index beside them; without one they are files like others."""
    _write(tmp_path, "model_00000.weights.h5")
    assert len(find_files(tmp_path)) == 1
    (tmp_path / "model.weights.json").write_text("{}")
    assert find_files(tmp_path) == []


def test_logs_beside_files_tell_their_metrics(tmp_path: Path) -> None:
    """Which an adopted file keeps, so that it can be the best."""
    for number in (1, 2):
        _write(tmp_path, f"epoch-{number}.weights.h5", at=1.7e9 + number)
    (tmp_path / "log.csv").write_text("epoch,loss\n0,0.5\n1,0.75\n")
    files = find_files(tmp_path)
    assert [(file.epoch, dict(file.metrics)) for file in files] == [
        (0, {"loss": 0.5}),
        (1, {"loss": 0.75}),
    ]
    adopt_files(tmp_path, files)
    assert open_run(tmp_path).best("loss").epoch == 0


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
