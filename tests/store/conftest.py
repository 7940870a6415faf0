"""Fixtures of the store's tests."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.store.children import FLOATS, Children
from tests.store.life import Life


@pytest.fixture(scope="session")
def children() -> Iterator[Children]:
    """A server of children to be killed."""
    server = Children()
    yield server
    server.close()


@pytest.fixture(scope="session")
def old_run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run that has all that there can be, to be copied: checkpoints of all tiers, a trash."""
    run_dir = tmp_path_factory.mktemp("old") / "run"
    life = Life(run_dir, floats=FLOATS)
    for number in range(life.begin(), 6):
        life.turn(number)
    life.end()
    return run_dir
