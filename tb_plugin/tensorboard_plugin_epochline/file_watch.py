"""What became of the checkpoint files of a run, looked up at a bounded cost.

Events say what was saved; only the disk says what is still there. A panel that follows a training
asks every few seconds, a run may have ten thousand checkpoints, there may be a hundred such runs,
and a network disk may take a millisecond for each file.

Invariant: looking takes at most a hundredth of the time for one run, and a twentieth for all of
them together, apart from files that were never looked at; nothing is opened.
"""

from __future__ import annotations

import hashlib
import os
import stat
import time
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path

__all__ = ["FileStamp", "FileWatch", "stamp_of"]

_SHARE_OF_ONE = 0.01
_SHARE_OF_ALL = 0.05
_UNKNOWN = -1

FileStamp = tuple[int, ...]
"""What changes when a file is written to, or another takes its name."""


def stamp_of(path: Path) -> FileStamp | None:
    """Returns the stamp of a file, not following a link; None when it is not there."""
    try:
        found = path.lstat()
    except OSError:
        return None
    return found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns


class FileWatch:
    """Sizes of files of one run.

    Args:
        directory: The run directory.
        runs: Tells how many runs are looked at, this one included.
    """

    def __init__(self, directory: Path, runs: Callable[[], int] = lambda: 1) -> None:
        self._directory = str(directory)
        self._runs = runs
        self._sizes: dict[str, int | None] = {}
        self._due = 0.0
        self._fingerprint = ""

    @property
    def fingerprint(self) -> str:
        """Changes whenever `sizes` found something new."""
        return self._fingerprint

    @property
    def is_due(self) -> bool:
        """Whether `sizes` would look again at what it has seen."""
        return time.monotonic() >= self._due

    def sizes(self, paths: Iterable[str]) -> Mapping[str, int | None]:
        """Returns the size of each file in bytes, None when it is not there (any more).

        A file that may not be looked at has no entry.

        Args:
            paths: With `/`, relative to the run directory, or absolute.
        """
        due = self.is_due
        started = time.monotonic()
        known = {} if due else self._sizes
        wanted = list(paths)
        found = {path: known[path] if path in known else self._size(path) for path in wanted}
        if due:
            ended = time.monotonic()
            rest = max(1 / _SHARE_OF_ONE, self._runs() / _SHARE_OF_ALL)
            self._due = ended + (ended - started) * rest
        if found != self._sizes:
            self._sizes = found
            text = repr(sorted(found.items())).encode("utf-8", "surrogatepass")
            self._fingerprint = hashlib.blake2b(text, digest_size=8).hexdigest()
        return {path: size for path, size in found.items() if size != _UNKNOWN}

    def _size(self, path: str) -> int | None:
        try:
            # Path would take four times as long, and there may be ten thousand.
            status = os.stat(os.path.join(self._directory, path))
        except (FileNotFoundError, NotADirectoryError):
            return None
        except (OSError, ValueError):
            # No permission, a loop of links, a null byte in a damaged record: nothing is known.
            return _UNKNOWN
        return status.st_size if stat.S_ISREG(status.st_mode) else None
