"""Runs put together from a data provider that grows, hiccups and lies."""

from __future__ import annotations

import gzip
import itertools
import json
import math
import threading
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from tensorboard.backend.event_processing.data_provider import MultiplexerDataProvider
from tensorboard.data.grpc_provider import GrpcDataProvider

from epochline.actions import ActionLog
from epochline.events import (
    CheckpointAnnotated,
    CheckpointSaved,
    EpochEnded,
    SessionStarted,
)
from epochline.timeline import Timeline
from tensorboard_plugin_epochline import file_watch, lookout
from tensorboard_plugin_epochline.answers import ApiError
from tensorboard_plugin_epochline.directories import RunDirectories
from tensorboard_plugin_epochline.library import Library, RunFailure, Snapshot
from tensorboard_plugin_epochline.source import EventSource, Scope
from tests.plugin.provider import RUN, TAG, Provider
from tests.plugin.threads import lookout_threads

SCOPE = Scope(context=None, experiment_id="")


@pytest.fixture
def provider() -> Provider:
    """A provider with one run and no data."""
    return Provider()


@pytest.fixture
def library(provider: Provider, tmp_path: Path) -> Library:
    """A library over it."""
    return Library(EventSource(provider), RunDirectories(str(tmp_path), None))


def _view(library: Library) -> dict[str, Any]:
    body = library.snapshot(SCOPE, "pima").answer.body
    view: dict[str, Any] = json.loads(gzip.decompress(body))
    return view


def _listed(library: Library) -> object:
    return library.overview(SCOPE).views["pima"]["revision"]


def test_only_what_has_grown_is_read(provider: Provider, library: Library) -> None:
    """An ended session is read once, and a list of runs reads nothing."""
    other = "epochline/" + "b" * 16
    provider.record(0, SessionStarted())
    provider.record(0, SessionStarted(), tag=other)
    library.overview(SCOPE)
    assert provider.reads == []

    library.snapshot(SCOPE, "pima")
    library.snapshot(SCOPE, "pima")
    assert sorted(provider.reads) == [TAG, other]

    provider.record(1, EpochEnded())
    library.snapshot(SCOPE, "pima")
    assert provider.reads[2:] == [TAG]


def test_revision_of_the_list_is_that_of_the_timeline(provider: Provider, library: Library) -> None:
    """Once the timeline was asked for, both routes agree; a new record changes both."""
    provider.record(0, SessionStarted())
    revision = library.snapshot(SCOPE, "pima").revision
    assert _listed(library) == revision

    provider.record(1, EpochEnded())
    assert _listed(library) != revision
    assert library.snapshot(SCOPE, "pima").revision != revision


def test_what_is_done_by_hand_is_shown_at_once(
    provider: Provider, library: Library, tmp_path: Path
) -> None:
    """A pin beside the event files changes the answer and its revision, in both routes."""
    saved = CheckpointSaved(id="c" * 16, path="c.h5", size_bytes=1, digest="d")
    provider.record(0, SessionStarted(), saved)
    (tmp_path / "pima").mkdir()
    (tmp_path / "pima" / "c.h5").write_bytes(b"x")
    before = library.snapshot(SCOPE, "pima")
    assert [item.status for item in before.timeline.checkpoints] == ["saved"]

    with ActionLog(tmp_path / "pima") as log:
        log.append(CheckpointAnnotated(id="c" * 16, pinned=True, note="good"))
    revision = _listed(library)
    after = library.snapshot(SCOPE, "pima")
    assert [(i.status, i.note) for i in after.timeline.checkpoints] == [("pinned", "good")]
    assert after.revision == revision != before.revision
    assert provider.reads == [TAG]


def test_same_data_has_the_same_revision_after_a_restart(
    provider: Provider, library: Library, tmp_path: Path
) -> None:
    """A panel that stays open does not fetch everything again."""
    provider.record(0, SessionStarted())
    restarted = Library(EventSource(provider), RunDirectories(str(tmp_path), None))

    revisions = [item.snapshot(SCOPE, "pima").revision for item in (library, restarted)]

    assert revisions[0] == revisions[1]


