"""The trash: what goes in, what comes back, and what is thrown away for good."""

from __future__ import annotations

import errno
import os
import shutil
import time
from collections import namedtuple
from pathlib import Path
from typing import Any

import pytest

from epochline.errors import CheckpointCorruptError, CheckpointMissingError
from epochline.store import CheckpointStore, Deletion, digest_bytes
from epochline.store.trash import MAX_SECONDS, SHARE_OF_FREE_SPACE, Trash
from tests.store.faults import files_in

ID = "0123456789abcdef"
OTHER = "fedcba9876543210"
NAME = "epoch-0012.weights.h5"
DATA = b"weights"
RECORD: dict[str, Any] = {"size_bytes": len(DATA), "digest": digest_bytes(DATA)}
Usage = namedtuple("Usage", "total used free")  # noqa: PYI024 - what shutil returns


@pytest.fixture
def store(tmp_path: Path) -> CheckpointStore:
    """A store with one checkpoint."""
    made = CheckpointStore(tmp_path / "checkpoints")
    made.save(NAME, DATA)
    return made


@pytest.fixture
def trash(tmp_path: Path) -> Trash:
    """A trash that is not there yet."""
    return Trash(tmp_path / "trash")


def _put(trash: Trash, checkpoint_id: str, data: bytes, *, age_seconds: float = 0) -> None:
    place = trash.place(checkpoint_id, Path(NAME))
    place.parent.mkdir(parents=True)
    place.write_bytes(data)
    then = time.time() - age_seconds
    os.utime(place.parent, (then, then))


def _in_trash(trash: Trash) -> list[str]:
    return [item.id for item in trash.content()]


def test_what_is_deleted_goes_aside_and_comes_back(store: CheckpointStore, trash: Trash) -> None:
    """With the same bytes, under the same name; the trash lets go of it last."""
    path = store.root / NAME
    aside = trash.place(ID, path)
    assert store.delete(NAME, aside=aside, **RECORD) is Deletion.TRASHED
    assert files_in(store.root) == {}
    assert _in_trash(trash) == [ID]

    trash.put_back(ID, path, **RECORD)
    assert files_in(store.root) == {NAME: DATA}
    assert _in_trash(trash) == [ID]
    assert trash.remove(ID) == len(DATA)
    assert files_in(store.root) == {NAME: DATA}
    assert _in_trash(trash) == []


