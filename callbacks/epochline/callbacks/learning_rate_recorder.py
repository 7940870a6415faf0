"""`LearningRateRecorder`: every change of the learning rate, who made it and why."""

from __future__ import annotations

import os

from epochline.callbacks.part import PartCallback
from epochline.events import Topic

__all__ = ["LearningRateRecorder"]


class LearningRateRecorder(PartCallback):
    """Records every change of the learning rate with the callback that made it, before and after.

    Also what `keras.callbacks.ReduceLROnPlateau` decided without a change: patience 3/5, cooling
    down, already at `min_lr`. The callbacks are observed where they stand, in any order; they need
    not know.

    It acts after the hooks of the other callbacks, and never changes anything.

    Args:
        log_dir: Run directory; the records go to `<log_dir>/timeline/`.

    Example:
        >>> callbacks = [
        ...     keras.callbacks.ReduceLROnPlateau(patience=5),
        ...     LearningRateRecorder("logs/pima"),
        ... ]
    """

    topics = frozenset({Topic.LEARNING_RATE})

    def __init__(self, log_dir: str | os.PathLike[str]) -> None:
        super().__init__(log_dir)
