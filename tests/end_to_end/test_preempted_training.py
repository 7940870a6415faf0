"""A training that is preempted and started again, and what TensorBoard shows of it."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from playwright.sync_api import expect

from tests.end_to_end.conftest import one_tensorboard
from tests.end_to_end.panel import Panel
from tests.end_to_end.preempted_training import EPOCHS
from tests.end_to_end.tensorboard import TensorBoard

RUN = "preempted"


def train(run_dir: Path) -> int:
    """Starts the training, and returns its exit status."""
    command = [sys.executable, "-m", "tests.end_to_end.preempted_training", str(run_dir)]
    return subprocess.run(
        command, check=False, stderr=subprocess.DEVNULL, cwd=Path(__file__).parents[2]
    ).returncode


@one_tensorboard
def test_preempted_training_is_one_run_with_two_sessions(
    tensorboard: TensorBoard, panel: Panel
) -> None:
    """SIGTERM ends it with its exit code; started again, it goes on in the same curves."""
    run_dir = tensorboard.logdir / RUN
    assert [train(run_dir), train(run_dir)] == [143, 0]

    tensorboard.wait_for_checkpoints(RUN, EPOCHS)
    runs = [run["run"] for run in tensorboard.get("runs").json["runs"]]
    timeline = tensorboard.get("timeline", run=RUN).json
    assert [run for run in runs if run.startswith(RUN)] == [RUN]
    assert len(timeline["sessions"]) == 2
    assert timeline["checkpoints"]["epoch"] == list(range(EPOCHS))

    panel.open((RUN,))
    panel.expect_rows(EPOCHS)
    assert sorted(panel.column("Epoch")) == [str(epoch + 1) for epoch in range(EPOCHS)]
    panel.frame.get_by_text(f"{len(timeline['notices'])} notice").click()
    for session in timeline["sessions"]:
        expect(panel.frame.get_by_text(session["message"]).last).to_be_visible()
