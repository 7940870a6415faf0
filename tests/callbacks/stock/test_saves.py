"""Every branch of Keras's callbacks that save checkpoints, told exactly.

Each row is one real `fit` in which the metric `score` is dictated. A file that `ModelCheckpoint`
wrote is a checkpoint of the run.
"""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest

from epochline.callbacks import Timeline
from epochline.events import EndReason, Topic
from epochline.timeline import Timeline as Story
from tests.callbacks.stock.told import end_of, notice_codes, recorder
from tests.callbacks.training import Dictate, new_model, timeline_of, train

NAN = math.nan
MC = "ModelCheckpoint"


def reasons(timeline: Story) -> list[str]:
    """Epoch as Keras prints it and sentence, of checkpoints and decisions about them, in order."""
    lines = [
        (item.wall_time, f"{item.epoch + 1} {item.sentence}")
        for item in timeline.decisions
        if item.topic is Topic.CHECKPOINT
    ]
    lines += [
        (item.wall_time, f"{item.epoch + 1} {item.why.partition(' Its file ')[0]}")
        for item in timeline.checkpoints
    ]
    return [text for _, text in sorted(lines, key=lambda line: line[0])]


BEST: dict[str, Any] = {"save_best_only": True}
FIRST = "1 Saved: score 3 is the first value, and so the best so far."
ROWS: dict[str, tuple[dict[str, Any], list[Any], list[str]]] = {
    "every epoch": ({}, [3.0, 4.0], ["1 Saved as scheduled.", "2 Saved as scheduled."]),
    "better": (
        BEST,
        [3.0, 2.0, 1.0],
        [
            FIRST,
            "2 Saved: score 2 < 3 (best of epoch 1).",
            "3 Saved: score 1 < 2 (best of epoch 2).",
        ],
    ),
    "better is larger": (
        {**BEST, "mode": "max"},
        [3.0, 4.0, 3.5],
        [
            FIRST,
            "2 Saved: score 4 > 3 (best of epoch 1).",
            "3 Not saved: score 3.5 ≤ 4 (best of epoch 2), short by 0.5.",
        ],
    ),
    "not better": (
        BEST,
        [3.0, 3.0, 3.5],
        [
            FIRST,
            "2 Not saved: score 3 ≥ 3 (best of epoch 1).",
            "3 Not saved: score 3.5 ≥ 3 (best of epoch 1), short by 0.5.",
        ],
    ),
    "a value to beat from the start": (
        {**BEST, "initial_value_threshold": 2.5},
        [3.0, 2.0, 2.25],
        [
            "1 Not saved: score 3 ≥ 2.5 (from before this training), short by 0.5.",
            "2 Saved: score 2 < 2.5.",
            "3 Not saved: score 2.25 ≥ 2 (best of epoch 2), short by 0.25.",
        ],
    ),
    "NaN": (
        BEST,
        [3.0, NAN, 2.0],
        [
            FIRST,
            "2 Not saved: score is NaN.",
            "3 Saved: score 2 < 3 (best of epoch 1).",
        ],
    ),
    "NaN first": (
        BEST,
        [NAN, 2.0],
        [
            "1 Saved: score is NaN, the first value, and so the best for good.",
            "2 Not saved: score 2; nothing is better than NaN, the best.",
        ],
    ),
    "no such metric": (
        {**BEST, "monitor": "val_f1"},
        [3.0],
        [
            (
                f"1 {MC} did not find its metric val_f1. It saved all the same. "
                "Available metrics: accuracy, loss, score."
            ),
            "1 Saved as scheduled.",
        ],
    ),
    "a metric that is no single number": (
        BEST,
        [np.array([3.0, 4.0])],
        [
            (
                f"1 {MC} did not find its metric score. It saved all the same. "
                "It is not a single number."
            ),
            "1 Saved as scheduled.",
        ],
    ),
    "the whole model": (
        {**BEST, "filepath": "{epoch}-{score:.1f}.keras", "save_weights_only": False},
        [3.0],
        [FIRST],
    ),
}


@pytest.mark.filterwarnings("ignore:Can save best model only")
@pytest.mark.parametrize("name", ROWS)
def test_model_checkpoint(model: keras.Model, tmp_path: Path, name: str) -> None:
    """What it decides in each epoch; each file that it wrote stands in the timeline."""
    arguments, scores, expected = ROWS[name]
    defaults: dict[str, Any] = {
        "filepath": "{epoch}.weights.h5",
        "monitor": "score",
        "mode": "min",
        "save_weights_only": True,
    }
    values = defaults | arguments
    values["filepath"] = tmp_path / "own" / values["filepath"]
    run_dir = tmp_path / "run"
    stock = keras.callbacks.ModelCheckpoint(**values)
    train(model, Dictate(score=scores), stock, recorder(run_dir), epochs=len(scores))
    timeline = timeline_of(run_dir)
    assert reasons(timeline) == expected
    assert all(item.callback == MC and not item.owned for item in timeline.checkpoints)
    assert all(item.restorable and Path(item.path).exists() for item in timeline.checkpoints)
    assert all(
        (item.callback, item.position) == (MC, 1)
        for item in timeline.decisions
        if item.topic is Topic.CHECKPOINT
    )


