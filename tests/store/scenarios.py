"""What the store does to a directory, as values: the state before, the action, the state after.

The fault tests interrupt each action at each single operation and allow the two states, nothing
between.
"""

from __future__ import annotations

import errno
import os
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from unittest import mock

from epochline.shards import Division
from epochline.store import (
    CheckpointStore,
    FileRecord,
    RunLock,
    dedup,
    digest_bytes,
    export_sharded,
    export_verified,
    remove_leftovers,
    write_atomic,
)
from epochline.store.parts import Find, PendingParts
from epochline.store.trash import Trash

OLD = b"old" * 700_000
NEW = b"new" * 800_000
CHANGED = OLD[:1_000_000] + b"another" + OLD[1_000_007:]
NAME = "epoch-0001.weights.h5"
ID = "0123456789abcdef"
TRASHED = f"trash/{ID}/{NAME}"
INDEX = "b.weights.json"
SHARDS = Division(
    sizes=(len(OLD), len(NEW)),
    groups={"/old/vars": (0,), "/new/vars": (1,)},
    values_bytes=len(OLD) + len(NEW),
    shared=frozenset({0}),
)
SHARDED = (
    (INDEX, SHARDS.index(INDEX, [digest_bytes(OLD), digest_bytes(NEW)])),
    ("b_00000.weights.h5", OLD),
    ("b_00001.weights.h5", NEW),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Scenario:
    """An action on a directory.

    Attributes:
        before: Files before, by name.
        act: The action.
        operations: How many operations on the disk that is; each of them is made to fail.
        after: Files after it succeeded.
        after_error: Which states an error may leave.
        harmless: Whether a failure of the last operation is none, and leaves a temporary file.
        without_space: What it does where there is no space, which is no error; None for nothing.
        between: Files on the way, where there are several steps.
        after_kill: Files that a kill may leave besides `before`, `after` and `between`.
    """

    before: dict[str, bytes]
    act: Callable[[Path], object]
    operations: int
    after: dict[str, bytes]
    after_error: tuple[str, ...] = ("before",)
    harmless: bool = False
    without_space: dict[str, bytes] | None = None
    between: dict[str, bytes] | None = None
    after_kill: dict[str, bytes] = field(default_factory=dict)

    def states(self) -> list[dict[str, bytes]]:
        """Return the files that a kill may leave."""
        between = [] if self.between is None else [self.between]
        return [self.before, *between, self.after, self.before | self.after_kill]

    def prepare(self, directory: Path) -> None:
        """Make the state before."""
        for name, data in self.before.items():
            (directory / name).parent.mkdir(parents=True, exist_ok=True)
            (directory / name).write_bytes(data)


def _without_hard_links(directory: Path) -> None:
    refused = mock.patch.object(os, "link", side_effect=OSError(errno.EPERM, "no hard links"))
    with refused:
        write_atomic(directory / NAME, NEW, replace=False)


def _save_clone(directory: Path) -> None:
    # What a clone holds, without the file system that it takes.
    clone = mock.patch.object(
        dedup, "_clone", lambda source, target: os.sendfile(target, source, 0, len(OLD))
    )
    with (
        clone,
        dedup.ClonedFile(
            directory / "b.h5", directory / NAME, replace=False, size_bytes=len(OLD)
        ) as pending,
    ):
        pending.write(CHANGED)
        pending.publish()


def _save_shards(directory: Path, find: Find | None = None) -> None:
    with PendingParts(directory / INDEX, SHARDS, find) as pending:
        if find is None or not pending.reuse(digest_bytes(OLD)):
            pending.write(OLD)
        pending.write(NEW)
        pending.publish()


def _save_shards_and_link(directory: Path) -> None:
    _save_shards(directory, find=lambda _size, _digest: directory / "a_00000.weights.h5")


def _copy_shards(directory: Path) -> None:
    files = [FileRecord(directory / name, len(data), digest_bytes(data)) for name, data in SHARDED]
    export_sharded(files, directory / "a" / "b" / INDEX)


def _export(directory: Path) -> None:
    export_verified(
        directory / NAME,
        directory / "copy.weights.h5",
        size_bytes=len(OLD),
        digest=digest_bytes(OLD),
    )


def _take_out(directory: Path) -> None:
    trash = Trash(directory / "trash")
    trash.put_back(ID, directory / NAME, size_bytes=len(OLD), digest=digest_bytes(OLD))
    trash.remove(ID)


def _lock(directory: Path) -> None:
    lock = RunLock(directory / "lock")
    lock.acquire()
    lock.release()


SCENARIOS = {
    "first save of a run": Scenario(
        before={},
        act=lambda directory: write_atomic(directory / "a" / "b" / NAME, NEW, replace=False),
        operations=22,
        after={f"a/b/{NAME}": NEW},
    ),
    "save under a new name": Scenario(
        before={"epoch-0000.weights.h5": OLD},
        act=lambda directory: CheckpointStore(directory).save(NAME, NEW),
        operations=14,
        after={"epoch-0000.weights.h5": OLD, NAME: NEW},
    ),
    "save over the last one": Scenario(
        before={NAME: OLD},
        act=lambda directory: write_atomic(directory / NAME, NEW, replace=True),
        operations=15,
        after={NAME: NEW},
        harmless=True,
    ),
    "save of pieces": Scenario(
        before={NAME: OLD},
        act=lambda directory: write_atomic(
            directory / NAME,
            (NEW[at : at + 400_000] for at in range(0, len(NEW), 400_000)),
            replace=True,
        ),
        operations=17,
        after={NAME: NEW},
        harmless=True,
    ),
    "save without hard links": Scenario(
        before={},
        act=_without_hard_links,
        operations=15,
        after={NAME: NEW},
        after_kill={NAME: b""},  # a claimed name that nobody recorded
    ),
    "save that begins as a clone": Scenario(
        before={NAME: OLD},
        act=_save_clone,
        operations=14,
        after={NAME: OLD, "b.h5": CHANGED},
    ),
    "save of shards": Scenario(
        before={NAME: OLD},
        act=_save_shards,
        operations=43,
        after={NAME: OLD, **dict(SHARDED)},
    ),
    "save of shards, one of them linked": Scenario(
        before={"a_00000.weights.h5": OLD},
        act=_save_shards_and_link,
        operations=41,
        after={"a_00000.weights.h5": OLD, **dict(SHARDED)},
    ),
    "export of shards": Scenario(
        before=dict(SHARDED),
        act=_copy_shards,
        operations=54,
        after={**dict(SHARDED), **{f"a/b/{name}": data for name, data in SHARDED}},
    ),
    "export": Scenario(
        before={NAME: OLD},
        act=_export,
        operations=15,
        after={NAME: OLD, "copy.weights.h5": OLD},
    ),
    "delete": Scenario(
        before={NAME: OLD, "epoch-0002.weights.h5": NEW},
        act=lambda directory: CheckpointStore(directory).delete(
            NAME, size_bytes=len(OLD), digest=digest_bytes(OLD)
        ),
        operations=5,
        after={"epoch-0002.weights.h5": NEW},
        after_error=("before", "after"),
    ),
    "put into the trash": Scenario(
        before={NAME: OLD},
        act=lambda directory: CheckpointStore(directory).delete(
            NAME, size_bytes=len(OLD), digest=digest_bytes(OLD), aside=directory / TRASHED
        ),
        operations=16,
        after={TRASHED: OLD},
        after_error=("before", "after", "without_space"),
        without_space={},
    ),
    "take out of the trash": Scenario(
        before={TRASHED: OLD},
        act=_take_out,
        operations=7,
        after={NAME: OLD},
        after_error=("before", "after", "between"),
        between={NAME: OLD, TRASHED: OLD},
    ),
}

# Actions on files that a kill may leave in any state, or that remove what it left.
LOCKING = Scenario(
    before={}, act=_lock, operations=7, after={"lock": b""}, after_error=("before", "after")
)
TIDYING = Scenario(
    before={".tmp-1-0123456789abcdef-" + NAME: NEW, NAME: OLD},
    act=remove_leftovers,
    operations=4,
    after={NAME: OLD},
    after_error=("before", "after"),
)
