"""`epochline pin`: what stays, and the note why."""

from __future__ import annotations

from pathlib import Path

from epochline import open_run
from epochline.checkpoints import Status
from tests.cli.conftest import Command


def test_pins_and_says_so(command: Command, pima: Path) -> None:
    """The listing shows it, and so does the checkpoint itself."""
    outcome = command("pin", f"{pima}@epoch=2", "--note", "for the paper")
    assert outcome.status == 0
    told = "Epoch 2 of pima (0002c0ffee000000) is pinned: it stays. Note: for the paper\n"
    assert outcome.out == told
    assert open_run(pima).at(epoch=1).status is Status.PINNED
    assert "pinned" in command("ls", pima).out
    shown = command("show", f"{pima}@epoch=2").out
    assert "for the paper" in shown


def test_takes_the_pin_away_and_leaves_the_note(command: Command, pima: Path) -> None:
    """Unless another one is given."""
    command("pin", f"{pima}@epoch=2", "--note", "first")
    outcome = command("pin", "0002c0ff", "--logdir", pima, "--remove")
    assert "is left to the retention policies. Note: first" in outcome.out
    assert open_run(pima).at(epoch=1).status is Status.SAVED
    assert "Note: second" in command("pin", f"{pima}@epoch=2", "--remove", "--note", "second").out


def test_json_has_the_documented_keys(command: Command, pima: Path) -> None:
    """What was said, and the checkpoint as it is then."""
    value = command("pin", f"{pima}@best", "--json").json
    assert list(value) == ["pinned", "note", "tags", "checkpoint"]
    assert (value["pinned"], value["note"], value["tags"]) == (True, "", [])
    assert value["checkpoint"]["status"] == "pinned"


def test_what_is_gone_cannot_be_pinned(command: Command, pima: Path) -> None:
    """The message says what became of it."""
    outcome = command("pin", f"{pima}@epoch=1")
    assert (outcome.status, outcome.out) == (1, "")
    assert "cannot be pinned. " in outcome.err
    assert "Removed: the run keeps last 2" in outcome.err


def test_a_novel_is_no_note(command: Command, pima: Path) -> None:
    """The length that is possible is told."""
    outcome = command("pin", f"{pima}@epoch=2", "--note", "x" * 5000)
    assert outcome.status == 1
    assert "5000 characters; 4000 are possible" in outcome.err
