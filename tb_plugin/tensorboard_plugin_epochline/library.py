"""The runs as they are now: records, files and locks, put together once per revision.

Invariant: two answers for a run with the same revision are equal, and `Snapshot.revision` is made
from all that its answer depends on: how far the series have got, what was done by hand, what was
found of the files, whether the writer lives.
"""

from __future__ import annotations

import hashlib
import threading
from collections import OrderedDict
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property

from epochline.errors import CheckpointNotFoundError
from epochline.session import lock_path
from epochline.store.lock import is_locked
from epochline.timeline import CheckpointEntry, Timeline, build_timeline
from tensorboard_plugin_epochline.action_watch import ActionWatch
from tensorboard_plugin_epochline.answers import (
    Answer,
    ApiError,
    ErrorCode,
    json_answer,
    json_text,
)
from tensorboard_plugin_epochline.directories import RunDirectories, RunDirectory
from tensorboard_plugin_epochline.file_watch import FileWatch
from tensorboard_plugin_epochline.lookout import Lookout
from tensorboard_plugin_epochline.runs import RunGroup
from tensorboard_plugin_epochline.source import EventSource, Mark, Scope, Series, SeriesKey
from tensorboard_plugin_epochline.views import outline_view, run_view, timeline_view

__all__ = ["Library", "Overview", "RunFailure", "Snapshot"]

_KEPT_RUNS = 256
_NAMED_RUNS = 20


@dataclass(frozen=True, kw_only=True)
class Snapshot:
    """A run at one moment.

    Attributes:
        run: Name of its run group.
        revision: Changes whenever anything else in here does.
        directory: Where it is.
        timeline: What is known of it, files included.
        alive: Whether its writer lives; None when that cannot be told.
    """

    run: str
    revision: str
    directory: RunDirectory
    timeline: Timeline
    alive: bool | None

    @cached_property
    def answer(self) -> Answer:
        """The answer of the route `timeline`."""
        view = timeline_view(self.run, self.revision, self.timeline, alive=self.alive)
        return json_answer(view, etag=self.revision)

    @cached_property
    def outline(self) -> str:
        """What the route `timelines` tells of the run, as JSON."""
        return json_text(outline_view(self.run, self.revision, self.timeline, alive=self.alive))

    def checkpoint(self, checkpoint_id: str) -> CheckpointEntry:
        """Returns a checkpoint.

        Args:
            checkpoint_id: Its id, or a beginning of it that no other has.

        Raises:
            ApiError: If there is none, or more than one.
        """
        try:
            return self.timeline.by_id(checkpoint_id)
        except CheckpointNotFoundError as error:
            message = f"Run {self.run!r}: {error}"
            hint = "The list of checkpoints may be out of date; reload it."
            raise ApiError(ErrorCode.NOT_FOUND, message, hint) from error


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Overview:
    """What there is at one moment.

    Attributes:
        views: View of each run group with records, by its name.
        others: How many run groups have none.
    """

    views: Mapping[str, dict[str, object]]
    others: int


@dataclass(frozen=True, slots=True, kw_only=True)
class RunFailure:
    """Why one of several runs cannot be told of."""

    run: str
    error: ApiError


class _Story:
    """What is kept of one run between requests."""

    def __init__(self, run: str, directory: RunDirectory, runs: Callable[[], int]) -> None:
        self._run = run
        self._directory = directory
        self._marks: Mapping[SeriesKey, Mark] = {}
        self._series: Mapping[SeriesKey, Series] = {}
        self._timeline = build_timeline(())
        self._files = FileWatch(directory.local, runs) if directory.local else None
        self._sizes: Mapping[str, int | None] = {}
        self._sized: Timeline | None = None
        self._actions = ActionWatch(directory.local) if directory.local else None
        self._snapshot: Snapshot | None = None
        self._told: tuple[Mapping[SeriesKey, Mark], str] = ({}, "")
        self._lock = threading.Lock()

    def snapshot(
        self, source: EventSource, scope: Scope, marks: Mapping[SeriesKey, Mark]
    ) -> Snapshot:
        with self._lock:
            if marks != self._marks:
                self._series = source.read(scope, marks, self._series)
                self._marks = dict(marks)
                if self._actions is not None:
                    self._actions.look()
                self._build()
            return self._current()

    def revision(self, marks: Mapping[SeriesKey, Mark]) -> str:
        # Who asks what there is does not wait for a run that is being put together.
        if self._lock.acquire(blocking=False):
            try:
                if marks == self._marks:
                    return self._current().revision
            finally:
                self._lock.release()
        told, revision = self._told
        return revision if marks == told else _revision(marks)

    def _build(self) -> None:
        trained = (r for series in self._series.values() for r in series.records)
        by_hand = self._actions.records if self._actions is not None else ()
        self._timeline = build_timeline((*trained, *by_hand))

    def _current(self) -> Snapshot:
        fingerprint = ""
        if self._actions is not None:
            if self._actions.look():
                self._build()
            fingerprint = self._actions.fingerprint
        if self._files is not None:
            # To list a hundred thousand files takes longer than all the rest.
            if self._sized is not self._timeline or self._files.is_due:
                self._sizes = self._files.sizes(self._timeline.files())
                self._sized = self._timeline
            fingerprint += self._files.fingerprint
        alive = self._alive()
        revision = _revision(self._marks, fingerprint, alive=alive)
        if self._snapshot is None or self._snapshot.revision != revision:
            self._snapshot = Snapshot(
                run=self._run,
                revision=revision,
                directory=self._directory,
                timeline=self._timeline.with_files(self._sizes),
                alive=alive,
            )
            self._told = self._marks, revision
        return self._snapshot

    def _alive(self) -> bool | None:
        sessions = self._timeline.sessions
        if self._directory.local is None or (sessions and sessions[-1].end is not None):
            return None
        return is_locked(lock_path(self._directory.local))