@pytest.mark.parametrize("number", [errno.EXDEV, errno.ENOSPC, errno.EDQUOT])
def test_what_cannot_go_aside_is_deleted(
    store: CheckpointStore, trash: Trash, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    """Another file system, or no room for a name: the policy is carried out all the same."""

    def refuse(*_: object) -> None:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(os, "rename", refuse)
    aside = trash.place(ID, Path(NAME))
    assert store.delete(NAME, aside=aside, **RECORD) is Deletion.DELETED
    assert files_in(store.root) == {}
    assert _in_trash(trash) == []


def test_other_errors_of_going_aside_are_raised(
    store: CheckpointStore, trash: Trash, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing is deleted when the trash merely does not work."""

    def refuse(*_: object) -> None:
        raise OSError(errno.EACCES, os.strerror(errno.EACCES))

    monkeypatch.setattr(os, "rename", refuse)
    with pytest.raises(PermissionError, match="Cannot delete this file"):
        store.delete(NAME, aside=trash.place(ID, Path(NAME)), **RECORD)
    assert files_in(store.root) == {NAME: DATA}


def test_a_trash_that_vanishes_meanwhile_is_made_again(
    store: CheckpointStore, trash: Trash, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Somebody empties the trash between the two steps: the file still goes there."""
    original = os.rename

    def emptied_first(source: str, target: str) -> None:
        monkeypatch.undo()
        shutil.rmtree(trash.directory)
        original(source, target)

    monkeypatch.setattr(os, "rename", emptied_first)
    aside = trash.place(ID, Path(NAME))
    assert store.delete(NAME, aside=aside, **RECORD) is Deletion.TRASHED
    assert aside.read_bytes() == DATA


def test_nothing_comes_back_over_another_file(store: CheckpointStore, trash: Trash) -> None:
    """The name is taken by now: both files stay what they are."""
    _put(trash, ID, DATA)
    (store.root / NAME).write_bytes(b"newer!!")
    with pytest.raises(FileExistsError, match="the name is taken"):
        trash.put_back(ID, store.root / NAME, **RECORD)
    assert files_in(store.root) == {NAME: b"newer!!"}
    assert _in_trash(trash) == [ID]


def test_putting_back_twice_is_putting_back_once(store: CheckpointStore, trash: Trash) -> None:
    """An attempt that was killed half way is simply done again."""
    _put(trash, ID, DATA)
    for _ in range(2):
        trash.put_back(ID, store.root / NAME, **RECORD)
    assert files_in(store.root) == {NAME: DATA}


@pytest.mark.parametrize("data", [b"damage!", b"short"])
def test_what_changed_in_the_trash_stays_there(tmp_path: Path, trash: Trash, data: bytes) -> None:
    """Other bytes do not become a checkpoint again."""
    _put(trash, ID, data)
    with pytest.raises(CheckpointCorruptError, match="not what was saved"):
        trash.put_back(ID, tmp_path / NAME, **RECORD)
    assert not (tmp_path / NAME).exists()


def test_what_is_no_longer_there_is_told(tmp_path: Path, trash: Trash) -> None:
    """The trash was emptied: the message says so."""
    with pytest.raises(CheckpointMissingError, match="not in the trash any more"):
        trash.put_back(ID, tmp_path / NAME, **RECORD)


def test_file_systems_without_hard_links_get_a_checked_copy(
    tmp_path: Path, trash: Trash, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It takes longer there, and is the same."""

    def refuse(*_: object, **__: object) -> None:
        raise OSError(errno.EPERM, os.strerror(errno.EPERM))

    _put(trash, ID, DATA)
    with monkeypatch.context() as patch:
        # The copy is published by a link, too, and falls back in its own way.
        patch.setattr(os, "link", refuse)
        trash.put_back(ID, tmp_path / "a" / NAME, **RECORD)
    assert files_in(tmp_path / "a") == {NAME: DATA}


def test_only_what_is_named_as_a_checkpoint_is_removed(tmp_path: Path, trash: Trash) -> None:
    """Other names, links and what they lead to stay."""
    _put(trash, ID, DATA)
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "mine").write_bytes(b"mine")
    (trash.directory / "notes.txt").write_bytes(b"notes")
    (trash.directory / "not-an-id").mkdir()
    (trash.directory / OTHER).symlink_to(outside)
    (trash.directory / ID / "link").symlink_to(outside / "mine")
    assert trash.empty() == len(DATA)
    assert files_in(outside) == {"mine": b"mine"}
    left = sorted(path.name for path in trash.directory.iterdir())
    assert left == [ID, OTHER, "not-an-id", "notes.txt"]
    assert [path.name for path in (trash.directory / ID).iterdir()] == ["link"]


def test_the_oldest_goes_first_until_it_fits(trash: Trash) -> None:
    """A training lets the trash hold as much as it keeps."""
    for place, name in enumerate((ID, OTHER, "a" * 16)):
        _put(trash, name, bytes(100), age_seconds=30 - place)
    assert trash.shrink(200) == 100
    assert _in_trash(trash) == [OTHER, "a" * 16]
    assert trash.shrink(200) == 0
    assert trash.shrink(0) == 200


def test_nothing_stays_for_longer_than_a_week(trash: Trash) -> None:
    """However little it is."""
    _put(trash, ID, DATA, age_seconds=MAX_SECONDS + 60)
    _put(trash, OTHER, DATA, age_seconds=MAX_SECONDS - 60)
    assert trash.shrink() == len(DATA)
    assert _in_trash(trash) == [OTHER]


def test_the_trash_takes_a_tenth_of_the_free_space_at_most(
    trash: Trash, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Counting itself as free: with 1,800 bytes free, 200 in the trash are a tenth."""
    assert SHARE_OF_FREE_SPACE == 0.1
    _put(trash, ID, bytes(100), age_seconds=1)
    _put(trash, OTHER, bytes(100))
    free = 1800
    monkeypatch.setattr(shutil, "disk_usage", lambda _: Usage(10_000, 10_000 - free, free))
    assert trash.shrink() == 0
    free = 1799
    assert trash.shrink() == 100
    assert _in_trash(trash) == [OTHER]


def test_room_is_made_only_when_it_is_needed(trash: Trash, monkeypatch: pytest.MonkeyPatch) -> None:
    """A save that needs 250 bytes with 100 free takes two of three, the oldest first."""
    for place, name in enumerate((ID, OTHER, "a" * 16)):
        _put(trash, name, bytes(100), age_seconds=30 - place)

    def usage(_: object) -> Usage:
        return Usage(400, 0, 400 - 100 * len(trash.content()))

    monkeypatch.setattr(shutil, "disk_usage", usage)
    assert trash.make_room(100) == 0
    assert trash.make_room(250) == 200
    assert _in_trash(trash) == ["a" * 16]


def test_a_trash_that_was_never_used_is_empty(trash: Trash) -> None:
    """And asking makes nothing."""
    assert (trash.content(), trash.shrink(0), trash.make_room(10**18), trash.empty()) == (
        [],
        0,
        0,
        0,
    )
    assert not trash.directory.exists()
