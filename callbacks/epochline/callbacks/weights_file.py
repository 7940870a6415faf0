"""Keras weights files whose bytes are put together from a snapshot, without HDF5.

Where each variable lies in a `.weights.h5` file depends on the model alone, not on the values. So
Keras writes the first file of a model itself; from then on a file is that one with other values in
their places, which needs no HDF5, no walk through the model, and can be done by another thread.

What the places hold is found by walking the model as Keras does (`walk.py`). The weights may also
be spread over several such files (`sharding.py`), which Keras loads by an index that names them.

Invariant: a `WeightsPlan` exists only for a model whose first file, made both ways at the same
moment, was the same byte for byte.
"""

from __future__ import annotations

import math
import os
import shutil
import tempfile
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any, Final, NamedTuple

import keras
import numpy as np

from epochline.callbacks.sharding import Sharding, divide
from epochline.callbacks.snapshot import Reader, Snapshot, Snapshots, reader
from epochline.callbacks.walk import PlanError, Walk
from epochline.contrast import VariableFile
from epochline.errors import CheckpointFormatError
from epochline.layout import Layout, Variable, joined, read_layout
from epochline.shards import Division
from epochline.statistics import Measurements, Measurer
from epochline.store.digest import Digester
from epochline.template import Sink, Template, write_skeleton

__all__ = ["PlanError", "Reuse", "WeightsImage", "WeightsPlan", "scratch"]

Reuse = Callable[[str], bool]
"""Digest of a file that comes next to whether it is there already and need not be written."""

_MEMORY_FILE_SYSTEM: Final = "/dev/shm"  # noqa: S108 – only a private directory within is used
_GATHERED_BYTES: Final = 1 << 18
_VALUE_BYTES: Final = 4


class WeightsPlan:
    """How to put together the weights files of one model.

    Args:
        model: A built model, with its state in it.
        sharding: How they are spread over several files; None for one file.
        moving: Groups that change although they are not trained, as far as is known.

    Attributes:
        layout: Where each variable lies; when there are several files, in all of them one behind
            the other.
        size_bytes: Size of all files together.
        division: How the variables are spread over the files; None for one file.
        moving: Groups that have changed although they are not trained.

    Raises:
        PlanError: If this model, or this version of Keras, does not allow it.
        ValueError: If it cannot be spread over files in that way.
        OSError: If there is no room for the first file.
    """

    def __init__(
        self,
        model: keras.Model,
        sharding: Sharding | None = None,
        moving: frozenset[str] = frozenset(),
    ) -> None:
        walk = Walk(model)
        self.moving = moving
        self._known = moving
        self._frozen_apart = sharding is not None and sharding.frozen_apart
        self._key = self._key_of(model)
        self._digests: dict[str, bytes] = {}
        with scratch(model) as directory:
            path = directory / "first.weights.h5"
            model.save_weights(path)
            whole = _named(read_layout(path), walk)
            self._groups = walk.groups
            self._files = (
                [_File(_template(path), 0, frozen=False)]
                if sharding is None
                else _shards(path, whole, walk, sharding, moving)
            )
            self.layout = _named(
                joined((file.template.layout, file.template.size_bytes) for file in self._files),
                walk,
            )
            self._datasets = [variable.dataset for variable in self.layout.variables]
            self._snapshots = Snapshots([item.size_bytes for item in self.layout.variables])
            readers = self._readers_of(walk)
            self._prove(path, whole, self._snapshots.take(readers))
        self.size_bytes = sum(file.template.size_bytes for file in self._files)
        self.division = None if sharding is None else self._division()
        self._readers = readers if walk.fixed else None

    def fits(self, model: keras.Model) -> bool:
        """Returns whether `model` still has the variables that the plan was made for."""
        return self._key == self._key_of(model) and self.moving == self._known

    def _key_of(self, model: keras.Model) -> tuple[int, ...]:
        """Changes when the model has other variables, or others of them are trained."""
        trained = [item.trainable for item in model.variables] if self._frozen_apart else ()
        return (id(model), *map(id, _variables(model)), *trained)

    def image(self, model: keras.Model) -> WeightsImage:
        """Returns the file for the present state of `model`; the image before must be written.

        Raises:
            PlanError: If the model now gives other variables to its file than before.
        """
        readers = self._readers or self._readers_of(Walk(model))
        return WeightsImage(self, self._snapshots.take(readers))

    def write(self, snapshot: Snapshot, sink: Sink, reuse: Reuse | None = None) -> Measurements:
        """Gives the bytes of all files to `sink`, in order, and returns what they hold.

        Args:
            snapshot: The values.
            sink: Gets the bytes.
            reuse: Called with the digest of a file of frozen layers that comes next; True when it
                is there already, and its bytes are not wanted.
        """
        measurer, gathered = Measurer(), _Gathered(sink)
        for file in self._files:
            measure = partial(self._measure, snapshot, file.first, measurer)
            if reuse is not None and file.frozen:
                gathered.flush()
                digester = Digester()
                file.template.write(digester.update, partial(measure, keep=True))
                if not reuse(digester.digest()):
                    file.template.write(gathered, partial(_give, snapshot, file.first))
            else:
                file.template.write(gathered, measure)
        gathered.flush()
        measurements = measurer.result()
        self._watch_frozen(measurements)
        return measurements

    def _measure(
        self,
        snapshot: Snapshot,
        first: int,
        measurer: Measurer,
        place: int,
        sink: Sink,
        *,
        keep: bool = False,
    ) -> None:
        """Measures a variable of a file, and gives its bytes to `sink`."""
        dtype = self.layout.variables[first + place].dtype
        measurer.add(snapshot.take(first + place, keep=keep), dtype, then=sink)

    def _watch_frozen(self, measurements: Measurements) -> None:
        """Finds what has changed since the last time although it is not trained."""
        count = next((file.first for file in self._files if not file.frozen), len(measurements))
        now = {name: measurements.digest(at) for at, name in enumerate(self._datasets[:count])}
        changed = [name for name, digest in self._digests.items() if now[name] != digest]
        self.moving |= {self._groups[name] for name in changed}
        self._digests = now

    def _division(self) -> Division:
        places: dict[str, tuple[int, ...]] = {}
        for place, file in enumerate(self._files):
            for variable in file.template.layout.variables:
                group = f"{self._groups[variable.dataset]}/vars"
                group = group if group.startswith("/") else f"/{group}"
                places[group] = tuple(dict.fromkeys((*places.get(group, ()), place)))
        return Division(
            sizes=tuple(file.template.size_bytes for file in self._files),
            groups=places,
            values_bytes=sum(variable.size_bytes for variable in self.layout.variables),
            shared=frozenset(place for place, file in enumerate(self._files) if file.frozen),
        )

    def _readers_of(self, walk: Walk) -> list[Reader]:
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

    def _prove(self, path: Path, whole: Layout, snapshot: Snapshot) -> None:
        by_keras = {variable.dataset: variable for variable in whole.variables}
        with VariableFile(path) as file:
            for index, dataset in enumerate(self._datasets):
                if not _same(snapshot.take(index), file.blocks(by_keras[dataset])):
                    msg = f"{dataset} would not be, byte for byte, what Keras writes"
                    raise PlanError(msg)


