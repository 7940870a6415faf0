"""`epochline diff`: two checkpoints, named in each of the ways, in numbers."""

from __future__ import annotations

import shutil
from pathlib import Path

import h5py
import numpy as np
import pytest

from epochline.events import EpochEnded
from epochline.layout import read_layout
from epochline.statistics import Measurer
from tests.cli.conftest import Command
from tests.core.recorded import Recorded


def _image(path: Path, scale: float) -> bytes:
    with h5py.File(path, "w") as file:
        file["layers/dense/vars/0"] = np.full((3, 4), scale, "f4")
        file["layers/dense/vars/1"] = np.ones(4, "f4")
        file["optimizer/vars/0"] = np.array(int(scale * 10), "i8")
    return path.read_bytes()


@pytest.fixture
def trained(tmp_path: Path) -> Path:
    """A run of three measured checkpoints whose weights are 1, 2 and 2."""
    run = Recorded(tmp_path / "logs" / "mlp")
    for epoch, scale in enumerate((1.0, 2.0, 2.0)):
        image = _image(tmp_path / "image.h5", scale)
        metrics = {"loss": 1.0 - epoch / 10}
        saved = run.saved(epoch, image, metrics, has_optimizer=True)
        layout, measurer = read_layout(tmp_path / "image.h5"), Measurer()
        for item in layout.variables:
            measurer.add(image[item.offset :][: item.size_bytes], item.dtype)
        measured = measurer.result().to_event(id=f"{epoch + 1:04x}c0ffee000000", layout=layout.id)
        run.put(epoch, EpochEnded(metrics=metrics), saved, layout.to_event(), measured)
    return tmp_path / "logs" / "mlp"


def test_tells_change_of_layers_and_variables(command: Command, trained: Path) -> None:
    """In one sentence, and in two tables."""
    outcome = command("diff", f"{trained}@epoch=1", f"{trained}@best=loss")
    assert (outcome.status, outcome.err) == (0, "")
    lines = [" ".join(line.split()) for line in outcome.out.splitlines()]
    assert lines[:2] == [
        "mlp epoch 1 (0001c0ff) → mlp epoch 3 (0003c0ff)",
        "The weights changed by 86.6 % (cosine 0.9707); 1 of 2 variables are equal.",
    ]
    for row in (
        "layers/dense 2 86.6 % 0.9707 1",
        "optimizer 1 100 % 1 10",
        "layers/dense/vars/0 float32 3×4 100 % 1 1",
        "layers/dense/vars/1 float32 4 0 % 1 0",
        "optimizer/vars/0 int64 100 % 1 10",
    ):
        assert row in lines


@pytest.mark.parametrize(
    "name", ["{run}@epoch=2", "{run}@latest", "{run}@0002", "0002c0", "{file}"]
)
def test_checkpoints_are_named_in_every_way(command: Command, trained: Path, name: str) -> None:
    """As in `show`, by an id alone, and as a file."""
    file = trained / "checkpoints" / "epoch-0002.weights.h5"
    named = name.format(run=trained, file=file)
    outcome = command("diff", f"{trained}@epoch=3", named, "--logdir", trained.parent)
    assert "The weights are equal, bit for bit: 2 of 2 variables are equal." in outcome.out


def test_statistics_tell_what_a_removed_file_cannot(command: Command, trained: Path) -> None:
    """The change at least, and why it is not known exactly."""
    (trained / "checkpoints" / "epoch-0001.weights.h5").unlink()
    out = command("diff", f"{trained}@epoch=1", f"{trained}@epoch=2").out
    for text in (
        "The weights changed by at least",
        "Their files would tell more.",
        "mlp epoch 1 (0001c0ff) has no file any more.",
        "Its file is gone: deleted or moved after it was saved.",
        "≥ 100 %",
    ):
        assert text in out


def test_variables_of_one_side_are_listed(command: Command, trained: Path, tmp_path: Path) -> None:
    """What the other file does not have has no numbers."""
    with h5py.File(tmp_path / "small.weights.h5", "w") as file:
        file["layers/dense/vars/0"] = np.ones((3, 4), "f4")
    out = command("diff", f"{trained}@epoch=1", tmp_path / "small.weights.h5").out
    assert "Only in A: layers/dense/vars/1, optimizer/vars/0" in out


def test_json_has_the_documented_keys(command: Command, trained: Path) -> None:
    """Numbers as they are; what is not known is null."""
    value = command("diff", f"{trained}@epoch=1", f"{trained}@epoch=2", "--json").json
    assert list(value) == [
        *("a", "b", "sentence", "weights", "layers", "variables"),
        *("only_in_a", "only_in_b", "notes"),
    ]
    numbers = [
        *("norm_a", "norm_b", "difference", "at_least", "max_abs"),
        *("relative_change", "relative_at_least", "cosine"),
    ]
    assert list(value["weights"]) == [*numbers, "layer", "variables", "unchanged", "of_optimizer"]
    first = value["variables"][0]
    assert set(first) == {
        *numbers,
        *("name", "dataset", "layer", "shape", "dtype", "of_optimizer"),
        *("basis", "equal", "mean_a", "mean_b", "std_a", "std_b"),
        *("min_a", "min_b", "max_a", "max_b", "not_finite", "note"),
    }
    assert (first["shape"], first["basis"]) == ([3, 4], "bytes")
    assert first["relative_change"] == pytest.approx(1)


def test_errors_are_one_line(command: Command, trained: Path, tmp_path: Path) -> None:
    """A file that is none, a checkpoint that is none, and one of which nothing is left."""
    (tmp_path / "notes.txt").write_text("no weights")
    bare = Recorded(tmp_path / "bare")
    bare.put(0, EpochEnded(metrics={"loss": 1.0}), bare.saved(0, b"x", {"loss": 1.0}))
    shutil.rmtree(tmp_path / "bare" / "checkpoints")
    for other, told in (
        (tmp_path / "notes.txt", "cannot be read: it is no HDF5 file."),
        (f"{trained}@epoch=9", "No checkpoint for epoch 9."),
        (tmp_path / "nothing.h5", "names no checkpoint"),
        (f"{tmp_path / 'bare'}@epoch=1", "Nothing was recorded of its variables."),
    ):
        outcome = command("diff", f"{trained}@epoch=1", other)
        assert outcome.status == 1
        assert told in outcome.err
        assert len(outcome.err.splitlines()) == 1
