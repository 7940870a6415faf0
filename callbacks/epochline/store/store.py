"""The checkpoint files of one run: save under a name, find a free name, delete, tidy up.

Deleting may mean to move a file aside (`trash.py`), which can be undone.

The store keeps no list: what was saved, with which size and digest, is recorded by its users (in
events), and comes back as arguments. It knows files, not Keras.

Invariant: a name never stands for a half file (`atomic.py`), and only files that are still what was
recorded are deleted.
"""

from __future__ import annotations

import enum
import errno
import io
import itertools
import os
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from epochline.shards import INDEX_ENDING, shard_name
from epochline.store.atomic import WrittenFile, write_atomic
from epochline.store.digest import digest_stream
from epochline.store.files import (
    NOT_A_FILE,
    explained,
    local_path,
    make_directories,
    open_regular,
    sync_directory,
)
from epochline.store.leftovers import remove_leftovers

if TYPE_CHECKING:
    from collections.abc import Iterable

    from typing_extensions import Buffer

__all__ = ["CheckpointStore", "Deletion"]


# Another file system, or a disk too full for a new name: what is to go must go all the same.
_NO_ROOM_ASIDE = frozenset({errno.EXDEV, errno.ENOSPC, errno.EDQUOT})


class Deletion(enum.Enum):
    """What came of a request to delete a file."""

    DELETED = "deleted"
    TRASHED = "trashed"
    ALREADY_GONE = "already_gone"
    NOT_OURS = "not_ours"


class CheckpointStore:
    """Checkpoint files below one directory.

    Example:
        >>> store = CheckpointStore(Path("logs/pima/checkpoints"))
        >>> saved = store.save(store.free_name("epoch-0012", ".weights.h5"), image)
        >>> store.delete(saved.path, size_bytes=saved.size_bytes, digest=saved.digest)
        <Deletion.DELETED: 'deleted'>

    Args:
        root: Directory of names that are not absolute; created by the first save.
    """

    def __init__(self, root: Path) -> None:
        self.root = root

    def save(
        self,
        name_or_path: str | os.PathLike[str],
        data: Buffer | Iterable[Buffer],
        *,
        replace: bool = False,
    ) -> WrittenFile:
        """Write a file, complete and durable when this returns.

        Args:
            name_or_path: Name below `root`, or an absolute path.
            data: As for `write_atomic`.
            replace: True replaces a file of that name; False fails when the name is taken.

        Raises:
            FileExistsError: The name is taken and `replace` is false.
            OSError: The file could not be written; what was there before still is.
        """
        return write_atomic(self.root / local_path(name_or_path), data, replace=replace)

    def free_name(self, stem: str, suffix: str) -> Path:
        """Return the first unused path of `stem.suffix`, `stem-2.suffix`, `stem-3.suffix`, ….

        Another writer may take the name before it is used. `save` without `replace` then raises
        `FileExistsError` and overwrites nothing, so ask for a name again.
        """
        names = itertools.chain(
            [f"{stem}{suffix}"], (f"{stem}-{number}{suffix}" for number in itertools.count(2))
        )
        return next(path for name in names if not _taken(path := self.root / name))

    def delete(
        self,
        path: str | os.PathLike[str],
        *,
        size_bytes: int,
        digest: str | None = None,
        aside: Path | None = None,
    ) -> Deletion:
        """Delete a file that is still what was recorded, durably, or move it aside.

        A file of another size, or something that is not a plain file, is not ours. All weights of
        one model have the same size, so a size alone cannot tell our checkpoint from one that the
        user put in its place: give the digest wherever it is known. Reading the file costs a
        fraction of what writing it did, and is once in its life.

        Args:
            path: Name below `root`, or an absolute path.
            size_bytes: Size that was recorded.
            digest: Digest that was recorded; None compares the size only.
            aside: Where the file goes instead, if that is on the same file system and there is room
                for one more name; nothing may be there.

        Raises:
            OSError: The file could not be read or removed.
        """
        path = self.root / local_path(path)
        try:
            recorded = _stat_if_recorded(path, size_bytes, digest)
        except (FileNotFoundError, NotADirectoryError):
            return Deletion.ALREADY_GONE
        if recorded is None:
            return Deletion.NOT_OURS
        with explained("delete this file", path):
            try:
                if not os.path.samestat(recorded, path.lstat()):  # replaced while it was read
                    return Deletion.NOT_OURS
                if aside is not None and _move(path, aside):
                    done = Deletion.TRASHED
                else:
                    path.unlink()
                    done = Deletion.DELETED
            except FileNotFoundError:
                return Deletion.ALREADY_GONE
            sync_directory(path.parent)
        return done

    def remove_leftovers(self) -> tuple[Path, ...]:
        """Remove what killed writers left in `root`; to be called when a run starts."""
        return remove_leftovers(self.root)


def _taken(path: Path) -> bool:
    if path.name.endswith(INDEX_ENDING) and os.path.lexists(
        path.with_name(shard_name(path.name, 0))
    ):
        return True
    return os.path.lexists(path)


def _move(path: Path, target: Path) -> bool:
    """Rename a file within its file system; False when that cannot be done there."""
    try:
        while True:
            make_directories(target.parent)
            try:
                path.rename(target)
                break
            except FileNotFoundError:  # the file, or the directory that was just made, has gone
                if not os.path.lexists(path):
                    raise
    except OSError as error:
        if error.errno not in _NO_ROOM_ASIDE:
            raise
        with suppress(OSError):
            target.parent.rmdir()  # made in vain; it stays when others are in it
        return False
    sync_directory(target.parent)
    return True


def _stat_if_recorded(path: Path, size_bytes: int, digest: str | None) -> os.stat_result | None:
    """Return the identity of the file that was compared, None when it is not what was recorded."""
    try:
        descriptor = open_regular(path)
    except OSError as error:
        if error.errno in NOT_A_FILE:
            return None
        raise
    with io.FileIO(descriptor) as file:
        found = os.fstat(descriptor)
        same = found.st_size == size_bytes
        if same and digest is not None:
            same = digest_stream(file, path).digest == digest
    return found if same else None
