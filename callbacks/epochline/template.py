"""Weights files without the values: what HDF5 writes around them.

Where each variable lies in an HDF5 file depends on names, types and shapes only. So a file can be
made by HDF5 with no values in it, and is then written from its pieces: those that stand between the
variables, and the bytes of the variables from wherever they are.

HDF5 gets only private scratch files; where nothing was written to such a file, it takes no space.
It runs in training processes and on the command line, never in TensorBoard's.

Invariant: the pieces and the variables of a `Template`, put together in the order of their offsets,
are a whole HDF5 file.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from epochline.errors import CheckpointFormatError
from epochline.layout import Layout, read_layout

if TYPE_CHECKING:
    import h5py

__all__ = ["Sink", "Template", "write_skeleton"]

Sink = Callable[[memoryview], object]
"""Takes bytes, one piece after the other."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Template:
    """A weights file without the values.

    Attributes:
        layout: Where its variables lie.
        pieces: What is before each of them, and behind the last.
        size_bytes: Size of the whole file.
    """

    layout: Layout
    pieces: tuple[bytes, ...]
    size_bytes: int

    @classmethod
    def read(cls, path: Path) -> Template:
        """Returns the template of a `.weights.h5` file.

        Raises:
            CheckpointFormatError: If it is no plain weights file, or two variables lie at one
                place in it.
            OSError: If it cannot be read.
        """
        layout = read_layout(path)
        pieces: list[bytes] = []
        with path.open("rb") as file:
            end = 0
            for variable in layout.variables:
                if variable.size_bytes and variable.offset < end:
                    raise CheckpointFormatError(str(path), "two of its variables are one.")
                file.seek(end)
                pieces.append(file.read(variable.offset - end if variable.size_bytes else 0))
                end = max(end, variable.offset + variable.size_bytes)
            file.seek(end)
            pieces.append(file.read())
            return cls(layout=layout, pieces=tuple(pieces), size_bytes=file.tell())

    def write(self, sink: Sink, give: Callable[[int, Sink], object]) -> None:
        """Gives the bytes of the whole file to `sink`, in order.

        Args:
            sink: Gets them.
            give: Called with the place of each variable in the layout; gives its bytes to the sink
                that it is called with.
        """
        for place, piece in enumerate(self.pieces[:-1]):
            sink(memoryview(piece))
            give(place, sink)
        sink(memoryview(self.pieces[-1]))


def write_skeleton(target: Path, sources: Mapping[Path, Collection[str] | None]) -> None:
    """Writes a file that has datasets of others, with the same groups and attributes, empty.

    Args:
        target: The file.
        sources: Weights file to the paths of the datasets that are wanted of it; None for all.

    Raises:
        OSError: If one cannot be read or written.
    """
    import h5py

    with h5py.File(target, "w") as file:
        for path, wanted in sources.items():
            with h5py.File(path, "r", locking=False) as source:
                _copy_attributes(source, file)
                for name in _datasets(source) if wanted is None else wanted:
                    _create(source, file, name)


def _datasets(group: h5py.Group, prefix: str = "") -> Iterator[str]:
    import h5py

    for name, item in group.items():
        if isinstance(item, h5py.Group):
            yield from _datasets(item, f"{prefix}{name}/")
        else:
            yield prefix + name


def _create(source: h5py.File, target: h5py.File, name: str) -> None:
    """Makes a dataset like that of `source`, and the groups that it is in."""
    from h5py import Dataset, h5d, h5p, h5s

    group, old = target, source
    *groups, last = name.split("/")
    for part in groups:
        old = old[part]
        if part not in group:
            _copy_attributes(old, group.create_group(part))
        group = group[part]
    old = old[last]
    creation = h5p.create(h5p.DATASET_CREATE)
    creation.set_obj_track_times(False)  # the same datasets, the same bytes
    # It gets its place now, and nothing is written there.
    creation.set_alloc_time(h5d.ALLOC_TIME_EARLY)
    creation.set_fill_time(h5d.FILL_TIME_NEVER)
    space = h5s.create_simple(old.shape) if old.shape else h5s.create(h5s.SCALAR)
    new = h5d.create(group.id, last.encode(), old.id.get_type(), space, creation)
    _copy_attributes(old, Dataset(new))


def _copy_attributes(source: Any, target: Any) -> None:
    for name, value in source.attrs.items():
        target.attrs[name] = value
