"""What the benchmarks have in common: fair turns, spreads, and what is said of the machine."""

from __future__ import annotations

import json
import os
import platform
import statistics
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

__all__ = ["Spread", "in_turns", "ratios", "write_json"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Spread:
    """Median and quartiles."""

    low: float
    median: float
    high: float

    @classmethod
    def of(cls, values: Sequence[float]) -> Spread:
        """Returns the spread of `values`."""
        if len(values) == 1:
            return cls(low=values[0], median=values[0], high=values[0])
        low, median, high = statistics.quantiles(values, n=4, method="inclusive")
        return cls(low=low, median=median, high=high)

    def text(self, digits: int) -> str:
        """Returns it as text: the median, and the quartiles in parentheses."""
        return f"{self.median:,.{digits}f} ({self.low:,.{digits}f}–{self.high:,.{digits}f})"


def in_turns(names: Sequence[str], repeats: int) -> Iterator[tuple[int, str]]:
    """Yields repetition and name: all names in each repetition, beginning with another one.

    So a machine that gets slower is slower for all of them.
    """
    for repetition in range(repeats):
        shift = repetition % len(names)
        for name in (*names[shift:], *names[:shift]):
            yield repetition, name


def ratios(values: Sequence[float], base: Sequence[float]) -> list[float]:
    """Returns `values` relative to `base`, repetition by repetition."""
    return [value / other for value, other in zip(values, base, strict=True)]


def write_json(path: str, name: str, **facts: Any) -> None:
    """Writes numbers, and on what they were measured."""
    about = {
        "benchmark": name,
        "python": platform.python_version(),
        "machine": platform.machine(),
        "cores": os.cpu_count(),
    }
    Path(path).write_text(json.dumps(about | facts, indent=1) + "\n")
