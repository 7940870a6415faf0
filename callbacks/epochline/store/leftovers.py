"""Find and remove the temporary files of writers that died.

A living writer holds a shared `flock` on its temporary file, and the kernel frees it when the
writer dies, however it dies; so an exclusive lock on the file can be had only when its writer is
gone. That is exact where a process id is
not: ids are reused, and another container or host has its own. Where the file system has no such
locks, a file is a leftover when it was not written to for a day, since no write pauses that long.

The shards of a sharded checkpoint get their names before its index does, so an unfinished index
says which of them belong to no checkpoint (`parts.py`); they go with it.

Invariant: the file of a living writer is never removed, and nothing that is not named as
`atomic.py` names its temporary files, or by such a file.
"""

from __future__ import annotations

import os
import re
import stat
import time
from typing import TYPE_CHECKING

from epochline.shards import INDEX_ENDING
from epochline.store.files import UPDATE_FLAGS, explained
from epochline.store.flock import Flock, try_flock
from epochline.store.parts import remove_orphans

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["remove_leftovers"]

_TEMPORARY = re.compile(r"\.tmp-\d+-[0-9a-f]{16}-")
_ABANDONED_AFTER_SECONDS = 24 * 60 * 60


def remove_leftovers(directory: Path) -> tuple[Path, ...]:
    """Remove the temporary files of dead writers in one directory and return which they were.

    Directories below it are left alone. A directory that does not exist has none.

    Raises:
        OSError: A leftover could not be removed.
    """
    try:
        with os.scandir(directory) as entries:
            names = sorted(entry.name for entry in entries if _TEMPORARY.match(entry.name))
    except FileNotFoundError:
        return ()
    return tuple(directory / name for name in names if _remove_if_abandoned(directory / name))


def _remove_if_abandoned(path: Path) -> bool:
    with explained("remove what an interrupted save left behind", path):
        try:
            if not stat.S_ISREG(path.lstat().st_mode):
                return False
            descriptor = os.open(path, UPDATE_FLAGS)
        except FileNotFoundError:  # published or tidied up meanwhile
            return False
        try:
            locked = try_flock(descriptor, exclusive=True)
            written = os.fstat(descriptor).st_mtime
            old = time.time() - written > _ABANDONED_AFTER_SECONDS
            abandoned = locked is Flock.HELD or (locked is Flock.UNSUPPORTED and old)
            if not abandoned or not path.exists():
                return False
            if path.name.endswith(INDEX_ENDING):
                remove_orphans(path)
            if os.name != "nt":
                path.unlink()  # still under the lock
        finally:
            os.close(descriptor)
        if os.name == "nt":  # an open file cannot be removed there
            path.unlink()
        return True
