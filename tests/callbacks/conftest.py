"""Fixtures of the callbacks' tests."""

from __future__ import annotations

from pathlib import Path

import keras
import pytest

from tests.callbacks.training import new_model


@pytest.fixture(scope="module")
def traced_model() -> keras.Model:
    """A model whose train function is traced once for the whole module."""
    return new_model()


@pytest.fixture
def model(traced_model: keras.Model) -> keras.Model:
    """The same model with its learning rate set back."""
    traced_model.optimizer.learning_rate = 0.001
    return traced_model


@pytest.fixture
def run_dir(tmp_path: Path) -> Path:
    """A run directory that does not exist yet."""
    return tmp_path / "logs" / "run"
