"""What a training does to its run directory, without Keras: a program to be interrupted.

Each turn saves a checkpoint under a new name and over the last one, makes an old one smaller, puts
an older one into the trash, takes it out and puts it there again, and empties the trash; all of it
with the means and in the order that a training has, and recorded as by a training.
"""

from __future__ import annotations

import io
import os
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import Final

import h5py
import numpy as np

from epochline import open_run
from epochline.checkpoints import Status
from epochline.errors import RunNotFoundError
from epochline.events import (
    CheckpointPruned,
    CheckpointSaved,
    EndReason,
    FilePart,
    SaveReason,
    SessionStarted,
    Tier,
    VariablesDescribed,
    WeightsKind,
)
from epochline.pruning import Pruner, prune_turn, put_back, settle, trash_of
from epochline.run import Run
from epochline.session import Session, new_id
from epochline.store import CheckpointStore, PendingFile, digest_bytes
from epochline.store.demote import demoted_image

__all__ = ["LAST", "PHASES", "Life", "check_run", "start_again", "weights"]

PHASES: Final = ("begin", "save", "replace", "demote", "trash", "recover", "empty")
LAST: Final = "checkpoints/last.weights.h5"
_DEMOTED_AFTER: Final = 2
_TRASHED_AFTER: Final = 4

Tell = Callable[[str, str | None, bool], object]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Held:
    """A checkpoint of the run, as a training remembers it."""

    id: str
    path: str
    size_bytes: int
    digest: str
    tier: Tier = Tier.FULL
    parts: tuple[FilePart, ...] = ()
    described: VariablesDescribed | None = None

    @property
    def total_bytes(self) -> int:
        return self.size_bytes


