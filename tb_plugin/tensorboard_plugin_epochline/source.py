"""Records from TensorBoard's data provider.

Knows how TensorBoard stores our records in both of its loaders; nothing of what the records mean.
It keeps nothing between calls: what was read before is handed in.

Invariant: no record is dropped in silence. One that cannot be decoded becomes a notice in its
place, or a gap.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple, TypeVar

from tensorboard import plugin_util
from tensorboard.data import provider as tb_provider
from werkzeug.wrappers import Request

from epochline.codec import decode_record
from epochline.errors import EventFormatError
from epochline.events import Notice, Record
from epochline.writer import PLUGIN_NAME, TAG_PREFIX
from tensorboard_plugin_epochline.runs import RunGroup, group_runs

__all__ = ["EventSource", "Mark", "ScalarPoint", "Scope", "Series", "SeriesKey"]

# More than any series has. 0 would mean "none", not "all".
_ALL = 10**9
# TensorBoard's own providers: they make no use of the context.
_SAME_FOR_ALL = frozenset(
    {
        "tensorboard.backend.event_processing.data_provider.MultiplexerDataProvider",
        "tensorboard.data.grpc_provider.GrpcDataProvider",
    }
)
_ATTEMPTS = 4
_PAUSE_SECONDS = 0.05


class SeriesKey(NamedTuple):
    """Which series: a run of TensorBoard and a tag in it."""

    run: str
    tag: str


class Mark(NamedTuple):
    """How far a series has got."""

    last_step: int
    last_wall_time: float


class ScalarPoint(NamedTuple):
    """A point of a scalar series."""

    step: int
    wall_time: float
    value: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Series:
    """The records of one session.

    Attributes:
        mark: How far TensorBoard said that it had got before it was read.
        records: What was read.
        last_step: Step of the last datum that was read; more may have come meanwhile.
        damaged: Whether something could not be decoded.
    """

    mark: Mark
    records: tuple[Record, ...]
    last_step: int
    damaged: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Scope:
    """In whose name TensorBoard's data is read."""

    context: Any
    experiment_id: str

    @classmethod
    def of(cls, request: Request) -> Scope:
        """Returns the scope of a request."""
        return cls._of_environ(request.environ)

    @classmethod
    def of_nobody(cls) -> Scope:
        """Returns a scope in which nobody is known to ask."""
        return cls._of_environ({})

    @classmethod
    def _of_environ(cls, environ: Mapping[str, Any]) -> Scope:
        return cls(
            context=plugin_util.context(environ), experiment_id=plugin_util.experiment_id(environ)
        )


_T = TypeVar("_T")


