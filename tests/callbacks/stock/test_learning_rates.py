"""Every branch of what sets the learning rate in Keras, told exactly.

`ReduceLROnPlateau`, `LearningRateScheduler` and a `LearningRateSchedule` inside the optimizer. Each
row is one real `fit` and what is recorded of it: epoch as Keras prints it, verdict and sentence.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest

from epochline.events import EndReason, Topic
from tests.callbacks.stock.told import Told, decided, end_of, notice_codes, recorder, told
from tests.callbacks.training import Dictate, timeline_of, train

NAN = math.nan


def plateau(**arguments: Any) -> keras.callbacks.ReduceLROnPlateau:
    """Keras's callback on the dictated metric; it halves the rate after one epoch."""
    defaults: dict[str, Any] = {
        "monitor": "score",
        "mode": "min",
        "min_delta": 0.0,
        "patience": 1,
        "factor": 0.5,
    }
    return keras.callbacks.ReduceLROnPlateau(**(defaults | arguments))


RP = "ReduceLROnPlateau"
FIRST = (1, "improved", f"{RP}: score 3 is the first value.")
PLATEAU_ROWS: dict[str, tuple[dict[str, Any], list[float], list[Told], dict[str, Any]]] = {
    "better": (
        {},
        [3.0, 2.0],
        [FIRST, (2, "improved", f"{RP}: score 2 improved on 3 (best of epoch 1).")],
        {"observed": 2.0, "best": 3.0, "best_epoch": 0, "cooldown": 0, "min_lr": 0.0},
    ),
    "better is larger": (
        {"mode": "max"},
        [3.0, 4.0],
        [FIRST, (2, "improved", f"{RP}: score 4 improved on 3 (best of epoch 1).")],
        {"mode": "max"},
    ),
    "patience not used up": (
        {"patience": 5, "min_delta": 0.5},
        [3.0, 2.8, 2.6],
        [
            FIRST,
            (2, "waiting", f"{RP}: score 2.8, best 3 at epoch 1, patience 1/5."),
            (3, "waiting", f"{RP}: score 2.6, best 3 at epoch 1, patience 2/5."),
        ],
        {"wait": 2, "patience": 5, "min_delta": 0.5, "lr_after": None},
    ),
    "cut": (
        {"patience": 2, "min_delta": 0.5},
        [3.0, 2.8, 2.6],
        [
            FIRST,
            (2, "waiting", f"{RP}: score 2.8, best 3 at epoch 1, patience 1/2."),
            (
                3,
                "changed",
                (
                    f"{RP}: score not better than 3 (best of epoch 1) by 0.5 for 2 epochs; "
                    "learning rate 1e-3 → 5e-4; cooldown 0."
                ),
            ),
        ],
        {"wait": 2, "lr_before": pytest.approx(1e-3), "lr_after": pytest.approx(5e-4)},
    ),
    "cut again and again": (
        {},
        [3.0, 4.0, 4.0],
        [
            FIRST,
            (
                2,
                "changed",
                (
                    f"{RP}: score not better than 3 (best of epoch 1) for 1 epoch; "
                    "learning rate 1e-3 → 5e-4; cooldown 0."
                ),
            ),
            (
                3,
                "changed",
                (
                    f"{RP}: score not better than 3 (best of epoch 1) for 1 epoch; "
                    "learning rate 5e-4 → 2.5e-4; cooldown 0."
                ),
            ),
        ],
        {"wait": 1},
    ),
    "cooldown": (
        {"cooldown": 2},
        [3.0, 4.0, 5.0, 6.0],
        [
            FIRST,
            (
                2,
                "changed",
                (
                    f"{RP}: score not better than 3 (best of epoch 1) for 1 epoch; "
                    "learning rate 1e-3 → 5e-4; cooldown 2."
                ),
            ),
            (3, "cooling_down", f"{RP}: score 5, best 3 at epoch 1, cooling down, 1 epoch to go."),
            (
                4,
                "changed",
                (
                    f"{RP}: score not better than 3 (best of epoch 1) for 1 epoch; "
                    "learning rate 5e-4 → 2.5e-4; cooldown 2."
                ),
            ),
        ],
        {"cooldown": 2},
    ),
    "better while cooling down": (
        {"cooldown": 3},
        [3.0, 4.0, 2.0, NAN],
        [
            FIRST,
            (
                2,
                "changed",
                (
                    f"{RP}: score not better than 3 (best of epoch 1) for 1 epoch; "
                    "learning rate 1e-3 → 5e-4; cooldown 3."
                ),
            ),
            (3, "improved", f"{RP}: score 2 improved on 3 (best of epoch 1)."),
            (
                4,
                "cooling_down",
                f"{RP}: score is NaN, best 2 at epoch 3, cooling down, 1 epoch to go.",
            ),
        ],
        {"cooldown": 1, "best": 2.0, "best_epoch": 2},
    ),
    "at min_lr": (
        {"min_lr": 0.001, "patience": 1},
        [3.0, 4.0, 5.0],
        [
            FIRST,
            (
                2,
                "at_floor",
                (
                    f"{RP} wanted to cut after 1 epoch without improvement, but the learning rate "
                    "is at min_lr 1e-3."
                ),
            ),
            (
                3,
                "at_floor",
                (
                    f"{RP} wanted to cut after 2 epochs without improvement, but the learning rate "
                    "is at min_lr 1e-3."
                ),
            ),
        ],
        {"wait": 2, "min_lr": 0.001, "lr_after": None},
    ),
    "cut down to min_lr": (
        {"min_lr": 0.0008},
        [3.0, 4.0],
        [
            FIRST,
            (
                2,
                "changed",
                (
                    f"{RP}: score not better than 3 (best of epoch 1) for 1 epoch; "
                    "learning rate 1e-3 → 8e-4; cooldown 0."
                ),
            ),
        ],
        {"min_lr": 0.0008, "lr_after": pytest.approx(8e-4)},
    ),
    "NaN": (
        {"patience": 2},
        [3.0, NAN, NAN],
        [
            FIRST,
            (2, "waiting", f"{RP}: score is NaN, best 3 at epoch 1, patience 1/2."),
            (
                3,
                "changed",
                (
                    f"{RP}: score not better than 3 (best of epoch 1) for 2 epochs (NaN now); "
                    "learning rate 1e-3 → 5e-4; cooldown 0."
                ),
            ),
        ],
        {"wait": 2},
    ),
    "NaN first": (
        {"patience": 5},
        [NAN, 1.0],
        [
            (1, "improved", f"{RP}: score is NaN, the first value, and so the best for good."),
            (2, "waiting", f"{RP}: score 1; nothing is better than NaN, the best, patience 1/5."),
        ],
        {"wait": 1},
    ),
}


