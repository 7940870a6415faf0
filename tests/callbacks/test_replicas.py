"""Training on several devices: one writer."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
import tensorflow as tf

from epochline.callbacks import Timeline
from epochline.callbacks.living import desk
from epochline.events import Outcome
from epochline.restore.requests import Action
from tests.callbacks.asking import Asks, asked
from tests.callbacks.training import new_model, timeline_of, train

# In a process of its own: devices can only be split before TensorFlow has computed anything.
MIRRORED = """
import sys
import tensorflow as tf

cpu = tf.config.list_physical_devices("CPU")[0]
tf.config.set_logical_device_configuration(cpu, [tf.config.LogicalDeviceConfiguration()] * 2)

from epochline.callbacks import Timeline
from tests.callbacks.training import new_model, train

with tf.distribute.MirroredStrategy(["CPU:0", "CPU:1"]).scope():
    model = new_model()
train(model, Timeline(sys.argv[1], monitor="loss"), epochs=2)
"""

# Goes back to the first epoch after the fifth batch, and prints what each replica holds then.
RESTORED = """
import numpy as np
from epochline import open_run
from epochline.callbacks.living import desk
from epochline.restore.requests import Action
from tests.callbacks.asking import Asks
desk._LOOK_EVERY_SECONDS = 0.0

def back(asks):
    asks.ask(Action.RESTORE, checkpoint=open_run(asks.run_dir).at(epoch=0).id)

class Looks(keras.callbacks.Callback):
    def on_epoch_end(self, epoch, logs=None):
        parts = [np.array(part) for part in self.model.layers[0].kernel.value.values]
        assert (parts[0] == parts[1]).all()

asks = Asks(Path(sys.argv[1]), {5: back})
train(model, asks, Looks(), Timeline(sys.argv[1], monitor="loss"), epochs=3)
assert asks.answers[0].ok, asks.answers[0].message
"""


def test_restore_reaches_every_replica(run_dir: Path) -> None:
    """Under MirroredStrategy, a running training goes back on all devices, or says why not."""
    begin = MIRRORED.rpartition("train(")[0] + "import keras\nfrom pathlib import Path\n"
    subprocess.run(
        [sys.executable, "-c", begin + RESTORED, run_dir], check=True, cwd=Path(__file__).parents[2]
    )
    timeline = timeline_of(run_dir)
    (restore,) = timeline.restores
    assert (restore.restored, restore.step) == (14, 5)
    assert [row.step for row in timeline.epochs] == [3, 4, 7]


def test_strategy_that_was_not_tried_is_refused(
    run_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In words, before anything is read."""
    monkeypatch.setattr(desk, "_LOOK_EVERY_SECONDS", 0.0)
    with tf.distribute.OneDeviceStrategy("CPU:0").scope():
        model = new_model()
    asks = Asks(run_dir, {1: asked(Action.RESTORE, checkpoint="0" * 16)})
    train(model, asks, Timeline(run_dir, monitor="loss"), epochs=1)
    (answer,) = asks.answers
    assert answer is not None
    assert answer.outcome is Outcome.REFUSED
    assert "Under OneDeviceStrategy it has not been proven." in answer.message


def test_two_replicas_have_one_writer(run_dir: Path) -> None:
    """Under MirroredStrategy, one session with one checkpoint an epoch is written."""
    subprocess.run(
        [sys.executable, "-c", MIRRORED, run_dir], check=True, cwd=Path(__file__).parents[2]
    )
    timeline = timeline_of(run_dir)
    assert len(timeline.sessions) == 1
    assert [(row.epoch, row.step, row.batch) for row in timeline.epochs] == [(0, 3, 3), (1, 6, 6)]
    assert [item.epoch for item in timeline.checkpoints if item.restorable] == [0, 1]
