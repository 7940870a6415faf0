"""Every verdict as one sentence with its numbers."""

from __future__ import annotations

import math
from typing import Any, get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from epochline.events import (
    CheckpointPruned,
    CheckpointSaved,
    Decision,
    EndReason,
    Event,
    Mode,
    SaveReason,
    SessionEnded,
    Topic,
    Verdict,
)
from epochline.sentences import describe, number, rate, session_end, size, why_pruned, why_saved
from tests.core.strategies import events_of

STOP = {"callback": "EarlyStopping", "topic": Topic.STOP, "monitor": "val_loss", "mode": Mode.MIN}
RATE = {
    "callback": "ReduceLROnPlateau",
    "topic": Topic.LEARNING_RATE,
    "monitor": "val_loss",
    "mode": Mode.MIN,
}
SAVE = {"callback": "ModelCheckpoint", "topic": Topic.CHECKPOINT, "monitor": "val_accuracy"}


@pytest.mark.parametrize(
    ("values", "sentence"),
    [
        (
            {**SAVE, "verdict": Verdict.NOT_SAVED, "mode": Mode.MAX, "observed": 0.8307}
            | {"best": 0.8386, "best_epoch": 35},
            "Not saved: val_accuracy 0.8307 ≤ 0.8386 (best of epoch 36), short by 0.0079.",
        ),
        (
            {**SAVE, "verdict": Verdict.NOT_SAVED, "observed": math.nan},
            "Not saved: val_accuracy is NaN.",
        ),
        (
            {**STOP, "verdict": Verdict.WAITING, "observed": 0.4419, "best": 0.4377}
            | {"best_epoch": 32, "wait": 4, "patience": 20},
            "EarlyStopping: val_loss 0.4419, best 0.4377 at epoch 33, patience 4/20.",
        ),
        (
            {**STOP, "verdict": Verdict.IMPROVED, "observed": 0.4, "best": None},
            "EarlyStopping: val_loss 0.4 is the first value.",
        ),
        (
            {**STOP, "verdict": Verdict.STOPPED, "observed": 0.44, "best": 0.43}
            | {"best_epoch": 32, "wait": 20, "patience": 20, "min_delta": 0.001},
            (
                "EarlyStopping stopped the training: val_loss not better than 0.43 (best of "
                "epoch 33) by 0.001 for 20 epochs; patience 20/20 used up."
            ),
        ),
        (
            {**STOP, "verdict": Verdict.WEIGHTS_RESTORED, "best_epoch": 32},
            "EarlyStopping restored the best weights of epoch 33 (optimizer state was not).",
        ),
        (
            {**RATE, "verdict": Verdict.CHANGED, "best": 0.4377, "observed": 0.45, "wait": 5}
            | {"min_delta": 1e-4, "lr_before": 1e-3, "lr_after": 1e-4, "cooldown": 0},
            (
                "ReduceLROnPlateau: val_loss not better than 0.4377 by 0.0001 for 5 epochs; "
                "learning rate 1e-3 → 1e-4; cooldown 0."
            ),
        ),
        (
            {**RATE, "verdict": Verdict.AT_FLOOR, "wait": 5, "min_lr": 1e-6},
            (
                "ReduceLROnPlateau wanted to cut after 5 epochs without improvement, but the "
                "learning rate is at min_lr 1e-6."
            ),
        ),
        (
            {"callback": "LearningRateScheduler", "topic": Topic.LEARNING_RATE}
            | {"verdict": Verdict.CHANGED, "lr_before": 0.1, "lr_after": 0.05},
            "LearningRateScheduler: learning rate 0.1 → 0.05.",
        ),
    ],
)
def test_decision_in_one_sentence(values: dict[str, Any], sentence: str) -> None:
    """The sentence names the callback, the numbers and what came of it."""
    assert describe(Decision(**values)) == sentence


@given(events_of(Decision))
def test_any_decision_has_a_sentence(decision: Decision) -> None:
    """No combination of verdict and missing numbers raises or is empty."""
    assert describe(decision).strip()


def _saved(**values: Any) -> CheckpointSaved:
    return CheckpointSaved(id="a", path="a", size_bytes=1, digest="d", **values)


