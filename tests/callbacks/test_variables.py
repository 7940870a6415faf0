"""Layouts, statistics, health and comparison on what Keras really writes and trains."""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest

import epochline
from epochline.callbacks import Timeline
from epochline.dtypes import decoder
from epochline.events import Health
from epochline.health import Weights, examine
from epochline.layout import Layout, Variable, read_layout
from epochline.statistics import Measurer, measure
from tests.callbacks.training import FEATURES, TARGETS, new_model, train

L = keras.layers


def _mixed() -> keras.Model:
    model = keras.Sequential([L.Input((4,)), L.Dense(3, dtype="mixed_float16"), L.Dense(1)])
    optimizer = keras.optimizers.LossScaleOptimizer(keras.optimizers.Adam())
    model.compile(optimizer, "mse")
    optimizer.build(model.trainable_variables)
    return model


def _narrow() -> keras.Model:
    half = L.Dense(3, dtype="float16")
    return keras.Sequential([L.Input((4,)), L.Dense(3, dtype="bfloat16"), half, L.Dense(1)])


def _quantized() -> keras.Model:
    model = keras.Sequential([L.Input((4,)), L.Dense(3), L.Dense(1)])
    model.quantize("int8")
    return model


def _many() -> keras.Model:
    inputs = L.Input((8, 4))
    x = L.Bidirectional(L.LSTM(3, return_sequences=True))(inputs)
    x = L.BatchNormalization()(L.MultiHeadAttention(2, 3)(x, x))
    return keras.Model(inputs, L.Dense(1)(L.Flatten()(x)))


MODELS: dict[str, Callable[[], keras.Model]] = {
    "plain": new_model,
    "loss scaling": _mixed,
    "bfloat16 and float16": _narrow,
    "int8": _quantized,
    "recurrent and attention": _many,
}


def _saved(model: keras.Model, path: Path) -> Path:
    if path.name.endswith(".weights.h5"):
        model.save_weights(path)
    else:
        model.save(path)
    return path


def _bytes_of(path: Path, variable: Variable) -> bytes:
    return path.read_bytes()[variable.offset :][: variable.size_bytes]


def _raw(variable: Any) -> bytes:
    return np.asarray(keras.ops.convert_to_numpy(variable)).tobytes()


@pytest.mark.parametrize(
    ("kind", "suffix"),
    [
        (kind, suffix)
        for kind in MODELS
        for suffix in (".weights.h5", ".keras", ".h5")
        if (kind, suffix) != ("int8", ".h5")  # Keras has no legacy form of quantized layers
    ],
)
def test_every_variable_of_a_keras_file_is_found_by_its_bytes(
    kind: str, suffix: str, tmp_path: Path
) -> None:
    """Whatever the dtype and the format: the bytes at the offset are those of the variable."""
    model = MODELS[kind]()
    path = _saved(model, tmp_path / f"model{suffix}")
    layout = read_layout(path)
    stored = [_bytes_of(path, item) for item in layout.variables]
    for variable in model.weights:
        assert _raw(variable) in stored, variable.path
    if getattr(model, "optimizer", None) is not None and suffix != ".h5":
        for variable in model.optimizer.variables:
            assert _raw(variable) in stored, variable.path


@pytest.mark.parametrize("dtype", ["bfloat16", "float8_e4m3fn", "float8_e5m2"])
def test_narrow_floats_are_those_of_keras(dtype: str) -> None:
    """Every bit pattern, and arrays as the backend hands them out."""
    import ml_dtypes

    width = 2 if dtype == "bfloat16" else 1
    raw = np.arange(256**width, dtype=f"<u{width}")
    values = raw.view(getattr(ml_dtypes, dtype))
    decode = decoder(dtype)
    assert decode is not None
    np.testing.assert_array_equal(decode(raw.view("u1")), values.astype("f4"))
    assert repr(measure(values, dtype)) == repr(measure(raw, dtype))


