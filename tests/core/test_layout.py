"""Where variables lie is found in any plain file, and nothing else is followed or believed."""

from __future__ import annotations

import io
import os
import zipfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from epochline.errors import CheckpointFormatError, EventFormatError
from epochline.events import VariablesDescribed
from epochline.layout import Layout, Variable, read_layout
from tests.core.strategies import events_of

VALUES = {
    "layers/dense/vars/0": np.arange(12, dtype="f4").reshape(3, 4),
    "layers/dense/vars/1": np.array([True, False]),
    "layers/scale/vars/0": np.array(2.5, "f8"),
    "layers/none/vars/0": np.zeros((0, 3), "f4"),
    "layers/spectrum/vars/0": np.array([1 + 2j], "c8"),
    "optimizer/vars/0": np.array(7, "i8"),
}


def _write(path: Path, change: Callable[[h5py.File], object] = lambda _: None) -> Path:
    with h5py.File(path, "w") as file:
        for name, values in VALUES.items():
            file[name] = values
        narrow = file.create_dataset(
            "layers/half/vars/0", data=np.array([0x3F80], "<u2").view("V2")
        )
        narrow.attrs["dtype"] = "bfloat16"
        change(file)
    return path


def _bytes_of(path: Path, variable: Variable) -> bytes:
    return path.read_bytes()[variable.offset :][: variable.size_bytes]


def test_layout_of_a_file_leads_to_the_bytes_of_each_variable(tmp_path: Path) -> None:
    """Scalars, empty ones, bool, complex and bfloat16, in the order of their offsets."""
    path = _write(tmp_path / "a.weights.h5")
    layout = read_layout(path)
    found = {v.dataset: v for v in layout.variables}
    assert set(found) == {*VALUES, "layers/half/vars/0"}
    for name, values in VALUES.items():
        assert (found[name].shape, found[name].dtype) == (values.shape, values.dtype.name)
        assert _bytes_of(path, found[name]) == values.tobytes()
    assert found["layers/half/vars/0"].dtype == "bfloat16"
    offsets = [v.offset for v in layout.variables]
    assert offsets == sorted(offsets)


def test_weights_in_an_archive_are_found_in_place(tmp_path: Path) -> None:
    """A `.keras` file is read where it lies; offsets are those of the archive."""
    inner = _write(tmp_path / "inner.h5").read_bytes()
    path = tmp_path / "model.keras"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("config.json", "{}")
        archive.writestr("model.weights.h5", inner)
        archive.writestr("assets/words.txt", "a\nb")
    for variable in read_layout(path).variables:
        expected = VALUES.get(variable.dataset)
        if expected is not None:
            assert _bytes_of(path, variable) == expected.tobytes()


def test_two_names_for_one_dataset_are_two_variables_at_one_place(tmp_path: Path) -> None:
    """A hard link is plain: optimizers within optimizers are saved so."""

    def link(file: h5py.File) -> None:
        file["optimizer/inner/vars/0"] = file["optimizer/vars/0"]

    layout = read_layout(_write(tmp_path / "a.h5", link))
    places = {v.dataset: v.offset for v in layout.variables if v.of_optimizer}
    assert len(places) == 2
    assert len(set(places.values())) == 1


def test_reading_locks_nothing_and_leaves_the_file_as_it_is(tmp_path: Path) -> None:
    """A training that replaces or rewrites the file meanwhile must not fail."""
    path = _write(tmp_path / "a.h5")
    before = path.read_bytes()
    with h5py.File(path, "r+"):
        assert read_layout(path).variables
    assert path.read_bytes() == before


def _soft(file: h5py.File) -> None:
    file["layers/soft"] = h5py.SoftLink("/layers/dense/vars/0")


def _external(file: h5py.File) -> None:
    file["layers/elsewhere"] = h5py.ExternalLink("other.h5", "/x")


def _storage(file: h5py.File) -> None:
    file.create_dataset("secret", (8,), "u1", external=[("/etc/passwd", 0, 8)])


def _virtual(file: h5py.File) -> None:
    virtual = h5py.VirtualLayout((4,), "f4")
    virtual[:] = h5py.VirtualSource("other.h5", "x", (4,))
    file.create_virtual_dataset("virtual", virtual)


def _compact(file: h5py.File) -> None:
    creation = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
    creation.set_layout(h5py.h5d.COMPACT)
    space = h5py.h5s.create_simple((4,))
    h5py.h5d.create(file.id, b"compact", h5py.h5t.IEEE_F32LE, space, creation)


def _deep(file: h5py.File) -> None:
    file.create_group("/".join(["g"] * 150))


def _cycle(file: h5py.File) -> None:
    file["layers/again"] = file["layers"]


