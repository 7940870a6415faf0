"""The checkpoints of a run while it is trained: what exists, what goes.

Knows checkpoints and policies. What others do by hand meanwhile (pins, prunes, recoveries) is taken
over from the action log before anything is let go.

Invariant: only checkpoints that Epochline wrote, and whose files were there at the start or were
saved since, are ever deleted or made smaller; none that is pinned or was taken back by hand. No
method raises because of files.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Self

from epochline.checkpoints import CheckpointEntry
from epochline.events import (
    CheckpointAnnotated,
    CheckpointDemoted,
    CheckpointPruned,
    CheckpointRecovered,
    CheckpointSaved,
    Event,
    FilePart,
    Health,
    Mode,
    Record,
    Tier,
    VariablesDescribed,
)
from epochline.inventory import ModeOf
from epochline.monitor import is_improvement
from epochline.planning import Fate, PrunePlan, plan_prune
from epochline.pruning import (
    Problem,
    Pruner,
    carry_out,
    prune_turn,
    put_back,
    settle,
    stages,
    trash_of,
)
from epochline.reader import actions_path, read_actions
from epochline.retention import RetentionPolicy
from epochline.session import Session
from epochline.store import Deletion
from epochline.store.flock import Flock

if TYPE_CHECKING:
    from epochline.run import Run

__all__ = ["Catalog", "Kept"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Kept:
    """A checkpoint whose file is there, or was.

    Attributes:
        id: Its identity.
        epoch: Zero-based epoch.
        wall_time: When it was saved, in seconds since the Unix epoch.
        metrics: Metrics of its epoch.
        path: POSIX path relative to the run directory, absolute when outside of it.
        size_bytes: Size of its file.
        digest: Digest of its file.
        owned: Whether Epochline wrote it, and may delete it.
        health: What a look at its weights showed; None when nobody looked.
        tier: How much its file still holds.
        has_optimizer: Whether its file holds the optimizer's state.
        parts: Further files of a sharded checkpoint.
        pinned: Whether it stays whatever the policy says.
        recovered: Whether somebody took it back out of the trash.
        described: Where the variables lie in its file, as far as that is known.
    """

    id: str
    epoch: int
    wall_time: float
    metrics: Mapping[str, float]
    path: str
    size_bytes: int
    digest: str
    owned: bool
    health: Health | None = None
    tier: Tier = Tier.FULL
    has_optimizer: bool = False
    parts: tuple[FilePart, ...] = ()
    pinned: bool = False
    recovered: bool = False
    described: VariablesDescribed | None = None

    @classmethod
    def of(
        cls,
        saved: CheckpointSaved,
        *,
        epoch: int,
        wall_time: float,
        described: VariablesDescribed | None = None,
    ) -> Self:
        """Returns a checkpoint as it was recorded."""
        return cls(
            id=saved.id,
            epoch=epoch,
            wall_time=wall_time,
            metrics=saved.metrics,
            path=saved.path,
            size_bytes=saved.size_bytes,
            digest=saved.digest,
            owned=saved.owned,
            health=saved.health,
            has_optimizer=saved.has_optimizer,
            parts=saved.parts,
            described=described,
        )

    @property
    def healthy(self) -> bool:
        """Whether nothing is known against its weights."""
        return self.health in (None, Health.HEALTHY)

    @property
    def total_bytes(self) -> int:
        """Bytes of all its files."""
        return self.size_bytes + sum(part.size_bytes for part in self.parts)

    @property
    def shared_bytes(self) -> Mapping[str, int]:
        """Digest to bytes of those of its files that are one with files of other checkpoints."""
        return {part.digest: part.size_bytes for part in self.parts if part.shared}


class Catalog:
    """The checkpoints of one run whose files are there, by path.

    Args:
        run_dir: The run directory.
        checkpoints: What earlier sessions left, checked against the files, oldest first.
        actions_seen: Number of the last record of the action log that `checkpoints` knows of.

    Attributes:
        trash: Where deleted files go; can be emptied when a save needs the room.
    """

    def __init__(
        self,
        run_dir: str | os.PathLike[str],
        checkpoints: Iterable[CheckpointEntry] = (),
        *,
        actions_seen: int = -1,
    ) -> None:
        self.trash = trash_of(run_dir)
        self._run_dir = Path(run_dir)
        self._by_path: dict[str, Kept] = {}
        self._gone: dict[str, Kept] = {}
        self._smallest: set[str] = set()
        self._actions_seen = actions_seen
        self._actions_mark: tuple[int, ...] | None = None
        self._earlier = tuple(checkpoints)
        for item in self._earlier:
            if item.size_bytes is None or item.digest is None:
                continue
            kept = _kept(item, item.size_bytes, item.digest)
            if item.restorable:
                self.add(kept)
            else:
                self._gone[kept.id] = kept

    @classmethod
    def of(cls, run: Run) -> Self:
        """Returns the catalog of a run as it is."""
        return cls(run.path, run.checkpoints, actions_seen=run.actions_seen)

    def add(self, item: Kept) -> None:
        """Adds a checkpoint; what stood at its path is gone."""
        before = self._by_path.pop(item.path, None)
        if before is not None and before.id != item.id:
            self._gone[before.id] = before
        self._by_path[item.path] = item

    def at(self, path: str) -> Kept | None:
        """Returns the checkpoint whose file is at `path`."""
        return self._by_path.get(path)

    def newest_first(self) -> Iterator[Kept]:
        """Yields the checkpoints whose files are there."""
        yield from reversed(self._by_path.values())

    def best(self, metric: str, mode: Mode) -> Kept | None:
        """Returns the healthy checkpoint with the best value of `metric`, None without one."""
        best: Kept | None = None
        for item in self._by_path.values():
            value = item.metrics.get(metric)
            if (
                item.healthy
                and value is not None
                and is_improvement(value, best.metrics[metric] if best else None, mode)
            ):
                best = item
        return best

    def settle(self, policy: str, session: Session) -> None:
        """Finishes what was saved, pruned or recovered by somebody who was killed meanwhile.

        To be called before the first save.

        Args:
            policy: The policy of the training, in words.
            session: Where it is recorded, and told when it cannot be done.
        """
        earlier, self._earlier = self._earlier, ()
        pruner = Pruner(self._run_dir, session.record, session.sync)
        try:
            back, lost = put_back(self._run_dir, earlier, pruner)
            for item in back:
                self.add(_kept(item, item.size_bytes or 0, item.digest or ""))
                del self._gone[item.id]
            if lost:
                session.notice(
                    "record_lost",
                    f"{lost[-1].path} was being replaced when a training was killed: what it holds "
                    "now is not recorded, and so not listed.",
                    "It is whole. Copy it if you want it: the next save of that name replaces it.",
                )
            trashed = {item.id for item in self.trash.content()}
            unsettled = [item for item in earlier if item.id in trashed]
            if not unsettled:
                return
            with prune_turn(self._run_dir, wait_seconds=0) as held:
                if held is Flock.HELD:
                    settle(self._run_dir, unsettled, pruner, policy)
        except OSError as error:
            problem = _problem(error)
            session.notice("prune_failed", problem.message, problem.hint)

    def prune(
        self,
        policy: RetentionPolicy,
        mode_of: ModeOf,
        *,
        folder: PurePosixPath,
        session: Session,
    ) -> list[Problem]:
        """Lets go what `policy` lets go, and empties the trash to its limits.

        When somebody else prunes the run at this moment, nothing is done: there will be another
        save.

        Args:
            policy: Says what to keep.
            mode_of: Says which direction of a metric is better.
            folder: Directory of the checkpoints that it is about: what another callback saves
                elsewhere is not its business.
            session: Where it is recorded.

        Returns:
            What could not be done.
        """
        problems: list[Problem] = []
        try:
            with prune_turn(self._run_dir, wait_seconds=0) as held:
                if held is Flock.BUSY:
                    return []
                self._catch_up()
                pruner = Pruner(self._run_dir, session.record, session.sync)
                for stage in stages(policy):
                    problems += self._carry_out(
                        self._plan(stage, mode_of, folder), pruner, str(policy)
                    )
                self.trash.shrink(sum(item.total_bytes for item in self._by_path.values()))
        except OSError as error:
            problems.append(_problem(error))
        return problems

    def _plan(self, policy: RetentionPolicy, mode_of: ModeOf, folder: PurePosixPath) -> PrunePlan:
        present = _in_folder(self._by_path.values(), folder)
        gone = _in_folder(self._gone.values(), folder)
        spared = {item.id: "taken back out of the trash" for item in present if item.recovered}
        return plan_prune(policy, present, gone=gone, mode_of=mode_of, spared=spared)

    def _carry_out(self, plan: PrunePlan, pruner: Pruner, policy: str) -> list[Problem]:
        items = {item.id: item for item in self._by_path.values()}
        steps = tuple(
            step
            for step in plan.steps
            if step.fate is not Fate.DEMOTE or step.id not in self._smallest
        )
        problems = []
        for outcome in carry_out(replace(plan, steps=steps), items, pruner, policy):
            item = items[outcome.step.id]
            if outcome.problem is not None:
                problems.append(outcome.problem)
            elif outcome.deletion is not None:
                self._forget(item, gone=outcome.deletion is not Deletion.NOT_OURS)
            elif outcome.demoted is not None:
                self._apply(outcome.demoted)
            else:
                self._smallest.add(item.id)
        return problems

    def _forget(self, item: Kept, *, gone: bool = True) -> None:
        self._by_path.pop(item.path, None)
        if gone:
            self._gone[item.id] = item

    def _catch_up(self) -> None:
        """Takes over what was done by hand since the last look at the action log."""
        try:
            stat = actions_path(self._run_dir).stat()
        except FileNotFoundError:
            return
        mark = (stat.st_ino, stat.st_size, stat.st_mtime_ns)
        if mark == self._actions_mark:
            return
        self._actions_mark = mark
        for record in read_actions(self._run_dir).records:
            if record.seq > self._actions_seen:
                self._actions_seen = record.seq
                for event in record.events:
                    self._apply(event, record)

    def _apply(self, event: Event, record: Record | None = None) -> None:
        if isinstance(event, CheckpointSaved) and record is not None:
            self._adopt(event, record)
        elif isinstance(event, CheckpointRecovered) and event.id in self._gone:
            self.add(replace(self._gone.pop(event.id), recovered=True))
        elif isinstance(event, CheckpointPruned | CheckpointAnnotated | CheckpointDemoted):
            item = next((one for one in self._by_path.values() if one.id == event.id), None)
            if item is not None:
                self._change(item, event)

    def _change(
        self, item: Kept, event: CheckpointPruned | CheckpointAnnotated | CheckpointDemoted
    ) -> None:
        if isinstance(event, CheckpointPruned):
            self._forget(item)
        elif isinstance(event, CheckpointAnnotated):
            self.add(replace(item, pinned=event.pinned))
        else:
            self.add(
                replace(
                    item,
                    size_bytes=event.size_bytes,
                    digest=event.digest,
                    tier=event.tier,
                    has_optimizer=False,
                )
            )

    def _adopt(self, event: CheckpointSaved, record: Record) -> None:
        known = self._by_path.get(event.path)
        if known is not None and known.id == event.id:
            self.add(replace(known, owned=event.owned))
        else:
            self.add(Kept.of(event, epoch=record.epoch, wall_time=record.wall_time))


def _kept(item: CheckpointEntry, size_bytes: int, digest: str) -> Kept:
    return Kept(
        id=item.id,
        epoch=item.epoch,
        wall_time=item.wall_time,
        metrics=item.metrics,
        path=item.path,
        size_bytes=size_bytes,
        digest=digest,
        owned=item.owned,
        health=item.health,
        tier=item.tier,
        has_optimizer=item.has_optimizer,
        parts=item.parts,
        pinned=item.pinned,
        recovered=item.recovered,
        described=item.described,
    )


def _in_folder(items: Iterable[Kept], folder: PurePosixPath) -> list[Kept]:
    return [item for item in items if PurePosixPath(item.path).parent == folder]


def _problem(error: OSError) -> Problem:
    return Problem(
        message=f"Old checkpoints could not be removed: {error.strerror or error}.",
        hint="They are kept; delete them by hand if the disk fills.",
    )
