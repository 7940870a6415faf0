"""How far two checkpoints are apart: the answer of the route `diff`.

Bytes are read at the places that were recorded when the checkpoints were saved, and checked against
the recorded digests; nothing is parsed, and HDF5 opens nothing.

Invariant: only regular files below the run directory, reached by no symbolic link, are read, and
numbers are told only of variables whose bytes have the recorded digest: neither path nor layout in
an event is trusted, since event files may come from strangers.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from epochline.changes import Diff, LayerChange, VariableChange
from epochline.comparison import Source, compare
from epochline.errors import CheckpointCorruptError, CheckpointMissingError, EventFormatError
from epochline.layout import Layout
from epochline.statistics import Measurements
from epochline.timeline import CheckpointEntry
from tensorboard_plugin_epochline.answers import ApiError, ErrorCode, rounded
from tensorboard_plugin_epochline.directories import RunDirectory

__all__ = ["diff_view"]

_RECORDED = ("mean_a", "mean_b", "std_a", "std_b", "min_a", "min_b", "max_a", "max_b")
_BY_HAND = "Compare them in a terminal: epochline diff A B. It reads the files themselves."


@dataclass(frozen=True, slots=True, kw_only=True)
class Side:
    """One of the two.

    Attributes:
        run: Name of its run group.
        entry: The checkpoint.
        directory: Its run directory.
    """

    run: str
    entry: CheckpointEntry
    directory: RunDirectory


def diff_view(a: Side, b: Side) -> dict[str, object]:
    """Returns a `Diff`.

    Args:
        a: The one checkpoint.
        b: The other, of the same run or of another.

    Raises:
        ApiError: If nothing was recorded of the variables of one of them, or the record is damaged.
    """
    named = a.run != b.run
    try:
        found = compare(_source(a, named=named), _source(b, named=named))
    except (EventFormatError, CheckpointMissingError, CheckpointCorruptError) as error:
        raise ApiError(ErrorCode.CONFLICT, str(error), _BY_HAND) from error
    return {
        "run": a.run,
        "a": a.entry.id,
        "run_b": b.run,
        "b": b.entry.id,
        "sentence": found.sentence,
        "notes": list(found.notes),
        "weights": {name: column[0] for name, column in _numbers([found.weights]).items()},
        "layers": _layers(found),
        "variables": _variables(found),
        "only_in_a": list(found.only_in_a),
        "only_in_b": list(found.only_in_b),
    }


def _source(side: Side, *, named: bool) -> Source:
    entry, directory = side.entry, side.directory
    run = f"{side.run} " if named else ""
    if entry.measured is None or entry.described is None:
        message = f"No statistics were recorded for the checkpoint of epoch {entry.epoch + 1}."
        raise ApiError(ErrorCode.CONFLICT, message, _BY_HAND)
    file: Path | None = None
    gone = entry.why
    if directory.local is None:
        gone = f"It is in {directory.shown}, which cannot be read from here."
    elif entry.restorable:
        file = Path(directory.file(entry.path))
    return Source(
        label=f"{run}epoch {entry.epoch + 1} ({entry.id[:8]})",
        file=file,
        gone=gone,
        size_bytes=entry.size_bytes,
        layout=Layout.from_event(entry.described),
        measurements=Measurements.from_event(entry.measured),
        beneath=directory.local,
        shards=[(Path(directory.file(part.path)), part.size_bytes) for part in entry.parts],
    )


def _layers(found: Diff) -> dict[str, list[object]]:
    rows = found.layers
    return {
        "layer": [row.layer for row in rows],
        "variables": [row.variables for row in rows],
        "unchanged": [row.unchanged for row in rows],
        "of_optimizer": [row.of_optimizer for row in rows],
        **_numbers(rows),
    }


def _variables(found: Diff) -> dict[str, list[object]]:
    rows = found.variables
    return {
        "name": [row.name for row in rows],
        "layer": [row.layer for row in rows],
        "dtype": [row.dtype for row in rows],
        "shape": [list(row.shape) for row in rows],
        "of_optimizer": [row.of_optimizer for row in rows],
        "basis": [row.basis for row in rows],
        "equal": [row.equal for row in rows],
        **_numbers(rows),
        **{name: [rounded(getattr(row, name)) for row in rows] for name in _RECORDED},
        "not_finite": [row.not_finite for row in rows],
        "note": [row.note for row in rows],
    }


def _numbers(rows: Sequence[LayerChange | VariableChange]) -> dict[str, list[object]]:
    return {
        "relative_change": [rounded(row.relative_change) for row in rows],
        "relative_at_least": [rounded(row.relative_at_least) for row in rows],
        "cosine": [rounded(row.cosine) for row in rows],
        "max_abs": [rounded(row.max_abs) for row in rows],
        "norm_a": [rounded(row.norm_a) for row in rows],
        "norm_b": [rounded(row.norm_b) for row in rows],
    }
