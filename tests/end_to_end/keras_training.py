"""A real training that prints what Keras prints.

Run as `python -m tests.end_to_end.keras_training RUN_DIR EPOCHS`.
"""

from __future__ import annotations

import sys

from epochline.callbacks import Timeline
from tests.callbacks.training import new_model, train

if __name__ == "__main__":
    timeline = Timeline(sys.argv[1], monitor="val_loss")
    epochs = int(sys.argv[2])
    train(new_model(), timeline, epochs=epochs, validation_split=0.25, verbose=2)
