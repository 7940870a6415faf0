"""A run answers from its files alone."""

from __future__ import annotations

import math
import time
from pathlib import Path

import pytest

import epochline
from epochline.events import EpochEnded, Notice, SessionStarted
from epochline.session import lock_path
from epochline.store import FileState, RunLock
from epochline.timeline import RunState, Status
from tests.core.recorded import EPOCHS, Recorded, record_run


@pytest.fixture
def run(tmp_path: Path) -> epochline.Run:
    """A run of five epochs, opened."""
    record_run(tmp_path / "pima")
    return epochline.open_run(tmp_path / "pima")


def test_opens_a_run_directory_or_the_one_above(tmp_path: Path) -> None:
    """A log directory with exactly one run stands for that run."""
    record_run(tmp_path / "logs" / "pima")
    for path in (tmp_path / "logs" / "pima", tmp_path / "logs", str(tmp_path)):
        run = epochline.open_run(path)
        assert (run.name, run.path) == ("pima", tmp_path / "logs" / "pima")


def test_several_runs_or_none_are_an_error_that_names_them(tmp_path: Path) -> None:
    """Which one was meant is not guessed; `available` has the names."""
    with pytest.raises(epochline.RunNotFoundError, match=r"Timeline\(") as none:
        epochline.open_run(tmp_path)
    assert none.value.available == ()
    for name in ("a", "b"):
        record_run(tmp_path / name)
    with pytest.raises(epochline.RunNotFoundError, match="a, b") as several:
        epochline.open_run(tmp_path)
    assert several.value.available == ("a", "b")


def test_a_run_with_runs_below_is_itself(tmp_path: Path) -> None:
    """A fine-tuning recorded inside of a run does not hide the run."""
    record_run(tmp_path)
    record_run(tmp_path / "tuned")
    assert epochline.open_run(tmp_path).path == tmp_path


def test_history_is_that_of_fit(run: epochline.Run) -> None:
    """Metric names to one value per epoch, in the order of `History.history`."""
    assert run.metric_names == ("accuracy", "loss", "val_accuracy", "val_loss", "learning_rate")
    assert run.history["val_accuracy"] == list(EPOCHS)
    assert run.history["learning_rate"] == [1e-3] * 4 + [1e-4]


def test_checkpoints_are_listed_oldest_first_with_status(run: epochline.Run) -> None:
    """Pruned ones stay in the list; the file is an absolute path."""
    assert [item.epoch for item in run.checkpoints] == [0, 1, 2, 3, 4]
    assert [item.status for item in run.checkpoints] == [Status.PRUNED] + [Status.SAVED] * 4
    assert run.checkpoints[1].file == run.path / "checkpoints" / "epoch-0002.weights.h5"
    assert run.checkpoints[1].file.is_absolute()


def test_best_latest_at_and_by_id(run: epochline.Run) -> None:
    """Best is by the monitor when nothing is said; epochs are zero-based as in Keras's hooks."""
    assert run.monitor == "val_accuracy"
    assert run.best().epoch == 3
    assert run.best("val_loss").epoch == 3
    assert run.best("val_accuracy", mode="min").epoch == 2
    assert run.latest().epoch == 4
    assert run.at(epoch=2).epoch == 2
    assert run.checkpoint("0003").epoch == 2


def test_questions_without_an_answer_say_what_exists(run: epochline.Run) -> None:
    """Metrics, epochs and modes that do not exist."""
    with pytest.raises(epochline.MetricNotFoundError, match="val_accuracy, val_loss"):
        run.best("f1")
    with pytest.raises(epochline.CheckpointNotFoundError, match="epoch=1, 2, 3, 4"):
        run.at(epoch=0)
    with pytest.raises(ValueError, match="upwards"):
        run.best(mode="upwards")


def test_best_without_a_monitor_asks_for_a_metric(tmp_path: Path) -> None:
    """A run that ranks by nothing says which metrics it has."""
    recorded = Recorded(tmp_path)
    metrics = {"loss": 0.5}
    recorded.put(0, EpochEnded(metrics=metrics), recorded.saved(0, b"x", metrics))
    run = epochline.open_run(tmp_path)
    with pytest.raises(epochline.CheckpointNotFoundError, match=r"name a metric.*loss"):
        run.best()
    assert run.best("loss").epoch == 0


