"""Whatever ends a training is recorded with its cause: NaN, Ctrl-C, an exception, a callback."""

from __future__ import annotations

import contextlib
import gc
import math
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import keras
import pytest

from epochline.callbacks import Timeline
from epochline.events import EndReason, Topic
from tests.callbacks.stock.told import decided, end_of, recorder, told
from tests.callbacks.training import FEATURES, TARGETS, Dictate, new_model, timeline_of, train

NAN = math.nan


class Losses(keras.callbacks.Callback):
    """Puts the given losses into the logs of the batches, as `TerminateOnNaN` sees them."""

    def __init__(self, *losses: float) -> None:
        super().__init__()
        self.losses = losses

    def on_train_batch_end(self, batch: int, logs: dict[str, Any] | None = None) -> None:
        """Called by Keras."""
        assert logs is not None
        if batch < len(self.losses):
            logs["loss"] = self.losses[batch]
        else:
            del logs["loss"]


@pytest.mark.parametrize(
    ("losses", "sentence"),
    [
        ((1.0, 2.0, 3.0), None),
        ((1.0,), None),  # the other batches have no loss
        (
            (1.0, NAN),
            "TerminateOnNaN stopped the training: loss was NaN. It was batch 2 of the epoch.",
        ),
        (
            (-math.inf,),
            "TerminateOnNaN stopped the training: loss was -∞. It was batch 1 of the epoch.",
        ),
    ],
)
def test_terminate_on_nan(
    model: keras.Model, run_dir: Path, losses: tuple[float, ...], sentence: str | None
) -> None:
    """Only a loss that is not finite stops, at its batch; the end of the session says who."""
    stopper = keras.callbacks.TerminateOnNaN()
    train(model, Losses(*losses), stopper, recorder(run_dir), epochs=1)
    decisions = decided(run_dir, Topic.STOP, "TerminateOnNaN", 1)
    assert told(decisions) == ([(1, "stopped", sentence)] if sentence else [])
    if sentence:
        (stop,) = decisions
        assert stop.batch == len(losses)
        assert stop.monitor == "loss"
        assert stop.observed is not None
        assert not math.isfinite(stop.observed)
    expected = (EndReason.NAN, "TerminateOnNaN", 1) if sentence else (EndReason.COMPLETED, "", None)
    assert end_of(run_dir)[:3] == expected


def test_terminate_on_nan_that_raises(model: keras.Model, run_dir: Path) -> None:
    """With `raise_error` there is no end of training for callbacks; it is recorded all the same."""
    stopper = keras.callbacks.TerminateOnNaN(raise_error=True)
    with pytest.raises(RuntimeError, match="NaN or Inf loss"):
        train(model, Losses(1.0, NAN), stopper, recorder(run_dir), epochs=1)
    reason, callback, position, message = end_of(run_dir)
    assert (reason, callback, position) == (EndReason.FAILED, "TerminateOnNaN", 1)
    assert message.startswith("RuntimeError: NaN or Inf loss encountered at batch 1")
    session = timeline_of(run_dir).sessions[0]
    assert session.message(running=False).startswith(
        "Failed before the first epoch ended, in TerminateOnNaN: RuntimeError:"
    )


def fail(*_: object, **__: object) -> None:
    """What a user's own callback may do."""
    msg = "wrong shape"
    raise ValueError(msg)


def interrupt(*_: object, **__: object) -> None:
    """Ctrl-C."""
    raise KeyboardInterrupt


HOOKS = (
    "on_train_begin",
    "on_epoch_begin",
    "on_train_batch_begin",
    "on_train_batch_end",
    "on_test_begin",
    "on_test_batch_end",
    "on_test_end",
    "on_epoch_end",
    "on_train_end",
)


@pytest.mark.parametrize("hook", HOOKS)
@pytest.mark.parametrize(
    ("act", "error", "expected"),
    [
        (fail, ValueError, (EndReason.FAILED, "LambdaCallback", 2, "ValueError: wrong shape")),
        (interrupt, KeyboardInterrupt, (EndReason.INTERRUPTED, "", None, "")),
    ],
)
def test_exception_in_a_callback(
    model: keras.Model,
    run_dir: Path,
    hook: str,
    act: Callable[..., None],
    error: type[BaseException],
    expected: tuple[Any, ...],
) -> None:
    """Its class and place stand in the record as soon as it leaves the hook, in any hook."""
    others = [keras.callbacks.TerminateOnNaN(), keras.callbacks.EarlyStopping("loss", patience=9)]
    culprit = keras.callbacks.LambdaCallback(**{hook: act})
    with pytest.raises(error):
        train(
            model,
            *others,
            culprit,
            recorder(run_dir),
            epochs=1,
            validation_data=(FEATURES, TARGETS),
        )
    assert end_of(run_dir) == expected


