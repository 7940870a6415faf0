"""`epochline why`: the story of a run."""

from __future__ import annotations

from pathlib import Path

import pytest

from epochline.events import (
    CheckpointFailed,
    Decision,
    EndReason,
    EpochEnded,
    Notice,
    Restored,
    SessionEnded,
    SessionStarted,
    Topic,
    Verdict,
)
from tests.cli.conftest import Command
from tests.core.recorded import Recorded


def test_story_has_the_turning_points_in_order(command: Command, pima: Path) -> None:
    """Start, what was better, the cut, the stop, the end; not what was decided against."""
    lines = command("why", pima).out.splitlines()
    words = [line[9:].split("  ")[0].strip() for line in lines]
    assert words == ["started", "saved", "saved", "LR cut", "stopped", "ended"]
    assert lines[1].endswith("the best so far, epoch-0001.weights.h5, removed since")
    assert lines[2] == (
        "epoch 2  saved    val_accuracy 0.8 > 0.6 (best of epoch 1), epoch-0002.weights.h5, 1.0 kB"
    )
    assert "learning rate 1e-3 → 1e-4" in lines[3]


def test_one_epoch_is_told_whole(command: Command, pima: Path) -> None:
    """Also the scheduled save and the patience; the epoch is that which Keras prints."""
    lines = command("why", pima, 3).out.splitlines()
    assert len(lines) == 2
    assert lines[0].startswith("epoch 3  saved    as scheduled; val_accuracy 0.7 is not better")
    assert lines[1] == (
        "         waiting  EarlyStopping: val_accuracy 0.7, best 0.8 at epoch 2, patience 1/3."
    )


def test_all_tells_every_decision(command: Command, pima: Path) -> None:
    """Seven decisions, five checkpoints, start and end."""
    assert len(command("why", pima, "--all").out.splitlines()) == 14


def test_unknown_epoch_is_an_error_with_those_that_exist(command: Command, pima: Path) -> None:
    """Zero is not an epoch that Keras prints."""
    for epoch in ("0", "6"):
        outcome = command("why", pima, epoch)
        assert outcome.status == 1
        assert "It has epochs 1 to 5." in outcome.err


def test_a_state_that_lasts_is_told_once(command: Command, tmp_path: Path) -> None:
    """Being at min_lr for a hundred epochs is one line of the short story."""
    recorded = Recorded(tmp_path)
    floor = Decision(
        callback="ReduceLROnPlateau",
        topic=Topic.LEARNING_RATE,
        verdict=Verdict.AT_FLOOR,
        wait=9,
        min_lr=1e-6,
    )
    for epoch in range(100):
        recorded.put(epoch, EpochEnded(metrics={"loss": 1.0}), floor)
    assert command("why", tmp_path).out.count("at floor") == 1
    assert command("why", tmp_path, "--all").out.count("at floor") == 100


def test_failures_notices_restores_and_gaps_are_told(command: Command, tmp_path: Path) -> None:
    """Nothing that went wrong is left out of the short story."""
    recorded = Recorded(tmp_path)
    restored = Restored(checkpoint="c" * 16, session="b" * 16, checkpoint_epoch=4, what="weights")
    recorded.put(5, SessionStarted(initial_epoch=5), restored, Notice(code="n", message="Look."))
    recorded.seq += 2
    failed = CheckpointFailed(id="f" * 16, path="c.weights.h5", message="The disk is full.")
    recorded.put(5, failed)
    recorded.put(5, SessionEnded(reason=EndReason.FAILED, message="ValueError: no."))
    out = command("why", tmp_path).out
    for text in (
        "started   training from epoch 6",
        "Continued from checkpoint",
        "note      Look.",
        "failed    The disk is full.",
        "ValueError: no.",
        "2 records of session",
    ):
        assert text in out


def test_save_told_by_its_callback_and_by_the_file_is_one_line(
    command: Command, tmp_path: Path
) -> None:
    """A stock ModelCheckpoint's verdict and the checkpoint that came of it are the same thing."""
    recorded = Recorded(tmp_path)
    verdict = Decision(
        callback="ModelCheckpoint", topic=Topic.CHECKPOINT, verdict=Verdict.SAVED, path="a.h5"
    )
    recorded.put(0, verdict, recorded.saved(0, b"x", {"loss": 1.0}))
    recorded.put(1, verdict)
    assert command("why", tmp_path, "--all").out.count("saved") == 3  # twice, once in a sentence


@pytest.mark.parametrize("verdict", Verdict)
def test_every_verdict_has_a_word(command: Command, tmp_path: Path, verdict: Verdict) -> None:
    """A verdict that is added without one is found here, not by a user."""
    Recorded(tmp_path).put(0, Decision(callback="Cause", topic=Topic.STOP, verdict=verdict))
    outcome = command("why", tmp_path, "1")
    assert (outcome.status, len(outcome.out.splitlines())) == (0, 3)


def test_json_has_the_documented_keys(command: Command, pima: Path) -> None:
    """Each line with its moment, and for decisions all numbers."""
    value = command("why", pima, "--json", "--all").json
    assert list(value) == ["run", "story"]
    assert list(value["story"][0]) == [
        "session", "epoch", "printed_epoch", "step", "batch", "wall_time", "kind", "verdict",
        "sentence", "decision",
    ]  # fmt: skip
    cut = next(line for line in value["story"] if line["verdict"] == "LR cut")
    assert (cut["decision"]["lr_before"], cut["decision"]["lr_after"]) == (1e-3, 1e-4)
    assert cut["decision"]["verdict"] == "changed"
    assert {line["kind"] for line in value["story"]} == {"session", "checkpoint", "decision"}
