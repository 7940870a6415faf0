"""How far two checkpoints are apart: the answers of the route `diff`.

Bytes are read at the places that were recorded when the checkpoints were saved, and checked against
the recorded digests; nothing is parsed, and HDF5 opens nothing.

Large files take a while, so a comparison is done in pieces: each request goes on with it for half a
second and answers all that is known by then. Who wants the rest asks again; who does not ask any
more (Stop, another tab, a closed browser, a lost connection) ends the work with that. There is no
job that could be left behind: no thread, and no file that stays open between requests. A streamed
response would not do: proxies in front of notebooks may hold it back until it is whole, and
TensorBoard's server notices a client that is gone only when it writes. Here each answer is short
and whole, under any prefix, proxy and WSGI server.

Invariant: only regular files below the run directory, reached by no symbolic link, are read, and
numbers are told only of variables whose bytes have the recorded digest: neither path nor layout in
an event is trusted, since event files may come from strangers. What is kept between requests is
forgotten when a file or what is known of a checkpoint changes.
"""

from __future__ import annotations

import threading
import time
from collections import OrderedDict
from collections.abc import Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Final

from epochline.changes import Diff, LayerChange, VariableChange
from epochline.comparison import Comparison, Source
from epochline.errors import CheckpointCorruptError, CheckpointMissingError, EventFormatError
from epochline.layout import Layout
from epochline.statistics import Measurements
from epochline.timeline import CheckpointEntry
from tensorboard_plugin_epochline.answers import PIECE_SECONDS, ApiError, ErrorCode, rounded
from tensorboard_plugin_epochline.directories import RunDirectory
from tensorboard_plugin_epochline.file_watch import FileStamp, stamp_of

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["Comparisons", "Side"]
"""How long one request goes on with a comparison."""

_AT_ONCE: Final = 2  # requests that read; the others wait for their turn
_KEPT: Final = 8
_RECORDED: Final = ("mean_a", "mean_b", "std_a", "std_b", "min_a", "min_b", "max_a", "max_b")
_BY_HAND: Final = "Compare them in a terminal: epochline diff A B. It reads the files themselves."


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


_Stamps = tuple[FileStamp | None, ...]


@dataclass(slots=True, kw_only=True)
class _Begun:
    """A comparison, and what it rests on."""

    sides: tuple[Side, Side]
    stamps: tuple[_Stamps, _Stamps]
    comparison: Comparison
    lock: threading.Lock = field(default_factory=threading.Lock)


class Comparisons:
    """Comparisons that were begun, the latest few of them.

    Two viewers of one comparison share it.
    """

    def __init__(self) -> None:
        self._begun: OrderedDict[tuple[str, str, str, str], _Begun] = OrderedDict()
        self._lock = threading.Lock()
        self._turns = threading.BoundedSemaphore(_AT_ONCE)

    def view(self, a: Side, b: Side) -> dict[str, object]:
        """Goes on with a comparison for `PIECE_SECONDS`, and returns a `Diff`.

        Args:
            a: The one checkpoint.
            b: The other, of the same run or of another.

        Raises:
            ApiError: If nothing was recorded of the variables of one of them, the record is
                damaged, or a file cannot be read.
        """
        key = a.run, a.entry.id, b.run, b.entry.id
        with self._turns, self._conflicts(key):
            begun = self._find(key, a, b)
            with begun.lock, closing(begun.comparison) as comparison:
                end = time.monotonic() + PIECE_SECONDS
                while comparison.step() and time.monotonic() < end:
                    pass
                return _view(a, b, comparison)

    @contextmanager
    def _conflicts(self, key: tuple[str, str, str, str]) -> Iterator[None]:
        try:
            yield
        except (EventFormatError, CheckpointMissingError, CheckpointCorruptError, OSError) as error:
            with self._lock:
                self._begun.pop(key, None)
            raise ApiError(ErrorCode.CONFLICT, str(error), _BY_HAND) from error

    def _find(self, key: tuple[str, str, str, str], a: Side, b: Side) -> _Begun:
        named = a.run != b.run
        sources = _source(a, named=named), _source(b, named=named)
        stamps = _stamps(sources[0]), _stamps(sources[1])
        with self._lock:
            begun = self._begun.get(key)
            if begun is None or begun.sides != (a, b) or begun.stamps != stamps:
                begun = _Begun(sides=(a, b), stamps=stamps, comparison=Comparison(*sources))
                self._begun[key] = begun
            self._begun.move_to_end(key)
            if len(self._begun) > _KEPT:
                self._begun.popitem(last=False)
            return begun


def _stamps(source: Source) -> _Stamps:
    """Returns what changes when a file of it does."""
    if source.file is None:
        return ()
    return tuple(stamp_of(path) for path in (source.file, *(part for part, _ in source.shards)))


def _view(a: Side, b: Side, comparison: Comparison) -> dict[str, object]:
    found = comparison.result()
    finished = comparison.finished
    return {
        "run": a.run,
        "a": a.entry.id,
        "run_b": b.run,
        "b": b.entry.id,
        "progress": {
            "finished": finished,
            "compared": comparison.compared,
            "variables": comparison.variables,
            "read_bytes": comparison.read_bytes,
            "total_bytes": comparison.total_bytes,
        },
        "sentence": found.sentence if finished else None,
        "notes": list(found.notes),
        "weights": (
            {name: column[0] for name, column in _numbers([found.weights]).items()}
            if finished
            else None
        ),
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
