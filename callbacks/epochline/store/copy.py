"""Copy a checkpoint file to another place, proving on the way that it holds what was saved.

Invariant: the target appears only when the digest of the very bytes that were written to it is the
recorded one, and never over another file unless that was asked for. The source is opened once and
only read.
"""

from __future__ import annotations

import io
import os
from typing import TYPE_CHECKING

from epochline.errors import CheckpointCorruptError, CheckpointMissingError
from epochline.shards import MOST_INDEX_BYTES, parse_index, renamed_index
from epochline.store.atomic import PendingFile, WrittenFile
from epochline.store.digest import Progress, check_known, digest_bytes, read_blocks
from epochline.store.files import open_regular
from epochline.store.parts import PendingParts
from epochline.store.verify import FileRecord

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

__all__ = ["export_sharded", "export_verified"]


def export_verified(  # noqa: PLR0913 - all but two are keywords
    source: Path,
    target: str | os.PathLike[str],
    *,
    size_bytes: int,
    digest: str,
    replace: bool = False,
    beneath: Path | None = None,
    progress: Progress | None = None,
) -> WrittenFile:
    """Copy `source` to `target` if it is byte for byte what was saved.

    Args:
        source: The checkpoint file.
        target: Where the copy goes; missing parent directories are created.
        size_bytes: Size of the source that was recorded.
        digest: Digest of the source that was recorded.
        replace: True replaces an existing target; False, the default, refuses.
        beneath: Refuse a source outside of this directory, also through links, see `open_regular`.
        progress: Called with the bytes copied after each block.

    Raises:
        CheckpointMissingError: The source is not there.
        CheckpointCorruptError: The source is not what was saved; the target was not touched.
        FileExistsError: The target exists and `replace` is false.
        OSError: Reading or writing failed, or `source` is no plain file or not in `beneath`;
            nothing is left behind.
        ValueError: The recorded digest is of an unknown form.
    """
    with (
        _opened(FileRecord(source, size_bytes, digest), beneath) as file,
        PendingFile(target, replace=replace, size_bytes=size_bytes) as copy,
    ):
        for block in read_blocks(file, source):
            copy.write(block)
            if progress is not None:
                progress(copy.size_bytes)
        if copy.digest != digest:
            raise CheckpointCorruptError(str(source), digest, copy.digest)
        return copy.publish()


def export_sharded(
    files: Sequence[FileRecord],
    target: str | os.PathLike[str],
    *,
    beneath: Path | None = None,
    progress: Progress | None = None,
) -> WrittenFile:
    """Copy a sharded checkpoint if it is byte for byte what was saved; return the new index.

    Args:
        files: Its index, then its shards, as they were recorded.
        target: Where the index goes; the shards go beside it. They are named after it, and when
            its name is another one, the new index says so; else all files are equal.
        beneath: Refuse sources outside of this directory, also through links, see `open_regular`.
        progress: Called with the bytes copied after each block.

    Raises:
        CheckpointMissingError: A file is not there.
        CheckpointCorruptError: A file is not what was saved; nothing was copied.
        FileExistsError: A name is taken: several files cannot be replaced as one.
        OSError: Reading or writing failed; nothing is left behind.
        ValueError: A recorded digest is of an unknown form, or the index is none.
    """
    index, *shards = files
    with _opened(index, beneath) as file:
        data = file.read(MOST_INDEX_BYTES) or b""
    if digest_bytes(data) != index.digest:
        raise CheckpointCorruptError(str(index.path), index.digest, digest_bytes(data))
    named = [shard.name for shard in parse_index(data, index.path.name)]
    if named != [shard.path.name for shard in shards]:
        raise CheckpointCorruptError(str(index.path), f"{len(shards)} shards", f"{len(named)}")
    done = 0
    with PendingParts(target, _Copied(index.path.name, data, shards)) as copy:
        for shard in shards:
            with _opened(shard, beneath) as file:
                for block in read_blocks(file, shard.path):
                    copy.write(block)
                    done += len(block)
                    if progress is not None:
                        progress(done)
        return copy.publish()


class _Copied:
    """The index of a copy, made of that of the original."""

    shared: frozenset[int] = frozenset()

    def __init__(self, name: str, data: bytes, shards: Sequence[FileRecord]) -> None:
        self.sizes = tuple(shard.size_bytes for shard in shards)
        self._name = name
        self._data = data
        self._shards = shards

    def index(self, name: str, digests: Sequence[str]) -> bytes:
        for shard, digest in zip(self._shards, digests, strict=True):
            if digest != shard.digest:
                raise CheckpointCorruptError(str(shard.path), shard.digest, digest)
        return self._data if name == self._name else renamed_index(self._data, self._name, name)


def _opened(record: FileRecord, beneath: Path | None) -> io.FileIO:
    """Return the file of a record, opened, if it has the recorded size."""
    check_known(record.digest)
    try:
        descriptor = open_regular(record.path, beneath=beneath)
    except (FileNotFoundError, NotADirectoryError) as error:
        raise CheckpointMissingError(str(record.path)) from error
    file = io.FileIO(descriptor)
    found = os.fstat(descriptor).st_size
    if found != record.size_bytes:
        file.close()
        raise CheckpointCorruptError(
            str(record.path), f"{record.size_bytes:,} bytes", f"{found:,} bytes"
        )
    return file
