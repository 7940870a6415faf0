"""The route `diff`: what is read of which file, and what a forged record leads to."""

from __future__ import annotations

import contextlib
import json
import os
import threading
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from epochline.contrast import VariableFile
from epochline.dtypes import block_bytes
from epochline.layout import Layout, Variable
from epochline.statistics import Measurer
from epochline.store import digest_bytes
from epochline.timeline import CheckpointEntry, Status
from tensorboard_plugin_epochline import diff
from tensorboard_plugin_epochline.answers import ApiError
from tensorboard_plugin_epochline.diff import Comparisons, Side
from tensorboard_plugin_epochline.directories import RunDirectory

OFFSET = 16
LAYOUT = Layout.of(
    [
        Variable(
            dataset="layers/dense/vars/0",
            name="dense/kernel",
            dtype="float32",
            shape=(6,),
            offset=OFFSET,
            size_bytes=24,
            trainable=True,
        )
    ]
)


def _saved(entry: CheckpointEntry, run_dir: Path, number: int, *values: float) -> CheckpointEntry:
    """Writes a file with six values and returns its entry."""
    raw = np.array([*values, *[0.0] * (6 - len(values))], "f4").tobytes()
    data = b"HDF5".ljust(OFFSET) + raw + b"end"
    return _written(entry, run_dir, number, data, LAYOUT, [raw])


def _written(
    entry: CheckpointEntry,
    run_dir: Path,
    number: int,
    data: bytes,
    layout: Layout,
    raws: Sequence[bytes],
) -> CheckpointEntry:
    """Writes a file with the variables of `layout`, of these bytes, and returns its entry."""
    identity, path = f"{number:016x}", f"checkpoints/{number}.weights.h5"
    (run_dir / path).parent.mkdir(parents=True, exist_ok=True)
    (run_dir / path).write_bytes(data)
    measurer = Measurer()
    for raw in raws:
        measurer.add(raw, "float32")
    return replace(
        entry,
        id=identity,
        path=path,
        size_bytes=len(data),
        digest=digest_bytes(data),
        described=layout.to_event(),
        measured=measurer.result().to_event(id=identity, layout=layout.id),
    )


@pytest.fixture
def run_dir(tmp_path: Path) -> Path:
    """A run directory."""
    return tmp_path / "run"


@pytest.fixture
def a(entry: CheckpointEntry, run_dir: Path) -> CheckpointEntry:
    """A checkpoint whose weights have the norm 5."""
    return _saved(entry, run_dir, 1, 3, 4)


@pytest.fixture
def b(entry: CheckpointEntry, run_dir: Path) -> CheckpointEntry:
    """One whose weights are twice as large."""
    return _saved(entry, run_dir, 2, 6, 8)


def _view(
    a: CheckpointEntry, b: CheckpointEntry, run_dir: Path, *, local: bool = True
) -> dict[str, Any]:
    directory = RunDirectory(shown=str(run_dir), local=run_dir if local else None)
    sides = [Side(run="run", entry=entry, directory=directory) for entry in (a, b)]
    view = Comparisons().view(*sides)
    assert json.loads(json.dumps(view, allow_nan=False)) == view
    return view


def test_bytes_are_compared_where_the_layout_says(
    a: CheckpointEntry, b: CheckpointEntry, run_dir: Path
) -> None:
    """The files are no HDF5 at all: nothing of them is parsed."""
    view = _view(a, b, run_dir)
    assert (view["run"], view["a"], view["b"]) == ("run", a.id, b.id)
    weights = view["weights"]
    assert (weights["relative_change"], weights["cosine"], weights["max_abs"]) == (1, 1, 4)
    assert view["variables"]["basis"] == ["bytes"]
    assert view["variables"]["shape"] == [[6]]
    assert view["layers"]["layer"] == ["dense"]
    assert view["notes"] == []


def test_change_from_zero_is_infinite_in_words(
    entry: CheckpointEntry, a: CheckpointEntry, run_dir: Path
) -> None:
    """JSON has no infinity."""
    zero = _saved(entry, run_dir, 3)
    assert _view(zero, a, run_dir)["weights"]["relative_change"] == "Infinity"


@pytest.mark.parametrize(
    ("status", "why"),
    [(Status.PRUNED, "Removed by hand."), (Status.MISSING, "Its file is gone.")],
)
def test_statistics_tell_what_is_left_of_a_file(
    a: CheckpointEntry, b: CheckpointEntry, run_dir: Path, status: Status, why: str
) -> None:
    """At least how much it changed, and why that is all."""
    gone = replace(a, status=status, fate=why)
    view = _view(gone, b, run_dir)
    weights = view["weights"]
    assert weights["relative_change"] is None
    assert weights["relative_at_least"] == pytest.approx(1, rel=1e-5)
    assert view["variables"]["basis"] == ["statistics"]
    assert why in view["notes"][0]


