"""Reading runs: what is there is found, what is damaged is told, nothing raises."""

from __future__ import annotations

import struct
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tensorboard.compat.proto.event_pb2 import Event as TensorBoardEvent

from epochline.events import Notice
from epochline.reader import find_runs, read_records
from epochline.records import frame
from epochline.writer import EventWriter
from tests.core.recorded import Recorded, record_run


def _event_file(run: Path) -> Path:
    return next((run / "timeline").iterdir())


def test_finds_runs_by_name_at_any_depth(tmp_path: Path) -> None:
    """A name is the path below the log directory, with slashes, in order."""
    for name in ("b", "a/deep", "a"):
        Recorded(tmp_path / name).put(0, Notice(code="a", message=""))
    assert find_runs(tmp_path) == ["a", "a/deep", "b"]
    assert find_runs(tmp_path / "b") == ["."]


def test_directories_without_records_are_no_runs(tmp_path: Path) -> None:
    """Neither curves of others nor an empty timeline make a run."""
    (tmp_path / "empty" / "timeline").mkdir(parents=True)
    EventWriter(tmp_path / "theirs" / "train").append_scalars(0, {"loss": 1.0})
    (tmp_path / "file" / "x").mkdir(parents=True)
    (tmp_path / "file" / "x" / "timeline").touch()
    assert find_runs(tmp_path) == []
    assert find_runs(tmp_path / "missing") == []


def test_linked_run_is_found_and_a_loop_ends(tmp_path: Path) -> None:
    """Links to directories are followed as TensorBoard does, each directory once."""
    record_run(tmp_path / "elsewhere" / "run")
    logs = tmp_path / "logs"
    logs.mkdir()
    (logs / "linked").symlink_to(tmp_path / "elsewhere", target_is_directory=True)
    (logs / "loop").symlink_to(logs, target_is_directory=True)
    assert find_runs(logs) == ["linked/run"]


def test_foreign_events_in_the_file_are_passed_over(tmp_path: Path) -> None:
    """Scalars beside our records are no damage."""
    writer = EventWriter(tmp_path / "timeline")
    writer.append_scalars(0, {"epoch_loss": 1.0})
    writer.close()
    result = read_records(tmp_path)
    assert (result.records, result.damages) == ((), ())


def test_last_record_torn_at_any_byte_is_told(tmp_path: Path) -> None:
    """Each truncation within the last record loses that record only, and says so."""
    run = Recorded(tmp_path)
    run.put(0, Notice(code="a", message="whole"))
    path = _event_file(tmp_path)
    before = path.stat().st_size
    run.put(0, Notice(code="a", message="torn"))
    data = path.read_bytes()
    for length in range(before + 1, len(data)):
        path.write_bytes(data[:length])
        result = read_records(tmp_path)
        assert [record.seq for record in result.records] == [0]
        assert f"after byte {before}" in result.damages[0].message


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.binary(max_size=400))
def test_hostile_bytes_are_damage_not_an_error(tmp_path: Path, data: bytes) -> None:
    """Whatever stands behind good records, those are read and nothing raises."""
    run = tmp_path / "run"
    if not run.exists():
        record_run(run)
        (tmp_path / "good").write_bytes(_event_file(run).read_bytes())
    good = (tmp_path / "good").read_bytes()
    _event_file(run).write_bytes(good + data + frame(data))
    assert len(read_records(run).records) >= 8
    _event_file(run).write_bytes(data)
    assert len(read_records(run).records) == 0


def test_flipped_bit_at_any_byte_never_raises(tmp_path: Path) -> None:
    """Every damage leads to fewer records and a message."""
    run = Recorded(tmp_path)
    for seq in range(3):
        run.put(0, Notice(code="a", message=str(seq)))
    path = _event_file(tmp_path)
    good = path.read_bytes()
    for place in range(len(good)):
        bad = bytearray(good)
        bad[place] ^= 1 << place % 8
        path.write_bytes(bytes(bad))
        result = read_records(tmp_path)
        assert len(result.records) < 3
        assert len(result.damages) == 1


def test_forged_length_of_32_gib_is_damage(tmp_path: Path) -> None:
    """The header that kills TensorBoard's own loaders only ends our reading."""
    record_run(tmp_path)
    length = struct.pack("<Q", 32 * 2**30)
    with _event_file(tmp_path).open("ab") as file:
        file.write(length + frame(length)[-4:] + b"x")
    result = read_records(tmp_path)
    assert len(result.records) == 8
    assert len(result.damages) == 1


@pytest.mark.parametrize(
    ("payload", "told"),
    [
        (b"\xff\xff\xff\xff", "not a TensorBoard event"),
        (b"", ""),
    ],
)
def test_intact_frame_with_other_contents(tmp_path: Path, payload: bytes, told: str) -> None:
    """A malformed message is told; an empty one says nothing and is nothing."""
    record_run(tmp_path)
    with _event_file(tmp_path).open("ab") as file:
        file.write(frame(payload))
    result = read_records(tmp_path)
    assert len(result.records) == 8
    assert [told in damage.message for damage in result.damages] == ([True] if told else [])


def test_damage_in_one_file_does_not_hide_another(tmp_path: Path) -> None:
    """Each event file is read on its own."""
    Recorded(tmp_path, "a" * 16).put(0, Notice(code="a", message=""))
    Recorded(tmp_path, "b" * 16).put(0, Notice(code="b", message=""))
    first, _ = sorted((tmp_path / "timeline").iterdir())
    first.write_bytes(b"no records")
    result = read_records(tmp_path)
    assert [record.session for record in result.records] == ["b" * 16]
    assert [damage.path for damage in result.damages] == [str(first)]


def test_listing_opens_no_checkpoint_file(tmp_path: Path) -> None:
    """What a run has, and whether its files are there, is known from records and sizes alone."""
    record_run(tmp_path / "run")
    code = (
        "import sys\n"
        "from epochline.cli import main\n"
        "def tell(event, args):\n"
        "    if event == 'open' and '.weights.h5' in str(args[0]):\n"
        "        print('opened', args[0])\n"
        "sys.addaudithook(tell)\n"
        "main(['ls', sys.argv[1]])\n"
        "open(next(__import__('pathlib').Path(sys.argv[1]).rglob('*.weights.h5'))).close()\n"
    )
    told = subprocess.run(
        [sys.executable, "-c", code, tmp_path], check=True, capture_output=True, text=True
    ).stdout
    assert "epoch-0002.weights.h5" in told
    assert told.count("opened") == 1  # by the last line, which shows that it would be seen


def test_unreadable_file_is_told(tmp_path: Path) -> None:
    """What cannot be opened is damage, not an exception, and hides nothing else."""
    record_run(tmp_path)
    (tmp_path / "timeline" / "events.out.tfevents.1.h").mkdir()
    result = read_records(tmp_path)
    assert len(result.records) == 8
    assert "directory" in result.damages[0].message


def test_a_record_of_another_program_under_our_tag_is_told(tmp_path: Path) -> None:
    """Bytes that are not ours under our tag are not shown as ours."""
    event = TensorBoardEvent(wall_time=1.0)
    event.summary.value.add(tag="epochline/x").tensor.string_val.append(b"\xff\xff")
    (tmp_path / "timeline").mkdir()
    (tmp_path / "timeline" / "events.out.tfevents.1.h").write_bytes(
        frame(event.SerializeToString())
    )
    result = read_records(tmp_path)
    assert result.records == ()
    assert "not an Epochline record" in result.damages[0].message
