"""Write a file so that its name never stands for anything but a complete, durable file.

Protocol, in this order:

1. Create `.tmp-<pid>-<random>-<name>` beside the target (a rename is atomic only within a file
   system; the ending of the name stays last, since Keras looks at it) and take a shared `flock` on
   it: as long as the writer lives, nobody takes the file for a leftover. The lock is shared, so a
   reader such as HDF5 that locks what it opens is not refused.
2. Reserve the space when the size is known: a full disk is found before the first byte.
3. Write in a checked loop, each block digested from memory just before it is written. HDF5 is never
   let near the disk: a failing flush inside of it is swallowed or kills the process.
4. `fsync` the file. Only now are the bytes safe, so only now may the name point at them. A failed
   `fsync` is final: the kernel may have dropped the pages, and a second call would say that all is
   well.
5. Publish: with `replace`, rename over the target, whose old file keeps a temporary hard link, so
   that it can be put back; without, hard-link to the target, which fails when the name is taken
   (rename would overwrite silently), and unlink the temporary name.
6. `fsync` the directory: the name survives a power loss. Then the old file goes.

Whoever records the file (an event, a listing) does it after step 6.

Invariant: a writer that is killed leaves the old file, or the new one, and perhaps a temporary file
that `leftovers.py` finds. A writer that gets an error raises it, leaves no temporary file, and the
name is what it was: free, or the old file's. (Where there are no hard links, an error in step 6
leaves the new file, complete.)

This module knows bytes, not what they mean.
"""

from __future__ import annotations

import errno
import os
import time
from collections.abc import Callable, Iterable
from contextlib import AbstractContextManager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Self

from epochline.store.digest import Digester
from epochline.store.files import (
    BLOCK_BYTES,
    CREATE_FLAGS,
    explained,
    human_bytes,
    local_path,
    make_directories,
    sync_directory,
    write_all,
)
from epochline.store.flock import Flock, try_flock, unlock

if TYPE_CHECKING:
    from types import TracebackType

    from typing_extensions import Buffer

__all__ = ["NO_HARD_LINKS", "PendingFile", "WrittenFile", "temporary_name", "write_atomic"]

# Leaves room for the prefix within the 255 bytes that file systems allow.
_NAME_TAIL_BYTES = 180
_NO_RESERVATION = frozenset({errno.EOPNOTSUPP, errno.EINVAL, errno.ENOSYS})
# What file systems without hard links answer (FAT and SMB EPERM, FUSE ENOSYS, Android EACCES).
NO_HARD_LINKS = frozenset(
    {errno.EPERM, errno.EACCES, errno.EOPNOTSUPP, errno.ENOTSUP, errno.ENOSYS, errno.EMLINK}
)


@dataclass(frozen=True, slots=True, kw_only=True)
class WrittenFile:
    """A file that is complete and durable.

    Attributes:
        path: Where it is.
        size_bytes: Its size.
        digest: Digest of the bytes as they were in memory.
        seconds: Time from creating the temporary file to the durable name.
    """

    path: Path
    size_bytes: int
    digest: str
    seconds: float


def write_atomic(
    path: str | os.PathLike[str], data: Buffer | Iterable[Buffer], *, replace: bool
) -> WrittenFile:
    """Write a file by the protocol above; missing parent directories are created.

    Args:
        path: Target; a URL is refused. A symbolic link of that name is replaced, not followed.
        data: One C-contiguous buffer of bytes, or several to be written one after the other. They
            must not change meanwhile.
        replace: True replaces an existing file; False fails when the name is taken, by whatever.

    Raises:
        FileExistsError: The name is taken and `replace` is false.
        OSError: The file could not be written; the message says why and what to do.
    """
    buffers: Iterable[Buffer]
    size: int | None
    try:
        # Before Python 3.12, trying is the only way to know a buffer.
        view = memoryview(data)  # type: ignore[arg-type]
    except TypeError:
        buffers, size = data, None  # type: ignore[assignment]
    else:
        buffers, size = (view,), view.nbytes
    with PendingFile(path, replace=replace, size_bytes=size) as pending:
        for buffer in buffers:
            pending.write(buffer)
        return pending.publish()


