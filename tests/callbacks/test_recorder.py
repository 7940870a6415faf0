"""A training loop without `fit` gets the same timeline."""

from __future__ import annotations

from pathlib import Path

import keras
import pytest

import epochline
from epochline import KeepLast
from epochline.events import EndReason
from tests.callbacks.training import FEATURES, TARGETS, timeline_of

LOSSES = [3.0, 1.0, 2.0]


def loop(model: keras.Model, run_dir: Path) -> None:
    """A small loop with `train_on_batch`."""
    with epochline.record(
        run_dir, monitor="val_loss", mode="min", keep=KeepLast(2), epochs=3
    ) as recorder:
        recorder.learning_rate(0.1)
        for epoch, loss in enumerate(LOSSES):
            model.train_on_batch(FEATURES, TARGETS)
            recorder.epoch_end(epoch, {"loss": loss / 2, "val_loss": loss}, step=epoch + 1)
            assert recorder.checkpoint(model)
            recorder.learning_rate(0.1 if epoch < 1 else 0.05, why="half time")


def test_own_loop_is_recorded_like_a_fit(model: keras.Model, run_dir: Path) -> None:
    """Epochs, learning rates, checkpoints and the end are in the timeline."""
    loop(model, run_dir)
    timeline = timeline_of(run_dir)
    assert timeline.history()["val_loss"] == LOSSES
    assert timeline.history()["learning_rate"] == [0.1, 0.1, 0.05]
    first, *others = [item.why for item in timeline.checkpoints]
    assert "is the first value" in first
    assert "Removed: the run keeps last 2." in first
    assert others == [
        "Saved: val_loss 1 < 3 (best of epoch 1).",
        "Saved on request; val_loss 2 is not better than 1 (best of epoch 2).",
    ]
    assert [item.sentence for item in timeline.decisions] == [
        "training loop: learning rate 0.1 → 0.05. half time"
    ]
    assert timeline.sessions[0].end_reason is EndReason.COMPLETED
    assert (run_dir / "train").is_dir()
    assert (run_dir / "validation").is_dir()


def test_checkpoint_of_an_own_loop_can_be_restored(model: keras.Model, run_dir: Path) -> None:
    """The files are those of `model.save_weights`."""
    loop(model, run_dir)
    latest = epochline.open_run(run_dir).latest()
    model.load_weights(latest.file)
    assert latest.verify()


@pytest.mark.parametrize(
    ("error", "reason"),
    [(KeyboardInterrupt(), EndReason.INTERRUPTED), (ValueError("bad"), EndReason.FAILED)],
)
def test_exception_that_leaves_the_loop_is_the_reason_of_the_end(
    run_dir: Path, error: BaseException, reason: EndReason
) -> None:
    """The session says why it ended, and the exception goes on."""
    with pytest.raises(type(error)), epochline.record(run_dir):
        raise error
    assert timeline_of(run_dir).sessions[0].end_reason is reason