class Life:
    """A run that is written to.

    Args:
        run_dir: The run directory.
        floats: Size of the weights; the optimizer has as many.
        phase: Called with the name of what is done next, one of `PHASES`.
        tell: Called with the path of a file, the digest that it has from now on (None when it is
            gone), and whether that is sure; before it is done, it is not.
    """

    def __init__(
        self,
        run_dir: Path,
        *,
        floats: int,
        phase: Callable[[str], object] = lambda _name: None,
        tell: Tell = lambda _path, _digest, _sure: None,
    ) -> None:
        self.run_dir = run_dir
        self._phase = phase
        self._tell = tell
        self._session = Session(run_dir)
        self._pruner = Pruner(run_dir, self._session.record, self._session.sync)
        self._weights = weights(floats)
        self._held: list[_Held] = []

    def begin(self) -> int:
        """Begin a session, tidy up, and return the number of the next turn."""
        self._phase("begin")
        self._session.start()
        run = Run(self.run_dir)
        self._session.record(SessionStarted(pid=os.getpid()))
        CheckpointStore(self.run_dir / "checkpoints").remove_leftovers()
        with prune_turn(self.run_dir, wait_seconds=0):
            put_back(self.run_dir, run.checkpoints, self._pruner)
            settle(self.run_dir, run.checkpoints, self._pruner, "killed")
        run.refresh()
        self._held = [
            _Held(
                id=item.id,
                path=item.path,
                size_bytes=item.size_bytes or 0,
                digest=item.digest or "",
                tier=item.tier,
            )
            for item in run.checkpoints
            if item.restorable
        ]
        return max((item.epoch for item in run.checkpoints), default=-1) + 1

    def turn(self, number: int) -> None:
        """Do all that there is to do, once."""
        self._session.epoch = number
        image = self._image(number)
        store = CheckpointStore(self.run_dir / "checkpoints")
        name = store.free_name(f"epoch-{number:06d}", ".weights.h5").name
        self._phase("save")
        self._save(f"checkpoints/{name}", image)
        self._phase("replace")
        self._save(LAST, image)
        with prune_turn(self.run_dir, wait_seconds=0):
            for item in self._old(_DEMOTED_AFTER):
                if item.tier is Tier.FULL:
                    self._phase("demote")
                    self._demote(item)
            for item in self._old(_TRASHED_AFTER):
                self._trash(item)
                self._phase("recover")
                self._recover(item)
                self._trash(item)
                self._held.remove(item)
            self._phase("empty")
            trash_of(self.run_dir).shrink(2 * len(image))

    def end(self) -> None:
        """End the session."""
        self._session.end(EndReason.COMPLETED)

    def _old(self, count: int) -> list[_Held]:
        """Return the checkpoints but the newest `count`, oldest first."""
        return [item for item in self._held if item.path != LAST][:-count]

    def _image(self, number: int) -> bytes:
        """Return a file as Keras lays it out; all differ."""
        buffer = io.BytesIO()
        with h5py.File(buffer, "w") as file:
            for name in ("layers/dense", "optimizer"):
                file[f"{name}/vars/0"] = self._weights[number % len(self._weights)]
            file["layers/dense/vars/1"] = np.full(1, number, np.float32)
        return buffer.getvalue()

    def _save(self, path: str, image: bytes) -> None:
        replaced = next((item for item in self._held if item.path == path), None)
        identity = new_id()
        file = self.run_dir / path
        with PendingFile(file, replace=path == LAST, size_bytes=len(image)) as pending:
            pending.write(image)
            self._tell(path, pending.digest, False)
            if replaced is not None:
                self._session.record(CheckpointPruned(id=replaced.id, replaced_by=identity))
                self._session.sync()
            written = pending.publish()
        self._tell(path, written.digest, True)
        self._session.record(
            CheckpointSaved(
                id=identity,
                path=path,
                size_bytes=written.size_bytes,
                digest=written.digest,
                metrics={},
                reason=SaveReason.SCHEDULED,
                weights_kind=WeightsKind.RAW,
                has_optimizer=True,
                save_seconds=written.seconds,
            )
        )
        self._held = [item for item in self._held if item is not replaced]
        self._held.append(
            _Held(id=identity, path=path, size_bytes=written.size_bytes, digest=written.digest)
        )

    def _demote(self, item: _Held) -> None:
        tier = (Tier.WITHOUT_OPTIMIZER, Tier.BFLOAT16)[self._session.epoch % 2]
        path = self.run_dir / item.path
        image = demoted_image(path, tier, size_bytes=item.size_bytes, digest=item.digest).image
        self._tell(item.path, digest_bytes(image), False)
        demoted = self._pruner.demote(item, tier, "test")
        if demoted is not None:
            self._tell(item.path, demoted.digest, True)
            self._held[self._held.index(item)] = replace(
                item, size_bytes=demoted.size_bytes, digest=demoted.digest, tier=tier
            )

    def _trash(self, item: _Held) -> None:
        self._phase("trash")
        self._tell(item.path, None, False)
        self._pruner.delete(item, "test")
        self._tell(item.path, None, True)

    def _recover(self, item: _Held) -> None:
        self._tell(item.path, item.digest, False)
        self._pruner.recover(item)
        self._tell(item.path, item.digest, True)


@cache
def weights(floats: int) -> list[np.ndarray[tuple[int], np.dtype[np.float32]]]:
    """Return some weights, the same ones each time."""
    chance = np.random.default_rng(0)
    return [chance.random(floats, np.float32) for _ in range(8)]


def check_run(run_dir: Path) -> list[str]:
    """Return what is wrong with a run: what is listed as saved and is not what was saved."""
    try:
        run = open_run(run_dir)
    except RunNotFoundError:
        return []
    listed = [item.verify() for item in run.checkpoints if item.restorable]
    return [result.message for result in listed if not result]


def start_again(run_dir: Path, *, lost: int = 0) -> None:
    """Begin another session on what one left that was killed or failed; all is found and cleaned.

    Args:
        run_dir: The run directory.
        lost: How many files may have been deleted without a record of it.
    """
    life = Life(run_dir, floats=1)
    life.begin()
    life.end()
    assert not list(run_dir.rglob(".tmp-*"))
    assert check_run(run_dir) == []
    run = open_run(run_dir)
    assert not run.gaps
    assert not run.damages
    statuses = [item.status for item in run.checkpoints]
    assert statuses.count(Status.MISSING) <= lost
    assert set(statuses) <= {Status.SAVED, Status.PRUNED, Status.MISSING}
