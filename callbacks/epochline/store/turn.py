"""Take turns: one process at a time does something to a run.

Unlike the lock of a writer (`lock.py`), a turn is short, and who finds it taken waits or comes
back.

Where the platform or the file system has no such locks, everybody has the turn at once; then it is
the single steps that must not harm each other, and they do not: a file can be moved only once.
"""

from __future__ import annotations

import os
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING

from epochline.store.files import UPDATE_FLAGS, make_directories
from epochline.store.flock import Flock, try_flock, unlock

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

__all__ = ["turn", "wait_for_flock"]

_PAUSE_SECONDS = 0.01


@contextmanager
def turn(path: Path, *, wait_seconds: float) -> Iterator[Flock]:
    """Hold a lock file for as long as the block runs; yields whether it is held.

    The file stays: removing it would let two processes lock two files of one name.

    Args:
        path: The lock file; its directory is created.
        wait_seconds: How long to wait for others, 0 for not at all.

    Raises:
        OSError: The lock file cannot be made.
    """
    make_directories(path.parent)
    descriptor = os.open(path, UPDATE_FLAGS | os.O_CREAT, 0o666)
    try:
        yield wait_for_flock(descriptor, wait_seconds)
    finally:
        unlock(descriptor)
        os.close(descriptor)


def wait_for_flock(descriptor: int, seconds: float) -> Flock:
    """Lock an open file exclusively, trying again for some seconds while others hold it."""
    end = time.monotonic() + seconds
    while (locked := try_flock(descriptor, exclusive=True)) is Flock.BUSY:
        if time.monotonic() >= end:
            break
        time.sleep(_PAUSE_SECONDS)
    return locked