class WeightsImage:
    """A weights file of one moment, or several, still to be put together.

    Args:
        plan: How.
        snapshot: The values.
    """

    def __init__(self, plan: WeightsPlan, snapshot: Snapshot) -> None:
        self._plan = plan
        self._snapshot = snapshot
        self.size_bytes = plan.size_bytes
        self.layout = plan.layout
        self.division = plan.division

    def write(self, sink: Sink, reuse: Reuse | None = None) -> Measurements:
        """Gives the bytes to `sink`, in order, once; returns the statistics of the variables."""
        return self._plan.write(self._snapshot, sink, reuse)


class _File(NamedTuple):
    """One of the files of a plan.

    Attributes:
        template: The file without the values.
        first: Place of its first variable among those of all files.
        frozen: Whether it holds nothing that is trained.
    """

    template: Template
    first: int
    frozen: bool


def _same(data: memoryview, blocks: Iterable[memoryview]) -> bool:
    """Returns whether `data` is what the blocks are, one behind the other."""
    start = 0
    for block in blocks:
        # Memoryviews themselves are compared value by value, at a thirtieth of the speed.
        if not np.array_equal(np.asarray(data[start : start + block.nbytes]), np.asarray(block)):
            return False
        start += block.nbytes
    return start == data.nbytes


def _give(snapshot: Snapshot, first: int, place: int, sink: Sink) -> None:
    sink(snapshot.take(first + place))


def _shards(
    path: Path, whole: Layout, walk: Walk, sharding: Sharding, moving: frozenset[str]
) -> list[_File]:
    """Returns the files that a model's weights are spread over.

    Args:
        path: The weights in one file, as Keras writes it, in a scratch directory.
        whole: What is in there.
        walk: The same in the order in which Keras saves it.
        sharding: How they are to be spread.
        moving: Groups that do not count as frozen.
    """
    by_dataset = {variable.dataset: variable for variable in whole.variables}
    groups: dict[str, list[Variable]] = {}
    for dataset, group in walk.groups.items():
        if dataset in by_dataset:
            groups.setdefault(group, []).append(by_dataset[dataset])
    frozen = walk.frozen - moving if sharding.frozen_apart else frozenset()
    parts, still = divide(groups, frozen, sharding.max_bytes)
    files: list[_File] = []
    first = 0
    for place, part in enumerate(parts):
        shard = path.with_name(f"shard_{place:05}.weights.h5")
        write_skeleton(shard, {path: [variable.dataset for variable in part]})
        files.append(_File(_template(shard), first, frozen=place < still))
        first += len(part)
    return files


def _template(path: Path) -> Template:
    try:
        return Template.read(path)
    except CheckpointFormatError as error:
        raise PlanError(str(error).rstrip(".")) from error


class _Gathered:
    """Makes few large pieces of many small ones: each costs a system call."""

    def __init__(self, sink: Sink) -> None:
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


def _named(layout: Layout, walk: Walk) -> Layout:
    """Returns `layout` with the names of the Keras variables."""

    def named(item: Variable) -> Variable:
        source: Any = walk.values.get(item.dataset)
        if not isinstance(source, keras.Variable):
            return item
        return replace(item, name=source.path, trainable=bool(source.trainable))

    return Layout.of(map(named, layout.variables))


def _variables(model: keras.Model) -> list[keras.Variable]:
    optimizer = getattr(model, "optimizer", None)
    return [*model.variables, *(optimizer.variables if optimizer is not None else ())]


@contextmanager
def scratch(model: keras.Model) -> Iterator[Path]:
    """Yields a private directory with room for a file of `model`, in memory where that has room."""
    # LossScaleOptimizer gives its variables to the file twice.
    needed = 2 * _VALUE_BYTES * sum(math.prod(variable.shape) for variable in _variables(model))
    try:
        roomy = shutil.disk_usage(_MEMORY_FILE_SYSTEM).free > needed
    except OSError:
        roomy = False
    in_memory = _MEMORY_FILE_SYSTEM if roomy and os.access(_MEMORY_FILE_SYSTEM, os.W_OK) else None
    with tempfile.TemporaryDirectory(prefix="epochline-", dir=in_memory) as directory:
        yield Path(directory)