@pytest.mark.parametrize(
    ("event", "sentence"),
    [
        (_saved(), "Saved as scheduled."),
        (_saved(reason=SaveReason.MANUAL), "Saved on request."),
        (
            _saved(reason=SaveReason.BEST, monitor="loss", observed=0.5),
            "Saved: loss 0.5 is the first value, and so the best so far.",
        ),
        (
            _saved(
                reason=SaveReason.BEST,
                monitor="acc",
                mode=Mode.MAX,
                observed=0.8386,
                best=0.8346,
                best_epoch=30,
            ),
            "Saved: acc 0.8386 > 0.8346 (best of epoch 31).",
        ),
        (
            _saved(monitor="loss", mode=Mode.MIN, observed=0.5, best=0.4, best_epoch=0),
            "Saved as scheduled; loss 0.5 is not better than 0.4 (best of epoch 1).",
        ),
    ],
)
def test_why_saved(event: CheckpointSaved, sentence: str) -> None:
    """The sentence gives the comparison that led to the save."""
    assert why_saved(event) == sentence


def test_why_pruned() -> None:
    """A file that went by policy names the policy; a replaced one says so."""
    assert "keeps last 2" in why_pruned(CheckpointPruned(id="a", policy="last 2"))
    assert "replaced by a later" in why_pruned(CheckpointPruned(id="a", replaced_by="b"))


@pytest.mark.parametrize("reason", EndReason)
@pytest.mark.parametrize("last_epoch", [None, 4])
def test_every_end_has_a_sentence(reason: EndReason, last_epoch: int | None) -> None:
    """It says when, as Keras prints epochs."""
    sentence = session_end(SessionEnded(reason=reason, callback="C", message="Boom."), last_epoch)
    assert ("epoch 5" if last_epoch is not None else "first epoch") in sentence


@pytest.mark.parametrize(
    ("value", "others", "text"),
    [
        (0.8386, (), "0.8386"),
        (0.123456, (0.123457,), "0.123456"),
        (0.1, (0.1,), "0.1"),
        (None, (), "none"),
        (math.nan, (1.0,), "NaN"),
        (-math.inf, (), "-∞"),
    ],
)
def test_numbers_are_short_but_told_apart(
    value: float | None, others: tuple[float, ...], text: str
) -> None:
    """As many digits as it takes to see the difference, at least four."""
    assert number(value, *others) == text


@given(st.floats(allow_nan=False), st.floats(allow_nan=False))
def test_different_numbers_never_look_equal(one: float, other: float) -> None:
    """A sentence such as "0.84 is not better than 0.84" cannot be written."""
    if one != other:
        assert number(one, other) != number(other, one)
        assert rate(one, other) != rate(other, one)


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (1e-3, "1e-3"),
        (0.0125, "0.0125"),
        (0.009999999776482582, "0.01"),  # in float32
        (2.5e-4, "2.5e-4"),
        (0.0, "0"),
        (None, "none"),
    ],
)
def test_learning_rates_are_written_as_people_do(value: float | None, text: str) -> None:
    """Short, without a leading zero in the exponent."""
    assert rate(value) == text


def test_a_cut_by_next_to_nothing_is_seen_to_be_one() -> None:
    """Keras cuts a learning rate that is a rounding error above `min_lr` down to it."""
    assert rate(1e-6, 9.999999974752427e-07) == "1e-6"
    assert rate(9.999999974752427e-07, 1e-6) == "9.99999997e-7"


@pytest.mark.parametrize(
    ("count", "text"),
    [
        (0, "0 B"),
        (999, "999 B"),
        (1000, "1.0 kB"),
        (41_200, "41 kB"),
        (999_600, "1.0 MB"),
        (5 * 10**12, "5.0 TB"),
        (None, "unknown size"),
    ],
)
def test_sizes_in_decimal_units(count: int | None, text: str) -> None:
    """Two digits where they say something."""
    assert size(count) == text


def test_every_topic_has_sentences() -> None:
    """A topic that is added without sentences is found here, not by a user."""
    assert Decision in get_args(Event)
    for topic in Topic:
        for verdict in Verdict:
            assert describe(Decision(callback="C", topic=topic, verdict=verdict))
