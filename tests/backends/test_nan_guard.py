"""A training whose loss becomes NaN goes back by itself, on every backend; see docs/live.md."""

from __future__ import annotations

import math
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest

from epochline import KeepAll, Run, open_run
from epochline.callbacks import LiveRestore, ModelCheckpoint, RestoreOnNaN, Timeline
from epochline.callbacks.living import desk
from epochline.events import EndReason, Health, Topic, Verdict

EPOCHS = 5
BATCHES = 8
RATE = 0.01
_numbers = np.random.default_rng(4)
ROWS = _numbers.normal(size=(BATCHES * 4, 4)).astype("float32")
TARGETS = ROWS.sum(axis=1, keepdims=True)

VARIANTS = [(False, 1)]
if keras.backend.backend() != "torch":  # which executes one batch at a time
    VARIANTS += [(False, 4), (True, 1), (True, 4)]


def new_model(*, jit: bool = False, steps: int = 1, rate: Any = RATE) -> keras.Model:
    """Returns a compiled model with random state, batch statistics and slots."""
    keras.utils.set_random_seed(9)
    layers = keras.layers
    stack = [layers.Dense(6, "relu"), layers.BatchNormalization(), layers.Dropout(0.3)]
    model = keras.Sequential([layers.Input((4,)), *stack, layers.Dense(1)])
    optimizer = keras.optimizers.Adam(rate)
    model.compile(optimizer, "mse", jit_compile=jit, steps_per_execution=steps)
    return model


class Poison(keras.callbacks.Callback):
    """Makes a weight NaN before some batches, as an overflow does.

    Args:
        places: Zero-based epoch and batch of each.
        hook: When: before that batch, or behind it.
    """

    def __init__(self, *places: tuple[int, int], hook: str = "on_train_batch_begin") -> None:
        super().__init__()
        self._places = set(places)
        self._epoch = 0
        setattr(self, hook, self._act)

    def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:
        """Called by Keras."""
        self._epoch = epoch

    def _act(self, batch: int, logs: Any = None) -> None:
        if (self._epoch, batch) in self._places:
            kernel = self.model.layers[-1].kernel  # behind a relu, which may hide NaN
            kernel.assign(np.full(kernel.shape, np.nan))


class Look(keras.callbacks.Callback):
    """Notes the weights and the step with which each epoch begins, and where batches ended."""

    def __init__(self) -> None:
        super().__init__()
        self.weights: list[list[Any]] = []
        self.steps: list[int] = []
        self.last: list[int] = []

    def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:
        """Called by Keras."""
        self.weights.append(weights_of(self.model))
        self.steps.append(int(self.model.optimizer.iterations))
        self.last.append(-1)

    def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
        """Called by Keras."""
        self.last[-1] = batch


def weights_of(model: keras.Model) -> list[Any]:
    """Returns copies of the weights."""
    return [np.array(keras.ops.convert_to_numpy(item.value)) for item in model.weights]


def train(
    model: keras.Model, *callbacks: keras.callbacks.Callback, epochs: int = EPOCHS
) -> dict[str, list[float]]:
    """Trains, and returns the history."""
    history = model.fit(
        ROWS, TARGETS, batch_size=4, epochs=epochs, verbose=0, callbacks=list(callbacks)
    )
    return dict(history.history)


def guarded(run_dir: Path, **options: Any) -> Timeline:
    """Returns what records, saves and goes back."""
    usual: dict[str, Any] = {"on_nan": "restore", "monitor": "loss", "keep": KeepAll()}
    return Timeline(run_dir, **(usual | options))


def codes(run: Run) -> set[str]:
    """Returns what the run was told."""
    return {notice.code for notice in run.notices}