@pytest.mark.parametrize("name", PLATEAU_ROWS)
def test_reduce_lr_on_plateau(model: keras.Model, run_dir: Path, name: str) -> None:
    """What it decides in each epoch, with the numbers of the last decision."""
    arguments, scores, expected, numbers = PLATEAU_ROWS[name]
    callback = plateau(**arguments)
    train(model, Dictate(score=scores), callback, recorder(run_dir), epochs=len(scores))
    found = decided(run_dir, Topic.LEARNING_RATE, RP, 1)
    assert told(found) == expected
    assert {key: getattr(found[-1], key) for key in numbers} == numbers


@pytest.mark.filterwarnings("ignore:Learning rate reduction is conditioned")
def test_metric_that_is_not_there(model: keras.Model, run_dir: Path) -> None:
    """ReduceLROnPlateau says which metrics there are; the learning rate it writes is one."""
    train(model, plateau(monitor="val_f1"), recorder(run_dir), epochs=1)
    assert told(decided(run_dir, Topic.LEARNING_RATE, RP, 0)) == [
        (
            1,
            "metric_missing",
            (
                f"{RP} did not find its metric val_f1. "
                "Available metrics: accuracy, loss, learning_rate."
            ),
        )
    ]


def halve(_epoch: int, rate: float) -> float:
    """A schedule of the new kind."""
    return rate / 2


SCHEDULER_ROWS: dict[str, tuple[Callable[..., Any], list[Told]]] = {
    "with the rate": (
        halve,
        [
            (1, "changed", "LearningRateScheduler: learning rate 1e-3 → 5e-4."),
            (2, "changed", "LearningRateScheduler: learning rate 5e-4 → 2.5e-4."),
        ],
    ),
    "of the old kind": (
        lambda epoch: 0.5 if epoch else 0.25,
        [
            (1, "changed", "LearningRateScheduler: learning rate 1e-3 → 0.25."),
            (2, "changed", "LearningRateScheduler: learning rate 0.25 → 0.5."),
        ],
    ),
    "the same again": (lambda _epoch, rate: np.float32(rate), []),
}


