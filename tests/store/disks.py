"""The store on a disk of 4 MB that fills up or turns read-only, in a process of its own.

The disk is a real tmpfs in a private mount namespace, which root and, where user namespaces are
allowed, everybody may make; it vanishes with the process. Where neither is possible the same
program runs on a plain directory, and the functions of `os` answer as such a disk does.
"""

from __future__ import annotations

import errno
import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, nullcontext, suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any
from unittest import mock

from epochline.store import CheckpointStore, RunLock, digest_bytes, export_verified, verify
from tests.store.faults import files_in
from tests.store.scenarios import NAME, OLD

_ROOT = Path(__file__).parents[2]
_SIZE = 4 << 20
_LARGE = bytes(8 << 20)
_LEFTOVER = ".tmp-1-0123456789abcdef-x.weights.h5"
_MOUNT = 'mount -t tmpfs -o size=4m tmpfs "$0" && exec "$@"'


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What came of one attempt: error number (0 for none), message, files afterwards."""

    errno: int
    message: str
    files: list[str]
    intact: bool


Report = dict[str, Outcome]


def run_on_small_disk(program: str, directory: Path, *, real: bool) -> Report:
    """Run a program of this module on a small disk and return what it reports.

    Args:
        program: "full" or "read_only".
        directory: Where the disk is mounted.
        real: True mounts a disk where that is possible, False simulates one in any case.
    """
    command = [sys.executable, "-m", "tests.store.disks", program, str(directory)]
    mount = _mounting(directory) if real else None
    command = [*command, "simulated"] if mount is None else [*mount, *command, "mounted"]
    done = subprocess.run(command, cwd=_ROOT, stdout=subprocess.PIPE, check=True)
    return {name: Outcome(**fields) for name, fields in json.loads(done.stdout).items()}


def _mounting(directory: Path) -> list[str] | None:
    """Return the command that runs another one on a mounted disk, None where that is refused."""
    for namespace in (["--mount"], ["--mount", "--map-root-user"]):
        command = ["unshare", *namespace, "sh", "-c", _MOUNT, str(directory)]
        with suppress(FileNotFoundError, subprocess.CalledProcessError):
            subprocess.run([*command, "true"], capture_output=True, check=True)
            return command
    return None


class _Disk:
    """The directory, and what happened there."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.store = CheckpointStore(directory)
        self.digest = digest_bytes(OLD)
        self.report: dict[str, dict[str, Any]] = {}
        self.store.save(NAME, OLD)

    def attempt(self, name: str, action: Callable[[], object]) -> None:
        """Try something and note what came of it."""
        number, message = 0, ""
        try:
            action()
        except OSError as error:
            number, message = error.errno or -1, str(error)
        file = verify(self.directory / NAME, size_bytes=len(OLD), digest=self.digest)
        files = [path for path in files_in(self.directory) if path != _LEFTOVER]
        outcome = Outcome(errno=number, message=message, files=files, intact=file.ok)
        self.report[name] = asdict(outcome)

    def export(self, source: Path, target: Path, data: bytes) -> None:
        """Copy a file from or to the disk."""
        export_verified(source, target, size_bytes=len(data), digest=digest_bytes(data))


def full(disk: _Disk, outside: Path, simulated: AbstractContextManager[object]) -> None:
    """Write more than fits, in every way."""
    large = outside / "large.weights.h5"
    large.write_bytes(_LARGE)
    store = disk.store
    with simulated:
        disk.attempt("save", lambda: store.save("large.weights.h5", _LARGE))
        disk.attempt("save_pieces", lambda: store.save("large.weights.h5", _pieces()))
        disk.attempt("overwrite", lambda: store.save(NAME, _pieces(), replace=True))
        target = disk.directory / "copy.weights.h5"
        disk.attempt("export", lambda: disk.export(large, target, _LARGE))
    store.delete(NAME, size_bytes=len(OLD), digest=disk.digest)
    disk.attempt("after_deleting", lambda: store.save("small.weights.h5", OLD))


def _pieces() -> Iterator[bytes]:
    for start in range(0, len(_LARGE), 1 << 18):
        yield _LARGE[start : start + (1 << 18)]


def read_only(disk: _Disk, outside: Path, simulated: AbstractContextManager[object]) -> None:
    """Write to, and read from, a disk that turned read-only."""
    store = disk.store
    (disk.directory / _LEFTOVER).write_bytes(b"half")
    if isinstance(simulated, nullcontext):
        subprocess.run(["mount", "-o", "remount,ro", str(disk.directory)], check=True)  # noqa: S607
    with simulated:
        disk.attempt("save", lambda: store.save("new.weights.h5", OLD))
        disk.attempt("overwrite", lambda: store.save(NAME, OLD, replace=True))
        disk.attempt("save_below", lambda: store.save("below/new.weights.h5", OLD))
        disk.attempt("delete", lambda: store.delete(NAME, size_bytes=len(OLD), digest=disk.digest))
        disk.attempt("tidy", store.remove_leftovers)
        disk.attempt("lock", RunLock(disk.directory / "lock").acquire)
    source, target = disk.directory / NAME, outside / "copy.weights.h5"
    disk.attempt("export_from", lambda: disk.export(source, target, OLD))


def _simulated_full() -> AbstractContextManager[object]:
    """Let each file have 2 MB."""
    original = os.write

    def write(descriptor: int, data: memoryview) -> int:
        room = (_SIZE >> 1) - os.fstat(descriptor).st_size
        if room <= 0:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        return original(descriptor, data[:room])

    return mock.patch.multiple(
        os, write=write, posix_fallocate=mock.Mock(side_effect=OSError(errno.EINVAL, "no"))
    )


def _simulated_read_only() -> AbstractContextManager[object]:
    """Refuse every change."""
    original = os.open
    refused = mock.Mock(side_effect=OSError(errno.EROFS, os.strerror(errno.EROFS)))

    def opened(path: Any, flags: int, *args: Any, **kwargs: Any) -> int:
        if flags & (os.O_CREAT | os.O_RDWR | os.O_WRONLY):
            raise OSError(errno.EROFS, os.strerror(errno.EROFS))
        return original(path, flags, *args, **kwargs)

    return mock.patch.multiple(os, open=opened, unlink=refused, mkdir=refused)


def _main(program: str, directory: Path, kind: str) -> None:
    disk = _Disk(directory)
    outside = directory.parent / f"outside-{directory.name}"
    outside.mkdir(exist_ok=True)
    run, simulate = {
        "full": (full, _simulated_full),
        "read_only": (read_only, _simulated_read_only),
    }[program]
    run(disk, outside, simulate() if kind == "simulated" else nullcontext())
    print(json.dumps(disk.report))  # noqa: T201 - the answer


if __name__ == "__main__":
    _main(sys.argv[1], Path(sys.argv[2]), sys.argv[3])
