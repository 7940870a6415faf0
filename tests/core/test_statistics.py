"""Statistics of variables are those that NumPy computes, whatever the bytes."""

from __future__ import annotations

import math
import threading
from typing import Any

import numpy as np
import pytest
import xxhash
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from epochline.dtypes import block_bytes, decoder, item_bytes
from epochline.errors import EventFormatError
from epochline.events import CheckpointMeasured
from epochline.statistics import (
    Measurements,
    Measurer,
    VariableStatistics,
    measure,
    measure_blocks,
    sum_of_squares,
)

NUMBERS = ("l2", "mean", "std", "minimum", "maximum")
COUNTS = ("nan", "inf", "zeros")
PLAIN = [
    *("float16", "float32", "float64"),
    *("int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64", "bool"),
]


def _expected(values: np.ndarray[Any, Any], raw: bytes) -> VariableStatistics:
    """Returns what NumPy says in float64 (longdouble for the squares)."""
    wide = values.astype("f8").reshape(-1)
    finite = wide[np.isfinite(wide)].astype(np.longdouble)
    none = not finite.size
    return VariableStatistics(
        l2=float(np.sqrt((finite**2).sum())),
        mean=math.nan if none else float(finite.mean()),
        std=math.nan if none else float(finite.std()),
        minimum=math.nan if none else float(finite.min()),
        maximum=math.nan if none else float(finite.max()),
        nan=int(np.isnan(wide).sum()),
        inf=int(np.isinf(wide).sum()),
        zeros=int((wide == 0).sum()),
        digest=xxhash.xxh3_128_digest(raw),
    )


def _assert_close(found: VariableStatistics, expected: VariableStatistics) -> None:
    size = max(abs(expected.minimum), abs(expected.maximum), 0.0)
    for name in NUMBERS:
        value, wanted = getattr(found, name), getattr(expected, name)
        assert value == pytest.approx(wanted, rel=2e-5, abs=2e-6 * size, nan_ok=True), name
    for name in (*COUNTS, "digest"):
        assert getattr(found, name) == getattr(expected, name), name


def _alone_and_among_others(data: Any, dtype: str) -> tuple[VariableStatistics, ...]:
    measurer = Measurer()
    for item in (np.ones(3, "f4"), data, np.zeros(2, "f4")):
        measurer.add(item, dtype if item is data else "float32")
    return measure(data, dtype), measurer.result()[1]


@settings(deadline=None)  # the machine may be busy
@given(
    hnp.arrays(
        st.sampled_from([np.dtype(name) for name in PLAIN]),
        hnp.array_shapes(min_dims=0, max_dims=3, min_side=0, max_side=6),
        elements=None,
    )
)
def test_statistics_are_those_of_numpy(values: np.ndarray[Any, Any]) -> None:
    """Any array, NaN, infinities, empty ones and scalars included."""
    if values.dtype.itemsize >= 4 and values.dtype.kind == "f":
        # What is recorded is float32: beyond its range there is only infinite and zero.
        finite = np.isfinite(values)
        values = np.where(finite & (np.abs(values) > 1e35), np.sign(values), values)
        values = np.where(finite & (np.abs(values) < 1e-35), 0, values).astype(values.dtype)
    expected = _expected(values, values.tobytes())
    alone, among = _alone_and_among_others(values, values.dtype.name)
    _assert_close(alone, expected)
    _assert_close(among, expected)


@pytest.mark.parametrize("dtype", [*PLAIN, "bfloat16"])
def test_large_variables_are_measured_in_blocks(dtype: str) -> None:
    """More than one block, and a last one that is not full."""
    random = np.random.default_rng(1)
    count = 5 * block_bytes(dtype) // (2 * (item_bytes(dtype) or 1)) + 777
    values: np.ndarray[Any, Any] = random.normal(0.5, 40, count)
    if dtype == "bfloat16":
        raw = (values.astype("<f4").view("<u4") >> 16).astype("<u2")
        values = (raw.astype("<u4") << 16).view("<f4")
    elif dtype == "bool":
        values = raw = values > 40
    else:
        lowest = 0 if dtype.startswith("u") else -100
        values = raw = np.clip(values, lowest, 100).astype(dtype)
    _assert_close(measure(raw, dtype), _expected(values, raw.tobytes()))


