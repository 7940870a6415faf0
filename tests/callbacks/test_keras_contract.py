"""What we take from Keras beyond its public interface; a version that moves it fails here first.

Run with the oldest Keras that the package allows and with the newest, on any backend. Where one of
these goes, Epochline goes on with less and says so: without an attribute with what is public,
without the saving functions through a file that Keras makes, without the callback list with an
error in the log.
"""

from __future__ import annotations

import inspect
import logging
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import keras
import pytest
from keras.src.saving import saving_lib as keras_saving_lib

from epochline.callbacks import ModelCheckpoint, Timeline, saving_lib
from epochline.callbacks.private import RELIANCES, Reliance
from epochline.callbacks.stock import OrbaxCheckpoint
from epochline.events import Topic
from tests.callbacks.training import FEATURES, TARGETS, Dictate, new_model, timeline_of, train

BACKEND = keras.backend.backend()


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
        self.found()

    def found(self) -> None:
        """Called when the owner is known."""


def test_callback_list_is_in_the_frame_that_calls_set_params(model: keras.Model) -> None:
    """`CallbackList.set_params` calls each callback itself, with its list in `self.callbacks`."""
    spy = Spy()
    train(model, spy, epochs=1)
    assert isinstance(spy.owner, keras.callbacks.CallbackList)
    assert spy in spy.owner.callbacks


@pytest.mark.parametrize(
    "hook",
    [
        "on_train_begin",
        "on_epoch_begin",
        "on_train_batch_begin",
        "on_train_batch_end",
        "on_test_begin",
        "on_test_batch_begin",
        "on_test_batch_end",
        "on_test_end",
        "on_epoch_end",
        "on_train_end",
    ],
)
def test_fit_calls_the_hooks_of_the_list_object(model: keras.Model, hook: str) -> None:
    """A hook that stands on the list object itself is called, and asks for `callbacks` then."""
    called: list[str] = []

    class Wraps(Spy):
        def found(self) -> None:
            owner = self.owner
            method = getattr(type(owner), hook)

            def wrapped(*args: Any, **kwargs: Any) -> None:
                own, owner.callbacks = owner.callbacks, [*owner.callbacks, added]
                method(owner, *args, **kwargs)
                owner.callbacks = own

            setattr(owner, hook, wrapped)

    added = keras.callbacks.LambdaCallback(**{hook: lambda *_, **__: called.append(hook)})
    # Else Keras may hand the end of a batch to a thread.
    synchronous = keras.callbacks.LambdaCallback(
        on_train_batch_end=lambda *_, **__: None, on_test_batch_end=lambda *_, **__: None
    )
    train(model, Wraps(), synchronous, epochs=1, validation_data=(FEATURES, TARGETS))
    assert called


@pytest.mark.parametrize(
    ("callback", "names"),
    [
        (keras.callbacks.EarlyStopping(), "wait best stopped_epoch min_delta baseline patience"),
        (keras.callbacks.EarlyStopping(), "start_from_epoch monitor mode best_weights monitor_op"),
        (keras.callbacks.EarlyStopping(), "restore_best_weights"),
        (keras.callbacks.ReduceLROnPlateau(), "wait best cooldown_counter patience min_delta"),
        (keras.callbacks.ReduceLROnPlateau(), "min_lr monitor mode in_cooldown monitor_op"),
        (keras.callbacks.ModelCheckpoint("a.keras"), "best filepath monitor mode monitor_op"),
        (keras.callbacks.ModelCheckpoint("a.keras"), "save_best_only save_freq"),
        (keras.callbacks.BackupAndRestore("a"), "backup_dir save_freq delete_checkpoint"),
        (keras.callbacks.Callback(), "params model"),
    ],
)
def test_state_of_stock_callbacks_has_its_names(
    callback: keras.callbacks.Callback, names: str
) -> None:
    """The public counters and settings that verdicts are read from."""
    gone = [name for name in names.split() if not hasattr(callback, name)]
    assert not gone, f"Keras {keras.__version__}: {type(callback).__name__} has no {gone}"


