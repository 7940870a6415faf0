"""Files that nobody recorded: which epoch each is of, and that no match is surer than its basis."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from epochline.matching import Confidence, LoggedEpoch, Match, match_files

_START = 1.7e9
_EPOCH_SECONDS = 30.0


def _logged(losses: list[float], *, times: bool = True) -> dict[int, LoggedEpoch]:
    return {
        epoch: LoggedEpoch(
            log="train",
            metrics={"val_loss": loss},
            wall_time=_START + epoch * _EPOCH_SECONDS if times else None,
        )
        for epoch, loss in enumerate(losses)
    }


def _one(name: str, written: float = 0.0, logged: dict[int, LoggedEpoch] | None = None) -> Match:
    return match_files({name: written}, logged or {})[name]


@pytest.mark.parametrize(
    ("name", "epoch", "confidence"),
    [
        ("epoch-0036.weights.h5", 36, Confidence.LIKELY),
        ("weights-improvement-36-0.84.weights.h5", 36, Confidence.GUESS),
        ("weights.05-0.92.keras", 5, Confidence.GUESS),
        ("ckpt_12.h5", 12, Confidence.GUESS),
        ("resnet50_e7.hdf5", 7, Confidence.LIKELY),
        ("Epoch=3-loss=0.5.weights.h5", 3, Confidence.LIKELY),
        ("best.weights.h5", 0, Confidence.UNKNOWN),
        ("vgg16.weights.h5", 0, Confidence.UNKNOWN),
        ("model-0.84.weights.h5", 0, Confidence.UNKNOWN),
    ],
)
def test_a_name_says_an_epoch(name: str, epoch: int, confidence: Confidence) -> None:
    """Counted from 1 as Keras prints it; a number in a word or a decimal is none."""
    match = _one(name)
    assert (match.epoch, match.confidence) == (epoch - 1, confidence)
    assert match.basis


def test_the_number_that_differs_from_file_to_file_is_the_epoch() -> None:
    """The template of the names tells it: here the first number is the fold."""
    names = [f"fold-2-weights-{epoch:02d}-0.5{epoch}.weights.h5" for epoch in (1, 2, 3)]
    matches = match_files(dict.fromkeys(names, 0.0), {})
    assert [matches[name].epoch for name in names] == [0, 1, 2]


def test_name_and_log_confirm_each_other() -> None:
    """By the time at which the epoch ended, or by the value in the name."""
    logged = _logged([0.91, 0.84, 0.8])
    by_time = _one("ckpt-2.keras", _START + _EPOCH_SECONDS + 1, logged)
    by_value = _one("ckpt-2-0.84.keras", 0.0, _logged([0.91, 0.84, 0.8], times=False))
    for match in (by_time, by_value):
        assert (match.epoch, match.confidence) == (1, Confidence.CONFIRMED)
        assert match.metrics == {"val_loss": 0.84}


def test_a_log_alone_makes_it_likely() -> None:
    """When the name says nothing of an epoch."""
    logged = _logged([0.91, 0.84, 0.8])
    at_the_end = _one("best.keras", _START + 2 * _EPOCH_SECONDS - 3, logged)
    assert (at_the_end.epoch, at_the_end.confidence) == (2, Confidence.LIKELY)
    by_value = _one("model-0.84.keras", 0.0, logged)
    assert (by_value.epoch, by_value.confidence) == (1, Confidence.LIKELY)


def test_a_copy_has_another_time_and_no_epoch_by_it() -> None:
    """A file that was written long after the training was not written by it."""
    match = _one("best.keras", _START + 1e6, _logged([0.9, 0.8]))
    assert (match.epoch, match.confidence) == (-1, Confidence.UNKNOWN)


def test_a_contradiction_is_a_guess_and_told() -> None:
    """The clear name wins over the time, and both are in the basis."""
    match = _one("epoch-1.keras", _START + 2 * _EPOCH_SECONDS, _logged([0.9, 0.8, 0.7]))
    assert (match.epoch, match.confidence) == (0, Confidence.GUESS)
    assert "epoch 1" in match.basis
    assert ", but it was written when epoch 3 ended (train)" in match.basis


def test_values_in_a_name_are_metrics_where_no_log_tells_them() -> None:
    """As far as they are named."""
    assert _one("epoch=3-val_loss=0.25-0.9.keras").metrics == {"val_loss": 0.25}


@given(
    names=st.lists(
        st.text(st.sampled_from("ab0123456789.-_=epoch"), min_size=1, max_size=30),
        unique=True,
        max_size=6,
    ),
    logged=st.dictionaries(
        st.integers(0, 5),
        st.builds(
            LoggedEpoch,
            log=st.just("log.csv"),
            metrics=st.dictionaries(st.sampled_from(["loss", "val_loss"]), st.floats()),
            wall_time=st.none() | st.floats(0, 100),
        ),
    ),
)
def test_any_names_and_logs_lead_to_matches(
    names: list[str], logged: dict[int, LoggedEpoch]
) -> None:
    """One for each file; what is unknown has no epoch, what is known has one and a reason."""
    matches = match_files(dict.fromkeys(names, 50.0), logged)
    assert matches.keys() == set(names)
    for match in matches.values():
        assert match.basis
        assert (match.epoch < 0) <= (
            match.confidence in (Confidence.UNKNOWN, Confidence.GUESS, Confidence.LIKELY)
        )
        assert (match.confidence is Confidence.UNKNOWN) <= (match.epoch == -1)