def test_verify_is_true_only_for_the_bytes_that_were_saved(run: epochline.Run) -> None:
    """Intact, changed, truncated, gone, removed on purpose."""
    intact, changed, truncated, gone = run.checkpoints[1:]
    data = bytearray(changed.file.read_bytes())
    data[500] ^= 1
    changed.file.write_bytes(data)
    truncated.file.write_bytes(truncated.file.read_bytes()[:-1])
    gone.file.unlink()
    assert intact.verify()
    states = [item.verify().state for item in (changed, truncated, gone, run.checkpoints[0])]
    assert states == [
        FileState.CHANGED,
        FileState.WRONG_SIZE,
        FileState.MISSING,
        FileState.MISSING,
    ]
    assert "keeps last 2" in run.checkpoints[0].verify().message
    run.refresh()
    assert [item.status for item in run.checkpoints[1:]] == [
        Status.SAVED,
        Status.SAVED,  # its size is right: only reading it tells
        Status.CORRUPT,
        Status.MISSING,
    ]


def test_export_copies_checked_bytes_and_never_over_a_file(
    run: epochline.Run, tmp_path: Path
) -> None:
    """The copy is the file; a taken name needs `replace`; a changed source gives nothing."""
    best, target = run.best(), tmp_path / "out" / "best.weights.h5"
    assert best.export(target) == target
    assert target.read_bytes() == best.file.read_bytes()
    with pytest.raises(FileExistsError):
        best.export(target)
    best.export(target, replace=True)
    best.file.write_bytes(b"x" * (best.size_bytes or 0))
    with pytest.raises(epochline.CheckpointCorruptError):
        best.export(tmp_path / "other.weights.h5")
    assert not (tmp_path / "other.weights.h5").exists()
    with pytest.raises(epochline.CheckpointMissingError, match="keeps last 2"):
        run.checkpoints[0].export(tmp_path / "pruned.weights.h5")


def test_decisions_sessions_and_notices(run: epochline.Run) -> None:
    """Everything that was recorded is there, with its sentence."""
    assert len(run.decisions) == 7
    assert next(item for item in run.decisions if item.acted).callback == "ReduceLROnPlateau"
    assert run.sessions[0].message(running=False) == "Stopped by EarlyStopping after epoch 5."
    assert (run.notices, run.gaps, run.damages, run.restores) == ((), (), (), ())
    assert repr(run) == "<Run 'pima': ended, 5 epochs, 4 checkpoints>"


def test_refresh_sees_what_was_written_meanwhile(tmp_path: Path) -> None:
    """A run shows one moment until it is refreshed."""
    recorded = Recorded(tmp_path)
    recorded.put(0, SessionStarted(planned_epochs=5))
    run = epochline.open_run(tmp_path)
    recorded.put(0, EpochEnded(metrics={"loss": 0.5}))
    assert run.history == {}
    run.refresh()
    assert run.history == {"loss": [0.5]}


def test_state_tells_a_living_training_from_a_dead_one(tmp_path: Path) -> None:
    """The lock of the run says whether its writer lives."""
    Recorded(tmp_path, start=time.time()).put(0, SessionStarted(planned_epochs=5))
    run = epochline.open_run(tmp_path)
    states = [run.state]
    with RunLock(lock_path(tmp_path)):
        run.refresh()
        states.append(run.state)
    run.refresh()
    assert [*states, run.state] == [RunState.UNKNOWN, RunState.RUNNING, RunState.UNKNOWN]


def test_damaged_events_leave_the_rest(tmp_path: Path) -> None:
    """What could not be read is told in `damages`."""
    record_run(tmp_path)
    with next((tmp_path / "timeline").iterdir()).open("ab") as file:
        file.write(b"torn")
    run = epochline.open_run(tmp_path)
    assert len(run.checkpoints) == 5
    assert "incomplete" in run.damages[0].message


def test_reading_writes_nothing(tmp_path: Path) -> None:
    """Opening, asking and verifying leave the directory as it is."""
    record_run(tmp_path)
    before = {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*")}
    run = epochline.open_run(tmp_path)
    run.best().verify()
    assert {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*")} == before


def test_nan_is_in_the_history(tmp_path: Path) -> None:
    """A metric that became NaN is told as such."""
    Recorded(tmp_path).put(0, EpochEnded(metrics={"loss": math.nan}), Notice(code="a", message="b"))
    assert math.isnan(epochline.open_run(tmp_path).history["loss"][0])
