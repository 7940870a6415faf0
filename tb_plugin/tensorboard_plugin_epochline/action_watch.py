"""What was done to a run by hand, read when it has grown.

TensorBoard's data provider knows event files only; the action log lies beside them.

Invariant: a request costs one look at the log, and reads it only when that shows something new.
"""

from __future__ import annotations

import logging
from pathlib import Path

from epochline.events import Record
from epochline.reader import actions_path, read_actions
from tensorboard_plugin_epochline.file_watch import stamp_of

__all__ = ["ActionWatch"]

_logger = logging.getLogger("tensorboard")


class ActionWatch:
    """The action log of one run.

    Args:
        run_dir: The run directory.
    """

    def __init__(self, run_dir: Path) -> None:
        self._run_dir = run_dir
        self._mark = ""
        self._records: tuple[Record, ...] = ()

    @property
    def fingerprint(self) -> str:
        """Changes whenever `look` found something new."""
        return self._mark

    @property
    def records(self) -> tuple[Record, ...]:
        """What the last look found."""
        return self._records

    def look(self) -> bool:
        """Looks at the log, and returns whether there is something new."""
        stamp = stamp_of(actions_path(self._run_dir))
        mark = " ".join(map(str, stamp or ()))
        if mark == self._mark:
            return False
        self._mark = mark
        result = read_actions(self._run_dir)
        for damage in result.damages:
            _logger.warning("Epochline: %s: %s", damage.path, damage.message)
        self._records = result.records
        return True
