"""Copying a checkpoint: what is refused, and what is never done."""

from __future__ import annotations

import errno
import os
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from epochline.events import FilePart
from epochline.shards import Division
from epochline.store import digest_bytes
from epochline.timeline import CheckpointEntry, Status
from tensorboard_plugin_epochline.answers import ApiError
from tensorboard_plugin_epochline.restore import restore_to_file
from tests.plugin.conftest import DATA
from tests.store.faults import files_in


@pytest.fixture
def run_dir(tmp_path: Path, entry: CheckpointEntry) -> Path:
    """A run directory with the file of `entry`."""
    file = tmp_path / "run" / entry.path
    file.parent.mkdir(parents=True)
    file.write_bytes(DATA)
    return tmp_path / "run"


def _refused(entry: CheckpointEntry, run_dir: Path) -> ApiError:
    with pytest.raises(ApiError) as raised:
        restore_to_file(entry, run_dir)
    restored = run_dir / "restored"
    assert not restored.is_dir() or not any(restored.iterdir())
    what_to_do = "Choose another checkpoint of this run."
    assert raised.value.hint or raised.value.message.endswith(what_to_do)
    return raised.value


def test_copy_is_made_once(entry: CheckpointEntry, run_dir: Path) -> None:
    """The copy holds the saved bytes; asking again finds it and leaves it alone."""
    first = restore_to_file(entry, run_dir)
    before = first.path.stat()
    second = restore_to_file(entry, run_dir)

    assert first.path == run_dir / "restored" / "epoch-4-01234567.weights.h5"
    assert first.path.read_bytes() == DATA
    assert (first.created, second.created) == (True, False)
    after = second.path.stat()
    assert (before.st_ino, before.st_mtime_ns) == (after.st_ino, after.st_mtime_ns)
    assert "digest was checked" in first.message
    assert "was there already" in second.message


def test_other_file_of_that_name_is_never_overwritten(
    entry: CheckpointEntry, run_dir: Path
) -> None:
    """A file that somebody put there stays as it is."""
    target = run_dir / "restored" / "epoch-4-01234567.weights.h5"
    target.parent.mkdir()
    target.write_bytes(b"mine")

    with pytest.raises(ApiError) as raised:
        restore_to_file(entry, run_dir)

    assert raised.value.code == "conflict"
    assert target.read_bytes() == b"mine"


@pytest.mark.parametrize("data", [None, b"", DATA[:-1], DATA + b"x", b"W" + DATA[1:]])
def test_missing_or_damaged_file_is_refused(
    entry: CheckpointEntry, run_dir: Path, data: bytes | None
) -> None:
    """Only the very bytes that were saved are copied."""
    file = run_dir / entry.path
    if data is None:
        file.unlink()
    else:
        file.write_bytes(data)

    assert _refused(entry, run_dir).code == "conflict"


@pytest.mark.parametrize(
    "changes",
    [
        {"status": Status.FAILED, "digest": None, "size_bytes": None},
        {"status": Status.PRUNED},
        {"digest": None},
        {"digest": "md5:123"},
        {"size_bytes": None},
        {"id": "../../x"},
        {"id": ""},
        {"path": ""},
        {"path": "."},
        {"path": ".."},
        {"path": "nul\0"},
        {"path": "checkpoints"},
        {"path": "../outside.h5"},
        {"path": "checkpoints/../../outside.h5"},
        {"path": "OUTSIDE"},
        {"path": "link.h5"},
        {"path": "linked/outside.h5"},
        {"path": "fifo"},
    ],
)
def test_record_that_is_not_to_be_trusted_is_refused(
    entry: CheckpointEntry, run_dir: Path, changes: dict[str, Any]
) -> None:
    """An event file from a stranger cannot make TensorBoard copy a file from elsewhere."""
    outside = run_dir.parent / "outside.h5"
    outside.write_bytes(DATA)
    (run_dir / "link.h5").symlink_to(outside)
    (run_dir / "linked").symlink_to(run_dir.parent)
    os.mkfifo(run_dir / "fifo")
    if changes.get("path") == "OUTSIDE":
        changes = {"path": str(outside)}

    assert _refused(replace(entry, **changes), run_dir).code == "conflict"


