"""Models of many kinds, small, for what must hold for each of them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import keras
import numpy as np
from keras import layers

__all__ = ["KINDS", "Kind", "data_for"]

Kind = Callable[[], keras.Model]
WIDTH = 8
ROWS = 48


def data_for(model: keras.Model) -> tuple[Any, Any]:
    """Returns inputs and targets of the shapes that `model` wants, the same every time."""
    rng = np.random.default_rng(5)
    kinds = model.inputs if getattr(model, "inputs", None) else [keras.KerasTensor((None, WIDTH))]
    columns = [_column(rng, tensor) for tensor in kinds]
    targets = rng.normal(size=(ROWS, 1)).astype("float32")
    return (columns[0] if len(columns) == 1 else columns), targets


def _column(rng: np.random.Generator, tensor: Any) -> Any:
    shape = (ROWS, *tensor.shape[1:])
    if tensor.dtype == "string":
        import tensorflow as tf

        return tf.constant(rng.choice(["red", "green", "blue"], size=shape))
    if tensor.dtype.startswith("int"):
        return rng.integers(0, 20, size=shape).astype("int32")
    return rng.normal(size=shape).astype("float32")


def _compiled(model: keras.Model, optimizer: Any = "adam") -> keras.Model:
    model.compile(optimizer, "mse")
    return model


def _sequential(*hidden: layers.Layer, optimizer: Any = "adam") -> keras.Model:
    stack = [keras.Input((WIDTH,)), layers.Dense(12, "relu"), *hidden, layers.Dense(1)]
    return _compiled(keras.Sequential(stack), optimizer)


class Block(layers.Layer):
    """A layer with layers in a list and a dictionary of its own."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self.many = [layers.Dense(6), layers.LayerNormalization()]
        self.named = {"z": layers.Dense(5), "a": layers.Dense(4)}

    def call(self, inputs: Any) -> Any:
        hidden = inputs
        for layer in self.many:
            hidden = layer(hidden)
        return self.named["a"](self.named["z"](hidden))


class Subclassed(keras.Model):
    def __init__(self) -> None:
        super().__init__()
        self.encoder = keras.Sequential([layers.Dense(7), Block()])
        self._head = layers.Dense(1)

    def call(self, inputs: Any) -> Any:
        return self._head(self.encoder(inputs))


class Gain(layers.Layer):
    """Saves its state as it pleases: a variable under its own key, and a number of its own."""

    def build(self, shape: Any) -> None:
        self.gain = self.add_weight(shape=(shape[-1],), initializer="ones", name="gain")
        self.total = 0.0

    def call(self, inputs: Any) -> Any:
        return inputs * self.gain

    def save_own_variables(self, store: Any) -> None:
        self.total = float(np.sum(keras.ops.convert_to_numpy(self.gain)))
        store["gain"] = self.gain
        store["total"] = np.array([self.total])

    def load_own_variables(self, store: Any) -> None:
        self.gain.assign(store["gain"])
        self.total = float(store["total"][0])


class TwoOptimizers(keras.Model):
    """Trains its two halves with optimizers of their own, one of them not known to `compile`."""

    def __init__(self) -> None:
        super().__init__()
        self.front, self.back = layers.Dense(6), layers.Dense(1)
        self.second = keras.optimizers.SGD(0.01, momentum=0.9)

    def build(self, shape: Any) -> None:
        self.front.build(shape)
        self.back.build((None, 6))
        self.second.build(self.back.trainable_variables)
        self.built = True

    def call(self, inputs: Any) -> Any:
        return self.back(self.front(inputs))


def _functional() -> keras.Model:
    left, right = keras.Input((WIDTH,)), keras.Input((3,))
    joined = layers.Concatenate()([layers.Dense(4)(left), layers.Dense(4)(right)])
    return _compiled(keras.Model([left, right], layers.Dense(1)(joined)))


def _shared() -> keras.Model:
    shared, entry = layers.Dense(WIDTH), keras.Input((WIDTH,))
    return _compiled(keras.Model(entry, layers.Dense(1)(shared(shared(entry)))))


