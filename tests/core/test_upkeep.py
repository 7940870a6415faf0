"""What is done by hand to a run: told first, done whole, undone exactly."""

from __future__ import annotations

import errno
import os
import time
from pathlib import Path
from typing import Any

import pytest

from epochline import KeepAll, KeepBest, KeepLast, open_run
from epochline.checkpoints import Status
from epochline.errors import (
    CheckpointCorruptError,
    CheckpointMissingError,
    PruneBusyError,
)
from epochline.events import CheckpointPruned, FilePart, SessionStarted, Tier
from epochline.planning import Fate
from epochline.pruning import prune_turn, trash_of
from epochline.run import Run
from epochline.store import Deletion, digest_file, write_atomic
from tests.core.recorded import Recorded
from tests.core.retained import weights_file
from tests.store.faults import files_in

ACCURACIES = (0.6, 0.9, 0.7, 0.8, 0.5)


def _id(epoch: int) -> str:
    return f"{epoch + 1:04x}c0ffee000000"


def _recorded(run_dir: Path, *files: bytes) -> Run:
    recorded = Recorded(run_dir)
    recorded.put(0, SessionStarted(monitor="val_accuracy", keep="last 5"))
    for epoch, data in enumerate(files):
        metrics = {"val_accuracy": ACCURACIES[epoch]}
        recorded.put(epoch, recorded.saved(epoch, data, metrics, has_optimizer=True))
    return Run(run_dir)


@pytest.fixture
def run(tmp_path: Path) -> Run:
    """A run with five checkpoints, which are weights files."""
    return _recorded(tmp_path / "run", *(weights_file(seed, values=20_000) for seed in range(5)))


def _there(run: Run) -> list[int]:
    run.refresh()
    assert all(item.verify() for item in run.checkpoints if item.restorable)
    return [item.epoch for item in run.checkpoints if item.restorable]


def _recoverable(run: Run) -> list[int]:
    return [item.epoch for item in run.checkpoints if item.recoverable]


def test_telling_changes_nothing(run: Run) -> None:
    """The plan says what would go, what it frees and why; not a byte is written."""
    before = files_in(run.path)
    result = run.prune(KeepLast(1) | KeepBest("val_accuracy", 1))
    assert result.dry_run
    assert [step.id for step in result.plan.of(Fate.DELETE)] == [_id(0), _id(2), _id(3)]
    sizes = [item.total_bytes for item in run.checkpoints]
    assert result.plan.frees_bytes == sizes[0] + sizes[2] + sizes[3]
    assert (result.deleted, result.freed_bytes, result.problems) == ((), 0, ())
    assert files_in(run.path) == before


def test_what_goes_is_in_the_trash_and_comes_back(run: Run) -> None:
    """With its bytes, its metrics and its place in the list."""
    before = files_in(run.path / "checkpoints")
    result = run.prune(KeepLast(2), dry_run=False)
    assert result.deleted == result.trashed == (_id(0), _id(1), _id(2))
    assert result.freed_bytes == sum(len(before[f"epoch-000{n}.weights.h5"]) for n in (1, 2, 3))
    assert _there(run) == [3, 4]
    assert _recoverable(run) == [0, 1, 2]
    gone = run.checkpoints[0]
    assert (gone.status, gone.metrics) == (Status.PRUNED, {"val_accuracy": 0.6})
    assert "by hand, to keep last 2" in gone.why

    back = run.undo_prune()
    assert [item.epoch for item in back] == [0, 1, 2]
    assert _there(run) == [0, 1, 2, 3, 4]
    assert files_in(run.path / "checkpoints") == before
    assert trash_of(run.path).content() == []


