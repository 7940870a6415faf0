"""Checkpoints and policies as values, for the tests of what is kept."""

from __future__ import annotations

import io
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from hypothesis import strategies as st

from epochline.events import Health, Tier
from epochline.retention import (
    AllOf,
    AnyOf,
    KeepAll,
    KeepBest,
    KeepEvery,
    KeepLast,
    Not,
    Retention,
    RetentionPolicy,
)

__all__ = [
    "Item",
    "in_order",
    "items",
    "policies",
    "retentions",
    "weights_file",
    "with_losses",
]


@dataclass(frozen=True, kw_only=True)
class Item:
    """A checkpoint, as far as a policy looks at it."""

    id: str
    epoch: int = 0
    wall_time: float = 0.0
    metrics: Mapping[str, float] = field(default_factory=dict)
    path: str = "a.weights.h5"
    total_bytes: int = 100
    shared_bytes: Mapping[str, int] = field(default_factory=dict)
    health: Health | None = None
    tier: Tier = Tier.FULL
    has_optimizer: bool = True
    owned: bool = True
    pinned: bool = False


def in_order(all_: Iterable[Item]) -> list[Item]:
    """Returns checkpoints in the order in which they were saved."""
    return sorted(all_, key=lambda item: (item.wall_time, item.epoch, item.id))


def with_losses(*values: float) -> list[Item]:
    """Returns one checkpoint an epoch, ten seconds apart; their ids count from 0."""
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
        path=st.sampled_from(["a.weights.h5", "a.keras"]),
        total_bytes=st.integers(0, 1000),
        health=st.sampled_from([None, *Health]),
        tier=st.sampled_from(Tier),
        has_optimizer=st.booleans(),
        owned=st.sampled_from([True, True, True, False]),
        pinned=st.sampled_from([False, False, False, True]),
    ),
    max_size=12,
    unique_by=lambda item: item.id,
)

_simple: st.SearchStrategy[RetentionPolicy] = st.one_of(
    st.just(KeepAll()),
    st.builds(KeepLast, st.integers(1, 5)),
    st.builds(KeepBest, st.sampled_from(["val_loss", "acc", "none"]), st.integers(1, 4)),
    st.builds(lambda n: KeepEvery(epochs=n), st.integers(1, 7)),
    st.builds(lambda s: KeepEvery(seconds=s), st.floats(0.5, 300)),
)


def _combined(parts: st.SearchStrategy[RetentionPolicy]) -> st.SearchStrategy[RetentionPolicy]:
    several = st.lists(parts, min_size=1, max_size=3)
    return st.one_of(
        several.map(lambda some: AnyOf(*some)),
        several.map(lambda some: AllOf(*some)),
        parts.map(Not),
    )


policies: st.SearchStrategy[RetentionPolicy] = st.recursive(_simple, _combined, max_leaves=4)


@st.composite
def retentions(draw: st.DrawFn) -> Retention:
    """A policy with demotions and a budget, or some of these."""
    retention = Retention(draw(policies))
    for tier in draw(st.lists(st.sampled_from(["without_optimizer", "bfloat16"]), max_size=2)):
        retention = retention.demote(tier, after=draw(policies))
    budget = draw(st.none() | st.integers(1, 4000))
    return retention if budget is None else retention.within(budget)


def weights_file(seed: int = 0, *, values: int = 2000, optimizer: bool = True) -> bytes:
    """Returns a weights file as Keras lays it out, with twice as much state of an optimizer."""
    import h5py
    import numpy as np

    chance = np.random.default_rng(seed)
    buffer = io.BytesIO()
    with h5py.File(buffer, "w") as file:
        file["layers/dense/vars/0"] = chance.random(values, np.float32)
        if optimizer:
            file["optimizer/vars/0"] = np.int64(seed)
            file["optimizer/vars/1"] = chance.random(2 * values, np.float32)
    return buffer.getvalue()
