"""Copies that are proven, or not made."""

from __future__ import annotations

from pathlib import Path

import pytest

from epochline.errors import CheckpointCorruptError, CheckpointMissingError
from epochline.store import WrittenFile, export_verified, write_atomic
from tests.store.faults import files_in

DATA = bytes(range(256)) * 10_000


@pytest.fixture
def saved(tmp_path: Path) -> WrittenFile:
    """A checkpoint as it was saved."""
    return write_atomic(tmp_path / "run" / "epoch-0001.weights.h5", DATA, replace=False)


def _export(saved: WrittenFile, target: Path, *, replace: bool = False) -> WrittenFile:
    return export_verified(
        saved.path,
        target,
        size_bytes=saved.size_bytes,
        digest=saved.digest,
        replace=replace,
    )


def test_a_copy_is_byte_for_byte_what_was_saved(saved: WrittenFile, tmp_path: Path) -> None:
    """The copy is a file of its own, in directories made for it, with progress on the way."""
    target = tmp_path / "a" / "b" / "best.weights.h5"
    seen: list[int] = []
    copy = export_verified(
        saved.path,
        target,
        size_bytes=saved.size_bytes,
        digest=saved.digest,
        beneath=tmp_path / "run",
        progress=seen.append,
    )
    assert target.read_bytes() == DATA
    assert (copy.path, copy.digest) == (target, saved.digest)
    assert seen[-1] == len(DATA)
    assert not target.samefile(saved.path)


@pytest.mark.parametrize("damage", [DATA[:-1], DATA + b"x", b"\0" + DATA[:-1], b""])
@pytest.mark.parametrize("replace", [True, False])
def test_a_damaged_source_is_never_copied(
    saved: WrittenFile, tmp_path: Path, damage: bytes, replace: bool
) -> None:
    """The error names both sides, the target stays as it was, nothing is left."""
    saved.path.write_bytes(damage)
    target = tmp_path / "out" / "best.weights.h5"
    target.parent.mkdir()
    if replace:
        target.write_bytes(b"old")
    before = files_in(tmp_path / "out")
    with pytest.raises(CheckpointCorruptError) as raised:
        _export(saved, target, replace=replace)
    assert raised.value.path == str(saved.path)
    assert raised.value.expected != raised.value.found
    assert files_in(tmp_path / "out") == before


def test_a_source_that_changes_while_it_is_copied_is_not_copied(
    saved: WrittenFile, tmp_path: Path
) -> None:
    """The proof is over the bytes that were written, not over an earlier reading."""

    def damage(done: int) -> None:
        if done < len(DATA):
            with saved.path.open("r+b") as file:
                file.seek(-1, 2)
                file.write(b"?")

    with pytest.raises(CheckpointCorruptError):
        export_verified(
            saved.path,
            tmp_path / "out" / "copy",
            size_bytes=saved.size_bytes,
            digest=saved.digest,
            progress=damage,
        )
    assert files_in(tmp_path / "out") == {}


def test_a_source_cut_while_it_is_copied_is_not_copied(saved: WrittenFile, tmp_path: Path) -> None:
    """Fewer bytes than there were at the start are found as well."""

    def cut(_done: int) -> None:
        with saved.path.open("r+b") as file:
            file.truncate(10)

    with pytest.raises(CheckpointCorruptError):
        export_verified(
            saved.path,
            tmp_path / "out" / "copy",
            size_bytes=saved.size_bytes,
            digest=saved.digest,
            progress=cut,
        )
    assert files_in(tmp_path / "out") == {}


def test_an_existing_target_is_kept_unless_asked(saved: WrittenFile, tmp_path: Path) -> None:
    """Refused by default, replaced on demand."""
    target = tmp_path / "best.weights.h5"
    target.write_bytes(b"mine")
    with pytest.raises(FileExistsError, match="the name is taken"):
        _export(saved, target)
    assert target.read_bytes() == b"mine"
    _export(saved, target, replace=True)
    assert target.read_bytes() == DATA


def test_a_missing_source_is_the_error_that_names_it(saved: WrittenFile, tmp_path: Path) -> None:
    """The file or its directory is gone."""
    saved.path.unlink()
    with pytest.raises(CheckpointMissingError) as raised:
        _export(saved, tmp_path / "copy")
    assert raised.value.path == str(saved.path)
    saved.path.parent.rmdir()
    with pytest.raises(CheckpointMissingError):
        _export(saved, tmp_path / "copy")


def test_a_link_is_no_source(saved: WrittenFile, tmp_path: Path) -> None:
    """Also when the bytes behind the link are right."""
    saved.path.rename(tmp_path / "aside")
    saved.path.symlink_to(tmp_path / "aside")
    with pytest.raises(OSError, match="symbolic link"):
        _export(saved, tmp_path / "copy")
    assert not (tmp_path / "copy").exists()


def test_a_digest_of_an_unknown_form_is_refused(saved: WrittenFile, tmp_path: Path) -> None:
    """What cannot be proven is not copied."""
    with pytest.raises(ValueError, match="upgrade"):
        export_verified(saved.path, tmp_path / "copy", size_bytes=len(DATA), digest="md5:0")
    assert not (tmp_path / "copy").exists()