def test_decisions_before_an_exception_are_kept(model: keras.Model, run_dir: Path) -> None:
    """What was decided in the same hook, by callbacks further ahead, is not lost."""
    stopping = keras.callbacks.EarlyStopping("score", mode="min", patience=9)
    broken = keras.callbacks.LambdaCallback(on_epoch_end=fail)
    with pytest.raises(ValueError, match="wrong shape"):
        train(model, Dictate(score=[1.0]), stopping, broken, recorder(run_dir), epochs=1)
    assert [d.verdict for d in decided(run_dir, Topic.STOP, "EarlyStopping", 1)] == ["improved"]


def failing_data() -> Iterator[tuple[Any, Any]]:
    """Two batches, and then an error."""
    for _ in range(2):
        yield FEATURES[:4], TARGETS[:4]
    fail()


@pytest.mark.filterwarnings("ignore:`shuffle=True` was passed")
def test_exception_outside_of_callbacks(model: keras.Model, run_dir: Path) -> None:
    """A training that broke in its data is not taken for a running one once `fit` is forgotten."""
    data: dict[str, Any] = {"x": failing_data(), "y": None, "batch_size": None}
    with contextlib.suppress(Exception):  # TensorFlow has an error of its own for this
        train(model, recorder(run_dir), epochs=1, **data)
    gc.collect()  # the exception may have been in a cycle with what it came through
    reason, callback, position, _ = end_of(run_dir)
    assert (reason, callback, position) == (EndReason.FAILED, "", None)


def test_exception_of_keras_before_the_first_batch(run_dir: Path) -> None:
    """A `fit` that never began leaves no session behind."""
    unbuilt = keras.Sequential([keras.layers.Dense(1)])
    with pytest.raises(ValueError, match="compile"):
        train(unbuilt, recorder(run_dir), epochs=1)
    assert not timeline_of(run_dir).sessions


def test_second_training_after_an_exception(model: keras.Model, run_dir: Path) -> None:
    """The run is free again at once; both sessions say how they ended."""
    with pytest.raises(ValueError, match="wrong shape"):
        train(model, keras.callbacks.LambdaCallback(on_epoch_end=fail), Timeline(run_dir), epochs=2)
    train(model, Timeline(run_dir), epochs=1)
    reasons = [item.end_reason for item in timeline_of(run_dir).sessions]
    assert reasons == [EndReason.FAILED, EndReason.COMPLETED]


class StopsItself(keras.Model):
    """A model whose own training step ends the training."""

    def __init__(self) -> None:
        super().__init__()
        self.dense = keras.layers.Dense(1)

    def call(self, inputs: Any) -> Any:
        """Called by Keras."""
        return self.dense(inputs)

    def train_step(self, *arguments: Any) -> Any:
        """Called by Keras, here without compiling."""
        self.stop_training = True
        return super().train_step(*arguments)


def test_stop_that_no_callback_asked_for(run_dir: Path) -> None:
    """It is put down to no callback, and the batches that were trained are counted."""
    model = StopsItself()
    model.compile(loss="mse", optimizer="sgd", run_eagerly=True)
    train(model, recorder(run_dir), epochs=3)
    (stop,) = decided(run_dir, Topic.STOP, "something outside of the callbacks", None)
    assert (stop.epoch, stop.step, stop.batch) == (0, 1, 1)
    assert end_of(run_dir)[:3] == (EndReason.STOPPED, "something outside of the callbacks", None)


def test_stop_in_each_hook_has_its_cause(run_dir: Path) -> None:
    """Whoever sets `stop_training` is named, with the batch when it was within an epoch."""

    def stop(*_: object, **__: object) -> None:
        model.stop_training = True

    model = new_model()
    found: dict[str, tuple[Any, ...]] = {}
    for hook in HOOKS[1:-1]:
        silent = keras.callbacks.LambdaCallback(**{hook: lambda *_, **__: None})
        culprit = keras.callbacks.LambdaCallback(**{hook: stop})
        train(
            model,
            silent,
            culprit,
            silent,
            recorder(run_dir / hook),
            epochs=2,
            validation_data=(FEATURES, TARGETS),
        )
        (decision,) = decided(run_dir / hook, Topic.STOP, "LambdaCallback", 1)
        found[hook] = (decision.epoch, decision.batch, decision.detail)
    assert found == {
        "on_epoch_begin": (0, 0, ""),
        "on_train_batch_begin": (0, 0, "It was batch 1 of the epoch."),
        "on_train_batch_end": (0, 1, "It was batch 1 of the epoch."),
        "on_test_begin": (0, 3, ""),
        "on_test_batch_end": (0, 3, "It was batch 1 of the validation."),
        "on_test_end": (0, 3, ""),
        "on_epoch_end": (0, 3, ""),
    }
