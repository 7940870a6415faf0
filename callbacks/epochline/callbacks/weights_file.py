"""Keras weights files whose bytes are put together from a snapshot, without HDF5.

Where each variable lies in a `.weights.h5` file depends on the model alone, not on the values. So
Keras writes the first file of a model itself; from then on a file is that one with other values in
their places, which needs no HDF5, no walk through the model, and can be done by another thread.

What the places hold is found by walking the model as Keras does, with a store that keeps what it is
given. That takes two names that are not public, `saving_lib.H5IOStore` and `_save_state`.

Invariant: a `WeightsPlan` exists only for a model whose first file, made both ways at the same
moment, was the same byte for byte.
"""

from __future__ import annotations

import math
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

import keras
import numpy as np

from epochline.callbacks.saving_lib import saving_lib_or_none
from epochline.callbacks.snapshot import Reader, Snapshot, Snapshots, Source, reader
from epochline.layout import Layout, read_layout
from epochline.statistics import Measurements, Measurer

__all__ = ["PlanError", "WeightsImage", "WeightsPlan", "scratch"]

_MEMORY_FILE_SYSTEM: Final = "/dev/shm"  # noqa: S108 – only a private directory within is used
_GATHERED_BYTES: Final = 1 << 18
_VALUE_BYTES: Final = 4


class PlanError(RuntimeError):
    """A model's files have to be made by Keras itself; the message says why."""


class WeightsPlan:
    """How to put together the weights files of one model.

    Args:
        model: A built model, with its state in it.

    Attributes:
        layout: Where each variable lies.
        size_bytes: Size of each file.

    Raises:
        PlanError: If this model, or this version of Keras, does not allow it.
        OSError: If there is no room for the first file.
    """

    def __init__(self, model: keras.Model) -> None:
        walk = _Walk(model)
        self._key = _key(model)
        with scratch(model) as directory:
            path = directory / "first.weights.h5"
            model.save_weights(path)
            self.layout: Layout = _named(read_layout(path), walk)
            self.size_bytes = path.stat().st_size
            self._datasets = [variable.dataset for variable in self.layout.variables]
            self._template = self._read_template(path)
            self._snapshots = Snapshots([item.size_bytes for item in self.layout.variables])
            readers = self._readers_of(walk)
            self._prove(path, self._snapshots.take(readers))
        self._readers = readers if walk.fixed else None

    def fits(self, model: keras.Model) -> bool:
        """Returns whether `model` still has the variables that the plan was made for."""
        return self._key == _key(model)

    def image(self, model: keras.Model) -> WeightsImage:
        """Returns the file for the present state of `model`; the image before must be written.

        Raises:
            PlanError: If the model now gives other variables to its file than before.
        """
        readers = self._readers or self._readers_of(_Walk(model))
        return WeightsImage(self, self._snapshots.take(readers))

    def write(self, snapshot: Snapshot, sink: Callable[[memoryview], object]) -> Measurements:
        """Gives the bytes of a file to `sink`, in order, and returns what they hold."""
        measurer, gathered = Measurer(), _Gathered(sink)
        for index, variable in enumerate(self.layout.variables):
            gathered(memoryview(self._template[index]))
            measurer.add(snapshot.take(index), variable.dtype, then=gathered)
        gathered(memoryview(self._template[-1]))
        gathered.flush()
        return measurer.result()

    def _read_template(self, path: Path) -> list[bytes]:
        """Returns what is before each variable, and behind the last."""
        pieces: list[bytes] = []
        with path.open("rb") as file:
            end = 0
            for variable in self.layout.variables:
                file.seek(end)
                pieces.append(file.read(variable.offset - end))
                end = variable.offset + variable.size_bytes
            file.seek(end)
            pieces.append(file.read())
        return pieces

    def _readers_of(self, walk: _Walk) -> list[Reader]:
        if walk.values.keys() != set(self._datasets):
            odd = sorted(walk.values.keys() ^ set(self._datasets))
            msg = f"the file does not hold what the model gave to it (first: {odd[0]})"
            raise PlanError(msg)
        for variable in self.layout.variables:
            value = walk.values[variable.dataset]
            dtype = keras.backend.standardize_dtype(value.dtype)
            if (tuple(value.shape), dtype) != (variable.shape, variable.dtype):
                msg = f"{variable.dataset} has become {dtype} of shape {tuple(value.shape)}"
                raise PlanError(msg)
        return [reader(walk.values[dataset]) for dataset in self._datasets]

    def _prove(self, path: Path, snapshot: Snapshot) -> None:
        with path.open("rb") as file:
            for index, variable in enumerate(self.layout.variables):
                file.seek(variable.offset)
                if snapshot.take(index) != file.read(variable.size_bytes):
                    msg = f"{variable.dataset} would not be, byte for byte, what Keras writes"
                    raise PlanError(msg)


class WeightsImage:
    """A weights file of one moment that is still to be put together.

    Args:
        plan: How.
        snapshot: The values.
    """

    def __init__(self, plan: WeightsPlan, snapshot: Snapshot) -> None:
        self._plan = plan
        self._snapshot = snapshot
        self.size_bytes = plan.size_bytes
        self.layout = plan.layout

    def write(self, sink: Callable[[memoryview], object]) -> Measurements:
        """Gives the bytes to `sink`, in order, once; returns the statistics of the variables."""
        return self._plan.write(self._snapshot, sink)


