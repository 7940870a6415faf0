"""Policies: what they choose, how they combine, and that they still choose it afterwards."""

from __future__ import annotations

import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from epochline.events import Mode, Tier
from epochline.inventory import Inventory
from epochline.retention import (
    AllOf,
    AnyOf,
    KeepAll,
    KeepAllBut,
    KeepBest,
    KeepEvery,
    KeepLast,
    Not,
    Retention,
    RetentionPolicy,
    parse_bytes,
)
from tests.core.retained import Item, in_order, items, policies, with_losses

LOSSES = (0.9, 0.5, 0.1, 0.6, 0.4, 0.3, 0.8)


def _kept(policy: RetentionPolicy, present: list[Item], ever: list[Item] | None = None) -> str:
    inventory = Inventory(present=present, ever=present if ever is None else ever)
    return "".join(sorted(policy.keep(inventory)))


@given(policies, items, st.data())
def test_what_is_kept_is_still_kept_when_others_are_gone(
    policy: RetentionPolicy, all_: list[Item], data: st.DataObject
) -> None:
    """A policy does not eat its way on: taking away others never lets go what it kept."""
    ever = in_order(all_)
    kept = policy.keep(Inventory(present=ever, ever=ever))
    left = [item for item in ever if item.id in kept or data.draw(st.booleans())]
    assert kept <= policy.keep(Inventory(present=left, ever=ever))


@given(policies, items)
def test_only_what_is_there_is_kept(policy: RetentionPolicy, all_: list[Item]) -> None:
    """What is gone cannot be asked for."""
    ever = in_order(all_)
    present = ever[::2]
    kept = policy.keep(Inventory(present=present, ever=ever))
    assert kept <= {item.id for item in present}


@pytest.mark.parametrize(
    ("policy", "kept"),
    [
        (KeepAll(), "0123456"),
        (KeepAllBut("1", "5", "9"), "02346"),
        (KeepLast(2), "56"),
        (KeepBest("val_loss", 2), "25"),
        (KeepBest("val_loss", 1, mode="max"), "0"),
        (KeepLast(2) | KeepBest("val_loss", 2), "256"),
        (KeepEvery(epochs=3), "25"),
        (KeepEvery(seconds=20), "246"),
        (KeepLast(4) & KeepBest("val_loss", 3), "45"),
        (~KeepLast(2), "01234"),
        (KeepBest("val_loss", 3) & ~KeepLast(2), "24"),
        (~~KeepLast(2), "56"),
    ],
)
def test_what_is_kept(policy: RetentionPolicy, kept: str) -> None:
    """Seven checkpoints, val_loss 0.9 to 0.3 with the best in the middle."""
    assert _kept(policy, with_losses(*LOSSES)) == kept


def test_not_asks_about_all_that_ever_was() -> None:
    """The last two are those that were saved last, not new ones each time that it is asked."""
    ever = with_losses(*LOSSES)
    assert _kept(~KeepLast(2), ever[:5], ever) == "01234"


def test_nan_ranks_worst() -> None:
    """A NaN that came first is not kept as the best."""
    assert _kept(KeepBest("val_loss"), with_losses(math.nan, 0.5, 0.4, 0.9)) == "2"


def test_of_equal_values_the_later_is_kept() -> None:
    """The later checkpoint has been trained longer."""
    assert _kept(KeepBest("val_loss"), with_losses(0.5, 0.5, 0.9)) == "1"


def test_direction_of_a_metric_is_asked_for() -> None:
    """Where the policy leaves it open, what Keras knows decides, not the name."""
    scores = [Item(id=str(at), epoch=at, metrics={"score": v}) for at, v in enumerate((0.1, 0.9))]
    best = KeepBest("score")
    assert best.keep(Inventory(present=scores)) == {"0"}
    assert best.keep(Inventory(present=scores, mode_of=lambda _: Mode.MAX)) == {"1"}


@pytest.mark.parametrize(
    ("policy", "words"),
    [
        (
            KeepLast(2) | KeepBest("val_loss", 3) | KeepEvery(epochs=10),
            "last 2 or best 3 by val_loss or every 10 epochs",
        ),
        (
            (KeepLast(2) | KeepEvery(seconds=60)) & ~KeepBest("a"),
            "(last 2 or every 60 s) and not best 1 by a",
        ),
        (~(KeepLast(2) & KeepAll()), "not (last 2 and all)"),
        (KeepLast(1) | KeepAllBut("1", "2"), "last 1 or all but 2 checkpoints"),
        (
            KeepAll()
            .demote("without_optimizer", after=KeepLast(2))
            .demote(Tier.BFLOAT16, after=KeepLast(9)),
            "all, without optimizer after last 2, bfloat16 after last 9",
        ),
        (KeepLast(2).within("1.5 GB"), "last 2, within 1.5 GB"),
    ],
)
def test_policies_read_as_words(policy: RetentionPolicy, words: str) -> None:
    """What a run keeps is told in the words of its policy."""
    assert str(policy) == words


def test_policies_combine_flat() -> None:
    """`a | b | c` is one policy of three."""
    either = KeepLast(2) | KeepAll() | KeepEvery(epochs=10)
    both = KeepLast(2) & KeepAll() & KeepEvery(epochs=10)
    assert len(either.policies) == len(both.policies) == 3


def test_budget_and_demotions_can_be_set_in_any_order() -> None:
    """They are what comes behind the policy, whatever is written first."""
    policy = KeepLast(2)
    one = policy.within(100).demote("bfloat16", after=policy)
    other = policy.demote("bfloat16", after=policy).within(100)
    assert one == other
    assert isinstance(one, RetentionPolicy)


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
        (AllOf, "at least one"),
        (lambda: KeepAll().within(0), "size of 0"),
        (lambda: KeepAll().within("a lot"), "'a lot'"),
        (lambda: KeepAll().within("-3 GB"), "'-3 GB'"),
        (lambda: KeepAll().demote("full", after=KeepLast(2)), "'full'"),
        (lambda: KeepAll().demote("smaller", after=KeepLast(2)), "'without_optimizer'"),
    ],
)
def test_impossible_policies_are_refused_with_their_value(make: Any, told: str) -> None:
    """A mistake is told when the policy is written, not when the disk is full."""
    with pytest.raises(ValueError, match=told):
        make()


@pytest.mark.parametrize(
    "make",
    [
        lambda: KeepAll() | KeepLast(2).within(5),
        lambda: KeepAll() & KeepLast(2).demote("bfloat16", after=KeepLast(1)),
        lambda: Not(KeepLast(2).within(5)),
        lambda: Retention(KeepLast(2).within(5)),
        lambda: AnyOf(KeepLast(2), "last 3"),  # type: ignore[arg-type]
        lambda: KeepAll().demote("bfloat16", after=2),  # type: ignore[arg-type]
    ],
)
def test_budget_and_demotions_are_of_the_whole(make: Any) -> None:
    """A budget for a part of a policy means nothing; the message shows where it goes."""
    with pytest.raises(TypeError, match=r"\(a \| b\).demote\(...\).within\(...\)"):
        make()


@pytest.mark.parametrize(
    ("text", "size"),
    [
        (300, 300),
        ("300", 300),
        ("20 GB", 20 * 10**9),
        ("20GB", 20 * 10**9),
        (" 1.5 tb ", 15 * 10**11),
        ("2KiB", 2048),
        ("16 GiB", 16 * 2**30),
        ("5 M", 5 * 10**6),
    ],
)
def test_sizes_are_written_as_people_write_them(text: str, size: int) -> None:
    """Decimal as disks are sold, binary when that is said."""
    assert parse_bytes(text) == size