def _measured(model: keras.Model, step: int) -> Weights:
    measurer, variables, offset = Measurer(), [], 0
    for variable in model.trainable_variables:
        values = np.asarray(keras.ops.convert_to_numpy(variable))
        variables.append(
            Variable(
                dataset=variable.path,
                name=variable.path,
                dtype=variable.dtype,
                shape=values.shape,
                offset=offset,
                size_bytes=values.nbytes,
                trainable=True,
            )
        )
        measurer.add(values, variable.dtype)
        offset += values.nbytes
    return Weights(layout=Layout.of(variables), measurements=measurer.result(), step=step)


class _Examine(keras.callbacks.Callback):
    """Looks at the weights after each epoch, as the gate does."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[Health] = []
        self._healthy: Weights | None = None

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        now = _measured(self.model, int(self.model.optimizer.iterations))
        self.found.append(examine(now, self._healthy).health)
        if self.found[-1] is Health.HEALTHY:
            self._healthy = now


@pytest.mark.parametrize(
    ("optimizer", "scale"),
    [
        (lambda: keras.optimizers.Adam(1e-3), 1),
        (lambda: keras.optimizers.Adam(1.0), 1),
        (lambda: keras.optimizers.Adam(0.1), 1e4),
        (lambda: keras.optimizers.RMSprop(0.1), 1),
        (lambda: keras.optimizers.SGD(0.1, momentum=0.9), 1),
        (lambda: keras.optimizers.SGD(1.0), 1),
    ],
    ids=["adam", "adam, rate 1", "adam, large targets", "rmsprop", "momentum", "sgd, rate 1"],
)
def test_trainings_that_learn_are_healthy(
    optimizer: Callable[[], keras.optimizers.Optimizer], scale: float
) -> None:
    """From random weights, with rates that are too high, and with targets far from zero."""
    keras.utils.set_random_seed(1)
    model = keras.Sequential([L.Input((4,)), L.Dense(16, activation="tanh"), L.Dense(1)])
    model.compile(optimizer(), "mae")
    examine_ = _Examine()
    train(model, examine_, y=TARGETS * scale + scale, epochs=12)
    assert examine_.found == [Health.HEALTHY] * 12


def test_a_training_that_blows_up_is_not() -> None:
    """A rate that was cut too late: first a jump, then values that are not finite."""
    keras.utils.set_random_seed(1)
    model = keras.Sequential([L.Input((4,)), L.Dense(8), L.Dense(1)])
    model.compile(keras.optimizers.SGD(0.01), "mse")
    examine_ = _Examine()
    train(model, examine_, epochs=2)
    model.optimizer.learning_rate = 4.0
    train(model, examine_, epochs=6)
    assert examine_.found[:2] == [Health.HEALTHY] * 2
    assert examine_.found[2] in (Health.NORM_JUMP, Health.NOT_FINITE)
    assert Health.HEALTHY not in examine_.found[2:]


def test_checkpoints_of_a_training_are_compared_by_the_names_of_keras(run_dir: Path) -> None:
    """The change that is told is the change of the weights, layer by layer."""
    model = new_model()
    weights: list[dict[str, np.ndarray[Any, Any]]] = []

    class Keep(keras.callbacks.Callback):
        def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
            weights.append({v.path: np.array(v.numpy(), "f8") for v in self.model.weights})

    train(model, Keep(), Timeline(run_dir, monitor="loss"), epochs=3, x=FEATURES)
    first, _, last = epochline.open_run(run_dir).checkpoints
    assert first.measurements is not None
    result = epochline.diff(first, last)
    found = {item.name: item for item in result.variables if not item.of_optimizer}
    assert set(found) == set(weights[0])
    for name, item in found.items():
        change = weights[2][name] - weights[0][name]
        assert item.difference == pytest.approx(np.linalg.norm(change), rel=1e-5)
        assert item.mean_b == pytest.approx(weights[2][name].mean(), rel=1e-5, abs=1e-7)
    layers = dict.fromkeys(name.rpartition("/")[0] for name in weights[0])
    assert [layer.layer for layer in result.layers] == [*layers, "optimizer"]
    before = math.sqrt(sum((values**2).sum() for values in weights[0].values()))
    assert result.weights.norm_a == pytest.approx(before, rel=1e-6)
    assert (result.only_in_a, result.only_in_b, result.notes) == ((), (), ())
