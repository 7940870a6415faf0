"""TensorBoard's record framing: what was written is read, damage ends the reading quietly."""

from __future__ import annotations

import os
import struct
import tempfile
import tracemalloc
from pathlib import Path
from typing import BinaryIO

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tensorboard.summary.writer.record_writer import RecordWriter

from epochline.records import frame, read_frames


def _file(data: bytes) -> BinaryIO:
    file = tempfile.TemporaryFile()  # noqa: SIM115 – the callers close it
    file.write(data)
    file.seek(0)
    return file


def _read(data: bytes) -> list[bytes]:
    with _file(data) as file:
        return list(read_frames(file))


@given(st.lists(st.binary(max_size=300), max_size=6))
def test_frames_are_read_as_written(items: list[bytes]) -> None:
    """Any sequence of byte strings comes back, empty ones included."""
    assert _read(b"".join(map(frame, items))) == items


def test_frame_is_byte_for_byte_that_of_tensorboard(tmp_path: Path) -> None:
    """TensorBoard's own writer makes the same bytes, checksums included."""
    path = tmp_path / "theirs"
    with path.open("wb") as file:
        writer = RecordWriter(file)
        writer.write(b"epochline" * 100)
        writer.flush()
        assert path.read_bytes() == frame(b"epochline" * 100)


@given(st.binary(max_size=300))
def test_random_bytes_never_raise(data: bytes) -> None:
    """Bytes that are no records end the reading."""
    assert all(isinstance(item, bytes) for item in _read(data))


def test_last_record_torn_at_any_byte_is_left_out() -> None:
    """Every prefix of a file yields the whole records in it, and tells where they end."""
    first, second = frame(b"one"), frame(b"two" * 20)
    for length in range(len(first), len(first + second)):
        with _file((first + second)[:length]) as file:
            assert list(read_frames(file)) == [b"one"]
            assert file.tell() == len(first)


def test_a_flipped_bit_anywhere_ends_the_reading_there() -> None:
    """No damaged record is passed on, wherever the damage is."""
    records = [b"one", b"two" * 5, b"three"]
    good = b"".join(map(frame, records))
    ends = [len(b"".join(map(frame, records[:count]))) for count in range(4)]
    for place in range(len(good)):
        bad = bytearray(good)
        bad[place] ^= 1 << place % 8
        whole = sum(end <= place for end in ends) - 1
        assert _read(bytes(bad)) == records[:whole]


@pytest.mark.parametrize("length", [32 * 2**30, 2**63 - 1, 2**64 - 1])
def test_forged_length_asks_for_no_memory(length: int) -> None:
    """A header that claims gigabytes, with a right checksum, is the end of the file."""
    forged = frame(struct.pack("<Q", length))[12:20]
    header = forged + _crc(forged)
    data = frame(b"one") + header + b"x" * 100
    tracemalloc.start()
    try:
        assert _read(data) == [b"one"]
        assert tracemalloc.get_traced_memory()[1] < 2**20
    finally:
        tracemalloc.stop()


def _crc(data: bytes) -> bytes:
    # The checksum behind the data of a record is made as the one of its length.
    return frame(data)[-4:]


def test_a_growing_file_is_read_on_from_where_it_ended() -> None:
    """A torn last record is read when the rest of it has arrived."""
    whole = frame(b"one") + frame(b"two")
    with tempfile.TemporaryFile() as file:
        file.write(whole[:-1])
        file.seek(0)
        assert list(read_frames(file)) == [b"one"]
        position = file.tell()
        file.seek(0, os.SEEK_END)
        file.write(whole[-1:])
        file.seek(position)
        assert list(read_frames(file)) == [b"two"]
