"""What a disk may hold after the power was lost: a model of what POSIX promises, and no more.

`OperationLog` notes what a program does to a directory: files made, bytes written, names given and
taken, syncs. `crash_states` then goes through the log and yields, for each moment, what may be
found after a power loss at that moment:

- Bytes that were written and not synced since: each block of 4 KiB in any of the states that it had
  since then, zeros where it did not reach; the file as long as it was at any time since.
- Names that were given or taken and whose directory was not synced since: any subset of these
  changes, each whole or not at all. A rename is one change, as on every journaling file system; it
  is durable once the directory of its new name is synced.
- What was synced is there. Syncing a file does not make its name durable.

Combinations that are too many are drawn at random, the same ones each time.
"""

from __future__ import annotations

import itertools
import os
import random
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any, Final

from epochline.reader import read_records
from epochline.store import digest_bytes
from epochline.timeline import Timeline, build_timeline
from tests.store.faults import Call, Shim

__all__ = ["Listings", "Mark", "Operation", "OperationLog", "State", "crash_states"]

BLOCK: Final = 4096
_ROOT: Final = 0
_ALL_SUBSETS_OF: Final = 5
_OF_A_FILE: Final = 8
"""Most states of one file at one moment."""
_OF_A_MOMENT: Final = 60
"""Most states of the disk at one moment."""

_RECORDS: Final = ("timeline/events", "timeline/control/actions")

