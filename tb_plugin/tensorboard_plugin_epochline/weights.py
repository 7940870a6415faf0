"""What was recorded of the variables of one checkpoint: the answer of the route `weights`.

Nothing is read but the record itself, so it also tells of a checkpoint whose file is gone.

Invariant: a number that is not known is null, never a guess.
"""

from __future__ import annotations

import math
from typing import Final

from epochline.errors import EventFormatError
from epochline.layout import Layout
from epochline.statistics import Measurements
from epochline.timeline import CheckpointEntry
from tensorboard_plugin_epochline.answers import ApiError, ErrorCode, rounded

__all__ = ["weights_view"]

_NUMBERS: Final = ("l2", "mean", "std", "min", "max")
_COUNTS: Final = ("nan", "inf", "zeros")


def weights_view(run: str, entry: CheckpointEntry) -> dict[str, object]:
    """Returns a `Weights`.

    Args:
        run: Name of the run group.
        entry: The checkpoint.

    Raises:
        ApiError: If nothing was recorded of its variables, or the record is damaged.
    """
    if entry.measured is None or entry.described is None:
        message = f"No statistics were recorded for the checkpoint of epoch {entry.epoch + 1}."
        raise ApiError(ErrorCode.CONFLICT, message, "Timeline records them when it saves.")
    try:
        variables = Layout.from_event(entry.described).variables
        recorded = Measurements.from_event(entry.measured)
    except EventFormatError as error:
        message = f"The record of its variables is damaged: {error}"
        raise ApiError(ErrorCode.CONFLICT, message) from error
    if len(recorded) != len(variables):
        message = f"Statistics of {len(recorded)} variables were recorded for {len(variables)}."
        raise ApiError(ErrorCode.CONFLICT, message)
    numbers = zip(_NUMBERS, recorded.number_columns().tolist(), strict=True)
    counts = zip(_COUNTS, recorded.count_columns().tolist(), strict=True)
    return {
        "run": run,
        "id": entry.id,
        "variables": {
            "name": [variable.label for variable in variables],
            "layer": [variable.layer for variable in variables],
            "dtype": [variable.dtype for variable in variables],
            "shape": [list(variable.shape) for variable in variables],
            "of_optimizer": [variable.of_optimizer for variable in variables],
            **{name: [_known(value) for value in column] for name, column in numbers},
            **dict(counts),
        },
    }


def _known(value: float) -> object:
    return rounded(None if math.isnan(value) else value)
