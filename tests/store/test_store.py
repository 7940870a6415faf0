"""Names and deletion."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from epochline.store import CheckpointStore, Deletion, digest_bytes
from tests.store.faults import files_in

NAME = "epoch-0012.weights.h5"


@pytest.fixture
def store(tmp_path: Path) -> CheckpointStore:
    """A store in a directory that does not exist yet."""
    return CheckpointStore(tmp_path / "checkpoints")


def test_names_are_below_the_root_and_absolute_paths_are_themselves(
    store: CheckpointStore, tmp_path: Path
) -> None:
    """Our own names live in the run, a path that the user chose is where it says."""
    assert store.save("a/b.h5", b"x").path == store.root / "a" / "b.h5"
    assert store.save(tmp_path / "mine" / "c.h5", b"x").path == tmp_path / "mine" / "c.h5"


def test_making_a_store_touches_nothing(store: CheckpointStore) -> None:
    """Readers make stores of runs that they must not change."""
    assert not store.root.exists()
    assert store.remove_leftovers() == ()
    assert not store.root.exists()


def test_free_names_count_up(store: CheckpointStore) -> None:
    """The second file of an epoch, as after a resume, gets the next number."""
    names = [store.save(store.free_name("epoch-0012", ".weights.h5"), b"x") for _ in range(3)]
    assert [saved.path.name for saved in names] == [
        NAME,
        "epoch-0012-2.weights.h5",
        "epoch-0012-3.weights.h5",
    ]


def test_a_dangling_link_takes_a_name(store: CheckpointStore) -> None:
    """What `save` would refuse is not offered."""
    store.root.mkdir()
    (store.root / NAME).symlink_to("nowhere")
    assert store.free_name("epoch-0012", ".weights.h5").name == "epoch-0012-2.weights.h5"


@pytest.mark.parametrize("with_digest", [True, False])
def test_what_was_saved_can_be_deleted_once(store: CheckpointStore, with_digest: bool) -> None:
    """The first time it goes, the second time it is gone already."""
    saved = store.save(NAME, b"weights")
    digest = saved.digest if with_digest else None
    assert store.delete(saved.path, size_bytes=7, digest=digest) is Deletion.DELETED
    assert files_in(store.root) == {}
    assert store.delete(NAME, size_bytes=7, digest=digest) is Deletion.ALREADY_GONE


@pytest.mark.parametrize("path", ["none.h5", "none/none.h5", f"{NAME}/none.h5"])
def test_what_was_never_there_is_gone(store: CheckpointStore, path: str) -> None:
    """A directory that the user removed is no error."""
    store.save(NAME, b"x")
    assert store.delete(path, size_bytes=1) is Deletion.ALREADY_GONE


@pytest.mark.parametrize("data", [b"other  ", b"longer than before", b""])
def test_a_file_that_the_user_put_there_is_not_ours(store: CheckpointStore, data: bytes) -> None:
    """Neither another size nor other bytes of the same size are deleted."""
    saved = store.save(NAME, b"weights")
    saved.path.write_bytes(data)
    assert store.delete(NAME, size_bytes=saved.size_bytes, digest=saved.digest) is Deletion.NOT_OURS
    assert files_in(store.root) == {NAME: data}


def test_links_directories_and_fifos_are_not_ours(store: CheckpointStore) -> None:
    """Only plain files are deleted, never what a link leads to."""
    store.save("target", b"weights")
    (store.root / "link").symlink_to(store.root / "target")
    (store.root / "directory").mkdir()
    os.mkfifo(store.root / "fifo")
    for name in ("link", "directory", "fifo"):
        outcome = store.delete(name, size_bytes=7, digest=digest_bytes(b"weights"))
        assert outcome is Deletion.NOT_OURS
        assert os.path.lexists(store.root / name)
    assert (store.root / "target").read_bytes() == b"weights"


def test_a_file_replaced_while_it_is_compared_is_not_ours(
    store: CheckpointStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The very file that was compared is deleted, or none."""
    saved = store.save(NAME, b"weights")
    original = os.fstat

    def replaced(descriptor: int) -> os.stat_result:
        found = original(descriptor)
        monkeypatch.undo()
        store.save(NAME, b"newer  ", replace=True)
        return found

    monkeypatch.setattr(os, "fstat", replaced)
    assert store.delete(NAME, size_bytes=7, digest=saved.digest) is Deletion.NOT_OURS
    assert files_in(store.root) == {NAME: b"newer  "}
