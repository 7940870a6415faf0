"""The audit log."""

from __future__ import annotations

import json
import time
from pathlib import Path

import pytest

from epochline.restore.audit import read_audit
from tensorboard_plugin_epochline import audit


def _append(run_dir: Path, outcome: str) -> None:
    audit.append(run_dir, action="copy", run="pima", ids="c1", outcome=outcome)


def test_lines_are_added(tmp_path: Path) -> None:
    """Every request is one JSON object, after those that are there."""
    for outcome in ("created", "found", "forbidden"):
        _append(tmp_path, outcome)

    text = (tmp_path / "timeline" / "control" / "audit.jsonl").read_text()
    lines = [json.loads(line) for line in text.splitlines()]
    assert [line["outcome"] for line in lines] == ["created", "found", "forbidden"]
    assert [line["refused"] for line in lines] == [False, False, True]
    assert {line["source"] for line in lines} == {"panel"}
    assert [line.outcome for line in read_audit(tmp_path)] == ["created", "found", "forbidden"]
    assert abs(lines[0]["time"] - time.time()) < 60


def test_log_that_cannot_be_written_stops_nothing(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """The reason is in TensorBoard's log."""
    (tmp_path / "timeline").write_text("a file where a directory should be")

    _append(tmp_path, "created")

    assert "audit.jsonl" in caplog.text
