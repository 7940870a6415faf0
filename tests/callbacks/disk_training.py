"""Trainings on a disk that fails them: a program for `tests.store.disks.run_on_small_disk`.

Each training is that of `tests.callbacks.training`, with a callback that spoils the disk at the
beginning of some epochs. What is reported is what a user sees: the result, the log, the run.
"""

from __future__ import annotations

import json
import logging
import sys
import threading
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final

import keras
from tensorboard.backend.event_processing.event_file_loader import EventFileLoader

from epochline import open_run
from epochline.callbacks import Timeline
from epochline.errors import RunNotFoundError
from epochline.retention import KeepAll
from epochline.timeline import Status
from tests.callbacks.training import new_model, train
from tests.store.disks import Disk, run_on_small_disk

__all__ = [
    "EPOCHS",
    "SPOILED",
    "WELL",
    "Trained",
    "Training",
    "Watched",
    "trainings_on_small_disk",
]

EPOCHS: Final = 10
"""So many that what is recorded while the disk is full does not fit into its last block."""

SPOILED: Final = 2
WELL: Final = 8
"""At the beginning of these epochs the disk is spoiled, and is well again."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Watched:
    """What a run shows.

    Attributes:
        saved: Zero-based epochs of the checkpoints that are listed and match their digest.
        unreadable: What is wrong with those that are listed and do not.
        failed: Epoch and error number of the saves that failed.
        epochs: Epochs that were recorded.
        curve: Epochs that the scalar curve of the loss has.
        gaps: Gaps in the records.
        ended: Why the session ended, empty while it did not say so.
        temporary: Files that a save left behind.
    """

    saved: list[int]
    unreadable: list[str]
    failed: dict[int, int]
    epochs: list[int]
    curve: list[int]
    gaps: list[str]
    ended: str
    temporary: list[str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Trained:
    """What came of a training.

    Attributes:
        same: Whether weights, optimizer, dropout state and history are those of an undisturbed one
            without Epochline, bit for bit.
        log: What was logged.
        during: The run as it was in the middle of the fault.
        after: The run after the training, and after the disk is well.
    """

    same: bool
    log: list[str]
    during: Watched | None
    after: Watched | None


def trainings_on_small_disk(directory: Path, *, real: bool) -> dict[str, Trained]:
    """Return what came of each training, by name.

    Args:
        directory: Where the disk is.
        real: True mounts one where that is possible, in a process of its own.
    """
    if not real:
        with Disk(directory, "simulated") as disk:
            return _all(disk)
    report = run_on_small_disk("tests.callbacks.disk_training", directory, real=True)
    return {name: _trained(**fields) for name, fields in report.items()}


def _trained(*, during: Any, after: Any, **fields: Any) -> Trained:
    return Trained(**fields, during=_watched(during), after=_watched(after))


def _watched(fields: dict[str, Any] | None) -> Watched | None:
    if fields is None:
        return None
    failed = {int(epoch): number for epoch, number in fields["failed"].items()}
    return Watched(**{**fields, "failed": failed})


def _look(run_dir: Path) -> Watched | None:
    """Return what a run shows, None when there is nothing to see."""
    try:
        run = open_run(run_dir)
    except RunNotFoundError:
        return None
    listed = [item for item in run.checkpoints if item.restorable]
    failed = [item for item in run.checkpoints if item.status is Status.FAILED]
    ends = [session.end for session in run.sessions if session.end is not None]
    return Watched(
        saved=[item.epoch for item in listed if item.verify()],
        unreadable=[item.verify().message for item in listed if not item.verify()],
        failed={item.epoch: _error_number(item.why) for item in failed},
        epochs=[row.epoch for row in run.timeline.epochs],
        curve=_curve(run_dir / "train"),
        gaps=[gap.message for gap in run.gaps],
        ended=ends[-1].reason.value if ends else "",
        temporary=[path.name for path in run_dir.rglob(".tmp-*")],
    )


def _curve(directory: Path) -> list[int]:
    """Return the steps at which TensorBoard shows a loss."""
    return [
        event.step
        for path in sorted(directory.glob("*tfevents*"))
        for event in EventFileLoader(str(path)).Load()
        for value in event.summary.value
        if value.tag == "epoch_loss"
    ]


def _error_number(why: str) -> int:
    """Return the number in "[Errno 28] …"."""
    return int(why.partition("[Errno ")[2].partition("]")[0])


class _Spoil(keras.callbacks.Callback):
    """Does something at the beginning of some epochs."""

    def __init__(self, actions: Mapping[int, Callable[[], object]]) -> None:
        super().__init__()
        self._actions = actions

    def on_epoch_begin(self, epoch: int, logs: object = None) -> None:
        """Called by Keras."""
        if epoch in self._actions:
            for thread in threading.enumerate():
                if thread.name == "epochline-save":  # whose half file no later look could explain
                    thread.join()
            self._actions[epoch]()


class _Messages(logging.Handler):
    """Keeps what is logged."""

    def __init__(self) -> None:
        super().__init__()
        self.messages: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        """Called by `logging`."""
        self.messages.append(f"{record.levelname}: {record.getMessage()}")


class Training:
    """Trains the same model again and again.

    Each time it starts from the same state, so that what comes of it can be compared.
    """

    def __init__(self) -> None:
        self._model = new_model()
        self._model.optimizer.build(self._model.trainable_variables)
        self._begin = [variable.numpy() for variable in self._variables()]
        self._undisturbed = self._fit([])

    def _variables(self) -> list[Any]:
        return [*self._model.variables, *self._model.optimizer.variables]

    def _fit(self, callbacks: list[keras.callbacks.Callback]) -> tuple[object, ...]:
        """Train and return all that came of it."""
        for variable, value in zip(self._variables(), self._begin, strict=True):
            variable.assign(value)
        keras.utils.set_random_seed(7)
        history = train(self._model, *callbacks, epochs=EPOCHS)
        return history.history, [variable.numpy().tobytes() for variable in self._variables()]

    def run(
        self,
        run_dir: Path,
        actions: Mapping[int, Callable[[], object]],
        afterwards: Callable[[], object] = lambda: None,
    ) -> Trained:
        """Train with Timeline.

        Args:
            run_dir: Run directory.
            actions: What happens at the beginning of which epoch.
            afterwards: What happens when the training has ended.
        """
        during: list[Watched | None] = []
        last = max(actions, default=-1)

        def look_first() -> None:
            during.append(_look(run_dir))
            actions[last]()

        messages = _Messages()
        logging.getLogger("epochline").addHandler(messages)
        try:
            ours = Timeline(run_dir, monitor="loss", keep=KeepAll())
            result = self._fit([_Spoil({**actions, last: look_first}), ours])
        finally:
            logging.getLogger("epochline").removeHandler(messages)
        afterwards()
        return Trained(
            same=result == self._undisturbed,
            log=messages.messages,
            during=during[0] if during else None,
            after=_look(run_dir),
        )


def _nothing() -> None:
    """Only look."""


def _all(disk: Disk) -> dict[str, Trained]:
    training = Training()

    def trained(name: str, *arguments: Any) -> None:
        report[name] = training.run(disk.directory / name, *arguments)

    report: dict[str, Trained] = {}
    trained("full later", {SPOILED: disk.fill, WELL: disk.free})
    trained("full to the end", {SPOILED: disk.fill, WELL: _nothing}, disk.free)
    disk.fill()
    trained("full first", {WELL: disk.free})
    disk.make_read_only()
    trained("read-only first", {WELL: disk.make_writable})
    trained("read-only later", {SPOILED: disk.make_read_only, WELL: disk.make_writable})
    disk.make_read_only()
    trained("read-only always", {WELL: _nothing})
    return report


if __name__ == "__main__":
    with Disk(Path(sys.argv[1]), sys.argv[2]) as small_disk:
        trainings = _all(small_disk)
    print(json.dumps({name: asdict(trained) for name, trained in trainings.items()}))  # noqa: T201
