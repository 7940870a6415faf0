"""What a retention policy looks at: the checkpoints of a run, as far as they matter to it.

Pure: knows no files, clock or Keras.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Protocol

from epochline.events import Health, Mode, Tier
from epochline.monitor import infer_mode

__all__ = ["TIERS", "Inventory", "ModeOf", "Retainable"]

TIERS: Final = (Tier.FULL, Tier.WITHOUT_OPTIMIZER, Tier.BFLOAT16)
"""How much a file holds, the most first."""

ModeOf = Callable[[str], Mode]
"""Metric name to the direction that is better."""


class Retainable(Protocol):
    """What is looked at of a checkpoint."""

    @property
    def id(self) -> str:
        """Identity of the checkpoint."""
        ...

    @property
    def epoch(self) -> int:
        """Zero-based epoch."""
        ...

    @property
    def wall_time(self) -> float:
        """When it was saved, in seconds since the Unix epoch."""
        ...

    @property
    def metrics(self) -> Mapping[str, float]:
        """The metrics of its epoch."""
        ...

    @property
    def path(self) -> str:
        """Its file; the ending says the format."""
        ...

    @property
    def total_bytes(self) -> int:
        """Bytes of all its files."""
        ...

    @property
    def shared_bytes(self) -> Mapping[str, int]:
        """Digest to bytes, for those of its files that others have in common with it."""
        ...

    @property
    def health(self) -> Health | None:
        """What a look at its weights showed; None when nobody looked."""
        ...

    @property
    def tier(self) -> Tier:
        """How much of it the file still holds."""
        ...

    @property
    def has_optimizer(self) -> bool:
        """Whether the file holds the optimizer's state."""
        ...

    @property
    def owned(self) -> bool:
        """Whether Epochline may delete or change the file."""
        ...

    @property
    def pinned(self) -> bool:
        """Whether somebody wants it to stay."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Inventory:
    """What a policy chooses from, oldest first; unhealthy checkpoints are in neither.

    Attributes:
        present: Those that can be kept.
        ever: Those, and all that were saved and are gone.
        mode_of: Says which direction of a metric is better.
    """

    present: Sequence[Retainable]
    ever: Sequence[Retainable] = ()
    mode_of: ModeOf = infer_mode
