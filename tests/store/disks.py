"""A disk of 4 MB that fills up or turns read-only, in a process of its own.

`run_on_small_disk` runs a module as `python -m MODULE DIRECTORY KIND`; the module makes a `Disk` of
its arguments and prints what happened as JSON. The disk is a real tmpfs in a private mount
namespace, which root and, where user namespaces are allowed, everybody may make; it vanishes with
the process. Where neither is possible the same program runs on a plain directory, and the functions
of `os` answer as such a disk does.
"""

from __future__ import annotations

import contextlib
import errno
import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final, Self
from unittest import mock

__all__ = ["SIZE", "Disk", "run_on_small_disk"]

SIZE: Final = 4 << 20
_ROOT: Final = Path(__file__).parents[2]
_MOUNT: Final = f'mount -t tmpfs -o size={SIZE} tmpfs "$0" && exec "$@"'
_WRITING: Final = os.O_CREAT | os.O_RDWR | os.O_WRONLY
_CHANGES: Final = ("link", "mkdir", "rename", "replace", "rmdir", "unlink")


def run_on_small_disk(module: str, directory: Path, *, real: bool) -> Any:
    """Run a module on a small disk and return what it reports.

    Args:
        module: Its name; see above for what it has to do.
        directory: Where the disk is mounted.
        real: True mounts a disk where that is possible, False simulates one in any case.
    """
    command = [sys.executable, "-m", module, str(directory)]
    mount = _mounting(directory) if real else None
    command = [*command, "simulated"] if mount is None else [*mount, *command, "mounted"]
    done = subprocess.run(command, cwd=_ROOT, stdout=subprocess.PIPE, check=True)
    return json.loads(done.stdout)


def _mounting(directory: Path) -> list[str] | None:
    """Return the command that runs another one on a mounted disk, None where that is refused."""
    for namespace in (["--mount"], ["--mount", "--map-root-user"]):
        command = ["unshare", *namespace, "sh", "-c", _MOUNT, str(directory)]
        with contextlib.suppress(FileNotFoundError, subprocess.CalledProcessError):
            subprocess.run([*command, "true"], capture_output=True, check=True)
            return command
    return None


class Disk:
    """The disk of this process; a context manager.

    Args:
        directory: Where it is.
        kind: "mounted" or "simulated", as `run_on_small_disk` hands it on.
    """

    def __init__(self, directory: Path, kind: str) -> None:
        self.directory = directory
        self._ballast = directory / "ballast"
        self._simulation = _Simulation(directory) if kind == "simulated" else None

    def fill(self) -> None:
        """Leave no byte free."""
        descriptor = os.open(self._ballast, os.O_CREAT | os.O_WRONLY | os.O_APPEND)
        for size in (1 << 16, 1 << 12, 1):
            with contextlib.suppress(OSError):
                while os.write(descriptor, bytes(size)):
                    pass
        os.close(descriptor)

    def free(self) -> None:
        """Take back what `fill` took."""
        self._ballast.unlink()

    def make_read_only(self) -> None:
        """Refuse every change; what is open for writing stays so, as the kernel has it."""
        if self._simulation is None:
            _mount("--bind", str(self.directory), str(self.directory))
            _mount("-o", "remount,bind,ro", str(self.directory))
        else:
            self._simulation.read_only = True

    def make_writable(self) -> None:
        """Undo `make_read_only`."""
        if self._simulation is None:
            subprocess.run(["umount", "--lazy", str(self.directory)], check=True)  # noqa: S607
        else:
            self._simulation.read_only = False

    def __enter__(self) -> Self:
        """Begin the simulation, if it is one."""
        if self._simulation is not None:
            self._simulation.start()
        return self

    def __exit__(self, *_: object) -> None:
        """End it."""
        if self._simulation is not None:
            self._simulation.stop()


def _mount(*arguments: str) -> None:
    subprocess.run(["mount", *arguments], check=True)  # noqa: S607


class _Simulation:
    """Lets the functions of `os` answer as a disk of `SIZE` bytes does."""

    def __init__(self, directory: Path) -> None:
        self.read_only = False
        self._directory = directory
        self._descriptors: set[int] = set()
        self._patches = [
            mock.patch.object(os, name, function)
            for name, function in {
                "open": self._around_open(os.open),
                "close": self._around_close(os.close),
                "write": self._around_write(os.write),
                "posix_fallocate": self._around_fallocate(os.posix_fallocate),
                **{name: self._around_change(getattr(os, name)) for name in _CHANGES},
            }.items()
        ]

    def start(self) -> None:
        for patch in self._patches:
            patch.start()

    def stop(self) -> None:
        for patch in self._patches:
            patch.stop()

    def _is_here(self, path: Any) -> bool:
        return Path(os.fsdecode(path)).is_relative_to(self._directory)

    def _room(self) -> int:
        """Return how many bytes are free."""
        return SIZE - sum(
            path.stat().st_size for path in self._directory.rglob("*") if path.is_file()
        )

    def _around_open(self, original: Callable[..., int]) -> Callable[..., int]:
        def opened(path: Any, flags: int, *args: Any, **kwargs: Any) -> int:
            here = self._is_here(path) and bool(flags & _WRITING)
            if here and self.read_only:
                raise OSError(errno.EROFS, os.strerror(errno.EROFS), path)
            descriptor = original(path, flags, *args, **kwargs)
            if here:
                self._descriptors.add(descriptor)
            return descriptor

        return opened

    def _around_close(self, original: Callable[[int], None]) -> Callable[[int], None]:
        def close(descriptor: int) -> None:
            self._descriptors.discard(descriptor)
            original(descriptor)

        return close

    def _around_write(self, original: Callable[[int, Any], int]) -> Callable[[int, Any], int]:
        def write(descriptor: int, data: Any) -> int:
            if descriptor not in self._descriptors:
                return original(descriptor, data)
            room = self._room()
            if room <= 0:
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
            return original(descriptor, memoryview(data)[:room])

        return write

    def _around_fallocate(self, original: Callable[..., None]) -> Callable[..., None]:
        def fallocate(descriptor: int, offset: int, size: int) -> None:
            if descriptor in self._descriptors and size > self._room():
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
            original(descriptor, offset, size)

        return fallocate

    def _around_change(self, original: Callable[..., None]) -> Callable[..., None]:
        def change(path: Any, *args: Any, **kwargs: Any) -> None:
            if self.read_only and self._is_here(path):
                raise OSError(errno.EROFS, os.strerror(errno.EROFS), path)
            original(path, *args, **kwargs)

        return change