def _attention() -> keras.Model:
    entry = keras.Input((4, WIDTH))
    attended = layers.MultiHeadAttention(2, 3)(entry, entry)
    return _compiled(keras.Model(entry, layers.Dense(1)(layers.Flatten()(attended))))


def _normalization() -> keras.Model:
    layer = layers.Normalization()
    layer.adapt(np.random.default_rng(1).normal(size=(64, WIDTH)).astype("float32"))
    stack = [keras.Input((WIDTH,)), layer, layers.Dense(1)]
    return _compiled(keras.Sequential(stack))


def _policy(name: str) -> Kind:
    def made() -> keras.Model:
        before = keras.config.dtype_policy()
        keras.config.set_dtype_policy(name)
        try:
            return _sequential(layers.BatchNormalization())
        finally:
            keras.config.set_dtype_policy(before)

    return made


def _lora() -> keras.Model:
    model = _sequential(layers.Dense(10))
    model.layers[0].enable_lora(2)
    return _compiled(model)


def _int8() -> keras.Model:
    stack = [keras.Input((WIDTH,)), layers.Dense(6), layers.Dense(1)]
    model = keras.Sequential(stack)
    model.layers[0].quantize("int8")
    return _compiled(model)


def _by_rank() -> Callable[[Any], Any]:
    matrices, others = keras.optimizers.Adam(0.01), keras.optimizers.SGD(0.01, momentum=0.9)
    return lambda variable: matrices if len(variable.shape) > 1 else others


def _subclassed() -> keras.Model:
    model = Subclassed()
    model(np.zeros((1, WIDTH), "float32"))  # builds the layers within layers, too
    return _compiled(model)


def _two_optimizers() -> keras.Model:
    model = TwoOptimizers()
    model.build((None, WIDTH))
    return _compiled(model)


def _kinds() -> Iterator[tuple[str, Kind]]:
    optimizers = keras.optimizers
    yield "sequential", _sequential
    yield "functional", _functional
    yield "nested_subclassed", _subclassed
    yield "shared_layer", _shared
    yield "own_variables", lambda: _sequential(Gain())
    yield "batch_normalization", lambda: _sequential(layers.BatchNormalization())
    yield "dropout", lambda: _sequential(layers.Dropout(0.3))
    yield (
        "rnn",
        lambda: _compiled(
            keras.Sequential(
                [keras.Input((5, 3)), layers.Bidirectional(layers.LSTM(4)), layers.Dense(1)]
            )
        ),
    )
    yield (
        "convolution",
        lambda: _compiled(
            keras.Sequential(
                [keras.Input((6, 6, 1)), layers.Conv2D(3, 3), layers.Flatten(), layers.Dense(1)]
            )
        ),
    )
    yield "attention", _attention
    yield (
        "embedding",
        lambda: _compiled(
            keras.Sequential(
                [
                    keras.Input((4,), dtype="int32"),
                    layers.Embedding(20, 3),
                    layers.Flatten(),
                    layers.Dense(1),
                ]
            )
        ),
    )
    yield "normalization", _normalization
    yield "ema_optimizer", lambda: _sequential(optimizer=optimizers.Adam(use_ema=True))
    yield (
        "loss_scale_optimizer",
        lambda: _sequential(optimizer=optimizers.LossScaleOptimizer(optimizers.Adam())),
    )
    yield "mixed_float16", _policy("mixed_float16")
    yield "mixed_bfloat16", _policy("mixed_bfloat16")
    yield "bfloat16", _policy("bfloat16")
    yield "int8", _int8
    yield "lora", _lora
    yield "adafactor", lambda: _sequential(optimizer="adafactor")
    yield "muon", lambda: _sequential(optimizer=optimizers.Muon(0.01))
    yield "momentum", lambda: _sequential(optimizer=optimizers.SGD(0.01, momentum=0.9))
    yield "two_optimizers", _two_optimizers
    yield "multi_optimizer", lambda: _sequential(optimizer=optimizers.MultiOptimizer(_by_rank()))


KINDS: dict[str, Kind] = dict(_kinds())
