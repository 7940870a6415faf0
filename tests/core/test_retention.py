"""What stays and what may go: pure, repeatable, and never the newest."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field

import pytest
from hypothesis import given
from hypothesis import strategies as st

from epochline.events import Mode
from epochline.retention import (
    AnyOf,
    KeepAll,
    KeepBest,
    KeepEvery,
    KeepLast,
    RetentionPolicy,
    surplus,
)


@dataclass(frozen=True, kw_only=True)
class Item:
    """A checkpoint, as far as a policy looks at it."""

    id: str
    epoch: int
    wall_time: float
    metrics: Mapping[str, float] = field(default_factory=dict)


def _items(*values: float) -> list[Item]:
    return [
        Item(id=str(epoch), epoch=epoch, wall_time=epoch * 10.0, metrics={"val_loss": value})
        for epoch, value in enumerate(values)
    ]


items = st.lists(
    st.builds(
        Item,
        id=st.text("abc", min_size=1, max_size=4),
        epoch=st.integers(0, 40),
        wall_time=st.floats(0, 1000),
        metrics=st.dictionaries(st.sampled_from(["val_loss", "acc"]), st.floats(width=16)),
    ),
    max_size=12,
    unique_by=lambda item: item.id,
)
simple = st.one_of(
    st.just(KeepAll()),
    st.builds(KeepLast, st.integers(1, 5)),
    st.builds(KeepBest, st.sampled_from(["val_loss", "acc", "none"]), st.integers(1, 4)),
    st.builds(lambda n: KeepEvery(epochs=n), st.integers(1, 7)),
    st.builds(lambda s: KeepEvery(seconds=s), st.floats(0.5, 300)),
)
policies = st.one_of(
    simple, st.lists(simple, min_size=1, max_size=3).map(lambda parts: AnyOf(*parts))
)


@given(policies, items)
def test_deciding_again_lets_nothing_more_go(policy: RetentionPolicy, all_: list[Item]) -> None:
    """After the surplus is deleted there is none: a policy does not eat its way on."""
    gone = surplus(policy, all_)
    left = [item for item in all_ if item.id not in gone]
    assert surplus(policy, left) == ()


@given(policies, items, st.randoms())
def test_order_of_the_input_does_not_matter(
    policy: RetentionPolicy, all_: list[Item], random: st.DataObject
) -> None:
    """The same checkpoints in another order lead to the same decision."""
    shuffled = list(all_)
    random.shuffle(shuffled)  # type: ignore[attr-defined]
    assert surplus(policy, shuffled) == surplus(policy, all_)


@given(policies, items, st.sets(st.text("abc", min_size=1, max_size=4)))
def test_newest_and_protected_stay(
    policy: RetentionPolicy, all_: list[Item], protected: set[str]
) -> None:
    """Whatever the policy says, the newest checkpoint and the protected ones are not named."""
    gone = set(surplus(policy, all_, protected))
    assert not gone & protected
    if all_:
        newest = max(all_, key=lambda item: (item.wall_time, item.epoch, item.id))
        assert newest.id not in gone


@pytest.mark.parametrize(
    ("policy", "gone"),
    [
        (KeepAll(), ""),
        (KeepLast(2), "01234"),
        (KeepBest("val_loss", 2), "0134"),
        (KeepBest("val_loss", 1, mode="max"), "12345"),
        (KeepLast(2) | KeepBest("val_loss", 2), "0134"),
        (KeepEvery(epochs=3), "0134"),
        (KeepEvery(seconds=20), "0135"),
    ],
)
def test_what_may_go(policy: RetentionPolicy, gone: str) -> None:
    """Seven checkpoints, val_loss 0.9 to 0.3 with the best in the middle."""
    losses = _items(0.9, 0.5, 0.1, 0.6, 0.4, 0.3, 0.8)
    assert "".join(surplus(policy, losses)) == gone


def test_nan_ranks_worst() -> None:
    """A NaN that came first is not kept as the best."""
    assert surplus(KeepBest("val_loss"), _items(math.nan, 0.5, 0.4, 0.9)) == ("0", "1")


def test_of_equal_values_the_later_stays() -> None:
    """The later checkpoint has been trained longer."""
    assert surplus(KeepBest("val_loss"), _items(0.5, 0.5, 0.9)) == ("0",)


def test_direction_of_a_metric_is_asked_for() -> None:
    """Where the policy leaves it open, what Keras knows decides, not the name."""
    scores = [
        Item(id=str(epoch), epoch=epoch, wall_time=epoch, metrics={"score": value})
        for epoch, value in enumerate((0.1, 0.9, 0.5))
    ]
    assert surplus(KeepBest("score"), scores) == ("1",)
    assert surplus(KeepBest("score"), scores, mode_of=lambda _: Mode.MAX) == ("0",)


def test_policies_combine_flat_and_read_as_words() -> None:
    """`a | b | c` is one policy of three, and says so."""
    policy = KeepLast(2) | KeepBest("val_loss", 3) | KeepEvery(epochs=10)
    assert len(policy.policies) == 3
    assert str(policy) == "last 2 or best 3 by val_loss or every 10 epochs"


@pytest.mark.parametrize(
    ("make", "told"),
    [
        (lambda: KeepLast(0), "n=0"),
        (lambda: KeepBest("a", -1), "n=-1"),
        (lambda: KeepBest("a", mode="up"), "mode='up'"),
        (KeepEvery, "exactly one"),
        (lambda: KeepEvery(epochs=1, seconds=1.0), "exactly one"),
        (lambda: KeepEvery(epochs=0), "epochs=0"),
        (AnyOf, "at least one"),
    ],
)
def test_impossible_policies_are_refused_with_their_value(make: object, told: str) -> None:
    """A mistake is told when the policy is written, not when the disk is full."""
    with pytest.raises(ValueError, match=told):
        make()  # type: ignore[operator]
