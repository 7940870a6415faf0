"""`kill -9` at random moments."""

from __future__ import annotations

import random
import signal
import time
from pathlib import Path

import pytest

from epochline.store import digest_file, remove_leftovers, verify
from tests.store.children import (
    KEEP,
    Children,
    Listing,
    keep_saving,
    payload_digest,
    write_slowly,
)
from tests.store.faults import files_in


def _check_kept(directory: Path, listing: Listing) -> None:
    """Every listed file is what was saved; the one due to be deleted may be gone."""
    for position, (name, (size, digest)) in enumerate(listing.kept.items()):
        result = verify(directory / name, size_bytes=size, digest=digest)
        due = position == 0 and len(listing.kept) > KEEP
        assert result or (due and not (directory / name).exists()), result.message


def _check_unlisted(directory: Path, listing: Listing) -> None:
    """A file that is not listed yet is complete: the one that was just saved.

    It is then listed or removed, as a start that tidies up would do.
    """
    coming = payload_digest(listing.last_index + 1)
    last = directory / "last.weights.h5"
    if last.exists():
        found = digest_file(last).digest
        assert found in {listing.last, payload_digest(listing.last_index)}
        listing.append(what="last", digest=found)
    else:
        assert listing.last is None
    for path in directory.glob("epoch-*"):
        if path.name not in listing.kept:
            assert digest_file(path).digest == coming
            path.unlink()


@pytest.mark.parametrize("seed", range(4))
def test_a_killed_writer_leaves_every_listed_file_intact(
    children: Children, tmp_path: Path, seed: int
) -> None:
    """50 kills each at random moments of a save loop: nothing listed is lost, nothing is half."""
    moments = random.Random(seed)  # noqa: S311 - repeatable, no secrets
    listing_path = tmp_path / "listing"
    interrupted = 0
    for _ in range(50):
        child = children.start(keep_saving, directory=str(tmp_path))
        time.sleep(moments.uniform(0.0, 0.1))
        assert child.kill() == -signal.SIGKILL
        listing = Listing(listing_path)
        _check_kept(tmp_path, listing)
        _check_unlisted(tmp_path, listing)
        left = set(tmp_path.glob(".tmp-*"))
        assert set(remove_leftovers(tmp_path)) == left
        assert not list(tmp_path.glob(".tmp-*"))
        interrupted += bool(left)
    assert interrupted >= 10, "the kills must hit saves, or nothing is tested"
    assert Listing(listing_path).last_index >= 10, "the writer must get somewhere between the kills"


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
