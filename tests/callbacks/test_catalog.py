"""Retention while a training runs: what others do meanwhile is seen, and nothing stops it."""

from __future__ import annotations

import errno
import os
import threading
from collections import Counter
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import keras
import pytest

from epochline import KeepAll, KeepLast, Run, open_run
from epochline.callbacks import ModelCheckpoint, Timeline
from epochline.checkpoints import Status
from epochline.errors import RunNotFoundError
from epochline.events import CheckpointPruned, EndReason, Tier
from epochline.pruning import prune_turn, trash_of
from epochline.reader import read_records
from epochline.session import Session
from epochline.store.trash import Trash
from tests.callbacks.training import new_model, train


class At(keras.callbacks.Callback):
    """Does something at the begin of an epoch (from 0), when the saves before it are done."""

    def __init__(self, epoch: int, action: Callable[[], object]) -> None:
        super().__init__()
        self._epoch = epoch
        self._action = action

    def on_epoch_begin(self, epoch: int, logs: Mapping[str, Any] | None = None) -> None:
        """Called by Keras."""
        if epoch == self._epoch:
            for thread in threading.enumerate():
                if thread.name.startswith("epochline"):
                    thread.join()
            self._action()


def _epochs(run: Run) -> list[int]:
    return [item.epoch for item in run.checkpoints if item.restorable]


def _all_verify(run: Run) -> bool:
    return all(item.verify() for item in run.checkpoints if item.restorable)


def test_what_the_policy_lets_go_is_in_the_trash(run_dir: Path) -> None:
    """As many as are kept, so that a mistake can be undone; older ones are gone."""
    train(new_model(), Timeline(run_dir, keep=KeepLast(2)), epochs=6)
    run = open_run(run_dir)
    assert _epochs(run) == [4, 5]
    assert [item.epoch for item in run.checkpoints if item.recoverable] == [2, 3]
    back = run.checkpoints[3].recover()
    assert back.verify()
    model = new_model(seed=9)
    back.restore(model)


def test_a_pin_made_while_it_trains_is_respected(run_dir: Path) -> None:
    """From another process or thread, at any time before the policy would let it go."""
    pin = At(2, lambda: open_run(run_dir).at(epoch=1).pin("keep this"))
    train(new_model(), pin, Timeline(run_dir, keep=KeepLast(1)), epochs=5)
    run = open_run(run_dir)
    assert _epochs(run) == [1, 4]
    assert run.at(epoch=1).status is Status.PINNED


def test_who_prunes_by_hand_meanwhile_disturbs_nothing(run_dir: Path) -> None:
    """No error in the training, nothing is deleted twice, and each file is accounted for."""
    prune = At(3, lambda: open_run(run_dir).prune(KeepLast(1), dry_run=False))
    train(new_model(), prune, Timeline(run_dir, monitor="loss", keep=KeepLast(3)), epochs=6)
    run = open_run(run_dir)
    assert _epochs(run) == [3, 4, 5]
    assert run.notices == ()
    assert {item.status for item in run.checkpoints} == {Status.SAVED, Status.PRUNED}
    assert _all_verify(run)


def test_who_prunes_all_the_time_disturbs_nothing(run_dir: Path) -> None:
    """Beside a training that saves and prunes: each file goes once, and nobody fails."""
    done = threading.Event()
    failures: list[Exception] = []

    def prune() -> None:
        while not done.is_set():
            try:
                open_run(run_dir).prune(KeepLast(2), dry_run=False)
            except RunNotFoundError:
                continue
            except Exception as error:  # noqa: BLE001 – whatever it is, it is a failure
                failures.append(error)

    beside = threading.Thread(target=prune)
    beside.start()
    timeline = Timeline(run_dir, monitor="loss", keep=KeepLast(3))
    train(new_model(), timeline, epochs=10)
    done.set()
    beside.join()
    run = open_run(run_dir)
    assert failures == []
    assert run.notices == ()
    assert {item.status for item in run.checkpoints} == {Status.SAVED, Status.PRUNED}
    assert _all_verify(run)
    pruned = Counter(
        event.id
        for record in read_records(run_dir).records
        for event in record.events
        if isinstance(event, CheckpointPruned)
    )
    assert set(pruned.values()) == {1}


