"""Starts trainings that get killed, and compares what is left of them."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import IO, Any

from tests.resume.trainings import Job

__all__ = [
    "Continued",
    "Zygote",
    "assert_continued",
    "continued",
    "first_difference",
    "read_log",
    "zygote",
]

_TERMINATED = 143
_KILLED = -9
_ROOT = Path(__file__).parents[2]


class Zygote:
    """A process that trains jobs, each in a process of its own."""

    def __init__(self, errors: IO[str], python: str = sys.executable) -> None:
        environment = {
            **os.environ,
            "TF_CPP_MIN_LOG_LEVEL": "3",
            "PYTHONHASHSEED": "random",
            "JAX_PLATFORMS": "cpu",
        }
        self._errors = errors
        self._process = subprocess.Popen(
            [python, "-W", "ignore", "-m", "tests.resume.zygote"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=errors,
            text=True,
            cwd=_ROOT,
            env=environment,
        )
        self._ready = False

    def run(self, job: Job) -> int:
        """Trains `job` and returns the exit status of its process."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        if not self._ready:
            self._ready = self._process.stdout.readline() == "ready\n"
            assert self._ready, "the process with the backend did not start"
        self._process.stdin.write(job.to_json() + "\n")
        self._process.stdin.flush()
        return int(self._process.stdout.readline())

    def said(self) -> str:
        """Returns what the trainings have printed as errors so far."""
        return Path(self._errors.name).read_text(encoding="utf-8")

    def close(self) -> None:
        """Ends the process."""
        assert self._process.stdin is not None
        self._process.stdin.close()
        self._process.wait(60)
        assert self._process.stdout is not None
        self._process.stdout.close()


@contextmanager
def zygote(directory: Path, name: str, python: str = sys.executable) -> Iterator[Zygote]:
    """A `Zygote` for the length of a block."""
    directory.mkdir(parents=True, exist_ok=True)
    with (directory / f"{name}.err").open("w", encoding="utf-8") as errors:
        process = Zygote(errors, python)
        try:
            yield process
        finally:
            process.close()


@dataclass(frozen=True, slots=True, kw_only=True)
class Continued:
    """What came of a training that was killed.

    Attributes:
        status: Exit status of the killed process.
        begins: First batch of the process that continued, as `epoch.batch`; empty if none.
        difference: First thing that is not as in the training that was not killed.
        failed: Exit status of the process that continued.
    """

    status: int
    begins: str
    difference: str
    failed: int


def continued(
    directory: Path, first: Zygote, second: Zygote, *, kill: str, **row: Any
) -> Continued:
    """Trains a row whole and in two parts, and compares.

    Args:
        directory: For runs and logs; what was trained whole there is not trained again.
        first: Trains whole, and until the kill.
        second: Continues.
        kill: How it is killed.
        **row: The other fields of `Job`.
    """
    name = "-".join(str(value) for value in row.values()).replace(" ", "-")
    whole, parts = directory / f"{name}.log", directory / f"{name}-{kill}.log"
    if not whole.exists():
        status = first.run(Job(run_dir=str(whole.with_suffix("")), log=str(whole), **row))
        assert status == 0, first.said()
    job = Job(run_dir=str(parts.with_suffix("")), log=str(parts), **row)
    status = first.run(replace(job, kill=kill))
    before = len(read_log(parts))
    failed = second.run(job)
    log = read_log(parts)
    return Continued(
        status=status,
        begins=log[before]["at"] if len(log) > before else "",
        difference=first_difference(read_log(whole), log),
        failed=failed,
    )


def assert_continued(
    directory: Path, first: Zygote, second: Zygote, *, kill: str, begins: str, **row: Any
) -> None:
    """Asserts that a row, killed in one process, is continued in the other bit for bit.

    Args:
        directory: As for `continued`, and so are those that follow.
        first: Trains whole, and until the kill.
        second: Continues.
        kill: How it is killed.
        begins: Where it has to go on, as `epoch.batch`.
        **row: The other fields of `Job`.
    """
    result = continued(directory, first, second, kill=kill, **row)
    assert result.difference == "", second.said()
    assert result.status == (_TERMINATED if kill == "SIGTERM" else _KILLED)
    assert result.begins == begins


def read_log(path: str | Path) -> list[dict[str, Any]]:
    """Returns what a training wrote down; the same place may come twice after a kill."""
    text = Path(path).read_text(encoding="utf-8") if Path(path).exists() else ""
    return [json.loads(line) for line in text.splitlines()]


def first_difference(reference: list[dict[str, Any]], other: list[dict[str, Any]]) -> str:
    """Returns where two trainings differ first, and in what; empty when nowhere."""
    expected = {entry["at"]: entry for entry in reference}
    for entry in other:
        wanted = expected.get(entry["at"])
        if wanted is None:
            return f"{entry['at']}: not in the uninterrupted training"
        for key, value in wanted.items():
            if entry.get(key) != value:
                return f"{entry['at']}: {key} is {entry.get(key)} instead of {value}"
    missing = [at for at in expected if at not in {entry["at"] for entry in other}]
    return f"{missing[0]}: never reached" if missing else ""
