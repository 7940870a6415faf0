"""What a Keras file of a model's present state will hold, taken while the training is held.

HDF5 must not write to the disk that checkpoints go to: an error while it flushes is swallowed, the
save reports success, and the process may die later. So here a file is made in memory, or is put
together from a snapshot while it is written; whoever stores it does its own checked writes.

Invariant: the bytes are those that `model.save_weights` or `model.save` would write at that moment.
"""

from __future__ import annotations

import io
import math
from pathlib import Path
from typing import Final, Protocol

import h5py
import keras

from epochline.callbacks.keras_archive import (
    KerasArchive,
    archive_members,
)
from epochline.callbacks.saving_lib import saving_lib_or_none
from epochline.callbacks.sharding import GIGABYTE, Sharding
from epochline.callbacks.walk import PlanError
from epochline.callbacks.weights_file import Reuse, WeightsImage, WeightsPlan, scratch
from epochline.layout import Layout
from epochline.session import Session
from epochline.shards import INDEX_ENDING, WEIGHTS_ENDING, Division, parse_index
from epochline.statistics import Measurements
from epochline.template import Sink

__all__ = ["Image", "Serializer"]

_PLANNABLE: Final = (WEIGHTS_ENDING, INDEX_ENDING, ".keras")


class Image(Protocol):
    """A file that is still to be written."""

    @property
    def size_bytes(self) -> int | None:
        """Its size, where that is known."""
        ...

    @property
    def layout(self) -> Layout | None:
        """Where the variables lie; None when they cannot be told apart while it is written."""
        ...

    @property
    def division(self) -> Division | None:
        """The shards that it consists of; None when it is one file."""
        ...

    def write(self, sink: Sink, reuse: Reuse | None = None) -> Measurements | None:
        """Gives the bytes to `sink`, in order, once; shards one after the other.

        Args:
            sink: Gets them.
            reuse: Asked about shards whose bytes may be there already.

        Returns:
            Statistics of the variables of `layout`; None without one.
        """
        ...


class Serializer:
    """Makes the images of one training.

    Args:
        session: Is told when the training has to wait for Keras.
    """

    def __init__(self, session: Session) -> None:
        self._session = session
        self._plans: dict[Sharding | None, WeightsPlan] = {}
        self._no_plan = False

    def image(self, model: keras.Model, name: str, sharding: Sharding | None = None) -> Image:
        """Returns the Keras file `name` for the present state of `model`.

        The image that was made before must have been written.

        Args:
            model: A built model.
            name: Its ending says the format: `.weights.h5` (weights, and the optimizer's state when
                compiled), `.weights.json` (the same in several files), `.keras` (whole model) or
                `.h5` (whole model, legacy).
            sharding: How it is spread over several files, for `.weights.json`.

        Raises:
            ValueError: If Keras cannot write that model in that format, or a variable is larger
                than a file may be.
            OSError: If a file that Keras needs in between cannot be written.
        """
        sharding = (sharding or Sharding()) if name.endswith(INDEX_ENDING) else None
        if name.endswith(_PLANNABLE) and model.built:
            planned = self._planned(model, sharding)
            if planned is not None:
                whole = name.endswith(".keras")
                return KerasArchive(archive_members(model), planned) if whole else planned
        if sharding is not None:
            return _sharded_by_keras(model, name, sharding)
        return _Made(_in_memory(model, name) or _by_scratch_file(model, name))

    def _planned(self, model: keras.Model, sharding: Sharding | None) -> WeightsImage | None:
        if self._no_plan:
            return None
        try:
            plan = self._plans.get(sharding)
            if plan is None or not plan.fits(model):
                plan = self._new_plan(model, sharding)
            try:
                return plan.image(model)
            except PlanError:  # a layer gives other values to its file than at first
                return self._new_plan(model, sharding).image(model)
        except (PlanError, OSError) as error:
            self._no_plan = True
            self._session.notice(
                "saved_by_keras",
                f"Keras itself makes the files of this training, which waits for it: {error}.",
                "The checkpoints are as good; each save takes longer.",
            )
            return None

    def _new_plan(self, model: keras.Model, sharding: Sharding | None) -> WeightsPlan:
        before = self._plans.pop(sharding, None)
        plan = WeightsPlan(model, sharding, before.moving if before else frozenset())
        self._plans[sharding] = plan
        self._tell_large(plan.layout, sharding)
        return plan

    def _tell_large(self, layout: Layout, sharding: Sharding | None) -> None:
        limit = sharding.max_bytes if sharding is not None else None
        largest = max(layout.variables, key=lambda item: item.size_bytes, default=None)
        if largest is not None and limit is not None and largest.size_bytes > limit:
            self._session.notice(
                "shard_too_large",
                f"{largest.label} alone has {largest.size_bytes} bytes, more than the {limit} of "
                "max_shard_size: its file is larger than that.",
                "Make max_shard_size larger, so that it says what you get.",
            )


class _Made:
    """A file, or several, that are in memory already."""

    def __init__(self, data: bytes | memoryview, division: Division | None = None) -> None:
        self._data = memoryview(data)
        self.size_bytes: int | None = self._data.nbytes
        self.layout: Layout | None = None
        self.division = division

    def write(self, sink: Sink, reuse: Reuse | None = None) -> Measurements | None:
        sink(self._data)
        return None


def _in_memory(model: keras.Model, name: str) -> bytes | memoryview | None:
    """Returns the file as Keras makes it in memory, None where it cannot."""
    saving_lib = saving_lib_or_none()
    if saving_lib is None or not name.endswith(_PLANNABLE) or not model.built:
        return None
    if name.endswith(".keras"):
        buffer = io.BytesIO()
        saving_lib.save_model(model, buffer)
        return buffer.getbuffer()
    store = saving_lib.H5IOStore(io.BytesIO(), mode="w")
    store.h5_file.close()
    # On a Python file object HDF5 lays out the same datasets otherwise than on a disk; its own
    # memory driver gives the very bytes.
    store.h5_file = h5py.File(f"epochline-{id(store)}", "w", driver="core", backing_store=False)
    try:
        saving_lib._save_state(  # noqa: SLF001 – see saving_lib.py
            model, weights_store=store, assets_store=None, inner_path="", visited_saveables=set()
        )
        store.h5_file.flush()
        image: bytes = store.h5_file.id.get_file_image()
        return image
    finally:
        store.close()


def _by_scratch_file(model: keras.Model, name: str) -> bytes:
    with scratch(model) as directory:
        path = directory / Path(name).name
        if name.endswith(WEIGHTS_ENDING):
            model.save_weights(path)
        else:
            model.save(path)
        return path.read_bytes()


def _sharded_by_keras(model: keras.Model, name: str, sharding: Sharding) -> _Made:
    limit = math.inf if sharding.max_bytes is None else sharding.max_bytes / GIGABYTE
    with scratch(model) as directory:
        path = directory / Path(name).name
        model.save_weights(path, max_shard_size=limit)
        index = path.read_bytes()
        shards = [(directory / one.name).read_bytes() for one in parse_index(index, path.name)]
    division = Division.of_index(index, path.name, [len(shard) for shard in shards])
    return _Made(b"".join(shards), division)