@pytest.mark.parametrize("trash", [True, False])
def test_what_is_gone_is_recorded_though_its_directory_cannot_be_synced(
    run: Run, trash: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Else it would be listed as missing; the error is told all the same."""

    def fail(_directory: Path) -> None:
        raise OSError(errno.EIO, os.strerror(errno.EIO))

    with monkeypatch.context() as patch:
        patch.setattr("epochline.store.store.sync_directory", fail)
        result = run.prune(KeepLast(4), dry_run=False, trash=trash)
    (problem,) = result.problems
    assert problem.hint == "It is gone, but a power loss may bring it back."
    run.refresh()
    assert run.checkpoints[0].status is Status.PRUNED
    assert run.checkpoints[0].recoverable is trash
    assert _there(run) == [1, 2, 3, 4]


def test_undo_takes_back_one_prune_after_the_other(run: Run) -> None:
    """The newest first; then there is nothing left."""
    run.prune(KeepLast(4), dry_run=False)
    a_minute_ago = time.time() - 60
    os.utime(trash_of(run.path).directory / _id(0), (a_minute_ago, a_minute_ago))
    run.prune(KeepLast(2), dry_run=False)
    assert _there(run) == [3, 4]
    assert [item.epoch for item in run.undo_prune()] == [1, 2]
    assert [item.epoch for item in run.undo_prune()] == [0]
    with pytest.raises(CheckpointMissingError, match="Nothing that was pruned by hand"):
        run.undo_prune()


def test_without_trash_it_is_gone_at_once(run: Run) -> None:
    """As `rm` does it."""
    result = run.prune(KeepLast(2), dry_run=False, trash=False)
    assert (len(result.deleted), result.trashed) == (3, ())
    assert _there(run) == [3, 4]
    assert _recoverable(run) == []
    assert "Metrics remain, weights do not" in run.checkpoints[0].why


def test_what_the_training_pruned_can_be_taken_back_by_name(run: Run) -> None:
    """One checkpoint, whoever removed it."""
    trash = trash_of(run.path)
    item = run.checkpoints[0]
    place = trash.place(item.id, item.file)
    place.parent.mkdir(parents=True)
    item.file.rename(place)
    relative = place.relative_to(run.path).as_posix()
    pruned = CheckpointPruned(id=item.id, policy="last 4", trash=relative)
    Recorded(run.path, session="5e55100000000002", start=1.77e9).put(5, pruned)
    assert _there(run) == [1, 2, 3, 4]
    with pytest.raises(CheckpointMissingError, match="what the training pruned, 1 can be named"):
        run.undo_prune()
    back = run.checkpoints[0].recover()
    assert (back.status, back.recovered) == (Status.SAVED, True)
    assert _there(run) == [0, 1, 2, 3, 4]


def test_pinned_ones_stay_until_they_are_unpinned(run: Run) -> None:
    """With the note that was made, whatever the policy says."""
    pinned = run.checkpoints[0].pin("the one for the paper")
    assert (pinned.status, pinned.note) == (Status.PINNED, "the one for the paper")
    run.prune(KeepLast(1), dry_run=False)
    assert _there(run) == [0, 4]
    assert run.checkpoints[0].status is Status.PINNED
    unpinned = run.checkpoints[0].unpin()
    assert (unpinned.status, unpinned.note) == (Status.SAVED, "the one for the paper")
    run.prune(KeepLast(1), dry_run=False)
    assert _there(run) == [4]
    with pytest.raises(CheckpointMissingError, match=r"cannot be pinned\. .*by hand"):
        run.checkpoints[0].pin()


def test_notes_and_tags_are_said_one_by_one(run: Run) -> None:
    """Who changes one leaves the others, and a note can be made on what is gone."""
    run.prune(KeepLast(4), dry_run=False)
    run.refresh()
    item = run.checkpoints[0].annotate(note="too early")
    item = item.annotate(tags=["a", "b", "a"])
    assert (item.note, item.tags, item.status) == ("too early", ("a", "b"), Status.PRUNED)
    run.refresh()
    assert (run.checkpoints[0].note, run.checkpoints[0].tags) == ("too early", ("a", "b"))
    too_much: list[dict[str, Any]] = [
        {"note": "x" * 4001},
        {"tags": ["x" * 61]},
        {"tags": ["x"] * 31},
    ]
    for said in too_much:
        with pytest.raises(ValueError, match="possible"):
            item.annotate(**said)


def test_demotion_leaves_the_weights_and_their_statistics(run: Run) -> None:
    """The files are smaller, still verified, and still described."""
    policy = KeepAll().demote("without_optimizer", after=KeepLast(2))
    told = run.prune(policy).plan
    assert [step.id for step in told.of(Fate.DEMOTE)] == [_id(0), _id(1), _id(2)]
    before = sum(item.total_bytes for item in run.checkpoints)
    result = run.prune(policy, dry_run=False)
    assert result.demoted == (_id(0), _id(1), _id(2))
    assert _there(run) == [0, 1, 2, 3, 4]
    after = sum(item.total_bytes for item in run.checkpoints)
    assert before - after == result.freed_bytes
    assert result.freed_bytes == pytest.approx(told.frees_bytes, rel=0.2)
    item = run.checkpoints[0]
    assert (item.tier, item.has_optimizer) == (Tier.WITHOUT_OPTIMIZER, False)
    assert item.layout is not None
    assert [variable.dataset for variable in item.layout.variables] == ["layers/dense/vars/0"]
    assert item.measurements is not None
    assert item.measurements[0].digest == _digest_of_weights(item.file, item.layout.variables[0])
    again = run.prune(policy, dry_run=False)
    assert again.outcomes == ()


def _digest_of_weights(path: Path, variable: object) -> bytes:
    import xxhash

    offset, size = variable.offset, variable.size_bytes  # type: ignore[attr-defined]
    return xxhash.xxh3_128_digest(path.read_bytes()[offset : offset + size])


def test_budget_counts_what_demotion_really_left(run: Run) -> None:
    """First the files become smaller; only what is over the budget then goes."""
    size = run.checkpoints[0].total_bytes
    policy = KeepAll().demote("bfloat16", after=KeepLast(1)).within(2 * size)
    result = run.prune(policy, dry_run=False)
    assert result.demoted == tuple(_id(epoch) for epoch in range(4))
    assert result.deleted == ()
    assert _there(run) == [0, 1, 2, 3, 4]
    assert sum(item.total_bytes for item in run.checkpoints) <= 2 * size
    smallest = KeepAll().within(size + run.checkpoints[0].total_bytes)
    run.prune(smallest, dry_run=False)
    assert _there(run) == [3, 4]


def test_a_file_that_cannot_become_smaller_stays_as_it_is(tmp_path: Path) -> None:
    """It is neither damaged nor recorded as something that it is not."""
    files = [b"no HDF5, but what was saved" * 100, weights_file(values=1, optimizer=False)]
    run = _recorded(tmp_path, *files, weights_file())
    policy = KeepAll().demote("bfloat16", after=KeepLast(1))
    result = run.prune(policy, dry_run=False)
    (problem,) = result.problems
    assert "epoch-0001.weights.h5 could not be made smaller" in problem.message
    assert result.demoted == ()
    assert _there(run) == [0, 1, 2]
    assert {item.tier for item in run.checkpoints} == {Tier.FULL}


def test_what_is_no_longer_what_was_saved_is_not_touched(run: Run) -> None:
    """Somebody put a file of their own there, of the same size."""
    item = run.checkpoints[0]
    mine = bytes(item.total_bytes)
    item.file.write_bytes(mine)
    result = run.prune(KeepLast(2), dry_run=False)
    assert result.deleted == (_id(1), _id(2))
    assert result.outcomes[0].deletion is Deletion.NOT_OURS
    assert item.file.read_bytes() == mine


def test_nothing_comes_back_over_another_file(run: Run) -> None:
    """The others do; the message names the file."""
    run.prune(KeepLast(2), dry_run=False)
    taken = run.path / "checkpoints" / "epoch-0002.weights.h5"
    taken.write_bytes(b"mine")
    with pytest.raises(FileExistsError, match="epoch-0002"):
        run.undo_prune()
    assert taken.read_bytes() == b"mine"
    assert _there(run) == [0, 2, 3, 4]
    assert _recoverable(run) == [1]


def test_damage_in_the_trash_stays_there(run: Run) -> None:
    """What was saved comes back, or nothing."""
    run.prune(KeepLast(4), dry_run=False)
    place = trash_of(run.path).place(_id(0), Path("epoch-0001.weights.h5"))
    place.write_bytes(bytes(place.stat().st_size))
    with pytest.raises(CheckpointCorruptError):
        run.undo_prune()
    assert _there(run) == [1, 2, 3, 4]


def test_who_comes_second_is_told(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    """Two prunes at once would see each other's files vanish."""
    monkeypatch.setattr("epochline.upkeep._WAIT_SECONDS", 0.05)
    with (
        prune_turn(run.path, wait_seconds=0),
        pytest.raises(PruneBusyError, match="Another process is pruning"),
    ):
        run.prune(KeepLast(1), dry_run=False)
    assert _there(run) == [0, 1, 2, 3, 4]


def test_a_prune_that_was_killed_is_finished_by_the_next(run: Run) -> None:
    """The file is in the trash, the record is missing: now it is recorded, and can be undone."""
    item = run.checkpoints[0]
    place = trash_of(run.path).place(item.id, item.file)
    place.parent.mkdir(parents=True)
    item.file.rename(place)
    assert _there(run) == [1, 2, 3, 4]
    assert run.checkpoints[0].status is Status.MISSING
    run.prune(KeepAll(), dry_run=False)
    run.refresh()
    assert (run.checkpoints[0].status, _recoverable(run)) == (Status.PRUNED, [0])
    assert "the run keeps last 5" in run.checkpoints[0].why
    assert [one.epoch for one in run.undo_prune(item.id)] == [0]


def test_a_recovery_that_was_killed_is_taken_back_by_the_next(run: Run) -> None:
    """The file is at its place and in the trash, the record is missing: it is pruned still."""
    run.prune(KeepLast(4), dry_run=False)
    place = trash_of(run.path).place(_id(0), Path("epoch-0001.weights.h5"))
    path = run.path / "checkpoints" / "epoch-0001.weights.h5"
    path.hardlink_to(place)
    run.prune(KeepAll(), dry_run=False)
    assert not path.exists()
    run.refresh()
    assert _recoverable(run) == [0]


def test_what_was_left_in_the_trash_goes(run: Run) -> None:
    """After a recovery that was recorded, and of a checkpoint whose main file is gone."""
    trash = trash_of(run.path)
    run.prune(KeepLast(3), dry_run=False)
    twin = trash.directory / _id(4) / "epoch-0005.weights.h5"
    twin.parent.mkdir()
    twin.hardlink_to(run.path / "checkpoints" / "epoch-0005.weights.h5")
    trash.place(_id(0), Path("epoch-0001.weights.h5")).unlink()
    (trash.directory / _id(0) / "part").write_bytes(b"x")
    run.prune(KeepAll(), dry_run=False)
    assert [item.id for item in trash.content()] == [_id(1)]
    assert _there(run) == [2, 3, 4]


def test_the_trash_of_a_full_disk_is_small(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    """What does not fit into a tenth of the free space is gone at once."""
    size = run.checkpoints[0].total_bytes
    monkeypatch.setattr("epochline.store.trash.SHARE_OF_FREE_SPACE", 0.0)
    result = run.prune(KeepLast(2), dry_run=False)
    assert result.freed_bytes == 3 * size
    run.refresh()
    assert _recoverable(run) == []
    assert "The trash was emptied since" in run.checkpoints[0].why


def test_a_sharded_checkpoint_goes_and_comes_back_whole(tmp_path: Path) -> None:
    """With all of its files, and a budget counts all of them."""
    recorded = Recorded(tmp_path)
    for epoch in range(2):
        shard = tmp_path / "checkpoints" / f"epoch-{epoch + 1}_00000.weights.h5"
        written = write_atomic(shard, weights_file(epoch), replace=False)
        part = FilePart(
            path=f"checkpoints/{shard.name}", size_bytes=written.size_bytes, digest=written.digest
        )
        name = f"epoch-{epoch + 1}.weights.json"
        recorded.put(epoch, recorded.saved(epoch, b"{}", {}, name=name, parts=(part,)))
    run = Run(tmp_path)
    before = files_in(tmp_path / "checkpoints")
    result = run.prune(KeepAll().within(run.checkpoints[1].total_bytes), dry_run=False)
    assert result.freed_bytes == run.checkpoints[0].total_bytes > 2000
    assert sorted(files_in(tmp_path / "checkpoints")) == [
        "epoch-2.weights.json",
        "epoch-2_00000.weights.h5",
    ]
    run.undo_prune()
    assert files_in(tmp_path / "checkpoints") == before
    assert trash_of(tmp_path).content() == []


def test_a_moved_run_can_still_be_undone(run: Run, tmp_path: Path) -> None:
    """The trash is inside of it, and its paths are relative."""
    run.prune(KeepLast(2), dry_run=False)
    run.path.rename(tmp_path / "moved")
    moved = open_run(tmp_path / "moved")
    assert [item.epoch for item in moved.undo_prune()] == [0, 1, 2]
    found = digest_file(tmp_path / "moved" / "checkpoints" / "epoch-0001.weights.h5")
    assert found.digest == moved.checkpoints[0].digest
