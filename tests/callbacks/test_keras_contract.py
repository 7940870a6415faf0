"""What we take from Keras beyond its public interface; a version that moves it fails here first.

Where one of these goes, Epochline goes on with less: without the saving functions it saves through
a scratch file, without the callback list it logs that it cannot record.
"""

from __future__ import annotations

import inspect
import logging
from pathlib import Path
from typing import Any

import keras
import pytest
from keras.src.saving import saving_lib

from epochline.callbacks import ModelCheckpoint, Timeline, serialize
from tests.callbacks.training import new_model, timeline_of, train


class Spy(keras.callbacks.Callback):
    """Notes who calls."""

    def __init__(self) -> None:
        super().__init__()
        self.owner: Any = None

    def set_params(self, params: Any) -> None:
        """Called by the callback list."""
        super().set_params(params)
        frame = inspect.currentframe()
        assert frame is not None
        assert frame.f_back is not None
        self.owner = frame.f_back.f_locals.get("self")


def test_callback_list_is_in_the_frame_that_calls_set_params(model: keras.Model) -> None:
    """`CallbackList.set_params` calls each callback itself, with its list in `self.callbacks`."""
    spy = Spy()
    train(model, spy, epochs=1)
    assert isinstance(spy.owner, keras.callbacks.CallbackList)
    assert spy in spy.owner.callbacks


@pytest.mark.parametrize(
    ("callback", "names"),
    [
        (keras.callbacks.EarlyStopping(), ("wait", "best", "stopped_epoch", "min_delta")),
        (keras.callbacks.EarlyStopping(), ("baseline", "patience", "start_from_epoch", "monitor")),
        (keras.callbacks.EarlyStopping(), ("best_weights", "restore_best_weights", "monitor_op")),
        (keras.callbacks.ReduceLROnPlateau(), ("wait", "best", "cooldown_counter", "patience")),
        (keras.callbacks.ReduceLROnPlateau(), ("min_delta", "min_lr", "monitor", "in_cooldown")),
        (
            keras.callbacks.ModelCheckpoint("a.keras"),
            ("best", "filepath", "monitor", "save_best_only", "save_freq", "mode"),
        ),
        (keras.callbacks.SwapEMAWeights(), ("_ema_weights_in_model",)),
        (keras.callbacks.Callback(), ("_model", "params")),
    ],
)
def test_state_of_stock_callbacks_has_its_names(
    callback: keras.callbacks.Callback, names: tuple[str, ...]
) -> None:
    """The counters and settings that verdicts are read from."""
    gone = [name for name in names if not hasattr(callback, name)]
    assert not gone, f"Keras {keras.__version__}: {type(callback).__name__} has no {gone}"


def test_metrics_know_their_direction() -> None:
    """`mode="auto"` goes by `metric._direction`, as Keras's own callbacks do."""
    metric = keras.metrics.BinaryAccuracy()
    metric.update_state([1.0], [1.0])
    assert metric._direction == "up"  # noqa: SLF001


def test_optimizer_keeps_its_schedule() -> None:
    """A schedule is named as the cause of a change by `optimizer._learning_rate`."""
    schedule = keras.optimizers.schedules.ExponentialDecay(0.1, 10, 0.5)
    assert keras.optimizers.SGD(schedule)._learning_rate is schedule  # noqa: SLF001


def test_saving_functions_are_there() -> None:
    """The route that makes a file in memory, with the arguments that we pass."""
    assert {"weights_store", "assets_store", "inner_path", "visited_saveables"} <= set(
        inspect.signature(saving_lib._save_state).parameters  # noqa: SLF001
    )
    assert {"path_or_io", "mode"} <= set(inspect.signature(saving_lib.H5IOStore).parameters)


@pytest.mark.parametrize("name", ["a.weights.h5", "a.keras"])
def test_without_the_saving_functions_a_scratch_file_does(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    """On a Keras that has moved them, checkpoints are saved all the same."""
    monkeypatch.setattr(serialize, "_saving_lib", lambda: None)
    model = new_model()
    train(model, ModelCheckpoint(tmp_path / name, save_weights_only="weights" in name), epochs=1)
    (saved,) = timeline_of(tmp_path).checkpoints
    assert saved.restorable
    model.load_weights(tmp_path / name)


def test_without_the_callback_list_it_says_so_and_training_goes_on(
    model: keras.Model, run_dir: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """A container that hides the list is told as an error in the log, not as an exception."""

    class Container(keras.callbacks.Callback):
        """Keeps a callback to itself."""

        def __init__(self, inner: keras.callbacks.Callback) -> None:
            super().__init__()
            self.inner = inner

        def on_train_begin(self, logs: object = None) -> None:
            self.inner.set_model(self.model)

    timeline = Timeline(run_dir)
    timeline.set_params({"epochs": 1})
    with caplog.at_level(logging.ERROR):
        history = train(model, Container(timeline), epochs=1)
    assert len(history.epoch) == 1
    assert "was not called by a keras.callbacks.CallbackList" in caplog.text
    assert not run_dir.exists()
