"""What the panel asked for goes to the audit log of the run, see `epochline.restore.audit`.

Invariant: a log that cannot be written is reported in TensorBoard's log and stops nothing.
"""

from __future__ import annotations

import logging
import time
from pathlib import Path

from epochline.restore.audit import AuditLine, append_audit, audit_path
from epochline.restore.requests import Source

__all__ = ["append"]

_logger = logging.getLogger("tensorboard")


def append(run_dir: Path, *, action: str, run: str, ids: str, outcome: str) -> None:
    """Adds a line.

    Args:
        run_dir: The run directory.
        action: What was asked for: `copy`, or an action of a running training.
        run: Name of the run group.
        ids: Id of the checkpoint; those of an action on several, with commas; empty for none.
        outcome: `done`, `created`, `found` or the code of the error, such as `forbidden`.
    """
    line = AuditLine(
        time=time.time(),
        action=action,
        run=run,
        id=ids,
        outcome=outcome,
        refused=outcome == "forbidden",
        source=Source.PANEL,
    )
    try:
        append_audit(run_dir, line)
    except OSError as error:
        _logger.warning(
            "Epochline could not write its audit log %s: %s", audit_path(run_dir), error
        )
