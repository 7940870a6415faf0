"""Deleted checkpoint files, until they are really deleted: one directory for each checkpoint.

A file goes into the trash by a rename (`CheckpointStore.delete` with `aside`), which takes neither
time nor space, and comes back under its old name after its digest was checked. The trash never
fills a disk: it holds no more than a tenth of the free space (counting itself as free), nothing for
longer than a week, and, of a training, no more than what that keeps; whoever needs room empties it
first.

Invariant: only regular files in directories of the trash that are named as checkpoints are (16
hexadecimal digits) are ever removed. Nothing comes back over another file, or with other bytes than
those that were recorded.
"""

from __future__ import annotations

import errno
import os
import re
import shutil
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from epochline.errors import CheckpointCorruptError, CheckpointMissingError
from epochline.store.atomic import NO_HARD_LINKS
from epochline.store.copy import export_verified
from epochline.store.digest import digest_file
from epochline.store.files import explained, make_directories, sync_directory
from epochline.store.verify import verify

__all__ = ["Trash", "Trashed"]

MAX_SECONDS: Final = 7 * 24 * 3600.0
SHARE_OF_FREE_SPACE: Final = 0.1

_NAME: Final = re.compile(r"[0-9a-f]{16}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Trashed:
    """A checkpoint in the trash.

    Attributes:
        id: Identity of the checkpoint.
        since: When it was put there, in seconds since the Unix epoch.
        size_bytes: Bytes of its files.
    """

    id: str
    since: float
    size_bytes: int


class Trash:
    """The trash of a run.

    Args:
        directory: Where it is; made when the first file is put there.
    """

    def __init__(self, directory: Path) -> None:
        self.directory = directory

    def place(self, checkpoint_id: str, path: Path) -> Path:
        """Returns where a file of a checkpoint is while it is in the trash."""
        return self.directory / checkpoint_id / path.name

    def content(self) -> list[Trashed]:
        """Returns what is in the trash, the longest there first."""
        try:
            with os.scandir(self.directory) as entries:
                found = [_trashed(entry) for entry in entries if _is_checkpoint(entry)]
        except (FileNotFoundError, NotADirectoryError):
            return []
        return sorted(found, key=lambda item: (item.since, item.id))

    def put_back(self, checkpoint_id: str, path: Path, *, size_bytes: int, digest: str) -> None:
        """Makes a file appear at its old place again, durably; it stays in the trash as well.

        So the checkpoint can be recorded as recovered before `remove` takes the other name away,
        and a kill at any moment leaves a state that is recorded.

        Args:
            checkpoint_id: Identity of the checkpoint.
            path: Its old place.
            size_bytes: Size that was recorded.
            digest: Digest that was recorded.

        Raises:
            CheckpointMissingError: It is not in the trash any more.
            CheckpointCorruptError: It is not what was recorded.
            FileExistsError: Another file is at its old place.
            OSError: It could not be read or linked.
        """
        source = self.place(checkpoint_id, path)
        if os.path.lexists(path):
            if verify(path, size_bytes=size_bytes, digest=digest):
                return  # an attempt before this one came that far
            with explained("put this file back", path):
                raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST))
        try:
            found = digest_file(source)
        except (FileNotFoundError, NotADirectoryError) as error:
            raise CheckpointMissingError(
                str(source), f"{path.name} is not in the trash any more: it was emptied."
            ) from error
        if (found.size_bytes, found.digest) != (size_bytes, digest):
            raise CheckpointCorruptError(str(source), digest, found.digest)
        with explained("put this file back", path):
            make_directories(path.parent)
            try:
                path.hardlink_to(source)
            except OSError as error:
                if error.errno not in NO_HARD_LINKS:
                    raise
                export_verified(source, path, size_bytes=size_bytes, digest=digest)
            sync_directory(path.parent)

    def remove(self, checkpoint_id: str) -> int:
        """Deletes the files of a checkpoint that are in the trash, and returns how many bytes.

        Raises:
            OSError: One could not be deleted.
        """
        directory = self.directory / checkpoint_id
        freed = 0
        with explained("empty the trash", directory):
            try:
                with os.scandir(directory) as entries:
                    files = [entry for entry in entries if entry.is_file(follow_symlinks=False)]
                for file in files:
                    freed += file.stat(follow_symlinks=False).st_size
                    Path(file.path).unlink(missing_ok=True)
                directory.rmdir()
            except FileNotFoundError:  # somebody else was faster
                return freed
            except OSError as error:
                if error.errno != errno.ENOTEMPTY:  # somebody put something there
                    raise
        return freed

    def shrink(self, most_bytes: int | None = None) -> int:
        """Empties the trash to its limits, the longest there first; returns the bytes freed.

        Args:
            most_bytes: How much it may hold, if that is less than a tenth of the free space.

        Raises:
            OSError: Something could not be deleted.
        """
        content = self.content()
        if not content:
            return 0
        held = sum(item.size_bytes for item in content)
        room = SHARE_OF_FREE_SPACE * (shutil.disk_usage(self.directory).free + held)
        oldest = time.time() - MAX_SECONDS
        most = room if most_bytes is None else min(most_bytes, room)
        freed = 0
        for item in content:
            if item.since >= oldest and held <= most:
                break
            freed += self.remove(item.id)
            held -= item.size_bytes
        return freed

    def make_room(self, size_bytes: int) -> int:
        """Empties as much as a file of `size_bytes` needs beyond the free space.

        Returns:
            Bytes freed, 0 also when there was room enough.

        Raises:
            OSError: Something could not be deleted.
        """
        freed = 0
        for item in self.content():
            if shutil.disk_usage(self.directory).free >= size_bytes:
                break
            freed += self.remove(item.id)
        return freed

    def empty(self) -> int:
        """Deletes all that is in the trash; returns the bytes freed.

        Raises:
            OSError: Something could not be deleted.
        """
        return sum(self.remove(item.id) for item in self.content())


def _is_checkpoint(entry: os.DirEntry[str]) -> bool:
    return bool(_NAME.fullmatch(entry.name)) and entry.is_dir(follow_symlinks=False)


def _trashed(entry: os.DirEntry[str]) -> Trashed:
    with os.scandir(entry) as files:
        size = sum(file.stat(follow_symlinks=False).st_size for file in files)
    since = entry.stat(follow_symlinks=False).st_mtime
    return Trashed(id=entry.name, since=since, size_bytes=size)