class Library:
    """All runs below the log directory.

    Args:
        source: Where records come from.
        directories: Where files are.
    """

    def __init__(self, source: EventSource, directories: RunDirectories) -> None:
        self.source = source
        self._directories = directories
        self._stories: OrderedDict[str, _Story] = OrderedDict()
        self._lock = threading.Lock()
        self._overview = Overview(views={}, others=0)
        self._lookout = Lookout(lambda: self._look(Scope.of_nobody()))

    def overview(self, scope: Scope) -> Overview:
        """Returns what there is; no record is read for it.

        As long as nothing changes it is the same object. It tells no older revision of a run than a
        snapshot had before.

        Args:
            scope: In whose name.
        """
        return self._lookout.latest() if self.source.is_shared(scope) else self._look(scope)

    def expire(self) -> None:
        """Lets nobody be told any more of what was found before something was done by hand."""
        self._lookout.expire()

    def _look(self, scope: Scope) -> Overview:
        groups = self.source.groups(scope)
        marks = self.source.marks(scope)
        views: dict[str, dict[str, object]] = {}
        for group in groups.values():
            own = _merged(group, marks)
            if own:
                with self._lock:
                    story = self._stories.get(group.name)
                revision = story.revision(own) if story else _revision(own)
                last = max(mark.last_wall_time for mark in own.values())
                views[group.name] = run_view(group, revision, last)
        others = len(groups) - len(views)
        before = self._overview
        if (before.views, before.others) != (views, others):
            self._overview = before = Overview(views=views, others=others)
        return before

    def group(self, scope: Scope, run: str) -> RunGroup:
        """Returns a run group.

        Args:
            scope: In whose name.
            run: Its name.

        Raises:
            ApiError: If there is none; the message names those that exist.
        """
        return _chosen(self.source.groups(scope), run)

    def snapshot(self, scope: Scope, run: str) -> Snapshot:
        """Returns a run with Epochline data as it is now.

        Args:
            scope: In whose name.
            run: Name of its run group.

        Raises:
            ApiError: If there is none.
        """
        group = self.group(scope, run)
        return self._snapshot(scope, group, self.source.marks(scope, group.tensorboard_runs))

    def snapshots(self, scope: Scope, runs: Iterable[str]) -> Iterator[Snapshot | RunFailure]:
        """Yields several runs, asking TensorBoard only once what there is.

        Args:
            scope: In whose name.
            runs: Names of their run groups.
        """
        groups = self.source.groups(scope)
        marks = self.source.marks(scope)
        for run in runs:
            try:
                yield self._snapshot(scope, _chosen(groups, run), marks)
            except ApiError as error:
                yield RunFailure(run=run, error=error)

    def _snapshot(
        self, scope: Scope, group: RunGroup, marks: Mapping[str, Mapping[SeriesKey, Mark]]
    ) -> Snapshot:
        own = _merged(group, marks)
        if not own:
            raise ApiError(
                ErrorCode.NOT_FOUND,
                f"The run {group.name!r} has no Epochline data.",
                "Add epochline.callbacks.Timeline(...) to the callbacks of fit.",
            )
        story = self._story(group.name, next(iter(own)).run)
        snapshot = story.snapshot(self.source, scope, own)
        seen = self._lookout.seen
        if seen is not None and seen.views.get(group.name, {}).get("revision") != snapshot.revision:
            self._lookout.expire()
        return snapshot

    def _story(self, name: str, tensorboard_run: str) -> _Story:
        with self._lock:
            story = self._stories.get(name)
            if story is None:
                story = _Story(
                    name, self._directories.find(tensorboard_run), lambda: len(self._stories)
                )
                self._stories[name] = story
            self._stories.move_to_end(name)
            if len(self._stories) > _KEPT_RUNS:
                self._stories.popitem(last=False)
            return story


def _chosen(groups: Mapping[str, RunGroup], run: str) -> RunGroup:
    if run in groups:
        return groups[run]
    raise ApiError(
        ErrorCode.NOT_FOUND,
        f"There is no run {run!r}. {_names(groups)}",
        "TensorBoard may still be loading it, or it was deleted.",
    )


def _merged(
    group: RunGroup, marks: Mapping[str, Mapping[SeriesKey, Mark]]
) -> dict[SeriesKey, Mark]:
    return {key: mark for run in group.tensorboard_runs for key, mark in marks.get(run, {}).items()}


def _revision(
    marks: Mapping[SeriesKey, Mark], files: str = "", *, alive: bool | None = None
) -> str:
    text = repr((sorted(marks.items()), files, alive)).encode("utf-8", "surrogatepass")
    return hashlib.blake2b(text, digest_size=12).hexdigest()


def _names(groups: Mapping[str, RunGroup]) -> str:
    if not groups:
        return "TensorBoard has loaded no run yet."
    shown = ", ".join(repr(name) for name in list(groups)[:_NAMED_RUNS])
    more = len(groups) - _NAMED_RUNS
    return f"Runs: {shown}" + (f" and {more} more." if more > 0 else ".")
