"""What somebody does by hand to the checkpoints of a run: prune, undo, pin, note.

All of it can be done while the run is trained: it is recorded in the action log, which the training
looks at before it prunes.

Invariant: only checkpoints that Epochline wrote, or that were adopted, are deleted or changed.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final, Protocol

from epochline.actions import ActionLog
from epochline.checkpoints import CheckpointEntry
from epochline.errors import (
    CheckpointCorruptError,
    CheckpointFormatError,
    CheckpointMissingError,
    PruneBusyError,
)
from epochline.events import CheckpointAnnotated, Tier
from epochline.inventory import Retainable
from epochline.layout import read_layout
from epochline.planning import PrunePlan, SizeAfter, plan_prune
from epochline.pruning import (
    Outcome,
    Problem,
    Pruner,
    carry_out,
    prune_turn,
    settle,
    stages,
    trash_of,
)
from epochline.reader import read_actions
from epochline.retention import RetentionPolicy
from epochline.session import new_id
from epochline.store import Deletion, remove_leftovers
from epochline.store.flock import Flock
from epochline.tiers import size_at
from epochline.timeline import Timeline

__all__ = ["PruneResult", "annotate", "plan_run", "prune_run", "undo_prune"]

_WAIT_SECONDS: Final = 10.0
_LONGEST_NOTE: Final = 4000
_LONGEST_TAG: Final = 60
_MOST_TAGS: Final = 30


class Readable(Protocol):
    """A run that can be read again."""

    @property
    def path(self) -> Path:
        """The run directory."""
        ...

    @property
    def timeline(self) -> Timeline:
        """What was read."""
        ...

    def refresh(self) -> None:
        """Reads the run again."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class PruneResult:
    """What a prune did, or would do.

    Attributes:
        plan: What happens to each checkpoint, and why.
        dry_run: Whether nothing was done.
        outcomes: What was done, step by step.
    """

    plan: PrunePlan
    dry_run: bool
    outcomes: tuple[Outcome, ...] = ()

    @property
    def deleted(self) -> tuple[str, ...]:
        """Ids of those that are gone, in the trash or for good."""
        gone = (Deletion.DELETED, Deletion.TRASHED)
        return tuple(item.step.id for item in self.outcomes if item.deletion in gone)

    @property
    def trashed(self) -> tuple[str, ...]:
        """Ids of those that went into the trash."""
        return tuple(i.step.id for i in self.outcomes if i.deletion is Deletion.TRASHED)

    @property
    def demoted(self) -> tuple[str, ...]:
        """Ids of those that were made smaller."""
        return tuple(item.step.id for item in self.outcomes if item.demoted is not None)

    @property
    def freed_bytes(self) -> int:
        """Bytes that it frees, once the trash is emptied."""
        gone = sum(i.step.frees_bytes for i in self.outcomes if i.step.id in set(self.deleted))
        return gone + sum(i.demoted.freed_bytes for i in self.outcomes if i.demoted is not None)

    @property
    def problems(self) -> tuple[Problem, ...]:
        """What could not be done."""
        return tuple(item.problem for item in self.outcomes if item.problem is not None)


def plan_run(run: Readable, policy: RetentionPolicy, *, adopt: bool = False) -> PrunePlan:
    """Returns what `policy` does with the checkpoints of a run, as it was read.

    What a demotion frees is estimated from the files.

    Args:
        run: The run.
        policy: Says what to keep.
        adopt: Whether to count those that others wrote as if they were adopted.
    """
    entries = run.timeline.checkpoints
    if adopt:
        entries = tuple(replace(item, owned=item.owned or item.restorable) for item in entries)
    return plan_prune(
        policy,
        [item for item in entries if item.restorable],
        gone=[item for item in entries if not item.restorable and item.digest is not None],
        mode_of=run.timeline.mode,
        size_after=_size_after(run.path),
    )


def prune_run(
    run: Readable,
    policy: RetentionPolicy,
    *,
    dry_run: bool = True,
    trash: bool = True,
    progress: Callable[[Outcome], object] | None = None,
) -> PruneResult:
    """Lets go what `policy` does not keep, makes smaller what it demotes.

    Args:
        run: The run; it is read again.
        policy: Says what to keep.
        dry_run: True only tells what would happen.
        trash: Whether what is deleted goes into the trash first.
        progress: Called after each step.

    Raises:
        PruneBusyError: If somebody else is pruning the run.
        OSError: If the run directory cannot be written.
    """
    if dry_run:
        run.refresh()
        return PruneResult(plan=plan_run(run, policy), dry_run=True)
    with _turn(run), ActionLog(run.path) as log:
        pruner = Pruner(run.path, log.append, log.sync, operation=new_id()[:8], trash=trash)
        whole = plan_run(run, policy)
        outcomes: list[Outcome] = []
        for stage in stages(policy):
            items = {item.id: item for item in run.timeline.checkpoints}
            for outcome in carry_out(plan_run(run, stage), items, pruner, str(policy)):
                outcomes.append(outcome)
                if progress is not None:
                    progress(outcome)
            run.refresh()
        trash_of(run.path).shrink()
    run.refresh()
    return PruneResult(plan=whole, dry_run=False, outcomes=tuple(outcomes))


