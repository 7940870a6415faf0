"""What the panel does to a run: exactly what was asked for, in its own directory."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

from epochline import KeepAllBut, KeepLast, open_run
from epochline.events import CheckpointSaved, Event
from epochline.reader import actions_path
from tensorboard_plugin_epochline.actions import ACTIONS, plan, retention_rule
from tensorboard_plugin_epochline.answers import ApiError
from tensorboard_plugin_epochline.averages import mean_plan
from tensorboard_plugin_epochline.directories import RunDirectory
from tensorboard_plugin_epochline.library import Snapshot
from tests.core.recorded import Recorded
from tests.core.retained import weights_file


@pytest.fixture
def recorded(tmp_path: Path) -> Recorded:
    """A run with four checkpoints."""
    run = Recorded(tmp_path / "run")
    for epoch in range(4):
        run.put(epoch, run.saved(epoch, bytes([epoch]) * 1000, {"loss": 1 / (epoch + 1)}))
    return run


def _snapshot(run_dir: Path, *, local: bool = True) -> Snapshot:
    return Snapshot(
        run="run",
        revision="r",
        directory=RunDirectory(shown=str(run_dir), local=run_dir if local else None),
        timeline=open_run(run_dir).timeline,
        alive=None,
    )


def _do(name: str, run_dir: Path, **body: Any) -> dict[str, Any]:
    return dict(ACTIONS[name].carry_out(_snapshot(run_dir), {"run": "run", **body}))


def _refused(name: str, run_dir: Path, **body: Any) -> ApiError:
    with pytest.raises(ApiError) as raised:
        _do(name, run_dir, **body)
    return raised.value


def _ids(run_dir: Path) -> list[str]:
    return [item.id for item in open_run(run_dir).checkpoints]


def test_plan_tells_what_goes_and_what_stays_nevertheless(recorded: Recorded) -> None:
    """Nothing is changed; the newest stays though it is named, and its reason is told."""
    run_dir = recorded.run_dir
    ids = _ids(run_dir)
    open_run(run_dir).checkpoint(ids[1]).pin()

    found: dict[str, Any] = plan(_snapshot(run_dir), KeepAllBut(ids[0], ids[1], ids[3]))

    assert found["goes"]["id"] == [ids[0]]
    assert found["stays"]["id"] == [ids[1], ids[3]]
    assert found["stays"]["why"][0] == "pinned"
    assert "the newest" in found["stays"]["why"][1]
    assert found["message"] == "1 of 4 checkpoints goes: 1.0 kB freed, 3.0 kB left."
    assert all(item.restorable for item in open_run(run_dir).checkpoints)


def test_prune_lets_go_what_the_plan_showed_and_nothing_else(recorded: Recorded) -> None:
    """Also when the run has gone on meanwhile."""
    run_dir = recorded.run_dir
    shown: dict[str, Any] = plan(_snapshot(run_dir), retention_rule(2, 0, ""))
    recorded.put(4, recorded.saved(4, b"new", {"loss": 0.1}))

    done = _do("prune", run_dir, ids=shown["goes"]["id"])

    assert done["deleted"] == done["trashed"] == shown["goes"]["id"] == _ids(run_dir)[:2]
    assert done["message"].startswith("2 checkpoints removed: 2.0 kB freed once the trash is")
    assert _do("undo", run_dir, ids=done["trashed"])["message"] == "2 checkpoints are back."
    assert all(item.restorable for item in open_run(run_dir).checkpoints)
    assert _refused("undo", run_dir, ids=done["trashed"]).code == "conflict"


@pytest.mark.parametrize("place", ["outside.h5", "linked/outside.h5", "run/../../outside.h5"])
def test_file_outside_of_the_run_is_never_let_go(
    recorded: Recorded, tmp_path: Path, place: str
) -> None:
    """Though an event says that it is a checkpoint, with the right size and digest."""
    outside = tmp_path / "outside.h5"
    saved = recorded.saved(9, b"precious", {}, name="copy.h5")
    assert isinstance(saved, CheckpointSaved)
    outside.write_bytes(b"precious")
    (recorded.run_dir / "linked").symlink_to(tmp_path)
    path = str(outside) if place == "outside.h5" else place.replace("run/", "checkpoints/")
    hostile: Event = CheckpointSaved(
        id="bad0000000000000", path=path, size_bytes=saved.size_bytes, digest=saved.digest
    )
    recorded.put(0, hostile)
    recorded.put(1, recorded.saved(9, b"newest", {}))

    error = _refused("prune", recorded.run_dir, ids=["bad0000000000000"])

    assert (error.code, outside.read_bytes()) == ("conflict", b"precious")
    assert "outside of the run directory" in error.message


@pytest.mark.parametrize(
    ("name", "body", "code"),
    [
        ("pin", {"id": "nothing", "pinned": True}, "not_found"),
        ("prune", {"ids": []}, "bad_request"),
        ("prune", {"ids": ["nothing"]}, "not_found"),
        ("annotate", {"id": "0001", "note": "x" * 4001, "tags": []}, "bad_request"),
        ("annotate", {"id": "0001", "note": "", "tags": ["x" * 61]}, "bad_request"),
    ],
)
def test_what_cannot_be_is_refused(
    recorded: Recorded, name: str, body: dict[str, Any], code: str
) -> None:
    """With the documented code, and before anything is written."""
    assert _refused(name, recorded.run_dir, **body).code == code
    assert not actions_path(recorded.run_dir).exists()


def test_what_is_gone_cannot_be_pinned_but_noted(recorded: Recorded) -> None:
    """A note about why it is gone is worth something."""
    run_dir = recorded.run_dir
    item = open_run(run_dir).checkpoints[0]
    item.file.unlink()
    assert _refused("pin", run_dir, id=item.id, pinned=True).code == "conflict"
    _do("annotate", run_dir, id=item.id, note="deleted by mistake", tags=[])
    assert open_run(run_dir).checkpoint(item.id).note == "deleted by mistake"


def test_directory_that_may_not_be_written_is_told(
    recorded: Recorded, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The panel then shows the command, for somebody who may."""

    def refuse(*_: object, **__: object) -> int:
        raise PermissionError(13, "Permission denied", "actions")

    ids = _ids(recorded.run_dir)
    monkeypatch.setattr(os, "open", refuse)
    error = _refused("pin", recorded.run_dir, id=ids[0], pinned=True)
    assert error.code == "read_only"
    assert "command" in error.hint


