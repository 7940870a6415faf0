"""What recording costs, in counts that do not depend on the machine; the times are benchmarks."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import Any

import keras
import pytest

import epochline
from epochline.callbacks import EarlyStoppingRecorder, LearningRateRecorder, Timeline
from epochline.callbacks.living.desk import _Boundary
from epochline.events import Decision, Verdict
from epochline.reader import read_records
from epochline.records import frame, read_frames
from tests.callbacks.training import Dictate, new_model, train

PACKAGE = str(Path(epochline.__file__).parent)
VALIDATED: dict[str, Any] = {"validation_split": 0.34}
# What Keras calls for its callbacks: once an epoch, and for each batch.
EPOCHS = {
    getattr(keras.callbacks.CallbackList, hook).__code__
    for hook in ("on_epoch_begin", "on_epoch_end")
}
BATCHES = {
    getattr(keras.callbacks.CallbackList, f"on_{kind}_batch_{when}").__code__
    for kind in ("train", "test")
    for when in ("begin", "end")
}
# Where Python keeps what asks the operating system for something: files, sockets, processes.
SYSTEM = {"posix", "io", "_io", "_socket", "select", "_posixsubprocess"}
LONG = ("mean_absolute_percentage_error", "root_mean_squared_error")


@contextmanager
def _calls_in_batches() -> Iterator[list[str]]:
    """Collects the calls of our functions from the first to the last batch of each epoch."""
    calls: list[str] = []
    since_batch: list[str] | None = None

    def profile(frame: FrameType, event: str, _: object) -> None:
        nonlocal since_batch
        if event == "call" and frame.f_code in EPOCHS:
            since_batch = None
        elif event == "call" and frame.f_code in BATCHES:
            calls.extend(since_batch or [])
            since_batch = []
        elif (
            event == "call"
            and since_batch is not None
            and frame.f_code.co_filename.startswith(PACKAGE)
        ):
            since_batch.append(frame.f_code.co_qualname)

    before = sys.getprofile()
    sys.setprofile(profile)
    try:
        yield calls
    finally:
        sys.setprofile(before)


def _stock() -> list[keras.callbacks.Callback]:
    return [
        keras.callbacks.EarlyStopping(patience=20),
        keras.callbacks.ReduceLROnPlateau(patience=20),
    ]


@pytest.mark.parametrize(
    ("parts", "listens"),
    [
        (lambda run_dir: [Timeline(run_dir)], True),
        (
            lambda run_dir: [Timeline(run_dir, save=None), keras.callbacks.TensorBoard(run_dir)],
            True,
        ),
        (lambda run_dir: [Timeline(run_dir, on_nan="restore")], True),
        (lambda run_dir: [Timeline(run_dir, live=False)], False),
        (lambda run_dir: [LearningRateRecorder(run_dir), EarlyStoppingRecorder(run_dir)], False),
    ],
    ids=["timeline", "beside TensorBoard", "on_nan", "live=False", "recorders"],
)
def test_nothing_of_ours_runs_during_batches(
    parts: Any, listens: bool, run_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where no batch event is asked for, nothing of ours is done for one but a look at the clock.

    And that only where requests are answered; it is not yet time to look for one here.
    """
    monkeypatch.setattr("epochline.callbacks.living.desk.monotonic", lambda: -1.0)
    model = new_model()
    with _calls_in_batches() as calls:
        train(model, *_stock(), *parts(run_dir), epochs=3, **VALIDATED)
    clock = {"_Boundary.on_train_batch_begin", "Desk.batch_begins"} if listens else set()
    assert set(calls) == clock


@contextmanager
def _calls_to_the_system() -> Iterator[list[str]]:
    """Collects what is called of the operating system while we act before a batch."""
    calls: list[str] = []
    acting = _Boundary.on_train_batch_begin.__code__
    inside = False

    def profile(frame: FrameType, event: str, called: Any) -> None:
        nonlocal inside
        if frame.f_code is acting and event in ("call", "return"):
            inside = event == "call"
        elif inside and event == "c_call" and called.__module__ in SYSTEM:
            calls.append(called.__name__)

    before = sys.getprofile()
    sys.setprofile(profile)
    try:
        yield calls
    finally:
        sys.setprofile(before)


class Ticks(keras.callbacks.Callback):
    """Makes each batch last an eighth of a second."""

    def __init__(self, run_dir: Path) -> None:
        super().__init__()
        self.now = 1000.0
        self._requests = run_dir / "timeline" / "control" / "live" / "requests"

    def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:
        """Called by Keras; the directory has not changed for long."""
        os.utime(self._requests, (1.0, 1.0))

    def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
        """Called by Keras."""
        self.now += 0.125


@pytest.mark.parametrize("options", [{}, {"on_nan": "restore"}], ids=["timeline", "on_nan"])
def test_training_that_is_asked_for_nothing_makes_one_stat_a_second(
    options: dict[str, Any], run_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And nothing else of the operating system; in between not even that."""
    ticks = Ticks(run_dir)
    monkeypatch.setattr("epochline.callbacks.living.desk.monotonic", lambda: ticks.now)
    with _calls_to_the_system() as calls:
        train(new_model(), ticks, Timeline(run_dir, save=None, **options), epochs=16)
    # 48 batches are six seconds. The first look also lists the directory.
    assert calls == ["stat", "stat", "scandir", *["stat"] * 5]


def test_batches_are_seen_where_they_are_asked_for(run_dir: Path) -> None:
    """The same measurement finds calls when a batch event is asked for."""
    with _calls_in_batches() as calls:
        train(new_model(), Timeline(run_dir, save=2), epochs=1)
    assert any("batch" in name for name in calls)


@pytest.mark.parametrize("metrics", [("accuracy",), LONG], ids=["tutorial", "long names"])
def test_quiet_epoch_takes_less_than_400_bytes(metrics: tuple[str, ...], run_dir: Path) -> None:
    """An epoch in which two callbacks wait grows the event file by that much at most."""
    model = new_model()
    model.compile(loss="binary_crossentropy", optimizer="adam", metrics=list(metrics))
    monitor = f"val_{metrics[0]}"
    waiting: list[keras.callbacks.Callback] = [
        Dictate(**{monitor: [1 / 3 + epoch / 7 for epoch in range(6)]}),
        keras.callbacks.EarlyStopping(monitor, mode="min", patience=20, baseline=0.3),
        keras.callbacks.ReduceLROnPlateau(monitor, mode="min", patience=20, min_delta=1e-3),
    ]
    train(model, *waiting, Timeline(run_dir, save=None), epochs=6, **VALIDATED)
    (path,) = (run_dir / "timeline").glob("*tfevents*")
    with path.open("rb") as file:
        sizes = [len(frame(data)) for data in read_frames(file)][1:]  # behind the file's version
    records = read_records(run_dir).records
    quiet = {
        size
        for size, record in zip(sizes, records, strict=True)
        if [e.verdict for e in record.events if isinstance(e, Decision)] == [Verdict.WAITING] * 2
    }
    assert quiet
    assert max(quiet) < 400
