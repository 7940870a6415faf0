"""Digests: the fingerprint by which a checkpoint file is known.

Text form: `xxh3-128:` and 32 hexadecimal digits. XXH3 runs faster than memory can be copied, so
every byte that is saved, restored or exported can be checked. It finds damage of any kind; it is no
protection against somebody who may write the directory and wants to deceive.

Invariant: files are read through `open_regular`, block by block, in constant memory.
"""

from __future__ import annotations

import io
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

import xxhash

from epochline.store.files import BLOCK_BYTES, explained, open_regular

if TYPE_CHECKING:
    from pathlib import Path

    from typing_extensions import Buffer

__all__ = [
    "Digester",
    "FileDigest",
    "Progress",
    "check_known",
    "digest_bytes",
    "digest_file",
    "digest_stream",
    "read_blocks",
]

Progress = Callable[[int], object]
"""Called with the number of bytes done so far."""

_KNOWN = re.compile(r"xxh3-128:[0-9a-f]{32}")


@dataclass(frozen=True, slots=True, kw_only=True)
class FileDigest:
    """What was read from a file.

    Attributes:
        digest: Digest of all bytes.
        size_bytes: How many bytes they were.
    """

    digest: str
    size_bytes: int


class Digester:
    """The digest of bytes that arrive in pieces."""

    def __init__(self) -> None:
        self._state = xxhash.xxh3_128()

    def update(self, data: Buffer) -> None:
        """Take the next bytes."""
        self._state.update(data)

    def digest(self) -> str:
        """Return the digest of all bytes so far."""
        return f"xxh3-128:{self._state.hexdigest()}"


def digest_bytes(data: Buffer) -> str:
    """Return the digest of bytes in memory."""
    digester = Digester()
    digester.update(data)
    return digester.digest()


def digest_file(
    path: Path, *, beneath: Path | None = None, progress: Progress | None = None
) -> FileDigest:
    """Read a file and return its digest and size.

    Args:
        path: A regular file.
        beneath: Refuse to leave this directory through links, see `open_regular`.
        progress: Called after each block.

    Raises:
        OSError: The file cannot be read, or is not a regular file.
    """
    with io.FileIO(open_regular(path, beneath=beneath)) as file:
        return digest_stream(file, path, progress=progress)


def digest_stream(file: io.FileIO, path: Path, *, progress: Progress | None = None) -> FileDigest:
    """Read an open file to its end; `path` is its name in errors."""
    digester = Digester()
    size = 0
    for block in read_blocks(file, path):
        digester.update(block)
        size += len(block)
        if progress is not None:
            progress(size)
    return FileDigest(digest=digester.digest(), size_bytes=size)


def read_blocks(file: io.FileIO, path: Path) -> Iterator[memoryview]:
    """Yield the rest of a file; each block is valid only until the next one is asked for."""
    buffer = memoryview(bytearray(BLOCK_BYTES))
    while True:
        with explained("read this file", path):
            count = file.readinto(buffer)
        if not count:
            return
        yield buffer[:count]


def check_known(digest: str) -> None:
    """Raise `ValueError` unless `digest` has the one form that this version computes."""
    if not _KNOWN.fullmatch(digest):
        raise ValueError(
            f"The recorded digest {digest!r} is not of the form 'xxh3-128:<32 hex digits>', so the "
            "file cannot be checked. If a newer Epochline recorded it, upgrade this one."
        )
