"""`epochline verify`: every file is read, and one that changed is an exit status of 1."""

from __future__ import annotations

from pathlib import Path

from tests.cli.conftest import Command


def test_intact_files_are_0(command: Command, logs: Path) -> None:
    """All runs; what was pruned on purpose is not asked for."""
    outcome = command("verify", logs)
    assert outcome.status == 0
    assert outcome.out.count("ok ") == 8
    assert "8 of 8 checkpoints are intact (8.0 kB read)." in outcome.out


def test_any_damage_is_1_and_named(command: Command, logs: Path) -> None:
    """A flipped bit, a truncated and a missing file."""
    files = logs / "pima" / "checkpoints"
    data = bytearray((files / "epoch-0002.weights.h5").read_bytes())
    data[100] ^= 4
    (files / "epoch-0002.weights.h5").write_bytes(data)
    (files / "epoch-0003.weights.h5").write_bytes(b"")
    (files / "epoch-0004.weights.h5").unlink()
    outcome = command("verify", logs)
    assert outcome.status == 1
    assert outcome.out.count("FAILED") == 3
    for text in ("has changed", "is truncated", "is missing", "5 of 8 checkpoints are intact"):
        assert text in outcome.out


def test_json_has_the_documented_keys(command: Command, pima: Path) -> None:
    """With the same exit status."""
    (pima / "checkpoints" / "epoch-0002.weights.h5").unlink()
    outcome = command("verify", pima, "--json")
    assert outcome.status == 1
    assert list(outcome.json) == ["ok", "checked", "failed", "bytes", "checkpoints"]
    assert (outcome.json["ok"], outcome.json["checked"], outcome.json["failed"]) == (False, 4, 1)
    row = outcome.json["checkpoints"][0]
    assert list(row) == ["run", "id", "printed_epoch", "path", "ok", "state", "message"]
    assert (row["printed_epoch"], row["state"]) == (2, "missing")
