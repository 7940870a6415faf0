"""Real trainings with a fault at single file operations, and with the power lost at any moment.

The store's own tests try each operation, without Keras; these show that nothing is lost between the
store and the training.
"""

from __future__ import annotations

import errno
import os
import random
import shutil
from pathlib import Path
from typing import Final

import keras
import pytest

from epochline import open_run, record
from epochline.callbacks import ModelCheckpoint, Timeline
from epochline.checkpoints import Status
from epochline.errors import RunNotFoundError
from epochline.retention import KeepLast
from epochline.store import digest_bytes
from tests.callbacks.training import train
from tests.store.faults import Fault, Faults, disk_full, fail, write_half
from tests.store.life import check_run
from tests.store.power import Listings, Mark, OperationLog, State, crash_states

EPOCHS: Final = 5
FAULTS: Final = int(os.environ.get("EPOCHLINE_FAULTS", "20"))
"""At how many of the operations, of each kind; a training for each of them takes long."""
STATES: Final = 2_000
KEEP: Final = KeepLast(3).demote("without_optimizer", after=KeepLast(2))


def callbacks(run_dir: Path, *, background: bool) -> list[keras.callbacks.Callback]:
    """New files that are demoted and pruned, and one that is replaced."""
    return [
        Timeline(run_dir, monitor="loss", keep=KEEP, background=background),
        ModelCheckpoint(
            run_dir / "last.weights.h5",
            monitor="loss",
            save_weights_only=True,
            log_dir=run_dir,
            background=background,
        ),
    ]


def whole_files(log: OperationLog) -> set[str]:
    """Digests of all files that ever had the name of a checkpoint."""
    contents: dict[int, bytes] = {}
    digests = set()
    for step in log.log:
        if isinstance(step, Mark):
            continue
        contents |= {step.inode: step.content} if step.content is not None else {}
        for (_, name), inode in step.names.items():
            if inode is not None and name.endswith(".weights.h5") and not name.startswith(".tmp-"):
                digests.add(digest_bytes(contents[inode]))
    return digests


@pytest.mark.parametrize("background", [True, False], ids=["background", "held"])
def test_a_training_survives_a_power_loss_at_any_moment(
    model: keras.Model, tmp_path: Path, background: bool
) -> None:
    """What is listed is there, byte for byte; what is there is whole; a new one comes first."""
    run_dir = tmp_path / "run"
    run_dir.mkdir()
    with OperationLog(run_dir) as log:
        train(model, *callbacks(run_dir, background=background), epochs=EPOCHS)
    assert check_run(run_dir) == []
    known, listings = whole_files(log), Listings(tmp_path)
    assert len(known) > EPOCHS, "at least one was made smaller"
    states = list(crash_states(log.log))
    assert len(states) >= STATES
    most = 0
    for state in states:
        assert_listed_is_there(state, listings)
        names = [path for path in state.files if path.endswith(".weights.h5")]
        whole = [path for path in names if not Path(path).name.startswith(".tmp-")]
        assert {state.digest(path) for path in whole} <= known, state.moment
        in_place = [path for path in whole if path.startswith("checkpoints/")]
        most = max(most, len(in_place))
        assert len(in_place) >= min(most, 2) - 1, "an old one went before a new one was there"


def assert_listed_is_there(state: State, listings: Listings) -> None:
    """Every checkpoint that the run lists as saved is what was saved."""
    for item in listings.of(state).checkpoints:
        assert item.status is not Status.CORRUPT, f"{item.why} (operation {state.moment})"
        what = f"{item.path} of epoch {item.epoch} at operation {state.moment}"
        assert not item.restorable or state.digest(item.path) == item.digest, what


def outcome(run_dir: Path) -> list[tuple[str, Status]]:
    """What became of the checkpoints; nothing when there is no run."""
    try:
        return [(item.path, item.status) for item in open_run(run_dir).checkpoints]
    except RunNotFoundError:
        return []


def train_by_hand(model: keras.Model, run_dir: Path) -> None:
    """A training loop of one's own that saves each epoch; a `fit` for each fault takes too long."""
    with record(run_dir, monitor="loss", keep=KEEP) as recorder:
        for epoch in range(EPOCHS):
            recorder.epoch_end(epoch, {"loss": 1.0 / (1 + epoch)}, step=epoch)
            recorder.checkpoint(model)


@pytest.mark.parametrize(
    ("fault", "sticky"),
    [
        pytest.param(fail(errno.EIO), False, id="EIO"),
        pytest.param(fail(errno.EIO), True, id="dead"),
        pytest.param(disk_full, True, id="full"),
        pytest.param(write_half, False, id="short"),
    ],
)
def test_a_fault_at_some_operation_of_a_training_is_told_and_stops_nothing(
    model: keras.Model,
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
    fault: Fault,
    sticky: bool,
) -> None:
    """Nothing is raised, what is listed is intact, and the error is in the log."""
    with Faults(-1, fault) as faults:
        train_by_hand(model, tmp_path / "undisturbed")
    operations = len(faults.calls)
    assert operations > 100
    expected = outcome(tmp_path / "undisturbed")
    chance = random.Random(0)  # noqa: S311 - repeatable, no secrets
    for at in chance.sample(range(operations), min(FAULTS, operations)):
        run_dir = tmp_path / "run"
        caplog.clear()
        with Faults(at, fault, sticky=sticky) as faults:
            train_by_hand(model, run_dir)
        what = f"{faults.calls[: at + 1]}"
        assert check_run(run_dir) == [], what
        assert caplog.records or outcome(run_dir) == expected, what
        assert "Please report" not in caplog.text, what
        unlinked = "unlink" in faults.calls[at : at + 1]  # the next start removes what is left
        assert sticky or unlinked or not list(run_dir.rglob(".tmp-*")), what
        shutil.rmtree(run_dir, ignore_errors=True)
