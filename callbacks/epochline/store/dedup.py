"""Store bytes once that several files have in common, as far as the file system can.

Two ways, and a probe that finds out which there is:

- A *clone* (reflink, `FICLONE` of ioctl_ficlone(2); XFS, btrfs, bcachefs) shares all blocks with
  the file that it was made of, until they are written to. A new file begins as a clone of an older
  one, and only the blocks that differ are written.
- A *hard link* is another name for the same file, so it serves where all the bytes are equal.

Either way each file is whole by itself: deleting or replacing one changes nothing of the others.

Invariant: a file of this module holds the bytes that it was given. A clone is compared with them,
block by block; a link is made only to a file whose digest was checked, and which was not written to
since.
"""

from __future__ import annotations

import enum
import errno
import os
import sys
from collections.abc import Iterable
from typing import TYPE_CHECKING

from epochline.store.atomic import PendingFile, temporary_name
from epochline.store.files import (
    CREATE_FLAGS,
    UPDATE_FLAGS,
    make_directories,
    open_regular,
)
from epochline.store.flock import Flock, try_flock
from epochline.store.verify import verify

if sys.platform == "linux":
    import fcntl

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["ClonedFile", "Dedup", "LinkedFile", "Originals", "probe_dedup"]

_CLONE = 0x40049409  # FICLONE of linux/fs.h
_STEP_BYTES = 1 << 16
_PROBE_BYTES = 4096  # file systems keep less than a block in the inode, and clone that otherwise


class Dedup(enum.Enum):
    """How files can have bytes in common."""

    CLONES = "clones"
    HARD_LINKS = "hard_links"
    NONE = "none"


def probe_dedup(directory: Path) -> Dedup:
    """Find out, by trying, how files in `directory` can share bytes; it is made if need be.

    Raises:
        OSError: Nothing can be written there.
    """
    make_directories(directory)
    original, copy = (directory / temporary_name("probe") for _ in range(2))
    try:
        descriptor = os.open(original, CREATE_FLAGS, 0o666)
        try:
            os.write(descriptor, bytes(_PROBE_BYTES))
            if _can_clone(descriptor, copy):
                return Dedup.CLONES
        finally:
            os.close(descriptor)
        copy.unlink(missing_ok=True)
        try:
            copy.hardlink_to(original)
        except OSError:
            return Dedup.NONE
        return Dedup.HARD_LINKS
    finally:
        copy.unlink(missing_ok=True)
        original.unlink(missing_ok=True)


def _can_clone(descriptor: int, target: Path) -> bool:
    clone = os.open(target, CREATE_FLAGS, 0o666)
    try:
        _clone(descriptor, clone)
    except OSError:
        return False
    finally:
        os.close(clone)
    return True


def _clone(source: int, target: int) -> None:
    if sys.platform != "linux":
        raise OSError(errno.EOPNOTSUPP, os.strerror(errno.EOPNOTSUPP))
    fcntl.ioctl(target, _CLONE, source)


class ClonedFile(PendingFile):
    """A file being written that shares with an older one all blocks that are the same.

    Args:
        path: Target.
        original: The older file; it must have the same size.
        replace: As for `write_atomic`.
        size_bytes: Final size.

    Raises:
        OSError: The original cannot be cloned, or has another size.
    """

    def __init__(
        self, path: str | os.PathLike[str], original: Path, *, replace: bool, size_bytes: int
    ) -> None:
        self._original = original
        super().__init__(path, replace=replace, size_bytes=size_bytes)

    def _create(self, temporary: Path) -> int:
        descriptor = super()._create(temporary)
        try:
            self._fill(descriptor)
        except BaseException:
            os.close(descriptor)
            temporary.unlink(missing_ok=True)
            raise
        return descriptor

    def _fill(self, descriptor: int) -> None:
        source = open_regular(self._original)
        try:
            if os.fstat(source).st_size != self._promised_bytes:
                raise OSError(errno.EINVAL, "the older file has another size")
            _clone(source, descriptor)
        finally:
            os.close(source)

    def _reserve(self) -> None:
        """Reserve nothing: most of it is there already."""

    def _write_block(self, block: memoryview) -> None:
        end = self.size_bytes + len(block)
        before = os.pread(self._descriptor, len(block), self.size_bytes)
        after = block.tobytes()
        if before == after:
            return
        start = self.size_bytes
        while start < end:
            stop = min(end, start - start % _STEP_BYTES + _STEP_BYTES)
            piece = slice(start - self.size_bytes, stop - self.size_bytes)
            if before[piece] != after[piece]:
                self._overwrite(block[piece], start)
            start = stop

    def _overwrite(self, piece: memoryview, offset: int) -> None:
        while piece:
            written = os.pwrite(self._descriptor, piece, offset)
            if written == 0:
                raise OSError(errno.EIO, os.strerror(errno.EIO))
            piece = piece[written:]
            offset += written


class LinkedFile(PendingFile):
    """A file that will be another name of one that is there; nothing is written.

    Args:
        path: Target, which must be free.
        original: The file that is there.
        size_bytes: Its size.
        digest: Its digest.

    Raises:
        OSError: It cannot be linked, or somebody has locked it to write to it.
    """

    def __init__(
        self, path: str | os.PathLike[str], original: Path, *, size_bytes: int, digest: str
    ) -> None:
        self._original = original
        self._digest = digest
        super().__init__(path, replace=False)
        self.size_bytes = size_bytes

    @property
    def digest(self) -> str:
        """Digest of the file."""
        return self._digest

    def _create(self, temporary: Path) -> int:
        os.link(self._original, temporary, follow_symlinks=False)
        try:
            return _locked(temporary)
        except BaseException:
            temporary.unlink(missing_ok=True)
            raise


def _locked(path: Path) -> int:
    """Open a file and lock it together with others who do."""
    descriptor = os.open(path, UPDATE_FLAGS)
    try:
        locked = try_flock(descriptor, exclusive=False)
    except BaseException:
        os.close(descriptor)
        raise
    if locked is Flock.BUSY:
        os.close(descriptor)
        raise BlockingIOError(errno.EAGAIN, os.strerror(errno.EAGAIN))
    return descriptor


_Identity = tuple[int, int, int, int]


class Originals:
    """Files that a new name may be given to instead of writing their bytes again.

    A file is read once, to check its digest. After that it is known by its inode, size and time of
    last change: who writes to it changes that time.
    """

    def __init__(self) -> None:
        self._checked: dict[_Identity, str] = {}

    def find(self, candidates: Iterable[Path], *, size_bytes: int, digest: str) -> Path | None:
        """Return the first of some files that has these bytes, None when none has.

        Args:
            candidates: The files.
            size_bytes: The size that is wanted.
            digest: The digest that is wanted.
        """
        for path in candidates:
            identity = _identity(path, size_bytes)
            if identity is None:
                continue
            if identity not in self._checked and verify(path, size_bytes=size_bytes, digest=digest):
                self._checked[identity] = digest
            if self._checked.get(identity) == digest and identity == _identity(path, size_bytes):
                return path
        return None

    def add(self, path: Path, *, size_bytes: int, digest: str) -> None:
        """Take note of a file that was just written."""
        identity = _identity(path, size_bytes)
        if identity is not None:
            self._checked[identity] = digest


def _identity(path: Path, size_bytes: int) -> _Identity | None:
    """Return what tells a file from any other; None when it has another size, or is gone."""
    try:
        found = path.lstat()
    except OSError:
        return None
    if found.st_size != size_bytes:
        return None
    return found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns
