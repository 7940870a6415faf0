"""One side of a comparison: its variables, what was recorded of them, and its file.

A file that is not the one that was recorded is told and not trusted: neither its size nor the
digest of a variable may differ.

It knows layouts, records and bytes; nothing of how far two sides are apart.

Invariant: a side has a file that can be used, or something recorded of each variable.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from epochline.contrast import VariableFile
from epochline.errors import CheckpointCorruptError, CheckpointMissingError, EventFormatError
from epochline.layout import Layout
from epochline.statistics import Measurements, VariableStatistics

__all__ = ["Side", "Source", "pairs"]

# Keras writes no variable into a file more than twice (LossScaleOptimizer); a layout that claims
# more would make a small file long to read.
_MOST_OVERLAID: Final = 4


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """One side of a comparison.

    Attributes:
        label: What people call it.
        file: Its file; None when it is gone.
        gone: Why there is no file, in one sentence.
        size_bytes: Recorded size of the file; None when it was not recorded.
        layout: Where its variables lie.
        measurements: What was recorded of them, in the order of `layout`; None when nothing was.
        beneath: Directory that the file must lie in, also behind links.
        shards: The files that hold the variables of a sharded checkpoint, and their sizes.
    """

    label: str
    file: Path | None
    gone: str = ""
    size_bytes: int | None = None
    layout: Layout
    measurements: Measurements | None = None
    beneath: Path | None = None
    shards: Sequence[tuple[Path, int]] = ()


def pairs(a: Layout, b: Layout) -> list[tuple[int, int]]:
    """Returns places of the same variable in both.

    Files of one architecture have the same datasets, while Keras numbers the names of layers anew
    in each process. Else names tell more, because an additional layer renumbers the datasets.
    """
    places = {v.dataset: place for place, v in enumerate(b.variables)}
    same = {(v.dataset, v.shape) for v in a.variables} == {
        (v.dataset, v.shape) for v in b.variables
    }
    if same:
        return [(place, places[v.dataset]) for place, v in enumerate(a.variables)]
    names = {v.name: place for place, v in enumerate(b.variables) if v.name}
    found = {place: names[v.name] for place, v in enumerate(a.variables) if v.name in names}
    taken = set(found.values())
    for place, variable in enumerate(a.variables):
        other = places.get(variable.dataset)
        if place not in found and other is not None and other not in taken:
            found[place] = other
    return sorted(found.items())


class Side:
    """One of the two.

    Args:
        source: What is known of it.

    Attributes:
        label: What people call it.
        variables: Its variables, in the order of its layout.
        file: Its file, open; None when it cannot be used.

    Raises:
        CheckpointMissingError: If the file cannot be used, and nothing was recorded.
        EventFormatError: If what was recorded does not fit together.
    """

    def __init__(self, source: Source) -> None:
        self.label = source.label
        self.variables = source.layout.variables
        self._problem = ""
        self._changed: list[str] = []
        recorded = source.measurements
        if recorded is not None and len(recorded) != len(self.variables):
            raise EventFormatError(
                f"Statistics of {len(recorded)} variables were recorded for {self.label}, and a "
                f"layout of {len(self.variables)}."
            )
        self._rows = None if recorded is None else recorded.rows()
        self.file = self._open(source)
        if self.file is None and self._rows is None:
            raise CheckpointMissingError(
                str(source.file or source.label),
                f"{self._problem} Nothing was recorded of its variables, so it cannot be compared.",
            )

    def _open(self, source: Source) -> VariableFile | None:
        if source.file is None:
            self._problem = f"{self.label} has no file any more. {source.gone}".rstrip()
            return None
        try:
            file = VariableFile(
                source.file,
                size_bytes=source.size_bytes,
                beneath=source.beneath,
                shards=source.shards,
            )
        except (CheckpointCorruptError, OSError) as error:
            said = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
            self._problem = f"The file of {self.label} was not used: {said}"
            return None
        end = max((v.offset + v.size_bytes for v in self.variables), default=0)
        total = sum(v.size_bytes for v in self.variables)
        if end > file.size_bytes or total > file.size_bytes * _MOST_OVERLAID:
            self._problem = (
                f"The file of {self.label} was not used: it does not have the recorded layout."
            )
            file.close()
            return None
        return file

    def close(self) -> None:
        """Closes the file; reading it opens it again."""
        if self.file is not None:
            self.file.close()

    def recorded(self, place: int) -> VariableStatistics | None:
        """Returns what was recorded of a variable."""
        return None if self._rows is None else self._rows[place]

    def statistics(self, place: int) -> VariableStatistics:
        """Returns what was recorded of a variable, else what its bytes say."""
        recorded = self.recorded(place)
        if recorded is not None:
            return recorded
        assert self.file is not None  # noqa: S101 – the constructor made sure
        return self.file.measure(self.variables[place])

    def is_what_was_saved(self, place: int, digest: bytes) -> bool:
        """Returns whether the bytes of a variable have the recorded digest; notes it if not."""
        recorded = self.recorded(place)
        same = recorded is None or recorded.digest == digest
        if not same:
            self._changed.append(self.variables[place].label)
        return same

    def notes(self) -> Iterable[str]:
        """Yields what is wrong with the file."""
        if self._problem and self._rows is not None:
            yield f"{self._problem} Compared by its recorded statistics."
        if self._changed:
            count = len(self._changed)
            yield (
                f"The file of {self.label} has changed since it was saved: {count} of "
                f"{len(self.variables)} variables have other bytes, first {self._changed[0]!r}. "
                "Those were compared by their recorded statistics."
            )
