"""Which variables go into which file, when a checkpoint is spread over several.

The variables of one layer stay together where they fit into one file, and a variable is never cut
in two. Layers that training does not change may be kept apart, so that their files stay the same
from one checkpoint to the next.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from epochline.layout import Variable
from epochline.shards import MOST_SHARDS

__all__ = ["GIGABYTE", "Sharding", "divide"]

GIGABYTE: Final = 1024**3
"""Bytes, as Keras counts those of `max_shard_size`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sharding:
    """How a checkpoint is spread over files.

    Attributes:
        max_bytes: Most bytes of values in one file; None for no limit.
        frozen_apart: Whether layers that are not trained get files of their own.
    """

    max_bytes: int | None = None
    frozen_apart: bool = False


def divide(
    groups: Mapping[str, Sequence[Variable]], frozen: Collection[str], max_bytes: int | None
) -> tuple[list[list[Variable]], int]:
    """Returns the variables of each file, and how many of the files, the first, are frozen.

    Args:
        groups: Groups of variables in the order in which Keras saves them.
        frozen: Which of these go into files of their own.
        max_bytes: Most bytes of values in one file. A variable that has more gets a file of its
            own.

    Raises:
        ValueError: If there would be too many files.
    """
    limit = math.inf if max_bytes is None else max_bytes
    still = _filled((groups[name] for name in groups if name in frozen), limit)
    moving = _filled((groups[name] for name in groups if name not in frozen), limit)
    shards = still + moving or [[]]  # Keras wants a first one in any case
    if len(shards) > MOST_SHARDS:
        raise ValueError(
            f"max_shard_size makes {len(shards)} files of this model; up to {MOST_SHARDS} are "
            "possible. Make it larger."
        )
    return shards, len(still)


def _filled(groups: Iterable[Sequence[Variable]], limit: float) -> list[list[Variable]]:
    shards: list[list[Variable]] = []
    room = 0.0
    for group in groups:
        if sum(variable.size_bytes for variable in group) > room:
            room = 0.0
        for variable in group:
            if not room or variable.size_bytes > room:
                shards.append([])
                room = limit
            shards[-1].append(variable)
            room -= variable.size_bytes
    return shards
