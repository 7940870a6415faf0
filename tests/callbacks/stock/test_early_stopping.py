"""Every branch of `keras.callbacks.EarlyStopping`, told exactly.

Each row is one real `fit` in which the metric `score` is dictated, and what is recorded of it:
epoch as Keras prints it, verdict and sentence, and the numbers behind the last one.
"""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import keras
import pytest

from epochline.events import EndReason, Topic
from tests.callbacks.stock.told import Told, decided, end_of, notice_codes, recorder, told
from tests.callbacks.training import Dictate, train

NAN = math.nan


def early_stopping(**arguments: Any) -> keras.callbacks.EarlyStopping:
    """Keras's callback on the dictated metric; it waits for as long as the test lasts."""
    defaults: dict[str, Any] = {"monitor": "score", "mode": "min", "patience": 9}
    return keras.callbacks.EarlyStopping(**(defaults | arguments))


ES = "EarlyStopping"
ROWS: dict[str, tuple[dict[str, Any], list[float], list[Told], dict[str, Any]]] = {
    "the first value is the best": (
        {},
        [3.0],
        [(1, "improved", f"{ES}: score 3 is the first value.")],
        {"observed": 3.0, "best": None, "wait": 0, "patience": 9, "mode": "min", "min_delta": 0.0},
    ),
    "better": (
        {},
        [3.0, 2.0],
        [
            (1, "improved", f"{ES}: score 3 is the first value."),
            (2, "improved", f"{ES}: score 2 improved on 3 (best of epoch 1)."),
        ],
        {"observed": 2.0, "best": 3.0, "best_epoch": 0, "wait": 0},
    ),
    "better is larger": (
        {"mode": "max"},
        [3.0, 4.0, 3.5],
        [
            (1, "improved", f"{ES}: score 3 is the first value."),
            (2, "improved", f"{ES}: score 4 improved on 3 (best of epoch 1)."),
            (3, "waiting", f"{ES}: score 3.5, best 4 at epoch 2, patience 1/9."),
        ],
        {"mode": "max", "observed": 3.5, "best": 4.0, "best_epoch": 1, "wait": 1},
    ),
    "better by less than min_delta": (
        {"min_delta": 0.5},
        [3.0, 2.9, 2.4],
        [
            (1, "improved", f"{ES}: score 3 is the first value."),
            (2, "waiting", f"{ES}: score 2.9, best 3 at epoch 1, patience 1/9."),
            (3, "improved", f"{ES}: score 2.4 improved on 3 (best of epoch 1)."),
        ],
        {"min_delta": 0.5, "wait": 0},
    ),
    "patience used up": (
        {"patience": 2, "min_delta": 0.1},
        [3.0, 1.0, 2.0, 1.5, 0.1],
        [
            (1, "improved", f"{ES}: score 3 is the first value."),
            (2, "improved", f"{ES}: score 1 improved on 3 (best of epoch 1)."),
            (3, "waiting", f"{ES}: score 2, best 1 at epoch 2, patience 1/2."),
            (
                4,
                "stopped",
                (
                    f"{ES} stopped the training: score not better than 1 (best of epoch 2) "
                    "by 0.1 for 2 epochs; patience 2/2 used up."
                ),
            ),
        ],
        {"observed": 1.5, "best": 1.0, "best_epoch": 1, "wait": 2, "patience": 2, "min_delta": 0.1},
    ),
    "no patience": (
        {"patience": 0},
        [3.0, 3.0],
        [
            (1, "improved", f"{ES}: score 3 is the first value."),
            (
                2,
                "stopped",
                (
                    f"{ES} stopped the training: score not better than 3 (best of epoch 1) for "
                    "1 epoch; patience 1/0 used up."
                ),
            ),
        ],
        {"wait": 1, "patience": 0},
    ),
    "before start_from_epoch": (
        {"start_from_epoch": 2},
        [1.0, 2.0, 3.0],
        [
            (1, "warming_up", f"{ES}: warming up, score counts from epoch 3."),
            (2, "warming_up", f"{ES}: warming up, score counts from epoch 3."),
            (3, "improved", f"{ES}: score 3 is the first value."),
        ],
        {"observed": 3.0, "best": None},
    ),
    "baseline beaten": (
        {"baseline": 2.5},
        [3.0, 2.0],
        [
            (
                1,
                "improved",
                (
                    f"{ES}: score 3 is the first value, but did not beat the baseline 2.5; "
                    "patience 1/9."
                ),
            ),
            (2, "improved", f"{ES}: score 2 improved on 3 (best of epoch 1)."),
        ],
        {"baseline": 2.5, "wait": 0},
    ),
    "baseline not beaten": (
        {"baseline": 1.0, "patience": 2},
        [3.0, 2.0, 2.0],
        [
            (
                1,
                "improved",
                f"{ES}: score 3 is the first value, but did not beat the baseline 1; patience 1/2.",
            ),
            (  # patience is used up, but Keras does not stop in an epoch that got better
                2,
                "improved",
                (
                    f"{ES}: score 2 improved on 3 (best of epoch 1), but did not beat the "
                    "baseline 1; patience 2/2."
                ),
            ),
            (
                3,
                "stopped",
                (
                    f"{ES} stopped the training: score not better than 2 (best of epoch 2) for "
                    "3 epochs; patience 3/2 used up."
                ),
            ),
        ],
        {"baseline": 1.0, "wait": 3},
    ),
    "NaN": (
        {"patience": 2},
        [3.0, NAN, NAN],
        [
            (1, "improved", f"{ES}: score 3 is the first value."),
            (2, "waiting", f"{ES}: score is NaN, best 3 at epoch 1, patience 1/2."),
            (
                3,
                "stopped",
                (
                    f"{ES} stopped the training: score not better than 3 (best of epoch 1) for "
                    "2 epochs (NaN now); patience 2/2 used up."
                ),
            ),
        ],
        {"wait": 2},
    ),
    "NaN first": (
        {},
        [NAN, 1.0],
        [
            (1, "improved", f"{ES}: score is NaN, the first value, and so the best for good."),
            (2, "waiting", f"{ES}: score 1; nothing is better than NaN, the best, patience 1/9."),
        ],
        {"observed": 1.0, "wait": 1},
    ),
    "best weights restored": (
        {"patience": 1, "restore_best_weights": True},
        [1.0, 2.0],
        [
            (1, "improved", f"{ES}: score 1 is the first value."),
            (
                2,
                "stopped",
                (
                    f"{ES} stopped the training: score not better than 1 (best of epoch 1) for "
                    "1 epoch; patience 1/1 used up."
                ),
            ),
            (
                2,
                "weights_restored",
                f"{ES} restored the best weights of epoch 1 (optimizer state was not).",
            ),
        ],
        {"best": 1.0, "best_epoch": 0},
    ),
    "best weights restored when the epochs are over": (
        {"restore_best_weights": True},
        [1.0, 2.0],
        [
            (1, "improved", f"{ES}: score 1 is the first value."),
            (2, "waiting", f"{ES}: score 2, best 1 at epoch 1, patience 1/9."),
            (
                2,
                "weights_restored",
                f"{ES} restored the best weights of epoch 1 (optimizer state was not).",
            ),
        ],
        {"best": 1.0, "best_epoch": 0},
    ),
}


