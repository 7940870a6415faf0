"""What is done to a run by hand, while TensorBoard shows it and a training may write to it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from epochline import KeepLast, open_run
from epochline.events import EpochEnded, SessionStarted
from tests.core.recorded import Recorded
from tests.end_to_end.tensorboard import TensorBoard


@pytest.fixture
def live(tensorboard: TensorBoard, request: pytest.FixtureRequest) -> tuple[str, Recorded]:
    """A run with three checkpoints that TensorBoard has loaded, and whose session is open."""
    name = f"by-hand/{request.node.originalname}"
    recorded = Recorded(tensorboard.logdir / name)
    recorded.put(0, SessionStarted(planned_epochs=5, monitor="loss"))
    for epoch in range(3):
        metrics = {"loss": 1 / (epoch + 1)}
        saved = recorded.saved(epoch, bytes([epoch]) * 1000, metrics)
        recorded.put(epoch, EpochEnded(metrics=metrics), saved)
    tensorboard.wait_until_loaded(lambda server: len(_statuses(server, name)) == 3)
    return name, recorded


def _statuses(tensorboard: TensorBoard, run: str) -> list[str]:
    reply = tensorboard.get("timeline", run=run)
    return list(reply.json["checkpoints"]["status"]) if reply.status == 200 else []


def _shown(
    tensorboard: TensorBoard, run: str, action: Callable[[Path], object], expected: list[str]
) -> None:
    """Does something, and waits until it is shown."""
    action(tensorboard.logdir / run)
    tensorboard.wait_until_loaded(lambda server: _statuses(server, run) == expected)


def test_pins_prunes_and_recoveries_are_shown(
    tensorboard: TensorBoard, live: tuple[str, Recorded]
) -> None:
    """With either loader, without a restart, and a training goes on being read."""
    run, recorded = live
    _shown(
        tensorboard,
        run,
        lambda path: open_run(path).at(epoch=0).pin("first"),
        ["pinned", "saved", "saved"],
    )
    _shown(
        tensorboard,
        run,
        lambda path: open_run(path).prune(KeepLast(1), dry_run=False),
        ["pinned", "pruned", "saved"],
    )
    _shown(
        tensorboard,
        run,
        lambda _: recorded.put(3, recorded.saved(3, b"more", {"loss": 0.1})),
        ["pinned", "pruned", "saved", "saved"],
    )
    _shown(
        tensorboard,
        run,
        lambda path: open_run(path).undo_prune(),
        ["pinned", "saved", "saved", "saved"],
    )


def test_revision_changes_with_what_is_done_by_hand(
    tensorboard: TensorBoard, live: tuple[str, Recorded]
) -> None:
    """A panel that asks only for news hears of it."""
    run, _ = live
    since = tensorboard.get("timeline", run=run).json["revision"]
    assert tensorboard.get("timeline", run=run, since=since).status == 304
    open_run(tensorboard.logdir / run).latest().annotate(note="news")
    assert tensorboard.get("timeline", run=run, since=since).status == 200
