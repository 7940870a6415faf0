"""One living writer per run directory.

A lock file is locked with `flock` for as long as the writer lives; the kernel frees the lock when
it dies, also by `kill -9`. The file stays (removing it would let two writers lock two files of one
name); what is in it, who holds the lock, is only for the message to the next one.

Where the platform or the file system has no such lock, training goes on without (`enforced` is
False): two trainings in one directory are a mistake to be told about, and correctness does not rest
on it, since names are claimed one by one (`atomic.py`).

Invariant: a reader that asks `is_locked` creates nothing, and never makes a writer fail.
"""

from __future__ import annotations

import datetime as dt
import json
import os
import socket
import time
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Self

from epochline.errors import RunBusyError
from epochline.store.files import READ_FLAGS, UPDATE_FLAGS, explained, make_directories
from epochline.store.flock import Flock, try_flock, unlock

if TYPE_CHECKING:
    from pathlib import Path
    from types import TracebackType

__all__ = ["RunLock", "is_locked"]

# A reader holds its shared lock for microseconds when it asks; a writer that meets it tries again.
_ATTEMPTS = 50
_PAUSE_SECONDS = 0.02
_OWNER_MAX_BYTES = 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class _Owner:
    pid: int
    host: str
    started: float

    def __str__(self) -> str:
        since = dt.datetime.fromtimestamp(self.started).astimezone()
        return f"process {self.pid} on {self.host}, since {since:%Y-%m-%d %H:%M:%S}"


class RunLock:
    """The right to write to a run; a context manager.

    Args:
        path: The lock file; its directory is created.

    Attributes:
        path: The lock file.
        enforced: True while the lock is held and really keeps others out.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.enforced = False
        self._descriptor: int | None = None

    @property
    def held(self) -> bool:
        """True from `acquire` to `release`."""
        return self._descriptor is not None

    def acquire(self) -> None:
        """Take the lock.

        Raises:
            RunBusyError: A living process holds it; the error names it.
            OSError: The lock file cannot be written.
        """
        with explained("lock this run for writing", self.path):
            make_directories(self.path.parent)
            descriptor = os.open(self.path, UPDATE_FLAGS | os.O_CREAT, 0o666)
            try:
                locked = self._take(descriptor)
                _write_owner(descriptor)
            except BaseException:
                os.close(descriptor)
                raise
        self._descriptor = descriptor
        self.enforced = locked is Flock.HELD
        _held.add(self)

    def _take(self, descriptor: int) -> Flock:
        for _ in range(_ATTEMPTS):
            locked = try_flock(descriptor, exclusive=True)
            if locked is not Flock.BUSY:
                return locked
            time.sleep(_PAUSE_SECONDS)
        owner = _read_owner(descriptor)
        raise RunBusyError(str(self.path), str(owner or "a process that is just starting"))

    def release(self) -> None:
        """Give the lock back; does nothing when it is not held."""
        if self._descriptor is None:
            return
        descriptor, self._descriptor = self._descriptor, None
        self.enforced = False
        _held.discard(self)
        with explained("give back the lock of this run", self.path):
            try:
                os.ftruncate(descriptor, 0)
                unlock(descriptor)
            finally:
                os.close(descriptor)

    def __enter__(self) -> Self:
        """Take the lock."""
        self.acquire()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Give the lock back."""
        self.release()

    def _forget(self) -> None:
        if self._descriptor is not None:
            os.close(self._descriptor)
        self._descriptor = None
        self.enforced = False


def is_locked(path: Path) -> bool | None:
    """Tell whether a living process holds the lock.

    Returns:
        True when one does, False when its last holder gave it back or died, None when that cannot
        be told: there is no lock file, it cannot be read, there are no locks here, or the last
        holder was on another host, whose locks may not be seen from here.
    """
    try:
        descriptor = os.open(path, READ_FLAGS)
        try:
            locked = try_flock(descriptor, exclusive=False)
            if locked is Flock.BUSY:
                return True
            owner = _read_owner(descriptor)
            if locked is Flock.UNSUPPORTED or (owner and owner.host != socket.gethostname()):
                return None
            return False
        finally:
            unlock(descriptor)  # a child forked right now would keep it
            os.close(descriptor)
    except OSError:
        return None


def _write_owner(descriptor: int) -> None:
    owner = _Owner(pid=os.getpid(), host=socket.gethostname(), started=time.time())
    os.ftruncate(descriptor, 0)
    os.write(descriptor, json.dumps(asdict(owner)).encode() + b"\n")


def _read_owner(descriptor: int) -> _Owner | None:
    """Return who wrote the file, None when it is empty or being written."""
    os.lseek(descriptor, 0, os.SEEK_SET)
    try:
        fields = json.loads(os.read(descriptor, _OWNER_MAX_BYTES))
        return _Owner(
            pid=int(fields["pid"]), host=str(fields["host"]), started=float(fields["started"])
        )
    except (ValueError, TypeError, KeyError):
        return None


# A forked child (a data loader's worker) would keep the lock alive after its parent is killed,
# perhaps for ever.
_held: set[RunLock] = set()


def _close_in_child() -> None:
    for lock in _held:
        lock._forget()  # noqa: SLF001 - same module
    _held.clear()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_close_in_child)