def test_files_that_are_elsewhere_are_compared_by_statistics(
    a: CheckpointEntry, b: CheckpointEntry, run_dir: Path
) -> None:
    """A run on another machine still has its records."""
    view = _view(a, b, run_dir, local=False)
    assert view["variables"]["basis"] == ["statistics"]
    assert "cannot be read from here" in view["notes"][0]


def test_nothing_outside_of_the_run_directory_is_read(
    a: CheckpointEntry, b: CheckpointEntry, run_dir: Path, tmp_path: Path
) -> None:
    """Not by a path in a record, and not by a link."""
    secret = tmp_path / "secret"
    secret.write_bytes((run_dir / a.path).read_bytes())
    (run_dir / "link").symlink_to(secret)
    os.mkfifo(run_dir / "fifo")
    for path in (str(secret), "../secret", "link", "fifo", "."):
        view = _view(replace(a, path=path), b, run_dir)
        assert view["variables"]["basis"] == ["statistics"]
        assert "was not used" in view["notes"][0]


def test_bytes_that_are_not_those_that_were_saved_give_no_numbers(
    a: CheckpointEntry, b: CheckpointEntry, run_dir: Path
) -> None:
    """Who forges a layout to look into a file sees what is recorded, not what is there."""
    data = bytearray((run_dir / a.path).read_bytes())
    data[OFFSET] ^= 1
    (run_dir / a.path).write_bytes(data)
    view = _view(a, b, run_dir)
    assert view["variables"]["basis"] == ["statistics"]
    assert view["weights"]["norm_a"] == 5
    assert "has changed since it was saved" in view["notes"][0]


def test_what_was_not_measured_is_a_conflict(
    a: CheckpointEntry, b: CheckpointEntry, run_dir: Path
) -> None:
    """Files of stock callbacks are compared in a terminal: the server opens nothing with HDF5."""
    for entry in (replace(b, measured=None), replace(b, described=None)):
        with pytest.raises(ApiError, match="No statistics were recorded") as raised:
            _view(a, entry, run_dir)
        assert raised.value.code == "conflict"
        assert "epochline diff" in raised.value.hint


def test_damaged_records_are_a_conflict(
    a: CheckpointEntry, b: CheckpointEntry, run_dir: Path
) -> None:
    """Columns that do not fit, and a layout of other variables."""
    assert b.measured is not None
    assert b.described is not None
    for changes in (
        {"measured": replace(b.measured, numbers=b"")},
        {"described": replace(b.described, offset=(-1,))},
        {"described": replace(Layout.of([]).to_event(), layout=LAYOUT.id)},
    ):
        with pytest.raises(ApiError) as raised:
            _view(a, replace(b, **changes), run_dir)
        assert raised.value.code == "conflict"


def test_checkpoints_of_two_runs_are_compared(
    a: CheckpointEntry, entry: CheckpointEntry, run_dir: Path
) -> None:
    """Each is read in its own directory; what is told of their files names the runs."""
    other_dir = run_dir.parent / "other"
    b = replace(_saved(entry, other_dir, 2, 6, 8), status=Status.PRUNED)
    ours, theirs = (RunDirectory(shown=str(path), local=path) for path in (run_dir, other_dir))
    view: dict[str, Any] = Comparisons().view(
        Side(run="run", entry=a, directory=ours), Side(run="other", entry=b, directory=theirs)
    )
    assert (view["run"], view["run_b"], view["b"]) == ("run", "other", b.id)
    assert view["weights"]["relative_at_least"] == pytest.approx(1.0)
    assert view["notes"][0].startswith("other epoch 4")


BLOCKS = 5
BLOCK_BYTES = block_bytes("float32")


