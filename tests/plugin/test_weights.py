"""The route `weights`: what is told of variables, also when their file is gone."""

from __future__ import annotations

import json
import math
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from epochline.layout import Layout, Variable
from epochline.statistics import Measurer
from epochline.timeline import CheckpointEntry, Status
from tensorboard_plugin_epochline.answers import ApiError, ErrorCode
from tensorboard_plugin_epochline.weights import weights_view

KERNEL = np.array([[-1.0, 0.0], [math.nan, 3.0]], "f4")
SPELLED = b"some text"


@pytest.fixture
def measured(entry: CheckpointEntry) -> CheckpointEntry:
    """A checkpoint with a kernel of 2 x 2 and a text that has no numbers."""
    layout = Layout.of(
        [
            Variable(
                dataset="layers/dense/vars/0",
                name="dense/kernel",
                dtype="float32",
                shape=(2, 2),
                offset=0,
                size_bytes=16,
            ),
            Variable(dataset="optimizer/vars/0", dtype="string", offset=16, size_bytes=9),
        ]
    )
    measurer = Measurer()
    measurer.add(KERNEL, "float32")
    measurer.add(SPELLED, "string")
    event = measurer.result().to_event(id=entry.id, layout=layout.id)
    return replace(entry, described=layout.to_event(), measured=event)


def _variables(entry: CheckpointEntry) -> dict[str, Any]:
    view = weights_view("run", entry)
    assert json.loads(json.dumps(view, allow_nan=False)) == view
    assert (view["run"], view["id"]) == ("run", entry.id)
    variables = view["variables"]
    assert isinstance(variables, dict)
    return variables


def test_numbers_are_those_of_the_finite_values(measured: CheckpointEntry) -> None:
    """What is NaN is counted, and what has no numbers has none."""
    columns = _variables(measured)

    assert columns["name"] == ["dense/kernel", "optimizer/vars/0"]
    assert columns["layer"] == ["dense", "optimizer"]
    assert columns["shape"] == [[2, 2], []]
    assert columns["of_optimizer"] == [False, True]
    assert (columns["min"], columns["max"]) == ([-1, None], [3, None])
    assert columns["mean"] == [pytest.approx(2 / 3, rel=1e-5), None]
    assert columns["l2"] == [pytest.approx(math.sqrt(10), rel=1e-5), None]
    assert (columns["nan"], columns["inf"], columns["zeros"]) == ([1, 0], [0, 0], [1, 0])


def test_record_outlives_the_file(measured: CheckpointEntry) -> None:
    """A removed checkpoint is told of as before."""
    assert _variables(replace(measured, status=Status.PRUNED)) == _variables(measured)


def test_what_was_not_recorded_is_a_conflict(
    entry: CheckpointEntry, measured: CheckpointEntry
) -> None:
    """Nothing recorded, half of it, and a record that does not fit."""
    assert measured.measured is not None
    damaged = replace(measured.measured, numbers=b"odd")
    short = Measurer().result().to_event(id=entry.id, layout="")
    for bad in (
        entry,
        replace(measured, described=None),
        replace(measured, measured=damaged),
        replace(measured, measured=short),
    ):
        with pytest.raises(ApiError) as error:
            weights_view("run", bad)
        assert error.value.code is ErrorCode.CONFLICT
