"""How far two checkpoints are apart, variable by variable and layer by layer.

What is compared is the cheapest thing that tells: equal digests, for which nothing is read; else
the bytes of both files, in blocks, at the places that the layout records; else, when a file is
gone, what was recorded of its variables. A file that is not the one that was recorded is told and
not trusted: neither its size nor the digest of a variable may differ.

`compare` takes values and reads plain bytes, never with HDF5, so it is fit for the TensorBoard
process. `diff` is for people: it takes checkpoints and paths, and reads the layout out of a file
for which none was recorded.

Invariant: memory does not depend on the size of the files; what is compared with itself has not
changed; what a comparison rests on is said for each variable.
"""

from __future__ import annotations

import math
import os
from collections.abc import Callable, Iterable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final, Literal

from epochline.changes import Basis, Diff, LayerChange, VariableChange, by_layer, together
from epochline.contrast import Contraster, VariableFile
from epochline.dtypes import decoder
from epochline.errors import CheckpointCorruptError, CheckpointMissingError, EventFormatError
from epochline.layout import Layout, Variable, read_layout, read_shards
from epochline.shards import INDEX_ENDING
from epochline.statistics import Measurements, VariableStatistics

if TYPE_CHECKING:
    from epochline.run import Checkpoint

__all__ = [
    "Basis",
    "Diff",
    "LayerChange",
    "Progress",
    "Source",
    "VariableChange",
    "compare",
    "diff",
]

Progress = Callable[[int, int], object]
"""Called with the bytes read so far, and how many there are to read."""

# Keras writes no variable into a file more than twice (LossScaleOptimizer); a layout that claims
# more would make a small file long to read.
_MOST_OVERLAID: Final = 4
_EPSILON: Final = 2.0**-23  # of float32, in which norms are recorded


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


def diff(
    a: Checkpoint | str | os.PathLike[str],
    b: Checkpoint | str | os.PathLike[str],
    *,
    progress: Progress | None = None,
) -> Diff:
    """Returns how far two checkpoints are apart.

    Args:
        a: A checkpoint of a run, or the path of a `.weights.h5`, `.weights.json`, legacy `.h5` or
            `.keras` file.
        b: The other one.
        progress: Called after each block that was read.

    Raises:
        CheckpointMissingError: If a file is gone, and nothing was recorded of its variables.
        CheckpointCorruptError: If a file is not what was recorded, and nothing else was recorded.
        CheckpointFormatError: If a file is no plain Keras weights file.
        EventFormatError: If what was recorded of a checkpoint is damaged.
        OSError: If a file cannot be read.

    Example:
        >>> run = epochline.open_run("logs/pima")  # doctest: +SKIP
        >>> change = epochline.diff(run.at(epoch=3), run.best())  # doctest: +SKIP
        >>> change.weights.relative_change, change.weights.cosine  # doctest: +SKIP
        (0.123, 0.9925)
    """
    return compare(_source(a), _source(b), progress=progress)


def _source(item: Checkpoint | str | os.PathLike[str]) -> Source:
    if isinstance(item, str | os.PathLike):
        path = Path(item)
        shards = read_shards(path) if path.name.endswith(INDEX_ENDING) else ()
        return Source(label=path.name, file=path, layout=read_layout(path), shards=shards)
    layout = item.layout
    if layout is None:
        found = item.verify()
        if not found:
            message = f"{item.file.name} cannot be compared: {found.message} Nothing was recorded"
            raise CheckpointMissingError(str(item.file), f"{message} of its variables.")
        layout = read_layout(item.file)
    return Source(
        label=f"{item.run_dir.name} epoch {item.epoch + 1} ({item.id[:8]})",
        file=item.file if item.restorable else None,
        gone=item.why,
        size_bytes=item.size_bytes,
        layout=layout,
        measurements=item.measurements,
        shards=[(item.run_dir / part.path, part.size_bytes) for part in item.parts],
    )


