"""Plain values and arrays as the bytes of one file, and back.

The file is in the safetensors format (https://huggingface.co/docs/safetensors, "Format"): eight
bytes with the length of a JSON header, the header, the bytes of all arrays. The values that are no
arrays are JSON in the header's metadata. No byte of it is ever executed, unlike a pickle.

It knows numbers, texts, lists, tuples, dictionaries and NumPy arrays, and nothing of what they
mean.

Invariant: `decode(b"".join(encode(tree)))` is `tree`, bit for bit and type for type.
"""

from __future__ import annotations

import json
import math
import struct
from collections.abc import Callable, Mapping
from typing import Any, Final

import numpy as np

__all__ = ["METADATA_KEY", "NotPlainError", "decode", "encode"]

METADATA_KEY: Final = "epochline"
"""Entry of the header's metadata that holds the values."""

_TAG: Final = "$"
_LENGTH: Final = struct.Struct("<Q")
_ALIGNMENT: Final = 8
_DTYPES: Final = {
    "BOOL": "bool",
    "U8": "uint8",
    "I8": "int8",
    "U16": "uint16",
    "I16": "int16",
    "U32": "uint32",
    "I32": "int32",
    "U64": "uint64",
    "I64": "int64",
    "F16": "float16",
    "F32": "float32",
    "F64": "float64",
    "BF16": "bfloat16",
    "F8_E4M3": "float8_e4m3fn",
    "F8_E5M2": "float8_e5m2",
}
_CODES: Final = {name: code for code, name in _DTYPES.items()}


class NotPlainError(TypeError):
    """A value has no place in such a file.

    Attributes:
        where: Path of the value, from the root.
        kind: Name of its type.
    """

    def __init__(self, where: str, kind: str) -> None:
        self.where = where
        self.kind = kind
        super().__init__(
            f"{where or 'the value'} is of type {kind}. Numbers, texts, lists, tuples, "
            "dictionaries and arrays of numbers can be saved."
        )


def encode(tree: Any) -> list[bytes | memoryview]:
    """Returns the bytes of a file, as buffers to be written one after the other.

    Args:
        tree: None, bool, int, float, str, bytes, NumPy scalars and arrays of numbers; lists,
            tuples and dictionaries of them. The arrays must not change before they are written.

    Raises:
        NotPlainError: If something else is in it.
    """
    arrays: dict[str, np.ndarray[Any, Any]] = {}
    values = _pack(tree, "", arrays)
    # Large items first, so that each array begins at a multiple of the size of its items.
    names = sorted(arrays, key=lambda name: -arrays[name].dtype.itemsize)
    header: dict[str, Any] = {"__metadata__": {METADATA_KEY: json.dumps(values, allow_nan=False)}}
    buffers: list[bytes | memoryview] = []
    offset = 0
    for name in names:
        array = np.ascontiguousarray(arrays[name]).reshape(arrays[name].shape)
        header[name] = {
            "dtype": _CODES[array.dtype.name],
            "shape": list(array.shape),
            "data_offsets": [offset, offset + array.nbytes],
        }
        offset += array.nbytes
        if array.nbytes:
            buffers.append(array.reshape(-1).view(np.uint8).data)
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % _ALIGNMENT)
    return [_LENGTH.pack(len(text)) + text, *buffers]


def decode(data: bytes | bytearray | memoryview) -> Any:
    """Returns the value whose file consists of these bytes.

    Arrays are views of `data` where it can be written to, else read-only ones.

    Raises:
        ValueError: If they are not such a file.
    """
    try:
        return _decode(memoryview(data))
    except (KeyError, TypeError, IndexError, AttributeError, RecursionError, struct.error) as error:
        message = f"The bytes are not those of a file of values: {error!r}."
        raise ValueError(message) from error