_Name = tuple[int, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Operation:
    """Something done to the disk.

    Attributes:
        inode: The file whose bytes were changed or synced, or the directory that was synced, by a
            number of ours: above 0 for files, up to 0 for directories.
        content: All bytes of the file after the change; None for a sync.
        names: Changes of names: directory and name to the inode that has it now, None for none.
    """

    inode: int = -1
    content: bytes | None = None
    names: Mapping[_Name, int | None] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Mark:
    """Something that was promised at this point; no operation.

    Attributes:
        said: What.
    """

    said: Any


@dataclass(frozen=True, slots=True, kw_only=True)
class State:
    """What may be found after a power loss.

    Attributes:
        moment: How many operations of the log were done.
        files: Relative path to bytes.
        said: What was promised before.
    """

    moment: int
    files: Mapping[str, bytes]
    said: tuple[Any, ...]

    def digest(self, path: str) -> str | None:
        """Return the digest of a file, None when there is none."""
        return digest_bytes(self.files[path]) if path in self.files else None


class OperationLog(Shim):
    """Notes what is done below a directory while it is in force.

    Args:
        directory: It must be empty.

    Attributes:
        log: What was done and said, in order.
    """

    def __init__(self, directory: Path) -> None:
        super().__init__()
        self.log: list[Operation | Mark] = []
        self._directory = directory
        self._inodes: dict[Path, int] = {directory: _ROOT}
        self._open: dict[int, int] = {}
        self._contents: dict[int, bytes] = {}
        self._numbers = itertools.count(1)
        self._turn = threading.RLock()
        self._notes: dict[str, Callable[..., None]] = {
            "open": self._note_open,
            "close": self._note_close,
            "write": self._note_write,
            "ftruncate": self._note_length,
            "posix_fallocate": self._note_reserved,
            "fsync": self._note_sync,
            "fdatasync": self._note_sync,
            "mkdir": self._note_directory,
            "link": self._note_link,
            "rename": self._note_rename,
            "replace": self._note_rename,
            "unlink": self._note_gone,
            "remove": self._note_gone,
            "rmdir": self._note_gone,
        }

    def say(self, said: object) -> None:
        """Note that something is promised from now on."""
        with self._turn:
            self.log.append(Mark(said=said))

    def around(self, name: str, call: Call) -> Any:
        """Do it, and note it when it was done."""
        with self._turn:
            result = call()
            if name != "flock" and any(map(self._is_here, call.args)):  # no lock outlives the power
                if name not in self._notes:
                    raise NotImplementedError(f"The model of a power loss does not know {name!r}.")
                self._notes[name](result, *call.args)
            return result

    def _is_here(self, argument: object) -> bool:
        """Whether an argument is a path below the directory, or an open file there."""
        if isinstance(argument, str | bytes | os.PathLike):
            return Path(os.fsdecode(argument)).is_relative_to(self._directory)
        return isinstance(argument, int) and argument in self._open

    def _note_open(self, descriptor: int, path: Any, flags: int, *_: Any) -> None:
        path = Path(os.fsdecode(path))
        if path not in self._inodes:
            self._new(path, next(self._numbers))
            self._contents[self._inodes[path]] = b""
        self._open[descriptor] = self._inodes[path]

    def _note_close(self, _result: None, descriptor: int) -> None:
        del self._open[descriptor]

    def _note_write(self, count: int, descriptor: int, data: Any) -> None:
        content = self._contents[self._open[descriptor]]
        end = os.lseek(descriptor, 0, os.SEEK_CUR)  # the kernel moves it for O_APPEND, too
        start = end - count
        content += bytes(max(0, start - len(content)))
        self._changed(descriptor, content[:start] + bytes(data[:count]) + content[end:])

    def _note_length(self, _result: None, descriptor: int, length: int) -> None:
        content = self._contents[self._open[descriptor]][:length]
        self._changed(descriptor, content + bytes(length - len(content)))

    def _note_reserved(self, _result: None, descriptor: int, offset: int, length: int) -> None:
        content = self._contents[self._open[descriptor]]
        self._changed(descriptor, content + bytes(max(0, offset + length - len(content))))

    def _changed(self, descriptor: int, content: bytes) -> None:
        inode = self._open[descriptor]
        self._contents[inode] = content
        self.log.append(Operation(inode=inode, content=content))

    def _note_sync(self, _result: None, descriptor: int) -> None:
        self.log.append(Operation(inode=self._open[descriptor]))

    def _note_directory(self, _result: None, path: Any, *_: Any) -> None:
        self._new(Path(path), -next(self._numbers))

    def _new(self, path: Path, inode: int) -> None:
        self._inodes[path] = inode
        self.log.append(Operation(names={self._name(path): inode}))

    def _note_link(self, _result: None, source: Any, target: Any) -> None:
        inode = self._inodes[Path(target)] = self._inodes[Path(source)]
        self.log.append(Operation(names={self._name(Path(target)): inode}))

    def _note_rename(self, _result: None, source: Any, target: Any) -> None:
        source, target = Path(source), Path(target)
        inode = self._inodes[source]
        if self._inodes.get(target) != inode:  # else they are one file, and nothing is done
            names = {self._name(source): None, self._name(target): inode}
            self._inodes[target] = self._inodes.pop(source)
            self.log.append(Operation(names=names))

    def _note_gone(self, _result: None, path: Any) -> None:
        path = Path(path)
        self.log.append(Operation(names={self._name(path): None}))
        del self._inodes[path]

    def _name(self, path: Path) -> _Name:
        return self._inodes[path.parent], path.name


class _Disk:
    """What is durable, and what is on its way."""

    def __init__(self) -> None:
        self._contents: dict[int, list[bytes]] = {}  # the durable one, and those since
        self._names: dict[_Name, int | None] = {}
        self._on_their_way: list[tuple[Mapping[_Name, int | None], bool]] = []  # durable?

    def do(self, operation: Operation) -> None:
        """Go one step further."""
        if operation.names:
            self._on_their_way.append((operation.names, False))
            for inode in operation.names.values():
                self._contents.setdefault(inode or _ROOT, [b""])
        elif operation.content is not None:
            self._contents[operation.inode].append(operation.content)
        else:
            self._sync(operation.inode)

    def _sync(self, inode: int) -> None:
        self._contents[inode] = self._contents.get(inode, [b""])[-1:]
        self._on_their_way = [
            (names, durable or _durable_with(names) == inode)
            for names, durable in self._on_their_way
        ]
        while self._on_their_way and self._on_their_way[0][1]:
            self._names.update(self._on_their_way.pop(0)[0])

    def states(self, chance: random.Random) -> Iterator[dict[str, bytes]]:
        """Yield what may be found if the power is lost now."""
        subsets = list(self._subsets(chance))
        contents = {
            inode: list(_mixtures(versions, chance)) if len(versions) > 1 else versions
            for inode, versions in self._contents.items()
        }
        changing = [inode for inode, found in contents.items() if len(found) > 1]
        choices: Iterable[tuple[Any, ...]] = itertools.product(
            subsets, *(range(len(contents[inode])) for inode in changing)
        )
        count = len(subsets)
        for inode in changing:
            count *= len(contents[inode])
        if count > _OF_A_MOMENT:
            choices = (
                (
                    chance.choice(subsets),
                    *(chance.randrange(len(contents[inode])) for inode in changing),
                )
                for _ in range(_OF_A_MOMENT)
            )
        for choice in choices:
            names: Any = choice[0]
            picked: tuple[Any, ...] = choice[1:]
            found = {inode: versions[0] for inode, versions in contents.items()}
            found |= {
                inode: contents[inode][which] for inode, which in zip(changing, picked, strict=True)
            }
            yield _tree(names, found)

    def _subsets(self, chance: random.Random) -> Iterator[dict[_Name, int | None]]:
        """Yield the names that may be there."""
        open_ends = [durable for _, durable in self._on_their_way].count(False)
        if open_ends <= _ALL_SUBSETS_OF:
            choices = list(itertools.product([False, True], repeat=open_ends))
        else:
            prefixes = [[index < end for index in range(open_ends)] for end in range(open_ends + 1)]
            at_random = [
                [chance.random() < 0.5 for _ in range(open_ends)] for _ in range(2**_ALL_SUBSETS_OF)
            ]
            choices = [tuple(choice) for choice in prefixes + at_random]
        for choice in choices:
            done = iter(choice)
            names = dict(self._names)
            for changes, durable in self._on_their_way:
                if durable or next(done):
                    names.update(changes)
            yield names


def _durable_with(names: Mapping[_Name, int | None]) -> int:
    """Return the directory whose sync makes a change of names durable."""
    given = [directory for (directory, _), inode in names.items() if inode is not None]
    return (given or [directory for directory, _ in names])[0]


def _mixtures(versions: list[bytes], chance: random.Random) -> Iterator[bytes]:
    """Yield what may be found of bytes that were not synced since the first version."""
    yield versions[0]
    yield versions[-1]
    longest = max(len(version) for version in versions)
    yield versions[0] + bytes(longest - len(versions[0]))
    for _ in range(_OF_A_FILE - 3):
        blocks = [
            _mostly_late(versions, chance)[start : start + BLOCK].ljust(BLOCK, b"\0")
            for start in range(0, longest, BLOCK)
        ]
        yield b"".join(blocks)[: len(_mostly_late(versions, chance))]


def _mostly_late(versions: list[bytes], chance: random.Random) -> bytes:
    """Return a version; what is old was most likely written by the system itself."""
    steps_back = int(chance.expovariate(0.5))
    return versions[-1 - steps_back] if steps_back < len(versions) else chance.choice(versions)


def _tree(names: Mapping[_Name, int | None], contents: Mapping[int, bytes]) -> dict[str, bytes]:
    """Return the files that can be reached, by relative path."""
    inside: dict[int, list[tuple[str, int]]] = {}
    for (directory, name), inode in names.items():
        if inode is not None:
            inside.setdefault(directory, []).append((name, inode))
    files: dict[str, bytes] = {}
    folders = [("", _ROOT)]
    while folders:
        path, directory = folders.pop()
        for name, inode in inside.get(directory, []):
            if inode <= _ROOT:
                folders.append((f"{path}{name}/", inode))
            else:
                files[f"{path}{name}"] = contents[inode]
    return files


def crash_states(log: list[Operation | Mark], *, seed: int = 0) -> Iterator[State]:
    """Yield what may be found after a power loss, moment by moment; no two are the same."""
    chance = random.Random(seed)  # noqa: S311 - repeatable choices, no secrets
    disk = _Disk()
    said: list[Any] = []
    seen: set[int] = set()
    for moment, step in enumerate(log):
        if isinstance(step, Mark):
            said.append(step.said)
            seen.clear()  # the same files may break a new promise
            continue
        disk.do(step)
        for files in disk.states(chance):
            key = hash(frozenset(files.items()))
            if key not in seen:
                seen.add(key)
                yield State(moment=moment, files=files, said=tuple(said))


class Listings:
    """The timelines that the event files of the states show; few of them differ."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory

    @cache  # noqa: B019 - lives as long as the test
    def _timeline(self, files: tuple[tuple[str, bytes], ...]) -> Timeline:
        run_dir = self._directory / str(hash(files))
        for path, data in files:
            (run_dir / path).parent.mkdir(parents=True, exist_ok=True)
            (run_dir / path).write_bytes(data)
        return build_timeline(read_records(run_dir).records)

    def of(self, state: State) -> Timeline:
        """Return what the run shows."""
        files = [item for item in state.files.items() if item[0].startswith(_RECORDS)]
        timeline = self._timeline(tuple(sorted(files)))
        sizes = {
            path: len(state.files[path]) if path in state.files else None
            for path in timeline.files()
        }
        return timeline.with_files(sizes)
