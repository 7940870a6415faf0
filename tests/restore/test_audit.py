"""The audit log: lines are added, and read back; nothing else is believed."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from epochline.events import Outcome
from epochline.restore.audit import append_audit, audit_path, line_of, read_audit
from tests.restore.test_requests import ANSWER, REQUEST


def test_lines_come_back_in_order(tmp_path: Path) -> None:
    """A request, what became of it, and one that was refused."""
    refused = replace(ANSWER, outcome=Outcome.REFUSED, message="No.", checkpoint="")
    lines = [
        line_of(tmp_path, REQUEST),
        line_of(tmp_path, REQUEST, ANSWER),
        line_of(tmp_path, REQUEST, refused),
    ]
    for line in lines:
        append_audit(tmp_path, line)
    assert read_audit(tmp_path) == lines
    assert [line.outcome for line in lines] == ["asked", "done", "refused"]
    assert [line.refused for line in lines] == [False, False, True]
    assert {(line.by, line.source, line.host, line.run) for line in lines} == {
        ("anna", "cli", "desk", tmp_path.name)
    }


def test_other_lines_are_left_out(tmp_path: Path) -> None:
    """Rubbish, half a line of a killed writer, and keys of a newer version."""
    append_audit(tmp_path, line_of(tmp_path, REQUEST))
    with audit_path(tmp_path).open("ab") as file:
        file.write(b'rubbish\n[]\n{"time": 1}\n{"time": "x", "new": 1}\n{"time": 17600')
    append_audit(tmp_path, line_of(tmp_path, REQUEST, ANSWER))
    assert [line.outcome for line in read_audit(tmp_path)] == ["asked"]
    append_audit(tmp_path, line_of(tmp_path, REQUEST, ANSWER))
    assert [line.outcome for line in read_audit(tmp_path)] == ["asked", "done"]


def test_no_log_is_an_empty_one_and_a_link_is_refused(tmp_path: Path) -> None:
    """Nothing is made by reading."""
    assert read_audit(tmp_path / "run") == []
    assert not (tmp_path / "run").exists()
    elsewhere = tmp_path / "elsewhere"
    elsewhere.write_text("private")
    audit_path(tmp_path).parent.mkdir(parents=True)
    audit_path(tmp_path).symlink_to(elsewhere)
    with pytest.raises(OSError, match="symbolic link"):
        read_audit(tmp_path)
    with pytest.raises(OSError, match="Too many levels"):
        append_audit(tmp_path, line_of(tmp_path, REQUEST))
    assert elsewhere.read_text() == "private"
