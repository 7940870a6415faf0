"""Faults at single file operations, for the tests of the store.

`Faults` replaces the functions of `os` (and `flock`) by which the store touches the disk, counts
the calls, and does something at a chosen one: kill the process, raise an error, write less than
asked. Reads are not counted.
"""

from __future__ import annotations

import errno
import fcntl
import os
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any, Self
from unittest import mock

OPERATIONS = [
    (os, name)
    for name in (
        "close",
        "fsync",
        "ftruncate",
        "link",
        "mkdir",
        "open",
        "posix_fallocate",
        "rename",
        "replace",
        "unlink",
        "write",
    )
] + [(fcntl, "flock")]

NEEDS_SPACE = frozenset({"fsync", "ftruncate", "link", "mkdir", "open", "posix_fallocate", "write"})

Fault = Callable[[str], None]


class Faults:
    """Calls `fault(operation)` before the operation number `at`, or from there on when `sticky`.

    Attributes:
        calls: Names of the operations so far.
    """

    def __init__(self, at: int, fault: Fault, *, sticky: bool = False) -> None:
        self.calls: list[str] = []
        self._at = at
        self._fault = fault
        self._sticky = sticky
        self._patches = [
            mock.patch.object(module, name, self._wrap(name, getattr(module, name)))
            for module, name in OPERATIONS
        ]

    @property
    def reached(self) -> bool:
        """True when the chosen operation was called."""
        return len(self.calls) > self._at

    def _wrap(self, name: str, original: Callable[..., Any]) -> Callable[..., Any]:
        def call(*args: Any, **kwargs: Any) -> Any:
            number = len(self.calls)
            self.calls.append(name)
            if number == self._at or (self._sticky and number > self._at):
                if name == "close":  # Linux closes the descriptor also when it reports an error
                    original(*args, **kwargs)
                self._fault(name)
                if name == "close":
                    return None
            return original(*args, **kwargs)

        return call

    def __enter__(self) -> Self:
        for patch in self._patches:
            patch.start()
        return self

    def __exit__(self, *_: object) -> None:
        for patch in self._patches:
            patch.stop()


def kill(_operation: str) -> None:
    """Die here, as by `kill -9`."""
    os.kill(os.getpid(), signal.SIGKILL)


def fail(number: int) -> Fault:
    """Raise an error with this number."""

    def fault(_operation: str) -> None:
        raise OSError(number, os.strerror(number))

    return fault


def disk_full(operation: str) -> None:
    """Refuse what takes space; the rest still works, as on a full disk."""
    if operation in NEEDS_SPACE:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def files_in(directory: Path) -> dict[str, bytes]:
    """Return all files below a directory with their bytes, by relative name."""
    return {
        path.relative_to(directory).as_posix(): path.read_bytes()
        for path in sorted(directory.rglob("*"))
        if path.is_file()
    }
