"""`epochline resume-proof`: what it says of scripts that continue, that do not, and that cannot."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.cli.conftest import Command

TRAINING = """
import keras, numpy as np
from epochline.callbacks import Timeline
keras.utils.set_random_seed(1)
model = keras.Sequential([keras.layers.Input((4,)), keras.layers.Dropout(0.3),
                          keras.layers.Dense(1)])
model.compile("adam", "mse", jit_compile=False)
model.fit(np.ones((32, 4)), np.ones(32), batch_size=4, epochs=8, verbose=0,
          callbacks=[Timeline("run", resume=True)])
"""
# In place of a training: forgets where it was, so that its numbers are others the second time.
FORGETFUL = """
import os, time
from pathlib import Path
from epochline.restore.resume_proof import END, LOG_VARIABLE, Snapshot, append_snapshot
log = Path(os.environ[LOG_VARIABLE])
begun = log.exists()
for epoch in range(2 if begun else 0, 6):
    loss = epoch + (0.5 if begun else 0.0)
    append_snapshot(log, Snapshot(training="run", epoch=epoch, values={"metric loss": repr(loss)}))
    time.sleep(0.05)
append_snapshot(log, Snapshot(training="run", epoch=END, values={}))
"""


@pytest.fixture
def script(tmp_path: Path) -> Path:
    """A path for a script."""
    return tmp_path / "training.py"


def test_training_that_continues_is_bit_identical(command: Command, script: Path) -> None:
    """Trained whole, killed, and continued; everything that was compared is counted."""
    script.write_text(TRAINING)
    outcome = command("resume-proof", script, "--kill-after", "4", "--json")
    assert outcome.status == 0, outcome.out + outcome.err
    told = outcome.json
    assert told["identical"] is True
    assert told["difference"] is None
    assert told["printed_epochs"] == 8
    assert 4 <= told["killed_after_epoch"] <= 8
    assert told["compared"] > 8 * 10


def test_first_difference_is_told(command: Command, script: Path) -> None:
    """What differs, where, and with which values; the exit status says so, too."""
    script.write_text(FORGETFUL)
    outcome = command("resume-proof", script, "--kill-after", "2")
    assert outcome.status == 1
    assert outcome.out.startswith("different")
    assert "metric loss" in outcome.out
    assert "of 6." in outcome.out


@pytest.mark.parametrize(
    ("text", "options", "told"),
    [
        (None, (), "There is no script"),
        ("print(1)", (), "Add Resume('logs/name')"),
        ("raise SystemExit(3)", (), "ended with exit status 3"),
        (FORGETFUL, ("--kill-after", "6"), "--kill-after 6 is not from 1 to 5."),
    ],
)
def test_what_cannot_be_proved_is_told_in_one_line(
    command: Command, script: Path, text: str | None, options: tuple[str, ...], told: str
) -> None:
    """No script, no training in it, a script that fails, an epoch that is not there."""
    if text is not None:
        script.write_text(text)
    outcome = command("resume-proof", script, *options)
    assert outcome.status == 1
    assert told in outcome.err
    assert outcome.err.count("\n") == 1
