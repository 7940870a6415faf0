"""Files that are complete under their name, or not there."""

from __future__ import annotations

import os
import stat
import threading
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from epochline.store import PendingFile, digest_bytes, write_atomic
from epochline.store.atomic import temporary_name
from tests.store.faults import Faults, files_in, kill

NAME = "epoch-0001.weights.h5"


def test_a_file_holds_the_bytes_and_the_result_tells_of_them(tmp_path: Path) -> None:
    """Path, size and digest of the result are those of the file."""
    written = write_atomic(tmp_path / NAME, b"weights", replace=False)
    assert files_in(tmp_path) == {NAME: b"weights"}
    assert written.path == tmp_path / NAME
    assert written.size_bytes == 7
    assert written.digest == digest_bytes(b"weights")
    assert 0 < written.seconds < 60


@settings(deadline=None)  # waits for the disk
@given(pieces=st.lists(st.binary(max_size=2000), max_size=20))
def test_pieces_are_written_in_order(
    tmp_path_factory: pytest.TempPathFactory, pieces: list[bytes]
) -> None:
    """An iterable of buffers gives the file and the digest of their concatenation."""
    path = tmp_path_factory.mktemp("pieces") / NAME
    written = write_atomic(path, iter(pieces), replace=False)
    assert path.read_bytes() == b"".join(pieces)
    assert written.digest == digest_bytes(b"".join(pieces))


@pytest.mark.parametrize(
    "data",
    [
        b"",
        bytearray(b"abc"),
        memoryview(bytes(3 << 20)),
        np.arange(5000, dtype=np.float64).reshape(50, 100),
        np.zeros((0, 3), dtype=np.float32),
    ],
    ids=["empty", "bytearray", "memoryview", "array", "empty array"],
)
def test_any_contiguous_buffer_is_one_piece(tmp_path: Path, data: bytes) -> None:
    """Arrays are buffers, not iterables of rows."""
    assert write_atomic(tmp_path / NAME, data, replace=False).size_bytes == memoryview(data).nbytes
    assert (tmp_path / NAME).read_bytes() == bytes(data)


@pytest.mark.parametrize("data", [np.zeros((4, 4))[:, ::2], "text", 5])
def test_what_is_no_contiguous_buffer_is_refused(tmp_path: Path, data: bytes) -> None:
    """Strided arrays and texts have no bytes to write; nothing is left behind."""
    with pytest.raises(TypeError):
        write_atomic(tmp_path / NAME, data, replace=False)
    assert files_in(tmp_path) == {}


@pytest.mark.parametrize("kind", ["file", "directory", "dangling link"])
def test_without_replace_a_taken_name_stays_as_it_is(tmp_path: Path, kind: str) -> None:
    """Whatever has the name keeps it, and the error is the builtin one with a way out."""
    target = tmp_path / NAME
    if kind == "file":
        target.write_bytes(b"old")
    elif kind == "directory":
        target.mkdir()
    else:
        target.symlink_to(tmp_path / "nowhere")
    before = target.lstat()
    with pytest.raises(FileExistsError, match=r"the name is taken\. Use another name"):
        write_atomic(target, b"new", replace=False)
    assert target.lstat() == before
    assert len(list(tmp_path.iterdir())) == 1


def test_a_name_taken_while_writing_stays_as_it_is(tmp_path: Path) -> None:
    """The name is claimed in one step at the end, not when it was looked at."""

    def pieces() -> Iterator[bytes]:
        yield b"mine"
        (tmp_path / NAME).write_bytes(b"theirs")

    with pytest.raises(FileExistsError):
        write_atomic(tmp_path / NAME, pieces(), replace=False)
    assert files_in(tmp_path) == {NAME: b"theirs"}