@pytest.mark.parametrize("name", SCHEDULER_ROWS)
def test_learning_rate_scheduler(model: keras.Model, run_dir: Path, name: str) -> None:
    """A rate that it set is told with before and after; setting the same again is not."""
    schedule, expected = SCHEDULER_ROWS[name]
    scheduler = keras.callbacks.LearningRateScheduler(schedule)
    train(model, scheduler, recorder(run_dir), epochs=2)
    assert told(decided(run_dir, Topic.LEARNING_RATE, "LearningRateScheduler", 0)) == expected


def test_schedule_that_gives_no_number_ends_the_training(model: keras.Model, run_dir: Path) -> None:
    """Keras wants a float; whose error that was is recorded."""
    scheduler = keras.callbacks.LearningRateScheduler(lambda _epoch, _rate: "slow")
    with pytest.raises(ValueError, match="should be a float"):
        train(model, scheduler, recorder(run_dir), epochs=1)
    reason, callback, position, _ = end_of(run_dir)
    assert (reason, callback, position) == (EndReason.FAILED, "LearningRateScheduler", 0)


def compiled(optimizer: Any) -> keras.Model:
    """A small model with that optimizer."""
    model = keras.Sequential(
        [
            keras.layers.Input((4,)),
            keras.layers.Dense(2, name="first"),
            keras.layers.Dense(1, name="second"),
        ]
    )
    model.compile(loss="mse", optimizer=optimizer)
    return model


def test_several_optimizers_are_told_by_name(run_dir: Path) -> None:
    """Each optimizer that is cut or set is a decision of its own; one at min_lr is not."""
    train(
        compiled(two_optimizers()),
        Dictate(score=[3.0, 4.0]),
        plateau(min_lr=0.01),
        recorder(run_dir / "1"),
        epochs=2,
    )
    (cut,) = decided(run_dir / "1", Topic.LEARNING_RATE, RP, 1)[1:]
    assert cut.optimizer == "fast"
    assert cut.lr_after == pytest.approx(0.05)
    assert cut.sentence.startswith(f"{RP} (fast): score not better than 3")
    scheduler = keras.callbacks.LearningRateScheduler(halve)
    train(compiled(two_optimizers()), scheduler, recorder(run_dir / "2"), epochs=2)
    changes = decided(run_dir / "2", Topic.LEARNING_RATE, "LearningRateScheduler", 0)
    assert [(change.epoch, change.optimizer) for change in changes] == [
        (epoch, name) for epoch in range(2) for name in ("fast", "slow")
    ]


def two_optimizers() -> Any:
    """One for each layer of `compiled`."""
    slow, fast = keras.optimizers.SGD(0.01, name="slow"), keras.optimizers.SGD(0.1, name="fast")
    return keras.optimizers.MultiOptimizer(keras.optimizers.OptimizerMap(slow, {"second/.*": fast}))


def test_schedule_inside_the_optimizer(run_dir: Path) -> None:
    """The class of the schedule is the cause; it has no place in the list of callbacks."""
    schedule = keras.optimizers.schedules.ExponentialDecay(0.1, 3, 0.5)
    train(compiled(keras.optimizers.SGD(schedule)), recorder(run_dir), epochs=2)
    assert told(decided(run_dir, Topic.LEARNING_RATE, "ExponentialDecay", None)) == [
        (1, "changed", "ExponentialDecay: learning rate 0.1 → 0.05."),
        (2, "changed", "ExponentialDecay: learning rate 0.05 → 0.025."),
    ]


def test_schedule_that_stands_still_is_not_told(run_dir: Path) -> None:
    """Quiet where nothing changes."""
    schedule = keras.optimizers.schedules.PiecewiseConstantDecay([1000], [0.1, 0.01])
    train(compiled(keras.optimizers.SGD(schedule)), recorder(run_dir), epochs=2)
    assert not timeline_of(run_dir).decisions


@pytest.mark.parametrize(
    ("callback", "name", "position"),
    [
        (plateau, RP, 1),
        (lambda: keras.callbacks.LearningRateScheduler(halve), "LearningRateScheduler", 1),
    ],
)
def test_schedule_and_a_callback_that_sets_the_rate(
    run_dir: Path, callback: Callable[[], Any], name: str, position: int
) -> None:
    """Keras refuses with a TypeError, which is told before it happens."""
    schedule = keras.optimizers.schedules.ExponentialDecay(0.1, 3, 0.5)
    model = compiled(keras.optimizers.SGD(schedule))
    with pytest.raises(TypeError, match="learning rate"):
        train(model, Dictate(score=[1.0, 2.0]), callback(), recorder(run_dir), epochs=2)
    assert notice_codes(run_dir) == ["learning_rate_given_by_schedule"]
    assert end_of(run_dir)[:3] == (EndReason.FAILED, name, position)
