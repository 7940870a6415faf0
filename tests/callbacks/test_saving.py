"""Checkpoints are written while the training goes on, and nothing is lost by that."""

from __future__ import annotations

import threading
import time
from datetime import timedelta
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest

from epochline import KeepAll, KeepLast, open_run
from epochline.callbacks import ModelCheckpoint, Timeline, saving_lib, writing
from epochline.events import EndReason, Health, Verdict
from epochline.store import PendingFile
from epochline.timeline import Status
from tests.callbacks.training import Dictate, train


class Spoil(keras.callbacks.Callback):
    """Puts NaN into the weights at the end of some epochs, and takes it out again afterwards."""

    def __init__(self, *epochs: int) -> None:
        super().__init__()
        self.epochs = epochs
        self.before: list[Any] = []

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        """Called by Keras."""
        if epoch in self.epochs:
            self.before = self.model.get_weights()
            self.model.set_weights([np.full_like(value, np.nan) for value in self.before])

    def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:
        """Called by Keras."""
        self.heal()

    def on_train_end(self, logs: Any = None) -> None:
        """Called by Keras."""
        self.heal()

    def heal(self) -> None:
        """Puts back what was there before."""
        if self.before:
            self.model.set_weights(self.before)
            self.before = []


class Gate:
    """Holds the thread that writes a checkpoint until it is opened."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.entered, self.opened = threading.Event(), threading.Event()
        gate = self

        class Held(PendingFile):
            def publish(self, name: str | None = None) -> Any:
                gate.entered.set()
                assert gate.opened.wait(60)
                return super().publish(name)

        monkeypatch.setattr(writing, "PendingFile", Held)


class At(keras.callbacks.Callback):
    """Does something at the beginning of an epoch."""

    def __init__(self, epoch: int, do: Any) -> None:
        super().__init__()
        self.epoch, self.do = epoch, do

    def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:
        """Called by Keras."""
        if epoch == self.epoch:
            self.do()


def test_unhealthy_weights_never_take_the_place_of_a_healthy_file(
    model: keras.Model, tmp_path: Path
) -> None:
    """They are kept aside as evidence, are not the best, and the next better value is saved."""
    checkpoint = ModelCheckpoint(
        tmp_path / "best.weights.h5",
        save_best_only=True,
        save_weights_only=True,
        log_dir=tmp_path / "run",
    )
    values = [0.9, 0.1, 0.8]

    train(model, Dictate(val_loss=values), Spoil(1), checkpoint, epochs=3)

    run = open_run(tmp_path / "run")
    assert [item.health for item in run.checkpoints] == [
        Health.HEALTHY,
        Health.NOT_FINITE,
        Health.HEALTHY,
    ]
    evidence = run.checkpoints[1]
    assert evidence.file.name.startswith("best-unhealthy-epoch-0002")
    assert evidence.verify()
    assert "NaN" in evidence.health_detail
    assert run.checkpoints[2].file == tmp_path / "best.weights.h5"
    assert run.best("val_loss").epoch == 2
    assert checkpoint.best == 0.8
    assert "weights_not_healthy" in {notice.code for notice in run.notices}


def test_unhealthy_weights_evict_no_healthy_checkpoint(model: keras.Model, run_dir: Path) -> None:
    """The newest healthy one stays, however many others come after it."""
    train(model, Spoil(1, 2, 3, 4), Timeline(run_dir, keep=KeepLast(1)), epochs=5)

    healthy = [c for c in open_run(run_dir).checkpoints if c.health is Health.HEALTHY]
    assert [(item.epoch, item.status) for item in healthy] == [(0, Status.SAVED)]
    assert healthy[0].verify()


def test_a_failed_save_is_not_the_best(
    model: keras.Model, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is on the disk has to be beaten, not what was lost."""
    checkpoint = ModelCheckpoint(
        tmp_path / "best.weights.h5",
        save_best_only=True,
        save_weights_only=True,
        log_dir=tmp_path / "run",
        background=False,
    )

    def fail(*_: Any, **__: Any) -> Any:
        raise OSError(28, "No space left on device")

    def full() -> None:
        monkeypatch.setattr(writing, "PendingFile", fail)

    callbacks = (Dictate(val_loss=[0.9, 0.1, 0.8]), At(1, full), At(2, monkeypatch.undo))
    train(model, *callbacks, checkpoint, epochs=3)

    statuses = [(c.epoch, c.status) for c in open_run(tmp_path / "run").checkpoints]
    assert statuses == [(0, Status.PRUNED), (1, Status.FAILED), (2, Status.SAVED)]
    assert checkpoint.best == 0.8


