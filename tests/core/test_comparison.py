"""How far two checkpoints are apart, from files, digests or statistics; and what is not trusted."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

import epochline
from epochline.changes import Basis, Diff
from epochline.comparison import Comparison, Source, compare, diff
from epochline.dtypes import block_bytes
from epochline.errors import (
    CheckpointCorruptError,
    CheckpointFormatError,
    CheckpointMissingError,
    EventFormatError,
)
from epochline.events import CheckpointDemoted, CheckpointSaved, EpochEnded, Event, Tier
from epochline.layout import Layout, Variable, read_layout
from epochline.statistics import Measurements, Measurer
from tests.core.recorded import Recorded

Arrays = Mapping[str, np.ndarray[Any, Any]]

RANDOM = np.random.default_rng(1)
BEFORE: Arrays = {
    "layers/dense/vars/0": RANDOM.standard_normal((30, 40)).astype("f4"),
    "layers/dense/vars/1": np.zeros(40, "f4"),
    "layers/dense_1/vars/0": RANDOM.standard_normal((40, 3)).astype("f4"),
    "optimizer/vars/0": np.array(100, "i8"),
}
AFTER: Arrays = {
    **BEFORE,
    "layers/dense/vars/0": BEFORE["layers/dense/vars/0"] * np.float32(1.5),
    "layers/dense/vars/1": np.full(40, 0.25, "f4"),
    "optimizer/vars/0": np.array(150, "i8"),
}


def _write(path: Path, arrays: Arrays) -> Path:
    with h5py.File(path, "w") as file:
        for name, values in arrays.items():
            file[name] = values
    return path


def _recorded(path: Path) -> Source:
    """Returns a file with what is recorded of it when it is saved."""
    data, layout, measurer = path.read_bytes(), read_layout(path), Measurer()
    for item in layout.variables:
        measurer.add(data[item.offset :][: item.size_bytes], item.dtype)
    return Source(
        label=path.name,
        file=path,
        size_bytes=len(data),
        layout=layout,
        measurements=measurer.result(),
    )


def _gone(source: Source) -> Source:
    return replace(source, file=None, gone="It was pruned.")


@pytest.fixture
def files(tmp_path: Path) -> tuple[Path, Path]:
    """Two checkpoint files of one model."""
    return _write(tmp_path / "a.weights.h5", BEFORE), _write(tmp_path / "b.weights.h5", AFTER)


@pytest.fixture
def sources(files: tuple[Path, Path]) -> tuple[Source, Source]:
    """The same with what is recorded of them."""
    return _recorded(files[0]), _recorded(files[1])


def _changes(result: Diff) -> dict[str, Any]:
    return {item.dataset: item for item in result.variables}


def test_change_of_each_variable_is_that_of_numpy(files: tuple[Path, Path]) -> None:
    """Relative change, cosine and largest difference, from the files alone."""
    result = diff(*files)
    found = _changes(result)
    for name, a in BEFORE.items():
        b = AFTER[name]
        wide_a, wide_b = (np.asarray(x, "f8").reshape(-1) for x in (a, b))
        change, item = wide_b - wide_a, found[name]
        norm = np.linalg.norm(wide_a)
        assert item.shape == a.shape
        assert item.basis is Basis.BYTES
        assert item.equal == np.array_equal(a, b)
        assert item.max_abs == pytest.approx(np.abs(change).max(), rel=1e-6)
        assert item.difference == pytest.approx(np.linalg.norm(change), rel=1e-6)
        if norm:
            assert item.relative_change == pytest.approx(np.linalg.norm(change) / norm, rel=1e-6)
            cosine = wide_a @ wide_b / (norm * np.linalg.norm(wide_b))
            assert item.cosine == pytest.approx(cosine, abs=1e-6)
    fresh = found["layers/dense/vars/1"]
    assert (fresh.relative_change, fresh.cosine) == (math.inf, None)


def test_layers_are_vectors_of_their_variables(files: tuple[Path, Path]) -> None:
    """Kernel and bias together; all weights without the optimizer; the optimizer as one layer."""
    result = diff(*files)
    layers = {item.layer: item for item in result.layers}
    assert list(layers) == ["layers/dense", "layers/dense_1", "optimizer"]
    kernel = BEFORE["layers/dense/vars/0"].astype("f8")
    change = math.sqrt((0.25 * kernel**2).sum() + 40 * 0.25**2)
    assert layers["layers/dense"].difference == pytest.approx(change, rel=1e-6)
    assert layers["layers/dense"].variables == 2
    unchanged = layers["layers/dense_1"]
    assert (unchanged.relative_change, unchanged.cosine, unchanged.unchanged) == (0, 1, 1)
    assert [item.of_optimizer for item in result.layers] == [False, False, True]
    assert result.weights.variables == 3
    assert result.weights.difference == pytest.approx(change, rel=1e-6)
    weights = np.concatenate([BEFORE[name].reshape(-1) for name in BEFORE if "layers" in name])
    assert result.weights.norm_a == pytest.approx(np.linalg.norm(weights.astype("f8")), rel=1e-6)


def test_recorded_or_not_the_numbers_are_the_same(
    files: tuple[Path, Path], sources: tuple[Source, Source]
) -> None:
    """What was recorded saves work; it changes nothing that is told."""
    plain, recorded = diff(*files), compare(*sources)
    half = compare(sources[0], replace(sources[1], measurements=None))
    for other in (recorded, half):
        for one, two in zip(plain.variables, other.variables, strict=True):
            names = ("relative_change", "cosine", "max_abs", "norm_a", "norm_b")
            ours, theirs = ({name: getattr(item, name) for name in names} for item in (one, two))
            known = {name: value for name, value in ours.items() if value is not None}
            assert theirs == {**ours, **{k: pytest.approx(v, rel=1e-6) for k, v in known.items()}}
            assert one.equal == two.equal


def test_equal_digests_need_no_reading(sources: tuple[Source, Source]) -> None:
    """Only what differs is read; the progress tells how much that is."""
    seen: list[tuple[int, int]] = []
    result = compare(*sources, progress=lambda done, total: seen.append((done, total)))
    assert _changes(result)["layers/dense_1/vars/0"].basis is Basis.DIGESTS
    read = 2 * sum(BEFORE[name].nbytes for name in BEFORE if name != "layers/dense_1/vars/0")
    assert seen[-1] == (read, read)
    assert [done for done, _ in seen] == sorted(done for done, _ in seen)
    same = compare(sources[0], sources[0], progress=lambda *_: pytest.fail("nothing to read"))
    assert same.weights.difference == 0


def test_statistics_tell_what_they_can_when_a_file_is_gone(
    sources: tuple[Source, Source],
) -> None:
    """Equal or not, norms and means, and what the change is at least; never more."""
    for a, b in ((_gone(sources[0]), sources[1]), (_gone(sources[0]), _gone(sources[1]))):
        result = compare(a, b)
        found = _changes(result)
        kernel = found["layers/dense/vars/0"]
        assert (kernel.basis, kernel.equal) == (Basis.STATISTICS, False)
        assert (kernel.relative_change, kernel.cosine, kernel.max_abs) == (None, None, None)
        assert kernel.relative_at_least == pytest.approx(0.5, rel=1e-5)
        assert kernel.norm_b == pytest.approx(1.5 * kernel.norm_a, rel=1e-6)
        assert kernel.mean_b == pytest.approx(1.5 * kernel.mean_a, rel=1e-5)
        same = found["layers/dense_1/vars/0"]
        assert (same.basis, same.relative_change) == (Basis.DIGESTS, 0)
        assert result.weights.relative_change is None
        assert 0 < result.weights.relative_at_least < 0.5  # type: ignore[operator]
        assert result.notes[0] == (
            "a.weights.h5 has no file any more. It was pruned. Compared by its recorded statistics."
        )


def test_statistics_are_compared_with_a_file_without_any(
    files: tuple[Path, Path], sources: tuple[Source, Source]
) -> None:
    """What was not recorded of the one file is measured when the other is gone."""
    bare = replace(_recorded(files[1]), measurements=None)
    result = compare(_gone(sources[0]), bare)
    assert _changes(result)["layers/dense/vars/0"].relative_at_least == pytest.approx(0.5, rel=1e-5)
    assert _changes(result)["layers/dense_1/vars/0"].equal is True


def test_nothing_left_of_a_file_is_an_error(sources: tuple[Source, Source]) -> None:
    """Neither file nor statistics: it says so instead of showing an empty table."""
    with pytest.raises(CheckpointMissingError, match="Nothing was recorded"):
        compare(replace(_gone(sources[0]), measurements=None), sources[1])


@pytest.mark.parametrize("size", [-1, 1])
def test_a_file_of_another_size_is_told_and_not_read(
    sources: tuple[Source, Source], size: int
) -> None:
    """Its offsets would be those of something else."""
    file = sources[0].file
    assert file is not None
    data = file.read_bytes()
    file.write_bytes(data[:size] if size < 0 else data + b"x")
    result = compare(*sources)
    assert "The file of a.weights.h5 was not used" in result.notes[0]
    assert f"{len(data):,} bytes" in result.notes[0]
    assert {item.basis for item in result.variables} == {Basis.STATISTICS, Basis.DIGESTS}


def test_a_variable_with_other_bytes_is_told_and_not_shown(
    sources: tuple[Source, Source],
) -> None:
    """One flipped bit: the numbers come from what was saved, the other variables from the file."""
    file, variable = sources[0].file, sources[0].layout.variables[0]
    assert file is not None
    data = bytearray(file.read_bytes())
    data[variable.offset + 3] ^= 0x40
    file.write_bytes(data)
    result = compare(*sources)
    found = _changes(result)
    assert found[variable.dataset].basis is Basis.STATISTICS
    assert found["layers/dense/vars/1"].basis is Basis.BYTES
    [note] = result.notes
    assert note == (
        "The file of a.weights.h5 has changed since it was saved: 1 of 4 variables have other "
        "bytes, first 'layers/dense/vars/0'. Those were compared by their recorded statistics."
    )


def test_a_layout_that_does_not_fit_its_file_is_told_and_not_read(
    sources: tuple[Source, Source],
) -> None:
    """A record may come from a stranger: nothing outside of the file, nothing a thousand times."""
    last = sources[0].layout.variables[-1]
    outside = replace(last, offset=10**9)
    again = [replace(last, dataset=f"again/{n}", shape=(1,)) for n in range(20_000)]
    for more in ([outside], again):
        variables = [*sources[0].layout.variables[:-1], *more]
        source = replace(sources[0], layout=Layout(tuple(variables)), measurements=None)
        with pytest.raises(CheckpointMissingError, match="does not have the recorded layout"):
            compare(source, sources[1])


def test_a_file_outside_of_its_directory_is_not_read(
    tmp_path: Path, sources: tuple[Source, Source]
) -> None:
    """The path in a record is not trusted."""
    result = compare(replace(sources[0], beneath=tmp_path / "run"), sources[1])
    assert "was not used" in result.notes[0]


def test_statistics_of_another_number_of_variables_are_refused(
    sources: tuple[Source, Source],
) -> None:
    """A record that does not fit its layout says nothing about anything."""
    short = Measurements.of(sources[0].measurements.rows()[:2])  # type: ignore[union-attr]
    with pytest.raises(EventFormatError, match="2 variables"):
        compare(replace(sources[0], measurements=short), sources[1])


def test_variables_of_one_side_are_listed(tmp_path: Path) -> None:
    """A checkpoint without the optimizer, and one with a new layer."""
    more = {**BEFORE, "layers/head/vars/0": np.ones(3, "f4")}
    less = {name: values for name, values in BEFORE.items() if "optimizer" not in name}
    result = diff(_write(tmp_path / "less.h5", less), _write(tmp_path / "more.h5", more))
    assert result.only_in_a == ()
    assert set(result.only_in_b) == {"optimizer/vars/0", "layers/head/vars/0"}
    assert len(result.variables) == 3


def _layout(*names: str, size: int = 4) -> Layout:
    return Layout.of(
        Variable(
            dataset=f"layers/{place}",
            name=name,
            dtype="float32",
            shape=(size // 4,),
            offset=size * place,
            size_bytes=size,
        )
        for place, name in enumerate(names)
    )


def _bare(layout: Layout, *values: float) -> Source:
    measurer = Measurer()
    for value in values:
        measurer.add(np.full(1, value, "f4"), "float32")
    return Source(label="x", file=None, layout=layout, measurements=measurer.result())


def test_layouts_of_one_structure_are_matched_by_place() -> None:
    """Keras numbers names anew in each process; the places in the file stay."""
    a = _bare(_layout("dense_2/kernel", "dense_3/kernel"), 1, 2)
    b = _bare(_layout("dense/kernel", "dense_2/kernel"), 1, 2)
    assert [item.equal for item in compare(a, b).variables] == [True, True]


def test_other_layouts_are_matched_by_name() -> None:
    """A layer that was put in between moves the places of those behind it."""
    a = _bare(_layout("first/kernel", "last/kernel"), 1, 2)
    b = _bare(_layout("first/kernel", "new/kernel", "last/kernel"), 1, 7, 2)
    result = compare(a, b)
    assert [(item.name, item.equal) for item in result.variables] == [
        ("first/kernel", True),
        ("last/kernel", True),
    ]
    assert result.only_in_b == ("new/kernel",)


def test_variables_of_other_shapes_are_said_to_be(tmp_path: Path) -> None:
    """A shape that changed is no number."""
    a = _write(tmp_path / "a.h5", {"layers/head/vars/0": np.ones((4, 2), "f4")})
    b = _write(tmp_path / "b.h5", {"layers/head/vars/0": np.ones((4, 3), "f4")})
    [item] = diff(a, b).variables
    assert (item.basis, item.equal, item.relative_change) == (Basis.NOTHING, False, None)
    assert item.note == "Its shape is (4, 3) in the other."


def test_other_dtypes_are_compared_by_value(tmp_path: Path) -> None:
    """An archive in a narrower dtype is as far away as its rounding."""
    values = RANDOM.standard_normal(300_000).astype("f4")
    a = _write(tmp_path / "a.h5", {"w": values})
    b = _write(tmp_path / "b.h5", {"w": values.astype("f2")})
    [item] = diff(a, b).variables
    error = values.astype("f2").astype("f8") - values
    assert item.difference == pytest.approx(np.linalg.norm(error), rel=1e-5)
    assert item.equal is False


def test_bytes_without_numbers_are_equal_or_not(tmp_path: Path) -> None:
    """Their digests are compared, and it is said why there are no numbers."""
    raw = np.frombuffer(b"abcd", "V1")
    a = _write(tmp_path / "a.h5", {"w": raw, "v": raw})
    b = _write(tmp_path / "b.h5", {"w": raw, "v": raw[::-1]})
    found = _changes(diff(a, b))
    assert (found["w"].equal, found["v"].equal) == (True, False)
    assert found["v"].relative_change is None
    assert "void8" in found["v"].note


def test_values_that_are_not_finite_are_left_out_and_counted(tmp_path: Path) -> None:
    """NaN on either side does not spoil the rest."""
    a = np.arange(1, 9, dtype="f4")
    b = a.copy()
    a[0], b[1], b[2] = np.nan, np.inf, 4
    paths = [_write(tmp_path / f"{name}.h5", {"w": x}) for name, x in (("a", a), ("b", b))]
    [item] = diff(*paths).variables
    assert (item.not_finite, item.difference, item.max_abs) == (2, 1, 1)


def test_nearly_equal_vectors_have_an_exact_angle(tmp_path: Path) -> None:
    """The cosine of two neighbouring checkpoints is told from 1."""
    a = RANDOM.standard_normal(100_000)
    b = a + 1e-6 * RANDOM.standard_normal(a.size)
    paths = [_write(tmp_path / f"{name}.h5", {"w": x}) for name, x in (("a", a), ("b", b))]
    cosine = diff(*paths).weights.cosine
    assert cosine is not None
    assert 1 - cosine == pytest.approx(0.5e-12, rel=0.01)


arrays = hnp.arrays(
    st.sampled_from([np.dtype(name) for name in ("f2", "f4", "f8", "i4", "u1", "bool")]),
    hnp.array_shapes(min_dims=0, max_dims=2, min_side=0, max_side=5),
)


@settings(deadline=None)  # the machine may be busy
@given(st.lists(arrays, min_size=1, max_size=4), st.data())
def test_diff_is_symmetric_and_zero_on_itself(
    tmp_path_factory: pytest.TempPathFactory,
    values: list[np.ndarray[Any, Any]],
    data: st.DataObject,
) -> None:
    """Difference, cosine and largest difference do not depend on the direction."""
    others = [data.draw(hnp.arrays(item.dtype, item.shape)) for item in values]
    directory = tmp_path_factory.mktemp("diff")
    paths = [
        _write(directory / f"{name}.h5", {str(place): item for place, item in enumerate(items)})
        for name, items in (("a", values), ("b", others))
    ]
    with np.errstate(all="ignore"):
        there, back, itself = diff(*paths), diff(*reversed(paths)), diff(paths[0], paths[0])
    for one, two in zip(there.variables, back.variables, strict=True):
        assert (one.difference, one.max_abs) == (two.difference, two.max_abs)
        assert (one.norm_a, one.norm_b) == (two.norm_b, two.norm_a)
        assert one.cosine == two.cosine
        assert one.equal == two.equal
    for item in itself.variables:
        assert (item.equal, item.difference, item.relative_change) == (True, 0, 0)
        assert item.cosine in (None, 1)


def test_memory_does_not_grow_with_the_files(tmp_path: Path) -> None:
    """Variables of many blocks are read block by block."""
    import tracemalloc

    count = 8 * block_bytes("float32") // 4
    paths = []
    for number in range(2):
        paths.append(tmp_path / f"{number}.h5")
        _write(paths[-1], {"w": np.full(count, number + 1, "f4")})
    tracemalloc.start()
    result = diff(*paths)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert result.weights.relative_change == pytest.approx(1)
    assert peak < 6 * block_bytes("float32")


@pytest.fixture
def run(tmp_path: Path, files: tuple[Path, Path]) -> epochline.Run:
    """A run with two measured checkpoints, one without statistics and one that failed."""
    recorded = Recorded(tmp_path / "pima")
    for epoch, path in enumerate((*files, files[0])):
        source = _recorded(path)
        saved = recorded.saved(epoch, path.read_bytes(), {"loss": 1.0})
        assert source.measurements is not None
        identity = f"{epoch + 1:04x}c0ffee000000"
        measured = source.measurements.to_event(id=identity, layout=source.layout.id)
        events: list[Event] = [source.layout.to_event(), measured] if epoch < 2 else []
        recorded.put(epoch, EpochEnded(metrics={"loss": 1.0}), saved, *events)
    return epochline.open_run(tmp_path / "pima")


def test_checkpoints_carry_layout_and_statistics(run: epochline.Run) -> None:
    """What was recorded is joined to its checkpoint; one without has none."""
    first, _, bare = run.checkpoints
    assert first.layout == read_layout(first.file)
    assert first.measurements is not None
    assert len(first.measurements) == 4
    assert (bare.layout, bare.measurements) == (None, None)


def test_checkpoints_of_a_run_are_compared(run: epochline.Run) -> None:
    """With statistics and without, from Python."""
    first, second, bare = run.checkpoints
    result = epochline.diff(first, second)
    assert (result.a, result.b) == ("pima epoch 1 (0001c0ff)", "pima epoch 2 (0002c0ff)")
    assert result.weights.relative_change == pytest.approx(
        epochline.diff(first.file, second.file).weights.relative_change, rel=1e-6
    )
    assert epochline.diff(first, bare).weights.relative_change == 0
    second.file.unlink()
    run.refresh()
    first, second, bare = run.checkpoints
    assert "Its file is gone" in epochline.diff(first, second).notes[0]


def test_checkpoint_without_statistics_is_read_only_when_it_is_intact(
    run: epochline.Run,
) -> None:
    """Its file is all there is, so it has to be the one that was saved."""
    first, _, bare = run.checkpoints
    data = bytearray(bare.file.read_bytes())
    data[-1] ^= 1
    bare.file.write_bytes(data)
    with pytest.raises(CheckpointMissingError, match="has changed since it was saved"):
        epochline.diff(first, bare)


def test_a_file_that_was_made_smaller_is_not_read_at_the_old_places(
    tmp_path: Path, files: tuple[Path, Path]
) -> None:
    """The layout of the larger file counts no more; a new one does."""
    smaller = {name: values for name, values in BEFORE.items() if "optimizer" not in name}
    small = _recorded(_write(tmp_path / "small.h5", smaller))
    large = _recorded(files[0])
    assert small.file is not None
    assert small.measurements is not None
    assert large.measurements is not None
    recorded = Recorded(tmp_path / "run")
    identity = "0001c0ffee000000"
    saved = recorded.saved(0, small.file.read_bytes(), {"loss": 1.0})
    assert isinstance(saved, CheckpointSaved)
    demoted = CheckpointDemoted(
        id=identity,
        tier=Tier.WITHOUT_OPTIMIZER,
        path=saved.path,
        size_bytes=saved.size_bytes,
        digest=saved.digest,
    )
    measured = large.measurements.to_event(id=identity, layout=large.layout.id)
    recorded.put(0, large.layout.to_event(), replace(saved, size_bytes=99), measured)
    recorded.put(1, demoted)
    [checkpoint] = epochline.open_run(tmp_path / "run").checkpoints
    assert (checkpoint.layout, checkpoint.measurements) == (None, None)
    assert epochline.diff(checkpoint, files[0]).weights.relative_change == 0
    again = small.measurements.to_event(id=identity, layout=small.layout.id)
    recorded.put(2, small.layout.to_event(), again)
    [checkpoint] = epochline.open_run(tmp_path / "run").checkpoints
    assert (checkpoint.layout, checkpoint.measurements) == (small.layout, small.measurements)


def test_files_that_are_no_weights_are_refused(tmp_path: Path, files: tuple[Path, Path]) -> None:
    """In words, and with the path."""
    (tmp_path / "notes.txt").write_text("no weights")
    with pytest.raises(CheckpointFormatError, match=r"notes\.txt"):
        diff(files[0], tmp_path / "notes.txt")


def test_a_comparison_can_be_left_and_continued(files: tuple[Path, Path]) -> None:
    """Block by block, with the files closed in between, it comes to the same result."""
    sources = _recorded(files[0]), _recorded(files[1])
    comparison = Comparison(*sources)
    seen = [comparison.compared]
    while comparison.step():
        comparison.close()
        assert comparison.result().variables == compare(*sources).variables[: comparison.compared]
        seen.append(comparison.compared)
    comparison.close()
    assert seen == sorted(seen)
    assert (comparison.finished, comparison.compared) == (True, comparison.variables)
    assert comparison.read_bytes == comparison.total_bytes
    assert comparison.result() == compare(*sources)


def test_a_file_of_another_size_is_not_opened_again(files: tuple[Path, Path]) -> None:
    """What is read after a pause is a file of the size that was found before."""
    comparison = Comparison(_recorded(files[0]), _recorded(files[1]))
    assert comparison.step()
    comparison.close()
    files[0].write_bytes(files[0].read_bytes() + b"more")
    with pytest.raises(CheckpointCorruptError, match="bytes"):
        comparison.step()
