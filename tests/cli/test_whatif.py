"""`epochline whatif`: other settings, replayed."""

from __future__ import annotations

from pathlib import Path

import pytest

import epochline
from epochline import KeepBest, KeepLast
from epochline.what_if_values import what_if_value
from tests.cli.conftest import Command


def test_sentences_are_those_of_the_python_interface(command: Command, pima: Path) -> None:
    """The same answer as `epochline.what_if`, line by line."""
    outcome = command("whatif", pima, "--patience", "1", "--lr-patience", "9", "--keep-last", "1")

    expected = epochline.what_if(
        pima, early_stopping={"patience": 1}, reduce_lr={"patience": 9}, keep=KeepLast(1)
    )
    assert outcome.status == 0
    assert outcome.out.splitlines() == [*expected.sentences, *expected.notes]
    assert "would have stopped after epoch 3: val_accuracy not better than 0.8" in outcome.out


def test_json_has_every_number(command: Command, pima: Path) -> None:
    """Every option reaches the replay, and its numbers the output."""
    options = (
        "--monitor=val_loss --mode=max --patience=2 --min-delta=0.01 --baseline=0.2 "
        "--start-from-epoch=1 --lr-monitor=loss --lr-mode=min --lr-patience=1 --lr-min-delta=0.1 "
        "--factor=0.5 --cooldown=1 --min-lr=1e-5 --keep-best=val_loss:2 --gpus=8"
    )
    value = command("whatif", pima, "--json", *options.split()).json

    expected = epochline.what_if(
        pima,
        early_stopping={
            "monitor": "val_loss",
            "mode": "max",
            "patience": 2,
            "min_delta": 0.01,
            "baseline": 0.2,
            "start_from_epoch": 1,
        },
        reduce_lr={
            "monitor": "loss",
            "mode": "min",
            "patience": 1,
            "min_delta": 0.1,
            "factor": 0.5,
            "cooldown": 1,
            "min_lr": 1e-5,
        },
        keep=KeepBest("val_loss", 2),
        gpus=8,
    )
    assert value == {"run": "pima"} | what_if_value(expected)
    assert value["reduce_lr"]["factor"] == 0.5


def test_without_options_it_tells_what_happened(command: Command, pima: Path) -> None:
    """The settings are those of the training."""
    value = command("whatif", pima, "--json").json

    assert value["stop"]["verdict"] == "at_end"
    assert value["early_stopping"] == value["recorded"]["early_stopping"]


@pytest.mark.parametrize(
    ("options", "named"),
    [
        (("--patience", "-1"), "patience is -1"),
        (("--monitor", "nope"), "no metric 'nope' to monitor"),
        (("--factor", "1"), "factor is 1.0"),
        (("--keep-best", "val_loss:x"), "Write METRIC:N"),
        (("--keep-last", "0"), "Keep at least 1"),
        (("--max-bytes", "many"), "Got a size of 'many'"),
    ],
)
def test_mistake_is_one_line(
    command: Command, pima: Path, options: tuple[str, ...], named: str
) -> None:
    """A setting that cannot be is a user error, and named."""
    outcome = command("whatif", pima, *options)

    assert (outcome.status, outcome.out) == (1, "")
    assert named in outcome.err
    assert outcome.err.count("\n") == 1
