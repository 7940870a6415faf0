"""Statistics and digests of variables, from the bytes that stand for them in a file.

One pass over the bytes, block by block while they are in the cache: the digest, the numbers, and
whatever the caller does with the block (writing it) read memory once. Many small variables are
measured together, so that a model of thousands of them costs calls in proportion to its bytes.
NumPy and xxhash do the work and release the GIL for all but the smallest variables; BLAS threads
are never woken.

What the numbers mean depends on the dtype: of floats and integers of any width (bfloat16 and float8
included) they are what they say; a bool counts as 0 or 1; a complex number as two values, real and
imaginary part; of anything else (text, unknown raw bytes) there is a digest and no numbers.

It knows bytes and dtypes; no files, Keras or HDF5.

Invariant: `Measurements` has one row for each variable that was added, in that order, and
``Measurements.from_event(values.to_event(...)) == values``.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import xxhash

from epochline.dtypes import block_bytes, decoder
from epochline.errors import EventFormatError
from epochline.events import CheckpointMeasured

if TYPE_CHECKING:
    from typing_extensions import Buffer

__all__ = [
    "Measurements",
    "Measurer",
    "VariableStatistics",
    "measure",
    "measure_blocks",
    "sum_of_squares",
]

_SMALL_BYTES: Final = 1 << 14
_GROUP_BYTES: Final = 1 << 18  # of small ones measured at once; twice as much in float64
_ROW: Final = 8192  # elements; OpenBLAS starts threads for a dot product of more than 10,000
_EXACT: Final = (1e-25, 1e30)  # between these a sum of squares of float32 loses nothing
_Array = np.ndarray[Any, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class VariableStatistics:
    """What one variable held.

    Attributes:
        l2: Euclidean norm of the finite values; NaN where bytes have no known meaning.
        mean: Their mean; NaN when there are none.
        std: Their standard deviation (of the population); NaN when there are none.
        minimum: The smallest; NaN when there are none.
        maximum: The largest; NaN when there are none.
        nan: How many values are NaN.
        inf: How many are infinite.
        zeros: How many are zero.
        digest: xxh3-128 of the bytes, 16 bytes, as `xxhash.xxh3_128_digest` returns them.
    """

    l2: float
    mean: float
    std: float
    minimum: float
    maximum: float
    nan: int
    inf: int
    zeros: int
    digest: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Measurements:
    """Statistics of all variables of a checkpoint, as the columns of `CheckpointMeasured`.

    Attributes:
        numbers: Columns l2, mean, std, minimum, maximum; float32, little-endian. A number beyond
            float32 is infinite here.
        counts: Columns nan, inf, zeros; uint32, little-endian, saturated.
        digests: 16 bytes for each variable.

    Raises:
        EventFormatError: If the columns are not of one length.
    """

    numbers: bytes
    counts: bytes
    digests: bytes

    def __post_init__(self) -> None:
        rows = len(self)
        if (len(self.numbers), len(self.counts), len(self.digests)) != (
            rows * 20,
            rows * 12,
            rows * 16,
        ):
            raise EventFormatError(
                f"Statistics of {rows} variables have {len(self.numbers)}, {len(self.counts)} and "
                f"{len(self.digests)} bytes; {rows * 20}, {rows * 12} and {rows * 16} belong there."
            )

    @classmethod
    def of(cls, rows: Iterable[VariableStatistics]) -> Measurements:
        """Returns the columns of `rows`."""
        rows = tuple(rows)
        numbers = [[r.l2, r.mean, r.std, r.minimum, r.maximum] for r in rows]
        counts = [[r.nan, r.inf, r.zeros] for r in rows]
        with np.errstate(over="ignore"):
            return cls(
                numbers=np.array(numbers, "f8").reshape(-1, 5).T.astype("<f4").tobytes(),
                counts=np.minimum(np.array(counts, "u8").reshape(-1, 3).T, 0xFFFFFFFF)
                .astype("<u4")
                .tobytes(),
                digests=b"".join(row.digest for row in rows),
            )

    @classmethod
    def from_event(cls, event: CheckpointMeasured) -> Measurements:
        """Returns what `event` holds.

        Raises:
            EventFormatError: If its columns are not of one length.
        """
        return cls(numbers=event.numbers, counts=event.counts, digests=event.digests)

    def to_event(self, *, id: str, layout: str) -> CheckpointMeasured:  # noqa: A002 – its field
        """Returns the event that records them.

        Args:
            id: Of the checkpoint.
            layout: Id of the layout that has these variables.
        """
        return CheckpointMeasured(
            id=id, layout=layout, numbers=self.numbers, counts=self.counts, digests=self.digests
        )

    def number_columns(self) -> _Array:
        """Returns float32 of shape (5, variables): l2, mean, std, minimum, maximum."""
        return np.frombuffer(self.numbers, "<f4").reshape(5, -1)

    def count_columns(self) -> _Array:
        """Returns uint32 of shape (3, variables): nan, inf, zeros."""
        return np.frombuffer(self.counts, "<u4").reshape(3, -1)

    def digest(self, place: int) -> bytes:
        """Returns the digest of the variable at `place`, 16 bytes."""
        return self.digests[place * 16 : (place + 1) * 16]

    def __len__(self) -> int:
        return len(self.digests) // 16

    def __getitem__(self, place: int) -> VariableStatistics:
        return self.rows()[place]

    def rows(self) -> list[VariableStatistics]:
        """Returns the statistics of each variable."""
        names = ("l2", "mean", "std", "minimum", "maximum", "nan", "inf", "zeros")
        columns = [*self.number_columns().tolist(), *self.count_columns().tolist()]
        return [
            VariableStatistics(**dict(zip(names, row, strict=True)), digest=self.digest(place))
            for place, row in enumerate(zip(*columns, strict=True))
        ]


class Measurer:
    """Measures the variables of one checkpoint, one after the other.

    Example:
        >>> measurer = Measurer()
        >>> measurer.add(np.array([3.0, -4.0], "float32"), "float32")
        >>> measurer.result()[0].l2
        5.0
    """

    def __init__(self) -> None:
        self._rows: list[VariableStatistics | None] = []
        self._waiting: dict[str, list[tuple[int, bytes]]] = {}
        self._waiting_bytes = 0

    def add(
        self,
        data: Buffer | _Array,
        dtype: str,
        *,
        then: Callable[[memoryview], object] | None = None,
    ) -> None:
        """Measures the next variable.

        Args:
            data: Its bytes as they lie in the file: C-contiguous, little-endian; or an array of any
                dtype, ml_dtypes included, whose memory is that. Nothing of it is kept.
            dtype: Its dtype, as Keras names it.
            then: Called with each block, in order, when it was measured: it is in the cache then.
        """
        raw = _raw(data)
        place = len(self._rows)
        if raw.nbytes > _SMALL_BYTES:
            self._rows.append(measure_blocks(_split(raw, dtype, then), dtype))
            return
        self._rows.append(None)
        if then is not None and raw.nbytes:
            then(raw.data)
        self._waiting.setdefault(dtype, []).append((place, raw.tobytes()))
        self._waiting_bytes += raw.nbytes
        if self._waiting_bytes > _GROUP_BYTES:
            self._measure_waiting()

    def result(self) -> Measurements:
        """Returns what was measured, one row for each variable in the order in which it came."""
        self._measure_waiting()
        return Measurements.of(row for row in self._rows if row is not None)

    def _measure_waiting(self) -> None:
        for dtype, waiting in self._waiting.items():
            places, chunks = zip(*waiting, strict=True)
            for place, row in zip(places, _measure_small(chunks, dtype), strict=True):
                self._rows[place] = row
        self._waiting.clear()
        self._waiting_bytes = 0


def measure(data: Buffer | _Array, dtype: str) -> VariableStatistics:
    """Returns the statistics of one variable; `data` and `dtype` as for `Measurer.add`."""
    return measure_blocks(_split(_raw(data), dtype), dtype)


def _raw(data: Buffer | _Array) -> _Array:
    # An array first: those of ml_dtypes have no buffer interface.
    array = data if isinstance(data, np.ndarray) else np.frombuffer(memoryview(data), "u1")
    return np.ascontiguousarray(array).reshape(-1).view("u1")


def measure_blocks(blocks: Iterable[Buffer], dtype: str) -> VariableStatistics:
    """Returns the statistics of one variable whose bytes come in pieces.

    Args:
        blocks: Its bytes; each block is a whole number of values, and read before the next one is
            asked for.
        dtype: As for `Measurer.add`.
    """
    decode = decoder(dtype)
    sums = _Sums()
    digest = xxhash.xxh3_128()
    with np.errstate(all="ignore"):
        for block in blocks:
            digest.update(block)
            if decode is not None:
                sums.add(decode(np.frombuffer(memoryview(block), "u1")))
    return sums.row(digest.digest(), known=decode is not None)


def _split(
    raw: _Array, dtype: str, then: Callable[[memoryview], object] | None = None
) -> Iterator[memoryview]:
    step = block_bytes(dtype)
    for start in range(0, raw.size, step):
        block = raw[start : start + step].data
        yield block
        if then is not None:
            then(block)


class _Sums:
    """Sums over blocks, in float64: Chan, Golub and LeVeque, doi:10.1080/00031305.1983.10483115."""

    def __init__(self) -> None:
        self.count = self.nan = self.inf = self.zeros = 0
        self.minimum, self.maximum = math.inf, -math.inf
        self.mean = self.squares = self.deviation = 0.0

    def add(self, values: _Array) -> None:
        """Adds a block of float32 or float64; the caller lets NumPy overflow in silence."""
        low, high = float(np.minimum.reduce(values)), float(np.maximum.reduce(values))
        if not math.isfinite(low + high) and not np.isfinite(values).all():
            values = self._finite(values)
            if not values.size:
                return
            low, high = float(values.min()), float(values.max())
        self.minimum, self.maximum = min(self.minimum, low), max(self.maximum, high)
        if low <= 0 <= high:
            zero = np.equal(values, 0)
            # Most often there are none, and `any` is four times as fast as counting.
            self.zeros += int(np.count_nonzero(zero)) if zero.any() else 0
        self._add_sums(values)

    def _finite(self, values: _Array) -> _Array:
        self.nan += int(np.count_nonzero(np.isnan(values)))
        self.inf += int(np.count_nonzero(np.isinf(values)))
        return values[np.isfinite(values)]

    def _add_sums(self, values: _Array) -> None:
        count = values.size
        mean = _total(values) / count
        squares = sum_of_squares(values)
        deviation = squares - mean * mean * count
        if deviation < 1e-3 * squares:
            # Much is lost to cancellation when the values are all alike, such as scales near 1.
            shift = float(values.dtype.type(mean))
            values = values - values.dtype.type(shift)
            rest = _total(values) / count
            mean = shift + rest
            deviation = max(0.0, sum_of_squares(values) - rest * rest * count)
        if not math.isfinite(squares):
            deviation = math.inf  # float64 whose squares are beyond float64
        difference, total = mean - self.mean, self.count + count
        self.squares += squares
        self.deviation += deviation + difference * difference * self.count * count / total
        self.mean += difference * count / total
        self.count = total

    def row(self, digest: bytes, *, known: bool) -> VariableStatistics:
        """Returns the statistics of all blocks; `known` says whether they held numbers."""
        none = not self.count
        return VariableStatistics(
            l2=math.sqrt(self.squares) if known else math.nan,
            mean=math.nan if none else self.mean,
            std=math.nan if none else math.sqrt(self.deviation / self.count),
            minimum=math.nan if none else self.minimum,
            maximum=math.nan if none else self.maximum,
            nan=self.nan,
            inf=self.inf,
            zeros=self.zeros,
            digest=digest,
        )


def sum_of_squares(values: _Array) -> float:
    """Returns the sum of the squares of finite float32 or float64, added up in float64.

    It may overflow on the way; that NumPy is silent about that is up to the caller.
    """
    squares = _dot(values)
    if values.dtype != np.float32 or _EXACT[0] < squares < _EXACT[1]:
        return squares
    return _dot(values.astype("f8")) if values.view("?").any() else 0.0


def _total(values: _Array) -> float:
    total = _dot(values, _ONES[values.dtype.char])
    return total if math.isfinite(total) else float(values.sum(dtype="f8"))


def _dot(values: _Array, row: _Array | None = None) -> float:
    """Returns the inner product with itself, or with `row` again and again."""
    rest = values.size % _ROW
    rows = values[: values.size - rest].reshape(-1, 1, _ROW)
    columns = (rows if row is None else row).reshape(-1, _ROW, 1)
    total: float = sum(np.matmul(rows, columns).ravel().tolist())
    if rest:
        tail = values[-rest:]
        total += float(np.dot(tail, tail if row is None else row[:rest]))
    return total


_ONES: Final = {char: np.ones(_ROW, char) for char in "fd"}


def _measure_small(chunks: Sequence[bytes], dtype: str) -> Iterator[VariableStatistics]:
    """Measures many small variables of one dtype in a few calls."""
    columns = _small_columns(chunks, dtype)
    if columns is None:
        yield from (measure_blocks((chunk,) if chunk else (), dtype) for chunk in chunks)
        return
    for chunk, l2, mean, std, minimum, maximum, zeros in zip(chunks, *columns, strict=True):
        yield VariableStatistics(
            l2=l2,
            mean=mean,
            std=std,
            minimum=minimum,
            maximum=maximum,
            nan=0,
            inf=0,
            zeros=zeros,
            digest=xxhash.xxh3_128_digest(chunk),
        )


def _small_columns(chunks: Sequence[bytes], dtype: str) -> list[list[Any]] | None:
    """Returns l2, mean, std, minimum, maximum, zeros; None when not all values are finite."""
    decode = decoder(dtype)
    sizes = np.array([len(chunk) for chunk in chunks])
    if decode is None or not sizes.all():
        return None
    values = decode(np.frombuffer(b"".join(chunks), "u1"))
    lengths = sizes * values.size // int(sizes.sum())
    starts = np.cumsum(lengths) - lengths
    with np.errstate(all="ignore"):
        minimum = np.minimum.reduceat(values, starts)
        maximum = np.maximum.reduceat(values, starts)
        zero = np.equal(values, 0)
        values = values.astype("f8")
        mean = np.add.reduceat(values, starts) / lengths
        square = np.add.reduceat(np.square(values, out=values), starts) / lengths
    if not np.isfinite(square).all():
        return None
    # In float64 this loses nothing that float32 had; all alike is exactly zero.
    variance = np.where(minimum == maximum, 0.0, np.maximum(square - mean * mean, 0.0))
    zeros = np.add.reduceat(zero, starts, dtype="i8") if zero.any() else np.zeros_like(starts)
    columns = (np.sqrt(square * lengths), mean, np.sqrt(variance), minimum, maximum, zeros)
    return [column.tolist() for column in columns]
