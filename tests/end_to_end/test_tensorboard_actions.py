"""What is done to a run by hand, while TensorBoard shows it and a training may write to it."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from epochline import KeepLast, open_run
from epochline.events import EpochEnded, SessionStarted
from tests.core.recorded import Recorded
from tests.end_to_end.golden import assert_golden
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


def test_buttons_of_the_panel_do_what_python_does(
    tensorboard: TensorBoard, live: tuple[str, Recorded]
) -> None:
    """Pin, note, prune and undo through the server are there for Python, and for the next answer.

    Their answers are the golden ones.
    """
    run, _ = live
    ids = [item.id for item in open_run(tensorboard.logdir / run).checkpoints]
    requests: dict[str, dict[str, object]] = {
        "pin": {"id": ids[0], "pinned": True},
        "annotate": {"id": ids[1], "note": "before the change", "tags": ["candidate", " "]},
        "prune": {"ids": ids[:2]},
        "undo": {"ids": [ids[1]]},
    }
    statuses = {"prune": ["pinned", "pruned", "saved"]}
    for route, body in requests.items():
        reply = tensorboard.post(route, {"run": run, **body})
        assert reply.status == 200, reply.json
        assert_golden(route, reply.json, tensorboard.logdir)
        assert _statuses(tensorboard, run) == statuses.get(route, ["pinned", "saved", "saved"])
    item = open_run(tensorboard.logdir / run).checkpoint(ids[1])
    assert (item.note, item.tags) == ("before the change", ("candidate",))
    shown = tensorboard.get("timeline", run=run).json["annotations"]
    assert shown == {ids[1]: {"note": "before the change", "tags": ["candidate"]}}
    audit = (tensorboard.logdir / run / "timeline" / "control" / "audit.jsonl").read_text()
    assert [json.loads(line)["action"] for line in audit.splitlines()] == list(requests)


def test_stranger_changes_nothing(tensorboard: TensorBoard, live: tuple[str, Recorded]) -> None:
    """A page of another site gets no action done, and the log tells of it."""
    run, _ = live
    item = open_run(tensorboard.logdir / run).latest()
    requests: dict[str, dict[str, object]] = {
        "pin": {"id": item.id, "pinned": True},
        "prune": {"ids": [item.id]},
    }
    for route, body in requests.items():
        reply = tensorboard.post(route, {"run": run, **body}, Sec_Fetch_Site="cross-site")
        assert (reply.status, reply.json["error"]["code"]) == (403, "forbidden")
    assert _statuses(tensorboard, run) == ["saved", "saved", "saved"]
    audit = (tensorboard.logdir / run / "timeline" / "control" / "audit.jsonl").read_text()
    assert all(json.loads(line)["refused"] for line in audit.splitlines())
