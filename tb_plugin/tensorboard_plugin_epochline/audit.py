"""The audit log of a run: which changes were asked for through the panel, and what came of it.

One JSON object per line in `<run>/timeline/control/audit.jsonl`, appended with one write.

Invariant: lines are only ever added. A log that cannot be written is reported in TensorBoard's log
and stops nothing.
"""

from __future__ import annotations

import json
import logging
import os
import time
from pathlib import Path

from epochline.reader import TIMELINE_DIR
from epochline.session import CONTROL_DIR

__all__ = ["append"]

_logger = logging.getLogger("tensorboard")
_FLAGS = os.O_WRONLY | os.O_APPEND | os.O_CREAT | getattr(os, "O_NOFOLLOW", 0)


def append(
    run_dir: Path, *, action: str, run: str, checkpoint: str | list[str], outcome: str
) -> None:
    """Adds a line.

    Args:
        run_dir: The run directory.
        action: What was asked for, as `restore`.
        run: Name of the run group.
        checkpoint: Id of the checkpoint; all ids of an action on several.
        outcome: `done`, `created`, `found` or the code of the error, such as `forbidden`.
    """
    entry = {
        "time": time.time(),
        "action": action,
        "run": run,
        "id": checkpoint,
        "outcome": outcome,
        "refused": outcome == "forbidden",
    }
    path = run_dir / TIMELINE_DIR / CONTROL_DIR / "audit.jsonl"
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(path, _FLAGS, 0o666)
        try:
            os.write(descriptor, json.dumps(entry).encode() + b"\n")
        finally:
            os.close(descriptor)
    except OSError as error:
        _logger.warning("Epochline could not write its audit log %s: %s", path, error)
