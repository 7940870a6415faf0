"""A training to be killed: `python -m tests.end_to_end.killable_training RUN_DIR`.

It imports Keras at once and trains when a line comes on its standard input, so that the next one
can get ready while this one is being killed.
"""

from __future__ import annotations

import sys

from epochline import KeepLast
from epochline.callbacks import Timeline
from tests.callbacks.training import new_model, train

if __name__ == "__main__":
    sys.stdin.readline()
    train(new_model(), Timeline(sys.argv[1], monitor="loss", keep=KeepLast(3)), epochs=10_000)
