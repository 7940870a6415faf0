"""One answer to "is this better?": Keras's rule, except that NaN never wins."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from epochline.events import Mode
from epochline.monitor import infer_mode, is_improvement, rank_key

NAN = math.nan
MODES = st.sampled_from(Mode)
VALUES = st.floats(width=32)


@pytest.mark.parametrize(
    ("metric", "mode"),
    [
        ("loss", Mode.MIN),
        ("val_loss", Mode.MIN),
        ("mean_absolute_error", Mode.MIN),
        ("val_accuracy", Mode.MAX),
        ("acc", Mode.MAX),
        ("sparse_categorical_accuracy", Mode.MAX),
        ("val_auc_1", Mode.MAX),
        ("precision_at_recall", Mode.MAX),
        ("true_positives", Mode.MAX),
        ("false_positives", Mode.MIN),
        ("val_false_negatives", Mode.MIN),
        ("something_of_mine", Mode.MIN),
    ],
)
def test_mode_is_inferred_from_the_name(metric: str, mode: Mode) -> None:
    """Names of Keras's growing metrics are to be maximised, all others minimised."""
    assert infer_mode(metric) is mode


@pytest.mark.parametrize("asked", ["score", "val_score"])
@pytest.mark.parametrize("known", ["score", "val_score"])
def test_what_keras_said_comes_before_the_name(asked: str, known: str) -> None:
    """A recorded direction holds for the metric with and without `val_`."""
    if (asked, known) == ("score", "val_score"):
        assert infer_mode(asked, {known: Mode.MAX}) is Mode.MIN
    else:
        assert infer_mode(asked, {known: Mode.MAX}) is Mode.MAX


@pytest.mark.parametrize(
    ("value", "best", "mode", "min_delta", "expected"),
    [
        (0.5, None, Mode.MIN, 0.0, True),
        (0.5, 0.5, Mode.MIN, 0.0, False),
        (0.5, 0.5, Mode.MAX, 0.0, False),
        (0.4, 0.5, Mode.MIN, 0.0, True),
        (0.4, 0.5, Mode.MAX, 0.0, False),
        (0.4, 0.5, Mode.MIN, 0.2, False),
        (0.8, 0.5, Mode.MAX, 0.2, True),
        (NAN, None, Mode.MIN, 0.0, False),
        (NAN, 0.5, Mode.MAX, 0.0, False),
        (0.5, NAN, Mode.MIN, 0.0, True),
        (-math.inf, -math.inf, Mode.MIN, 0.0, False),
        (math.inf, 1.0, Mode.MAX, 0.0, True),
    ],
)
def test_improvement(
    value: float, best: float | None, mode: Mode, min_delta: float, expected: bool
) -> None:
    """A value improves when it beats the best by more than `min_delta`; NaN never does."""
    assert is_improvement(value, best, mode, min_delta) is expected


@given(VALUES, VALUES, MODES)
def test_improvement_and_rank_agree(value: float, best: float, mode: Mode) -> None:
    """What improves on another ranks before it, and the other way round."""
    assert is_improvement(value, best, mode) is (rank_key(value, mode) < rank_key(best, mode))


@given(st.lists(st.one_of(st.none(), VALUES)), MODES)
def test_nan_and_missing_rank_last(values: list[float | None], mode: Mode) -> None:
    """No number ranks behind a value that is none (only infinitely bad ones beside it)."""
    ranked = sorted(values, key=lambda value: rank_key(value, mode))
    good = [
        rank_key(value, mode) for value in values if value is not None and not math.isnan(value)
    ]
    finite = sum(key < math.inf for key in good)
    assert all(value is not None and not math.isnan(value) for value in ranked[:finite])