def test_series_that_is_not_there_yet_is_waited_for(provider: Provider, library: Library) -> None:
    """TensorBoard's Python loader raises KeyError for a moment while it loads."""
    provider.record(0, SessionStarted())
    provider.hiccups = 2

    assert library.snapshot(SCOPE, "pima").timeline.sessions


def test_what_cannot_be_decoded_is_told_once(provider: Provider, library: Library) -> None:
    """Junk and records of a newer format become one notice; the rest of the run is shown."""
    provider.record(0, SessionStarted())
    for payload in (b"\xff\xff", b"\x08\x63", b"\xff"):
        provider.add(payload)
        library.snapshot(SCOPE, "pima")
    provider.record(4, EpochEnded(metrics={"loss": 0.5}))

    view = _view(library)

    assert [notice["code"] for notice in view["notices"]] == ["unreadable_record"]
    assert view["history"]["epoch"] == [4]
    assert [(gap["first_seq"], gap["last_seq"]) for gap in view["gaps"]] == [(2, 3)]


def test_numbers_that_json_does_not_know_are_text(provider: Provider, library: Library) -> None:
    """NaN and infinities, wherever an event may hold them, reach the panel as text."""
    metrics = {"nan": math.nan, "up": math.inf, "down": -math.inf}
    saved = CheckpointSaved(id="c", path="c.h5", size_bytes=1, digest="d", metrics=metrics)
    provider.record(0, EpochEnded(metrics=metrics, duration_seconds=math.nan), saved)
    provider.data[RUN][TAG][0].wall_time = math.nan

    view = _view(library)

    expected = {"nan": ["NaN"], "up": ["Infinity"], "down": ["-Infinity"]}
    assert view["history"]["metrics"] == view["checkpoints"]["metrics"] == expected
    assert view["history"]["duration_seconds"] == ["NaN"]
    assert view["history"]["wall_time"] == [0.0]


def test_tensor_that_is_no_text_is_told(provider: Provider, library: Library) -> None:
    """A tag of ours with something else in it breaks nothing."""
    series = provider.data[RUN][TAG]
    series.append(SimpleNamespace(step=0, wall_time=1.0, numpy=np.zeros((2, 2))))

    (notice,) = _view(library)["notices"]
    assert "shape (2, 2)" in notice["message"]


def test_run_that_does_not_exist_is_answered_with_those_that_do(library: Library) -> None:
    """The message helps to find the mistake."""
    with pytest.raises(ApiError, match="'pima'") as raised:
        library.snapshot(SCOPE, "pyma")

    assert raised.value.code == "not_found"


def test_run_that_cannot_be_told_of_takes_none_of_the_others_with_it(
    provider: Provider, library: Library
) -> None:
    """Of several runs each one is a snapshot or a failure of its own, in the order asked for."""
    provider.record(0, SessionStarted(), EpochEnded(metrics={"loss": math.nan}))

    unknown, pima = library.snapshots(SCOPE, ["pyma", "pima"])

    assert isinstance(unknown, RunFailure)
    assert (unknown.run, unknown.error.code) == ("pyma", "not_found")
    assert isinstance(pima, Snapshot)
    assert json.loads(pima.outline)["history"]["metrics"] == {"loss": ["NaN"]}


