"""What the benchmarks have in common: fair turns, spreads, and what is said of the machine."""

from __future__ import annotations

import argparse
import json
import os
import platform
import statistics
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

__all__ = ["Spread", "in_turns", "measure_cases", "ratios", "write_json"]


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


Seconds = Mapping[str, Sequence[float]]
"""What is compared, to its seconds in each repetition."""


def measure_cases(  # noqa: PLR0913 – all but three are keywords
    name: str,
    description: str | None,
    cases: Sequence[str],
    *,
    repeats: int,
    measure: Callable[[str, int, str], Seconds],
    report: Callable[[str, Seconds], str],
) -> None:
    """Is the command line of a benchmark that has several cases, each with trainings of Keras.

    Args:
        name: Of the benchmark.
        description: What `--help` says.
        cases: Their names.
        repeats: Repetitions where nobody says how many.
        measure: Measures a case with so many repetitions, writing below a directory.
        report: Tells what was measured, as Markdown.
    """
    import keras

    parser = argparse.ArgumentParser(
        description=description, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--repeats", type=int, default=repeats, help=f"(default: {repeats})")
    parser.add_argument("--cases", nargs="+", choices=list(cases), default=list(cases))
    parser.add_argument("--directory", default="logs", help="for what is written (default: logs)")
    parser.add_argument("--json", metavar="FILE", help="write all numbers there")
    args = parser.parse_args()
    Path(args.directory).mkdir(parents=True, exist_ok=True)
    results = {}
    prefix = f"{name.replace('_', '-')}-"
    with tempfile.TemporaryDirectory(prefix=prefix, dir=args.directory) as root:
        for case in args.cases:
            results[case] = measure(case, args.repeats, root)
            print(report(case, results[case]))
    if args.json:
        write_json(
            args.json,
            name,
            repeats=args.repeats,
            backend=keras.backend.backend(),
            keras=keras.__version__,
            seconds=results,
        )
