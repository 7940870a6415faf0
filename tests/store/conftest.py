"""Fixtures of the store's tests."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.store.children import Children


@pytest.fixture(scope="session")
def children() -> Iterator[Children]:
    """A server of children to be killed."""
    server = Children()
    yield server
    server.close()
