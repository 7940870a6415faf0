"""Faults at single file operations.

`Shim` stands between the code under test and the functions of `os` (and `flock`) that touch a
disk. `Faults` counts the calls and does something at a chosen one: kill the process, raise an
error, write less than asked. Reads of file contents are not counted.

`Watch` tells whether anything went past the shim: Python's audit events name every file that is
opened, made, renamed or removed, by whatever module, and Linux counts the writes of the process,
also those of libraries in C.
"""

from __future__ import annotations

import errno
import fcntl
import os
import signal
import sys
import threading
from collections import Counter
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any, Final, Self
from unittest import mock

__all__ = [
    "CHANGES",
    "LOOKS",
    "Fault",
    "Faults",
    "Shim",
    "Watch",
    "disk_full",
    "fail",
    "fail_afterwards",
    "files_in",
    "kill",
    "write_half",
]

CHANGES: Final = (
    "chmod",
    "close",
    "copy_file_range",
    "fchmod",
    "fdatasync",
    "fsync",
    "ftruncate",
    "link",
    "mkdir",
    "open",
    "posix_fallocate",
    "pwrite",
    "remove",
    "rename",
    "replace",
    "rmdir",
    "sendfile",
    "symlink",
    "truncate",
    "unlink",
    "utime",
    "write",
    "writev",
)
"""What changes a disk, and opening and closing; whether the code under test uses it or not."""

LOOKS: Final = ("fstat", "listdir", "lstat", "scandir", "stat")
"""What only looks."""

_OTHERS: Final = (fcntl, "flock"), (fcntl, "ioctl")
_NEEDS_SPACE: Final = frozenset(
    {"copy_file_range", "fdatasync", "fsync", "ftruncate", "link", "mkdir"}
    | {"posix_fallocate", "pwrite", "sendfile", "symlink", "truncate", "write", "writev"}
)

_CHANGING_EVENTS: Final = frozenset(
    {"open", "os.chmod", "os.link", "os.mkdir", "os.remove", "os.rename", "os.rmdir"}
    | {"os.symlink", "os.truncate", "os.utime", "shutil.copyfile", "shutil.move", "shutil.rmtree"}
)

Call = partial[Any]
Fault = Callable[[str, Call], Any]
"""Gets the name of the operation and the call, and does what happens instead of the call."""


class Shim:
    """Hands each operation to `around`; a context manager.

    Args:
        names: Functions of `os` to stand before; those that a platform does not have are left out.
    """

    def __init__(self, names: tuple[str, ...] = CHANGES) -> None:
        functions = [(os, name) for name in names if hasattr(os, name)]
        if names is CHANGES:
            functions += _OTHERS
        self._patches = [
            mock.patch.object(module, name, self._stand_before(name, getattr(module, name)))
            for module, name in functions
        ]

    def _stand_before(self, name: str, function: Callable[..., Any]) -> Callable[..., Any]:
        def call(*args: Any, **kwargs: Any) -> Any:
            return self.around(name, partial(function, *args, **kwargs))

        return call

    def around(self, name: str, call: Call) -> Any:
        """Do, or do not, what was asked for."""
        raise NotImplementedError

    def __enter__(self) -> Self:
        """Stand between."""
        for patch in self._patches:
            patch.start()
        return self

    def __exit__(self, *_: object) -> None:
        """Get out of the way."""
        for patch in self._patches:
            patch.stop()


class Faults(Shim):
    """Lets `fault` happen at the operation number `at`, or from there on when `sticky`.

    Attributes:
        calls: Names of the operations so far.
    """

    def __init__(
        self, at: int, fault: Fault, *, sticky: bool = False, names: tuple[str, ...] = CHANGES
    ) -> None:
        super().__init__(names)
        self.calls: list[str] = []
        self._at = at
        self._fault = fault
        self._sticky = sticky
        self._counting = threading.Lock()

    @property
    def reached(self) -> bool:
        """True when the chosen operation was called."""
        return len(self.calls) > self._at

    def around(self, name: str, call: Call) -> Any:
        """Count, and let it happen."""
        with self._counting:
            number = len(self.calls)
            self.calls.append(name)
        if number == self._at or (self._sticky and number > self._at):
            return self._fault(name, call)
        return call()


