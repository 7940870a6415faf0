"""Learning rates that are set batch after batch, told once an epoch.

The first change of an epoch is told where it happens. A callback that goes on from there (a
warm-up, a cycle) would fill the timeline; what it does is summed up at the end of the epoch, and
from the next epoch on altogether, until it is quiet for an epoch.

Invariant: what is told leads without a gap from the first learning rate to the last.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from epochline.events import Decision, Topic, Verdict

__all__ = ["Drift"]

_Key = tuple[str, int | None, str]


class Drift:
    """Holds back changes of the learning rate between batches."""

    def __init__(self) -> None:
        self._told: set[_Key] = set()
        self._held: dict[_Key, tuple[Decision, int, int]] = {}
        self._drifting: set[_Key] = set()

    def now(self, decision: Decision, batch: int) -> bool:
        """Returns whether `decision`, made in `batch`, is told now; else it is held back."""
        if decision.topic is not Topic.LEARNING_RATE or decision.verdict is not Verdict.CHANGED:
            return True
        key = (decision.callback, decision.position, decision.optimizer)
        if key not in self._told | self._drifting:
            self._told.add(key)
            return True
        first, count, _ = self._held.get(key, (decision, 0, batch))
        self._held[key] = (replace(first, lr_after=decision.lr_after), count + 1, batch)
        return False

    def flush(self) -> Iterator[Decision]:
        """Yields what was held back in this epoch."""
        for held, count, batch in self._held.values():
            last = f"Set in {count} batches, the last of them" if count > 1 else "It was"
            yield replace(held, detail=f"{last} batch {batch + 1} of the epoch.")
        self._drifting = set(self._held)
        self._held = {}
        self._told = set()
