"""The file operations that platforms do differently, and their errors in words.

Everything that depends on POSIX, Linux or Windows is here or in `flock.py`; the other modules of
the store read the same everywhere. It knows nothing of checkpoints.

Invariant: what `open_regular` opens is a regular file reached by no symbolic link in its last
component, and, with `beneath`, by none at all below that directory. The check is made on the open
descriptor, so nothing can be swapped between the check and the use. Python already opens every
descriptor close-on-exec (PEP 446).
"""

from __future__ import annotations

import errno
import os
import re
import shutil
import stat
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

    from typing_extensions import Buffer

__all__ = [
    "BLOCK_BYTES",
    "CREATE_FLAGS",
    "NOT_A_FILE",
    "READ_FLAGS",
    "UPDATE_FLAGS",
    "explained",
    "human_bytes",
    "local_path",
    "make_directories",
    "open_regular",
    "sync_directory",
    "write_all",
]

# Hashing a block brings it into the cache for the write that follows: larger blocks lose that,
# smaller ones cost calls.
BLOCK_BYTES = 1 << 20

_NO_FOLLOW: int = getattr(os, "O_NOFOLLOW", 0)
_BINARY: int = getattr(os, "O_BINARY", 0)  # Windows translates line ends without it
_DIRECTORY: int = getattr(os, "O_DIRECTORY", 0)
# A fifo with no writer would block the open for ever; regular files ignore the flag.
_NON_BLOCKING: int = getattr(os, "O_NONBLOCK", 0)
_RELATIVE_OPEN = os.open in os.supports_dir_fd
READ_FLAGS = os.O_RDONLY | _NO_FOLLOW | _NON_BLOCKING | _BINARY
UPDATE_FLAGS = os.O_RDWR | _NO_FOLLOW | _NON_BLOCKING | _BINARY
CREATE_FLAGS = UPDATE_FLAGS | os.O_CREAT | os.O_EXCL

# How `open_regular` says that there is something else than a plain file.
NOT_A_FILE = frozenset({errno.ELOOP, errno.EISDIR, errno.EINVAL})

_UNIT = 1000

# Two letters at least, or "C:/" on Windows would be a scheme. pathlib folds "gs://b" to "gs:/b".
_URL = re.compile(r"[A-Za-z][A-Za-z0-9+.-]+:/")

_CAUSES: dict[int, tuple[str, str]] = {
    errno.ENOSPC: (
        "the disk is full",
        "Free some space, keep fewer checkpoints or use another disk",
    ),
    errno.EDQUOT: (
        "your quota on this disk is used up",
        "Free some space, keep fewer checkpoints or use another disk",
    ),
    errno.EFBIG: (
        "the file would be larger than the file system or a limit of this process allows",
        "See `ulimit -f`, or use another disk",
    ),
    errno.EROFS: ("the file system is read-only", "Use a directory that can be written"),
    errno.EACCES: (
        "permission is denied",
        "Check the owner and mode of the file and its directory",
    ),
    errno.EPERM: (
        "the operation is not permitted",
        "Check the owner and attributes of the file and its directory",
    ),
    errno.EIO: (
        "the disk reports an input/output error",
        "Check the disk and the system log before trusting it with more data",
    ),
    errno.ENOENT: (
        "the file or its directory is not there (any more)",
        "See what removed it, and try again",
    ),
    errno.ELOOP: (
        "it is, or leads through, a symbolic link",
        "Links are not followed here; see who made it",
    ),
    errno.ENOTDIR: ("a part of the path is a file, not a directory", "Use another directory"),
    errno.EISDIR: ("the name belongs to a directory", "Use another name"),
    errno.EEXIST: ("the name is taken", "Use another name, or ask for the file to be replaced"),
    errno.ENAMETOOLONG: ("the name is too long", "Use a shorter name"),
}


def local_path(path: str | os.PathLike[str]) -> Path:
    """Return `path` as a `Path`, refusing URLs.

    Raises:
        ValueError: `path` is a URL; taken as a path it would silently become a local directory
            named "gs:".
    """
    text = os.fspath(path)
    if _URL.match(text):
        raise ValueError(
            f"{text!r} is a URL: checkpoints are written to local directories only. Give a path."
        )
    return Path(text)


def open_regular(path: Path, *, beneath: Path | None = None) -> int:
    """Open a regular file for reading, never through a symbolic link.

    Args:
        path: The file.
        beneath: A directory that `path` must lie in. Every step from there on is then opened
            relative to the one before, so a directory that is swapped for a link meanwhile leads
            nowhere. Links above it are followed.

    Returns:
        A file descriptor; the caller closes it.

    Raises:
        OSError: The file cannot be opened, is a link, a directory, a fifo, …, or does not lie in
            `beneath`; number and builtin subclass tell which.
    """
    with explained("read this file", path):
        descriptor = _open_no_follow(path) if beneath is None else _open_beneath(beneath, path)
        mode = os.fstat(descriptor).st_mode
        if stat.S_ISREG(mode):
            return descriptor
        os.close(descriptor)
        if stat.S_ISDIR(mode):
            raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR))
        raise OSError(errno.EINVAL, "it is no plain file but a fifo, socket or device")


