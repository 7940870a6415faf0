"""A training that is killed at any moment loses nothing that was listed."""

from __future__ import annotations

import random
import subprocess
import sys
import time
from collections import deque
from pathlib import Path

import h5py
import pytest

from epochline import find_runs, open_run
from epochline.run import Run
from epochline.timeline import Status

KILLS = 25
AHEAD = 2
_ROOT = Path(__file__).parents[2]


def start(run_dir: Path) -> subprocess.Popen[str]:
    """A training that waits for a line on its standard input."""
    return subprocess.Popen(
        [sys.executable, "-m", "tests.end_to_end.killable_training", run_dir],
        stdin=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        cwd=_ROOT,
    )


def sessions(run_dir: Path) -> int:
    """Number of sessions that have saved a checkpoint."""
    if not find_runs(run_dir):
        return 0
    return len({item.session for item in open_run(run_dir).checkpoints})


def kill_one(process: subprocess.Popen[str], run_dir: Path, delay: float) -> None:
    """Lets a training begin and kills it `delay` seconds after its first checkpoint."""
    before = sessions(run_dir)
    assert process.stdin is not None
    process.stdin.write("\n")
    process.stdin.flush()
    deadline = time.monotonic() + 90
    try:
        while sessions(run_dir) == before:
            assert process.poll() is None, "the training ended before it was killed"
            assert time.monotonic() < deadline, "the training did not save anything"
            time.sleep(0.02)
        time.sleep(delay)
    finally:
        process.kill()
        process.wait(60)
        process.stdin.close()


@pytest.mark.alone
@pytest.mark.timeout(600)
def test_25_killed_trainings_leave_only_checkpoints_that_match_their_digest(tmp_path: Path) -> None:
    """After each `kill -9`, every listed checkpoint is readable, and the next training goes on."""
    chance = random.Random(20)  # noqa: S311 – moments, not secrets
    run_dir = tmp_path / "run"
    ready = deque(start(run_dir) for _ in range(AHEAD))
    try:
        for kill in range(KILLS):
            ready.append(start(run_dir))
            kill_one(ready.popleft(), run_dir, chance.uniform(0.0, 0.25))
            run = open_run(run_dir)
            assert len(run.sessions) == kill + 1
            assert run.sessions[-1].end is None
            assert not run.gaps
            check(run)
    finally:
        for process in ready:
            process.kill()
            process.wait(60)
    assert sessions(run_dir) == KILLS
    leftovers = list((run_dir / "checkpoints").glob(".tmp-*"))
    assert len(leftovers) <= 1, "leftovers of earlier kills were not removed by the next start"


def check(run: Run) -> None:
    """Every checkpoint that is listed can be read, and is what was saved."""
    assert not [item for item in run.checkpoints if item.status is Status.CORRUPT]
    listed = [item for item in run.checkpoints if item.restorable]
    assert listed
    for checkpoint in listed:
        assert checkpoint.verify(), checkpoint.verify().message
        with h5py.File(checkpoint.file) as file:
            assert "layers" in file