def test_what_was_taken_back_by_hand_stays(run_dir: Path) -> None:
    """The policy that let it go does not let it go again; nor does that of the next training."""

    def take_back() -> None:
        open_run(run_dir).checkpoints[1].recover()

    train(new_model(), At(3, take_back), Timeline(run_dir, keep=KeepLast(1)), epochs=5)
    assert _epochs(open_run(run_dir)) == [1, 4]
    train(new_model(), Timeline(run_dir, keep=KeepLast(1)), epochs=1)
    assert len(_epochs(open_run(run_dir))) == 2


def test_a_training_does_not_wait_for_who_prunes(run_dir: Path) -> None:
    """While somebody else has the turn it saves, and prunes after a later save."""
    turns = []

    def take() -> None:
        turns.append(prune_turn(run_dir, wait_seconds=0))
        turns[0].__enter__()

    def seen() -> None:
        assert _epochs(open_run(run_dir)) == [0, 1, 2]
        turns[0].__exit__(None, None, None)

    callbacks = [At(1, take), At(3, seen), Timeline(run_dir, keep=KeepLast(1))]
    train(new_model(), *callbacks, epochs=4)
    assert _epochs(open_run(run_dir)) == [3]
    assert len(turns) == 1


def test_demoted_files_are_plain_keras_files(run_dir: Path) -> None:
    """Older checkpoints lose the optimizer's state, and restore the weights exactly."""
    keep = KeepAll().demote("without_optimizer", after=KeepLast(2))
    train(new_model(), Timeline(run_dir, keep=keep), epochs=4)
    run = open_run(run_dir)
    assert [item.tier for item in run.checkpoints] == [Tier.WITHOUT_OPTIMIZER] * 2 + [Tier.FULL] * 2
    assert _all_verify(run)
    assert all(item.measurements is not None for item in run.checkpoints)
    first = run.checkpoints[0]
    assert first.layout is not None
    layers = {variable.name.split("/")[-2] for variable in first.layout.variables}
    assert layers == {"hidden", "output"}
    model = new_model(seed=9)
    result = first.restore(model)
    assert "weights" in result.message


def test_budget_is_kept_all_the_time(run_dir: Path) -> None:
    """After each save what is there takes no more than it may."""
    train(new_model(), Timeline(run_dir, keep=KeepAll()), epochs=1)
    size = open_run(run_dir).checkpoints[0].total_bytes
    keep = KeepAll().within(3 * size)
    train(new_model(), Timeline(run_dir, keep=keep), epochs=5)
    run = open_run(run_dir)
    there = [item for item in run.checkpoints if item.restorable]
    assert len(there) == 3
    assert there == list(run.checkpoints[-3:])


def test_what_a_killed_prune_left_is_finished_at_the_next_start(run_dir: Path) -> None:
    """A file in the trash that nobody recorded."""
    train(new_model(), Timeline(run_dir), epochs=2)
    item = open_run(run_dir).checkpoints[0]
    place = trash_of(run_dir).place(item.id, item.file)
    place.parent.mkdir(parents=True)
    item.file.rename(place)
    train(new_model(), Timeline(run_dir), epochs=1)
    run = open_run(run_dir)
    assert run.checkpoints[0].status is Status.PRUNED
    assert run.checkpoints[0].recoverable


def test_a_control_directory_that_cannot_be_written_is_told(run_dir: Path) -> None:
    """The training goes on and keeps everything; a notice says what follows."""
    (run_dir / "timeline" / "control").mkdir(parents=True)
    (run_dir / "timeline" / "control" / "prune.lock").mkdir()
    train(new_model(), Timeline(run_dir, keep=KeepLast(1)), epochs=3)
    run = open_run(run_dir)
    assert _epochs(run) == [0, 1, 2]
    (notice,) = [item for item in run.notices if item.code == "prune_failed"]
    assert "could not be removed" in notice.message


