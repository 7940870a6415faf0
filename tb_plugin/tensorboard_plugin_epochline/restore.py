"""Copy a checkpoint to `<run>/restored/`: the one thing the panel can do.

Bytes are copied and their digest is checked; nothing is parsed and no model is loaded.

Invariant: only a regular file below the run directory, reached by no symbolic link, whose bytes
have the recorded digest is copied; no existing file is changed. The path in an event is not
trusted: event files may come from strangers.
"""

from __future__ import annotations

import errno
import os
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from epochline.errors import CheckpointCorruptError, CheckpointMissingError
from epochline.sentences import size
from epochline.store.copy import export_sharded, export_verified
from epochline.store.verify import records_of, verify_all
from epochline.timeline import CheckpointEntry, Status
from tensorboard_plugin_epochline.answers import ApiError, ErrorCode, disk_error
from tensorboard_plugin_epochline.snippets import copy_name

__all__ = ["PLAIN_ID", "RESTORED_DIR", "Copy", "refuse_link", "restore_to_file"]

RESTORED_DIR: Final = "restored"

PLAIN_ID: Final = re.compile(r"[0-9a-f]{16,32}")
"""An id as our own records have it."""

_NOT_PLAIN: Final = frozenset({errno.ELOOP, errno.EISDIR, errno.EINVAL})
_OTHER: Final = "Choose another checkpoint of this run."
_BY_HAND: Final = "Use the code shown for the checkpoint, with a user and a machine that may."


@dataclass(frozen=True, slots=True, kw_only=True)
class Copy:
    """A copy of a checkpoint.

    Attributes:
        path: Where it is.
        size_bytes: Its size.
        digest: Digest of its bytes.
        created: Whether it was made just now, and was not there before.
        name: Its path in the run directory.
    """

    path: Path
    size_bytes: int
    digest: str
    created: bool
    name: str

    @property
    def message(self) -> str:
        """What happened, in one sentence."""
        if self.created:
            return f"Copied to {self.name} ({size(self.size_bytes)}); its digest was checked."
        return f"{self.name} was there already, and is byte for byte this checkpoint."


def restore_to_file(entry: CheckpointEntry, run_dir: Path) -> Copy:
    """Returns the copy of a checkpoint, made unless it is there.

    Args:
        entry: The checkpoint.
        run_dir: The run directory, absolute.

    Raises:
        ApiError: If it cannot be made; the message says why.
    """
    if entry.status in (Status.FAILED, Status.PRUNED):
        raise ApiError(ErrorCode.CONFLICT, entry.why, _OTHER)
    if entry.digest is None or entry.size_bytes is None or not PLAIN_ID.fullmatch(entry.id):
        message = f"The record of checkpoint {entry.id!r} is damaged; its file cannot be checked."
        raise ApiError(ErrorCode.CONFLICT, message, _OTHER)
    restored = run_dir / RESTORED_DIR
    target = restored / copy_name(entry)
    if entry.parts:  # in a directory of its own, where all its files keep their names
        target = restored / entry.id / Path(entry.path).name
    for directory in (restored, target.parent):
        refuse_link(directory)
    try:
        created = not os.path.lexists(target)
        if created:
            _make(entry, run_dir, target)
        else:
            _check(entry, run_dir, target)
    except FileExistsError:
        # Somebody else made it meanwhile.
        created = False
        _check(entry, run_dir, target)
    return Copy(
        path=target,
        size_bytes=entry.total_bytes,
        digest=entry.digest,
        created=created,
        name=target.relative_to(run_dir).as_posix(),
    )


def refuse_link(directory: Path) -> None:
    """Raises an `ApiError` if a directory to write into is a symbolic link."""
    if directory.is_symlink():
        message = f"{directory} is a symbolic link; nothing is written through it."
        raise ApiError(ErrorCode.CONFLICT, message, "Remove the link.")


def _make(entry: CheckpointEntry, run_dir: Path, target: Path) -> None:
    source = run_dir / entry.path
    files = records_of(source, entry.stored)
    try:
        if entry.parts:
            export_sharded(files, target, beneath=run_dir)
        else:
            export_verified(
                source,
                target,
                size_bytes=files[0].size_bytes,
                digest=files[0].digest,
                beneath=run_dir,
            )
    except CheckpointMissingError as error:
        raise ApiError(ErrorCode.CONFLICT, str(error), _OTHER) from error
    except CheckpointCorruptError as error:  # which says itself what to do
        raise ApiError(ErrorCode.CONFLICT, str(error)) from error
    except ValueError as error:
        raise ApiError(ErrorCode.CONFLICT, f"Nothing was copied: {error}", _BY_HAND) from error
    except FileExistsError:
        raise
    except OSError as error:
        raise _explained(error, source) from error


def _check(entry: CheckpointEntry, run_dir: Path, target: Path) -> None:
    result = verify_all(records_of(target, entry.stored), beneath=run_dir)
    if not result.ok:
        message = f"{target} is there already and is something else: {result.message}"
        raise ApiError(ErrorCode.CONFLICT, message, "Move it away; it is never overwritten.")


def _explained(error: OSError, source: Path) -> Exception:
    """Returns the documented error for what the operating system said, or `error` itself."""
    what = f"{error.strerror or error}: {error.filename}"
    if error.errno in _NOT_PLAIN:
        return ApiError(ErrorCode.CONFLICT, what, _BY_HAND)
    if isinstance(error, PermissionError) and str(error.filename) == str(source):
        return ApiError(ErrorCode.CONFLICT, f"TensorBoard may not read {source}.", _BY_HAND)
    return disk_error(error, _BY_HAND) or error