def test_nothing_is_written_through_a_link(entry: CheckpointEntry, run_dir: Path) -> None:
    """`restored` that leads elsewhere is refused."""
    elsewhere = run_dir.parent / "elsewhere"
    elsewhere.mkdir()
    (run_dir / "restored").symlink_to(elsewhere)

    with pytest.raises(ApiError) as raised:
        restore_to_file(entry, run_dir)

    assert raised.value.code == "conflict"
    assert not any(elsewhere.iterdir())


@pytest.mark.parametrize(
    ("number", "code"),
    [
        (errno.ENOSPC, "disk_full"),
        (errno.EDQUOT, "disk_full"),
        (errno.EROFS, "read_only"),
        (errno.EACCES, "read_only"),
    ],
)
def test_disk_that_takes_nothing_is_told(
    entry: CheckpointEntry,
    run_dir: Path,
    monkeypatch: pytest.MonkeyPatch,
    number: int,
    code: str,
) -> None:
    """A full or read-only disk has its own code, and a message that says so."""
    genuine = os.open

    def failing(path: Any, flags: int, *args: Any, **more: Any) -> int:
        if flags & os.O_CREAT:
            raise OSError(number, os.strerror(number), path)
        return genuine(path, flags, *args, **more)

    monkeypatch.setattr(os, "open", failing)

    assert _refused(entry, run_dir).code == code


@pytest.fixture
def sharded(tmp_path: Path, entry: CheckpointEntry) -> CheckpointEntry:
    """A checkpoint of an index and two shards, whose files are below `tmp_path / "run"`."""
    folder = tmp_path / "run" / "checkpoints"
    folder.mkdir(parents=True)
    shards = [b"first shard", b"second"]
    division = Division(sizes=tuple(map(len, shards)), groups={"/a/vars": (0, 1)}, values_bytes=17)
    index = division.index("epoch-4.weights.json", [digest_bytes(data) for data in shards])
    (folder / "epoch-4.weights.json").write_bytes(index)
    parts = []
    for place, data in enumerate(shards):
        name = f"epoch-4_{place:05}.weights.h5"
        (folder / name).write_bytes(data)
        parts.append(
            FilePart(path=f"checkpoints/{name}", size_bytes=len(data), digest=digest_bytes(data))
        )
    return replace(
        entry,
        path="checkpoints/epoch-4.weights.json",
        size_bytes=len(index),
        digest=digest_bytes(index),
        parts=tuple(parts),
    )


def test_all_files_of_a_sharded_checkpoint_are_copied_together(
    sharded: CheckpointEntry, tmp_path: Path
) -> None:
    """Into a folder of their own, under their names; asking again finds them."""
    run_dir = tmp_path / "run"
    first = restore_to_file(sharded, run_dir)
    again = restore_to_file(sharded, run_dir)
    assert (first.created, again.created) == (True, False)
    assert first.size_bytes == sharded.total_bytes
    assert first.path == run_dir / "restored" / sharded.id / "epoch-4.weights.json"
    assert files_in(first.path.parent) == files_in(run_dir / "checkpoints")


@pytest.mark.parametrize("data", [None, b"", b"other shard"])
def test_a_shard_that_is_not_what_was_recorded_is_refused(
    sharded: CheckpointEntry, tmp_path: Path, data: bytes | None
) -> None:
    """Nothing is copied then, the index neither."""
    run_dir = tmp_path / "run"
    shard = run_dir / sharded.parts[0].path
    shard.unlink()
    if data is not None:
        shard.write_bytes(data)
    with pytest.raises(ApiError) as raised:
        restore_to_file(sharded, run_dir)
    assert raised.value.code == "conflict"
    assert not [path for path in (run_dir / "restored").rglob("*") if path.is_file()]


def test_a_shard_elsewhere_is_refused(sharded: CheckpointEntry, tmp_path: Path) -> None:
    """An event file from a stranger cannot make TensorBoard copy a file as a shard."""
    run_dir = tmp_path / "run"
    secret = tmp_path / "secret_00000.weights.h5"
    secret.write_bytes(b"first shard")
    for path in ("../secret_00000.weights.h5", str(secret)):
        part = replace(sharded.parts[0], path=path)
        with pytest.raises(ApiError) as raised:
            restore_to_file(replace(sharded, parts=(part, sharded.parts[1])), run_dir)
        assert raised.value.code == "conflict"
        assert not [one for one in (run_dir / "restored").rglob("*") if one.is_file()]
