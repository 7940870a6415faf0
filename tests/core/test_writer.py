"""What was appended is in the file, whole, whatever the disk does and whoever is killed."""

from __future__ import annotations

import os
import resource
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from tensorboard.backend.event_processing.event_file_loader import EventFileLoader

from epochline.events import Notice, Record
from epochline.reader import read_records
from epochline.writer import EventWriter

SESSION = "5e55100000000001"


def _record(seq: int, text: str = "") -> Record:
    return Record(
        session=SESSION,
        seq=seq,
        wall_time=1e9 + seq,
        epoch=0,
        step=seq,
        batch=seq,
        events=(Notice(code="test", message=text),),
    )


@contextmanager
def _file_size_limit(size: int) -> Iterator[None]:
    """Lets writes beyond `size` fail, the first one after a part of it is written."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    handler = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
        signal.signal(signal.SIGXFSZ, handler)


def _is_lost(writer: EventWriter) -> bool:
    return writer.lost


def _files(run: Path) -> list[Path]:
    return sorted((run / "timeline").iterdir())


def test_records_are_read_back_in_order(tmp_path: Path) -> None:
    """Reader and writer agree."""
    writer = EventWriter(tmp_path / "timeline")
    for seq in range(100):
        writer.append_record(_record(seq))
    writer.close()
    assert [record.seq for record in read_records(tmp_path).records] == list(range(100))


def test_tensorboard_reads_the_file(tmp_path: Path) -> None:
    """TensorBoard's loader sees a version header, our tag with our plugin, and scalars."""
    writer = EventWriter(tmp_path)
    writer.append_record(_record(0))
    writer.append_scalars(3, {"epoch_loss": 0.5}, wall_time=7.0)
    writer.close()
    events = list(EventFileLoader(str(next(tmp_path.iterdir()))).Load())
    assert events[0].file_version == "brain.Event:2"
    ours, scalar = events[1].summary.value[0], events[2].summary.value[0]
    assert (ours.tag, ours.metadata.plugin_data.plugin_name) == (
        f"epochline/{SESSION}",
        "epochline",
    )
    assert (events[2].step, scalar.tag, scalar.tensor.float_val[0]) == (3, "epoch_loss", 0.5)


def test_writer_with_nothing_to_say_leaves_no_trace(tmp_path: Path) -> None:
    """The directory and the file come with the first event."""
    EventWriter(tmp_path / "timeline").close()
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("room", range(1, 260, 13))
def test_torn_write_leaves_whole_records(tmp_path: Path, room: int) -> None:
    """A disk that fills in the middle of a record costs nothing: it is written with the next."""
    writer = EventWriter(tmp_path / "timeline")
    writer.append_record(_record(0))
    size = _files(tmp_path)[0].stat().st_size
    with _file_size_limit(size + room), pytest.raises(OSError, match="File too large"):
        writer.append_record(_record(1, "x" * 1000))
    assert _files(tmp_path)[0].stat().st_size == size
    writer.append_record(_record(2))
    result = read_records(tmp_path)
    assert [record.seq for record in result.records] == [0, 1, 2]
    assert result.damages == ()