def undo_prune(run: Readable, ids: Collection[str] = ()) -> tuple[str, ...]:
    """Takes checkpoints out of the trash, and returns their ids.

    Args:
        run: The run; it is read again.
        ids: Which ones; those of the newest prune by hand when empty.

    Raises:
        CheckpointMissingError: If there is nothing to take out, or one is not in the trash any
            more.
        CheckpointCorruptError: If what is in the trash is not what was recorded.
        FileExistsError: If another file is at the place of one. The others were taken out.
        PruneBusyError: If somebody else is pruning the run.
        OSError: If the run directory cannot be written.
    """
    with _turn(run), ActionLog(run.path) as log:
        chosen = _chosen(run, ids)
        pruner = Pruner(run.path, log.append, log.sync)
        recovered: list[str] = []
        failures: list[Exception] = []
        for item in chosen:
            try:
                pruner.recover(item)
                recovered.append(item.id)
            except (OSError, CheckpointCorruptError) as error:
                failures.append(error)
    run.refresh()
    if failures:
        for other in failures[1:]:
            failures[0].add_note(str(other))
        raise failures[0]
    return tuple(recovered)


def annotate(
    run_dir: str | os.PathLike[str],
    checkpoint_id: str,
    *,
    pinned: bool | None = None,
    note: str | None = None,
    tags: Sequence[str] | None = None,
) -> CheckpointAnnotated:
    """Pins a checkpoint or takes the pin away, notes something, tags it; None leaves what was said.

    Args:
        run_dir: The run directory.
        checkpoint_id: Its whole id.
        pinned: Whether it stays whatever a policy says.
        note: Text for people, up to 4000 characters.
        tags: Up to 30 words of up to 60 characters.

    Raises:
        ValueError: If note or tags are longer.
        OSError: If it could not be recorded.
    """
    if note is not None and len(note) > _LONGEST_NOTE:
        raise ValueError(f"The note has {len(note)} characters; {_LONGEST_NOTE} are possible.")
    if tags is not None and (len(tags) > _MOST_TAGS or any(len(t) > _LONGEST_TAG for t in tags)):
        raise ValueError(
            f"Got {len(tags)} tags, the longest of {max(map(len, tags))} characters; up to "
            f"{_MOST_TAGS} of up to {_LONGEST_TAG} are possible."
        )
    with ActionLog(run_dir) as log:
        before = _annotation(run_dir, checkpoint_id)
        event = CheckpointAnnotated(
            id=checkpoint_id,
            pinned=before.pinned if pinned is None else pinned,
            note=before.note if note is None else note,
            tags=before.tags if tags is None else tuple(dict.fromkeys(tags)),
        )
        log.append(event)
    return event


@contextmanager
def _turn(run: Readable) -> Iterator[None]:
    """Has the turn to prune a run, and reads it as it is then."""
    with prune_turn(run.path, wait_seconds=_WAIT_SECONDS) as held:
        if held is Flock.BUSY:
            raise PruneBusyError(str(run.path))
        run.refresh()
        if held is Flock.HELD:
            _settle(run)
        yield


def _settle(run: Readable) -> None:
    entries = run.timeline.checkpoints
    for directory in {(run.path / item.path).parent for item in entries if item.owned}:
        remove_leftovers(directory)
    sessions = run.timeline.sessions
    with ActionLog(run.path) as log:
        pruner = Pruner(run.path, log.append, log.sync)
        settle(run.path, entries, pruner, sessions[-1].start.keep if sessions else "")
    run.refresh()


def _chosen(run: Readable, ids: Collection[str]) -> list[CheckpointEntry]:
    there = {item.id: item for item in run.timeline.checkpoints if item.recoverable}
    missing = [name for name in ids if name not in there]
    if missing:
        raise CheckpointMissingError(
            missing[0], f"Checkpoint {missing[0]} is not in the trash of {run.path.name}."
        )
    if ids:
        return [there[name] for name in ids]
    for trashed in reversed(trash_of(run.path).content()):
        operation = there[trashed.id].operation if trashed.id in there else ""
        if operation:
            return [item for item in there.values() if item.operation == operation]
    more = f" Of what the training pruned, {len(there)} can be named by id." if there else ""
    raise CheckpointMissingError(
        str(run.path), f"Nothing that was pruned by hand is in the trash of {run.path.name}.{more}"
    )


def _annotation(run_dir: str | os.PathLike[str], checkpoint_id: str) -> CheckpointAnnotated:
    said = CheckpointAnnotated(id=checkpoint_id)
    for record in read_actions(run_dir).records:
        for event in record.events:
            if isinstance(event, CheckpointAnnotated) and event.id == checkpoint_id:
                said = event
    return said


def _size_after(run_dir: Path) -> SizeAfter:
    def size_after(item: Retainable, tier: Tier) -> int:
        try:
            layout = read_layout(run_dir / item.path)
        except (CheckpointFormatError, OSError):
            return item.total_bytes
        return item.total_bytes - sum(
            one.size_bytes - size_at(tier, one.dataset, one.dtype, one.shape, one.size_bytes)
            for one in layout.variables
        )

    return size_after
