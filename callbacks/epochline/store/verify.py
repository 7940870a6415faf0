"""Compare a checkpoint file with what was recorded when it was saved.

It reads bytes and parses nothing: a hostile or damaged file can at worst be reported. It changes
nothing on disk.
"""

from __future__ import annotations

import enum
import io
import os
from dataclasses import dataclass, replace
from pathlib import PurePath
from typing import TYPE_CHECKING, NamedTuple

from epochline.store.digest import Progress, check_known, digest_stream
from epochline.store.files import NOT_A_FILE, open_regular

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from epochline.events import FilePart

__all__ = ["FileRecord", "FileState", "VerifyResult", "records_of", "verify", "verify_all"]


class FileRecord(NamedTuple):
    """What was recorded of a file.

    Attributes:
        path: Where it is.
        size_bytes: Its size.
        digest: Its digest.
    """

    path: Path
    size_bytes: int
    digest: str


class FileState(enum.Enum):
    """What became of a file that was saved."""

    INTACT = "intact"
    MISSING = "missing"
    WRONG_SIZE = "wrong_size"
    CHANGED = "changed"
    NOT_A_FILE = "not_a_file"
    UNREADABLE = "unreadable"
    UNKNOWN_DIGEST = "unknown_digest"


@dataclass(frozen=True, slots=True, kw_only=True)
class VerifyResult:
    """Outcome of a check; true only when the file is there and holds the bytes that were saved.

    Attributes:
        state: The outcome as a reason.
        message: The outcome in one or two sentences for people.
        path: The file.
        expected_size_bytes: Size that was recorded.
        found_size_bytes: Size that was found, None when the file could not be read.
        expected_digest: Digest that was recorded.
        found_digest: Digest that was found, None when the bytes were not (all) read.
    """

    state: FileState
    message: str
    path: Path
    expected_size_bytes: int
    expected_digest: str
    found_size_bytes: int | None = None
    found_digest: str | None = None

    @property
    def ok(self) -> bool:
        """True when the file is there and holds the bytes that were saved."""
        return self.state is FileState.INTACT

    def __bool__(self) -> bool:
        """Return `ok`."""
        return self.ok


def verify(
    path: Path,
    *,
    size_bytes: int,
    digest: str,
    beneath: Path | None = None,
    progress: Progress | None = None,
) -> VerifyResult:
    """Read a file and compare it with its record.

    Args:
        path: The file.
        size_bytes: Size that was recorded. A file of another size is not read.
        digest: Digest that was recorded.
        beneath: Refuse to leave this directory through links, see `open_regular`.
        progress: Called with the bytes done after each block.

    Returns:
        The outcome; what is wrong with the file is an answer here, not an exception.
    """
    size: int | None = None
    found: str | None = None
    try:
        check_known(digest)
        with io.FileIO(open_regular(path, beneath=beneath)) as file:
            size = os.fstat(file.fileno()).st_size
            if size == size_bytes:
                found = digest_stream(file, path, progress=progress).digest
    except OSError as error:
        state, message = _unread(error)
    except ValueError as error:
        state, message = FileState.UNKNOWN_DIGEST, f"was not checked. {error}"
    else:
        state, message = _compared(size, size_bytes, found, digest)
    return VerifyResult(
        state=state,
        message=f"{path.name} {message}",
        path=path,
        expected_size_bytes=size_bytes,
        expected_digest=digest,
        found_size_bytes=size,
        found_digest=found,
    )


def records_of(file: Path, stored: Sequence[FilePart]) -> list[FileRecord]:
    """Return the records of all files of a checkpoint: its own, then its shards, which lie beside.

    Args:
        file: The file that it is known by.
        stored: What was recorded of all of them, in that order; of the shards only names count.
    """
    paths = [file, *(file.with_name(PurePath(one.path).name) for one in stored[1:])]
    return [
        FileRecord(path, one.size_bytes, one.digest)
        for path, one in zip(paths, stored, strict=True)
    ]


def verify_all(
    files: Sequence[FileRecord], *, beneath: Path | None = None, progress: Progress | None = None
) -> VerifyResult:
    """Read all files of a checkpoint and compare them with their records.

    Args:
        files: The file that the checkpoint is known by, then the others that belong to it.
        beneath: As for `verify`.
        progress: Called with the bytes done after each block.

    Returns:
        The outcome for the first file that is not what was saved; when all are, one for the
        checkpoint, with the bytes of all of them.
    """
    done = 0

    def advance(count: int) -> None:
        if progress is not None:
            progress(done + count)

    first: VerifyResult | None = None
    for file in files:
        result = verify(
            file.path,
            size_bytes=file.size_bytes,
            digest=file.digest,
            beneath=beneath,
            progress=advance,
        )
        if not result or len(files) == 1:
            return result
        first = first or result
        done += file.size_bytes
    assert first is not None  # noqa: S101 – a checkpoint has a file
    message = f"{first.path.name} is intact: all {done:,} bytes of its {len(files)} files match."
    return replace(first, message=message, expected_size_bytes=done, found_size_bytes=done)


def _unread(error: OSError) -> tuple[FileState, str]:
    if isinstance(error, FileNotFoundError | NotADirectoryError):
        return FileState.MISSING, "is missing: it was deleted or moved after it was saved."
    state = FileState.NOT_A_FILE if error.errno in NOT_A_FILE else FileState.UNREADABLE
    return state, f"was not checked. {error.strerror}."


def _compared(
    size: int, expected_size: int, found: str | None, expected: str
) -> tuple[FileState, str]:
    if size < expected_size:
        return FileState.WRONG_SIZE, f"is truncated: {size:,} of {expected_size:,} bytes are there."
    if size != expected_size:
        message = f"has changed since it was saved, from {expected_size:,} to {size:,} bytes."
        return FileState.WRONG_SIZE, message
    if found != expected:
        message = f"has changed since it was saved: digest {found}, saved was {expected}."
        return FileState.CHANGED, message
    return FileState.INTACT, f"is intact: all {size:,} bytes match the digest of what was saved."
