"""How far two checkpoints are apart, variable by variable and layer by layer.

What is compared is the cheapest thing that tells: equal digests, for which nothing is read; else
the bytes of both files, in blocks, at the places that the layout records; else, when a file is
gone, what was recorded of its variables.

`Comparison` and `compare` take values and read plain bytes, never with HDF5, so they are fit for
the TensorBoard process. `diff` is for people: it takes checkpoints and paths, and reads the layout
out of a file for which none was recorded.

Invariant: memory does not depend on the size of the files; what is compared with itself has not
changed; what a comparison rests on is said for each variable.
"""

from __future__ import annotations

import math
import os
from collections.abc import Callable, Generator, Iterable, Iterator
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Final, Literal

from epochline.changes import Basis, Diff, LayerChange, VariableChange, by_layer, together
from epochline.contrast import Contraster
from epochline.dtypes import decoder
from epochline.errors import CheckpointMissingError
from epochline.layout import Variable, read_layout, read_shards
from epochline.shards import INDEX_ENDING
from epochline.sides import Side, Source, pairs
from epochline.statistics import VariableStatistics

if TYPE_CHECKING:
    from epochline.run import Checkpoint

__all__ = [
    "Basis",
    "Comparison",
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

_EPSILON: Final = 2.0**-23  # of float32, in which norms are recorded


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
    with closing(Comparison(a, b)) as comparison:
        while comparison.step():
            if progress is not None:
                progress(comparison.read_bytes, comparison.total_bytes)
    return comparison.result()


class Comparison:
    """A comparison that is done block by block, so that it can be stopped and continued.

    Args:
        a: The one side.
        b: The other.

    Attributes:
        read_bytes: How many bytes of both files were read.
        total_bytes: How many there are to read.

    Raises:
        CheckpointMissingError: If a file cannot be used, and nothing was recorded of its variables.
        EventFormatError: If what was recorded does not fit together.
    """

    def __init__(self, a: Source, b: Source) -> None:
        self._pairs = pairs(a.layout, b.layout)
        self._a = Side(a)
        try:
            self._b = Side(b)
        except BaseException:
            self._a.close()
            raise
        self._contraster = (
            Contraster(self._a.file, self._b.file)
            if self._a.file is not None and self._b.file is not None
            else None
        )
        self._changes: list[VariableChange] = []
        self._blocks = self._compare()
        self.read_bytes = 0
        self.total_bytes = sum(
            self._a.variables[place_a].size_bytes + self._b.variables[place_b].size_bytes
            for place_a, place_b in self._pairs
            if self._contraster is not None and not self._known_equal(place_a, place_b)
        )

    @property
    def compared(self) -> int:
        """How many of `variables` are compared."""
        return len(self._changes)

    @property
    def variables(self) -> int:
        """How many variables are on both sides."""
        return len(self._pairs)

    @property
    def finished(self) -> bool:
        """Whether all of them are compared."""
        return self.compared == self.variables

    def step(self) -> bool:
        """Goes on until a block of both files was read; returns whether one was.

        Raises:
            CheckpointCorruptError: If a file is shorter than it was.
            OSError: If a file cannot be read.
        """
        size = next(self._blocks, None)
        self.read_bytes += size or 0
        return size is not None

    def result(self) -> Diff:
        """Returns what is known by now: the variables so far, and the layers that are complete."""
        rest = self._pairs[self.compared :]
        open_layers = {self._a.variables[place].layer for place, _ in rest}
        sides = self._a, self._b
        only = [
            tuple(v.label for place, v in enumerate(side.variables) if place not in paired)
            for side, paired in zip(sides, _columns(self._pairs), strict=True)
        ]
        return Diff(
            a=self._a.label,
            b=self._b.label,
            weights=together("", [item for item in self._changes if not item.of_optimizer]),
            layers=by_layer(item for item in self._changes if item.layer not in open_layers),
            variables=tuple(self._changes),
            only_in_a=only[0],
            only_in_b=only[1],
            notes=tuple(note for side in sides for note in side.notes()),
        )

    def close(self) -> None:
        """Closes the files; a further `step` opens them again.

        Only recorded digests then tell whether they are still the same files.
        """
        self._a.close()
        self._b.close()

    def _compare(self) -> Iterator[int]:
        """Compares the variables one after the other; yields the size of each block read."""
        for place_a, place_b in self._pairs:
            self._changes.append((yield from self._change(place_a, place_b)))

    def _known_equal(self, place_a: int, place_b: int) -> bool:
        ours, theirs = self._a.recorded(place_a), self._b.recorded(place_b)
        return ours is not None and theirs is not None and ours.digest == theirs.digest

    def _change(self, place_a: int, place_b: int) -> Generator[int, None, VariableChange]:
        a, b = self._a.variables[place_a], self._b.variables[place_b]
        if a.shape != b.shape:
            return _told(a, Basis.NOTHING, note=f"Its shape is {b.shape} in the other.")
        if a.dtype == b.dtype and self._known_equal(place_a, place_b):
            row = self._a.statistics(place_a)
            return _told(a, Basis.DIGESTS, rows=(row, row), equal=True)
        numbers = decoder(a.dtype) is not None and decoder(b.dtype) is not None
        if self._contraster is not None and numbers:
            change = yield from self._by_bytes(place_a, place_b)
            if change is not None:
                return change
        rows = self._a.statistics(place_a), self._b.statistics(place_b)
        equal = rows[0].digest == rows[1].digest if a.dtype == b.dtype else None
        note = "" if numbers else f"Bytes of type {a.dtype} have no numbers to compare."
        return _told(a, Basis.STATISTICS, rows=rows, equal=equal, note=note)

    def _by_bytes(self, place_a: int, place_b: int) -> Generator[int, None, VariableChange | None]:
        """Returns what the files say, None when one of them is not what was recorded."""
        assert self._contraster is not None  # noqa: S101 – the caller looked
        a, b = self._a.variables[place_a], self._b.variables[place_b]
        rows = self._a.recorded(place_a), self._b.recorded(place_b)
        found = yield from self._contraster.contrast(
            a, b, norms=None in rows, digests=rows != (None, None)
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


def _columns(found: Iterable[tuple[int, int]]) -> tuple[set[int], set[int]]:
    return {place for place, _ in found}, {place for _, place in found}


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
