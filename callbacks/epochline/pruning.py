"""Carry plans out: files and records together, in the order that loses nothing.

- Delete: the file goes (into the trash, if that can hold it), then it is recorded.
- Recover: the file is back at its place, then it is recorded, then it leaves the trash.
- Demote: the smaller file is complete beside the old one, then it is recorded, then it takes the
  old one's name. A checkpoint is what its file is: as long as that has the old size, it counts as
  what it was.

Who is killed between two steps leaves what `settle` finishes. One process at a time prunes a run;
a training does not wait for its turn but prunes after its next save.

Knows checkpoints and their files, not Keras; where a record goes, its user says.

Invariant: only files that are still what was recorded are moved, replaced or deleted.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final, Protocol

from epochline.checkpoints import CheckpointEntry, Status
from epochline.errors import CheckpointCorruptError, CheckpointFormatError, CheckpointMissingError
from epochline.events import (
    CheckpointDemoted,
    CheckpointPruned,
    CheckpointRecovered,
    Event,
    FilePart,
    Tier,
    VariablesDescribed,
)
from epochline.layout import Layout, read_layout
from epochline.planning import Fate, PrunePlan, PruneStep
from epochline.reader import CONTROL_DIR, TIMELINE_DIR
from epochline.retention import Retention, RetentionPolicy
from epochline.statistics import Measurer
from epochline.store import CheckpointStore, Deletion, PendingFile, verify
from epochline.store.demote import demoted_image
from epochline.store.files import sync_directory
from epochline.store.flock import Flock
from epochline.store.trash import Trash
from epochline.store.turn import turn

__all__ = [
    "Outcome",
    "Problem",
    "Pruner",
    "Stored",
    "carry_out",
    "prune_turn",
    "put_back",
    "settle",
    "stages",
    "trash_of",
]

_TURN_FILE: Final = "prune.lock"
_TRASH_DIR: Final = "trash"


class Stored(Protocol):
    """A checkpoint and its files."""

    @property
    def id(self) -> str:
        """Its identity."""
        ...

    @property
    def path(self) -> str:
        """POSIX, relative to the run directory, absolute when outside of it."""
        ...

    @property
    def size_bytes(self) -> int | None:
        """Size of that file."""
        ...

    @property
    def digest(self) -> str | None:
        """Digest of that file."""
        ...

    @property
    def parts(self) -> Sequence[FilePart]:
        """Further files."""
        ...

    @property
    def total_bytes(self) -> int:
        """Bytes of all files."""
        ...

    @property
    def described(self) -> VariablesDescribed | None:
        """Where the variables lie in that file, as far as that was recorded."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Problem:
    """Something that could not be done.

    Attributes:
        message: What, and why.
        hint: What follows.
    """

    message: str
    hint: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What came of one step of a plan.

    Attributes:
        step: The step.
        deletion: What came of a deletion.
        demoted: What was recorded of a demotion; None when there was nothing to gain.
        problem: Why it could not be done.
    """

    step: PruneStep
    deletion: Deletion | None = None
    demoted: CheckpointDemoted | None = None
    problem: Problem | None = None


def trash_of(run_dir: str | os.PathLike[str]) -> Trash:
    """Returns the trash of a run."""
    return Trash(Path(run_dir, TIMELINE_DIR, CONTROL_DIR, _TRASH_DIR))


@contextmanager
def prune_turn(run_dir: str | os.PathLike[str], *, wait_seconds: float) -> Iterator[Flock]:
    """Has the turn to prune a run for as long as the block runs.

    Yields `Flock.BUSY` when others have it, and `Flock.UNSUPPORTED` where there are no locks: then
    everybody may prune at once, and nobody may settle what may not be finished yet.

    Args:
        run_dir: The run directory.
        wait_seconds: How long to wait for others.

    Raises:
        OSError: The lock file cannot be made.
    """
    path = Path(run_dir, TIMELINE_DIR, CONTROL_DIR, _TURN_FILE)
    with turn(path, wait_seconds=wait_seconds) as held:
        yield held


def stages(policy: RetentionPolicy) -> tuple[RetentionPolicy, ...]:
    """Returns what is to be planned and carried out one after the other.

    First what the policy says, then the budget, which counts what demotion really left.
    """
    if isinstance(policy, Retention) and policy.demotions and policy.max_bytes is not None:
        return (replace(policy, max_bytes=None), policy)
    return (policy,)


class Pruner:
    """Deletes, demotes and recovers the checkpoints of a run, and records each.

    Args:
        run_dir: The run directory.
        record: Writes events down, as one record.
        sync: Makes what was recorded survive a power loss.
        operation: Id of what this is a part of, when somebody does it by hand.
        trash: Whether deleted files go into the trash.

    Attributes:
        run_dir: The run directory.
    """

    def __init__(
        self,
        run_dir: str | os.PathLike[str],
        record: Callable[..., object],
        sync: Callable[[], object],
        *,
        operation: str = "",
        trash: bool = True,
    ) -> None:
        self.run_dir = Path(run_dir)
        self._record = record
        self._sync = sync
        self._operation = operation
        self._trash = trash_of(run_dir) if trash else None
        self._described: set[str] = set()

    def delete(self, item: Stored, policy: str, *, frees_bytes: int | None = None) -> Deletion:
        """Deletes a checkpoint.

        Args:
            item: Which one.
            policy: The policy that lets it go, in words.
            frees_bytes: What that frees; all of it when None.

        Raises:
            OSError: A file could not be read or removed.
        """
        store = CheckpointStore(self.run_dir)
        aside = self._aside(item.id, item.path)
        try:
            done = store.delete(
                item.path, size_bytes=item.size_bytes or 0, digest=item.digest, aside=aside
            )
        except OSError:
            if _is_gone(self.run_dir / item.path):  # only its directory could not be synced
                trash = aside if aside is not None and not _is_gone(aside) else None
                self._pruned(item, policy, trash, frees_bytes)
            raise
        if done in (Deletion.DELETED, Deletion.TRASHED):
            trash = aside if done is Deletion.TRASHED else None
            self._pruned(item, policy, trash, frees_bytes)
        return done

    def _pruned(
        self, item: Stored, policy: str, trash: Path | None, frees_bytes: int | None
    ) -> None:
        self._delete_parts(item)
        self._record(
            CheckpointPruned(
                id=item.id,
                policy=policy,
                freed_bytes=item.total_bytes if frees_bytes is None else frees_bytes,
                trash=_relative(trash, self.run_dir) if trash is not None else "",
                operation=self._operation,
            )
        )

    def demote(self, item: Stored, tier: Tier, policy: str) -> CheckpointDemoted | None:
        """Makes the file of a checkpoint smaller.

        Args:
            item: Which one.
            tier: How much of it is left.
            policy: The policy that wants it, in words.

        Returns:
            What was recorded; None when it would not become smaller, or is no longer what it was.

        Raises:
            CheckpointFormatError: Its file is none that can be demoted.
            OSError: The file could not be read or replaced; it is what it was.
        """
        path, size, digest = self.run_dir / item.path, item.size_bytes or 0, item.digest or ""
        try:
            demoted = demoted_image(path, tier, size_bytes=size, digest=digest)
        except (CheckpointMissingError, CheckpointCorruptError):
            return None
        if len(demoted.image) >= size:
            return None
        with PendingFile(path, replace=True, size_bytes=len(demoted.image)) as pending:
            pending.write(demoted.image)
            event = CheckpointDemoted(
                id=item.id,
                tier=tier,
                path=item.path,
                size_bytes=pending.size_bytes,
                digest=pending.digest,
                policy=policy,
                freed_bytes=size - pending.size_bytes,
            )
            if not os.path.samestat(demoted.source, path.lstat()):
                return None  # somebody saved under that name meanwhile
            self._record(event)
            self._sync()
            pending.publish()
        self._measure(item, path, demoted.image)
        return event

    def recover(self, item: Stored) -> None:
        """Takes a checkpoint out of the trash.

        Raises:
            CheckpointMissingError: It is not there any more.
            CheckpointCorruptError: What is there is not what was recorded.
            FileExistsError: Another file is at its old place.
            OSError: A file could not be read or moved.
        """
        trash = trash_of(self.run_dir)
        main = FilePart(path=item.path, size_bytes=item.size_bytes or 0, digest=item.digest or "")
        for file in (*item.parts, main):
            trash.put_back(
                item.id,
                self.run_dir / file.path,
                size_bytes=file.size_bytes,
                digest=file.digest,
            )
        self._record(CheckpointRecovered(id=item.id))
        self._sync()
        trash.remove(item.id)

    def relist(self, item: Stored) -> None:
        """Records that a checkpoint is there that was recorded as gone."""
        self._record(CheckpointRecovered(id=item.id))

    def finish(self, item: Stored, policy: str) -> None:
        """Finishes deleting a checkpoint whose main file is in the trash already."""
        self._delete_parts(item)
        trash = _relative(trash_of(self.run_dir).place(item.id, Path(item.path)), self.run_dir)
        self._record(
            CheckpointPruned(id=item.id, policy=policy, freed_bytes=item.total_bytes, trash=trash)
        )

    def _measure(self, item: Stored, path: Path, image: memoryview) -> None:
        """Records the statistics of what is left; those from before were of another file."""
        layout, measurer = read_layout(path), Measurer()
        if item.described is not None:
            layout = _named(layout, Layout.from_event(item.described))
        for variable in layout.variables:
            end = variable.offset + variable.size_bytes
            measurer.add(image[variable.offset : end], variable.dtype)
        events: list[Event] = [measurer.result().to_event(id=item.id, layout=layout.id)]
        if layout.id not in self._described:
            self._described.add(layout.id)
            events.insert(0, layout.to_event())
        self._record(*events)

    def _aside(self, checkpoint_id: str, path: str) -> Path | None:
        return self._trash.place(checkpoint_id, Path(path)) if self._trash else None

    def _delete_parts(self, item: Stored) -> None:
        store = CheckpointStore(self.run_dir)
        for part in item.parts:
            store.delete(
                part.path,
                size_bytes=part.size_bytes,
                digest=part.digest,
                aside=self._aside(item.id, part.path),
            )


def carry_out(
    plan: PrunePlan, items: Mapping[str, Stored], pruner: Pruner, policy: str
) -> Iterator[Outcome]:
    """Does what a plan says, step by step: what goes first, since the rest may need the room.

    Args:
        plan: The plan.
        items: Id to checkpoint, for all that the plan changes.
        pruner: Does it.
        policy: The whole policy, in words.
    """
    for step in (*plan.of(Fate.DELETE), *plan.of(Fate.DEMOTE)):
        item = items[step.id]
        try:
            if step.fate is Fate.DELETE:
                done = pruner.delete(item, policy, frees_bytes=step.frees_bytes)
                yield Outcome(step=step, deletion=done)
            else:
                yield Outcome(step=step, demoted=pruner.demote(item, step.tier, policy))
        except (OSError, CheckpointFormatError) as error:
            verb = "deleted" if step.fate is Fate.DELETE else "made smaller"
            why = getattr(error, "strerror", None) or error
            kept = "It is kept; delete it by hand if the disk fills."
            gone = "It is gone, but a power loss may bring it back."
            problem = Problem(
                message=f"{item.path} could not be {verb}: {why}.".replace("..", "."),
                hint=gone if _is_gone(pruner.run_dir / item.path) else kept,
            )
            yield Outcome(step=step, problem=problem)


def put_back(
    run_dir: str | os.PathLike[str], checkpoints: Collection[CheckpointEntry], pruner: Pruner
) -> tuple[list[CheckpointEntry], list[CheckpointEntry]]:
    """Lists those again whose name a save was about to take when it was killed.

    That is recorded before the name changes hands, so that no list shows an old checkpoint with new
    weights. Where the name did not change hands, the old one is still what it was.

    To be called before a training saves anything: in another process such a save may be on its way.

    Args:
        run_dir: The run directory.
        checkpoints: All of the run, checked against their files.
        pruner: Records it.

    Returns:
        Those that are listed again; and those whose files hold something else now: the new weights,
        most likely, of which no record was written any more.

    Raises:
        OSError: A file could not be read.
    """
    known = {item.id for item in checkpoints}
    listed = {item.path for item in checkpoints if item.restorable}
    back, lost = [], []
    for item in checkpoints:
        path = Path(run_dir, item.path)
        if item.replaced_by in known | {""} or item.path in listed or not path.exists():
            continue
        if _same(item, path):
            pruner.relist(item)
            back.append(item)
        else:
            lost.append(item)
    return back, lost


def settle(
    run_dir: str | os.PathLike[str],
    checkpoints: Iterable[CheckpointEntry],
    pruner: Pruner,
    policy: str,
) -> None:
    """Finishes what somebody who was killed had begun to prune or to recover.

    To be called while one holds the turn.

    Args:
        run_dir: The run directory.
        checkpoints: Those of the run, checked against their files.
        pruner: Does it.
        policy: The policy that they were pruned by, in words, as far as that is known.

    Raises:
        OSError: A file could not be moved or removed.
    """
    trash = trash_of(run_dir)
    known = {item.id: item for item in checkpoints}
    for trashed in trash.content():
        item = known.get(trashed.id)
        if item is None:
            continue  # its record is lost; it goes when its time is up
        path = Path(run_dir, item.path)
        place = trash.place(item.id, path)
        if item.status is Status.MISSING and _same(item, place):
            pruner.finish(item, policy)
        elif item.restorable or (item.status is Status.PRUNED and not place.exists()):
            trash.remove(item.id)
        elif item.status is Status.PRUNED and path.exists() and path.samefile(place):
            path.unlink()
            sync_directory(path.parent)


def _named(layout: Layout, before: Layout) -> Layout:
    """Returns a layout with the names that the variables had in the larger file."""
    known = {variable.dataset: variable for variable in before.variables}
    return Layout.of(
        replace(item, name=known[item.dataset].name, trainable=known[item.dataset].trainable)
        if item.dataset in known
        else item
        for item in layout.variables
    )


def _same(item: CheckpointEntry, path: Path) -> bool:
    return bool(verify(path, size_bytes=item.size_bytes or 0, digest=item.digest or ""))


def _is_gone(path: Path) -> bool:
    """Returns whether a file is certainly not there: it may also be out of reach."""
    try:
        path.lstat()
    except (FileNotFoundError, NotADirectoryError):
        return True
    except OSError:
        return False
    return False


def _relative(path: Path, run_dir: Path) -> str:
    return path.relative_to(run_dir).as_posix()
