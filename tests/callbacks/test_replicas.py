"""Training on several devices: one writer."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf

from epochline import open_run
from epochline.callbacks import Timeline
from epochline.callbacks.living import desk
from epochline.events import Health, Outcome
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

# Makes the loss NaN in the third epoch, and looks before each batch.
NAN = """
import numpy as np
from epochline.callbacks.living import desk
desk._LOOK_EVERY_SECONDS = 0.0

class Poison(keras.callbacks.Callback):
    def on_epoch_begin(self, epoch, logs=None):
        self.epoch = epoch

    def on_train_batch_begin(self, batch, logs=None):
        if (self.epoch, batch) == (2, 1):
            kernel = self.model.layers[-1].kernel
            kernel.assign(np.full(kernel.shape, np.nan))

class Looks(keras.callbacks.Callback):
    def on_epoch_end(self, epoch, logs=None):
        for variable in [*self.model.weights, *self.model.optimizer.variables]:
            first, second = [np.array(part) for part in variable.value.values]
            assert np.array_equal(first, second), variable.path
            assert np.isfinite(first).all(), variable.path

train(model, Poison(), Looks(), Timeline(sys.argv[1], monitor="loss", on_nan="restore"), epochs=4)
"""
_ROOT = Path(__file__).parents[2]


def run_mirrored(code: str, run_dir: Path) -> None:
    """Runs a training with a model on two devices, and what it asserts there."""
    begin = MIRRORED.rpartition("train(")[0] + "import keras\nfrom pathlib import Path\n"
    subprocess.run([sys.executable, "-c", begin + code, run_dir], check=True, cwd=_ROOT)


def test_nan_takes_every_replica_back(run_dir: Path) -> None:
    """Under MirroredStrategy, `on_nan` restores variables, slots and rate on all devices."""
    run_mirrored(NAN, run_dir)
    run = open_run(run_dir)
    (back,) = run.restores
    before = next(item for item in run.checkpoints if item.epoch == 1)
    assert (back.checkpoint, back.restored) == (before.id, 14)
    assert back.because == "the loss of epoch 3 was NaN; restore 1 of 3"
    assert (back.lr_before, back.lr_after) == pytest.approx((0.001, 0.0005))
    assert np.isfinite(run.history["loss"]).all()
    (kept,) = (item for item in run.checkpoints if item.id == back.undo)
    assert kept.health is Health.NOT_FINITE


def test_restore_reaches_every_replica(run_dir: Path) -> None:
    """Under MirroredStrategy, a running training goes back on all devices, or says why not."""
    run_mirrored(RESTORED, run_dir)
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
    subprocess.run([sys.executable, "-c", MIRRORED, run_dir], check=True, cwd=_ROOT)
    timeline = timeline_of(run_dir)
    assert len(timeline.sessions) == 1
    assert [(row.epoch, row.step, row.batch) for row in timeline.epochs] == [(0, 3, 3), (1, 6, 6)]
    assert [item.epoch for item in timeline.checkpoints if item.restorable] == [0, 1]
