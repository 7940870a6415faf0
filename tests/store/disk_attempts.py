"""What the store does on a small disk: a program for `tests.store.disks.run_on_small_disk`."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from epochline.store import CheckpointStore, RunLock, digest_bytes, export_verified, verify
from tests.store.disks import SIZE, Disk, run_on_small_disk
from tests.store.faults import files_in
from tests.store.scenarios import NAME, OLD

__all__ = ["Outcome", "attempts_on_small_disk"]

_LARGE = bytes(2 * SIZE)
_LEFTOVER = ".tmp-1-0123456789abcdef-x.weights.h5"


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What came of one attempt: error number (0 for none), message, files afterwards."""

    errno: int
    message: str
    files: list[str]
    intact: bool


def attempts_on_small_disk(directory: Path, *, real: bool) -> dict[str, Outcome]:
    """Run this program and return what came of each attempt, by name."""
    report = run_on_small_disk("tests.store.disk_attempts", directory, real=real)
    return {name: Outcome(**fields) for name, fields in report.items()}


class _Attempts:
    """A run directory on the disk, and what happened there."""

    def __init__(self, disk: Disk) -> None:
        self.disk = disk
        self.directory = disk.directory
        self.store = CheckpointStore(disk.directory)
        self.digest = digest_bytes(OLD)
        self.outcomes: dict[str, dict[str, Any]] = {}
        self.outside = disk.directory.with_name(f"outside-{disk.directory.name}")
        self.outside.mkdir(exist_ok=True)
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
        self.outcomes[name] = asdict(outcome)

    def delete(self) -> None:
        """Delete the checkpoint."""
        self.store.delete(NAME, size_bytes=len(OLD), digest=self.digest)

    def too_large(self) -> None:
        """Write more than fits, in every way; then what fits."""
        large = self.outside / "large.weights.h5"
        large.write_bytes(_LARGE)
        target = self.directory / "copy.weights.h5"
        store = self.store
        self.attempt("large: save", lambda: store.save("large.weights.h5", _LARGE))
        self.attempt("large: save pieces", lambda: store.save("large.weights.h5", _pieces()))
        self.attempt("large: overwrite", lambda: store.save(NAME, _pieces(), replace=True))
        self.attempt("large: export", lambda: _export(large, target, _LARGE))
        self.attempt("small: save", lambda: store.save("small.weights.h5", OLD[:1000]))
        store.delete("small.weights.h5", size_bytes=1000)

    def read_only(self) -> None:
        """Write to, and read from, a disk that turned read-only."""
        store = self.store
        (self.directory / _LEFTOVER).write_bytes(b"half")
        self.disk.make_read_only()
        self.attempt("read-only: save", lambda: store.save("new.weights.h5", OLD))
        self.attempt("read-only: overwrite", lambda: store.save(NAME, OLD, replace=True))
        self.attempt("read-only: save below", lambda: store.save("below/new.weights.h5", OLD))
        self.attempt("read-only: delete", self.delete)
        self.attempt("read-only: tidy", store.remove_leftovers)
        self.attempt("read-only: lock", RunLock(self.directory / "lock").acquire)
        copy = self.outside / "copy.weights.h5"
        self.attempt("read-only: export from", lambda: _export(self.directory / NAME, copy, OLD))


def _pieces() -> Iterator[bytes]:
    for start in range(0, len(_LARGE), 1 << 18):
        yield _LARGE[start : start + (1 << 18)]


def _export(source: Path, target: Path, data: bytes) -> None:
    export_verified(source, target, size_bytes=len(data), digest=digest_bytes(data))


if __name__ == "__main__":
    with Disk(Path(sys.argv[1]), sys.argv[2]) as small_disk:
        attempts = _Attempts(small_disk)
        attempts.too_large()
        attempts.read_only()
    print(json.dumps(attempts.outcomes))  # noqa: T201 - the answer
