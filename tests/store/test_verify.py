"""What is said of a file that was saved."""

from __future__ import annotations

import io
from pathlib import Path
from unittest import mock

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from epochline.store import FileState, VerifyResult, WrittenFile, verify, write_atomic

DATA = bytes(range(256)) * 20


@pytest.fixture
def saved(tmp_path: Path) -> WrittenFile:
    """A file as it was saved."""
    return write_atomic(tmp_path / "epoch-0001.weights.h5", DATA, replace=False)


def _verify(saved: WrittenFile, **changes: str) -> VerifyResult:
    digest = changes.get("digest", saved.digest)
    return verify(saved.path, size_bytes=saved.size_bytes, digest=digest)


def test_an_untouched_file_is_intact(saved: WrittenFile) -> None:
    """True, with a sentence."""
    result = _verify(saved)
    assert result
    assert result.ok
    assert result.state is FileState.INTACT
    assert result.found_digest == saved.digest
    assert result.message == (
        "epoch-0001.weights.h5 is intact: all 5,120 bytes match the digest of what was saved."
    )


@settings(deadline=None)  # waits for the disk
@given(position=st.integers(0, 8 * len(DATA) - 1))
def test_any_flipped_bit_is_found(tmp_path_factory: pytest.TempPathFactory, position: int) -> None:
    """One bit anywhere makes the file a changed one."""
    path = tmp_path_factory.mktemp("flip") / "file"
    saved = write_atomic(path, DATA, replace=False)
    damaged = bytearray(DATA)
    damaged[position // 8] ^= 1 << position % 8
    path.write_bytes(damaged)
    result = _verify(saved)
    assert not result
    assert result.state is FileState.CHANGED
    assert "has changed since it was saved" in result.message
    assert saved.digest in result.message


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (DATA[:-1], "is truncated: 5,119 of 5,120 bytes are there."),
        (b"", "is truncated: 0 of 5,120 bytes are there."),
        (DATA + b"x", "has changed since it was saved, from 5,120 to 5,121 bytes."),
    ],
)
def test_another_size_is_told_without_reading(
    saved: WrittenFile, data: bytes, message: str
) -> None:
    """Truncated or grown, with the sizes."""
    saved.path.write_bytes(data)
    result = _verify(saved)
    assert not result
    assert result.state is FileState.WRONG_SIZE
    assert result.message == f"epoch-0001.weights.h5 {message}"
    assert result.found_size_bytes == len(data)
    assert result.found_digest is None


def test_a_missing_file_is_missing(saved: WrittenFile, tmp_path: Path) -> None:
    """Deleted, or its directory is gone."""
    saved.path.unlink()
    assert _verify(saved).state is FileState.MISSING
    result = verify(tmp_path / "none" / "file", size_bytes=1, digest=saved.digest)
    assert result.state is FileState.MISSING
    assert result.message == "file is missing: it was deleted or moved after it was saved."


def test_what_is_no_file_is_not_read(saved: WrittenFile, tmp_path: Path) -> None:
    """A directory or a link in its place is told, not followed."""
    (tmp_path / "aside").write_bytes(DATA)
    saved.path.unlink()
    saved.path.symlink_to(tmp_path / "aside")
    assert _verify(saved).state is FileState.NOT_A_FILE
    assert "symbolic link" in _verify(saved).message
    saved.path.unlink()
    saved.path.mkdir()
    assert _verify(saved).state is FileState.NOT_A_FILE


def test_a_file_outside_of_the_run_is_not_read(saved: WrittenFile, tmp_path: Path) -> None:
    """A record that names a file elsewhere, as a hostile one may, gets an answer and no read."""
    result = verify(
        saved.path, size_bytes=saved.size_bytes, digest=saved.digest, beneath=tmp_path / "run"
    )
    assert result.state is FileState.NOT_A_FILE
    assert "does not lie in" in result.message


def test_a_disk_error_is_an_answer(saved: WrittenFile) -> None:
    """A file that cannot be read is neither intact nor called changed."""

    class Broken(io.FileIO):
        def readinto(self, _buffer: object) -> int:
            raise OSError(5, "Input/output error")

    with mock.patch.object(io, "FileIO", Broken):
        result = _verify(saved)
    assert result.state is FileState.UNREADABLE
    assert "input/output error" in result.message


def test_an_unknown_digest_is_not_called_damage(saved: WrittenFile) -> None:
    """A record of a newer version asks for an upgrade, not for another checkpoint."""
    result = _verify(saved, digest="blake9:00")
    assert not result
    assert result.state is FileState.UNKNOWN_DIGEST
    assert "upgrade" in result.message
