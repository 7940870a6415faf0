"""`epochline live`, `restore --live` and `audit`: asking a running training from the shell."""

from __future__ import annotations

from pathlib import Path

import pytest

from epochline.events import Outcome
from epochline.restore.requests import LayerChange
from tests.cli.conftest import Command
from tests.restore.test_live import Training


def test_nobody_listens(command: Command, pima: Path) -> None:
    """One line on standard error that says why; the audit log has it."""
    assert command("live", pima).out == "This run is not being trained.\n"
    assert command("live", pima, "--json").json == {
        "listening": False,
        "paused": False,
        "message": "This run is not being trained.",
    }
    outcome = command("live", pima, "pause")
    assert outcome.status == 1
    assert outcome.err == "epochline: This run is not being trained. Nothing was changed.\n"
    assert command("audit", pima, "--json").json["log"][0]["outcome"] == "nobody"


@pytest.mark.parametrize(
    "arguments",
    [("pause",), ("continue",), ("stop",), ("save",), ("undo",), ("learning-rate", "1")],
)
def test_answer_is_printed(command: Command, pima: Path, arguments: tuple[str, ...]) -> None:
    """Each action waits for the training."""
    with Training(pima) as training:
        assert "The training runs (process" in command("live", pima).out
        thread = training.answering(message="It was done.")
        outcome = command("live", pima, *arguments)
        thread.join()
    assert (outcome.status, outcome.out) == (0, "It was done.\n")
    assert arguments[0].replace("-", "_") in command("audit", pima).out


def test_refusal_is_an_error(command: Command, pima: Path) -> None:
    """With its reason; as JSON it is an answer like any other."""
    with Training(pima) as training:
        for options in ((), ("--json",)):
            thread = training.answering(outcome=Outcome.REFUSED, message="It does not fit.")
            outcome = command("live", pima, "undo", *options)
            thread.join()
            assert outcome.status == 1
            if options:
                assert outcome.json["outcome"] == "refused"
            else:
                assert outcome.err == "epochline: refused: It does not fit.\n"


def test_restore_live_asks_for_the_chosen_checkpoint(command: Command, pima: Path) -> None:
    """With the plan of a dry run, and what changes most."""
    with Training(pima) as training:
        thread = training.answering(
            dry_run=True,
            message="It fits.",
            plan=("One.", "Two."),
            layers=(LayerChange(layer="dense", relative_change=0.125),),
        )
        outcome = command("restore", pima, "--best", "val_loss", "--live", "--dry-run")
        thread.join()
    assert outcome.out == "- One.\n- Two.\n  dense changes by 12.50%\nIt fits.\n"
    line = command("audit", pima, "--json").json["log"][0]
    best = command("show", f"{pima}@best=val_loss", "--json").json
    assert (line["action"], line["source"]) == ("restore", "cli")
    assert line["id"] in str(best)


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (("live", "learning-rate"), "Which learning rate?"),
        (("live", "pause", "3"), "pause takes no value."),
        (("live", "learning-rate", "-1"), "-1 is no learning rate"),
        (("restore", "--latest", "--live", "--learning-rate", "fast"), "'fast' is neither keep"),
        (("restore", "--latest", "--live", "--learning-rate", "nan"), "'nan' is neither keep"),
    ],
)
def test_what_makes_no_sense_is_not_asked_for(
    command: Command, pima: Path, arguments: tuple[str, ...], told: str
) -> None:
    """It is told in one line."""
    outcome = (
        command(arguments[0], pima, "--", *arguments[1:])
        if arguments[-1] == "-1"
        else (command(arguments[0], pima, *arguments[1:]))
    )
    assert outcome.status == 1
    assert told in outcome.err
    assert outcome.err.count("\n") == 1


def test_audit_of_a_quiet_run(command: Command, pima: Path) -> None:
    """Nothing was asked."""
    assert command("audit", pima).out == "Nothing was asked of pima so far.\n"
