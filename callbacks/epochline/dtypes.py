"""The dtypes of variables, as Keras names them, and the numbers in their bytes.

Every dtype that Keras writes is known here by its bytes alone, bfloat16 and float8 included, so
that statistics and comparisons need neither Keras nor ml_dtypes.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any, Final

import numpy as np

__all__ = ["block_bytes", "decoder", "encoder", "item_bytes", "to_bfloat16"]

_Array = np.ndarray[Any, Any]

_BLOCK_BYTES: Final = 1 << 19
"""What is looked at at once: small enough for the cache, large enough to make calls cheap."""

_WIDTH: Final = re.compile(r"(?:u?int|b?float|complex|void)(\d+)(?:_\w+)?")
_BYTE: Final = 8


def item_bytes(dtype: str) -> int | None:
    """Returns how many bytes one value has in a file, None when that is not known.

    Args:
        dtype: As Keras names it; `void` and a number of bits for bytes of no known meaning.

    Example:
        >>> item_bytes("bfloat16"), item_bytes("float8_e5m2"), item_bytes("string")
        (2, 1, None)
    """
    if dtype == "bool":
        return 1
    match = _WIDTH.fullmatch(dtype)
    return int(match[1]) // _BYTE if match and int(match[1]) % _BYTE == 0 else None


def decoder(dtype: str) -> Callable[[_Array], _Array] | None:
    """Returns what turns bytes into numbers, None for a dtype that has none.

    Args:
        dtype: As Keras names it.

    Returns:
        A function from uint8 of shape (bytes,) to float32 or float64 of shape (values,), or to
        (2 × values,) for complex numbers. The result may share the memory of its argument.
    """
    return _DECODERS.get(dtype)


def encoder(dtype: str) -> Callable[[_Array], _Array] | None:
    """Returns what turns numbers into values of a floating point type; None for other dtypes.

    Args:
        dtype: As Keras names it.

    Returns:
        A function from floats of shape (values,) to these values, rounded to nearest, as the bytes
        in a file are.
    """
    return _ENCODERS.get(dtype)


def block_bytes(dtype: str) -> int:
    """Returns how many bytes of values of `dtype` to look at at once; decoded, they fit the cache.

    For float32, and all that become it, that is the same number of values.
    """
    return _BLOCK_BYTES // _GROWTH.get(dtype, 1)


def _viewed(stored: str, computed: str | None = None) -> Callable[[_Array], _Array]:
    """Returns what reads values of one NumPy dtype, and converts them when `computed` is given."""

    def decode(raw: _Array) -> _Array:
        values = raw.view(stored)
        return values if computed is None else values.astype(computed)

    return decode


def _bfloat16(raw: _Array) -> _Array:
    # A bfloat16 is the upper half of a float32.
    wide = np.zeros(raw.size, "<u2")
    wide[1::2] = raw.view("<u2")
    return wide.view("<f4")


def to_bfloat16(values: _Array) -> _Array:
    """Returns floats as bfloat16, rounded to nearest with ties to even; uint16 of the same shape.

    bfloat16 is the upper half of IEEE 754 binary32. NumPy has no such type.
    """
    bits = values.astype("<f4").view("<u4")
    rounded = (bits + 0x7FFF + ((bits >> 16) & 1)) >> 16
    # Rounding could carry a NaN over into an infinity; one bit of its payload keeps it what it is.
    quiet = (bits >> 16) | 0x40
    return np.where(np.isnan(values), quiet, rounded).astype("<u2")


def _float8_e5m2(raw: _Array) -> _Array:
    # It is the upper half of a float16.
    return (raw.astype("<u2") << 8).view("<f2").astype("f4")


def _float8_e4m3fn(raw: _Array) -> _Array:
    return _E4M3FN[raw]


def _e4m3fn_values() -> _Array:
    """Returns the 256 values: 4 bits of exponent, bias 7, no infinities (arXiv:2209.05433)."""
    bits = np.arange(256)
    exponent, fraction = bits >> 3 & 15, bits & 7
    magnitude = np.where(
        exponent == 0, fraction / 8 * 2.0**-6, (1 + fraction / 8) * 2.0 ** (exponent - 7)
    )
    magnitude[[0x7F, 0xFF]] = np.nan
    return np.where(bits & 0x80, -magnitude, magnitude).astype("f4")


_E4M3FN: Final = _e4m3fn_values()

_DECODERS: Final[dict[str, Callable[[_Array], _Array]]] = {
    "float16": _viewed("<f2", "f4"),
    "bfloat16": _bfloat16,
    "float32": _viewed("<f4"),
    "float64": _viewed("<f8"),
    "float8_e4m3fn": _float8_e4m3fn,
    "float8_e5m2": _float8_e5m2,
    "bool": _viewed("u1", "f4"),
    "int8": _viewed("i1", "f4"),
    "int16": _viewed("<i2", "f4"),
    "int32": _viewed("<i4", "f8"),
    "int64": _viewed("<i8", "f8"),
    "uint8": _viewed("u1", "f4"),
    "uint16": _viewed("<u2", "f4"),
    "uint32": _viewed("<u4", "f8"),
    "uint64": _viewed("<u8", "f8"),
    "complex64": _viewed("<f4"),
    "complex128": _viewed("<f8"),
}
_ENCODERS: Final[dict[str, Callable[[_Array], _Array]]] = {
    "float16": lambda values: values.astype("<f2"),
    "bfloat16": to_bfloat16,
    "float32": lambda values: values.astype("<f4"),
    "float64": lambda values: values.astype("<f8"),
}
# How many times larger the decoded values are than their bytes.
_GROWTH: Final = {
    name: decode(np.zeros(16, "u1")).nbytes // 16 for name, decode in _DECODERS.items()
}
