"""A replay over a recorded `fit` gives what a `fit` with these callbacks does."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import keras
import pytest

import epochline
from epochline.callbacks import Timeline
from epochline.events import Verdict
from epochline.what_if_values import StopVerdict
from tests.callbacks.training import Dictate, decisions, new_model, train

SCORES = [5.0, 4.0, 4.2, 3.9, 3.9, 3.85, 3.0, 3.1, 3.2, 3.3, 3.0, 3.4, 3.5, 3.6]


@pytest.mark.parametrize(
    ("settings", "scores"),
    [
        ({"patience": 0}, SCORES),
        ({"patience": 2}, SCORES),
        ({"patience": 3, "min_delta": 0.5}, SCORES),
        ({"patience": 2, "baseline": 2.0}, SCORES),
        ({"patience": 2, "start_from_epoch": 4}, SCORES),
        ({"patience": 3}, [math.nan, *SCORES]),
        ({"patience": 3, "mode": "max"}, SCORES),
        ({"patience": 30}, SCORES),
    ],
)
def test_early_stopping_stops_where_the_replay_says(
    tmp_path: Path, settings: dict[str, Any], scores: list[float]
) -> None:
    """Recorded without the callback, told where it stops; then trained with it."""
    settings = {"monitor": "score", "mode": "min"} | settings
    dictated = Dictate(score=scores)
    plain = tmp_path / "plain"
    train(new_model(), dictated, Timeline(plain, save=None), epochs=len(scores))
    stock = keras.callbacks.EarlyStopping(**settings)
    history = train(new_model(), dictated, stock, epochs=len(scores))

    answer = epochline.what_if(plain, early_stopping=settings)  # type: ignore[arg-type]

    assert answer.stop is not None
    assert answer.stop.at.epoch == history.epoch[-1]
    assert (answer.stop.wait, answer.stop.best_epoch) == (stock.wait, stock.best_epoch)
    assert answer.epochs_saved == len(scores) - len(history.epoch)


@pytest.mark.parametrize(
    "settings",
    [
        {"patience": 1, "factor": 0.5},
        {"patience": 1, "factor": 0.5, "cooldown": 2},
        {"patience": 1, "factor": 0.1, "min_lr": 5e-4},
        {"patience": 2, "factor": 0.3, "min_delta": 0.2},
    ],
)
def test_recorded_training_is_replayed_as_it_was(tmp_path: Path, settings: dict[str, Any]) -> None:
    """The settings are found in the record, and give every cut and the stop once more."""
    run = tmp_path / "run"
    train(
        new_model(),
        Dictate(score=SCORES),
        keras.callbacks.ReduceLROnPlateau("score", mode="min", **settings),
        keras.callbacks.EarlyStopping("score", mode="min", patience=3),
        Timeline(run, save=None),
        epochs=20,
    )
    answer = epochline.what_if(run)

    made = [d for d in decisions(run, "ReduceLROnPlateau") if d.verdict is Verdict.CHANGED]
    assert answer.plateau is not None
    assert [(c.at.epoch, c.lr_before, c.lr_after, c.recorded) for c in answer.plateau.cuts] == [
        (d.epoch, d.lr_before, d.lr_after, True) for d in made
    ]
    assert made
    assert answer.stop is not None
    assert answer.stop.verdict is StopVerdict.AT_END
    assert (answer.notes, answer.differs_from) == ((), None)
    for name, value in settings.items():
        assert getattr(answer.reduce_lr, name) == value


def test_first_other_cut_is_that_of_a_training(tmp_path: Path) -> None:
    """Where the training begins to differ, a training with these settings does just that."""
    settings: dict[str, Any] = {"monitor": "score", "mode": "min", "patience": 2, "factor": 0.5}
    dictated = Dictate(score=SCORES)
    plain, cut = tmp_path / "plain", tmp_path / "cut"
    train(new_model(), dictated, Timeline(plain, save=None), epochs=len(SCORES))
    stock = keras.callbacks.ReduceLROnPlateau(**settings)
    train(new_model(), dictated, stock, Timeline(cut, save=None), epochs=len(SCORES))

    answer = epochline.what_if(plain, reduce_lr=settings)  # type: ignore[arg-type]

    first = next(d for d in decisions(cut, "ReduceLROnPlateau") if d.verdict is Verdict.CHANGED)
    assert answer.plateau is not None
    ours = answer.plateau.cuts[0]
    assert (ours.at.epoch, ours.lr_after) == (first.epoch, first.lr_after)
    assert ours.exact
    assert answer.differs_from == first.epoch + 1
