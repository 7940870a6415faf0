"""A fault at each single file operation in turn: old or new, never neither, never silent."""

from __future__ import annotations

import errno
import json
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from epochline import open_run
from epochline.checkpoints import Status
from epochline.errors import EpochlineError
from epochline.store import remove_leftovers
from tests.store.children import FLOATS, Children, be_killed, be_watched
from tests.store.faults import (
    LOOKS,
    Fault,
    Faults,
    disk_full,
    fail,
    fail_afterwards,
    files_in,
    write_half,
)
from tests.store.life import Life, check_run, start_again
from tests.store.scenarios import LOCKING, SCENARIOS, TIDYING, Scenario

ALL = {**SCENARIOS, "lock": LOCKING, "tidy up": TIDYING}
ROOT = Path(__file__).parents[2]
NO_SPACE = {errno.ENOSPC, errno.EDQUOT}
ERRORS = [errno.EIO, errno.ENOSPC, errno.EDQUOT, errno.EINTR]


def run(scenario: Scenario, directory: Path, faults: Faults) -> OSError | None:
    """Goes through a scenario in a new directory and returns the error that was raised."""
    directory.mkdir()
    scenario.prepare(directory)
    try:
        with faults:
            scenario.act(directory)
    except OSError as error:
        return error
    return None


def each_operation(
    scenario: Scenario,
    tmp_path: Path,
    faults: Callable[[int], Faults],
    check: Callable[[Path, Faults, OSError | None], None],
) -> int:
    """Lets something happen at each operation in turn, and returns how many there were."""
    at = 0
    while True:
        directory = tmp_path / str(at)
        disturbed = faults(at)
        error = run(scenario, directory, disturbed)
        if not disturbed.reached:
            assert error is None
            assert files_in(directory) == scenario.after
            return at
        check(directory, disturbed, error)
        at += 1


def allowed_after_error(scenario: Scenario, directory: Path) -> bool:
    """Whether the files are those before or after, as the scenario promises."""
    files = files_in(directory)
    if scenario is LOCKING:  # who held it may still be written there
        return files.keys() <= {"lock"}
    return files in [getattr(scenario, state) for state in scenario.after_error]


@pytest.mark.parametrize("number", ERRORS, ids=errno.errorcode.get)
@pytest.mark.parametrize("name", ALL)
def test_an_error_at_any_operation_is_raised_and_leaves_old_or_new(
    tmp_path: Path, name: str, number: int
) -> None:
    """One failing operation, each in turn: a loud error, an allowed state, no temporary file."""
    scenario = ALL[name]

    def check(directory: Path, faults: Faults, error: OSError | None) -> None:
        if error is not None:
            assert error.errno == number
            assert str(directory) in str(error.filename)
            assert allowed_after_error(scenario, directory), faults.calls
        elif scenario.harmless:
            assert len(faults.calls) == scenario.operations
            remove_leftovers(directory)
            assert files_in(directory) == scenario.after
        else:
            assert number in NO_SPACE, f"{faults.calls} failed silently at the last"
            assert files_in(directory) == scenario.without_space

    tried = each_operation(scenario, tmp_path, partial(Faults, fault=fail(number)), check)
    assert tried == scenario.operations


@pytest.mark.parametrize("name", SCENARIOS)
def test_an_operation_that_fails_after_it_was_done_leaves_old_or_new(
    tmp_path: Path, name: str
) -> None:
    """As on network file systems: the error is raised, and no file is half or lost."""
    scenario = SCENARIOS[name]

    def check(directory: Path, faults: Faults, error: OSError | None) -> None:
        assert error is not None or scenario.harmless
        for folder in (directory, directory / "a" / "b"):
            remove_leftovers(folder)
        assert files_in(directory) in scenario.states(), faults.calls

    fault = fail_afterwards(errno.EIO)
    assert each_operation(scenario, tmp_path, partial(Faults, fault=fault), check) >= 4


@pytest.mark.parametrize("name", SCENARIOS)
def test_an_error_where_the_disk_is_only_looked_at_is_raised_or_does_no_harm(
    tmp_path: Path, name: str
) -> None:
    """A disk that cannot even be asked: an error and the old files, or the new ones."""
    scenario = SCENARIOS[name]

    def check(directory: Path, faults: Faults, error: OSError | None) -> None:
        if error is None:
            assert files_in(directory) == scenario.after
        else:
            assert allowed_after_error(scenario, directory), faults.calls

    faults = partial(Faults, fault=fail(errno.EIO), names=LOOKS)
    each_operation(scenario, tmp_path, faults, check)


@pytest.mark.parametrize(
    ("fault", "silent"),
    [
        pytest.param(disk_full, True, id="full"),
        pytest.param(fail(errno.EIO), False, id="dead"),
    ],
)
@pytest.mark.parametrize("name", SCENARIOS)
def test_a_disk_that_fails_from_any_operation_on_leaves_old_or_new(
    tmp_path: Path, name: str, fault: Fault, silent: bool
) -> None:
    """From each operation on nothing more fits, or nothing works at all: old or new files.

    A dead disk does not even let the temporary file be removed; the next start does.
    """
    scenario = SCENARIOS[name]

    def check(directory: Path, faults: Faults, error: OSError | None) -> None:
        assert silent or error is not None or scenario.harmless
        if not silent:
            for folder in (directory, directory / "a" / "b"):
                remove_leftovers(folder)
            assert files_in(directory) in scenario.states(), faults.calls
        elif error is None:
            assert files_in(directory) in (scenario.after, scenario.without_space)
        else:
            assert allowed_after_error(scenario, directory), faults.calls

    faults = partial(Faults, fault=fault, sticky=True)
    assert each_operation(scenario, tmp_path, faults, check) == scenario.operations