@pytest.fixture(autouse=True)
def _pace(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """How often the training looks: before each batch, or never before an epoch ends."""
    seconds = math.inf if getattr(request, "param", "epoch") == "epoch" else 0.0
    monkeypatch.setattr(desk, "_LOOK_EVERY_SECONDS", seconds)


def looks(*when: str) -> pytest.MarkDecorator:
    """Returns a mark that says how often the training looks."""
    return pytest.mark.parametrize("_pace", when, indirect=True)


def _finite(values: Iterable[Any]) -> bool:
    return all(bool(np.isfinite(value).all()) for value in values)


@looks("batch", "epoch")
@pytest.mark.parametrize(("jit", "steps"), VARIANTS)
def test_training_goes_back_to_the_last_healthy_checkpoint(
    tmp_path: Path, jit: bool, steps: int
) -> None:
    """With half the learning rate, told with its reason; at a batch, or when the epoch ends."""
    model, look = new_model(jit=jit, steps=steps), Look()
    history = train(model, Poison((2, 4)), look, guarded(tmp_path))
    run = open_run(tmp_path)
    (back,) = run.restores
    last = next(item for item in run.checkpoints if item.epoch == 1)
    assert back.checkpoint == last.id
    assert back.because == "the loss of epoch 3 was NaN; restore 1 of 3"
    assert (back.lr_before, back.lr_after) == pytest.approx((RATE, RATE / 2))
    assert back.live
    assert back.sentence.endswith("because the loss of epoch 3 was NaN; restore 1 of 3.")
    assert back.restored == len(model.weights) + len(model.optimizer.variables)
    assert _finite(weights_of(model))
    assert math.isfinite(history["loss"][-1])
    assert len(history["loss"]) == EPOCHS
    assert run.checkpoint(back.undo).health is Health.NOT_FINITE
    assert run.checkpoint(back.undo).pinned
    assert float(model.optimizer.learning_rate) == pytest.approx(RATE / 2)
    # What the training is continued with, and what that leaves behind.
    begins = [(branch.after_batch, branch.checkpoint) for branch in run.lineage]
    assert begins == [(0, ""), (back.batch, last.id)]
    if back.batch == 3 * BATCHES:
        assert [row.epoch for row in run.timeline.abandoned] == [2]
        assert look.steps[3] == 2 * BATCHES
        twin = new_model()
        twin.optimizer.build(twin.trainable_variables)
        last.restore(twin)
        for mine, saved in zip(look.weights[3], weights_of(twin), strict=True):
            np.testing.assert_array_equal(mine, saved)
    else:  # NaN has left the mean of the epoch, too
        assert back.batch == 2 * BATCHES + 4 + steps
        assert math.isfinite(history["loss"][2])


def test_training_that_terminate_on_nan_ends_goes_on(tmp_path: Path) -> None:
    """It ends the epoch at the batch; the restore comes then, and the next epoch."""
    model, look = new_model(), Look()
    stopping = keras.callbacks.TerminateOnNaN()
    history = train(model, Poison((2, 4)), look, stopping, guarded(tmp_path))
    run = open_run(tmp_path)
    assert look.last == [7, 7, 4, 7, 7]
    assert len(history["loss"]) == EPOCHS
    assert _finite(weights_of(model))
    assert [d.callback for d in run.decisions if d.verdict is Verdict.STOPPED] == ["TerminateOnNaN"]
    assert "TerminateOnNaN was to end the training, which goes on" in run.restores[0].because
    (end,) = [session.end for session in run.sessions]
    assert end is not None
    assert end.reason is EndReason.COMPLETED


def test_terminate_on_nan_has_the_last_word_when_restores_are_used_up(tmp_path: Path) -> None:
    """Each restore cuts the learning rate once more; behind the last one the training ends."""
    model = new_model()
    policy = RestoreOnNaN(factor=0.1, times=2)
    poison = Poison((1, 2), (2, 2), (3, 2))
    history = train(
        model, poison, keras.callbacks.TerminateOnNaN(), guarded(tmp_path, on_nan=policy)
    )
    run = open_run(tmp_path)
    assert [item.lr_after for item in run.restores] == pytest.approx([RATE / 10, RATE / 100])
    assert {item.checkpoint_epoch for item in run.restores} == {0}
    assert len(history["loss"]) == 4
    (end,) = [session.end for session in run.sessions]
    assert end is not None
    assert end.reason is EndReason.NAN
    assert "nan_restores_used_up" in codes(run)


def test_error_of_terminate_on_nan_leaves_fit(tmp_path: Path) -> None:
    """`raise_error=True` is obeyed: there is no training to go back in."""
    stopping = keras.callbacks.TerminateOnNaN(raise_error=True)
    with pytest.raises(RuntimeError, match="NaN or Inf loss"):
        train(new_model(), Poison((2, 4)), stopping, guarded(tmp_path))
    assert open_run(tmp_path).restores == ()


def test_other_stops_are_obeyed(tmp_path: Path) -> None:
    """EarlyStopping that runs out of patience in the same epoch ends the training."""
    stopping = keras.callbacks.EarlyStopping("loss", patience=1)
    history = train(
        new_model(), Poison((2, 4)), keras.callbacks.TerminateOnNaN(), stopping, guarded(tmp_path)
    )
    assert len(history["loss"]) == 3
    assert len(open_run(tmp_path).restores) == 1


@looks("batch", "epoch")
def test_training_is_left_to_itself_without_a_healthy_checkpoint(tmp_path: Path) -> None:
    """That is told, once."""
    model = new_model()
    history = train(model, Poison((0, 1)), guarded(tmp_path), epochs=3)
    run = open_run(tmp_path)
    assert run.restores == ()
    assert len(history["loss"]) == 3
    (notice,) = [item for item in run.notices if item.code == "nan_not_restored"]
    assert notice.message == (
        "The loss of epoch 1 was NaN, and nothing was restored. No checkpoint that led here is "
        "known to be healthy and holds the optimizer's state. LiveRestore leaves the training to "
        "itself."
    )


def test_weights_that_are_not_finite_are_seen_when_they_are_saved(tmp_path: Path) -> None:
    """Even if the loss of the epoch is."""
    poison = Poison((1, BATCHES - 1), hook="on_train_batch_end")
    saving = ModelCheckpoint(
        tmp_path / "{epoch}.weights.h5", save_weights_only=True, background=False, monitor="loss"
    )
    model = new_model()
    history = train(model, poison, saving, LiveRestore(tmp_path, on_nan="restore"), epochs=3)
    run = open_run(tmp_path)
    (back,) = run.restores
    bad = next(item for item in run.checkpoints if item.epoch == 1)
    assert back.because == f"the weights of checkpoint {bad.id} were not finite; restore 1 of 3"
    assert _finite(history["loss"])
    assert _finite(weights_of(model))


def test_damaged_checkpoint_is_passed_over(tmp_path: Path) -> None:
    """The one before it is restored."""

    class Damage(keras.callbacks.Callback):
        def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:
            if epoch == 2:
                path = tmp_path / "checkpoints" / "epoch-0002.weights.h5"
                data = bytearray(path.read_bytes())
                data[len(data) // 2] ^= 1
                path.write_bytes(data)

    train(new_model(), Damage(), Poison((2, 4)), guarded(tmp_path, background=False), epochs=3)
    (back,) = open_run(tmp_path).restores
    assert back.checkpoint_epoch == 0


@looks("batch")
def test_earlier_training_that_broke_is_not_taken_for_this_one(tmp_path: Path) -> None:
    """Its newest checkpoint, which is not finite, says nothing of the next training there."""
    train(new_model(), Poison((0, 1)), guarded(tmp_path, on_nan=None), epochs=1)
    assert open_run(tmp_path).checkpoints[-1].health is Health.NOT_FINITE
    train(new_model(), guarded(tmp_path), epochs=1)
    assert open_run(tmp_path).restores == ()
    assert "nan_not_restored" not in codes(open_run(tmp_path))


def test_schedule_is_not_cut_and_that_is_told(tmp_path: Path) -> None:
    """It follows the step, which goes back with the optimizer."""
    schedule = keras.optimizers.schedules.ExponentialDecay(RATE, 10, 0.9)
    model = new_model(rate=schedule)
    train(model, Poison((1, 4)), guarded(tmp_path), epochs=3)
    run = open_run(tmp_path)
    (back,) = run.restores
    assert "; ExponentialDecay gives the learning rate, which is not cut; " in back.because
    assert _finite(weights_of(model))
    causes = {d.callback for d in run.decisions if d.topic is Topic.LEARNING_RATE}
    assert causes <= {"ExponentialDecay"}


@looks("batch")
def test_healthy_training_is_left_alone(tmp_path: Path) -> None:
    """Bit for bit what it is without; nothing is told."""
    watched, alone = new_model(), new_model()
    train(watched, guarded(tmp_path), epochs=2)
    keras.utils.set_random_seed(9)
    train(alone, epochs=2)
    for mine, its in zip(weights_of(watched), weights_of(alone), strict=True):
        np.testing.assert_array_equal(mine, its)
    assert not codes(open_run(tmp_path)) & {"nan_not_restored", "live_failed"}


@pytest.mark.parametrize("wrong", [{"factor": 0.0}, {"factor": 2.0}, {"times": 0}, {"times": True}])
def test_numbers_that_make_no_sense_are_named(wrong: dict[str, Any]) -> None:
    """With what would."""
    (name,) = wrong
    with pytest.raises(ValueError, match=f"RestoreOnNaN got {name}="):
        RestoreOnNaN(**wrong)


def test_wrong_wishes_are_named(tmp_path: Path) -> None:
    """Going back needs what restores."""
    with pytest.raises(ValueError, match="live=True"):
        Timeline(tmp_path, live=False, on_nan="restore")
    wish: Any = "stop"
    with pytest.raises(ValueError, match="on_nan='stop'"):
        LiveRestore(tmp_path, on_nan=wish)