def test_saves_in_quick_succession_are_all_seen(model: keras.Model, tmp_path: Path) -> None:
    """Files of one name and size, within one tick of the disk's clock, are told apart."""
    stock = keras.callbacks.ModelCheckpoint(
        tmp_path / "last.weights.h5", save_weights_only=True, save_freq=1
    )
    train(model, stock, recorder(tmp_path / "run"), epochs=2)
    saved = timeline_of(tmp_path / "run").checkpoints
    assert [(item.epoch, item.batch) for item in saved] == [
        (0, 1), (0, 2), (0, 3), (1, 4), (1, 5), (1, 6),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("save_freq", "batches"),
    [(1, [1, 2, 3, 4, 5, 6, 7, 8, 9]), (2, [2, 4, 6, 8]), (4, [4, 8]), (5, [5]), (10, [])],
)
def test_saves_between_batches(
    model: keras.Model, tmp_path: Path, save_freq: int, batches: list[int]
) -> None:
    """Each save stands at its batch and step, counted over the epochs."""
    before = int(model.optimizer.iterations.numpy())
    stock = keras.callbacks.ModelCheckpoint(
        tmp_path / "{epoch}-{batch}.weights.h5", save_weights_only=True, save_freq=save_freq
    )
    train(model, stock, recorder(tmp_path / "run"), epochs=3)
    saved = timeline_of(tmp_path / "run").checkpoints
    assert [item.batch for item in saved] == batches
    assert [item.step - before for item in saved] == batches
    assert [item.epoch for item in saved] == [(batch - 1) // 3 for batch in batches]
    assert [Path(item.path).name for item in saved] == [
        f"{(batch - 1) // 3 + 1}-{(batch - 1) % 3 + 1}.weights.h5" for batch in batches
    ]


class BatchScores(keras.callbacks.Callback):
    """Dictates the metric `score` of each batch."""

    def __init__(self, *scores: float) -> None:
        super().__init__()
        self.scores = scores

    def on_train_batch_end(self, batch: int, logs: dict[str, Any] | None = None) -> None:
        """Called by Keras."""
        assert logs is not None
        logs["score"] = self.scores[batch]


def test_saves_between_batches_that_were_refused(model: keras.Model, tmp_path: Path) -> None:
    """Also there, what was not good enough is told with its numbers, at its batch."""
    stock = keras.callbacks.ModelCheckpoint(
        tmp_path / "best.weights.h5",
        monitor="score",
        mode="min",
        save_best_only=True,
        save_weights_only=True,
        save_freq=1,
    )
    stock._set_monitor_op()  # noqa: SLF001 – else Keras fails before the first epoch has ended
    train(model, BatchScores(3.0, 4.0, 2.0), stock, recorder(tmp_path / "run"), epochs=1)
    timeline = timeline_of(tmp_path / "run")
    assert reasons(timeline) == [
        FIRST,
        "1 Not saved: score 4 ≥ 3 (best of epoch 1), short by 1.",
        "1 Saved: score 2 < 3 (best of epoch 1).",
    ]
    assert [item.batch for item in timeline.checkpoints] == [1, 3]
    assert [item.batch for item in timeline.decisions] == [2]


def test_best_in_batches_fails_in_the_first_epoch(model: keras.Model, tmp_path: Path) -> None:
    """Keras 3.15 does not know a direction before the first epoch has ended; it is told before."""
    stock = keras.callbacks.ModelCheckpoint(
        tmp_path / "best.weights.h5",
        monitor="loss",
        save_best_only=True,
        save_weights_only=True,
        save_freq=1,
    )
    with pytest.raises(TypeError, match="not callable"):
        train(model, stock, recorder(tmp_path / "run"), epochs=1)
    assert notice_codes(tmp_path / "run") == ["batch_saves_before_the_first_epoch_ended"]
    assert end_of(tmp_path / "run")[:3] == (EndReason.FAILED, MC, 0)


def test_best_by_a_metric_of_unknown_direction(model: keras.Model, tmp_path: Path) -> None:
    """Keras ends the training; whose error that was is recorded."""
    stock = keras.callbacks.ModelCheckpoint(tmp_path / "a.keras", monitor="score")
    with pytest.raises(ValueError, match="isn't able to automatically determine"):
        train(model, Dictate(score=[1.0]), stock, recorder(tmp_path / "run"), epochs=1)
    assert end_of(tmp_path / "run")[:3] == (EndReason.FAILED, MC, 1)


def test_directory_where_the_file_should_go(model: keras.Model, tmp_path: Path) -> None:
    """The save fails, Keras ends the training, and no checkpoint is listed."""
    (tmp_path / "a.weights.h5").mkdir()
    stock = keras.callbacks.ModelCheckpoint(tmp_path / "a.weights.h5", save_weights_only=True)
    with pytest.raises(OSError, match="directory"):
        train(model, stock, recorder(tmp_path / "run"), epochs=1)
    timeline = timeline_of(tmp_path / "run")
    assert not timeline.checkpoints
    assert end_of(tmp_path / "run")[:3] == (EndReason.FAILED, MC, 0)


def test_weights_that_are_not_finite_in_the_file_of_another(tmp_path: Path) -> None:
    """Also files that Epochline did not write are told to hold NaN."""
    model = new_model(loss="mse")
    model.layers[-1].kernel.assign(np.full(model.layers[-1].kernel.shape, np.inf))
    stock = keras.callbacks.ModelCheckpoint(tmp_path / "a.weights.h5", save_weights_only=True)
    train(model, stock, recorder(tmp_path / "run"), epochs=1)
    assert "weights_not_healthy" in notice_codes(tmp_path / "run")


def test_metrics_of_a_stock_checkpoint_are_those_of_its_epoch(
    model: keras.Model, tmp_path: Path
) -> None:
    """Whatever writes into the logs, and wherever it stands, as in our own checkpoints."""
    stock = keras.callbacks.ModelCheckpoint(tmp_path / "a.weights.h5", save_weights_only=True)
    train(model, stock, Dictate(score=[3.0]), Timeline(tmp_path / "run", monitor="loss"), epochs=1)
    own, ours = timeline_of(tmp_path / "run").checkpoints
    assert (own.owned, ours.owned) == (False, True)
    assert own.metrics == ours.metrics
    assert own.metrics["score"] == 3.0