@pytest.fixture
def pieces(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each request reads one block of both files."""
    monkeypatch.setattr(diff, "PIECE_SECONDS", 0)


def _large(entry: CheckpointEntry, run_dir: Path, number: int) -> Side:
    """Writes a file with a layer of two variables of two blocks each, and one of one block."""
    names = ("first/kernel", "first/bias", "last/kernel")
    sizes = (2 * BLOCK_BYTES, 2 * BLOCK_BYTES, BLOCK_BYTES)
    raws = [np.full(size // 4, number + place, "f4").tobytes() for place, size in enumerate(sizes)]
    variables, offset = [], 0
    for name, raw in zip(names, raws, strict=True):
        variables.append(
            Variable(
                dataset=f"layers/{name}",
                name=name,
                dtype="float32",
                shape=(len(raw) // 4,),
                offset=offset,
                size_bytes=len(raw),
                trainable=True,
            )
        )
        offset += len(raw)
    saved = _written(entry, run_dir, number, b"".join(raws), Layout.of(variables), raws)
    directory = RunDirectory(shown=str(run_dir), local=run_dir)
    return Side(run="run", entry=saved, directory=directory)


@pytest.fixture
def large(entry: CheckpointEntry, run_dir: Path) -> tuple[Side, Side]:
    """Two checkpoints that take five requests."""
    return _large(entry, run_dir, 1), _large(entry, run_dir, 2)


@pytest.mark.usefixtures("pieces")
def test_each_request_goes_on_where_the_last_one_ended(large: tuple[Side, Side]) -> None:
    """Variables and complete layers come as they are compared; the end is that of one request."""
    comparisons = Comparisons()
    views: list[Any] = [comparisons.view(*large) for _ in range(BLOCKS + 1)]

    read = [view["progress"]["read_bytes"] for view in views]
    assert read == [*(2 * BLOCK_BYTES * count for count in range(1, BLOCKS + 1)), read[-1]]
    assert {view["progress"]["total_bytes"] for view in views} == {read[-1]}
    assert [len(view["variables"]["name"]) for view in views] == [0, 0, 1, 1, 2, 3]
    assert [view["layers"]["layer"] for view in views[3:]] == [[], ["first"], ["first", "last"]]
    assert [view["progress"]["finished"] for view in views] == [False] * BLOCKS + [True]
    assert views[0]["sentence"] is views[0]["weights"] is None
    assert views[-1]["sentence"].startswith("The weights changed by")
    assert comparisons.view(*large) == views[-1]


def test_a_comparison_in_pieces_tells_the_same_as_one_at_once(
    large: tuple[Side, Side], monkeypatch: pytest.MonkeyPatch
) -> None:
    """To the last digit, digests included."""
    monkeypatch.setattr(diff, "PIECE_SECONDS", 60)
    whole = Comparisons().view(*large)
    monkeypatch.setattr(diff, "PIECE_SECONDS", 0)
    comparisons = Comparisons()
    assert [comparisons.view(*large) for _ in range(BLOCKS + 1)][-1] == whole


@pytest.mark.usefixtures("pieces")
def test_nothing_is_read_and_no_file_is_open_once_nobody_asks(
    large: tuple[Side, Side], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Who stops asking has stopped the work: there is no thread that would go on."""
    files: list[VariableFile] = []
    read = VariableFile.read

    def noted(self: VariableFile, offset: int, view: memoryview) -> None:
        files.append(self)
        read(self, offset, view)

    monkeypatch.setattr(VariableFile, "read", noted)
    before = threading.active_count(), _open_files()
    Comparisons().view(*large)
    assert len(files) == 2
    assert (threading.active_count(), _open_files()) == before


def _open_files() -> int:
    """Returns how many descriptors below 1024 this process has open."""
    count = 0
    for descriptor in range(1024):
        with contextlib.suppress(OSError):
            os.fstat(descriptor)
            count += 1
    return count


@pytest.mark.usefixtures("pieces")
def test_a_file_that_changes_on_the_way_begins_anew(
    large: tuple[Side, Side], run_dir: Path
) -> None:
    """What was read of the old one is not mixed with the new one."""
    comparisons = Comparisons()
    for _ in range(3):
        comparisons.view(*large)
    path = run_dir / large[0].entry.path
    data = bytearray(path.read_bytes())
    data[0] ^= 1
    path.with_suffix(".new").write_bytes(data)
    path.with_suffix(".new").replace(path)

    views: list[Any] = [comparisons.view(*large) for _ in range(BLOCKS + 1)]
    assert views[0]["progress"]["compared"] == 0
    assert views[-1]["variables"]["basis"] == ["statistics", "bytes", "bytes"]
    assert "has changed since it was saved" in views[-1]["notes"][0]


@pytest.mark.usefixtures("pieces")
def test_a_checkpoint_that_is_pruned_on_the_way_is_compared_by_statistics(
    large: tuple[Side, Side], run_dir: Path
) -> None:
    """Its file is not held open, and what is known of it has changed."""
    comparisons = Comparisons()
    comparisons.view(*large)
    (run_dir / large[0].entry.path).unlink()
    pruned = replace(large[0], entry=replace(large[0].entry, status=Status.PRUNED, fate="Gone."))
    view: Any = comparisons.view(pruned, large[1])
    assert view["progress"] == {
        "finished": True,
        "compared": 3,
        "variables": 3,
        "read_bytes": 0,
        "total_bytes": 0,
    }
    assert set(view["variables"]["basis"]) == {"statistics"}


@pytest.mark.usefixtures("pieces")
def test_many_viewers_read_at_most_two_at_once(
    large: tuple[Side, Side], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The others wait for their turn, and all get their answer."""
    reading, most, lock = 0, 0, threading.Lock()
    read = VariableFile.read

    def counted(self: VariableFile, offset: int, view: memoryview) -> None:
        nonlocal reading, most
        with lock:
            reading += 1
            most = max(most, reading)
        read(self, offset, view)
        with lock:
            reading -= 1

    monkeypatch.setattr(VariableFile, "read", counted)
    comparisons = Comparisons()
    a, b = large
    pairs = [(replace(a, run=f"run-{place}"), replace(b, run=f"run-{place}")) for place in range(8)]
    with ThreadPoolExecutor(len(pairs)) as pool:
        views: list[Any] = list(pool.map(lambda pair: comparisons.view(*pair), pairs))
    assert {view["progress"]["read_bytes"] for view in views} == {2 * BLOCK_BYTES}
    assert 1 <= most <= 2