@pytest.mark.parametrize("scale", [1e-38, 1e-22, 1e-18, 1e17, 3e36])
def test_squares_beyond_float32_are_not_lost(scale: float) -> None:
    """The slots of Adam are squares of small numbers; their squares are no float32 any more."""
    values = (np.random.default_rng(2).uniform(0.1, 1, 100_000) * scale).astype("f4")
    _assert_close(measure(values, "float32"), _expected(values, values.tobytes()))
    wide = math.sqrt(np.square(values, dtype="f8").sum())
    with np.errstate(over="ignore"):
        assert math.sqrt(sum_of_squares(values)) == pytest.approx(wide, rel=1e-6)


@pytest.mark.parametrize("size", [40, 40_000])
def test_scales_near_one_keep_their_spread(size: int) -> None:
    """A small deviation beside a large mean is not lost to cancellation."""
    values = (1 + 1e-5 * np.random.default_rng(3).standard_normal(size)).astype("f4")
    for found in _alone_and_among_others(values, "float32"):
        assert found.std == pytest.approx(float(values.astype("f8").std()), rel=1e-3)
    for found in _alone_and_among_others(np.full(size, 0.1, "f4"), "float32"):
        assert found.std == pytest.approx(0, abs=1e-9)


def test_values_that_are_not_finite_are_counted_and_left_out() -> None:
    """Both among few and among many values, and -0 is a zero."""
    few = np.array([1, np.nan, np.inf, 0, -0.0, -np.inf, 3], "f4")
    many = np.tile(few, 60_000)
    for values in (few, many):
        for found in _alone_and_among_others(values, "float32"):
            times = values.size // few.size
            assert (found.nan, found.inf, found.zeros) == (times, 2 * times, 2 * times)
            assert (found.minimum, found.maximum) == (0, 3)
            assert found.mean == pytest.approx(1)


def test_narrow_floats_are_known_by_their_bytes() -> None:
    """The smallest, the largest and some in between, and what is no number."""
    bits = {
        "bfloat16": (np.array([0x0001, 0x3F80, 0xC049, 0x7F7F, 0x7F80, 0xFFC1], "<u2"), 2**-133),
        "float8_e4m3fn": (np.array([0x01, 0x38, 0xC9, 0x7E, 0x08, 0xFF], "u1"), 2**-9),
        "float8_e5m2": (np.array([0x01, 0x3C, 0xC4, 0x7B, 0x7C, 0xFE], "u1"), 2**-16),
    }
    inf, nan = math.inf, math.nan
    values = {
        "bfloat16": [1, -3.140625, 3.3895313892515355e38, inf, nan],
        "float8_e4m3fn": [1, -4.5, 448, 2**-6, nan],
        "float8_e5m2": [1, -4, 57344, inf, nan],
    }
    for dtype, (raw, smallest) in bits.items():
        decode = decoder(dtype)
        assert decode is not None
        np.testing.assert_array_equal(decode(raw.view("u1")), [smallest, *values[dtype]])


def test_complex_numbers_count_as_two_values() -> None:
    """The norm is that of the complex vector; the others are of real and imaginary parts."""
    values = np.array([3 + 4j, 0, complex("nan")], "c8")
    found = measure(values, "complex64")
    assert (found.l2, found.minimum, found.maximum) == (5, 0, 4)
    assert (found.nan, found.zeros) == (1, 3)


def test_bytes_without_meaning_have_a_digest_only() -> None:
    """Text and raw bytes: no numbers are made up."""
    for found in _alone_and_among_others(b"abc", "void8"):
        assert [math.isnan(getattr(found, name)) for name in NUMBERS] == [True] * 5
        assert [getattr(found, name) for name in COUNTS] == [0, 0, 0]
        assert found.digest == xxhash.xxh3_128_digest(b"abc")


