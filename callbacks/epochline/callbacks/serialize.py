"""What a Keras file of a model's present state will hold, taken while the training is held.

HDF5 must not write to the disk that checkpoints go to: an error while it flushes is swallowed, the
save reports success, and the process may die later. So here a file is made in memory, or is put
together from a snapshot while it is written; whoever stores it does its own checked writes.

Invariant: the bytes are those that `model.save_weights` or `model.save` would write at that moment.
"""

from __future__ import annotations

import io
from collections.abc import Callable
from pathlib import Path
from typing import Final, Protocol

import h5py
import keras

from epochline.callbacks.keras_archive import (
    KerasArchive,
    archive_members,
)
from epochline.callbacks.saving_lib import saving_lib_or_none
from epochline.callbacks.weights_file import PlanError, WeightsImage, WeightsPlan, scratch
from epochline.layout import Layout
from epochline.session import Session
from epochline.statistics import Measurements

__all__ = ["Image", "Serializer"]

_PLANNABLE: Final = (".weights.h5", ".keras")


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

    def write(self, sink: Callable[[memoryview], object]) -> Measurements | None:
        """Gives the bytes to `sink`, in order, once.

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
        self._plan: WeightsPlan | None = None
        self._no_plan = False

    def image(self, model: keras.Model, name: str) -> Image:
        """Returns the Keras file `name` for the present state of `model`.

        The image that was made before must have been written.

        Args:
            model: A built model.
            name: Its ending says the format: `.weights.h5` (weights, and the optimizer's state when
                compiled), `.keras` (whole model) or `.h5` (whole model, legacy).

        Raises:
            ValueError: If Keras cannot write that model in that format.
            OSError: If a file that Keras needs in between cannot be written.
        """
        if name.endswith(_PLANNABLE) and model.built:
            planned = self._planned(model)
            if planned is not None:
                whole = name.endswith(".keras")
                return KerasArchive(archive_members(model), planned) if whole else planned
        return _Made(_in_memory(model, name) or _by_scratch_file(model, name))

    def _planned(self, model: keras.Model) -> WeightsImage | None:
        if self._no_plan:
            return None
        try:
            if self._plan is None or not self._plan.fits(model):
                self._plan = WeightsPlan(model)
            try:
                return self._plan.image(model)
            except PlanError:  # a layer gives other values to its file than at first
                self._plan = WeightsPlan(model)
                return self._plan.image(model)
        except (PlanError, OSError) as error:
            self._no_plan = True
            self._session.notice(
                "saved_by_keras",
                f"Keras itself makes the files of this training, which waits for it: {error}.",
                "The checkpoints are as good; each save takes longer.",
            )
            return None


class _Made:
    """A file that is in memory already."""

    def __init__(self, data: bytes | memoryview) -> None:
        self._data = memoryview(data)
        self.size_bytes: int | None = self._data.nbytes
        self.layout: Layout | None = None

    def write(self, sink: Callable[[memoryview], object]) -> Measurements | None:
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
        if name.endswith(".weights.h5"):
            model.save_weights(path)
        else:
            model.save(path)
        return path.read_bytes()
