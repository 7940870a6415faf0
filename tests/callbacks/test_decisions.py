"""What the stock callbacks decide is recorded with its cause and its numbers."""

from __future__ import annotations

import itertools
import math
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest

from epochline.callbacks import EarlyStoppingRecorder, LearningRateRecorder, Timeline
from epochline.events import EndReason, Topic, Verdict
from tests.callbacks.training import Dictate, decisions, new_model, numbers, timeline_of, train

NAN = math.nan


def early_stopping(**arguments: Any) -> keras.callbacks.EarlyStopping:
    """Keras's callback on the dictated metric."""
    return keras.callbacks.EarlyStopping(monitor="score", mode="min", **arguments)


def reduce_on_plateau(**arguments: Any) -> keras.callbacks.ReduceLROnPlateau:
    """Keras's callback on the dictated metric."""
    defaults: dict[str, Any] = {"monitor": "score", "mode": "min", "min_delta": 0.0}
    return keras.callbacks.ReduceLROnPlateau(**(defaults | arguments))


@pytest.mark.parametrize(
    ("arguments", "values", "expected"),
    [
        ({"patience": 2}, [3.0, 2.0], ["improved", "improved"]),
        ({"patience": 5}, [3.0, 4.0, 3.5], ["improved", "waiting", "waiting"]),
        ({"patience": 2}, [3.0, 4.0, 3.5, 1.0], ["improved", "waiting", "stopped"]),
        ({"patience": 9, "min_delta": 0.5}, [3.0, 2.9, 2.4], ["improved", "waiting", "improved"]),
        (
            {"patience": 9, "start_from_epoch": 2},
            [3.0, 2.0, 1.0],
            ["warming_up", "warming_up", "improved"],
        ),
        ({"patience": 9, "baseline": 1.0}, [3.0, 0.5], ["improved", "improved"]),
        ({"patience": 9}, [NAN, 1.0], ["improved", "waiting"]),
        ({"patience": 9}, [], ["metric_missing", "metric_missing"]),
    ],
)
def test_each_verdict_of_early_stopping_is_recorded(
    model: keras.Model,
    run_dir: Path,
    arguments: dict[str, Any],
    values: list[float],
    expected: list[str],
) -> None:
    """The verdict of every epoch is that of Keras's code, also when nothing happens."""
    epochs = len(values) or 2
    dictate = Dictate(score=values)
    recorder = EarlyStoppingRecorder(run_dir)
    if not values:
        with pytest.warns(UserWarning, match="not available"):
            train(model, dictate, early_stopping(**arguments), recorder, epochs=epochs)
    else:
        train(model, dictate, early_stopping(**arguments), recorder, epochs=epochs)
    assert [item.verdict for item in decisions(run_dir, "EarlyStopping")] == expected


def test_stop_is_recorded_with_the_numbers_behind_it(model: keras.Model, run_dir: Path) -> None:
    """The stopping decision holds monitor, values, patience and the epoch of the best."""
    stopping = early_stopping(patience=2, min_delta=0.1, restore_best_weights=True)
    train(
        model,
        Dictate(score=[3.0, 1.0, 2.0, 1.5, 1.0]),
        stopping,
        EarlyStoppingRecorder(run_dir),
        epochs=5,
    )
    stop, restored = decisions(run_dir, "EarlyStopping")[-2:]
    expected = {
        "verdict": Verdict.STOPPED,
        "epoch": 3,
        "position": 1,
        "monitor": "score",
        "mode": "min",
        "observed": 1.5,
        "best": 1.0,
        "best_epoch": 1,
        "min_delta": 0.1,
        "wait": 2,
        "patience": 2,
    }
    assert numbers(stop, expected) == expected
    assert stop.sentence == (
        "EarlyStopping stopped the training: score not better than 1 (best of epoch 2) by 0.1 "
        "for 2 epochs; patience 2/2 used up."
    )
    assert restored.verdict is Verdict.WEIGHTS_RESTORED
    assert restored.sentence == (
        "EarlyStopping restored the best weights of epoch 2 (optimizer state was not)."
    )
    session = timeline_of(run_dir).sessions[0]
    assert session.end_reason is EndReason.EARLY_STOPPING
    assert session.message(running=False) == "Stopped by EarlyStopping after epoch 4."


@pytest.mark.parametrize(
    ("arguments", "values", "expected"),
    [
        ({"patience": 2}, [3.0, 2.0, 2.5], ["improved", "improved", "waiting"]),
        ({"patience": 1}, [3.0, 4.0, 5.0], ["improved", "changed", "changed"]),
        (
            {"patience": 1, "cooldown": 2},
            [3.0, 4.0, 5.0, 6.0],
            ["improved", "changed", "cooling_down", "changed"],
        ),
        ({"patience": 1, "min_lr": 0.001}, [3.0, 4.0, 5.0], ["improved", "at_floor", "at_floor"]),
    ],
)
def test_each_verdict_of_reduce_lr_on_plateau_is_recorded(
    model: keras.Model,
    run_dir: Path,
    arguments: dict[str, Any],
    values: list[float],
    expected: list[str],
) -> None:
    """Improved, waiting, cut, cooling down and at the floor are told apart."""
    plateau = reduce_on_plateau(**arguments)
    train(model, Dictate(score=values), plateau, LearningRateRecorder(run_dir), epochs=len(values))
    assert [item.verdict for item in decisions(run_dir, "ReduceLROnPlateau")] == expected


