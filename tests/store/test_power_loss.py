"""What is saved survives a power loss at any moment, in every state that POSIX allows."""

from __future__ import annotations

import itertools
import random
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import pytest

from epochline import open_run
from epochline.checkpoints import Status
from tests.store.life import Life, check_run
from tests.store.power import Listings, Mark, Operation, OperationLog, State, crash_states

STATES: Final = 10_000
TURNS: Final = 16
FLOATS: Final = 2_000
RESTARTS: Final = 60


@pytest.fixture(scope="module")
def log(tmp_path_factory: pytest.TempPathFactory) -> OperationLog:
    """What a training of some turns did to an empty directory."""
    run_dir = tmp_path_factory.mktemp("run")
    log = OperationLog(run_dir)

    def tell(path: str, digest: str | None, sure: bool) -> None:
        log.say((path, digest, sure))

    with log:
        life = Life(run_dir, floats=FLOATS, tell=tell)
        for number in range(life.begin(), TURNS):
            life.turn(number)
    assert check_run(run_dir) == []
    return log


@pytest.fixture(scope="module")
def states(log: OperationLog) -> list[State]:
    """What may be found after a power loss."""
    return list(crash_states(log.log))


def allowed(said: tuple[tuple[str, str | None, bool], ...]) -> dict[str, set[str | None]]:
    """Path to the digests that the file may have, None for no file."""
    digests: dict[str, set[str | None]] = {}
    for path, digest, sure in said:
        before = set() if sure else digests.get(path, {None})
        digests[path] = {digest, *before}
    return digests


def broken_promises(states: list[State]) -> list[str]:
    """Files that are neither what was promised nor what was being done."""
    return [
        f"{path} at operation {state.moment}"
        for state in states
        for path, digests in allowed(state.said).items()
        if state.digest(path) not in digests
    ]


def test_every_file_is_what_was_promised_or_what_was_being_done(states: list[State]) -> None:
    """After a save has returned its bytes are there; during one, the old or the new ones."""
    assert len(states) >= STATES
    assert broken_promises(states) == []


@pytest.mark.parametrize("what", ["files", "directories"])
def test_the_model_finds_a_sync_that_is_missing(log: OperationLog, what: str) -> None:
    """The test above can fail: without the syncs of files, or of directories, it does."""

    def is_left_out(step: Operation | Mark) -> bool:
        if isinstance(step, Mark) or step.names or step.content is not None:
            return False
        return (step.inode > 0) == (what == "files")

    shorter = [step for step in log.log if not is_left_out(step)]
    assert len(shorter) < len(log.log)
    some = list(itertools.islice(crash_states(shorter), STATES // 10))
    assert len(broken_promises(some)) > len(some) / 20


def test_no_half_file_has_the_name_of_a_checkpoint(log: OperationLog, states: list[State]) -> None:
    """Whatever stands under a name that is not temporary is a whole checkpoint."""
    known = {step.said[1] for step in log.log if isinstance(step, Mark)}
    for state in states:
        names = [path for path in state.files if path.startswith("checkpoints/")]
        whole = [path for path in names if not path.startswith("checkpoints/.tmp-")]
        assert {state.digest(path) for path in whole} <= known, state.moment


def test_what_is_listed_as_saved_is_what_was_saved(states: list[State], tmp_path: Path) -> None:
    """Records are not synced one by one: some may be lost, but none may promise what is not so."""
    listings = Listings(tmp_path)
    listed = 0
    for state in states:
        for item in listings.of(state).checkpoints:
            assert item.status is not Status.CORRUPT, f"{item.why} (operation {state.moment})"
            if item.restorable:
                listed += 1
                what = f"{item.path} of epoch {item.epoch} at operation {state.moment}"
                assert state.digest(item.path) == item.digest, what
    assert listed >= STATES, "or nothing was tested"


def some(states: list[State]) -> Iterator[State]:
    """Some of the states, from all moments."""
    chance = random.Random(1)  # noqa: S311 - repeatable, no secrets
    return iter(chance.sample(states, RESTARTS))


def test_the_next_training_finds_and_cleans_what_is_left(
    states: list[State], tmp_path: Path
) -> None:
    """Started again on what was found: no leftover, nothing missing, and it goes on."""
    for index, state in enumerate(some(states)):
        run_dir = tmp_path / str(index)
        for path, data in state.files.items():
            (run_dir / path).parent.mkdir(parents=True, exist_ok=True)
            (run_dir / path).write_bytes(data)
        life = Life(run_dir, floats=FLOATS)
        number = life.begin()
        assert not list((run_dir / "checkpoints").glob(".tmp-*"))
        life.turn(number)
        life.end()
        assert check_run(run_dir) == []
        statuses = {item.status for item in open_run(run_dir).checkpoints}
        assert statuses <= {Status.SAVED, Status.PRUNED}, statuses
