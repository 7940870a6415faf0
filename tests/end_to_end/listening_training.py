"""A real training that listens, slow enough to be asked for something.

It goes on until it is stopped. Run as `python -m tests.end_to_end.listening_training RUN_DIR`.
"""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import keras

from epochline import KeepAll
from epochline.callbacks import Timeline
from tests.callbacks.training import new_model, train
from tests.end_to_end.tensorboard import TensorBoard

__all__ = ["listening_training"]

_ROOT = Path(__file__).parents[2]
_BATCH_SECONDS = 0.15
_EPOCHS = 9_999
_AHEAD = 3


@contextmanager
def listening_training(tensorboard: TensorBoard, run: str) -> Iterator[subprocess.Popen[bytes]]:
    """A process that trains, and is killed when it still does at the end.

    Args:
        tensorboard: A server that shows it; it has read the first three checkpoints.
        run: Name of the run.
    """
    module = [sys.executable, "-m", "tests.end_to_end.listening_training"]
    process = subprocess.Popen([*module, tensorboard.logdir / run], cwd=_ROOT)
    try:
        tensorboard.wait_until_loaded(
            lambda server: (
                (reply := server.get("timeline", run=run)).status == 200
                and len(reply.json["checkpoints"]["id"]) >= _AHEAD
            )
        )
        yield process
    finally:
        process.kill()
        process.wait()


class _Slowly(keras.callbacks.Callback):
    def on_train_batch_end(self, batch: int, logs: object = None) -> None:
        time.sleep(_BATCH_SECONDS)


if __name__ == "__main__":
    timeline = Timeline(sys.argv[1], monitor="val_loss", keep=KeepAll())
    train(new_model(), timeline, _Slowly(), epochs=_EPOCHS, validation_split=0.25)