def test_tail_that_cannot_be_cut_off_is_left_in_a_file_of_its_own(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where even truncating fails, that record and the next go to a new file and can be read."""
    writer = EventWriter(tmp_path / "timeline")
    writer.append_record(_record(0))
    size = _files(tmp_path)[0].stat().st_size

    def fail(*_: object) -> None:
        raise OSError(5, "Input/output error")

    with monkeypatch.context() as patch:
        patch.setattr(os, "ftruncate", fail)
        with _file_size_limit(size + 50), pytest.raises(OSError, match="File too large"):
            writer.append_record(_record(1, "x" * 1000))
    writer.append_record(_record(2))
    result = read_records(tmp_path)
    assert [record.seq for record in result.records] == [0, 1, 2]
    assert len(_files(tmp_path)) == 2
    assert "incomplete" in result.damages[0].message


def test_a_disk_without_room_for_the_header_is_tried_again(tmp_path: Path) -> None:
    """A file that could not even be begun does not stop the next try."""
    writer = EventWriter(tmp_path / "timeline")
    with _file_size_limit(0), pytest.raises(OSError, match="File too large"):
        writer.append_record(_record(0))
    writer.append_record(_record(1))
    assert [record.seq for record in read_records(tmp_path).records] == [0, 1]


def test_what_is_kept_is_written_by_close(tmp_path: Path) -> None:
    """A disk that is well again only at the end still gets everything, in order."""
    writer = EventWriter(tmp_path / "timeline")
    writer.append_record(_record(0))
    with _file_size_limit(0):
        for seq in (1, 2):
            with pytest.raises(OSError, match="File too large"):
                writer.append_record(_record(seq))
        with pytest.raises(OSError, match="File too large"):
            writer.close()
        assert writer.unwritten == 2
    writer.close()
    assert writer.unwritten == 0
    assert [record.seq for record in read_records(tmp_path).records] == [0, 1, 2]


def test_what_is_kept_has_a_limit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A disk that never gets well does not fill the memory: the oldest events are dropped."""
    monkeypatch.setattr("epochline.writer._KEPT_BYTES", 10_000)
    writer = EventWriter(tmp_path / "timeline")
    with _file_size_limit(0):
        for seq in range(100):
            with pytest.raises(OSError, match="File too large"):
                writer.append_record(_record(seq, "x" * 1000))
    assert writer.unwritten == 100
    writer.close()
    kept = [record.seq for record in read_records(tmp_path).records]
    assert kept == list(range(100 - len(kept), 100))
    assert 5 <= len(kept) <= 10


@pytest.mark.parametrize("fate", ["deleted", "moved", "replaced"])
def test_a_file_that_is_taken_away_is_begun_again(tmp_path: Path, fate: str) -> None:
    """Events never go on into a file that nobody finds any more."""
    writer = EventWriter(tmp_path / "timeline")
    writer.append_record(_record(0))
    assert not _is_lost(writer)
    path = _files(tmp_path)[0]
    if fate == "moved":
        (tmp_path / "timeline").rename(tmp_path / "elsewhere")
    else:
        path.unlink()
    if fate == "replaced":
        path.touch()
    assert _is_lost(writer)
    writer.append_record(_record(1))
    assert not _is_lost(writer)
    writer.close()
    assert [record.seq for record in read_records(tmp_path).records] == [1]


def test_a_close_that_fails_closes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its number may belong to another file by then: the next event must not go there."""
    writer = EventWriter(tmp_path / "timeline")
    writer.append_record(_record(0))
    original = os.close

    def close(descriptor: int) -> None:
        original(descriptor)
        raise OSError(5, "Input/output error")

    with monkeypatch.context() as patch:
        patch.setattr(os, "close", close)
        with pytest.raises(OSError, match="Input/output error"):
            writer.close()
    other = os.open(tmp_path / "other", os.O_CREAT | os.O_RDWR)
    writer.append_record(_record(1))
    os.close(other)
    assert (tmp_path / "other").read_bytes() == b""
    assert [record.seq for record in read_records(tmp_path).records] == [0, 1]


def test_a_file_system_that_takes_nothing_is_an_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A write that returns 0 must not turn into an endless loop."""
    monkeypatch.setattr(os, "write", lambda _descriptor, _data: 0)
    with pytest.raises(OSError, match="nput/output error"):
        EventWriter(tmp_path).append_record(_record(0))


@pytest.mark.parametrize("ahead", [-100, 0, 1, 5000])
def test_new_file_sorts_after_all_others(tmp_path: Path, ahead: int) -> None:
    """TensorBoard reads files by name and never goes back: a clock set back must not hide ours."""
    earlier = f"events.out.tfevents.{int(time.time()) + ahead:010d}.host.1.0"
    (tmp_path / earlier).touch()
    for seq in range(3):
        writer = EventWriter(tmp_path)
        writer.append_record(_record(seq))
        writer.close()
    names = sorted(path.name for path in tmp_path.iterdir())
    assert (names[0], len(names)) == (earlier, 4)
    (tmp_path / "timeline").mkdir()
    for path in tmp_path.glob("events*"):
        path.rename(tmp_path / "timeline" / path.name)
    assert [record.seq for record in read_records(tmp_path).records] == [0, 1, 2]


def test_kill_loses_nothing_that_was_appended(tmp_path: Path) -> None:
    """After `kill -9` the file holds every record whose append had returned, and no torn one."""
    code = (
        "import sys; from tests.core.test_writer import EventWriter, _record\n"
        "writer = EventWriter(sys.argv[1])\n"
        "for seq in range(10**9):\n"
        "    writer.append_record(_record(seq, 'x' * (seq % 500)))\n"
        "    print(seq, flush=True)\n"
    )
    with subprocess.Popen(
        [sys.executable, "-c", code, str(tmp_path / "timeline")], stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        lines = [process.stdout.readline() for _ in range(500)]
        process.send_signal(signal.SIGKILL)
        lines += process.stdout.readlines()
    acknowledged = int([line for line in lines if line.endswith("\n")][-1])
    seqs = [record.seq for record in read_records(tmp_path).records]
    assert seqs == list(range(len(seqs)))
    assert len(seqs) > acknowledged
