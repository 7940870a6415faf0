"""`kill -9` at random moments, and before each single operation of a training."""

from __future__ import annotations

import os
import random
import shutil
import signal
import time
from collections import Counter
from pathlib import Path
from typing import Final

import pytest

from epochline import open_run
from epochline.store import remove_leftovers
from tests.store.children import Children, live, live_a_turn, write_slowly
from tests.store.faults import files_in
from tests.store.life import PHASES, check_run, start_again

KILLS: Final = int(os.environ.get("EPOCHLINE_KILLS", "210"))
"""How many at least, all in all; a multiple of the phases."""
SECONDS: Final = 0.004
"""A kill comes at most so long after its phase has begun."""
RUN: Final = 15
"""How many kills one run directory sees; each one is a session, and reading many takes long."""
WRITING: Final = {"save", "replace", "demote"}
"""The phases in which files are written: kills go on until one has hit such a file."""
MORE: Final = 300
"""How many go on at most for that, in each phase; on a slow machine few come in time."""


@pytest.mark.parametrize("phase", PHASES)
def test_a_killed_training_leaves_every_listed_checkpoint_intact(
    children: Children, tmp_path: Path, old_run: Path, phase: str
) -> None:
    """Killed at random moments of each phase: nothing that is listed as saved is lost or half."""
    chance = random.Random(phase)  # noqa: S311 - repeatable, no secrets
    half_written = phase not in WRITING
    planned = KILLS // len(PHASES)
    for number in range(planned + MORE):
        if number >= planned and half_written:
            break
        run_dir = tmp_path / str(number // RUN)
        if not run_dir.exists():
            shutil.copytree(old_run, run_dir)
        # The first turn, or the second; there is only one beginning.
        moment: dict[str, float] = {
            "skip": chance.randrange(2) * (phase != "begin"),
            "seconds": chance.uniform(0.0, SECONDS),
        }
        child = children.start(live, directory=str(run_dir), phase=phase, **moment)
        assert child.wait() == -signal.SIGKILL
        assert check_run(run_dir) == [], f"kill {number}: {moment}"
        half_written |= bool(list(run_dir.rglob(".tmp-*")))
        start_again(run_dir)
    assert half_written, "the kills must hit files that are being written, or nothing is tested"


def test_a_kill_before_any_operation_of_a_training_loses_nothing(
    children: Children, tmp_path: Path, old_run: Path
) -> None:
    """Begin, save, replace, demote, trash, recover, empty: killed before each operation in turn."""
    code = -signal.SIGKILL
    at = 0
    seen: Counter[bool] = Counter()
    while code == -signal.SIGKILL:
        run_dir = tmp_path / "run"
        shutil.copytree(old_run, run_dir)
        code = children.start(live_a_turn, directory=str(run_dir), at=at).wait()
        assert check_run(run_dir) == [], f"operation {at}"
        epochs = {item.epoch for item in open_run(run_dir).checkpoints if item.restorable}
        seen[6 in epochs] += 1
        start_again(run_dir)
        shutil.rmtree(run_dir)
        at += 1
    assert code == 0
    assert at > 60
    assert min(seen.values()) > 10, "before and after the save"


def test_the_file_of_a_living_writer_is_never_a_leftover(
    children: Children, tmp_path: Path
) -> None:
    """Tidying up beside a writer leaves its file alone, and takes it once the writer is dead."""
    child = children.start(write_slowly, path=str(tmp_path / "slow.weights.h5"))
    while not list(tmp_path.glob(".tmp-*")) or not next(tmp_path.glob(".tmp-*")).stat().st_size:
        time.sleep(0.005)
    assert remove_leftovers(tmp_path) == ()
    child.kill()
    assert len(remove_leftovers(tmp_path)) == 1
    assert files_in(tmp_path) == {}
