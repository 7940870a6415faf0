"""Fixtures of the tests of exact resume."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.resume.harness import Zygote, zygote
from tests.resume.scripts import new_process


@pytest.fixture
def run_dir(tmp_path: Path) -> Path:
    """A run directory that does not exist yet."""
    return tmp_path / "run"


@pytest.fixture(autouse=True)
def _as_in_a_process_of_its_own() -> Iterator[None]:
    new_process()
    yield
    new_process()


@pytest.fixture(scope="module")
def directory(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Holds all runs and logs of the module."""
    return tmp_path_factory.mktemp("killed")


@pytest.fixture(scope="module")
def first(directory: Path) -> Iterator[Zygote]:
    """Trains what is killed, and what is not."""
    with zygote(directory, "first") as process:
        yield process


@pytest.fixture(scope="module")
def second(directory: Path) -> Iterator[Zygote]:
    """Continues: another interpreter, with other hashes."""
    with zygote(directory, "second") as process:
        yield process
