"""Logs of stock callbacks, as they write them, and what else lies about."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from epochline.logs import read_logs
from epochline.writer import EventWriter

_CSV = "epoch,loss,val_loss\n0,0.9,0.95\n1,0.8,NA\n"


def _events(folder: Path, losses: list[float]) -> None:
    writer = EventWriter(folder)
    for epoch, loss in enumerate(losses):
        writer.append_scalars(epoch, {"epoch_loss": loss, "other": 1.0})
    writer.close()


def test_csv_log_tells_metrics_of_epochs(tmp_path: Path) -> None:
    """As `CSVLogger` writes them, zero-based; what was not measured is left out."""
    (tmp_path / "training.csv").write_text(_CSV)
    rows = read_logs(tmp_path)
    assert {epoch: dict(row.metrics) for epoch, row in rows.items()} == {
        0: {"loss": 0.9, "val_loss": 0.95},
        1: {"loss": 0.8},
    }
    assert rows[0].log == "training.csv"
    assert rows[0].wall_time is None


def test_event_files_of_the_tensorboard_callback_tell_times_too(tmp_path: Path) -> None:
    """Training and validation are one epoch; other tags are none."""
    _events(tmp_path / "logs" / "train", [0.9, 0.8])
    _events(tmp_path / "logs" / "validation", [1.0, 1.1])
    rows = read_logs(tmp_path)
    assert {epoch: set(row.metrics) for epoch, row in rows.items()} == {
        epoch: {"loss", "val_loss"} for epoch in (0, 1)
    }
    assert rows[1].metrics["val_loss"] == pytest.approx(1.1)
    assert all(row.wall_time for row in rows.values())


def test_logs_beside_the_folder_count_when_it_has_none(tmp_path: Path) -> None:
    """Where users put them; one of its own comes first."""
    folder = tmp_path / "checkpoints"
    folder.mkdir()
    (tmp_path / "log.csv").write_text(_CSV)
    assert read_logs(folder).keys() == {0, 1}
    (folder / "own.csv").write_text("epoch,loss\n7,0.5\n")
    assert read_logs(folder).keys() == {7}


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"\xff\xfe\x00",
        b"name,value\na,1\n",
        b"epoch,loss\nx,1\n-1,2\n1.5,3\n,\n",
        b"epoch\n",
        b"epoch,loss\ninf,1\nnan,1\n",
        b"epoch,loss\n" + b"1" * 200_000 + b",1\n",
    ],
)
def test_other_tables_are_no_logs(tmp_path: Path, content: bytes) -> None:
    """Nothing is read out of them, and nothing raised."""
    (tmp_path / "table.csv").write_bytes(content)
    (tmp_path / "folder.csv").mkdir()
    assert read_logs(tmp_path) == {}


def test_damaged_event_files_tell_what_can_be_read(tmp_path: Path) -> None:
    """Up to the damage."""
    _events(tmp_path, [0.9, 0.8])
    (path,) = tmp_path.iterdir()
    os.truncate(path, path.stat().st_size - 3)
    assert read_logs(tmp_path).keys() <= {0, 1}
    (tmp_path / "events.out.tfevents.1").write_bytes(os.urandom(200))
    assert 0 in read_logs(tmp_path)
