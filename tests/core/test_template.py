"""Weights files without their values: put together again they are the file; others are refused."""

from __future__ import annotations

from pathlib import Path

import h5py
import numpy as np
import pytest

from epochline.errors import CheckpointFormatError
from epochline.template import Sink, Template, write_skeleton
from tests.core.retained import weights_file


def _whole(template: Template, source: bytes) -> bytes:
    """Returns the file that a template and the values of another one make."""
    out = bytearray()

    def give(place: int, sink: Sink) -> None:
        one = template.layout.variables[place]
        sink(memoryview(source)[one.offset : one.offset + one.size_bytes])

    template.write(out.extend, give)
    return bytes(out)


@pytest.mark.parametrize("optimizer", [True, False])
def test_template_and_values_are_the_file(tmp_path: Path, optimizer: bool) -> None:
    """Byte for byte."""
    data = weights_file(3, optimizer=optimizer)
    path = tmp_path / "a.weights.h5"
    path.write_bytes(data)
    template = Template.read(path)
    assert template.size_bytes == len(data)
    assert _whole(template, data) == data
    assert sum(map(len, template.pieces)) < len(data) / 2


def test_variables_without_values_and_single_numbers_have_their_place(tmp_path: Path) -> None:
    """An empty one takes no bytes."""
    path = tmp_path / "a.weights.h5"
    with h5py.File(path, "w") as file:
        file["a/vars/0"] = np.zeros((0, 3), "f4")
        file["a/vars/1"] = np.float64(2)
        file["b/vars/0"] = np.arange(9)
    assert _whole(Template.read(path), path.read_bytes()) == path.read_bytes()


def test_a_skeleton_has_the_datasets_of_several_files(tmp_path: Path) -> None:
    """With their attributes, shapes and dtypes; it says where their values go."""
    for name in "ab":
        with h5py.File(tmp_path / name, "w") as file:
            file[f"{name}/vars/0"] = np.ones((2, 3), "f4")
            file[f"{name}/vars/0"].attrs["dtype"] = name
            file[f"{name}/vars/1"] = np.ones(4)
    target = tmp_path / "whole.weights.h5"
    write_skeleton(target, {tmp_path / "a": None, tmp_path / "b": ["b/vars/0"]})
    with h5py.File(target) as file:
        names: list[str] = []
        file.visit(names.append)
        assert [name for name in names if isinstance(file[name], h5py.Dataset)] == [
            "a/vars/0",
            "a/vars/1",
            "b/vars/0",
        ]
        assert file["b/vars/0"].attrs["dtype"] == "b"
    assert len(Template.read(target).pieces) == 4


def test_two_names_for_one_dataset_are_refused(tmp_path: Path) -> None:
    """Their values would be written twice, one over the other."""
    path = tmp_path / "a.weights.h5"
    with h5py.File(path, "w") as file:
        file["a/vars/0"] = np.ones(5)
        file["b/vars/0"] = file["a/vars/0"]
    with pytest.raises(CheckpointFormatError, match="two of its variables are one"):
        Template.read(path)


def test_damaged_files_are_refused_or_read(tmp_path: Path) -> None:
    """Cut at any place, or with other bytes: an error of ours, or a template of that size."""
    data = weights_file(values=40)
    path = tmp_path / "a.weights.h5"
    for place in range(0, len(data), 97):
        for damaged in (data[:place], data[:place] + b"\xff" * 8 + data[place + 8 :]):
            path.write_bytes(damaged)
            try:
                template = Template.read(path)
            except (CheckpointFormatError, OSError):
                continue
            assert template.size_bytes == len(damaged)
