"""The values of variables at one moment, at the price of as little standing still as possible.

TensorFlow's variables are copied when they are written to while somebody holds their value: holding
a reference is enough, and the copying is done by the next step, variable by variable. The arrays of
JAX are deleted when a step is given them ("donation"), and torch changes tensors in place: there
the values are copied, into memory that is kept for the next time.

Invariant: what a `Snapshot` hands out are the values of the moment at which it was taken, whatever
the training does meanwhile.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any, Final

import keras
import numpy as np

__all__ = ["Reader", "Snapshot", "Snapshots", "Source", "reader"]

_Array = np.ndarray[Any, Any]
Source = Any
"""A Keras variable, or an array that stands for itself and is not written to any more."""
Reader = Callable[[], Any]
"""Returns the present value of a variable as the backend holds it."""

_ALIGNMENT: Final = 64


class Snapshot:
    """Values of one moment, each handed out once, unless it is to be kept.

    Args:
        values: For each variable what `host` turns into an array.
        host: Returns an array in the memory of the host; it may share that of its argument.
    """

    def __init__(self, values: Sequence[Any], host: Callable[[Any], _Array]) -> None:
        self._values: list[Any] = list(values)
        self._host = host

    def take(self, index: int, *, keep: bool = False) -> memoryview:
        """Returns the bytes of a value, and lets go of it: its memory is free once they are used.

        In row-major order, and in the byte order of the machine.

        Args:
            index: Which one.
            keep: Whether it will be asked for again.
        """
        value = self._values[index]
        if not keep:
            self._values[index] = None
        # As bytes: Python has no buffer of bfloat16 and the like.
        return np.ascontiguousarray(self._host(value)).reshape(-1).view(np.uint8).data


class Snapshots:
    """Takes snapshots of the same variables again and again.

    One at a time: the next may be taken when the values of the one before have been used.

    Args:
        sizes: Of the value of each variable, in bytes.
    """

    def __init__(self, sizes: Sequence[int]) -> None:
        self._starts = [0, *itertools.accumulate(map(_aligned, sizes))]
        self._arena: _Array | None = None

    def take(self, readers: Sequence[Reader]) -> Snapshot:
        """Returns the values of this moment.

        Args:
            readers: Of the variables, in the order of the sizes.
        """
        if keras.backend.backend() == "tensorflow":
            return Snapshot([read() for read in readers], _shared)
        if self._arena is None:
            self._arena = np.empty(self._starts[-1], np.uint8)
        pairs = zip(readers, self._starts, strict=False)  # the last start is the end
        return Snapshot([self._copied(read(), start) for read, start in pairs], np.asarray)

    def _copied(self, value: _Array, start: int) -> _Array:
        assert self._arena is not None  # noqa: S101 – for the type checker
        copy = self._arena[start : start + value.nbytes].view(value.dtype).reshape(value.shape)
        np.copyto(copy, value)
        return copy


def reader(source: Source) -> Reader:
    """Returns what reads the value of a variable as fast as can be.

    What it returns shares the memory of the variable where that is on the host; Keras's
    `convert_to_numpy` would copy it.
    """
    if isinstance(source, np.ndarray):
        return partial(np.asarray, source)
    return _READERS[keras.backend.backend()](source)


def _tensorflow_reader(source: Source) -> Reader:
    import tensorflow as tf

    variable = source.value
    if type(variable).__name__ == "ResourceVariable":
        # A third of the time of convert_to_tensor, which matters with thousands of variables.
        return partial(tf.raw_ops.ReadVariableOp, resource=variable.handle, dtype=variable.dtype)
    return partial(tf.convert_to_tensor, variable)


def _jax_reader(source: Source) -> Reader:
    return lambda: np.asarray(_value(source))


def _torch_reader(source: Source) -> Reader:
    def read() -> _Array:
        try:
            value: _Array = _value(source).detach().cpu().numpy()
        except TypeError:  # NumPy has no name for bfloat16
            value = keras.ops.convert_to_numpy(source)
        return value

    return read


def _value(source: Source) -> Any:
    return source.value if isinstance(source, keras.Variable) else source


_READERS: Final[Mapping[str, Callable[[Source], Reader]]] = {
    "tensorflow": _tensorflow_reader,
    "jax": _jax_reader,
    "torch": _torch_reader,
}


def _aligned(size: int) -> int:
    return -(-size // _ALIGNMENT) * _ALIGNMENT


def _shared(value: Any) -> _Array:
    """Returns a tensor of TensorFlow as an array, sharing its memory where it is on the host."""
    if isinstance(value, np.ndarray):
        return value
    try:
        return np.asarray(memoryview(value))
    except ValueError:  # bfloat16 and the like: Python has no letter for them
        import tensorflow as tf

        raw = tf.uint16 if value.dtype.size == 2 else tf.uint8  # noqa: PLR2004 – bytes
        return np.asarray(memoryview(tf.bitcast(value, raw)))