def test_of_many_writers_of_one_name_exactly_one_wins(tmp_path: Path) -> None:
    """Sixteen threads claim one name; one gets it, with all of its bytes."""
    won: list[bytes] = []
    start = threading.Barrier(16)

    def write(data: bytes) -> None:
        start.wait()
        try:
            write_atomic(tmp_path / NAME, data, replace=False)
        except FileExistsError:
            return
        won.append(data)

    threads = [
        threading.Thread(target=write, args=(bytes([number]) * 100_000,)) for number in range(16)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(won) == 1
    assert files_in(tmp_path) == {NAME: won[0]}


def test_a_reader_of_the_old_file_keeps_it(tmp_path: Path) -> None:
    """Replacing never changes a file that somebody has open."""
    write_atomic(tmp_path / NAME, b"old", replace=False)
    with (tmp_path / NAME).open("rb") as reader:
        write_atomic(tmp_path / NAME, b"new", replace=True)
        assert reader.read() == b"old"
    assert (tmp_path / NAME).read_bytes() == b"new"


def test_a_link_is_replaced_not_followed(tmp_path: Path) -> None:
    """A link of that name cannot direct the bytes elsewhere."""
    (tmp_path / "elsewhere").write_bytes(b"safe")
    (tmp_path / NAME).symlink_to(tmp_path / "elsewhere")
    write_atomic(tmp_path / NAME, b"new", replace=True)
    assert files_in(tmp_path) == {NAME: b"new", "elsewhere": b"safe"}
    assert not (tmp_path / NAME).is_symlink()


def test_the_mode_follows_the_umask(tmp_path: Path) -> None:
    """Files are as private or shared as everything else that the user makes."""
    old = os.umask(0o027)
    try:
        write_atomic(tmp_path / NAME, b"x", replace=False)
    finally:
        os.umask(old)
    assert stat.S_IMODE((tmp_path / NAME).stat().st_mode) == 0o640


def test_bytes_are_durable_before_the_name_and_the_name_before_the_return(tmp_path: Path) -> None:
    """The order of the protocol: a power loss at any moment finds a name only on synced bytes."""
    with Faults(1000, kill) as free:
        write_atomic(tmp_path / NAME, b"x", replace=False)
    with Faults(1000, kill) as over:
        write_atomic(tmp_path / NAME, b"y", replace=True)
    begin = ["open", "flock", "posix_fallocate", "write", "fsync"]
    end = ["open", "fsync", "close", "flock", "close"]
    assert free.calls == [*begin, "link", "unlink", *end]
    assert over.calls == [*begin, "link", "replace", *end, "unlink"]


def test_new_directories_are_durable_before_the_file(tmp_path: Path) -> None:
    """Each new directory is synced in its parent, or a power loss takes it with all in it."""
    with Faults(1000, kill) as faults:
        write_atomic(tmp_path / "a" / "b" / NAME, b"x", replace=False)
    assert faults.calls[:8] == ["mkdir", "open", "fsync", "close"] * 2


@given(name=st.text(st.characters(blacklist_characters="/\0", codec="utf-8"), min_size=1))
def test_temporary_names_fit_and_keep_the_ending(name: str) -> None:
    """Any name up to 255 bytes gives a temporary name of at most 255 bytes with its suffix."""
    temporary = temporary_name(name[:60] + ".weights.h5")
    assert temporary.startswith(f".tmp-{os.getpid()}-")
    assert temporary.endswith(".weights.h5")
    assert len(os.fsencode(temporary)) <= 255
    assert temporary != temporary_name(name[:60] + ".weights.h5")


@pytest.mark.parametrize("name", ["a" * 244 + ".weights.h5", "é" * 122 + ".weights.h5"])
def test_the_longest_names_can_be_saved(tmp_path: Path, name: str) -> None:
    """A name that the file system takes is not refused because of the temporary one."""
    write_atomic(tmp_path / name, b"x", replace=False)
    assert files_in(tmp_path) == {name: b"x"}


def _write(path: Path, data: bytes, *, publish: bool, then: type[BaseException] | None) -> None:
    with PendingFile(path, replace=False) as pending:
        pending.write(data)
        if publish:
            pending.publish()
        if then is not None:
            raise then


def test_leaving_without_publishing_leaves_nothing(tmp_path: Path) -> None:
    """A pending file that is given up, by will or by an error, is gone."""
    _write(tmp_path / NAME, b"half", publish=False, then=None)
    with pytest.raises(KeyboardInterrupt):
        _write(tmp_path / NAME, b"half", publish=False, then=KeyboardInterrupt)
    assert files_in(tmp_path) == {}


def test_a_published_file_stays_when_what_follows_fails(tmp_path: Path) -> None:
    """An error after `publish` does not take back what was promised."""
    with pytest.raises(KeyboardInterrupt):
        _write(tmp_path / NAME, b"whole", publish=True, then=KeyboardInterrupt)
    assert files_in(tmp_path) == {NAME: b"whole"}


def test_another_size_than_promised_is_not_published(tmp_path: Path) -> None:
    """Space is reserved by the promised size; less would leave zeros at the end."""
    with PendingFile(tmp_path / NAME, replace=False, size_bytes=9) as pending:
        pending.write(b"half")
        with pytest.raises(ValueError, match="4 bytes were written, 9 were promised"):
            pending.publish()
    assert files_in(tmp_path) == {}
