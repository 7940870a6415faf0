"""Where the variables lie in a checkpoint file.

A `.weights.h5` file as Keras writes it holds every variable as one run of plain bytes, and where it
lies depends on the model only. So the place of each is written down once, and who wants to compare
or check variables reads bytes at known offsets, without HDF5.

`read_layout` finds the places in a file for which nothing was written down. It opens the file with
HDF5, for the command line and training processes; the TensorBoard process never calls it.

Invariant: the variables of a `Layout` are in the order of their offsets, and two layouts are equal
exactly when their ids are.
"""

from __future__ import annotations

import io
import json
import os
import struct
import zipfile
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, fields, replace
from functools import cached_property
from math import prod
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import xxhash

from epochline.dtypes import item_bytes
from epochline.errors import CheckpointFormatError, EventFormatError
from epochline.events import VariablesDescribed
from epochline.shards import INDEX_ENDING, MOST_INDEX_BYTES, parse_index
from epochline.store.files import open_regular

if TYPE_CHECKING:
    from typing_extensions import Buffer

__all__ = ["Layout", "Variable", "joined", "read_layout", "read_shards"]

_LARGEST: Final = 2**62

_MOST_VARIABLES: Final = 100_000
_DEEPEST: Final = 100
_LONGEST_NAME: Final = 1000
_BFLOAT16_BYTES: Final = 2
_HDF5_SIGNATURE: Final = b"\x89HDF\r\n\x1a\n"
# A .keras file is a ZIP archive whose members are stored as they are (PKWARE APPNOTE, 4.3.7).
_KERAS_WEIGHTS: Final = "model.weights.h5"
_ZIP_HEADER: Final = struct.Struct("<4s22xHH")
_ZIP_SIGNATURE: Final = b"PK\x03\x04"
_ZIP_ENCRYPTED: Final = 1
# What zipfile and h5py raise for a damaged file.
_DAMAGED: Final = (
    ArithmeticError,
    EOFError,
    LookupError,
    MemoryError,
    OSError,
    RuntimeError,
    TypeError,
    ValueError,
    struct.error,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Variable:
    """A variable and its place in a file.

    Attributes:
        dataset: Path in the HDF5 file, such as `layers/dense/vars/0`.
        name: Path of the Keras variable, such as `dense/kernel`; empty when it is not known, or no
            variable.
        dtype: As Keras names it; `void` and a number of bits when the bytes have no known meaning.
        shape: Its shape; empty for a scalar.
        offset: Of its first byte in the file.
        size_bytes: How many bytes follow, contiguous and little-endian; 0 when it has no values.
        trainable: Whether training changes it; False when that is not known.
    """

    dataset: str
    name: str = ""
    dtype: str
    shape: tuple[int, ...] = ()
    offset: int = 0
    size_bytes: int = 0
    trainable: bool = False

    @property
    def label(self) -> str:
        """What people know it by: its name, or its dataset where it has none."""
        return self.name or self.dataset

    @property
    def of_optimizer(self) -> bool:
        """Whether it belongs to the state of an optimizer, by the attribute that holds that."""
        return self.dataset.partition("/")[0].endswith(("optimizer", "optimizer_weights"))

    @property
    def layer(self) -> str:
        """Path of the layer that holds it; one name for all of an optimizer."""
        if self.of_optimizer:
            return self.dataset.partition("/")[0]
        return self.label.rpartition("/")[0].removesuffix("/vars") or self.label


@dataclass(frozen=True)
class Layout:
    """The variables of a file, in the order of their offsets.

    Attributes:
        variables: All of them.
    """

    variables: tuple[Variable, ...]

    @classmethod
    def of(cls, variables: Iterable[Variable]) -> Layout:
        """Returns the layout that has these variables, given in any order."""
        return cls(tuple(sorted(variables, key=lambda item: (item.offset, item.dataset))))

    @cached_property
    def id(self) -> str:
        """Hash of its content, 16 hexadecimal digits: equal layouts have equal ids."""
        rows = [[getattr(v, spec.name) for spec in fields(Variable)] for v in self.variables]
        return xxhash.xxh3_64_hexdigest(json.dumps(rows, separators=(",", ":")).encode())

    @classmethod
    def from_event(cls, event: VariablesDescribed) -> Layout:
        """Returns the layout that `event` records.

        Raises:
            EventFormatError: If it is not one: columns of different lengths, or numbers that do not
                fit together.
        """
        columns = (
            event.dataset,
            event.name,
            event.dtype,
            event.shape,
            event.offset,
            event.size_bytes,
            event.trainable,
        )
        if len({len(column) for column in columns}) != 1:
            raise EventFormatError(
                f"The columns of layout {event.layout!r} have {[len(c) for c in columns]} values."
            )
        layout = cls.of(_variable(event.layout, row) for row in zip(*columns, strict=True))
        if _overlapping((v.offset, v.size_bytes) for v in layout.variables):
            raise EventFormatError(f"Layout {event.layout!r} is damaged: variables overlap.")
        return layout

    def to_event(self) -> VariablesDescribed:
        """Returns the event that records it."""
        return VariablesDescribed(
            layout=self.id,
            dataset=tuple(v.dataset for v in self.variables),
            name=tuple(v.name for v in self.variables),
            dtype=tuple(v.dtype for v in self.variables),
            shape=tuple("x".join(map(str, v.shape)) for v in self.variables),
            offset=tuple(v.offset for v in self.variables),
            size_bytes=tuple(v.size_bytes for v in self.variables),
            trainable=tuple(v.trainable for v in self.variables),
        )


def _overlapping(extents: Iterable[tuple[int, int]]) -> bool:
    """Returns whether some of these offsets and lengths overlap without being the same."""
    end = 0
    for offset, length in sorted(set(extents)):
        if length and offset < end:
            return True
        end = max(end, offset + length)
    return False


def _variable(layout: str, row: tuple[str, str, str, str, int, int, bool]) -> Variable:
    dataset, name, dtype, text, offset, size_bytes, trainable = row
    try:
        shape = tuple(int(part) for part in text.split("x")) if text else ()
    except ValueError:
        shape = (-1,)
    width = item_bytes(dtype)
    if (
        not 0 <= offset < _LARGEST
        or min((*shape, size_bytes)) < 0
        or (width is not None and size_bytes != prod(shape) * width)
    ):
        raise EventFormatError(
            f"Layout {layout!r} is damaged: {dataset!r} cannot be {dtype} of shape {text!r} in "
            f"{size_bytes} bytes at {offset}."
        )
    return Variable(
        dataset=dataset,
        name=name,
        dtype=dtype,
        shape=shape,
        offset=offset,
        size_bytes=size_bytes,
        trainable=trainable,
    )


def joined(files: Iterable[tuple[Layout, int]]) -> Layout:
    """Returns the layout of several files, as if they were one: one behind the other.

    Args:
        files: Layout and size in bytes of each.
    """
    start = 0
    variables: list[Variable] = []
    for layout, size_bytes in files:
        variables += (replace(item, offset=item.offset + start) for item in layout.variables)
        start += size_bytes
    return Layout.of(variables)


def read_layout(path: str | os.PathLike[str]) -> Layout:
    """Returns where the variables lie in a checkpoint file, from the file itself.

    For files for which no layout was recorded. The names and trainability of the variables are not
    in a file and stay empty. Two datasets may be one (a hard link), and then lie at one place.

    Args:
        path: A `.weights.h5`, legacy `.h5` or `.keras` file, as Keras writes it, or the
            `.weights.json` of several. In a `.keras` archive the offsets are those of the archive;
            in several files they count on from one file to the next, in the order of their names.

    Raises:
        CheckpointFormatError: If it is no such file, is damaged, or is not plain: what it holds
            would come from elsewhere (soft and external links, external and virtual storage), would
            have to be computed (filters), lies outside of the file, overlaps, or is too much (more
            than 100,000 datasets or 100 levels).
        OSError: If the file cannot be read, or is a link or no regular file.
    """
    file_path = Path(path)
    if file_path.name.endswith(INDEX_ENDING):
        return joined((read_layout(shard), size) for shard, size in read_shards(file_path))
    with io.FileIO(open_regular(file_path)) as file:
        try:
            start, size = _hdf5_in(file)
            return Layout.of(_read_variables(_Part(file, start, size), start, size))
        except _NotPlainError as error:
            raise CheckpointFormatError(str(file_path), str(error)) from error
        except _DAMAGED as error:
            said = f"it is damaged ({' '.join(str(error).split())})."
            raise CheckpointFormatError(str(file_path), said) from error


def read_shards(path: Path, *, beneath: Path | None = None) -> list[tuple[Path, int]]:
    """Returns the shards that an index names, in the order of their names, with their sizes.

    Args:
        path: A `.weights.json` file.
        beneath: Refuse to leave this directory, also through links, see `open_regular`.

    Raises:
        CheckpointFormatError: If it is no such file, or names one that is not there.
        OSError: If it cannot be read.
    """
    with io.FileIO(open_regular(path, beneath=beneath)) as file:
        data = file.read(MOST_INDEX_BYTES) or b""
    try:
        shards = [path.with_name(shard.name) for shard in parse_index(data, path.name)]
        return [(shard, shard.lstat().st_size) for shard in shards]
    except ValueError as error:
        raise CheckpointFormatError(str(path), str(error)) from error
    except FileNotFoundError as error:
        gone = f"its shard {Path(error.filename).name} is not there."
        raise CheckpointFormatError(str(path), gone) from error


class _NotPlainError(Exception):
    """What stands against reading a file, in one sentence."""


def _hdf5_in(file: io.FileIO) -> tuple[int, int]:
    """Returns where the HDF5 file begins, and its size."""
    size = os.fstat(file.fileno()).st_size
    if file.read(len(_ZIP_SIGNATURE)) != _ZIP_SIGNATURE:
        start = 0
    else:
        start, size = _weights_member(file, size)
    file.seek(start)
    if file.read(len(_HDF5_SIGNATURE)) != _HDF5_SIGNATURE:
        raise _NotPlainError("it is no HDF5 file.")
    return start, size


def _weights_member(file: io.FileIO, archive_bytes: int) -> tuple[int, int]:
    try:
        with zipfile.ZipFile(file) as archive:
            member = archive.getinfo(_KERAS_WEIGHTS)
    except (zipfile.BadZipFile, KeyError) as error:
        raise _NotPlainError(f"it is an archive without {_KERAS_WEIGHTS!r}.") from error
    if member.compress_type != zipfile.ZIP_STORED or member.flag_bits & _ZIP_ENCRYPTED:
        raise _NotPlainError(f"{_KERAS_WEIGHTS!r} in it is compressed or encrypted.")
    file.seek(member.header_offset)
    signature, name_bytes, extra_bytes = _ZIP_HEADER.unpack(file.read(_ZIP_HEADER.size))
    start = member.header_offset + _ZIP_HEADER.size + name_bytes + extra_bytes
    if signature != _ZIP_SIGNATURE or start + member.file_size > archive_bytes:
        raise _NotPlainError(f"{_KERAS_WEIGHTS!r} does not lie in it.")
    return start, member.file_size


class _Part(io.RawIOBase):
    """A part of an open file, as a file: HDF5 sees nothing else and locks nothing."""

    def __init__(self, file: io.FileIO, start: int, size: int) -> None:
        self._file = file
        self._start = start
        self._size = size
        self._position = 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        base = {os.SEEK_SET: 0, os.SEEK_CUR: self._position, os.SEEK_END: self._size}[whence]
        self._position = base + offset
        return self._position

    def tell(self) -> int:
        return self._position

    def readinto(self, buffer: Buffer) -> int:
        view = memoryview(buffer).cast("B")
        wanted = max(0, min(len(view), self._size - self._position))
        if not wanted:
            return 0
        self._file.seek(self._start + self._position)
        count = self._file.readinto(view[:wanted])
        self._position += count
        return count


def _read_variables(part: _Part, start: int, size: int) -> list[Variable]:
    import h5py

    with h5py.File(part, "r") as file:
        found = list(_datasets(file.id, "", {h5py.h5o.get_info(file.id).addr}, [0], 0))
    objects = {address: item for address, item in found if item.size_bytes}.values()
    extents = [(item.offset, item.size_bytes) for item in objects]
    outside = any(offset + length > size for offset, length in extents)
    if outside or len(set(extents)) < len(extents) or _overlapping(extents):
        raise _NotPlainError("datasets in it overlap, or lie outside of the file.")
    return [replace(item, offset=item.offset + start) for _, item in found]


def _datasets(
    group: Any, prefix: str, seen: set[int], count: list[int], depth: int
) -> Iterator[tuple[int, Variable]]:
    """Yields address and place of each dataset below a group, given as h5py's low-level `GroupID`.

    Low-level, because a link or a dataset has to be looked at before anything follows it, and
    because opening thousands of `h5py.Dataset` takes seconds.
    """
    from h5py import h5d, h5g, h5l, h5o

    count[0] += group.get_num_objs()
    if count[0] > _MOST_VARIABLES or depth > _DEEPEST:
        raise _NotPlainError("it holds too many datasets, or too many levels of groups.")
    for key in group:
        name = key.decode()
        path = prefix + name
        if len(name) > _LONGEST_NAME:
            raise _NotPlainError("a name in it is too long.")
        if group.links.get_info(key).type != h5l.TYPE_HARD:
            raise _NotPlainError(f"{path!r} is a link to somewhere else.")
        info = h5o.get_info(group, key)
        if info.type == h5o.TYPE_GROUP:
            if info.addr in seen:
                raise _NotPlainError(f"the group {path!r} is in it twice.")
            seen.add(info.addr)
            yield from _datasets(h5g.open(group, key), f"{path}/", seen, count, depth + 1)
        elif info.type == h5o.TYPE_DATASET:
            yield info.addr, _plain_dataset(h5d.open(group, key), path)


def _plain_dataset(dataset: Any, path: str) -> Variable:
    from h5py import h5d

    creation = dataset.get_create_plist()
    layout = creation.get_layout()
    if layout == h5d.VIRTUAL or (layout == h5d.CONTIGUOUS and creation.get_external_count()):
        raise _NotPlainError(f"{path!r} stands for data in other files.")
    if layout != h5d.CONTIGUOUS or creation.get_nfilters():
        raise _NotPlainError(f"{path!r} is not stored as plain bytes (chunks or filters).")
    dtype = _dtype_name(dataset, path)
    shape = dataset.shape
    length = prod(shape) * dataset.get_type().get_size()
    offset = dataset.get_offset()
    if length and (offset is None or dataset.get_storage_size() != length):
        raise _NotPlainError(f"{path!r} was never written whole.")
    return Variable(dataset=path, dtype=dtype, shape=shape, offset=offset or 0, size_bytes=length)


def _dtype_name(dataset: Any, path: str) -> str:
    from h5py import h5a

    dtype = dataset.dtype
    width = dataset.get_type().get_size()
    plain = dtype.kind in "biufcV" and dtype.fields is None and dtype.subdtype is None
    if not plain or dtype.itemsize != width or (width > 1 and dtype.byteorder == ">"):
        raise _NotPlainError(f"{path!r} holds {dtype}, which is no kind of weights.")
    if dtype.kind != "V":
        return str(dtype.name)
    # bfloat16 is unknown to HDF5: Keras writes raw bytes, and beside them the attribute "dtype" for
    # this one dtype. Its value is not read, because a damaged one crashes HDF5.
    is_bfloat16 = width == _BFLOAT16_BYTES and h5a.exists(dataset, b"dtype")
    return "bfloat16" if is_bfloat16 else str(dtype.name)