def _open_no_follow(path: Path) -> int:
    if not _NO_FOLLOW and path.is_symlink():
        raise OSError(errno.ELOOP, os.strerror(errno.ELOOP))
    return os.open(path, READ_FLAGS)


def _open_beneath(root: Path, path: Path) -> int:
    parts = path.relative_to(root).parts if path.is_relative_to(root) else ()
    if not parts or ".." in parts:
        raise OSError(errno.EINVAL, f"it does not lie in {str(root)!r}")
    if not _RELATIVE_OPEN:  # Windows, where making a link takes a privilege
        if root.resolve() not in path.resolve().parents:
            raise OSError(errno.ELOOP, os.strerror(errno.ELOOP))
        return _open_no_follow(path)
    directory = os.open(root, os.O_RDONLY | _DIRECTORY)
    try:
        for part in parts[:-1]:
            inner = _open_step(part, directory)
            os.close(directory)
            directory = inner
        return os.open(parts[-1], READ_FLAGS, dir_fd=directory)
    finally:
        os.close(directory)


def _open_step(name: str, directory: int) -> int:
    try:
        return os.open(name, os.O_RDONLY | _DIRECTORY | _NO_FOLLOW, dir_fd=directory)
    except NotADirectoryError:
        # Linux says "not a directory" for a link, too.
        if stat.S_ISLNK(os.stat(name, dir_fd=directory, follow_symlinks=False).st_mode):
            raise OSError(errno.ELOOP, os.strerror(errno.ELOOP)) from None
        raise


def make_directories(directory: Path) -> None:
    """Create a directory and its missing parents; each new name is made durable."""
    missing: list[Path] = []
    while not directory.exists():
        missing.append(directory)
        directory = directory.parent
    for new in reversed(missing):
        try:
            new.mkdir()
        except FileExistsError:
            if not new.is_dir():
                raise
        sync_directory(new.parent)


def write_all(descriptor: int, data: Buffer) -> None:
    """Write all of `data`, however many calls that takes.

    Raises:
        OSError: It could not be written; also when the system writes nothing and says no more.
    """
    rest = memoryview(data)
    while rest:
        written = os.write(descriptor, rest)
        if written == 0:
            raise OSError(errno.EIO, os.strerror(errno.EIO))
        rest = rest[written:]


def sync_directory(directory: Path) -> None:
    """Make the names in `directory` survive a power loss.

    Windows cannot open a directory, and a few network and FUSE file systems answer EINVAL; there
    the file system alone decides when a name is durable, and there is nothing that a program can do
    about it.
    """
    if os.name == "nt":
        return
    descriptor = os.open(directory, os.O_RDONLY | _DIRECTORY)
    try:
        os.fsync(descriptor)
    except OSError as error:
        if error.errno != errno.EINVAL:
            raise
    finally:
        os.close(descriptor)


@contextmanager
def explained(action: str, path: Path, *, size: str = "") -> Iterator[None]:
    """Turn an `OSError` into one that says what could not be done, why, and what to do.

    Number, builtin subclass (`FileExistsError`, `PermissionError`, …) and `filename` stay what they
    would be.

    Args:
        action: What is being done, as in "Cannot <action>".
        path: The file that the user knows of (not a temporary one).
        size: What to tell beside the free space when the disk is full, as in "5.2 MB needed".
    """
    try:
        yield
    except OSError as error:
        number = error.errno or errno.EIO
        said = error.strerror or os.strerror(number)
        cause, advice = _CAUSES.get(number, (said, "Check the path and the disk"))
        if number == errno.ENOSPC:
            free = shutil.disk_usage(_nearest_directory(path)).free
            cause += f" ({size}{', ' if size else ''}{human_bytes(free)} free)"
        raise OSError(number, f"Cannot {action}: {cause}. {advice}", str(path)) from error


def _nearest_directory(path: Path) -> Path:
    directory = path.parent
    while not directory.is_dir() and directory != directory.parent:
        directory = directory.parent
    return directory


def human_bytes(size: int) -> str:
    """Return a size for people, in decimal units as disks are sold, like "1.2 MB"."""
    if size < _UNIT:
        return f"{size} bytes"
    value = size / _UNIT
    for unit in ("kB", "MB", "GB"):
        if value < _UNIT:
            return f"{value:.1f} {unit}"
        value /= _UNIT
    return f"{value:.1f} TB"