def test_a_policy_is_about_the_checkpoints_of_its_own_directory(
    model: keras.Model, run_dir: Path
) -> None:
    """What another callback saves elsewhere stays, if that one keeps everything."""
    other = ModelCheckpoint(run_dir / "all" / "{epoch}.weights.h5", save_weights_only=True)

    train(model, Timeline(run_dir, keep=KeepLast(1)), other, epochs=4)

    left = [item.path for item in open_run(run_dir).checkpoints if item.restorable]
    assert sorted(left) == [
        *(f"all/{epoch}.weights.h5" for epoch in (1, 2, 3, 4)),
        "checkpoints/epoch-0004.weights.h5",
    ]


def test_a_busy_save_can_be_skipped(
    model: keras.Model, run_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is recorded as such, and the training does not wait."""
    gate = Gate(monkeypatch)
    timeline = Timeline(run_dir, when_busy="skip", keep=KeepAll())

    train(model, timeline, At(2, gate.opened.set), epochs=3)

    run = open_run(run_dir)
    skipped = [item.epoch for item in run.decisions if item.verdict is Verdict.SKIPPED]
    assert 1 in skipped
    assert {item.epoch for item in run.checkpoints} == {0, 1, 2} - set(skipped)


def test_a_second_save_waits_for_the_first(
    model: keras.Model, run_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing is left out."""
    gate = Gate(monkeypatch)

    def open_after_a_while() -> None:
        gate.entered.wait(60)
        time.sleep(0.3)
        gate.opened.set()

    opener = threading.Thread(target=open_after_a_while)
    opener.start()

    train(model, Timeline(run_dir, keep=KeepAll()), epochs=3)
    opener.join()

    checkpoints = open_run(run_dir).checkpoints
    assert [item.epoch for item in checkpoints] == [0, 1, 2]
    assert all(item.verify() for item in checkpoints)


def test_the_last_save_is_recorded_before_the_end(model: keras.Model, run_dir: Path) -> None:
    """When `fit` returns, everything is on the disk and in the records."""
    train(model, Timeline(run_dir), epochs=2)

    run = open_run(run_dir)
    assert run.sessions[0].end_reason is EndReason.COMPLETED
    assert run.latest().epoch == 1
    assert run.latest().verify()


@pytest.mark.parametrize("error", [RuntimeError("broken"), KeyboardInterrupt()])
def test_a_save_is_finished_when_the_training_is_left(
    model: keras.Model, run_dir: Path, error: BaseException
) -> None:
    """By an exception or by Ctrl-C; the next training in that directory goes on."""

    def leave() -> None:
        raise error

    with pytest.raises(type(error)):
        train(model, Timeline(run_dir), At(1, leave), epochs=2)
    train(model, Timeline(run_dir), epochs=1)

    checkpoints = open_run(run_dir).checkpoints
    assert [item.status for item in checkpoints] == [Status.SAVED, Status.SAVED]
    assert all(item.verify() for item in checkpoints)


def test_saving_by_time(model: keras.Model, run_dir: Path) -> None:
    """Every so often, at the end of a batch; a time that never passes saves nothing."""
    train(model, Timeline(run_dir, save=timedelta(microseconds=1), keep=KeepAll()), epochs=2)
    assert [item.batch for item in open_run(run_dir).checkpoints] == [1, 2, 3, 4, 5, 6]

    other = run_dir.parent / "other"
    train(model, Timeline(other, save=timedelta(days=1)), epochs=2)
    assert open_run(other).checkpoints == ()


def test_the_training_can_wait_for_each_file(model: keras.Model, run_dir: Path) -> None:
    """With background=False the file is there when the hook returns."""
    seen: list[int] = []

    class Count(keras.callbacks.Callback):
        def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
            seen.append(len(list(run_dir.glob("checkpoints/*.h5"))))

    timeline = Timeline(run_dir, save=1, keep=KeepAll(), background=False)
    train(model, timeline, Count(), epochs=1)

    assert seen == [1, 2, 3]


def test_keras_makes_the_files_when_it_has_moved_what_we_need(
    model: keras.Model, run_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The run says so; the files are as good."""
    monkeypatch.setattr(saving_lib, "_WANTED", ("moved_away",))

    train(model, Timeline(run_dir), epochs=2)

    run = open_run(run_dir)
    assert [notice.code for notice in run.notices if notice.code == "saved_by_keras"]
    assert all(item.verify() for item in run.checkpoints)
    assert {item.health for item in run.checkpoints} == {Health.HEALTHY}
    model.save_weights(run_dir / "now.weights.h5")
    assert run.latest().file.read_bytes() == (run_dir / "now.weights.h5").read_bytes()


def test_keras_still_has_what_we_need() -> None:
    """Fails on a Keras that moved it: background saving would be off for its users."""
    assert saving_lib.saving_lib_or_none() is not None


def test_the_model_itself_is_kept_once(model: keras.Model, run_dir: Path) -> None:
    """`model.keras` has the architecture; any checkpoint's weights load into it."""
    train(model, Timeline(run_dir), epochs=2)
    first = (run_dir / "model.keras").stat()
    train(model, Timeline(run_dir), epochs=1)

    again = keras.saving.load_model(run_dir / "model.keras")
    open_run(run_dir).latest().restore(again)
    for mine, its in zip(again.get_weights(), model.get_weights(), strict=True):
        np.testing.assert_array_equal(mine, its)
    assert (run_dir / "model.keras").stat().st_mtime_ns == first.st_mtime_ns


def test_what_a_file_cannot_hold_is_told(run_dir: Path) -> None:
    """Vocabularies and adapters, at the first save."""
    text = keras.layers.TextVectorization(output_sequence_length=2)
    text.adapt(["red green", "green blue"])
    embedded = keras.layers.Embedding(8, 4)
    stack = [keras.Input((1,), dtype="string"), text, embedded, keras.layers.Flatten()]
    model = keras.Sequential([*stack, keras.layers.Dense(1)])
    embedded.enable_lora(1)
    model.compile("adam", "mse")
    words = keras.ops.convert_to_tensor([["red"], ["blue"]])

    model.fit(words, np.zeros(2), verbose=0, callbacks=[Timeline(run_dir)])

    told = {notice.code: notice for notice in open_run(run_dir).notices}
    assert "vocabulary.txt" in told["assets_not_in_file"].message
    assert embedded.name in told["lora_merged"].message


def test_a_model_that_cannot_be_written_down_is_told(run_dir: Path) -> None:
    """Its weights are kept all the same."""

    class Own(keras.layers.Layer):
        def __init__(self, width: int, table: object) -> None:
            super().__init__()
            self.width, self.table = width, table

        def call(self, inputs: Any) -> Any:
            return inputs

    model = keras.Sequential([keras.Input((3,)), Own(3, object()), keras.layers.Dense(1)])
    model.compile("adam", "mse")

    model.fit(np.zeros((4, 3)), np.zeros(4), verbose=0, callbacks=[Timeline(run_dir)])

    run = open_run(run_dir)
    assert "model_not_stored" in {notice.code for notice in run.notices}
    assert run.latest().verify()
    assert not (run_dir / "model.keras").exists()
