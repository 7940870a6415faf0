"""The replay beside Keras's own callbacks: the same metrics in, the same decisions out."""

from __future__ import annotations

import math
from types import SimpleNamespace
from typing import Any

import keras
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from epochline.events import Mode
from epochline.replay import (
    EarlyStoppingReplay,
    EarlyStoppingRule,
    PlateauReplay,
    PlateauRule,
    float32,
)

# Few values, so that equal ones, and those that only float32 takes for equal, come up.
_VALUES = st.one_of(
    st.sampled_from([0.0, 0.1, 0.1 + 1e-9, 0.2, 0.3, 0.5, 1.0, math.nan, math.inf, -math.inf]),
    st.floats(-10, 10, allow_subnormal=False),
)
_HISTORY = st.lists(st.one_of(st.none(), _VALUES), max_size=25)
_MODE = st.sampled_from(Mode)
_DELTA = st.sampled_from([0.0, 1e-4, 0.1, 0.25])


pytestmark = pytest.mark.filterwarnings("ignore:.*which is not available")


def _same(ours: float | None, of_keras: Any) -> bool:
    if ours is None or of_keras is None:
        return ours is of_keras
    return ours == of_keras or (math.isnan(ours) and math.isnan(of_keras))


def _logs(value: float | None) -> dict[str, Any]:
    return {"other": 1.0} if value is None else {"m": value, "other": 1.0}


@given(
    history=_HISTORY,
    mode=_MODE,
    min_delta=_DELTA,
    patience=st.integers(0, 4),
    baseline=st.none() | st.sampled_from([0.0, 0.2, 5.0]),
    start=st.integers(0, 4),
    first=st.integers(0, 3),
)
def test_early_stopping_is_that_of_keras(
    history: list[float | None],
    mode: Mode,
    min_delta: float,
    patience: int,
    baseline: float | None,
    start: int,
    first: int,
) -> None:
    """Whatever the metrics and settings: the counters are equal after each epoch, and the stop."""
    shared: dict[str, Any] = {
        "min_delta": min_delta,
        "patience": patience,
        "baseline": baseline,
        "start_from_epoch": start,
    }
    stock = keras.callbacks.EarlyStopping("m", mode=str(mode), **shared)
    model = SimpleNamespace(stop_training=False)
    stock.set_model(model)
    stock.on_train_begin()
    replay = EarlyStoppingReplay(EarlyStoppingRule(monitor="m", mode=mode, **shared))
    for epoch, value in enumerate(history, start=first):
        model.stop_training = False
        stock.on_epoch_end(epoch, _logs(value))

        assert replay.epoch_end(epoch, value) is model.stop_training
        assert (replay.wait, replay.best_epoch) == (stock.wait, stock.best_epoch)
        assert _same(replay.best, stock.best)


class _Optimizer:
    """Holds its learning rate in float32, as those of Keras do."""

    def __init__(self, name: str, rate: float) -> None:
        self.name = name
        self._rate = np.float32(rate)

    @property
    def learning_rate(self) -> Any:
        return self._rate

    @learning_rate.setter
    def learning_rate(self, rate: float) -> None:
        self._rate = np.float32(rate)


@given(
    history=_HISTORY,
    mode=_MODE,
    min_delta=_DELTA,
    patience=st.integers(0, 3),
    factor=st.sampled_from([0.0, 0.1, 0.5, 0.9]),
    cooldown=st.integers(0, 3),
    min_lr=st.sampled_from([0.0, 1e-4, 0.01]),
    names=st.sampled_from([("",), ("body", "head")]),
)
def test_plateau_is_that_of_keras(
    history: list[float | None],
    mode: Mode,
    min_delta: float,
    patience: int,
    factor: float,
    cooldown: int,
    min_lr: float,
    names: tuple[str, ...],
) -> None:
    """Whatever the metrics and settings: counters and learning rates are equal after each epoch."""
    shared: dict[str, Any] = {
        "min_delta": min_delta,
        "patience": patience,
        "factor": factor,
        "cooldown": cooldown,
        "min_lr": min_lr,
    }
    optimizers = [_Optimizer(name, 0.02 / (place + 1)) for place, name in enumerate(names)]
    several = SimpleNamespace(optimizers=optimizers)
    stock = keras.callbacks.ReduceLROnPlateau("m", mode=str(mode), **shared)
    optimizer = optimizers[0] if len(names) == 1 else several
    stock.set_model(SimpleNamespace(optimizer=optimizer))
    stock.on_train_begin()
    replay = PlateauReplay(PlateauRule(monitor="m", mode=mode, **shared))
    rates = {item.name: float32(item.learning_rate) for item in optimizers}
    for epoch, value in enumerate(history):
        stock.on_epoch_end(epoch, _logs(value))
        rates |= replay.epoch_end(epoch, value, rates)

        assert rates == {item.name: float(item.learning_rate) for item in optimizers}
        assert (replay.wait, replay.cooldown_counter) == (stock.wait, stock.cooldown_counter)
        assert _same(replay.best, stock.best)
