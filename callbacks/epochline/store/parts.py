"""Write a checkpoint that consists of several files: shards, and the index that names them.

Each shard is a `PendingFile`, complete and durable under a temporary name before any of them gets
its own. Then the index is written and made durable under a temporary name: from here on, what a
killed writer leaves can be told by it (`remove_orphans`). Then the shards get their names, then
the index gets its own: only now is there a checkpoint.

No file that is there is ever replaced: several files cannot be replaced as one step.

Invariant: an index that has its name stands for shards that are complete and durable. A writer that
gets an error leaves nothing; of one that was killed, `remove_orphans` removes what is there, and
only files that have the digest that is in its index.
"""

from __future__ import annotations

import errno
import io
import os
import time
from collections.abc import Callable, Collection, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Protocol, Self

from epochline.shards import MOST_INDEX_BYTES, Shard, index_name, parse_index, shard_name
from epochline.store.atomic import NO_HARD_LINKS, PendingFile, WrittenFile
from epochline.store.dedup import LinkedFile
from epochline.store.files import local_path, open_regular
from epochline.store.verify import verify

if TYPE_CHECKING:
    from pathlib import Path
    from types import TracebackType

    from typing_extensions import Buffer

__all__ = ["Divided", "Find", "PendingParts", "remove_orphans"]

# Besides: the file has just gone, is on another file system, or is locked by somebody.
_CANNOT_LINK = NO_HARD_LINKS | {errno.ENOENT, errno.EXDEV, errno.EAGAIN}

Find = Callable[[int, str], "Path | None"]
"""Size and digest of a shard to a file that has these bytes already."""


class Divided(Protocol):
    """What a checkpoint is divided into, such as a `Division`."""

    @property
    def sizes(self) -> Sequence[int]:
        """Size of each shard in bytes."""
        ...

    @property
    def shared(self) -> Collection[int]:
        """Places of those that may be one file with those of other checkpoints."""
        ...

    def index(self, name: str, digests: Sequence[str]) -> bytes:
        """Return the content of the index `name`, given the digests of the shards."""
        ...


class PendingParts:
    """A sharded checkpoint being written; a context manager, as `PendingFile` is.

    Args:
        path: Where its index goes; the shards go beside it.
        division: Its shards.
        find: Finds shards that are there already; None when there are none.

    Attributes:
        path: Where its index goes.
        parts: Its shards, once they have their names, and whether each is one file with those of
            other checkpoints.
    """

    def __init__(
        self, path: str | os.PathLike[str], division: Divided, find: Find | None = None
    ) -> None:
        self.path = local_path(path)
        self.parts: tuple[tuple[WrittenFile, bool], ...] = ()
        self._division = division
        self._find = find
        self._pending: list[PendingFile] = []
        self._started = time.perf_counter()

    def write(self, data: Buffer) -> None:
        """Append bytes: of the first shard, and when that is complete, of the next, and so on."""
        view = memoryview(data).cast("B")
        while view:
            room = self._room()
            if not room:
                self._pending.append(self._next())
                continue
            self._pending[-1].write(view[:room])
            view = view[room:]

    def reuse(self, digest: str) -> bool:
        """Say whether the next shard is there already; then its bytes are not to be written.

        Args:
            digest: Digest of its bytes.
        """
        place = len(self._pending)
        size_bytes = self._division.sizes[place]
        original = self._find(size_bytes, digest) if self._find is not None else None
        if original is None:
            return False
        target = self.path.with_name(shard_name(self.path.name, place))
        try:
            linked = LinkedFile(target, original, size_bytes=size_bytes, digest=digest)
        except OSError as error:
            if error.errno not in _CANNOT_LINK:
                raise
            return False
        self._pending.append(linked)
        return True

    def publish(self, name: str | None = None) -> WrittenFile:
        """Make all files durable and give them their names; return what the index is then.

        Args:
            name: Another name for the index, after which the shards are named.

        Raises:
            FileExistsError: One of the names is taken.
            OSError: A file could not be written; nothing is left.
        """
        self.path = self.path.with_name(name or self.path.name)
        for pending in self._pending:
            pending.sync()
        index = self._division.index(self.path.name, [one.digest for one in self._pending])
        try:
            with PendingFile(self.path, replace=False, size_bytes=len(index)) as main:
                main.write(index)
                main.sync()
                try:
                    published = [
                        pending.publish(shard_name(self.path.name, place))
                        for place, pending in enumerate(self._pending)
                    ]
                    written = main.publish()
                except BaseException as error:
                    self._withdraw(error)  # while the index can still tell what is left
                    raise
        except BaseException as error:
            self._withdraw(error)  # once the index has no name any more
            raise
        self.parts = tuple(
            (one, place in self._division.shared) for place, one in enumerate(published)
        )
        return replace(written, seconds=time.perf_counter() - self._started)

    def _withdraw(self, error: BaseException) -> None:
        """Take the names of the shards away, unless there is an index for them."""
        shards = [
            Shard(
                name=shard_name(self.path.name, place),
                size_bytes=pending.size_bytes,
                digest=pending.digest,
            )
            for place, pending in enumerate(self._pending)
        ]
        try:
            _remove_shards(self.path, shards)
        except OSError as failure:
            # The first error is the one to act on; it must not be hidden by a second.
            error.add_note(f"Cleaning up after {self.path.name!r} failed as well: {failure}")

    def __enter__(self) -> Self:
        """Return itself."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Remove what was written unless it was published."""
        for pending in self._pending:
            pending.__exit__(kind, error, traceback)

    def _room(self) -> int:
        """Return how many bytes the present shard still takes."""
        if not self._pending:
            return 0
        return self._division.sizes[len(self._pending) - 1] - self._pending[-1].size_bytes

    def _next(self) -> PendingFile:
        place = len(self._pending)
        target = self.path.with_name(shard_name(self.path.name, place))
        return PendingFile(target, replace=False, size_bytes=self._division.sizes[place])


def remove_orphans(index: Path) -> None:
    """Remove the shards that the unfinished index of a killed writer names.

    Args:
        index: The index under its temporary name.

    Raises:
        OSError: One could not be removed.
    """
    with io.FileIO(open_regular(index)) as file:
        data = file.read(MOST_INDEX_BYTES) or b""
    try:
        shards = parse_index(data, index.name)
    except ValueError:  # killed before the index was whole, and so before any shard had its name
        return
    recorded = [shard for shard in shards if shard.digest]
    name = index_name(recorded[0].name) if recorded else None
    if name is not None:
        _remove_shards(index.with_name(name), recorded)


def _remove_shards(index: Path, shards: Sequence[Shard]) -> None:
    """Remove shards that are what was recorded, unless the index that names them is there."""
    if os.path.lexists(index):
        return
    for shard in shards:
        path = index.with_name(shard.name)
        if verify(path, size_bytes=shard.size_bytes or 0, digest=shard.digest):
            path.unlink(missing_ok=True)
