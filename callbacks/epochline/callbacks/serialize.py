"""The bytes of a Keras file, made in memory.

HDF5 must not write to the disk that checkpoints go to: an error while it flushes is swallowed, the
save reports success, and the process may die later. So the image of the file is made in memory and
whoever stores it does its own checked writes.

Invariant: the bytes are those that `model.save_weights` or `model.save` would write at that moment.
"""

from __future__ import annotations

import io
import os
import tempfile
from pathlib import Path
from typing import Any, Final

import h5py
import keras

__all__ = ["file_image"]

_MEMORY_FILE_SYSTEM: Final = "/dev/shm"  # noqa: S108 – only a private directory within is used


def _saving_lib() -> Any:
    """Returns the module that has what no public route of Keras does: write a file to memory.

    None on a Keras that has moved it; the scratch file does then.
    """
    try:
        from keras.src.saving import saving_lib
    except ImportError:
        return None
    wanted = ("H5IOStore", "_save_state", "save_model")
    return saving_lib if all(hasattr(saving_lib, name) for name in wanted) else None


def file_image(model: keras.Model, name: str) -> bytes | memoryview:
    """Returns the bytes of the Keras file `name` for the present state of `model`.

    Args:
        model: A built model.
        name: Its ending says the format: `.weights.h5` (weights, and the optimizer's state when
            compiled), `.keras` (whole model) or `.h5` (whole model, legacy).

    Raises:
        ValueError: If Keras cannot write that model in that format.
    """
    saving_lib = _saving_lib()
    if saving_lib is not None and name.endswith(".weights.h5") and model.built:
        return _weights_in_memory(saving_lib, model)
    if saving_lib is not None and name.endswith(".keras"):
        buffer = io.BytesIO()
        saving_lib.save_model(model, buffer)
        return buffer.getbuffer()
    return _by_scratch_file(model, name)


def _weights_in_memory(saving_lib: Any, model: keras.Model) -> bytes:
    store = saving_lib.H5IOStore(io.BytesIO(), mode="w")
    store.h5_file.close()
    # On a Python file object HDF5 lays out the same datasets otherwise than on a disk; its own
    # memory driver gives the very bytes.
    store.h5_file = h5py.File(f"epochline-{id(store)}", "w", driver="core", backing_store=False)
    try:
        saving_lib._save_state(  # noqa: SLF001 – see _saving_lib
            model, weights_store=store, assets_store=None, inner_path="", visited_saveables=set()
        )
        store.h5_file.flush()
        image: bytes = store.h5_file.id.get_file_image()
        return image
    finally:
        store.close()


def _by_scratch_file(model: keras.Model, name: str) -> bytes:
    in_memory = _MEMORY_FILE_SYSTEM if os.access(_MEMORY_FILE_SYSTEM, os.W_OK) else None
    with tempfile.TemporaryDirectory(prefix="epochline-", dir=in_memory) as directory:
        path = Path(directory, Path(name).name)
        if name.endswith(".weights.h5"):
            model.save_weights(path)
        else:
            model.save(path)
        return path.read_bytes()
