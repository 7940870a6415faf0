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
from epochline.store.atomic import PendingFile, WrittenFile
from epochline.store.digest import Progress, check_known, read_blocks
from epochline.store.files import open_regular

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["export_verified"]


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
    check_known(digest)
    try:
        descriptor = open_regular(source, beneath=beneath)
    except (FileNotFoundError, NotADirectoryError) as error:
        raise CheckpointMissingError(str(source)) from error
    with io.FileIO(descriptor) as file:
        found_bytes = os.fstat(descriptor).st_size
        if found_bytes != size_bytes:
            raise CheckpointCorruptError(
                str(source), f"{size_bytes:,} bytes", f"{found_bytes:,} bytes"
            )
        with PendingFile(target, replace=replace, size_bytes=size_bytes) as copy:
            for block in read_blocks(file, source):
                copy.write(block)
                if progress is not None:
                    progress(copy.size_bytes)
            if copy.digest != digest:
                raise CheckpointCorruptError(str(source), digest, copy.digest)
            return copy.publish()