def _decode(data: memoryview) -> Any:
    (length,) = _LENGTH.unpack(data[: _LENGTH.size])
    begin = _LENGTH.size + length
    if begin > len(data):
        message = f"The header should have {length} bytes, and the file has {len(data)}."
        raise ValueError(message)
    header = json.loads(bytes(data[_LENGTH.size : begin]))
    values = json.loads(header.pop("__metadata__")[METADATA_KEY])
    arrays = {name: _array(entry, data[begin:]) for name, entry in header.items()}
    return _unpack(values, arrays)


def _array(entry: Mapping[str, Any], data: memoryview) -> np.ndarray[Any, Any]:
    dtype = _dtype(_DTYPES[entry["dtype"]])
    first, last = entry["data_offsets"]
    shape = tuple(entry["shape"])
    size = math.prod(shape) * dtype.itemsize
    if not 0 <= first <= last <= len(data) or last - first != size or min(shape, default=0) < 0:
        message = f"An array of shape {shape} cannot lie at bytes {first} to {last}."
        raise ValueError(message)
    return np.frombuffer(data[first:last], dtype=dtype).reshape(shape)


def _dtype(name: str) -> np.dtype[Any]:
    if name in {"bfloat16", "float8_e4m3fn", "float8_e5m2"}:
        import ml_dtypes  # comes with Keras, and gives NumPy these types

        named: np.dtype[Any] = np.dtype(getattr(ml_dtypes, name))
        return named
    return np.dtype(name)


def _pack(value: Any, where: str, arrays: dict[str, np.ndarray[Any, Any]]) -> Any:
    """Returns `value` as JSON has it; arrays go to `arrays` under the path that they have."""
    kind = type(value)
    if value is None or kind in {bool, int, str}:
        return value
    if kind is float:
        return value if math.isfinite(value) else {_TAG: "float", "value": repr(value)}
    if kind is bytes:
        return {_TAG: "bytes", "value": value.hex()}
    if isinstance(value, np.ndarray | np.generic):
        array = np.asarray(value)
        if array.dtype.name not in _CODES or not array.dtype.isnative:
            raise NotPlainError(where, f"array of {array.dtype}")
        arrays[where] = array
        return {_TAG: "array" if isinstance(value, np.ndarray) else "scalar", "value": where}
    if kind in {list, tuple}:
        items = [_pack(item, f"{where}/{index}", arrays) for index, item in enumerate(value)]
        return items if kind is list else {_TAG: "tuple", "value": items}
    if kind is dict:
        return _pack_mapping(value, where, arrays)
    raise NotPlainError(where, kind.__name__)


def _pack_mapping(
    value: dict[Any, Any], where: str, arrays: dict[str, np.ndarray[Any, Any]]
) -> Any:
    if all(type(key) is str for key in value) and _TAG not in value:
        return {key: _pack(item, f"{where}/{key}", arrays) for key, item in value.items()}
    pairs = [
        [_pack(key, f"{where}/{index}.key", arrays), _pack(item, f"{where}/{index}", arrays)]
        for index, (key, item) in enumerate(value.items())
    ]
    return {_TAG: "pairs", "value": pairs}


def _unpack(value: Any, arrays: Mapping[str, np.ndarray[Any, Any]]) -> Any:
    if isinstance(value, list):
        return [_unpack(item, arrays) for item in value]
    if not isinstance(value, dict):
        return value
    if _TAG in value:
        return _KINDS[value[_TAG]](value["value"], arrays)
    return {key: _unpack(item, arrays) for key, item in value.items()}


_Arrays = Mapping[str, np.ndarray[Any, Any]]
_KINDS: Final[dict[str, Callable[[Any, _Arrays], Any]]] = {
    "float": lambda value, _: float(value),
    "bytes": lambda value, _: bytes.fromhex(value),
    "array": lambda value, arrays: arrays[value],
    "scalar": lambda value, arrays: arrays[value][()],
    "tuple": lambda value, arrays: tuple(_unpack(item, arrays) for item in value),
    "pairs": lambda value, arrays: {
        _unpack(key, arrays): _unpack(item, arrays) for key, item in value
    },
}