def test_unhealthy_weights_do_not_push_out_good_ones(run_dir: Path) -> None:
    """A training that breaks keeps the last good checkpoint, and the one where it broke."""

    class Break(keras.callbacks.Callback):
        def on_epoch_begin(self, epoch: int, logs: Mapping[str, Any] | None = None) -> None:
            if epoch == 2:
                self.model.layers[0].kernel.assign(self.model.layers[0].kernel * float("nan"))

    train(new_model(), Break(), Timeline(run_dir, keep=KeepLast(1)), epochs=5)
    run = open_run(run_dir)
    assert _epochs(run) == [1, 2, 4]
    assert [item.healthy for item in run.checkpoints if item.restorable] == [True, False, False]


def _killed_while_replacing(run_dir: Path, data: bytes | None) -> str:
    """Leaves what a kill leaves that comes while `last.weights.h5` gets new weights.

    Args:
        run_dir: The run directory.
        data: What the file holds then; None when the name did not change hands yet.

    Returns:
        The id of the checkpoint that was to be replaced.
    """
    saver = ModelCheckpoint(
        run_dir / "last.weights.h5", monitor="loss", save_weights_only=True, log_dir=run_dir
    )
    train(new_model(), saver, epochs=1)
    (old,) = open_run(run_dir).checkpoints
    session = Session(run_dir)
    session.start()
    session.record(CheckpointPruned(id=old.id, replaced_by="f" * 16))
    session.end(EndReason.INTERRUPTED)
    if data is not None:
        old.file.write_bytes(data)
    assert not any(item.restorable for item in open_run(run_dir).checkpoints)
    return old.id


def test_a_checkpoint_that_was_not_replaced_after_all_is_listed_again(run_dir: Path) -> None:
    """By the next training; the one after that replaces it as it would have been."""
    old = _killed_while_replacing(run_dir, None)
    train(new_model(), Timeline(run_dir, save=None), epochs=1)
    item = open_run(run_dir).checkpoint(old)
    assert item.verify()
    assert item.why.endswith("It was to be replaced, but the training was killed before that.")
    assert not item.recovered

    saver = ModelCheckpoint(
        run_dir / "last.weights.h5", monitor="loss", save_weights_only=True, log_dir=run_dir
    )
    train(new_model(seed=3), saver, epochs=1)
    run = open_run(run_dir)
    assert [item.status for item in run.checkpoints] == [Status.PRUNED, Status.SAVED]
    assert run.latest().verify()


def test_weights_whose_record_was_lost_are_told(run_dir: Path) -> None:
    """They are whole, but nothing is known of them: they are not listed as what they replaced."""
    old = _killed_while_replacing(run_dir, b"newer weights")
    train(new_model(), Timeline(run_dir, save=None), epochs=1)
    run = open_run(run_dir)
    assert run.checkpoint(old).status is Status.PRUNED
    (notice,) = run.notices
    assert (notice.code, notice.message.split()[0]) == ("record_lost", "last.weights.h5")
    assert (run_dir / "last.weights.h5").read_bytes() == b"newer weights"


def test_a_trash_that_cannot_be_emptied_does_not_fail_a_save(
    run_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """There is room enough; that it could not be emptied is told."""

    def refuse(_trash: Trash, _size_bytes: int) -> int:
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))

    monkeypatch.setattr(Trash, "make_room", refuse)
    train(new_model(), Timeline(run_dir, monitor="loss"), epochs=2)
    run = open_run(run_dir)
    assert _epochs(run) == [0, 1]
    assert [notice.message for notice in run.notices] == [
        "The trash could not be emptied: Permission denied."
    ]
