"""Fingerprints of the tensors in a weights file and in a model, to see what a restore really did.

It reads plain Keras files (`.weights.h5`, `.weights.json` and its shards, `.keras`, legacy `.h5`)
with h5py; of Keras's layout it knows one name only, the group of the optimizer. It must be given a
private, verified copy: HDF5 locks what it opens, and damaged files can crash it.
"""

from __future__ import annotations

import io
import zipfile
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from epochline.layout import read_shards
from epochline.shards import INDEX_ENDING
from epochline.store import digest_bytes

if TYPE_CHECKING:
    import h5py

__all__ = ["Fingerprint", "count_equal", "fingerprint", "read_fingerprints", "shape_differences"]

Fingerprint = tuple[tuple[int, ...], str]
"""Shape and digest of the bytes of a tensor."""

OPTIMIZER_PREFIX: Final = "optimizer/"
_KERAS_MEMBER: Final = "model.weights.h5"


def fingerprint(values: np.ndarray[Any, Any]) -> Fingerprint:
    """Returns the fingerprint of an array; equal only for equal shape and equal bytes."""
    return values.shape, digest_bytes(values.tobytes())


def read_fingerprints(path: Path) -> dict[str, Fingerprint]:
    """Returns path within the file to fingerprint, for every tensor in a weights file.

    Args:
        path: A Keras file.

    Raises:
        OSError: If it is no such file.
        KeyError: If a `.keras` archive has no weights.
    """
    import h5py

    if path.name.endswith(INDEX_ENDING):
        found: dict[str, Fingerprint] = {}
        for shard, _ in read_shards(path):
            found |= read_fingerprints(shard)
        return found
    source: Path | io.BytesIO = path
    if path.suffix == ".keras":
        with zipfile.ZipFile(path) as archive:
            source = io.BytesIO(archive.read(_KERAS_MEMBER))
    with h5py.File(source, "r") as file:
        return {name: fingerprint(np.asarray(data[()])) for name, data in _datasets(file, "")}


def _datasets(group: h5py.Group, prefix: str) -> Iterator[tuple[str, h5py.Dataset]]:
    import h5py

    # Not visititems(): it names a tensor that is linked twice only once.
    for name, item in group.items():
        if isinstance(item, h5py.Group):
            yield from _datasets(item, f"{prefix}{name}/")
        else:
            yield prefix + name, item


def count_equal(ours: Iterable[Fingerprint], theirs: Iterable[Fingerprint]) -> int:
    """Returns how many of `ours` are in `theirs`, each of which counts once."""
    return (Counter(ours) & Counter(theirs)).total()


def shape_differences(
    ours: Mapping[str, tuple[int, ...]], theirs: Mapping[str, tuple[int, ...]]
) -> list[str]:
    """Returns in words which shapes only one side has, ours first."""
    only_ours = Counter(ours.values()) - Counter(theirs.values())
    only_theirs = Counter(theirs.values()) - Counter(ours.values())
    return [
        *_told(ours, only_ours, "the model has {name} of shape {shape}, the checkpoint does not"),
        *_told(
            theirs, only_theirs, "the checkpoint has {name} of shape {shape}, the model does not"
        ),
    ]


def _told(
    tensors: Mapping[str, tuple[int, ...]], left: Counter[tuple[int, ...]], sentence: str
) -> Iterator[str]:
    for name, shape in tensors.items():
        if left[shape] > 0:
            left[shape] -= 1
            yield sentence.format(name=name, shape=shape)
