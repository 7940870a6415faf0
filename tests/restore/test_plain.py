"""Values and arrays in a file: nothing is lost, and nothing in a file is trusted."""

from __future__ import annotations

import contextlib
import json
import math
import struct
from typing import Any

import ml_dtypes
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as st_np

from epochline.restore.plain import NotPlainError, decode, encode

NUMBERS = st.sampled_from(
    ["bool", "uint8", "int16", "uint32", "int64", "uint64", "float16", "float32", "float64"]
)
ARRAYS = NUMBERS.flatmap(
    lambda name: st_np.arrays(name, st_np.array_shapes(min_dims=0, min_side=0))
)
LEAVES = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text()
    | st.binary()
    | ARRAYS
    | NUMBERS.flatmap(lambda name: st_np.from_dtype(np.dtype(name)))
)
KEYS = st.text() | st.integers() | st.just("$") | st.tuples(st.integers(), st.integers())
TREES = st.recursive(
    LEAVES,
    lambda inner: (
        st.lists(inner)
        | st.lists(inner).map(tuple)
        | st.dictionaries(st.text() | st.just("$"), inner)
        | st.dictionaries(KEYS, inner)
    ),
    max_leaves=12,
)


def same(one: Any, other: Any) -> bool:
    """Bit for bit and type for type."""
    if type(one) is not type(other):
        return False
    if isinstance(one, np.ndarray | np.generic):
        one, other = np.asarray(one), np.asarray(other)
        return (one.dtype, one.shape, one.tobytes()) == (other.dtype, other.shape, other.tobytes())
    if isinstance(one, list | tuple):
        return len(one) == len(other) and all(map(same, one, other))
    if isinstance(one, dict):
        return same([*one], [*other]) and same([*one.values()], [*other.values()])
    if isinstance(one, float):
        return struct.pack("d", one) == struct.pack("d", other) or math.isnan(one)
    return bool(one == other)


@given(TREES)
def test_what_is_written_is_read(tree: Any) -> None:
    """Bit for bit, NaN, empty arrays, scalars and odd keys included."""
    assert same(decode(bytearray(b"".join(encode(tree)))), tree)


@pytest.mark.parametrize("name", ["bfloat16", "float8_e4m3fn", "float8_e5m2"])
def test_types_that_numpy_does_not_know_are_kept(name: str) -> None:
    """Half precision of machine learning."""
    values = np.array([1.5, -2.0, 0.25], dtype=getattr(ml_dtypes, name))
    assert same(decode(b"".join(encode({"x": values}))), {"x": values})


def test_arrays_that_are_no_contiguous_memory_are_kept() -> None:
    """Transposed, strided, scattered."""
    values = np.arange(24).reshape(4, 6)
    tree = [values.T, values[::2, ::3], np.broadcast_to(values[0], (3, 6))]
    found = decode(b"".join(encode(tree)))
    assert all(np.array_equal(a, b) for a, b in zip(tree, found, strict=True))


def test_file_is_in_the_safetensors_format() -> None:
    """Header length, JSON header, data without holes: other programs read the arrays."""
    weights = np.arange(6, dtype="float32").reshape(2, 3)
    data = b"".join(encode({"a": weights, "b": [np.int64(7)]}))
    (length,) = struct.unpack("<Q", data[:8])
    header = json.loads(data[8 : 8 + length])
    assert set(header) == {"__metadata__", "/a", "/b/0"}
    assert all(isinstance(item, str) for item in header["__metadata__"].values())
    assert header["/a"] == {"dtype": "F32", "shape": [2, 3], "data_offsets": [8, 32]}
    assert data[8 + length + 8 :] == weights.tobytes()
    assert (8 + length) % 8 == 0


@pytest.mark.parametrize(
    "value",
    [object(), {1, 2}, np.array(["text"]), np.array([object()]), 1j, np.zeros(2, "complex64")],
)
def test_anything_else_is_refused_with_its_place(value: object) -> None:
    """Nothing is pickled."""
    with pytest.raises(NotPlainError, match=r"/a/1 is of type"):
        encode({"a": [0, value]})


@given(st.binary(max_size=200))
def test_bytes_of_anything_are_refused_in_words(data: bytes) -> None:
    """`ValueError`, whatever they are."""
    with pytest.raises(ValueError):  # noqa: PT011 – that it is this one is the point
        decode(data)


@given(st.data())
def test_damaged_files_are_read_or_refused(data: st.DataObject) -> None:
    """A changed byte never leads out of the file, nor to another exception."""
    whole = bytearray(b"".join(encode({"a": np.arange(3), "b": (1.5, None, {"c": "text"})})))
    place = data.draw(st.integers(0, len(whole) - 1))
    whole[place] = data.draw(st.integers(0, 255))
    with contextlib.suppress(ValueError):
        decode(whole)


@pytest.mark.parametrize(
    "entry",
    [
        {"dtype": "F32", "shape": [2], "data_offsets": [0, 800]},
        {"dtype": "F32", "shape": [200], "data_offsets": [0, 800]},
        {"dtype": "F32", "shape": [-2], "data_offsets": [0, -8]},
        {"dtype": "F32", "shape": [2], "data_offsets": [-8, 0]},
        {"dtype": "O", "shape": [1], "data_offsets": [0, 8]},
    ],
)
def test_arrays_outside_of_the_file_are_refused(entry: dict[str, Any]) -> None:
    """Also those whose size is a lie."""
    header = json.dumps({"__metadata__": {"epochline": "null"}, "x": entry}).encode()
    with pytest.raises(ValueError):  # noqa: PT011 – two messages, one meaning
        decode(struct.pack("<Q", len(header)) + header + bytes(16))