@pytest.mark.parametrize("name", ROWS)
def test_each_decision(model: keras.Model, run_dir: Path, name: str) -> None:
    """What it decides in each epoch, and who ended the training."""
    arguments, scores, expected, numbers = ROWS[name]
    stopping = early_stopping(**arguments)
    train(model, Dictate(score=scores), stopping, recorder(run_dir), epochs=len(scores))
    found = decided(run_dir, Topic.STOP, ES, 1)
    assert told(found) == expected
    assert {key: getattr(found[-1], key) for key in numbers} == numbers
    stopped = "stopped" in [verdict for _, verdict, _ in expected]
    reason = EndReason.EARLY_STOPPING if stopped else EndReason.COMPLETED
    assert end_of(run_dir) == (reason, ES if stopped else "", 1 if stopped else None, "")


@pytest.mark.filterwarnings("ignore:Early stopping conditioned")
def test_metric_that_is_not_there(model: keras.Model, run_dir: Path) -> None:
    """It says which metrics there are; nothing is counted, and nothing restored."""
    stopping = early_stopping(monitor="val_f1", restore_best_weights=True, patience=1)
    train(model, stopping, recorder(run_dir), epochs=2)
    sentence = f"{ES} did not find its metric val_f1. Available metrics: accuracy, loss."
    assert told(decided(run_dir, Topic.STOP, ES, 0)) == [
        (1, "metric_missing", sentence),
        (2, "metric_missing", sentence),
    ]


def test_metric_whose_direction_keras_does_not_know(model: keras.Model, run_dir: Path) -> None:
    """Keras ends the training; whose error that was is recorded."""
    stopping = keras.callbacks.EarlyStopping(monitor="score")
    with pytest.raises(ValueError, match="isn't able to automatically determine"):
        train(model, Dictate(score=[1.0]), stopping, recorder(run_dir), epochs=1)
    reason, callback, position, message = end_of(run_dir)
    assert (reason, callback, position) == (EndReason.FAILED, ES, 1)
    assert message.startswith("ValueError: EarlyStopping callback received monitor=score")


def test_subclass_is_told_by_its_own_name(model: keras.Model, run_dir: Path) -> None:
    """A subclass decides by the same code, and one with rules of its own is not made to wait."""

    class Mine(keras.callbacks.EarlyStopping):
        pass

    class Other(keras.callbacks.EarlyStopping):
        def on_epoch_end(self, epoch: int, logs: object = None) -> None:
            if epoch == 1:
                self.model.stop_training = True

    arguments: dict[str, Any] = {"monitor": "score", "mode": "min", "patience": 9}
    train(model, Dictate(score=[1.0, 2.0]), Mine(**arguments), recorder(run_dir / "1"), epochs=2)
    assert told(decided(run_dir / "1", Topic.STOP, "Mine", 1)) == [
        (1, "improved", "Mine: score 1 is the first value."),
        (2, "waiting", "Mine: score 2, best 1 at epoch 1, patience 1/9."),
    ]
    train(model, Dictate(score=[1.0] * 3), Other(**arguments), recorder(run_dir / "2"), epochs=3)
    (stop,) = decided(run_dir / "2", Topic.STOP, "Other", 1)
    assert (stop.epoch, stop.verdict) == (1, "stopped")


def test_trap_of_a_nan_that_comes_first(model: keras.Model, run_dir: Path) -> None:
    """That nothing will be better than NaN is told beside the decision."""
    train(model, Dictate(score=[NAN]), early_stopping(), recorder(run_dir), epochs=1)
    assert notice_codes(run_dir) == ["nan_is_best"]
