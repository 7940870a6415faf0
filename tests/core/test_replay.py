"""The replay of Keras's rules: its own small contract; `tests/callbacks` holds it beside Keras."""

from __future__ import annotations

import math
from typing import Any

import pytest

from epochline.events import Mode
from epochline.replay import EarlyStoppingReplay, EarlyStoppingRule, PlateauReplay, PlateauRule

NAN = math.nan


def _stops(values: list[float | None], **settings: Any) -> int | None:
    """Returns the zero-based epoch at which a replay stops."""
    known: dict[str, Any] = {"monitor": "m", "mode": Mode.MIN}
    replay = EarlyStoppingReplay(EarlyStoppingRule(**(known | settings)))
    stops = (epoch for epoch, value in enumerate(values) if replay.epoch_end(epoch, value))
    return next(stops, None)


@pytest.mark.parametrize(
    ("values", "settings", "stopped"),
    [
        ([3, 2, 2, 2, 2], {"patience": 2}, 3),
        ([3, 2, 2, 2, 2], {"patience": 0}, 2),
        ([3, 3], {"patience": 0}, 1),
        ([1, 2, 2, 3], {"patience": 2, "mode": Mode.MAX}, None),
        ([3, 2.9, 2.8, 2.7], {"patience": 2, "min_delta": 0.5}, 2),
        ([NAN, 2, 1, 0], {"patience": 3}, 3),
        ([5, 4, 3, 2], {"patience": 3, "baseline": 1}, None),
        ([5, 4, 3, 3, 2], {"patience": 3, "baseline": 1}, 3),
        ([1, 9, 9, 9, 9, 9], {"patience": 2, "start_from_epoch": 2}, 4),
        ([1, None, 1, None, 1], {"patience": 2}, 4),
        ([0.1, 0.1 - 1e-10, 0.1 - 2e-10], {"patience": 2}, 2),
    ],
)
def test_stops_where_keras_would(
    values: list[float | None], settings: dict[str, Any], stopped: int | None
) -> None:
    """Each branch and each trap of the rule has a sequence that shows it."""
    assert _stops(values, **settings) == stopped


def test_cooldown_and_floor_hold_cuts_back() -> None:
    """After a cut nothing counts for a while, and at the bound nothing is cut."""
    rule = PlateauRule(monitor="m", mode=Mode.MIN, patience=1, factor=0.5, cooldown=2, min_lr=0.375)
    replay = PlateauReplay(rule)
    rate, cuts = 1.0, []
    for epoch in range(8):
        cut = replay.epoch_end(epoch, 1.0, {"": rate})
        rate = cut.get("", rate)
        cuts += [(epoch, rate)] if cut else []

    assert cuts == [(1, 0.5), (3, 0.375)]
    assert replay.wait == 3  # it goes on counting at the floor, as Keras does


@pytest.mark.parametrize(
    ("kind", "settings", "named"),
    [
        (EarlyStoppingRule, {"patience": -1}, "patience is -1"),
        (EarlyStoppingRule, {"min_delta": -0.1}, "min_delta is -0.1"),
        (EarlyStoppingRule, {"min_delta": NAN}, "min_delta is nan"),
        (EarlyStoppingRule, {"baseline": NAN}, "baseline is NaN"),
        (EarlyStoppingRule, {"start_from_epoch": -1}, "start_from_epoch is -1"),
        (PlateauRule, {"factor": 1.0}, "factor is 1.0"),
        (PlateauRule, {"factor": -0.5}, "factor is -0.5"),
        (PlateauRule, {"cooldown": -2}, "cooldown is -2"),
        (PlateauRule, {"min_lr": math.inf}, "min_lr is inf"),
    ],
)
def test_setting_out_of_range_is_refused(kind: Any, settings: dict[str, Any], named: str) -> None:
    """The message has the name and the value."""
    with pytest.raises(ValueError, match=named):
        kind(monitor="m", mode=Mode.MIN, **settings)