# ---- attributes ---------------------------------------------------------------------------------

MADE: dict[type[Any], Callable[[type[Any], Path], Any]] = {
    keras.callbacks.ModelCheckpoint: lambda kind, folder: kind(
        folder / "{epoch}-{batch}.weights.h5", save_weights_only=True, save_freq=1
    ),
    OrbaxCheckpoint: lambda kind, folder: kind(
        str(folder / "orbax"), save_freq=2, save_on_background=False
    ),
    keras.callbacks.BackupAndRestore: lambda kind, folder: kind(folder / "backup", save_freq=1),
    keras.callbacks.SwapEMAWeights: lambda kind, _: kind(swap_on_epoch=True),
    keras.callbacks.CallbackList: lambda kind, _: kind,
    keras.Model: lambda kind, _: kind(
        [keras.layers.Input((4,)), keras.layers.Dense(1, activation="sigmoid")]
    ),
    keras.optimizers.Optimizer: lambda kind, _: kind(
        keras.optimizers.schedules.ExponentialDecay(0.1, 3, 0.5), use_ema=True
    ),
}
# Of abstract classes, one that can be made.
CONCRETE: dict[type[Any], type[Any]] = {
    keras.Model: keras.Sequential,
    keras.optimizers.Optimizer: keras.optimizers.SGD,
}
RELIED_ON = [item for item in RELIANCES if item.backend in ("", BACKEND)]


def name_of(reliance: Reliance) -> str:
    """As it would be written."""
    return f"{reliance.kind.__name__}.{reliance.name}"


def concrete(reliance: Reliance) -> type[Any]:
    """The class, or one of it that can be made."""
    return CONCRETE.get(reliance.kind, reliance.kind)


def run_with(made: Any, reliance: Reliance, run_dir: Path) -> None:
    """Trains two epochs with that object in its place."""
    model = made if reliance.kind is keras.Model else new_model()
    optimizer = made if reliance.kind is keras.optimizers.Optimizer else None
    model.compile(
        loss="binary_crossentropy",
        optimizer=optimizer or keras.optimizers.SGD(0.1, use_ema=True),
        metrics=["accuracy"],
    )
    callbacks = [
        keras.callbacks.EarlyStopping("loss", patience=9),
        Timeline(run_dir, monitor="loss", save=None),
    ]
    if isinstance(made, keras.callbacks.Callback):
        callbacks.insert(0, made)
    if reliance.kind is keras.callbacks.CallbackList:
        callbacks = made(callbacks, add_history=True, model=model)
    model.fit(FEATURES, TARGETS, batch_size=4, epochs=2, verbose=0, callbacks=callbacks)


@pytest.mark.parametrize("reliance", RELIED_ON, ids=name_of)
def test_attribute_is_there(tmp_path: Path, reliance: Reliance) -> None:
    """Each line of the table, on a real object, and nothing is missed in a training with it."""
    made = MADE[reliance.kind](concrete(reliance), tmp_path)
    owner = made() if isinstance(made, type) else made
    assert hasattr(owner, reliance.name), f"Keras {keras.__version__} has moved {name_of(reliance)}"
    run_with(made, reliance, tmp_path / "run")
    assert not timeline_of(tmp_path / "run").notices


def hidden(kind: type[Any], name: str) -> type[Any]:
    """Returns a subclass whose attribute only Keras can see, as if it were called otherwise."""

    class Hidden(kind):
        def __getattribute__(self, wanted: str) -> Any:
            asks = str(sys._getframe(1).f_globals.get("__name__"))  # noqa: SLF001
            if wanted == name and asks.startswith("epochline"):
                raise AttributeError(wanted)
            return super().__getattribute__(wanted)

    Hidden.__name__ = kind.__name__
    return Hidden


