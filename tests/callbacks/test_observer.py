"""What happens between batches has exactly one cause, and costs nothing where nobody asks."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path
from typing import Any

import keras
import pytest

from epochline.callbacks import LearningRateRecorder, Timeline
from epochline.callbacks.observer import Observer
from epochline.callbacks.probes import Apart, find_callback_list
from epochline.events import Topic
from epochline.timeline import DecisionEntry
from tests.callbacks.training import FEATURES, TARGETS, new_model, timeline_of, train

TENSORFLOW = find_spec("tensorflow") is not None  # Keras's TensorBoard callback needs it


def changes(run_dir: Path) -> list[DecisionEntry]:
    """Decisions about the learning rate."""
    return [d for d in timeline_of(run_dir).decisions if d.topic is Topic.LEARNING_RATE]


class Looks(keras.callbacks.Callback):
    """Acts in each batch, and changes nothing."""

    def on_train_batch_end(self, batch: int, logs: object = None) -> None:
        """Called by Keras."""


class SetsRate(keras.callbacks.Callback):
    """Sets the learning rate in some batches, at the beginning or at the end of them.

    Args:
        rates: Epoch and batch to learning rate.
        hook: In which hook.
    """

    def __init__(
        self, rates: dict[tuple[int, int], float], hook: str = "on_train_batch_end"
    ) -> None:
        super().__init__()
        self.rates = rates
        self.epoch = 0
        setattr(self, hook, self.act)

    def on_epoch_begin(self, epoch: int, logs: object = None) -> None:
        """Called by Keras."""
        self.epoch = epoch

    def act(self, batch: int, logs: object = None) -> None:
        """Called by Keras."""
        rate = self.rates.get((self.epoch, batch))
        if rate is not None:
            self.model.optimizer.learning_rate = rate


class Subclass(keras.callbacks.TerminateOnNaN):
    """A stock callback with something added."""

    def on_batch_end(self, batch: int, logs: Any = None) -> None:
        """Called by Keras."""
        super().on_batch_end(batch, logs)
        if batch == 2:
            self.model.optimizer.learning_rate = 0.5


def test_each_change_between_batches_has_its_cause(model: keras.Model, run_dir: Path) -> None:
    """Of several callbacks with batch hooks, the one that did it is named, with batch and step."""
    before = int(model.optimizer.iterations.numpy())

    def lower(batch: int, **_: object) -> None:
        if batch == 1:  # by way of the callback: between batches JAX keeps the state elsewhere
            lowers.model.optimizer.learning_rate = 0.25

    lowers = keras.callbacks.LambdaCallback(on_train_batch_end=lower)
    train(
        model,
        Looks(),
        SetsRate({(0, 0): 0.125}, "on_train_batch_begin"),
        lowers,
        Subclass(),
        keras.callbacks.TerminateOnNaN(),
        LearningRateRecorder(run_dir),
        epochs=1,
    )
    assert [
        (d.callback, d.position, d.lr_before, d.lr_after, d.batch, d.step - before, d.detail)
        for d in changes(run_dir)
    ] == [
        ("SetsRate", 1, pytest.approx(1e-3), 0.125, 0, 0, "It was batch 1 of the epoch."),
        ("LambdaCallback", 2, 0.125, 0.25, 2, 2, "It was batch 2 of the epoch."),
        ("Subclass", 3, 0.25, 0.5, 3, 3, "It was batch 3 of the epoch."),
    ]


@pytest.mark.parametrize("hook", ["on_test_begin", "on_test_batch_end", "on_test_end"])
def test_change_during_the_validation_has_its_cause(
    model: keras.Model, run_dir: Path, hook: str
) -> None:
    """Hooks of the validation are watched, too, where somebody acts in them."""

    def lower(*_: object, **__: object) -> None:
        model.optimizer.learning_rate = 0.25

    train(
        model,
        keras.callbacks.LambdaCallback(**{hook: lambda *_, **__: None}),
        keras.callbacks.LambdaCallback(**{hook: lower}),
        LearningRateRecorder(run_dir),
        epochs=1,
        validation_data=(FEATURES, TARGETS),
    )
    (change,) = changes(run_dir)
    assert (change.callback, change.position, change.batch) == ("LambdaCallback", 1, 3)


def test_warm_up_is_summed_up(model: keras.Model, run_dir: Path) -> None:
    """A rate that is set in each batch is told when it begins, and then once an epoch."""
    rates = {(n // 3, n % 3): 0.01 * (n + 1) for n in range(9)}
    train(model, SetsRate(rates), LearningRateRecorder(run_dir), epochs=5)
    assert [(d.epoch, d.batch, d.sentence) for d in changes(run_dir)] == [
        (0, 1, "SetsRate: learning rate 1e-3 → 0.01. It was batch 1 of the epoch."),
        (
            0,
            3,
            (
                "SetsRate: learning rate 0.01 → 0.03. Set in 2 batches, the last of them "
                "batch 3 of the epoch."
            ),
        ),
        (
            1,
            6,
            (
                "SetsRate: learning rate 0.03 → 0.06. Set in 3 batches, the last of them "
                "batch 3 of the epoch."
            ),
        ),
        (
            2,
            9,
            (
                "SetsRate: learning rate 0.06 → 0.09. Set in 3 batches, the last of them "
                "batch 3 of the epoch."
            ),
        ),
    ]


def test_drift_that_has_ended_is_told_where_it_happens_again(
    model: keras.Model, run_dir: Path
) -> None:
    """After an epoch without a change, the next one stands at its batch again."""
    rates = {(0, 0): 0.1, (0, 1): 0.2, (2, 1): 0.3}
    train(model, SetsRate(rates), LearningRateRecorder(run_dir), epochs=3)
    told = changes(run_dir)
    assert [(d.epoch, d.batch) for d in told] == [(0, 1), (0, 3), (2, 8)]
    assert [d.lr_after for d in told] == pytest.approx([0.1, 0.2, 0.3])


def test_what_was_held_back_is_told_before_an_exception(model: keras.Model, run_dir: Path) -> None:
    """A training that breaks in the middle of an epoch loses nothing of it."""

    def fail(batch: int, **_: object) -> None:
        if batch == 1:
            msg = "broken"
            raise ValueError(msg)

    with pytest.raises(ValueError, match="broken"):
        train(
            model,
            SetsRate({(0, 0): 0.1, (0, 1): 0.2}),
            keras.callbacks.LambdaCallback(on_train_batch_end=fail),
            LearningRateRecorder(run_dir),
            epochs=1,
        )
    assert [d.lr_after for d in changes(run_dir)] == pytest.approx([0.1, 0.2])


def test_two_steps_back_and_forth_are_a_fight(model: keras.Model, run_dir: Path) -> None:
    """Callbacks of one class are told apart by their places."""
    up = SetsRate({(0, 0): 0.2, (1, 0): 0.2})
    down = SetsRate({(0, 1): 0.1, (1, 1): 0.1})
    train(model, up, down, Timeline(run_dir, save=None), epochs=2)
    (notice,) = timeline_of(run_dir).notices
    assert notice.code == "fight_over_learning_rate"
    assert "SetsRate (callback 1) and SetsRate (callback 0)" in notice.message


def test_warm_up_and_plateau_are_no_fight(model: keras.Model, run_dir: Path) -> None:
    """Two callbacks that set the rate one after the other do not undo each other."""
    warm_up = SetsRate({(0, 0): 0.01, (0, 1): 0.02})
    plateau = keras.callbacks.ReduceLROnPlateau("loss", patience=1, min_delta=9.0)
    train(model, warm_up, plateau, Timeline(run_dir, save=None), epochs=4)
    assert not timeline_of(run_dir).notices


def quiet_callbacks(directory: Path) -> list[keras.callbacks.Callback]:
    """Stock callbacks that act between epochs only."""
    return [
        keras.callbacks.EarlyStopping("loss", patience=9),
        keras.callbacks.ReduceLROnPlateau("loss"),
        keras.callbacks.LearningRateScheduler(lambda _epoch, rate: rate),
        keras.callbacks.ModelCheckpoint(directory / "a.weights.h5", save_weights_only=True),
        keras.callbacks.BackupAndRestore(directory / "backup"),
        keras.callbacks.CSVLogger(directory / "a.csv"),
        *([keras.callbacks.TensorBoard(directory / "tb", write_graph=False)] if TENSORFLOW else []),
    ]


def test_nothing_of_ours_runs_in_batches_where_nobody_asks(
    tmp_path: Path,
) -> None:
    """With stock callbacks that act between epochs, each batch calls what it calls without us."""
    seen: list[tuple[set[str], list[str]]] = []

    class Spy(keras.callbacks.Callback):
        def on_epoch_begin(self, epoch: int, logs: object = None) -> None:
            found: Any = find_callback_list()
            self.list = found

        def on_train_batch_end(self, batch: int, logs: object = None) -> None:
            hooks = {name for name in vars(self.list) if "batch" in name and name.startswith("on_")}
            seen.append((hooks, [type(item).__module__ for item in self.list.callbacks]))

    # It stands apart, as what Keras adds does, so that it is not itself one who asks.
    spy = type("Spy", (Spy, Apart), {})()
    ours = Timeline(tmp_path / "run", monitor="loss", save=None, live=False)
    train(new_model(), *quiet_callbacks(tmp_path), ours, spy, epochs=2)
    assert len(seen) == 2 * 3
    for hooks, modules in seen:
        assert not hooks
        assert [name for name in modules if name.startswith("epochline")] == [
            "epochline.callbacks.timeline"
        ]


def test_learning_rate_is_read_in_batches_only_around_unknown_callbacks(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Stock callbacks that act in batches are watched without reading anything."""
    reads: list[str] = []
    original = Observer._gauge_look  # noqa: SLF001

    def count(self: Observer, *args: Any, **kwargs: Any) -> Any:
        reads.append("read")
        return original(self, *args, **kwargs)

    monkeypatch.setattr(Observer, "_gauge_look", count)
    arguments: dict[str, Any] = {"save_weights_only": True, "save_freq": 2}
    stock = [
        keras.callbacks.TerminateOnNaN(),
        keras.callbacks.ModelCheckpoint(tmp_path / "a.weights.h5", **arguments),
        keras.callbacks.BackupAndRestore(tmp_path / "backup", save_freq=2),
    ]
    train(new_model(), *stock, Timeline(tmp_path / "1", save=None), epochs=1)
    assert not reads
    train(new_model(), *stock, Looks(), Timeline(tmp_path / "2", save=None), epochs=1)
    assert len(reads) == 2 * 3  # before and behind that one callback, in each batch