def compare(a: Source, b: Source, *, progress: Progress | None = None) -> Diff:
    """Returns how far two sources are apart; see `diff`.

    Raises:
        CheckpointMissingError: If a file cannot be used, and nothing was recorded of its variables.
        EventFormatError: If what was recorded does not fit together.
        OSError: If a file cannot be read to its end.
    """
    matches = _match(a.layout, b.layout)
    with ExitStack() as stack:
        sides = _Side(a, stack), _Side(b, stack)
        comparison = _Comparison(sides, matches, progress)
        changes = tuple(comparison.change(place_a, place_b) for place_a, place_b in matches)
    only = [
        tuple(v.label for place, v in enumerate(side.variables) if place not in paired)
        for side, paired in zip(sides, _columns(matches), strict=True)
    ]
    return Diff(
        a=a.label,
        b=b.label,
        weights=together("", [item for item in changes if not item.of_optimizer]),
        layers=by_layer(changes),
        variables=changes,
        only_in_a=only[0],
        only_in_b=only[1],
        notes=tuple(note for side in sides for note in side.notes()),
    )


def _match(a: Layout, b: Layout) -> list[tuple[int, int]]:
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


def _columns(matches: Iterable[tuple[int, int]]) -> tuple[set[int], set[int]]:
    return {place for place, _ in matches}, {place for _, place in matches}