@pytest.mark.parametrize("reliance", RELIED_ON, ids=name_of)
def test_without_the_attribute_the_rest_is_told(tmp_path: Path, reliance: Reliance) -> None:
    """What is lost is told once; training, epochs and all other decisions are as before."""
    made = MADE[reliance.kind](hidden(concrete(reliance), reliance.name), tmp_path)
    run_with(made, reliance, tmp_path / "run")
    timeline = timeline_of(tmp_path / "run")
    (notice,) = timeline.notices
    assert notice.code == "keras_moved"
    assert f"{reliance.kind.__name__} has no {reliance.name}: {reliance.without}." in notice.message
    assert [(row.epoch, row.step, row.batch) for row in timeline.epochs] == [(0, 3, 3), (1, 6, 6)]
    stops = [item for item in timeline.decisions if item.topic is Topic.STOP]
    assert [item.verdict for item in stops] == ["improved", "improved"]


def test_without_its_counter_saves_between_batches_are_told_by_their_files(tmp_path: Path) -> None:
    """That much can be seen from outside."""
    kind = hidden(keras.callbacks.ModelCheckpoint, "_batches_seen_since_last_saving")
    stock = MADE[keras.callbacks.ModelCheckpoint](kind, tmp_path)
    train(new_model(), stock, Timeline(tmp_path / "run", monitor="loss", save=None), epochs=1)
    assert [item.batch for item in timeline_of(tmp_path / "run").checkpoints] == [1, 2, 3]


def test_without_its_learning_rate_attribute_a_schedule_has_no_name(tmp_path: Path) -> None:
    """The rate is told all the same, put down to no callback."""
    kind = hidden(keras.optimizers.SGD, "_learning_rate")
    model = new_model()
    schedule = keras.optimizers.schedules.ExponentialDecay(0.1, 3, 0.5)
    model.compile(loss="mse", optimizer=kind(schedule))
    train(model, Timeline(tmp_path / "run", monitor="loss", save=None), epochs=1)
    (change,) = timeline_of(tmp_path / "run").decisions
    assert change.callback == "something outside of the callbacks"
    assert change.lr_after == pytest.approx(0.05)


def test_metrics_know_their_direction() -> None:
    """`mode="auto"` goes by `metric._direction`, as Keras's own callbacks do."""
    metric = keras.metrics.BinaryAccuracy()
    metric.update_state([1.0], [1.0])
    assert metric._direction == "up"  # noqa: SLF001


def test_without_directions_the_name_of_the_metric_decides(
    model: keras.Model, monkeypatch: pytest.MonkeyPatch, run_dir: Path
) -> None:
    """Public knowledge, and a notice that it was used."""
    for module in ("fit", "model_checkpoint"):
        monkeypatch.setattr(f"epochline.callbacks.{module}.metric_directions", lambda _: {})
    train(
        model,
        Dictate(val_accuracy=[0.5, 0.7, 0.6]),
        Timeline(run_dir, monitor="val_accuracy", save="best"),
        epochs=3,
    )
    timeline = timeline_of(run_dir)
    assert [item.epoch for item in timeline.checkpoints] == [0, 1]
    assert [item.code for item in timeline.notices] == ["mode_inferred"]


# ---- functions ----------------------------------------------------------------------------------


def test_saving_functions_are_there() -> None:
    """The route that makes a file in memory, with the arguments that we pass."""
    assert saving_lib.saving_lib_or_none() is not None
    assert {"weights_store", "assets_store", "inner_path", "visited_saveables"} <= set(
        inspect.signature(keras_saving_lib._save_state).parameters  # noqa: SLF001
    )
    assert {"path_or_io", "mode"} <= set(inspect.signature(keras_saving_lib.H5IOStore).parameters)


@pytest.mark.parametrize("name", ["a.weights.h5", "a.keras"])
def test_without_the_saving_functions_keras_makes_the_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    """On a Keras that has moved them, checkpoints are saved all the same."""
    monkeypatch.setattr(saving_lib, "_WANTED", ("moved",))
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