@pytest.mark.parametrize("sticky", [False, True], ids=["once", "always"])
@pytest.mark.parametrize("name", SCENARIOS)
def test_a_short_write_is_continued(tmp_path: Path, name: str, sticky: bool) -> None:
    """A disk that takes less than it was given still gets every byte once."""
    scenario = SCENARIOS[name]

    def check(directory: Path, faults: Faults, error: OSError | None) -> None:
        assert error is None
        assert files_in(directory) == scenario.after, faults.calls

    faults = partial(Faults, fault=write_half, sticky=sticky)
    assert each_operation(scenario, tmp_path, faults, check) >= scenario.operations


@pytest.mark.parametrize("name", SCENARIOS)
def test_a_kill_before_any_operation_leaves_old_or_new(
    children: Children, tmp_path: Path, name: str
) -> None:
    """Killed before each operation in turn: the state before or after, leftovers found."""
    scenario = SCENARIOS[name]
    seen: list[Any] = []
    code = -signal.SIGKILL
    while code == -signal.SIGKILL:
        directory = tmp_path / str(len(seen))
        directory.mkdir()
        scenario.prepare(directory)
        job = {"directory": str(directory), "scenario": name, "at": len(seen)}
        code = children.start(be_killed, **job).wait()
        for folder in (directory, directory / "a" / "b"):
            remove_leftovers(folder)
        state = files_in(directory)
        assert state in scenario.states()
        seen.append(state == scenario.after)
    assert code == 0
    assert len(seen) == scenario.operations + 1
    assert seen[-1]
    assert not seen[0]
    assert seen == sorted(seen), "once the new state is there it stays"


def live_a_turn(run_dir: Path) -> OSError | EpochlineError | None:
    """Goes on with a run for one turn and returns the error that was raised."""
    life = Life(run_dir, floats=FLOATS)
    try:
        life.turn(life.begin())
    except (OSError, EpochlineError) as error:
        return error
    finally:
        life.end()
    return None


def statuses(run_dir: Path) -> list[tuple[str, Status]]:
    """What became of the checkpoints of a run."""
    return [(item.path, item.status) for item in open_run(run_dir).checkpoints]


@pytest.mark.parametrize(
    ("fault", "sticky"),
    [
        pytest.param(fail(errno.EIO), False, id="EIO"),
        pytest.param(fail(errno.ENOSPC), False, id="ENOSPC"),
        pytest.param(disk_full, True, id="full"),
        pytest.param(write_half, False, id="short"),
    ],
)
def test_a_fault_at_any_operation_of_a_training_loses_nothing(
    tmp_path: Path,
    old_run: Path,
    caplog: pytest.LogCaptureFixture,
    fault: Fault,
    sticky: bool,
) -> None:
    """Begin, save, replace, demote, trash, recover, empty, with records: all that is listed is so.

    The error is raised or logged, and the next training finds everything in order.
    """
    undisturbed = tmp_path / "undisturbed"
    shutil.copytree(old_run, undisturbed)
    with Faults(-1, fault) as faults:
        live_a_turn(undisturbed)
    operations = len(faults.calls)
    assert operations > 60
    for at in range(operations):
        run_dir = tmp_path / str(at)
        shutil.copytree(old_run, run_dir)
        caplog.clear()
        with Faults(at, fault, sticky=sticky) as faults:
            error = live_a_turn(run_dir)
        assert check_run(run_dir) == [], faults.calls
        told = error is not None or bool(caplog.records)
        assert told or statuses(run_dir) == statuses(undisturbed), faults.calls[: at + 1]
        start_again(run_dir, lost=error is not None)
        shutil.rmtree(run_dir)


@pytest.mark.parametrize("name", SCENARIOS)
def test_no_operation_goes_past_the_faults(children: Children, tmp_path: Path, name: str) -> None:
    """Python's audit events and the kernel's count of writes know of no other operation."""
    scenario = SCENARIOS[name]
    directory, answer = tmp_path / "run", tmp_path / "answer"
    directory.mkdir()
    scenario.prepare(directory)
    job = {"directory": str(directory), "scenario": name, "answer": str(answer)}
    assert children.start(be_watched, **job).wait() == 0
    noted: dict[str, Any] = json.loads(answer.read_text())
    assert sum(noted["seen"].values()) == scenario.operations
    assert noted["past"] == []
    assert noted["silent_writes"] == 0


WATCHED = """
import json, os, sys
from pathlib import Path
from tests.store.faults import Watch
path = Path(sys.argv[1], "file")
with Watch(path.parent) as watch:
    descriptor = os.open(path, os.O_CREAT | os.O_WRONLY)
    os.write(descriptor, b"through the shim")
    os.close(descriptor)
    {past}
print(json.dumps([len(watch.past), watch.silent_writes]))
"""


@pytest.mark.parametrize(
    ("past", "events", "writes"),
    [
        ("", 0, False),
        ("path.write_bytes(b'past it')", 1, True),
        ("import posix; posix.unlink(path)", 1, False),
        ("import posix; posix.write(os.open(path, os.O_WRONLY), b'past it')", 0, True),
        ("import h5py; h5py.File(path.with_suffix('.h5'), 'w').create_group('x')", 0, True),
    ],
)
def test_what_goes_past_the_faults_is_noticed(
    tmp_path: Path, past: str, events: int, writes: bool
) -> None:
    """The proof above can fail: other ways to the disk are seen, also those of C libraries."""
    program = WATCHED.format(past=past)
    answer = subprocess.run(
        [sys.executable, "-c", program, tmp_path], cwd=ROOT, stdout=subprocess.PIPE, check=True
    )
    noted_events, noted_writes = json.loads(answer.stdout)
    assert (noted_events, noted_writes > 0) == (events, writes)
