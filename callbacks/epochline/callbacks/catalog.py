"""The checkpoints of a run while it is trained: what exists, what may go.

Knows records and policies; writes neither files nor events.

Invariant: only checkpoints that Epochline wrote, and whose files were there at the start or were
saved since, are ever offered for deletion.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from epochline.events import Mode
from epochline.monitor import is_improvement
from epochline.retention import ModeOf, RetentionPolicy, surplus
from epochline.timeline import CheckpointEntry, Status

__all__ = ["Catalog", "Kept"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Kept:
    """A checkpoint whose file is there.

    Attributes:
        id: Its identity.
        epoch: Zero-based epoch.
        wall_time: When it was saved, in seconds since the Unix epoch.
        metrics: Metrics of its epoch.
        path: POSIX path relative to the run directory, absolute when outside of it.
        size_bytes: Size of its file.
        digest: Digest of its file.
        owned: Whether Epochline wrote it, and may delete it.
        pinned: Whether it stays whatever the policy says.
    """

    id: str
    epoch: int
    wall_time: float
    metrics: Mapping[str, float]
    path: str
    size_bytes: int
    digest: str
    owned: bool
    pinned: bool = False


class Catalog:
    """The checkpoints of one run whose files are there, by path.

    Args:
        checkpoints: What earlier sessions left, checked against the files, oldest first.
    """

    def __init__(self, checkpoints: Iterable[CheckpointEntry]) -> None:
        self._by_path: dict[str, Kept] = {}
        for item in checkpoints:
            if item.restorable and item.size_bytes is not None and item.digest is not None:
                self.add(
                    Kept(
                        id=item.id,
                        epoch=item.epoch,
                        wall_time=item.wall_time,
                        metrics=item.metrics,
                        path=item.path,
                        size_bytes=item.size_bytes,
                        digest=item.digest,
                        owned=item.owned,
                        pinned=item.status is Status.PINNED,
                    )
                )

    def add(self, item: Kept) -> None:
        """Adds a checkpoint; what stood at its path is forgotten."""
        self._by_path.pop(item.path, None)
        self._by_path[item.path] = item

    def remove(self, item: Kept) -> None:
        """Forgets a checkpoint whose file was deleted."""
        self._by_path.pop(item.path, None)

    def at(self, path: str) -> Kept | None:
        """Returns the checkpoint whose file is at `path`."""
        return self._by_path.get(path)

    def surplus(self, policy: RetentionPolicy, mode_of: ModeOf) -> list[Kept]:
        """Returns those that `policy` lets go, oldest first.

        Args:
            policy: Says what to keep.
            mode_of: Says which direction of a metric is better.
        """
        owned = {item.id: item for item in self._by_path.values() if item.owned}
        pinned = [item.id for item in owned.values() if item.pinned]
        return [owned[name] for name in surplus(policy, owned.values(), pinned, mode_of)]

    def best(self, metric: str, mode: Mode) -> Kept | None:
        """Returns the checkpoint with the best value of `metric`, None when none has one."""
        best: Kept | None = None
        for item in self._by_path.values():
            value = item.metrics.get(metric)
            if value is not None and is_improvement(
                value, best.metrics[metric] if best else None, mode
            ):
                best = item
        return best