def test_each_block_is_handed_on_once_and_in_order() -> None:
    """What writes the file sees the bytes of every variable, small or large, as they came."""
    random = np.random.default_rng(4)
    arrays = [random.standard_normal(size).astype("f4") for size in (5, 700_000, 0, 3000, 5000)]
    seen: list[bytes] = []
    measurer = Measurer()
    for array in arrays:
        measurer.add(array, "float32", then=lambda block: seen.append(bytes(block)))
    assert b"".join(seen) == b"".join(array.tobytes() for array in arrays)
    expected = [_expected(array, array.tobytes()) for array in arrays]
    for found, wanted in zip(measurer.result().rows(), expected, strict=True):
        _assert_close(found, wanted)


def test_buffers_may_be_used_again_at_once() -> None:
    """Nothing of what was added is kept, so one buffer serves for all variables."""
    buffer = bytearray(np.array([3.0, 4.0], "f4").tobytes())
    measurer = Measurer()
    measurer.add(buffer, "float32")
    buffer[:] = bytes(len(buffer))
    assert measurer.result()[0].l2 == 5


def test_blocks_of_a_stream_are_one_variable() -> None:
    """The same as of the whole."""
    values = np.random.default_rng(5).standard_normal(1000).astype("f4")
    blocks = [values[start : start + 300] for start in range(0, 1000, 300)]
    found = measure_blocks((block.data for block in blocks), "float32")
    _assert_close(found, measure(values, "float32"))


def test_threads_measure_at_the_same_time() -> None:
    """Measuring shares nothing between threads."""
    arrays = [np.random.default_rng(seed).standard_normal(400_000) for seed in range(4)]
    found: dict[int, VariableStatistics] = {}

    def work(place: int) -> None:
        found[place] = measure(arrays[place], "float64")

    threads = [threading.Thread(target=work, args=(place,)) for place in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [found[place] for place in range(4)] == [measure(a, "float64") for a in arrays]


rows = st.builds(
    VariableStatistics,
    **{name: st.floats(width=32) for name in NUMBERS},
    **{name: st.integers(0, 2**32 - 1) for name in COUNTS},
    digest=st.binary(min_size=16, max_size=16),
)


@settings(deadline=None)  # the machine may be busy
@given(st.lists(rows, max_size=8))
def test_columns_survive_their_binary_form(items: list[VariableStatistics]) -> None:
    """What is recorded comes back, number for number and digest for digest."""
    values = Measurements.of(items)
    event = values.to_event(id="0001c0ffee000000", layout="ab")
    assert (event.id, event.layout) == ("0001c0ffee000000", "ab")
    assert Measurements.from_event(event) == values
    assert len(values) == len(items)
    assert repr(values.rows()) == repr(items)  # NaN is not equal to itself


def test_numbers_beyond_the_columns_are_infinite_and_saturated() -> None:
    """Nothing wraps around."""
    huge = VariableStatistics(
        l2=1e300,
        mean=-1e300,
        std=1,
        minimum=0,
        maximum=0,
        nan=0,
        inf=0,
        zeros=2**40,
        digest=bytes(16),
    )
    found = Measurements.of([huge])[0]
    assert (found.l2, found.mean, found.zeros) == (math.inf, -math.inf, 2**32 - 1)


@pytest.mark.parametrize("field", ["numbers", "counts", "digests"])
def test_columns_of_different_lengths_are_refused(field: str) -> None:
    """A damaged record is no statistics."""
    event = Measurements.of([measure(b"", "float32")]).to_event(id="a", layout="b")
    columns = {name: getattr(event, name) for name in ("numbers", "counts", "digests")}
    columns[field] += b"x"
    with pytest.raises(EventFormatError, match="1 variables"):
        Measurements.from_event(CheckpointMeasured(id="a", layout="b", **columns))
