"""`epochline ls`: runs, their checkpoints, the best one."""

from __future__ import annotations

import os
from pathlib import Path

from epochline.events import EpochEnded, Mode, SessionStarted
from epochline.session import lock_path
from epochline.store import RunLock
from tests.cli.conftest import Command
from tests.core.recorded import Recorded
from tests.core.retained import weights_file
from tests.store.faults import files_in


def test_lists_runs_and_what_is_on_disk(command: Command, logs: Path) -> None:
    """Epochs as Keras prints them; the star is on the best; pruned ones are counted."""
    out = command("ls", logs).out
    assert out.count("1 more removed by the retention policy") == 2
    lines = out.splitlines()
    assert lines[0].startswith("pima  ended · 5 epochs · monitor val_accuracy (max)")
    assert lines[1] == "Stopped by EarlyStopping after epoch 5."
    rows = [line.split() for line in lines[3:7]]
    assert [row[0] for row in rows] == ["2", "3", "★", "5"]
    assert rows[2][1:3] == ["4", "208"]
    assert rows[2][-1] == "checkpoints/epoch-0004.weights.h5"
    assert lines[2].split()[2] == "val_accuracy"


def test_all_lists_pruned_ones_too(command: Command, pima: Path) -> None:
    """With their status."""
    out = command("ls", pima, "--all").out
    assert "pruned" in out
    assert "more removed" not in out


def test_run_directory_itself_has_its_name(command: Command, pima: Path) -> None:
    """Not a dot."""
    assert command("ls", pima).out.startswith("pima  ended")


def test_missing_and_truncated_files_are_seen(command: Command, pima: Path) -> None:
    """Without reading them, by their size."""
    (pima / "checkpoints" / "epoch-0002.weights.h5").unlink()
    (pima / "checkpoints" / "epoch-0003.weights.h5").write_bytes(b"short")
    statuses = {item["printed_epoch"]: item["status"] for item in _checkpoints(command, pima)}
    assert statuses == {1: "pruned", 2: "missing", 3: "corrupt", 4: "saved", 5: "saved"}


def _checkpoints(command: Command, logdir: Path) -> list[dict[str, object]]:
    checkpoints: list[dict[str, object]] = command("ls", logdir, "--json").json["runs"][0][
        "checkpoints"
    ]
    return checkpoints


def test_json_has_the_documented_keys(command: Command, pima: Path) -> None:
    """Keys are only ever added; `epoch` is zero-based, `printed_epoch` is not."""
    (value,) = command("ls", pima, "--json").json["runs"]
    assert list(value) == [
        "run", "path", "state", "last_wall_time", "epochs", "sessions", "monitor", "mode",
        "metrics", "best", "checkpoints",
    ]  # fmt: skip
    checkpoint = value["checkpoints"][3]
    assert list(checkpoint) == [
        "id", "session", "epoch", "printed_epoch", "step", "batch", "wall_time", "status",
        "reason", "why", "path", "size_bytes", "total_bytes", "digest", "weights_kind",
        "has_optimizer", "save_seconds", "callback", "parents", "metrics", "health", "tier",
        "pinned", "note", "tags", "recoverable",
    ]  # fmt: skip
    assert (checkpoint["epoch"], checkpoint["printed_epoch"]) == (3, 4)
    assert value["best"] == checkpoint["id"]
    assert checkpoint["path"] == str(pima / "checkpoints" / "epoch-0004.weights.h5")


def test_nan_is_a_string_in_json(command: Command, tmp_path: Path) -> None:
    """JSON has no NaN and no infinity."""
    recorded = Recorded(tmp_path)
    metrics = {"loss": float("nan"), "gain": float("-inf")}
    recorded.put(0, EpochEnded(metrics=metrics), recorded.saved(0, b"x", metrics))
    (checkpoint,) = _checkpoints(command, tmp_path)
    assert checkpoint["metrics"] == {"loss": "NaN", "gain": "-Infinity"}


def test_running_training_is_told(command: Command, tmp_path: Path) -> None:
    """With the epoch that it is in; a run without checkpoints says so."""
    Recorded(tmp_path).put(0, SessionStarted(planned_epochs=9, monitor="loss", mode=Mode.MIN))
    with RunLock(lock_path(tmp_path)):
        out = command("ls", tmp_path).out
    assert "running" in out
    assert "Training epoch 1 of 9." in out
    assert "No checkpoint yet." in out
    assert "killed or crashed" in command("ls", tmp_path).out


def test_damaged_events_are_told(command: Command, pima: Path) -> None:
    """And the rest is listed."""
    with next((pima / "timeline").iterdir()).open("ab") as file:
        file.write(b"torn")
    out = command("ls", pima).out
    assert "damaged or incomplete" in out
    assert "epoch-0004" in out


def _folder(path: Path) -> Path:
    path.mkdir()
    for epoch in (1, 2):
        (path / f"epoch-{epoch}.weights.h5").write_bytes(weights_file())
    (path / "best.weights.h5").write_bytes(weights_file())
    (path / "log.csv").write_text("epoch,val_loss\n0,0.5\n1,0.25\n")
    for place, name in enumerate(["epoch-1", "epoch-2", "best"]):
        os.utime(path / f"{name}.weights.h5", (1.7e9 + place, 1.7e9 + place))
    return path


def test_folder_that_nobody_recorded_is_a_timeline(command: Command, tmp_path: Path) -> None:
    """With how sure each match is, and why; nothing is written there."""
    folder = _folder(tmp_path / "old")
    before = files_in(folder)
    lines = command("ls", folder).out.splitlines()
    assert lines[0] == "old"
    assert [line.split()[:2] for line in lines[3:]] == [["1", "0.5"], ["2", "0.25"], ["?", "31"]]
    assert "likely" in lines[3]
    assert lines[3].endswith("its name says epoch 1")
    assert "unknown" in lines[5]
    assert files_in(folder) == before


def test_json_of_such_a_folder(command: Command, tmp_path: Path) -> None:
    """What is not known is null."""
    value = command("ls", _folder(tmp_path / "old"), "--json").json
    assert value["runs"] == []
    first, _, last = value["folder"]["files"]
    assert list(first) == [
        "path", "epoch", "printed_epoch", "wall_time", "size_bytes", "has_optimizer", "metrics",
        "confidence", "basis",
    ]  # fmt: skip
    assert (first["epoch"], first["printed_epoch"], first["metrics"]) == (0, 1, {"val_loss": 0.5})
    assert (last["epoch"], last["confidence"]) == (None, "unknown")


def test_folder_of_a_run_is_told_to_be_its(command: Command, pima: Path) -> None:
    """Its files are recorded already."""
    outcome = command("ls", pima / "checkpoints")
    assert outcome.status == 1
    assert "belongs to the run" in outcome.err