def kill(_name: str, _call: Call) -> None:
    """Die here, as by `kill -9`."""
    os.kill(os.getpid(), signal.SIGKILL)


def fail(number: int) -> Fault:
    """Raise an error with this number, and do nothing."""

    def fault(name: str, call: Call) -> None:
        if name == "close":  # Linux closes the descriptor also when it reports an error
            call()
        raise OSError(number, os.strerror(number))

    return fault


def fail_afterwards(number: int) -> Fault:
    """Do it, and raise an error with this number all the same, as network file systems may."""

    def fault(_name: str, call: Call) -> None:
        result = call()
        if _name == "open":
            os.close(result)
        raise OSError(number, os.strerror(number))

    return fault


def disk_full(name: str, call: Call) -> Any:
    """Refuse what takes space; the rest still works, as on a full disk."""
    takes_space = call.args[1] & os.O_CREAT if name == "open" else name in _NEEDS_SPACE
    if takes_space:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
    return call()


def write_half(name: str, call: Call) -> Any:
    """Write less than asked, which is no error; all else works."""
    if name != "write":
        return call()
    descriptor, data = call.args
    return call.func(descriptor, memoryview(data)[: (len(data) + 1) // 2])


class Watch(Shim):
    """Notes what the shim sees, and what Python and the kernel see, below a directory.

    An audit hook cannot be taken away again: use it in a process of its own.

    Attributes:
        seen: How often each operation went through the shim.
        past: Audit events that had no operation of the shim behind them.
        silent_writes: How many system calls that write went past the shim.
    """

    def __init__(self, directory: Path) -> None:
        super().__init__()
        self.seen: Counter[str] = Counter()
        self.past: list[str] = []
        self.silent_writes = 0
        self._directory = directory
        self._inside = False
        self._watching = False

    def around(self, name: str, call: Call) -> Any:
        """Count."""
        self.seen[name] += 1
        self._inside = True
        try:
            return call()
        finally:
            self._inside = False

    def _audit(self, event: str, arguments: tuple[Any, ...]) -> None:
        if not self._watching or self._inside or event not in _CHANGING_EVENTS:
            return
        if event == "open" and not (arguments[2] & (os.O_WRONLY | os.O_RDWR | os.O_CREAT)):
            return
        paths = [item for item in arguments if isinstance(item, str | bytes | os.PathLike)]
        if any(Path(os.fsdecode(path)).is_relative_to(self._directory) for path in paths):
            self.past.append(f"{event} {arguments}")

    def __enter__(self) -> Self:
        """Watch."""
        sys.addaudithook(self._audit)
        super().__enter__()
        self._writes_before = _write_calls()
        self._watching = True
        return self

    def __exit__(self, *error: object) -> None:
        """Stop watching, and count."""
        self._watching = False
        writes = _write_calls() - self._writes_before
        super().__exit__(*error)
        self.silent_writes = writes - sum(
            self.seen[name] for name in ("write", "pwrite", "writev", "sendfile")
        )


def _write_calls() -> int:
    """Return how often this process has called the kernel to write, or 0 where that is not told."""
    if sys.platform != "linux":
        return 0
    counters = dict(line.split(": ") for line in Path("/proc/self/io").read_text().splitlines())
    return int(counters["syscw"])


def files_in(directory: Path) -> dict[str, bytes]:
    """Return all files below a directory with their bytes, by relative name."""
    return {
        path.relative_to(directory).as_posix(): path.read_bytes()
        for path in sorted(directory.rglob("*"))
        if path.is_file()
    }
