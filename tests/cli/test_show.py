"""`epochline show`: one checkpoint, named in each of the ways."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.cli.conftest import Command


@pytest.mark.parametrize(
    ("choice", "epoch"),
    [
        ("epoch=3", 3),
        ("best=val_loss", 4),
        ("best", 4),
        ("latest", 5),
        ("0002c0", 2),
        ("epoch=1", 1),
    ],
)
def test_shows_the_named_checkpoint(command: Command, pima: Path, choice: str, epoch: int) -> None:
    """Epochs are those that Keras prints; a pruned checkpoint can be looked at."""
    out = command("show", f"{pima}@{choice}").out
    assert out.startswith(f"pima, epoch {epoch}\n")


def test_tells_why_where_and_how_to_load_it(command: Command, pima: Path) -> None:
    """Reason, both ways to count epochs, file, digest, decisions, snippets."""
    out = command("show", f"{pima}@best").out
    file = pima / "checkpoints" / "epoch-0004.weights.h5"
    for text in (
        "Saved as scheduled; val_accuracy 0.8 is not better than 0.8 (best of epoch 2).",
        "4 as Keras prints it; Python: epoch=3",
        str(file),
        "xxh3-128:",
        "state included",
        "EarlyStopping: val_accuracy 0.8, best 0.8 at epoch 2, patience 2/3.",
        f"epochline.open_run('{pima}').checkpoint('0004c0ffee000000').restore(model)",
        f"model.load_weights('{file}')",
        f"epochline restore {pima}@0004c0ffee000000 --to epoch-0004.weights.h5",
    ):
        assert text in out


def test_removed_checkpoint_has_no_recipe(command: Command, pima: Path) -> None:
    """What cannot be loaded is not offered."""
    out = command("show", f"{pima}@epoch=1").out
    assert "keeps last 2" in out
    assert "Load it" not in out


def test_json_has_the_documented_keys(command: Command, pima: Path) -> None:
    """The checkpoint as in `ls`, the decisions as in `why`."""
    value = command("show", f"{pima}@best", "--json").json
    assert list(value) == ["run", "checkpoint", "decisions", "snippets"]
    assert list(value["snippets"]) == ["python", "keras", "cli"]
    assert value["decisions"][0]["verdict"] == "waiting"


def test_id_alone_is_looked_up_below_the_log_directory(command: Command, logs: Path) -> None:
    """In all runs; two runs that have it are an error."""
    outcome = command("show", "0002c0ff", "--logdir", logs)
    assert (outcome.status, "2 runs have one" in outcome.err) == (1, True)
    assert command("show", "0002c0ff", "--logdir", logs / "pima").status == 0
    assert "None of the 2 runs has it" in command("show", "ffff", "--logdir", logs).err


def test_without_a_choice_the_forms_are_told(command: Command, pima: Path) -> None:
    """A run is no checkpoint."""
    outcome = command("show", pima)
    assert outcome.status == 1
    assert f"{pima}@epoch=N, {pima}@best=METRIC" in outcome.err


def test_what_does_not_exist_is_told_with_what_does(command: Command, pima: Path) -> None:
    """Unknown metric, epoch, run."""
    assert "Metrics of this run" in command("show", f"{pima}@best=f1").err
    assert "epoch 2, 3, 4, 5" in command("show", f"{pima}@epoch=77").err
    assert "No Epochline run" in command("show", f"{pima}x@latest").err
