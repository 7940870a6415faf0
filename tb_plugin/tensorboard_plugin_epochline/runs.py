"""Run groups: which of TensorBoard's flat runs belong together.

Pure: names in, groups out. TensorBoard knows no parent runs; `pima/train`, `pima/validation` and
`pima/timeline` are three runs to it and one run directory to the user.

Invariant: every run of TensorBoard is in exactly one group.
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from dataclasses import dataclass

from epochline.reader import TIMELINE_DIR

__all__ = ["RunGroup", "group_name", "group_runs", "member_name"]

_MEMBERS = frozenset({TIMELINE_DIR, "train", "validation"})
ROOT = "."


@dataclass(frozen=True, slots=True, kw_only=True)
class RunGroup:
    """The runs of TensorBoard that belong to one run directory.

    Attributes:
        name: Path of the run directory below the log directory, with `/`; `.` for the log directory
            itself.
        tensorboard_runs: Their names, in TensorBoard's order.
        color_index: Place of the first of them in TensorBoard's list.
    """

    name: str
    tensorboard_runs: tuple[str, ...]
    color_index: int


def group_runs(tensorboard_runs: Iterable[str]) -> dict[str, RunGroup]:
    """Returns the groups by name, in the order of their first run.

    Args:
        tensorboard_runs: All runs, in TensorBoard's order.
    """
    members: dict[str, list[str]] = {}
    first: dict[str, int] = {}
    for index, run in enumerate(tensorboard_runs):
        name = group_name(run)
        members.setdefault(name, []).append(run)
        first.setdefault(name, index)
    return {
        name: RunGroup(name=name, tensorboard_runs=tuple(runs), color_index=first[name])
        for name, runs in members.items()
    }


def group_name(tensorboard_run: str) -> str:
    """Returns the name of the group that a run is in.

    Example:
        >>> group_name("pima/train"), group_name("timeline"), group_name("pima")
        ('pima', '.', 'pima')
    """
    return _split(tensorboard_run)[0]


def member_name(tensorboard_run: str) -> str:
    """Returns the name of a run within its group: `train`, or `.` for the run directory itself."""
    return _split(tensorboard_run)[1]


def _split(tensorboard_run: str) -> tuple[str, str]:
    path = tensorboard_run.replace("\\", "/") if os.sep == "\\" else tensorboard_run
    # `--logdir_spec name:path` calls the run in `path` itself `name/.`.
    parent, _, last = path.removesuffix("/.").rpartition("/")
    if last in _MEMBERS:
        return parent or ROOT, last
    return path.removesuffix("/."), ROOT
