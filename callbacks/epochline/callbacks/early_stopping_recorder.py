"""`EarlyStoppingRecorder`: every early-stop verdict, also when it is "not yet"."""

from __future__ import annotations

import os

from epochline.callbacks.part import PartCallback
from epochline.events import Topic

__all__ = ["EarlyStoppingRecorder"]


class EarlyStoppingRecorder(PartCallback):
    """Records every verdict of `keras.callbacks.EarlyStopping`, also when it only waits.

    Whatever else stops the training (`TerminateOnNaN`, a callback of yours) is recorded, too. The
    callbacks are observed where they stand, in any order; they need not know.

    It acts after the hooks of the other callbacks, and never changes anything.

    Args:
        log_dir: Run directory; the records go to `<log_dir>/timeline/`.

    Example:
        >>> callbacks = [
        ...     keras.callbacks.EarlyStopping(patience=20),
        ...     EarlyStoppingRecorder("logs/pima"),
        ... ]
    """

    topics = frozenset({Topic.STOP})

    def __init__(self, log_dir: str | os.PathLike[str]) -> None:
        super().__init__(log_dir)
