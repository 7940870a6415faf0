"""`OrbaxCheckpoint`: a directory that it wrote is told as a decision.

Apart from the other callbacks, because Orbax is not there on each backend.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import keras
import pytest

from epochline.events import EndReason, Topic
from tests.callbacks.stock.told import end_of, notice_codes, recorder
from tests.callbacks.training import Dictate, new_model, timeline_of, train

ORBAX: dict[str, tuple[dict[str, Any], list[float], list[tuple[int, str, str]]]] = {
    "every epoch": (
        {"max_to_keep": None},
        [3.0, 4.0],
        [(1, "saved", "saved {0}."), (2, "saved", "saved {1}.")],
    ),
    "best": (
        {"save_best_only": True, "max_to_keep": 2},
        [3.0, 4.0, 2.0],
        [
            (1, "saved", "saved {0}: score 3 is the first value. It keeps the last 2."),
            (2, "not_saved", "Not saved: score 4 ≥ 3 (best of epoch 1), short by 1."),
            (3, "saved", "saved {2}: score 2 < 3 (best of epoch 1). It keeps the last 2."),
        ],
    ),
    "no such metric": (
        {"save_best_only": True, "monitor": "val_f1"},
        [3.0],
        [
            (
                1,
                "metric_missing",
                (
                    "did not find its metric val_f1. It did not save. "
                    "Available metrics: accuracy, loss, score."
                ),
            )
        ],
    ),
    "between batches": (
        {"save_freq": 2, "max_to_keep": None},
        [3.0, 4.0],
        [(1, "saved", "saved {b2}."), (2, "saved", "saved {b4}."), (2, "saved", "saved {b6}.")],
    ),
    "in the background": (
        {"save_on_background": True},
        [3.0],
        [
            (
                1,
                "saved",
                "saved {0}. It is written in the background. It keeps the last 1.",
            )
        ],
    ),
}


@pytest.mark.filterwarnings("ignore:Can save best model only")
@pytest.mark.parametrize("name", ORBAX)
def test_orbax_checkpoint(tmp_path: Path, name: str) -> None:
    """What it decides, and the directory of each save; it is no file that could be restored."""
    arguments, scores, expected = ORBAX[name]
    defaults: dict[str, Any] = {"monitor": "score", "mode": "min", "save_on_background": False}
    folder, run_dir = tmp_path / "orbax", tmp_path / "run"
    orbax = keras.callbacks.OrbaxCheckpoint(str(folder), **(defaults | arguments))
    model = new_model()
    train(model, Dictate(score=scores), orbax, recorder(run_dir), epochs=len(scores))
    timeline = timeline_of(run_dir)
    found = [item for item in timeline.decisions if item.topic is Topic.CHECKPOINT]
    places = {f"b{step}": folder / str(step) for step in (2, 4, 6)}
    assert [(item.epoch + 1, item.verdict.value, item.sentence) for item in found] == [
        (
            epoch,
            verdict,
            ("" if text.startswith("Not") else "OrbaxCheckpoint ")
            + text.format(*(folder / str(step) for step in range(3)), **places),
        )
        for epoch, verdict, text in expected
    ]
    assert {(item.callback, item.position) for item in found} == {("OrbaxCheckpoint", 1)}
    kept = [Path(item.path) for item in found if item.verdict == "saved"]
    assert all(path.is_dir() for path in kept)
    assert not timeline.checkpoints
    assert not notice_codes(run_dir)


def test_orbax_directory_of_an_earlier_training(model: keras.Model, tmp_path: Path) -> None:
    """Orbax refuses a step that is there already; whose error that was is recorded."""
    directory = str(tmp_path / "orbax")
    train(model, keras.callbacks.OrbaxCheckpoint(directory), recorder(tmp_path / "1"), epochs=1)
    again = keras.callbacks.OrbaxCheckpoint(directory)
    with pytest.raises(Exception, match="Step 0 already exists"):
        train(model, again, recorder(tmp_path / "2"), epochs=1)
    assert end_of(tmp_path / "2")[:3] == (EndReason.FAILED, "OrbaxCheckpoint", 0)


def test_orbax_save_that_is_lost_in_the_background(model: keras.Model, tmp_path: Path) -> None:
    """Keras ignores errors of the background; a directory that is not there at the end is told."""

    class Lossy(keras.callbacks.OrbaxCheckpoint):
        def _save_checkpoint(self, step: int, logs: object = None) -> None:
            """As if the disk had been full."""

    train(model, Lossy(str(tmp_path / "orbax")), recorder(tmp_path / "run"), epochs=1)
    assert notice_codes(tmp_path / "run") == ["background_save_lost"]