class _Gathered:
    """Makes few large pieces of many small ones: each costs a system call."""

    def __init__(self, sink: Callable[[memoryview], object]) -> None:
        self._sink = sink
        self._waiting = bytearray()

    def __call__(self, data: memoryview) -> None:
        if data.nbytes < _GATHERED_BYTES:
            self._waiting += data
        if data.nbytes >= _GATHERED_BYTES or len(self._waiting) >= _GATHERED_BYTES:
            self.flush()
        if data.nbytes >= _GATHERED_BYTES:
            self._sink(data)

    def flush(self) -> None:
        waiting, self._waiting = self._waiting, bytearray()
        if waiting:
            self._sink(memoryview(waiting))


class _Walk:
    """What a model gives to its weights file.

    Attributes:
        values: Path in the file to the variable, or the value where that was given.
        fixed: Whether it would give the same variables every time: only code of Keras chose them.
    """

    def __init__(self, model: keras.Model) -> None:
        self.values: dict[str, Source] = {}
        self.fixed = True
        self._optimizers = {id(item): item for item in _optimizers(model)}
        layers = {id(item): item for item in model._flatten_layers()}  # noqa: SLF001 – see above
        self._owners: Mapping[int, Any] = layers | self._optimizers
        self._visited = _Visited()
        saving_lib = saving_lib_or_none()
        if saving_lib is None:
            msg = f"Keras {keras.__version__} has moved what it takes to do without it"
            raise PlanError(msg)
        try:
            store = _recording_store(saving_lib.H5IOStore, self)
            saving_lib._save_state(  # noqa: SLF001 – see above
                model,
                weights_store=store,
                assets_store=None,
                inner_path="",
                visited_saveables=self._visited,
            )
        except (AttributeError, TypeError) as error:
            msg = f"Keras {keras.__version__} does it in another way ({error})"
            raise PlanError(msg) from error

    def add(self, group: str, key: str, value: Any) -> None:
        """Called by the store for each value that it is given."""
        owner = self._owners.get(self._visited.current)
        own_rule = getattr(type(owner), "save_own_variables", None)
        if own_rule is None or not str(own_rule.__module__).startswith("keras."):
            self.fixed = False
        if self._visited.current in self._optimizers and key.isdecimal():
            # Optimizers hand out copies of their variables, in this order.
            value = self._optimizers[self._visited.current].variables[int(key)]
        if not isinstance(value, keras.Variable):
            self.fixed = False
            value = np.array(keras.ops.convert_to_numpy(value))
        self.values[f"{group}/vars/{key}".lstrip("/")] = value


class _Visited(set[int]):
    """The objects that were saved; the last one that was asked for is being saved now."""

    current = 0

    def __contains__(self, key: Any) -> bool:
        self.current = key
        return super().__contains__(key)


def _recording_store(base: type[Any], walk: _Walk) -> Any:
    """Returns what Keras takes for a file that is being written."""

    class RecordingStore(base):
        def __init__(self) -> None:
            self._group = ""
            self._keys: dict[str, Any] = {}

        def __bool__(self) -> bool:
            return True

        def make(self, path: str, metadata: Any = None) -> RecordingStore:
            self._group, self._keys = path, {}
            return self

        def __setitem__(self, key: str, value: Any) -> None:
            self._keys[key] = value
            walk.add(self._group, key, value)

        def __getitem__(self, key: str) -> Any:
            return self._keys[key]

        def __delitem__(self, key: str) -> None:
            msg = "a layer deletes what it has saved"
            raise PlanError(msg)

        def __contains__(self, key: object) -> bool:
            return key in self._keys

        def __len__(self) -> int:
            return len(self._keys)

        def keys(self) -> Any:
            return self._keys.keys()

    return RecordingStore()


def _named(layout: Layout, walk: _Walk) -> Layout:
    """Returns `layout` with the names of the Keras variables."""
    return Layout.of(
        replace(item, name=source.path, trainable=bool(source.trainable))
        if isinstance(source := walk.values.get(item.dataset), keras.Variable)
        else item
        for item in layout.variables
    )


def _optimizers(model: keras.Model) -> Iterator[Any]:
    waiting = [getattr(model, "optimizer", None)]
    while waiting:
        optimizer = waiting.pop()
        if optimizer is not None:
            yield optimizer
            waiting += [getattr(optimizer, "inner_optimizer", None)]
            waiting += getattr(optimizer, "optimizers", None) or []


def _key(model: keras.Model) -> tuple[int, ...]:
    """Changes when the model has other variables than before."""
    optimizer = getattr(model, "optimizer", None)
    variables = [*model.variables, *(optimizer.variables if optimizer is not None else ())]
    return (id(model), *map(id, variables))


@contextmanager
def scratch(model: keras.Model) -> Iterator[Path]:
    """Yields a private directory with room for a file of `model`, in memory where that has room."""
    optimizer = getattr(model, "optimizer", None)
    variables = [*model.variables, *(optimizer.variables if optimizer is not None else ())]
    # LossScaleOptimizer gives its variables to the file twice.
    needed = 2 * _VALUE_BYTES * sum(math.prod(variable.shape) for variable in variables)
    try:
        roomy = shutil.disk_usage(_MEMORY_FILE_SYSTEM).free > needed
    except OSError:
        roomy = False
    in_memory = _MEMORY_FILE_SYSTEM if roomy and os.access(_MEMORY_FILE_SYSTEM, os.W_OK) else None
    with tempfile.TemporaryDirectory(prefix="epochline-", dir=in_memory) as directory:
        yield Path(directory)