class PendingFile:
    """A file being written under a temporary name.

    A context manager: leaving it without `publish` removes what was written.

    Args:
        path: Target.
        replace: As for `write_atomic`.
        size_bytes: Final size where it is known, to reserve the space.

    Attributes:
        path: Target.
        size_bytes: Number of bytes written so far.
        parts: Further files that belong to it: none. `PendingParts` has some.
        reuse: Tells whether a part is there already; None where there are no parts.
    """

    parts: tuple[()] = ()
    reuse: None = None

    def __init__(
        self, path: str | os.PathLike[str], *, replace: bool, size_bytes: int | None = None
    ) -> None:
        self.path = local_path(path)
        self.size_bytes = 0
        self._replace = replace
        self._promised_bytes = size_bytes
        self._digester = Digester()
        self._started = time.perf_counter()
        self._claimed = False
        self._old: Path | None = None
        self._published = False
        self._closed = False
        with self._explained():
            make_directories(self.path.parent)
            if not replace and os.path.lexists(self.path):  # tell it before gigabytes are written
                raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), str(self.path))
            self._temporary, self._descriptor = _create_temporary(self.path, self._create)
        try:
            self._reserve()
        except BaseException as error:
            self._abandon(error)
            raise

    @property
    def digest(self) -> str:
        """Digest of the bytes written so far."""
        return self._digester.digest()

    def write(self, data: Buffer) -> None:
        """Append bytes."""
        view = memoryview(data)
        if not view.nbytes:  # an array with a zero in its shape cannot be cast
            return
        view = view.cast("B")
        with self._explained():
            for start in range(0, len(view), BLOCK_BYTES):
                block = view[start : start + BLOCK_BYTES]
                self._digester.update(block)
                self._write_block(block)
                self.size_bytes += len(block)

    def sync(self) -> None:
        """Make what was written so far survive a power loss, under the temporary name."""
        with self._explained():
            os.fsync(self._descriptor)

    def publish(self, name: str | None = None) -> WrittenFile:
        """Make the file durable and give it its name.

        Args:
            name: Another name in the same directory, for who learns only while writing what it is
                that is written.
        """
        if name is not None:
            self.path = self.path.with_name(name)
        if self._promised_bytes not in (None, self.size_bytes):
            message = f"{self.size_bytes} bytes were written, {self._promised_bytes} were promised"
            raise ValueError(message)
        with self._explained():
            os.fsync(self._descriptor)
            if os.name == "nt":  # an open file cannot be renamed there
                self._close()
            if self._replace:
                self._take_name()
            else:
                self._claim_name()
            sync_directory(self.path.parent)
            self._close()
        self._published = True
        if self._old is not None:
            with suppress(OSError):  # the new file is safe; the next start removes what is left
                self._old.unlink()
        return WrittenFile(
            path=self.path,
            size_bytes=self.size_bytes,
            digest=self.digest,
            seconds=time.perf_counter() - self._started,
        )

    def __enter__(self) -> Self:
        """Return itself."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Remove what was written unless it was published."""
        if not self._published:
            self._abandon(error)

    def _explained(self) -> AbstractContextManager[None]:
        if self._promised_bytes is None:
            size = f"{human_bytes(self.size_bytes)} written"
        else:
            size = f"{human_bytes(self._promised_bytes)} needed"
        return explained("save this file", self.path, size=size)

    def _create(self, temporary: Path) -> int:
        """Make the temporary file and return its descriptor."""
        return os.open(temporary, CREATE_FLAGS, 0o666)

    def _write_block(self, block: memoryview) -> None:
        write_all(self._descriptor, block)

    def _reserve(self) -> None:
        if not self._promised_bytes or not hasattr(os, "posix_fallocate"):
            return
        try:
            with self._explained():
                os.posix_fallocate(self._descriptor, 0, self._promised_bytes)
        except OSError as error:
            if error.errno not in _NO_RESERVATION:
                raise

    def _take_name(self) -> None:
        """Give the file its name; who had it before can be put back."""
        old = self.path.with_name(temporary_name(self.path.name))
        try:
            os.link(self.path, old, follow_symlinks=False)
        except FileNotFoundError:  # nobody had it
            pass
        except OSError as error:
            if error.errno not in NO_HARD_LINKS:
                raise
        else:
            self._old = old
        self._temporary.replace(self.path)

    def _claim_name(self) -> None:
        """Give the file its name only if the name is free, as one step."""
        if os.name == "nt":
            self._temporary.rename(self.path)  # refuses a taken name there
            self._claimed = True
            return
        try:
            self.path.hardlink_to(self._temporary)
        except OSError as error:
            if error.errno not in NO_HARD_LINKS:
                raise
            # The name is claimed with an empty file first. A kill between the two steps leaves that
            # empty file, which nobody can take for a checkpoint; a second writer is refused at any
            # moment.
            placeholder = os.open(self.path, CREATE_FLAGS, 0o666)
            self._claimed = True
            os.close(placeholder)
            self._temporary.replace(self.path)
        else:
            self._claimed = True
            self._temporary.unlink()

    def _close(self) -> None:
        if self._closed:
            return
        self._closed = True
        try:
            unlock(self._descriptor)
        finally:
            os.close(self._descriptor)

    def _withdraw(self) -> None:
        self._temporary.unlink(missing_ok=True)
        if self._claimed:
            self.path.unlink(missing_ok=True)
        if self._old is not None:
            self._old.replace(self.path)
            self._old.unlink(missing_ok=True)  # still there when both names are of the old file

    def _abandon(self, error: BaseException | None) -> None:
        for step in (self._close, self._withdraw):
            try:
                step()
            except OSError as failure:
                if error is None:
                    raise
                # The first error is the one to act on; it must not be hidden by a second.
                error.add_note(f"Cleaning up {str(self._temporary)!r} failed as well: {failure}")


def temporary_name(name: str) -> str:
    """Return a new name for the unfinished file; its ending is that of `name`."""
    tail = os.fsencode(name)[-_NAME_TAIL_BYTES:].decode("utf-8", "ignore")
    return f".tmp-{os.getpid()}-{os.urandom(8).hex()}-{tail}"


def _create_temporary(target: Path, create: Callable[[Path], int]) -> tuple[Path, int]:
    while True:
        temporary = target.with_name(temporary_name(target.name))
        descriptor = create(temporary)
        try:
            if try_flock(descriptor, exclusive=False) is not Flock.BUSY:
                temporary.lstat()
                return temporary, descriptor
        except FileNotFoundError:
            # Before it was locked it looked abandoned; somebody who tidies up has taken it.
            pass
        except BaseException:
            os.close(descriptor)
            temporary.unlink(missing_ok=True)
            raise
        os.close(descriptor)