class EventSource:
    """Reads what TensorBoard has loaded.

    Args:
        provider: TensorBoard's `DataProvider`.
    """

    def __init__(self, provider: tb_provider.DataProvider) -> None:
        self._provider = provider
        kind = type(provider)
        self._same_for_all = f"{kind.__module__}.{kind.__qualname__}" in _SAME_FOR_ALL

    def is_shared(self, scope: Scope) -> bool:
        """Returns whether what is read in this scope is what anybody would get.

        Not so where a provider may decide by who asks, or by the experiment that is asked for.
        """
        return self._same_for_all and not scope.experiment_id

    def groups(self, scope: Scope) -> dict[str, RunGroup]:
        """Returns all run groups by name, in TensorBoard's order."""
        runs = _patiently(
            lambda: self._provider.list_runs(scope.context, experiment_id=scope.experiment_id)
        )

        def order(run: Any) -> tuple[float, str]:
            return (math.inf if run.start_time is None else run.start_time, run.run_name)

        return group_runs(run.run_name for run in sorted(runs, key=order))

    def marks(
        self, scope: Scope, runs: Iterable[str] | None = None
    ) -> dict[str, dict[SeriesKey, Mark]]:
        """Returns for each run with records how far its series have got.

        Args:
            scope: In whose name.
            runs: Runs of TensorBoard to look at; all when None.
        """
        chosen = None if runs is None else list(runs)
        listing = _patiently(
            lambda: self._provider.list_tensors(
                scope.context,
                experiment_id=scope.experiment_id,
                plugin_name=PLUGIN_NAME,
                run_tag_filter=tb_provider.RunTagFilter(runs=chosen),
            )
        )
        marks: dict[str, dict[SeriesKey, Mark]] = {}
        for run, tags in listing.items():
            for tag, series in tags.items():
                # The Python loader publishes a tag before its first tensor.
                if tag.startswith(TAG_PREFIX) and series.max_step is not None:
                    mark = Mark(series.max_step, series.max_wall_time)
                    marks.setdefault(run, {})[SeriesKey(run, tag)] = mark
        return marks

    def read(
        self, scope: Scope, marks: Mapping[SeriesKey, Mark], known: Mapping[SeriesKey, Series]
    ) -> dict[SeriesKey, Series]:
        """Returns the records of the series in `marks`, reading only those that have grown.

        Args:
            scope: In whose name.
            marks: Which series, and how far they have got.
            known: What was read before.
        """
        grown = [key for key, mark in marks.items() if key not in known or known[key].mark != mark]
        fresh: Mapping[str, Mapping[str, Any]] = {}
        if grown:
            chosen = tb_provider.RunTagFilter(
                runs=sorted({key.run for key in grown}), tags=sorted({key.tag for key in grown})
            )
            fresh = _patiently(
                lambda: self._provider.read_tensors(
                    scope.context,
                    experiment_id=scope.experiment_id,
                    plugin_name=PLUGIN_NAME,
                    downsample=_ALL,
                    run_tag_filter=chosen,
                )
            )
        read = {
            key: _grown(key, marks[key], known.get(key), fresh.get(key.run, {}).get(key.tag, ()))
            for key in grown
        }
        return {key: read[key] if key in read else known[key] for key in marks}

    def scalar_tags(self, scope: Scope, runs: Iterable[str]) -> dict[str, list[str]]:
        """Returns for each of some runs of TensorBoard the tags of its scalar series."""
        chosen = tb_provider.RunTagFilter(runs=list(runs))
        listing = _patiently(
            lambda: self._provider.list_scalars(
                scope.context,
                experiment_id=scope.experiment_id,
                plugin_name="scalars",
                run_tag_filter=chosen,
            )
        )
        return {run: sorted(tags) for run, tags in listing.items()}

    def scalars(self, scope: Scope, run: str, tag: str) -> list[ScalarPoint]:
        """Returns all stored points of a scalar series, in the order of their steps."""
        chosen = tb_provider.RunTagFilter(runs=[run], tags=[tag])
        answer = _patiently(
            lambda: self._provider.read_scalars(
                scope.context,
                experiment_id=scope.experiment_id,
                plugin_name="scalars",
                downsample=_ALL,
                run_tag_filter=chosen,
            )
        )
        return [
            ScalarPoint(datum.step, _finite(datum.wall_time), datum.value)
            for datum in answer.get(run, {}).get(tag, ())
        ]


def _patiently(read: Callable[[], _T]) -> _T:
    """Returns what `read` does, trying again while TensorBoard loads.

    Its Python loader publishes the names of a series before the series itself.
    """
    for _ in range(_ATTEMPTS - 1):
        try:
            return read()
        except KeyError:
            time.sleep(_PAUSE_SECONDS)
    return read()


def _grown(key: SeriesKey, mark: Mark, before: Series | None, data: Iterable[Any]) -> Series:
    """Returns a series with what is new in `data`; what was decoded before is not decoded again."""
    last_step = -1 if before is None else before.last_step
    records = [] if before is None else list(before.records)
    damaged = before is not None and before.damaged
    session = key.tag.removeprefix(TAG_PREFIX)
    for datum in data:
        if before is not None and datum.step <= before.last_step:
            continue
        last_step = max(last_step, datum.step)
        wall_time = _finite(datum.wall_time)
        try:
            records.append(decode_record(session, wall_time, _payload(session, datum)))
        except EventFormatError as error:
            if not damaged:
                records.append(_notice(session, wall_time, datum.step, str(error)))
            damaged = True
    return Series(mark=mark, records=tuple(records), last_step=last_step, damaged=damaged)


def _payload(session: str, datum: Any) -> bytes:
    array = datum.numpy
    value = array.item() if array.size == 1 else None
    if isinstance(value, bytes):
        return value
    msg = f"Session {session!r} holds a tensor of shape {array.shape}, not an Epochline record."
    raise EventFormatError(msg)


def _notice(session: str, wall_time: float, seq: int, message: str) -> Record:
    notice = Notice(
        code="unreadable_record",
        message=message,
        hint="Gaps tell how many records are missing.",
    )
    return Record(
        session=session,
        seq=seq,
        wall_time=wall_time,
        epoch=0,
        step=0,
        batch=0,
        events=(notice,),
    )


def _finite(wall_time: float) -> float:
    return wall_time if math.isfinite(wall_time) else 0.0