def test_files_are_listed_again_only_when_it_is_time_to_look(
    provider: Provider, library: Library, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A hundred thousand files of a hundred runs are not listed each time that a panel asks."""
    listed = 0
    files = Timeline.files

    def counted(timeline: Timeline) -> Iterator[str]:
        nonlocal listed
        listed += 1
        return files(timeline)

    monkeypatch.setattr(Timeline, "files", counted)
    clock = SimpleNamespace(monotonic=itertools.count().__next__)  # a look takes a second
    monkeypatch.setattr(file_watch, "time", clock)
    saved = CheckpointSaved(id="a" * 16, path="a.h5", size_bytes=1, digest="d")
    provider.record(0, SessionStarted(), saved)
    library.snapshot(SCOPE, "pima")
    for _ in range(9):
        library.overview(SCOPE)
    assert listed == 1

    provider.record(1, EpochEnded())
    library.snapshot(SCOPE, "pima")
    assert listed == 2
    for _ in range(150):
        library.overview(SCOPE)
    assert listed == 3


def test_list_is_the_same_object_until_something_changes(
    provider: Provider, library: Library
) -> None:
    """What was made of it is made once."""
    provider.record(0, SessionStarted())
    library.snapshot(SCOPE, "pima")
    before = library.overview(SCOPE)
    assert library.overview(SCOPE) is before

    provider.record(1, EpochEnded())
    assert library.overview(SCOPE) is not before


def test_list_does_not_wait_for_a_run_that_is_being_read(
    provider: Provider, library: Library, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whether anything is new is told at once, also while a long run is put together."""
    provider.record(0, SessionStarted())
    known = library.snapshot(SCOPE, "pima").revision
    provider.record(1, EpochEnded())
    reading, may_go_on = threading.Event(), threading.Event()
    read = provider.read_tensors

    def slowly(*args: Any, **options: Any) -> Any:
        reading.set()
        assert may_go_on.wait(60)
        return read(*args, **options)

    monkeypatch.setattr(provider, "read_tensors", slowly)
    other = threading.Thread(target=library.snapshot, args=(SCOPE, "pima"))
    other.start()
    assert reading.wait(60)

    assert _listed(library) != known

    may_go_on.set()
    other.join()
    assert _listed(library) == library.snapshot(SCOPE, "pima").revision


def test_list_never_tells_an_older_revision_than_a_timeline_did(
    provider: Provider, library: Library, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What was seen of all runs a moment ago is looked at anew once a timeline knows more."""
    monkeypatch.setattr(EventSource, "is_shared", lambda *_: True)
    monkeypatch.setattr(lookout, "OLDEST_SECONDS", 1e6)
    monkeypatch.setattr(lookout, "IDLE_SECONDS", 0.0)  # its thread ends with the test
    provider.record(0, SessionStarted())
    known = library.snapshot(SCOPE, "pima").revision
    assert _listed(library) == known
    provider.record(1, EpochEnded())
    assert _listed(library) == known

    revision = library.snapshot(SCOPE, "pima").revision

    assert _listed(library) == revision != known
    for thread in lookout_threads():
        thread.join()


class _Other(GrpcDataProvider):
    """Might ask who asks."""


@pytest.mark.parametrize(
    ("provider", "experiment", "shared"),
    [
        (MultiplexerDataProvider(None, ""), "", True),
        (GrpcDataProvider("", None), "", True),
        (GrpcDataProvider("", None), "123", False),
        (_Other("", None), "", False),
    ],
)
def test_only_what_anybody_would_get_is_shared(
    provider: Any, experiment: str, shared: bool
) -> None:
    """With another provider, or for an experiment, everything is asked in the name of who asks."""
    scope = Scope(context=None, experiment_id=experiment)

    assert EventSource(provider).is_shared(scope) is shared


def test_provider_that_may_tell_each_another_is_asked_for_each(
    provider: Provider, library: Library, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No answer that one may have is given to another, and no thread asks in somebody's name."""
    contexts: list[Any] = []
    listed = provider.list_tensors

    def noting(context: Any, **options: Any) -> Any:
        contexts.append(context)
        return listed(context, **options)

    monkeypatch.setattr(provider, "list_tensors", noting)
    provider.record(0, SessionStarted())
    for name in ("ada", "bob"):
        library.overview(Scope(context=name, experiment_id=""))

    assert contexts == ["ada", "bob"]