REFUSED: dict[str, tuple[Callable[[h5py.File], object], str]] = {
    "soft link": (_soft, "link to somewhere else"),
    "external link": (_external, "link to somewhere else"),
    "external storage": (_storage, "in other files"),
    "virtual dataset": (_virtual, "in other files"),
    "chunks": (lambda f: f.create_dataset("c", data=np.zeros(9), chunks=(3,)), "plain bytes"),
    "filter": (lambda f: f.create_dataset("c", data=np.zeros(9), compression="gzip"), "plain"),
    "compact": (_compact, "plain bytes"),
    "never written": (lambda f: f.create_dataset("n", (1 << 40,), "f4"), "never written"),
    "big-endian": (lambda f: f.create_dataset("b", data=np.zeros(3, ">f4")), "no kind of weights"),
    "text": (lambda f: f.create_dataset("t", data=["a"], dtype=h5py.string_dtype()), "no kind"),
    "table": (lambda f: f.create_dataset("t", data=np.zeros(2, "i4,f4")), "no kind of weights"),
    "too deep": (_deep, "too many"),
    "cycle": (_cycle, "twice"),
    "long name": (lambda f: f.create_group("n" * 2000), "too long"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_files_that_are_not_plain_are_refused(case: str, tmp_path: Path) -> None:
    """What comes from elsewhere, has to be computed, or has no end; in words, and with the path."""
    change, told = REFUSED[case]
    path = _write(tmp_path / "a.weights.h5", change)
    with pytest.raises(CheckpointFormatError, match=told) as error:
        read_layout(path)
    assert error.value.path == str(path)


def test_too_many_datasets_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Listing has an end, however many a file claims."""
    monkeypatch.setattr("epochline.layout._MOST_VARIABLES", 5)
    with pytest.raises(CheckpointFormatError, match="too many"):
        read_layout(_write(tmp_path / "a.h5"))


def _patched(path: Path, old: int, new: int) -> Path:
    """Writes another address where the file has one, as an attacker or a bad disk would."""
    data = path.read_bytes()
    address = old.to_bytes(8, "little")
    assert data.count(address) == 1
    path.write_bytes(data.replace(address, new.to_bytes(8, "little")))
    return path


@pytest.mark.parametrize(
    ("where", "told"),
    [("over another", "overlap"), ("behind the end", "cannot be read")],  # HDF5 sees the latter
)
def test_datasets_that_overlap_or_leave_the_file_are_refused(
    where: str, told: str, tmp_path: Path
) -> None:
    """Plain files have no two variables at one place, and none outside."""
    path = _write(tmp_path / "a.h5")
    first, second, *_ = (v for v in read_layout(path).variables if v.size_bytes > 1)
    new = first.offset + 1 if where == "over another" else path.stat().st_size - 1
    with pytest.raises(CheckpointFormatError, match=told):
        read_layout(_patched(path, second.offset, new))


def _archive(data: bytes, name: str = "model.weights.h5", **options: Any) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", **options) as archive:
        archive.writestr(name, data)
    return file.getvalue()


DAMAGED: dict[str, Callable[[bytes], bytes]] = {
    "empty": lambda _: b"",
    "text": lambda _: b"no weights at all",
    "cut": lambda data: data[: len(data) // 2],
    "head only": lambda data: data[:100],
    "zeros behind the head": lambda data: data[:8] + bytes(len(data) - 8),
    "polyglot": lambda data: bytes(512) + data,
    "compressed": lambda data: _archive(data, compression=zipfile.ZIP_DEFLATED),
    "another archive": lambda data: _archive(data, "weights.txt"),
    "no archive": lambda data: b"PK\x03\x04" + data,
    "archive of text": lambda _: _archive(b"no weights at all"),
}


@pytest.mark.parametrize("case", DAMAGED)
def test_damaged_files_are_refused(case: str, tmp_path: Path) -> None:
    """Whatever HDF5 or ZIP make of it, one error says that the file cannot be read."""
    path = tmp_path / "a.weights.h5"
    path.write_bytes(DAMAGED[case](_write(tmp_path / "good.h5").read_bytes()))
    with pytest.raises(CheckpointFormatError, match="cannot be read"):
        read_layout(path)


def test_text_in_a_damaged_file_is_not_read(tmp_path: Path) -> None:
    """HDF5 crashes the process over text whose place in the file is damaged."""
    path = _write(tmp_path / "a.h5")
    data = path.read_bytes()
    heap = data.index(b"GCOL")
    path.write_bytes(data[:heap] + b"\xff" * 64 + data[heap + 64 :])
    assert "bfloat16" in {item.dtype for item in read_layout(path).variables}


@settings(deadline=None)  # the machine may be busy
@given(st.data())
def test_any_damage_leads_to_a_layout_or_is_refused(
    tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    """Flipped bits, zeroed blocks and cuts: no other error, and nothing outside of the file."""
    path = _write(tmp_path_factory.mktemp("damaged") / "a.h5")
    image = bytearray(path.read_bytes())
    for _ in range(data.draw(st.integers(1, 3))):
        image[data.draw(st.integers(0, len(image) - 1))] ^= 1 << data.draw(st.integers(0, 7))
    start = data.draw(st.integers(0, len(image)))
    zeros = data.draw(st.sampled_from([0, 0, 8, 512]))
    image[start : start + zeros] = bytes(min(zeros, len(image) - start))
    path.write_bytes(image[: data.draw(st.sampled_from([len(image), start]))])
    try:
        layout = read_layout(path)
    except CheckpointFormatError:
        return
    size = path.stat().st_size
    assert all(item.offset + item.size_bytes <= size for item in layout.variables)


def test_links_and_fifos_are_not_opened(tmp_path: Path) -> None:
    """Neither is what Keras writes; a fifo would keep its reader waiting for ever."""
    path = _write(tmp_path / "a.h5")
    (tmp_path / "link.h5").symlink_to(path)
    os.mkfifo(tmp_path / "fifo.h5")
    for name in ("link.h5", "fifo.h5", "nothing.h5", "."):
        with pytest.raises(OSError, match="Cannot read"):
            read_layout(tmp_path / name)


def test_id_is_a_hash_of_the_content(tmp_path: Path) -> None:
    """Equal layouts have equal ids, in any process; any difference makes another."""
    layout = read_layout(_write(tmp_path / "a.h5"))
    assert layout.id == read_layout(_write(tmp_path / "b.h5")).id
    assert len(layout.id) == 16
    first = layout.variables[0]
    others = [
        replace(first, name="dense/kernel"),
        replace(first, trainable=True),
        replace(first, dtype="float16"),
        replace(first, shape=(2, 1)),
    ]
    ids = {Layout.of([other, *layout.variables[1:]]).id for other in others}
    assert len({*ids, layout.id}) == 5


sizes = st.sampled_from([("float32", 4), ("bfloat16", 2), ("bool", 1), ("void8", 1), ("text", 9)])


@st.composite
def layouts(draw: st.DrawFn) -> Layout:
    """Layouts as files have them."""
    variables = []
    offset = draw(st.integers(0, 10**6))
    for number in range(draw(st.integers(0, 6))):
        dtype, width = draw(sizes)
        shape = tuple(draw(st.lists(st.integers(0, 5), max_size=3)))
        size = int(np.prod(shape)) * width
        variables.append(
            Variable(
                dataset=f"{draw(st.text(max_size=9))}/{number}",
                name=draw(st.text(max_size=9)),
                dtype=dtype,
                shape=shape,
                offset=offset,
                size_bytes=size,
                trainable=draw(st.booleans()),
            )
        )
        offset += size
    return Layout.of(variables)


@settings(deadline=None)  # the machine may be busy
@given(layouts())
def test_layout_survives_its_event(layout: Layout) -> None:
    """What is recorded comes back, and has the id that it was recorded under."""
    event = layout.to_event()
    assert Layout.from_event(event) == layout
    assert event.layout == layout.id == Layout.from_event(event).id


@settings(deadline=None)  # the machine may be busy
@given(events_of(VariablesDescribed))
def test_any_record_is_a_layout_or_refused(event: VariablesDescribed) -> None:
    """Nothing in a record leads to another error than the one that says so."""
    try:
        layout = Layout.from_event(event)
    except EventFormatError:
        return
    assert all(v.offset >= 0 and v.size_bytes >= 0 for v in layout.variables)


GOOD: dict[str, Any] = {
    "layout": "ab",
    "dataset": ("a", "b"),
    "name": ("", ""),
    "dtype": ("float32", "float32"),
    "shape": ("2x3", ""),
    "offset": (8, 32),
    "size_bytes": (24, 4),
    "trainable": (True, False),
}


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("name", ("",)),
        ("shape", ("2xtwo", "")),
        ("shape", ("-2x3", "")),
        ("shape", ("2x4", "")),
        ("offset", (-8, 32)),
        ("offset", (2**63 - 1, 32)),
        ("offset", (8, 20)),
        ("size_bytes", (24, -4)),
    ],
)
def test_records_that_fit_no_file_are_refused(field: str, value: tuple[Any, ...]) -> None:
    """Lengths, shapes, sizes and places have to fit together."""
    assert len(Layout.from_event(VariablesDescribed(**GOOD)).variables) == 2
    with pytest.raises(EventFormatError, match="'ab'"):
        Layout.from_event(VariablesDescribed(**{**GOOD, field: value}))


@pytest.mark.parametrize(
    ("dataset", "name", "layer", "label"),
    [
        ("layers/dense/vars/0", "dense/kernel", "dense", "dense/kernel"),
        ("layers/dense/vars/0", "", "layers/dense", "layers/dense/vars/0"),
        ("enc/layers/dense/vars/0", "model/dense/kernel", "model/dense", "model/dense/kernel"),
        ("optimizer/vars/3", "adam/dense_kernel_momentum", "optimizer", None),
        ("optimizer/inner_optimizer/vars/3", "", "optimizer", None),
        ("d_optimizer/vars/0", "iteration", "d_optimizer", None),
        ("kernel", "", "kernel", "kernel"),
    ],
)
def test_variables_know_their_layer(dataset: str, name: str, layer: str, label: str | None) -> None:
    """By their name where they have one, else by their dataset; an optimizer is one layer."""
    variable = Variable(dataset=dataset, name=name, dtype="float32")
    assert variable.layer == layer
    assert label in (None, variable.label)
    assert variable.of_optimizer == ("optimizer" in dataset)
