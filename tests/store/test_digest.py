"""Digests of bytes and files."""

from __future__ import annotations

import io
import os
import tracemalloc
from pathlib import Path
from unittest import mock

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from epochline.store import digest_bytes, digest_file
from epochline.store.digest import Digester, check_known


def test_the_text_form_is_the_algorithm_and_32_hex_digits() -> None:
    """The form is on disk for ever; the empty value is XXH3's published one."""
    assert digest_bytes(b"") == "xxh3-128:99aa06d3014798d86001c324468d497f"


@given(st.lists(st.binary(max_size=300)))
def test_pieces_have_the_digest_of_the_whole(pieces: list[bytes]) -> None:
    """However bytes are cut, their digest is the same."""
    digester = Digester()
    for piece in pieces:
        digester.update(piece)
    assert digester.digest() == digest_bytes(b"".join(pieces))


def test_arrays_have_the_digest_of_their_bytes() -> None:
    """Anything with a buffer can be digested."""
    array = np.arange(12, dtype=np.float32).reshape(3, 4)
    assert digest_bytes(array.data) == digest_bytes(array.tobytes())


@pytest.mark.parametrize("size", [0, 1, 1 << 20, (1 << 20) + 1, 5_000_000])
def test_a_file_has_the_digest_of_its_bytes(tmp_path: Path, size: int) -> None:
    """At and around the block size, digest and size are those of the whole."""
    data = np.random.default_rng(size).bytes(size)
    (tmp_path / "file").write_bytes(data)
    found = digest_file(tmp_path / "file")
    assert found.digest == digest_bytes(data)
    assert found.size_bytes == size


def test_progress_ends_at_the_size(tmp_path: Path) -> None:
    """The callable gets a rising number of bytes that ends at the size of the file."""
    (tmp_path / "file").write_bytes(bytes(3_000_000))
    seen: list[int] = []
    digest_file(tmp_path / "file", progress=seen.append)
    assert seen == sorted(set(seen))
    assert len(seen) > 1
    assert seen[-1] == 3_000_000


def test_a_large_file_is_read_in_little_memory(tmp_path: Path) -> None:
    """64 MB are digested with less than 3 MB of memory."""
    with (tmp_path / "file").open("wb") as file:
        file.truncate(64 << 20)
    tracemalloc.start()
    digest_file(tmp_path / "file")
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 3 << 20


def test_a_disk_that_cannot_be_read_is_told_by_name(tmp_path: Path) -> None:
    """An error in the middle of a file names the file and what to do."""
    (tmp_path / "file").write_bytes(b"x")

    class Broken(io.FileIO):
        def readinto(self, _buffer: object) -> int:
            raise OSError(5, "Input/output error")

    with mock.patch.object(io, "FileIO", Broken), pytest.raises(OSError, match="Cannot read") as e:
        digest_file(tmp_path / "file")
    assert e.value.filename == str(tmp_path / "file")


def test_no_descriptor_stays_open(tmp_path: Path) -> None:
    """Reading, also of what is no file, leaves no descriptor behind."""
    (tmp_path / "file").write_bytes(b"x")
    lowest = os.dup(0)
    os.close(lowest)
    digest_file(tmp_path / "file")
    with pytest.raises(IsADirectoryError):
        digest_file(tmp_path)
    again = os.dup(0)
    os.close(again)
    assert again == lowest


@pytest.mark.parametrize(
    "digest", ["", "sha256:" + "0" * 64, "xxh3-128:xyz", "xxh3-128:" + "A" * 32]
)
def test_a_digest_of_another_form_is_refused(digest: str) -> None:
    """What cannot be compared is said, with what was recorded and what to do."""
    with pytest.raises(ValueError, match="upgrade"):
        check_known(digest)
