"""The mean of several checkpoints of a run, made by a process of its own.

It takes HDF5, which opens nothing in TensorBoard's process.

Invariant: the new file is in `<run>/restored/`, under a name that follows from the checkpoints that
it is made of, and no file is written over.
"""

from __future__ import annotations

import hashlib
import json
import shlex
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path, PurePosixPath
from typing import Final

from epochline.shards import INDEX_ENDING, WEIGHTS_ENDING
from epochline.timeline import CheckpointEntry
from tensorboard_plugin_epochline.answers import ApiError, ErrorCode
from tensorboard_plugin_epochline.library import Snapshot
from tensorboard_plugin_epochline.restore import PLAIN_ID, RESTORED_DIR, refuse_link
from tensorboard_plugin_epochline.snippets import mean_commands

__all__ = ["make_mean", "mean_plan"]

_FEWEST: Final = 2
_NAME_LENGTH: Final = 12
_CHOOSE: Final = "Choose others of this run."


def mean_plan(snapshot: Snapshot, ids: Sequence[str]) -> dict[str, object]:
    """Returns a `MeanPlan`: what would be made of which checkpoints; nothing is made.

    Args:
        snapshot: The run.
        ids: The checkpoints.

    Raises:
        ApiError: If there are fewer than two, or one has no weights file.
    """
    entries = _chosen(snapshot, ids)
    directory = snapshot.directory.shown
    target = PurePosixPath(directory, _name(entries)).as_posix()
    epochs = ", ".join(str(entry.epoch + 1) for entry in entries)
    return {
        "run": snapshot.run,
        "ids": [entry.id for entry in entries],
        "message": (
            f"The mean of the weights of {len(entries)} checkpoints (epochs {epochs}) is written "
            f"to {_name(entries)}. It has no optimizer state, and no metrics until you evaluate it."
        ),
        "commands": mean_commands(entries, directory=directory, target=target),
    }


def make_mean(snapshot: Snapshot, run_dir: Path, ids: Sequence[str]) -> dict[str, object]:
    """Makes it, and returns a `MeanAnswer`.

    Args:
        snapshot: The run.
        run_dir: The run directory, absolute.
        ids: The checkpoints.

    Raises:
        ApiError: If it cannot be made; the message says why.
    """
    entries = _chosen(snapshot, ids)
    target = run_dir / _name(entries)
    refuse_link(target.parent)
    target.parent.mkdir(exist_ok=True)
    words = mean_commands(entries, directory=str(run_dir), target=str(target))["cli"]
    done = subprocess.run(
        [sys.executable, "-m", *shlex.split(words), "--json"],
        capture_output=True,
        check=False,
        encoding="utf-8",
        errors="replace",
        stdin=subprocess.DEVNULL,
    )
    if done.returncode != 0:
        why = done.stderr.strip().removeprefix("epochline: ") or f"It ended with {done.returncode}."
        raise ApiError(ErrorCode.CONFLICT, f"No mean was written. {why}", _CHOOSE)
    message = f"The mean of {len(entries)} checkpoints is in {_name(entries)}."
    if layers := json.loads(done.stdout)["recalibrate"]:
        message += (
            f" The moving statistics of {', '.join(layers)} are means, too: set them anew by a "
            "pass over the training data with training=True."
        )
    return {"run": snapshot.run, "path": str(target), "message": message}


def _chosen(snapshot: Snapshot, ids: Sequence[str]) -> list[CheckpointEntry]:
    """Returns the checkpoints, oldest first."""
    named = {snapshot.checkpoint(name).id for name in ids}
    chosen = [item for item in snapshot.timeline.checkpoints if item.id in named]
    if len(chosen) < _FEWEST:
        message = f"A mean is made of {_FEWEST} checkpoints or more, not of {len(chosen)}."
        raise ApiError(ErrorCode.CONFLICT, message, _CHOOSE)
    for entry in chosen:
        if not entry.restorable or not PLAIN_ID.fullmatch(entry.id):
            message = f"Epoch {entry.epoch + 1} cannot be part of a mean. {entry.why}"
            raise ApiError(ErrorCode.CONFLICT, message, _CHOOSE)
        if not entry.path.endswith((WEIGHTS_ENDING, INDEX_ENDING)):
            message = f"{entry.path} is no weights file, and a mean is made of these alone."
            raise ApiError(ErrorCode.CONFLICT, message, _CHOOSE)
    return chosen


def _name(entries: Sequence[CheckpointEntry]) -> str:
    name = hashlib.sha256(",".join(entry.id for entry in entries).encode()).hexdigest()
    return f"{RESTORED_DIR}/mean-{name[:_NAME_LENGTH]}{WEIGHTS_ENDING}"
