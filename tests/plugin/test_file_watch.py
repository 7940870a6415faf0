"""What became of files, at a bounded cost."""

from __future__ import annotations

import time
from pathlib import Path

from tensorboard_plugin_epochline.file_watch import FileWatch


def test_sizes_are_those_of_regular_files(tmp_path: Path) -> None:
    """A directory or an impossible path is no checkpoint; absolute paths are looked at, too."""
    (tmp_path / "a.h5").write_bytes(b"12345")
    (tmp_path / "directory").mkdir()
    paths = ["a.h5", "gone.h5", "a.h5/below", "directory", str(tmp_path / "a.h5"), "nul\0"]

    sizes = FileWatch(tmp_path).sizes(paths)

    assert sizes == {
        "a.h5": 5,
        "gone.h5": None,
        "a.h5/below": None,
        "directory": None,
        str(tmp_path / "a.h5"): 5,
    }


def test_fingerprint_follows_the_files(tmp_path: Path) -> None:
    """It changes with a file, and comes back when the file does."""
    watch = FileWatch(tmp_path)
    file = tmp_path / "a.h5"
    fingerprints = []
    for data in (b"1", b"12", b"1"):
        file.write_bytes(data)
        while watch.sizes(["a.h5"]) != {"a.h5": len(data)}:  # it looks again after a while
            time.sleep(0.01)
        fingerprints.append(watch.fingerprint)

    assert fingerprints[0] == fingerprints[2] != fingerprints[1]


def test_looking_takes_a_small_share_of_the_time(tmp_path: Path) -> None:
    """Many files are looked at again only after a while; a new one is looked at at once."""
    paths = [f"{number}.h5" for number in range(3000)]
    for path in paths:
        (tmp_path / path).touch()
    watch = FileWatch(tmp_path)
    started = time.monotonic()
    watch.sizes(paths)
    cost = time.monotonic() - started
    (tmp_path / paths[0]).unlink()
    (tmp_path / "new.h5").write_bytes(b"12345")

    sizes = watch.sizes([*paths, "new.h5"])
    assert (sizes[paths[0]], sizes["new.h5"]) == (0, 5)
    while watch.sizes(paths)[paths[0]] is not None:
        time.sleep(0.01)
    assert time.monotonic() - started > 20 * cost


def test_many_runs_share_the_time(tmp_path: Path) -> None:
    """The more runs there are, the longer each waits for its next look."""
    paths = [f"{number}.h5" for number in range(300)]
    watches = [FileWatch(tmp_path, lambda runs=runs: runs) for runs in (1, 1000)]  # type: ignore[misc]
    for watch in watches:
        watch.sizes(paths)
    while not watches[0].is_due:
        time.sleep(0.001)
    assert not watches[1].is_due
