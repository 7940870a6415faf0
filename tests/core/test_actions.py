"""The action log: nothing is lost, whoever writes, and whoever dies while writing."""

from __future__ import annotations

import errno
import os
import subprocess
import sys
from pathlib import Path

import pytest

from epochline.actions import ActionLog
from epochline.events import ACTIONS, CheckpointAnnotated, CheckpointRecovered
from epochline.reader import actions_path, find_runs, read_actions, read_records
from epochline.records import frame
from epochline.store.turn import turn
from tests.core.recorded import record_run

NOTE = CheckpointAnnotated(id="0002c0ffee000000", pinned=True, note="a note", tags=("a", "b"))
_APPEND = """
import sys
from epochline.actions import ActionLog
from epochline.events import CheckpointAnnotated
for number in range(40):
    with ActionLog(sys.argv[1]) as log:
        log.append(CheckpointAnnotated(id=sys.argv[2], note=str(number)))
"""


def test_what_was_appended_is_read_back(tmp_path: Path) -> None:
    """As records of their own, numbered through all who wrote, behind those of the trainings."""
    record_run(tmp_path)
    trained = len(read_records(tmp_path).records)
    with ActionLog(tmp_path) as log:
        log.append(NOTE, epoch=1, wall_time=5.0)
    with ActionLog(tmp_path) as log:
        log.append(CheckpointRecovered(id="a"), NOTE)
        log.append(NOTE)
    records = read_records(tmp_path).records[trained:]
    assert [record.seq for record in records] == [0, 1, 2]
    assert {record.session for record in records} == {ACTIONS}
    assert records[0].events == (NOTE,)
    assert (records[0].epoch, records[0].wall_time) == (1, 5.0)
    assert records[1].events == (CheckpointRecovered(id="a"), NOTE)
    assert read_actions(tmp_path).records == records


def test_no_event_file_is_written(tmp_path: Path) -> None:
    """TensorBoard's Python loader would else stop reading that of a living training."""
    record_run(tmp_path)
    before = sorted((tmp_path / "timeline").rglob("*tfevents*"))
    with ActionLog(tmp_path) as log:
        log.append(NOTE)
    assert sorted((tmp_path / "timeline").rglob("*tfevents*")) == before
    assert actions_path(tmp_path).name == "actions.records"


def test_a_disk_that_takes_nothing_is_an_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A write of no bytes is not tried for ever, and leaves the log as it was."""
    with ActionLog(tmp_path) as log:
        log.append(NOTE)
        before = actions_path(tmp_path).read_bytes()
        with monkeypatch.context() as patch:
            patch.setattr(os, "write", lambda _descriptor, _data: 0)
            with pytest.raises(OSError, match="input/output error"):
                log.append(NOTE)
        assert actions_path(tmp_path).read_bytes() == before
        log.append(NOTE)
    assert len(read_actions(tmp_path).records) == 2


def test_a_log_that_nothing_was_appended_to_is_not_there(tmp_path: Path) -> None:
    """Asking leaves no trace."""
    with ActionLog(tmp_path) as log:
        log.sync()
    assert list(tmp_path.iterdir()) == []
    assert read_actions(tmp_path).records == ()


def test_several_processes_lose_nothing(tmp_path: Path) -> None:
    """Three writers at once: every record is there, in the order of its number."""
    processes = [
        subprocess.Popen([sys.executable, "-c", _APPEND, tmp_path, name]) for name in "abc"
    ]
    assert [process.wait() for process in processes] == [0, 0, 0]
    result = read_actions(tmp_path)
    assert result.damages == ()
    assert [record.seq for record in result.records] == list(range(120))
    for name in "abc":
        events = [event for record in result.records for event in record.events]
        notes = [e.note for e in events if isinstance(e, CheckpointAnnotated) and e.id == name]
        assert notes == [str(number) for number in range(40)]


@pytest.mark.parametrize("torn", [b"\x07", b"\x07" + bytes(11), None])
def test_what_a_killed_writer_left_is_cut_off(tmp_path: Path, torn: bytes | None) -> None:
    """The next record is not hidden behind it, and what was cut off is kept aside."""
    with ActionLog(tmp_path) as log:
        log.append(NOTE)
    path = actions_path(tmp_path)
    rest = frame(b"whole, but the last byte is missing")[:-1] if torn is None else torn
    with path.open("ab") as file:
        file.write(rest)
    assert len(read_actions(tmp_path).records) == 1
    assert "incomplete" in read_actions(tmp_path).damages[0].message

    with ActionLog(tmp_path) as log:
        log.append(NOTE)
        log.append(NOTE)
    result = read_actions(tmp_path)
    assert [record.seq for record in result.records] == [0, 1, 2]
    assert result.damages == ()
    assert path.with_name("actions.records.damaged").read_bytes() == rest


def test_a_write_that_fails_leaves_the_log_as_it_was(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The disk takes a part of a record only: an error, and no torn record."""
    log = ActionLog(tmp_path)
    log.append(NOTE)
    before = actions_path(tmp_path).read_bytes()
    original = os.write

    def write(descriptor: int, data: memoryview) -> int:
        if len(data) < 50:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        return original(descriptor, data[:50])

    with monkeypatch.context() as patch:
        patch.setattr(os, "write", write)
        with pytest.raises(OSError, match="Cannot write the action log: the disk is full"):
            log.append(NOTE)
    assert actions_path(tmp_path).read_bytes() == before
    log.append(NOTE)
    log.close()
    assert [record.seq for record in read_actions(tmp_path).records] == [0, 1]


def test_who_holds_the_log_for_too_long_is_an_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Somebody was stopped while writing: nobody waits for ever."""
    monkeypatch.setattr("epochline.actions._WAIT_SECONDS", 0.05)
    with ActionLog(tmp_path) as log:
        log.append(NOTE)
        with (
            turn(actions_path(tmp_path), wait_seconds=0),
            pytest.raises(OSError, match="Cannot write the action log: another process"),
        ):
            log.append(NOTE)
        log.append(NOTE)
    assert len(read_actions(tmp_path).records) == 2


def test_links_and_giants_are_not_read(tmp_path: Path) -> None:
    """What is no plain log leads to a damage in words, never to another file."""
    outside = tmp_path / "outside"
    with ActionLog(outside) as log:
        log.append(NOTE)
    path = actions_path(tmp_path / "run")
    path.parent.mkdir(parents=True)
    path.symlink_to(actions_path(outside))
    (damage,) = read_actions(tmp_path / "run").damages
    assert "symbolic link" in damage.message

    path.unlink()
    with path.open("wb") as file:
        file.truncate(65 << 20)
    (damage,) = read_actions(tmp_path / "run").damages
    assert "too large" in damage.message
    assert read_actions(tmp_path / "run").records == ()


def test_a_folder_with_an_action_log_is_a_run(tmp_path: Path) -> None:
    """Files that were adopted are listed without any event file."""
    with ActionLog(tmp_path / "old") as log:
        log.append(NOTE)
    assert find_runs(tmp_path) == ["old"]