def test_cut_is_recorded_with_rate_before_and_after(model: keras.Model, run_dir: Path) -> None:
    """The sentence of a cut tells what was not beaten, for how long, and the two rates."""
    plateau = reduce_on_plateau(patience=2, factor=0.1, min_delta=0.5)
    train(
        model,
        Dictate(score=[2.0, 1.9, 1.8]),
        plateau,
        LearningRateRecorder(run_dir),
        epochs=3,
    )
    assert decisions(run_dir, "ReduceLROnPlateau")[-1].sentence == (
        "ReduceLROnPlateau: score not better than 2 (best of epoch 1) by 0.5 for 2 epochs; "
        "learning rate 1e-3 → 1e-4; cooldown 0."
    )


def test_learning_rate_of_an_epoch_is_the_one_it_was_trained_with(
    model: keras.Model, run_dir: Path
) -> None:
    """The history shows the rate before the cut that the epoch's end brought."""
    train(
        model,
        Dictate(score=[1.0, 2.0, 0.5]),
        reduce_on_plateau(patience=1, factor=0.5),
        LearningRateRecorder(run_dir),
        epochs=3,
    )
    rates = timeline_of(run_dir).history()["learning_rate"]
    assert rates == pytest.approx([0.001, 0.001, 0.0005])


def test_scheduler_and_unknown_callbacks_are_named_as_causes(
    model: keras.Model, run_dir: Path
) -> None:
    """A rate is attributed to the one callback whose hook changed it, whatever its class."""

    def halve(epoch: int, _logs: object) -> None:
        if epoch == 1:
            model.optimizer.learning_rate = 0.125

    train(
        model,
        keras.callbacks.LearningRateScheduler(lambda epoch: 0.5 if epoch < 2 else 0.25),
        keras.callbacks.LambdaCallback(on_epoch_end=halve),
        LearningRateRecorder(run_dir),
        epochs=3,
    )
    changes = [
        (item.epoch, item.callback, item.position, item.lr_after)
        for item in timeline_of(run_dir).decisions
    ]
    assert changes == [
        (0, "LearningRateScheduler", 0, 0.5),
        (1, "LambdaCallback", 1, 0.125),
        (2, "LearningRateScheduler", 0, 0.25),
    ]


def test_schedule_inside_the_optimizer_is_named_as_cause(run_dir: Path) -> None:
    """A rate that moved during the batches is put down to the optimizer's schedule."""
    model = keras.Sequential([keras.layers.Input((4,)), keras.layers.Dense(1)])
    schedule = keras.optimizers.schedules.ExponentialDecay(0.1, 3, 0.5)
    model.compile(loss="mse", optimizer=keras.optimizers.SGD(schedule))
    train(model, LearningRateRecorder(run_dir), epochs=2)
    changes = timeline_of(run_dir).decisions
    assert [item.callback for item in changes] == ["ExponentialDecay"] * 2
    assert [item.lr_after for item in changes] == pytest.approx([0.05, 0.025])


def test_stop_by_nan_is_recorded_as_such(run_dir: Path) -> None:
    """TerminateOnNaN stops between batches; the end of the session says who and why."""
    train(
        new_model(loss="mse"),
        keras.callbacks.TerminateOnNaN(),
        Timeline(run_dir, save=None),
        epochs=3,
        y=np.full(12, NAN, dtype="float32"),
    )
    session = timeline_of(run_dir).sessions[0]
    assert session.end_reason is EndReason.NAN
    assert "TerminateOnNaN" in session.message(running=False)


def test_stop_by_an_unknown_callback_is_recorded_with_its_class(
    model: keras.Model, run_dir: Path
) -> None:
    """Whoever sets stop_training is named, also between batches."""

    class Impatient(keras.callbacks.Callback):
        def on_train_batch_end(self, batch: int, logs: object = None) -> None:
            if batch == 1:
                self.model.stop_training = True

    train(model, Impatient(), EarlyStoppingRecorder(run_dir), epochs=3)
    timeline = timeline_of(run_dir)
    assert [(d.callback, d.verdict) for d in timeline.decisions] == [("Impatient", "stopped")]
    assert timeline.sessions[0].end_reason is EndReason.STOPPED
    assert timeline.epochs[-1].batch == 2


def test_callback_order_does_not_change_what_is_recorded(
    model: keras.Model, tmp_path: Path
) -> None:
    """All 24 orders of the usual callbacks and Timeline lead to the same decisions."""
    scores = [5.0, 4.0, 4.5, 4.6, 3.0, 3.1, 3.2, 3.3]
    stories = set()
    for number, order in enumerate(itertools.permutations(range(4))):
        model.optimizer.learning_rate = 0.001
        run_dir = tmp_path / str(number)
        parts = [
            early_stopping(patience=3),
            reduce_on_plateau(patience=2),
            keras.callbacks.ModelCheckpoint(
                tmp_path / f"{number}.weights.h5",
                monitor="score",
                mode="min",
                save_best_only=True,
                save_weights_only=True,
            ),
            Timeline(run_dir, monitor="score", mode="min", save=None),
        ]
        train(model, Dictate(score=scores), *(parts[place] for place in order), epochs=8)
        timeline = timeline_of(run_dir)
        stories.add(
            tuple(
                sorted(
                    (d.epoch, d.topic, d.callback, d.verdict, d.sentence)
                    for d in timeline.decisions
                )
            )
            + tuple((c.epoch, c.why.split(" Its file")[0]) for c in timeline.checkpoints)
        )
    assert len(stories) == 1
    (story,) = stories
    assert len([item for item in story if item[1] == Topic.STOP]) == len(scores)