class _Side:
    """One of the two: its variables, what was recorded of them, and its file if it can be used."""

    def __init__(self, source: Source, stack: ExitStack) -> None:
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
        self.file = self._open(source, stack)
        if self.file is None and self._rows is None:
            raise CheckpointMissingError(
                str(source.file or source.label),
                f"{self._problem} Nothing was recorded of its variables, so it cannot be compared.",
            )

    def _open(self, source: Source, stack: ExitStack) -> VariableFile | None:
        if source.file is None:
            self._problem = f"{self.label} has no file any more. {source.gone}".rstrip()
            return None
        try:
            file = stack.enter_context(
                VariableFile(
                    source.file,
                    size_bytes=source.size_bytes,
                    beneath=source.beneath,
                    shards=source.shards,
                )
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
            return None
        return file

    def recorded(self, place: int) -> VariableStatistics | None:
        return None if self._rows is None else self._rows[place]

    def statistics(self, place: int) -> VariableStatistics:
        """Returns what was recorded of a variable, else what its bytes say."""
        recorded = self.recorded(place)
        if recorded is not None:
            return recorded
        assert self.file is not None  # noqa: S101 – the constructor made sure
        return self.file.measure(self.variables[place])

    def is_what_was_saved(self, place: int, digest: bytes) -> bool:
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


class _Comparison:
    """Compares variables in pairs, and counts the bytes that were read."""

    def __init__(
        self,
        sides: tuple[_Side, _Side],
        matches: Sequence[tuple[int, int]],
        progress: Progress | None,
    ) -> None:
        self._a, self._b = sides
        self._contraster = (
            Contraster(self._a.file, self._b.file)
            if self._a.file is not None and self._b.file is not None
            else None
        )
        self._progress = progress
        self._done = 0
        self._total = sum(
            self._a.variables[place_a].size_bytes + self._b.variables[place_b].size_bytes
            for place_a, place_b in matches
            if self._contraster is not None and not self._known_equal(place_a, place_b)
        )

    def _known_equal(self, place_a: int, place_b: int) -> bool:
        ours, theirs = self._a.recorded(place_a), self._b.recorded(place_b)
        return ours is not None and theirs is not None and ours.digest == theirs.digest

    def _read(self, size_bytes: int) -> None:
        self._done += size_bytes
        if self._progress is not None:
            self._progress(self._done, self._total)

    def change(self, place_a: int, place_b: int) -> VariableChange:
        a, b = self._a.variables[place_a], self._b.variables[place_b]
        if a.shape != b.shape:
            return _told(a, Basis.NOTHING, note=f"Its shape is {b.shape} in the other.")
        if a.dtype == b.dtype and self._known_equal(place_a, place_b):
            row = self._a.statistics(place_a)
            return _told(a, Basis.DIGESTS, rows=(row, row), equal=True)
        numbers = decoder(a.dtype) is not None and decoder(b.dtype) is not None
        if self._contraster is not None and numbers:
            change = self._by_bytes(place_a, place_b)
            if change is not None:
                return change
        rows = self._a.statistics(place_a), self._b.statistics(place_b)
        equal = rows[0].digest == rows[1].digest if a.dtype == b.dtype else None
        note = "" if numbers else f"Bytes of type {a.dtype} have no numbers to compare."
        return _told(a, Basis.STATISTICS, rows=rows, equal=equal, note=note)

    def _by_bytes(self, place_a: int, place_b: int) -> VariableChange | None:
        """Returns what the files say, None when one of them is not what was recorded."""
        assert self._contraster is not None  # noqa: S101 – the caller looked
        a, b = self._a.variables[place_a], self._b.variables[place_b]
        rows = self._a.recorded(place_a), self._b.recorded(place_b)
        found = self._contraster.contrast(
            a, b, norms=None in rows, digests=rows != (None, None), read=self._read
        )
        if found.digests is not None:
            saved = (
                self._a.is_what_was_saved(place_a, found.digests[0]),
                self._b.is_what_was_saved(place_b, found.digests[1]),
            )
            if not all(saved):
                return None
        norms = found.norms or tuple(row.l2 for row in rows if row is not None)
        return _told(
            a,
            Basis.BYTES,
            rows=rows,
            equal=found.equal,
            norms=(norms[0], norms[1]),
            difference=found.difference,
            max_abs=found.max_abs,
            not_finite=found.not_finite,
        )


def _told(  # noqa: PLR0913 – all but two are keywords
    variable: Variable,
    basis: Basis,
    *,
    rows: tuple[VariableStatistics | None, VariableStatistics | None] = (None, None),
    equal: bool | None = False,
    norms: tuple[float, float] | None = None,
    difference: float | None = None,
    max_abs: float | None = None,
    not_finite: int | None = None,
    note: str = "",
) -> VariableChange:
    a, b = rows
    norm_a, norm_b = norms or (_number(a, "l2"), _number(b, "l2"))
    if equal and norm_a is not None:
        difference = max_abs = 0.0
    if not_finite is None:
        not_finite = max((row.nan + row.inf for row in rows if row is not None), default=0)
    return VariableChange(
        name=variable.label,
        dataset=variable.dataset,
        layer=variable.layer,
        shape=variable.shape,
        dtype=variable.dtype,
        of_optimizer=variable.of_optimizer,
        basis=basis,
        equal=equal,
        norm_a=norm_a,
        norm_b=norm_b,
        difference=difference,
        at_least=difference if difference is not None else _apart(norm_a, norm_b),
        max_abs=max_abs,
        mean_a=_number(a, "mean"),
        mean_b=_number(b, "mean"),
        std_a=_number(a, "std"),
        std_b=_number(b, "std"),
        min_a=_number(a, "minimum"),
        min_b=_number(b, "minimum"),
        max_a=_number(a, "maximum"),
        max_b=_number(b, "maximum"),
        not_finite=not_finite,
        note=note,
    )


def _number(
    row: VariableStatistics | None, name: Literal["l2", "mean", "std", "minimum", "maximum"]
) -> float | None:
    value: float = math.nan if row is None else getattr(row, name)
    return None if math.isnan(value) else value


def _apart(norm_a: float | None, norm_b: float | None) -> float | None:
    """Returns how far vectors of these norms are apart at least, as float32 can tell."""
    if norm_a is None or norm_b is None:
        return None
    return max(0.0, abs(norm_b - norm_a) - _EPSILON * (norm_a + norm_b))
