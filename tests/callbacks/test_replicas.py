"""Training on several devices: one writer."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from tests.callbacks.training import timeline_of

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


def test_two_replicas_have_one_writer(run_dir: Path) -> None:
    """Under MirroredStrategy, one session with one checkpoint an epoch is written."""
    subprocess.run(
        [sys.executable, "-c", MIRRORED, run_dir], check=True, cwd=Path(__file__).parents[2]
    )
    timeline = timeline_of(run_dir)
    assert len(timeline.sessions) == 1
    assert [(row.epoch, row.step, row.batch) for row in timeline.epochs] == [(0, 3, 3), (1, 6, 6)]
    assert [item.epoch for item in timeline.checkpoints if item.restorable] == [0, 1]
