"""Epochline: which checkpoint, why, and back to it in one line.

The reading side: runs, checkpoints, restore, retention policies. The training side is
`epochline.callbacks`, which imports Keras and is therefore imported by name.

Importing this package is quick: what a name needs is imported when the name is first used. Only
`record`, for training loops without `fit`, needs Keras.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from epochline.averaging import average
    from epochline.callbacks.recorder import record
    from epochline.comparison import Diff, diff
    from epochline.errors import (
        AverageError,
        CheckpointCorruptError,
        CheckpointFormatError,
        CheckpointMismatchError,
        CheckpointMissingError,
        CheckpointNotFoundError,
        EpochlineError,
        EventFormatError,
        MetricNotFoundError,
        ModelFileError,
        PruneBusyError,
        RunBusyError,
        RunNotFoundError,
        WhatIfError,
    )
    from epochline.planning import Fate, PrunePlan, PruneStep
    from epochline.reader import find_runs
    from epochline.restore.live import Live
    from epochline.restore.load import RestoreResult
    from epochline.restore.requests import Answer, RequestError
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
    )
    from epochline.run import Checkpoint, Run, open_run
    from epochline.upkeep import PruneResult
    from epochline.what_if_replay import what_if
    from epochline.what_if_values import WhatIf

__all__ = [
    "AllOf",
    "Answer",
    "AnyOf",
    "AverageError",
    "Checkpoint",
    "CheckpointCorruptError",
    "CheckpointFormatError",
    "CheckpointMismatchError",
    "CheckpointMissingError",
    "CheckpointNotFoundError",
    "Diff",
    "EpochlineError",
    "EventFormatError",
    "Fate",
    "KeepAll",
    "KeepAllBut",
    "KeepBest",
    "KeepEvery",
    "KeepLast",
    "Live",
    "MetricNotFoundError",
    "ModelFileError",
    "Not",
    "PruneBusyError",
    "PrunePlan",
    "PruneResult",
    "PruneStep",
    "RequestError",
    "RestoreResult",
    "Retention",
    "RetentionPolicy",
    "Run",
    "RunBusyError",
    "RunNotFoundError",
    "WhatIf",
    "WhatIfError",
    "average",
    "diff",
    "find_runs",
    "open_run",
    "record",
    "what_if",
]

_HOMES = {
    "averaging": ("average",),
    "callbacks.recorder": ("record",),
    "comparison": ("Diff", "diff"),
    "planning": ("Fate", "PrunePlan", "PruneStep"),
    "reader": ("find_runs",),
    "restore.load": ("RestoreResult",),
    "restore.live": ("Live",),
    "restore.requests": ("Answer", "RequestError"),
    "retention": (
        "AllOf",
        "AnyOf",
        "KeepAll",
        "KeepAllBut",
        "KeepBest",
        "KeepEvery",
        "KeepLast",
        "Not",
        "Retention",
        "RetentionPolicy",
    ),
    "run": ("Checkpoint", "Run", "open_run"),
    "upkeep": ("PruneResult",),
    "what_if_replay": ("what_if",),
    "what_if_values": ("WhatIf",),
}
_HOME_OF = {name: home for home, names in _HOMES.items() for name in names}


def __getattr__(name: str) -> Any:
    if name not in __all__:
        message = f"module {__name__!r} has no attribute {name!r}"
        raise AttributeError(message)
    value = getattr(import_module(f"{__name__}.{_HOME_OF.get(name, 'errors')}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted(globals() | dict.fromkeys(__all__))
