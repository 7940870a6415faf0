"""Real trainings with a fault at each single file operation, and with the power lost at any moment.

The store's own tests do the same without Keras, more often and more thoroughly; these show that
nothing is lost between the store and `fit`.
"""

from __future__ import annotations

import errno
from pathlib import Path
from typing import Any, Final

import keras
import pytest

from epochline import open_run
from epochline.callbacks import ModelCheckpoint, Timeline
from epochline.checkpoints import Status
from epochline.retention import KeepLast
from epochline.store import digest_bytes
from tests.callbacks.training import new_model, train
from tests.store.faults import Fault, Faults, disk_full, fail, write_half
from tests.store.life import check_run
from tests.store.power import Listings, OperationLog, State, crash_states

EPOCHS: Final = 5
STATES: Final = 2_000
KEEP: Final = KeepLast(3).demote("without_optimizer", after=KeepLast(2))


def callbacks(run_dir: Path, *, background: bool) -> list[keras.callbacks.Callback]:
    """New files that are demoted and pruned, and one that is replaced."""
    return [
        Timeline(run_dir, monitor="loss", keep=KEEP, background=background),
        ModelCheckpoint(
            run_dir / "last.weights.h5",
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
        contents |= {step.inode: step.content} if step.content is not None else {}
        for (_, name), inode in step.names.items():
            if inode is not None and name.endswith(".weights.h5") and not name.startswith(".tmp-"):
                digests.add(digest_bytes(contents[inode]))
    return digests


@pytest.mark.parametrize("background", [True, False], ids=["background", "held"])
def test_a_training_survives_a_power_loss_at_any_moment(
    model: keras.Model, tmp_path: Path, background: bool
) -> None:
    """What is listed is there, byte for byte; what is there is whole; nothing goes before a new one."""
    run_dir = tmp_path / "run"
    run_dir.mkdir()
    with OperationLog(run_dir) as log:
        train(model, *callbacks(run_dir, background=background), epochs=EPOCHS)
    assert check_run(run_dir) == []
    known, listings = whole_files(log), Listings(tmp_path)
    assert len(known) >= 2 * EPOCHS + 1, "epochs, last and at least one that was made smaller"
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


class Repeated:
    """A training of two epochs that starts from the same state each time."""

    def __init__(self) -> None:
        self._model = new_model()
        self._model.optimizer.build(self._model.trainable_variables)
        self._begin = [variable.numpy() for variable in self._variables()]

    def _variables(self) -> list[Any]:
        return [*self._model.variables, *self._model.optimizer.variables]

    def fit(self, *ours: keras.callbacks.Callback) -> tuple[object, ...]:
        """Trains and returns all that came of it."""
        for variable, value in zip(self._variables(), self._begin, strict=True):
            variable.assign(value)
        keras.utils.set_random_seed(7)
        history = train(self._model, *ours, epochs=2)
        return history.history, [variable.numpy().tobytes() for variable in self._variables()]


def outcome(run_dir: Path) -> list[tuple[str, Status]]:
    """What became of the checkpoints."""
    return [(item.path, item.status) for item in open_run(run_dir).checkpoints]


@pytest.mark.parametrize(
    ("fault", "sticky"),
    [
        pytest.param(fail(errno.EIO), False, id="EIO"),
        pytest.param(disk_full, True, id="full"),
        pytest.param(write_half, False, id="short"),
    ],
)
def test_a_fault_at_any_operation_of_a_training_is_told_and_changes_nothing(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, fault: Fault, sticky: bool
) -> None:
    """`fit` goes on with the same result; what is listed is intact; the error is in the log."""
    training = Repeated()
    expected = training.fit()
    with Faults(-1, fault) as faults:
        training.fit(*callbacks(tmp_path / "run", background=False))
    operations = len(faults.calls)
    assert operations > 80
    for at in range(operations):
        run_dir = tmp_path / str(at)
        caplog.clear()
        with Faults(at, fault, sticky=sticky) as faults:
            result = training.fit(*callbacks(run_dir, background=False))
        assert result == expected, faults.calls[: at + 1]
        assert check_run(run_dir) == [], faults.calls[: at + 1]
        told = [entry for entry in caplog.records if entry.levelname in {"ERROR", "WARNING"}]
        same = (run_dir / "timeline").is_dir() and outcome(run_dir) == outcome(tmp_path / "run")
        assert told or same, faults.calls[: at + 1]
        assert sticky or not list(run_dir.rglob(".tmp-*")), faults.calls[: at + 1]
        assert not [entry for entry in told if "Please report" in entry.getMessage()]
