"""Locks that the kernel frees when their holder dies, where the platform has them.

`flock` belongs to the open file, not to the process: it is freed by `kill -9`, and a second open of
the same file in the same process is a stranger. Windows has no `flock`; some network file systems
refuse it. That is an answer here (`Flock.UNSUPPORTED`), and each user of this module says what it
does then.
"""

from __future__ import annotations

import enum
import errno
import sys

if sys.platform != "win32":
    import fcntl

__all__ = ["Flock", "try_flock", "unlock"]

_UNSUPPORTED = frozenset(
    {errno.ENOLCK, errno.ENOSYS, errno.EINVAL, errno.EOPNOTSUPP, errno.ENOTSUP}
)


class Flock(enum.Enum):
    """Outcome of trying to lock a file."""

    HELD = "held"
    BUSY = "busy"
    UNSUPPORTED = "unsupported"


if sys.platform == "win32":

    def try_flock(descriptor: int, *, exclusive: bool) -> Flock:  # noqa: ARG001 - same signature everywhere
        """Say that there are no such locks on Windows."""
        return Flock.UNSUPPORTED

    def unlock(descriptor: int) -> None:
        """Do nothing: there are no such locks on Windows."""

else:

    def try_flock(descriptor: int, *, exclusive: bool) -> Flock:
        """Lock an open file without waiting, exclusively or together with other sharers."""
        kind = fcntl.LOCK_EX if exclusive else fcntl.LOCK_SH
        try:
            fcntl.flock(descriptor, kind | fcntl.LOCK_NB)
        except BlockingIOError:
            return Flock.BUSY
        except OSError as error:
            if error.errno in _UNSUPPORTED:
                return Flock.UNSUPPORTED
            raise
        return Flock.HELD

    def unlock(descriptor: int) -> None:
        """Free the lock now, also when a forked child still holds a copy of the descriptor."""
        try:
            fcntl.flock(descriptor, fcntl.LOCK_UN)
        except OSError as error:
            if error.errno not in _UNSUPPORTED:
                raise
