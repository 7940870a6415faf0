"""The numbers of two variables side by side, from the bytes of two files.

Blocks of both are read into two buffers that are used again and again, so memory does not depend on
the size of anything. Sums are added up in float64.

It knows bytes, dtypes and offsets; nothing of checkpoints and layers, and it opens nothing with
HDF5.

Invariant: as long as it is open, what is read is the file that was opened, whose size was checked,
whatever happens to its name meanwhile.
"""

from __future__ import annotations

import bisect
import io
import math
import os
from collections.abc import Generator, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self

import numpy as np
import xxhash

from epochline.dtypes import block_bytes, decoder, item_bytes
from epochline.errors import CheckpointCorruptError
from epochline.layout import Variable
from epochline.statistics import VariableStatistics, measure_blocks, sum_of_squares
from epochline.store.files import explained, open_regular

__all__ = ["Contrast", "Contraster", "VariableFile"]

_Array = np.ndarray[Any, Any]
_LARGEST_BLOCK: Final = block_bytes("float32")
_CACHE_LINE: Final = 64


class VariableFile:
    """A checkpoint file, or several one behind the other, opened to read the bytes of variables.

    Args:
        path: The file.
        size_bytes: Size that was recorded; None when it was not.
        beneath: Refuse to leave this directory, also through links, see `open_regular`.
        shards: The files that hold the variables of a sharded checkpoint, and their sizes; `path`
            is not read then.

    Attributes:
        path: As given.
        size_bytes: Size of what is read.

    Raises:
        CheckpointCorruptError: If a file has another size.
        OSError: If one cannot be opened, or is no regular file.
    """

    def __init__(
        self,
        path: Path,
        *,
        size_bytes: int | None = None,
        beneath: Path | None = None,
        shards: Sequence[tuple[Path, int]] = (),
    ) -> None:
        self.path = path
        self._parts = list(shards or ((path, size_bytes),))
        self._beneath = beneath
        self._files: list[io.FileIO] = []
        self._starts = [0]
        self._open()
        self.size_bytes = self._starts[-1]

    def _open(self) -> None:
        self._starts = [0]
        try:
            self._parts = [(path, self._open_part(path, size)) for path, size in self._parts]
        except BaseException:
            self.close()
            raise

    def _open_part(self, path: Path, size_bytes: int | None) -> int:
        self._files.append(io.FileIO(open_regular(path, beneath=self._beneath)))
        found = os.fstat(self._files[-1].fileno()).st_size
        self._starts.append(self._starts[-1] + found)
        if size_bytes not in (None, found):
            raise CheckpointCorruptError(str(path), f"{size_bytes:,} bytes", f"{found:,} bytes")
        return found

    def read(self, offset: int, view: memoryview) -> None:
        """Fills `view` with the bytes from `offset` on.

        Raises:
            CheckpointCorruptError: If the file ends before.
            OSError: If it cannot be read.
        """
        if not self._files:
            self._open()
        place = bisect.bisect_right(self._starts, offset, hi=len(self._files)) - 1
        file = self._files[place]
        with explained("read this file", self.path):
            file.seek(offset - self._starts[place])
            while view:
                count = file.readinto(view)
                if not count:
                    raise CheckpointCorruptError(
                        str(self.path), f"{self.size_bytes:,} bytes", "fewer while it was read"
                    )
                view = view[count:]

    def blocks(self, variable: Variable) -> Iterator[memoryview]:
        """Yields the bytes of a variable; each block is valid until the next one is asked for."""
        step = block_bytes(variable.dtype)
        buffer = _buffer(min(step, variable.size_bytes)).data
        for start in range(0, variable.size_bytes, step):
            block = buffer[: min(step, variable.size_bytes - start)]
            self.read(variable.offset + start, block)
            yield block

    def measure(self, variable: Variable) -> VariableStatistics:
        """Returns the statistics of a variable."""
        return measure_blocks(self.blocks(variable), variable.dtype)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Closes the files; a further `read` opens them again, if their sizes are the same."""
        for file in self._files:
            file.close()
        self._files.clear()


@dataclass(frozen=True, slots=True, kw_only=True)
class Contrast:
    """Two variables of one shape, a and b.

    Attributes:
        difference: L2 norm of b - a, where both are finite.
        max_abs: Largest absolute value of b - a, where both are finite.
        not_finite: In how many places a or b is NaN or infinite.
        equal: Whether the bytes are equal.
        norms: L2 norms of the finite values of a and of b; None when not asked for.
        digests: xxh3-128 of the bytes of a and of b; None when not asked for.
    """

    difference: float
    max_abs: float
    not_finite: int
    equal: bool
    norms: tuple[float, float] | None
    digests: tuple[bytes, bytes] | None


class Contraster:
    """Contrasts variables of two files.

    Args:
        file_a: The one.
        file_b: The other; may be the same.
    """

    def __init__(self, file_a: VariableFile, file_b: VariableFile) -> None:
        self._files = file_a, file_b
        self._buffers = [_buffer(_LARGEST_BLOCK).data for _ in range(2)]
        self._scratch = _buffer(_LARGEST_BLOCK).view("f4")

    def contrast(
        self,
        a: Variable,
        b: Variable,
        *,
        norms: bool = True,
        digests: bool = True,
    ) -> Generator[int, None, Contrast]:
        """Contrasts two variables of one shape and of dtypes that have a decoder.

        Yields the bytes read of both after each block, and returns the numbers.

        Args:
            a: A variable of the one file.
            b: A variable of the other; it may have another dtype.
            norms: Whether the norms are wanted; a quarter of the work.
            digests: Whether the digests are wanted; another quarter.
        """
        widths = item_bytes(a.dtype) or 1, item_bytes(b.dtype) or 1
        step = min(block_bytes(v.dtype) // w for v, w in zip((a, b), widths, strict=True))
        sums = _Sums(self._scratch, norms=norms)
        hashes = xxhash.xxh3_128(), xxhash.xxh3_128()
        equal = a.dtype == b.dtype
        for start in range(0, a.size_bytes // widths[0], step):
            count = min(step, a.size_bytes // widths[0] - start)
            raw_a, raw_b = (
                self._read(place, variable.offset + start * width, count * width)
                for place, (variable, width) in enumerate(zip((a, b), widths, strict=True))
            )
            if digests:
                hashes[0].update(raw_a.data)
                hashes[1].update(raw_b.data)
            elif equal:  # digests tell it at the end
                equal = np.array_equal(raw_a, raw_b)
            with np.errstate(all="ignore"):
                sums.add(_values(raw_a, a.dtype), _values(raw_b, b.dtype))
            yield count * sum(widths)
        found = (hashes[0].digest(), hashes[1].digest()) if digests else None
        return Contrast(
            difference=math.sqrt(sums.difference),
            max_abs=sums.max_abs,
            not_finite=sums.not_finite,
            equal=equal and (found is None or found[0] == found[1]),
            norms=(math.sqrt(sums.a), math.sqrt(sums.b)) if norms else None,
            digests=found,
        )

    def _read(self, place: int, offset: int, size_bytes: int) -> _Array:
        block = self._buffers[place][:size_bytes]
        self._files[place].read(offset, block)
        return np.frombuffer(block, "u1")


def _buffer(size_bytes: int) -> _Array:
    """Returns memory that begins with a cache line: vector instructions are twice as fast there."""
    memory = np.empty(size_bytes + _CACHE_LINE, "u1")
    start = -memory.ctypes.data % _CACHE_LINE
    return memory[start : start + size_bytes]


def _values(raw: _Array, dtype: str) -> _Array:
    decode = decoder(dtype)
    assert decode is not None  # noqa: S101 – the caller's promise
    return decode(raw)


class _Sums:
    """Sums of squares over blocks."""

    def __init__(self, scratch: _Array, *, norms: bool) -> None:
        self._scratch = scratch
        self._norms = norms
        self.a = self.b = self.difference = self.max_abs = 0.0
        self.not_finite = 0

    def add(self, a: _Array, b: _Array) -> None:
        """Adds a block of each; the caller lets NumPy overflow in silence."""
        fits = a.dtype == b.dtype == self._scratch.dtype
        difference = np.subtract(b, a, out=self._scratch[: a.size] if fits else None)
        low, high = float(np.minimum.reduce(difference)), float(np.maximum.reduce(difference))
        if not math.isfinite(low + high):
            # In float64, in which the difference of two float32 is always finite.
            finite = np.isfinite(a) & np.isfinite(b)
            self.not_finite += a.size - int(np.count_nonzero(finite))
            difference = b[finite].astype("f8") - a[finite]
            low, high = float(difference.min(initial=0)), float(difference.max(initial=0))
            a, b = a[np.isfinite(a)], b[np.isfinite(b)]
        self.max_abs = max(self.max_abs, -low, high)
        self.difference += sum_of_squares(difference)
        if self._norms:
            self.a += sum_of_squares(a)
            self.b += sum_of_squares(b)