def test_run_on_another_machine_is_left_alone(recorded: Recorded) -> None:
    """Files that TensorBoard reads through a URL are not there to be changed."""
    snapshot = _snapshot(recorded.run_dir, local=False)
    with pytest.raises(ApiError) as raised:
        ACTIONS["pin"].carry_out(snapshot, {"run": "run", "id": "0001", "pinned": True})
    assert raised.value.code == "conflict"


@pytest.mark.parametrize(("last", "best"), [(0, 0), (-1, 0), (0, -1)])
def test_rule_keeps_something(last: int, best: int) -> None:
    """Nobody means a rule that keeps nothing."""
    with pytest.raises(ApiError) as raised:
        retention_rule(last, best, "loss")
    assert raised.value.code == "bad_request"
    assert str(retention_rule(1, 0, "")) == str(KeepLast(1))


def test_a_mean_is_made_beside_the_copies(tmp_path: Path) -> None:
    """It is what the command makes, recorded with its parents; not made twice, and not of one."""
    recorded = Recorded(tmp_path / "run")
    for epoch in range(3):
        recorded.put(epoch, recorded.saved(epoch, weights_file(epoch), {"loss": 1.0}))
    run_dir = recorded.run_dir
    ids = _ids(run_dir)
    told: dict[str, Any] = mean_plan(_snapshot(run_dir), [ids[2], ids[0]])

    made = _do("average", run_dir, ids=[ids[2], ids[0]])

    mean = open_run(run_dir).checkpoints[-1]
    assert told["ids"] == [ids[0], ids[2]]
    assert told["commands"]["cli"].endswith(made["path"])
    assert (mean.parents, str(mean.file)) == ((ids[0], ids[2]), made["path"])
    assert made["message"].startswith("The mean of 2 checkpoints is in restored/mean-")
    assert mean.verify().ok
    again = _refused("average", run_dir, ids=[ids[0], ids[2]])
    assert "exists. Choose another name" in again.message
    alone = _refused("average", run_dir, ids=[ids[0], ids[0]])
    assert "2 checkpoints or more" in alone.message
    mean.file.unlink()
    elsewhere = tmp_path / "elsewhere"
    mean.file.parent.rename(elsewhere)
    (run_dir / "restored").symlink_to(elsewhere)
    linked = _refused("average", run_dir, ids=[ids[0], ids[2]])
    assert "symbolic link" in linked.message
    assert list(elsewhere.iterdir()) == []


def test_no_mean_is_made_of_what_is_damaged_or_no_weights(recorded: Recorded) -> None:
    """The reason is told, and nothing is written."""
    run_dir = recorded.run_dir
    error = _refused("average", run_dir, ids=_ids(run_dir)[:2])

    assert error.code == "conflict"
    assert not list((run_dir / "restored").glob("*"))
