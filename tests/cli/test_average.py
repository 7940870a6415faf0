"""`epochline average`: which checkpoints, into which file, and what it says."""

from __future__ import annotations

from pathlib import Path

import h5py
import numpy as np
import pytest

from epochline.events import EpochEnded
from tests.cli.conftest import Command
from tests.core.recorded import Recorded


@pytest.fixture
def trained(tmp_path: Path) -> Path:
    """A run of four checkpoints whose weights are 1, 2, 3 and 4; the loss of the last is worst."""
    run = Recorded(tmp_path / "logs" / "mlp")
    for epoch, loss in enumerate((0.4, 0.3, 0.2, 0.9)):
        path = tmp_path / "image.h5"
        with h5py.File(path, "w") as file:
            file["layers/dense/vars/0"] = np.full((3, 4), epoch + 1, "f4")
            file["optimizer/vars/0"] = np.array(epoch, "i8")
        metrics = {"val_loss": loss}
        saved = run.saved(epoch, path.read_bytes(), metrics, has_optimizer=True)
        run.put(epoch, EpochEnded(metrics=metrics), saved)
    return tmp_path / "logs" / "mlp"


def _weights(path: Path) -> set[float]:
    with h5py.File(path) as file:
        assert set(file) == {"layers"}
        return set(np.unique(file["layers/dense/vars/0"][()]).tolist())


def test_averages_the_best_of_a_run(command: Command, trained: Path, tmp_path: Path) -> None:
    """`RUN@best=METRIC:N` stands for N checkpoints."""
    target = tmp_path / "soup.weights.h5"
    outcome = command("average", f"{trained}@best=val_loss:3", "--to", target)
    assert (outcome.status, outcome.err) == (0, "")
    assert f"Wrote the mean of 3 checkpoints (epochs 3, 2, 1) to {target}." in outcome.out
    assert _weights(target) == {2.0}
    (line,) = (line for line in command("ls", trained).out.splitlines() if "soup" in line)
    assert "saved" in line
    told = command("show", f"{trained}@latest").out
    assert "Made by hand: the mean of 3 checkpoints." in told


def test_averages_those_that_are_named(command: Command, trained: Path, tmp_path: Path) -> None:
    """One by one, in any way a checkpoint can be named; as JSON with its parents."""
    target = tmp_path / "soup.weights.h5"
    names = f"{trained}@epoch=1", f"{trained}@latest"
    outcome = command("average", *names, "--to", target, "--json")
    assert outcome.status == 0
    assert outcome.json["path"] == str(target)
    assert outcome.json["parents"] == ["0001c0ffee000000", "0004c0ffee000000"]
    assert outcome.json["checkpoint"]["parents"] == outcome.json["parents"]
    assert _weights(target) == {2.5}


@pytest.mark.parametrize(
    ("names", "said"),
    [
        (("@best=val_loss:9",), "names 9 checkpoints, and only 4 can be restored"),
        (("@best=accuracy:2",), "val_loss"),
        (("@epoch=2",), "2 checkpoints or more, not of 1"),
        (("@epoch=2", "@epoch=2"), "more than once"),
        (("",), "names no checkpoint"),
    ],
)
def test_what_has_no_mean_is_told_in_one_line(
    command: Command, trained: Path, tmp_path: Path, names: tuple[str, ...], said: str
) -> None:
    """And nothing is written."""
    target = tmp_path / "soup.weights.h5"
    outcome = command("average", *(f"{trained}{name}" for name in names), "--to", target)
    assert outcome.status == 1
    assert said in outcome.err
    assert len(outcome.err.splitlines()) == 1
    assert not target.exists()


def test_another_file_is_never_replaced(command: Command, trained: Path, tmp_path: Path) -> None:
    """It says to choose another name."""
    target = tmp_path / "soup.weights.h5"
    target.write_bytes(b"mine")
    outcome = command("average", f"{trained}@best=val_loss:2", "--to", target)
    assert outcome.status == 1
    assert "exists. Choose another name." in outcome.err
    assert target.read_bytes() == b"mine"
