"""What may be opened, and errors in words."""

from __future__ import annotations

import errno
import os
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from epochline.store.files import explained, human_bytes, local_path, make_directories, open_regular
from tests.store.faults import Faults


def _read(path: Path, beneath: Path | None = None) -> bytes:
    with os.fdopen(open_regular(path, beneath=beneath), "rb") as file:
        return file.read()


@pytest.fixture
def outside(tmp_path: Path) -> Path:
    """A directory with a file that must not be reached, beside the run."""
    (tmp_path / "outside").mkdir()
    (tmp_path / "outside" / "secret").write_bytes(b"secret")
    (tmp_path / "run" / "below").mkdir(parents=True)
    (tmp_path / "run" / "below" / "file").write_bytes(b"ours")
    return tmp_path / "outside"


def test_links_directories_and_fifos_are_refused(tmp_path: Path, outside: Path) -> None:
    """Only plain files are read, and nothing waits for somebody to write to a fifo."""
    (tmp_path / "link").symlink_to(outside / "secret")
    (tmp_path / "loop").symlink_to(tmp_path / "loop")
    os.mkfifo(tmp_path / "fifo")
    for name, number in [
        ("link", errno.ELOOP),
        ("loop", errno.ELOOP),
        ("fifo", errno.EINVAL),
        ("run", errno.EISDIR),
        ("none", errno.ENOENT),
    ]:
        with pytest.raises(OSError, match="Cannot read this file") as raised:
            open_regular(tmp_path / name)
        assert raised.value.errno == number
        assert raised.value.filename == str(tmp_path / name)


def test_beneath_reaches_files_in_the_directory(tmp_path: Path, outside: Path) -> None:
    """A file below is read, also when the directory itself is reached through a link."""
    (tmp_path / "alias").symlink_to(outside.parent / "run")
    assert _read(tmp_path / "run" / "below" / "file", tmp_path / "run") == b"ours"
    assert _read(tmp_path / "alias" / "below" / "file", tmp_path / "alias") == b"ours"


@pytest.mark.parametrize(
    ("path", "number"),
    [
        ("outside/secret", errno.EINVAL),
        ("run/../outside/secret", errno.EINVAL),
        ("run", errno.EINVAL),
        ("run/link", errno.ELOOP),
        ("run/linked/secret", errno.ELOOP),
        ("run/below/file/deeper", errno.ENOTDIR),
    ],
)
def test_beneath_cannot_be_left(tmp_path: Path, outside: Path, path: str, number: int) -> None:
    """Neither names nor links lead out of the directory."""
    (tmp_path / "run" / "link").symlink_to(outside / "secret")
    (tmp_path / "run" / "linked").symlink_to(outside)
    with pytest.raises(OSError, match="Cannot read this file") as raised:
        open_regular(tmp_path / path, beneath=tmp_path / "run")
    assert raised.value.errno == number


@pytest.mark.parametrize(("at", "found"), [(0, None), (1, None), (2, b"ours"), (3, b"ours")])
def test_a_directory_swapped_for_a_link_meanwhile_leads_nowhere(
    tmp_path: Path, outside: Path, at: int, found: bytes | None
) -> None:
    """Swapped before each step on the way to the file: refused or ours, never the secret."""
    (outside / "file").write_bytes(b"secret")
    below = tmp_path / "run" / "below"

    def swap(_operation: str, real: partial[Any]) -> Any:
        below.rename(tmp_path / "run" / "aside")
        below.symlink_to(outside)
        return real()

    with Faults(at, swap) as faults:
        if found is None:
            with pytest.raises(OSError, match="symbolic link"):
                open_regular(below / "file", beneath=tmp_path / "run")
        else:
            assert _read(below / "file", tmp_path / "run") == found
    assert faults.reached


@pytest.mark.parametrize("url", ["gs://bucket/a.weights.h5", "gs:/bucket/a", "s3://b/a", "file:/x"])
def test_urls_are_refused(url: str) -> None:
    """A URL would silently become a local directory named after its scheme."""
    with pytest.raises(ValueError, match="is a URL"):
        local_path(url)


@pytest.mark.parametrize("path", ["a.h5", "/a/b.h5", "C:/a.h5", "a:b.h5", "ü/ö.h5"])
def test_paths_are_paths(path: str) -> None:
    """Local paths pass as they are."""
    assert local_path(path) == Path(path)


def test_missing_directories_are_made_and_existing_ones_kept(tmp_path: Path) -> None:
    """Like `mkdir -p`; a file in the way is an error."""
    make_directories(tmp_path / "a" / "b")
    make_directories(tmp_path / "a" / "b")
    assert (tmp_path / "a" / "b").is_dir()
    (tmp_path / "file").touch()
    with pytest.raises(NotADirectoryError):
        make_directories(tmp_path / "file" / "c")


@pytest.mark.parametrize(
    "number", [errno.EIO, errno.EDQUOT, errno.EACCES, errno.EPERM, errno.EROFS, errno.ESTALE]
)
def test_an_explained_error_keeps_number_class_and_path(number: int) -> None:
    """Whoever catches the builtin class still does, and the message has three parts."""
    plain = OSError(number, os.strerror(number))
    with (
        pytest.raises(type(plain), match=r"Cannot save this file: .+\. .+") as raised,
        explained("save this file", Path("/x/y")),
    ):
        raise plain
    assert raised.value.errno == number
    assert raised.value.filename == "/x/y"
    assert raised.value.__cause__ is plain


def test_the_space_of_a_full_disk_is_told_for_directories_that_do_not_exist_yet(
    tmp_path: Path,
) -> None:
    """The free space is that of the nearest directory that exists."""
    with (
        pytest.raises(OSError, match=r"3\.0 MB needed, [\d.]+ \w+ free"),
        explained("save this file", tmp_path / "a" / "b" / "c", size="3.0 MB needed"),
    ):
        raise OSError(errno.ENOSPC, "full")


@pytest.mark.parametrize(
    ("size", "text"),
    [
        (0, "0 bytes"),
        (999, "999 bytes"),
        (1000, "1.0 kB"),
        (1_250_000, "1.2 MB"),
        (5 * 10**9, "5.0 GB"),
        (7 * 10**15, "7000.0 TB"),
    ],
)
def test_sizes_for_people(size: int, text: str) -> None:
    """Decimal units, as disks are sold."""
    assert human_bytes(size) == text
