"""A training that goes on where it was preempted: `python -m … RUN_DIR`.

The first time, it sends itself the SIGTERM in its third epoch.
"""

from __future__ import annotations

import os
import signal
import sys
from pathlib import Path
from typing import Any

import keras

from epochline import KeepAll
from epochline.callbacks import Timeline
from tests.callbacks.training import new_model, train

EPOCHS = 5


class Preemption(keras.callbacks.Callback):
    """Comes in the third epoch."""

    def __init__(self) -> None:
        super().__init__()
        self._epoch = 0

    def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:
        """Called by Keras."""
        self._epoch = epoch

    def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
        """Called by Keras."""
        if (self._epoch, batch) == (2, 0):
            os.kill(os.getpid(), signal.SIGTERM)


if __name__ == "__main__":
    preempted = [] if Path(sys.argv[1]).exists() else [Preemption()]
    timeline = Timeline(sys.argv[1], monitor="loss", resume=True, keep=KeepAll())
    train(new_model(), *preempted, timeline, epochs=EPOCHS)
