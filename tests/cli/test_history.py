"""`epochline history`: the numbers of every epoch, as text, CSV and JSON."""

from __future__ import annotations

import csv
import io
from pathlib import Path

from epochline.events import EpochEnded
from tests.cli.conftest import Command
from tests.core.recorded import EPOCHS, Recorded


def test_table_counts_epochs_as_keras_prints_them(command: Command, pima: Path) -> None:
    """A heading and a line for each epoch."""
    lines = command("history", pima).out.splitlines()
    assert lines[0].split()[:2] == ["epoch", "accuracy"]
    assert [line.split()[0] for line in lines[1:]] == ["1", "2", "3", "4", "5"]
    assert lines[5].split()[-1] == "1e-4"


def test_csv_has_every_digit(command: Command, pima: Path) -> None:
    """What is read back is the number that was recorded."""
    rows = list(csv.DictReader(io.StringIO(command("history", pima, "--csv").out)))
    assert [float(row["val_accuracy"]) for row in rows] == list(EPOCHS)
    assert [row["epoch"] for row in rows] == ["1", "2", "3", "4", "5"]


def test_json_is_in_columns(command: Command, pima: Path) -> None:
    """Equally long, by metric."""
    value = command("history", pima, "--json").json
    assert list(value) == ["run", "printed_epoch", "metrics"]
    assert value["printed_epoch"] == [1, 2, 3, 4, 5]
    assert value["metrics"]["val_accuracy"] == list(EPOCHS)


def test_missing_and_nan_values_have_a_place(command: Command, tmp_path: Path) -> None:
    """With `validation_freq=2` the columns stay in line."""
    recorded = Recorded(tmp_path)
    recorded.put(0, EpochEnded(metrics={"loss": float("nan")}))
    recorded.put(1, EpochEnded(metrics={"loss": 0.5, "val_loss": 0.25}))
    assert command("history", tmp_path, "--csv").out == "epoch,loss,val_loss\n1,NaN,\n2,0.5,0.25\n"
    assert command("history", tmp_path, "--json").json["metrics"] == {
        "loss": ["NaN", 0.5],
        "val_loss": [None, 0.25],
    }
    assert command("history", tmp_path).out.splitlines()[1].split() == ["1", "NaN"]


def test_csv_and_json_exclude_each_other(command: Command, pima: Path) -> None:
    """Wrong usage."""
    assert command("history", pima, "--csv", "--json").status == 2
