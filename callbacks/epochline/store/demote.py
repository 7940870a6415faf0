"""Make a checkpoint file smaller: take the optimizer's state out, or round the weights as well.

Both results are plain `.weights.h5` files that Keras loads. Without the optimizer's state the
weights are the very values that were saved. As bfloat16 every weight keeps its sign, its exponent
and 8 of 24 bits of its mantissa, stored the way Keras stores variables of that type.

HDF5 reads a file whose digest was checked, through a descriptor of ours and without its locks, and
writes to memory only. It runs in the training process and on the command line, never in
TensorBoard's.
"""

from __future__ import annotations

import io
import os
from dataclasses import dataclass
from typing import TYPE_CHECKING

from epochline.errors import (
    CheckpointCorruptError,
    CheckpointFormatError,
    CheckpointMissingError,
)
from epochline.events import Tier
from epochline.store.digest import digest_stream
from epochline.store.files import open_regular
from epochline.tiers import is_dropped, is_rounded

if TYPE_CHECKING:
    from pathlib import Path

    import h5py

__all__ = ["Demoted", "demoted_image"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Demoted:
    """The bytes of a smaller file.

    Attributes:
        image: The bytes.
        source: Which file they were made from, as `os.lstat` tells it.
    """

    image: memoryview
    source: os.stat_result


def demoted_image(path: Path, tier: Tier, *, size_bytes: int, digest: str) -> Demoted:
    """Return what a checkpoint file becomes at `tier`.

    Args:
        path: A `.weights.h5` file.
        tier: `WITHOUT_OPTIMIZER` or `BFLOAT16`, which has no optimizer either.
        size_bytes: Size that was recorded.
        digest: Digest that was recorded.

    Raises:
        CheckpointMissingError: The file is not there.
        CheckpointCorruptError: It is not what was recorded.
        CheckpointFormatError: It is no HDF5 file.
        OSError: It cannot be read.
    """
    import h5py

    try:
        descriptor = open_regular(path)
    except (FileNotFoundError, NotADirectoryError) as error:
        raise CheckpointMissingError(str(path)) from error
    with io.FileIO(descriptor) as file:
        stat = os.fstat(descriptor)
        if stat.st_size != size_bytes:
            found = f"{stat.st_size:,} bytes"
            raise CheckpointCorruptError(str(path), f"{size_bytes:,} bytes", found)
        read = digest_stream(file, path).digest
        if read != digest:
            raise CheckpointCorruptError(str(path), digest, read)
        file.seek(0)
        image = io.BytesIO()
        try:
            with h5py.File(file, "r") as source, h5py.File(image, "w") as target:
                _copy(source, target, as_bfloat16=tier is Tier.BFLOAT16)
        except (OSError, RuntimeError, ValueError, KeyError) as error:
            # What h5py makes of the errors of HDF5.
            said = f"HDF5 says: {' '.join(str(error).split())}."
            raise CheckpointFormatError(str(path), said) from error
    return Demoted(image=image.getbuffer(), source=stat)


def _copy(source: h5py.File, target: h5py.File, *, as_bfloat16: bool) -> None:
    _copy_attributes(source, target)
    for name in source:
        if is_dropped(name):
            continue
        if as_bfloat16:
            _round(source[name], target, name)
        else:
            source.copy(name, target, name)


def _round(item: h5py.Group | h5py.Dataset, parent: h5py.Group, name: str) -> None:
    import h5py

    from epochline.dtypes import to_bfloat16

    if isinstance(item, h5py.Group):
        group = parent.create_group(name)
        _copy_attributes(item, group)
        for inner in item:
            _round(item[inner], group, inner)
    elif is_rounded(item.dtype.name, item.shape):
        rounded = parent.create_dataset(name, data=to_bfloat16(item[()]).view("V2"))
        _copy_attributes(item, rounded)
        rounded.attrs["dtype"] = "bfloat16"  # how Keras tells it from other opaque values
    else:
        item.file.copy(item, parent, name)


def _copy_attributes(source: h5py.HLObject, target: h5py.HLObject) -> None:
    for name, value in source.attrs.items():
        target.attrs[name] = value
