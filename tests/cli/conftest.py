"""The command line, called in this process, on runs that are written without Keras."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from epochline.cli import main
from tests.core.recorded import record_run


@dataclass(frozen=True)
class Outcome:
    """What a command did."""

    status: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        """Its standard output as JSON, in which no number is NaN."""

        def refuse(name: str) -> None:
            raise AssertionError(name)

        return json.loads(self.out, parse_constant=refuse)


Command = Callable[..., Outcome]


@pytest.fixture
def command(capsys: pytest.CaptureFixture[str]) -> Command:
    """Calls the command line with some arguments."""

    def call(*arguments: str | Path) -> Outcome:
        capsys.readouterr()
        status = main([str(argument) for argument in arguments])
        told = capsys.readouterr()
        return Outcome(status, told.out, told.err)

    return call


@pytest.fixture
def logs(tmp_path: Path) -> Path:
    """A log directory with the runs `pima` and `tuned`."""
    for name in ("pima", "tuned"):
        record_run(tmp_path / "logs" / name)
    return tmp_path / "logs"


@pytest.fixture
def pima(logs: Path) -> Path:
    """The directory of one run."""
    return logs / "pima"
