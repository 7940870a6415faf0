"""Checkpoints named in text, by the epochs that Keras prints."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

import epochline
from epochline.restore import Choice, ChoiceBy, choose, parse_choice, parse_reference
from tests.core.recorded import record_run


@pytest.fixture
def run(tmp_path: Path) -> epochline.Run:
    """A run of five epochs, the first of which is pruned."""
    record_run(tmp_path)
    return epochline.open_run(tmp_path)


@pytest.mark.parametrize(
    ("text", "choice"),
    [
        ("epoch=12", Choice(by=ChoiceBy.EPOCH, epoch=12)),
        ("best=val_loss", Choice(by=ChoiceBy.BEST, text="val_loss")),
        ("best", Choice(by=ChoiceBy.BEST)),
        ("latest", Choice(by=ChoiceBy.LATEST)),
        ("id=3f2a", Choice(by=ChoiceBy.ID, text="3f2a")),
        ("3f2a", Choice(by=ChoiceBy.ID, text="3f2a")),
        ("best=a=b", Choice(by=ChoiceBy.BEST, text="a=b")),
        ("epoch=", None),
        ("epoch=x", None),
        ("3F2A", None),
        ("abc", None),
        ("newest", None),
        ("", None),
    ],
)
def test_choice_is_read_from_text(text: str, choice: Choice | None) -> None:
    """Four forms, and nothing else."""
    assert parse_choice(text) == choice


@given(
    st.one_of(
        st.builds(lambda n: Choice(by=ChoiceBy.EPOCH, epoch=n), st.integers(0, 10**6)),
        st.builds(lambda m: Choice(by=ChoiceBy.BEST, text=m), st.text("abc_=1", max_size=8)),
        st.just(Choice(by=ChoiceBy.LATEST)),
        st.builds(
            lambda i: Choice(by=ChoiceBy.ID, text=i),
            st.text("0aF".lower(), min_size=4, max_size=16),
        ),
    )
)
def test_choice_written_and_read_is_the_same(choice: Choice) -> None:
    """What is printed can be pasted back."""
    assert parse_choice(str(choice)) == choice


@pytest.mark.parametrize(
    ("text", "run", "choice"),
    [
        ("logs/pima@epoch=3", "logs/pima", "epoch=3"),
        ("a@b/run@best=val_loss", "a@b/run", "best=val_loss"),
        ("logs/pima", "logs/pima", None),
        ("user@host/run", "user@host/run", None),
        ("@latest", "@latest", None),
    ],
)
def test_reference_is_split_at_the_last_at(text: str, run: str, choice: str | None) -> None:
    """Directories may have an @ in their names."""
    found_run, found = parse_reference(text)
    assert (found_run, str(found) if found else None) == (run, choice)


def test_directory_that_looks_like_a_reference_is_a_directory(tmp_path: Path) -> None:
    """What is there goes before what could be meant."""
    (tmp_path / "run@latest").mkdir()
    assert parse_reference(str(tmp_path / "run@latest")) == (str(tmp_path / "run@latest"), None)


@pytest.mark.parametrize(
    ("text", "epoch"),
    [("epoch=2", 1), ("best", 3), ("best=val_loss", 3), ("latest", 4), ("0003c0ff", 2)],
)
def test_choice_finds_its_checkpoint(run: epochline.Run, text: str, epoch: int) -> None:
    """Epoch 2 as Keras prints it is epoch 1 of its hooks."""
    choice = parse_choice(text)
    assert choice is not None
    assert choose(run, choice).epoch == epoch


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("epoch=1", "No checkpoint for epoch 1.*keeps last 2.*epoch 2, 3, 4, 5"),
        (
            "epoch=9",
            "No checkpoint for epoch 9. Checkpoints that can be restored: epoch 2, 3, 4, 5",
        ),
        ("best=f1", "metric 'f1'.*val_accuracy"),
        ("ffff", "id 'ffff'.*0002c0ffee000000"),
    ],
)
def test_what_is_not_there_is_told_with_what_is(run: epochline.Run, text: str, told: str) -> None:
    """In the numbers that people use."""
    choice = parse_choice(text)
    assert choice is not None
    with pytest.raises(epochline.CheckpointNotFoundError, match=told):
        choose(run, choice)


def test_ambiguous_id_asks_for_more_digits(run: epochline.Run) -> None:
    """The first of several is not taken for the one."""
    with pytest.raises(epochline.CheckpointNotFoundError, match=r"5 ids begin so.*more digits"):
        choose(run, Choice(by=ChoiceBy.ID, text="000"))


def test_removed_checkpoint_can_be_named_to_look_at(run: epochline.Run) -> None:
    """To show it, not to restore it."""
    assert choose(run, Choice(by=ChoiceBy.EPOCH, epoch=1), removed=True).epoch == 0
