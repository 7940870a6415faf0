"""`epochline restore`: a checked copy under a name of your own, never over another file."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.cli.conftest import Command


@pytest.mark.parametrize(
    ("options", "epoch"),
    [
        (("--best", "val_loss"), 4),
        (("--best",), 4),
        (("--epoch", "2"), 2),
        (("--latest",), 5),
        (("--id", "0003c0ff"), 3),
    ],
)
def test_copies_the_chosen_checkpoint(
    command: Command, pima: Path, tmp_path: Path, options: tuple[str, ...], epoch: int
) -> None:
    """Byte for byte, and says which epoch it was."""
    target = tmp_path / "out.weights.h5"
    outcome = command("restore", pima, *options, "--to", target)
    assert outcome.status == 0
    assert f"Restored epoch {epoch} of pima to {target} (1.0 kB, digest verified)." in outcome.out
    assert f"model.load_weights('{target}')" in outcome.out
    source = pima / "checkpoints" / f"epoch-{epoch:04d}.weights.h5"
    assert target.read_bytes() == source.read_bytes()


def test_takes_a_checkpoint_reference_and_a_directory(
    command: Command, pima: Path, tmp_path: Path
) -> None:
    """`RUN@…` instead of an option; a directory keeps the name of the file."""
    (tmp_path / "out").mkdir()
    assert command("restore", f"{pima}@epoch=3", "--to", tmp_path / "out").status == 0
    assert command("restore", f"{pima}@latest", "--to", f"{tmp_path}/new/").status == 0
    assert (tmp_path / "out" / "epoch-0003.weights.h5").is_file()
    assert (tmp_path / "new" / "epoch-0005.weights.h5").is_file()


def test_another_file_is_replaced_only_on_request(
    command: Command, pima: Path, tmp_path: Path
) -> None:
    """The message names the option."""
    target = tmp_path / "out.weights.h5"
    target.write_bytes(b"precious")
    outcome = command("restore", pima, "--best", "--to", target)
    assert outcome.status == 1
    assert "add --overwrite" in outcome.err
    assert target.read_bytes() == b"precious"
    assert command("restore", pima, "--best", "--to", target, "--overwrite").status == 0
    assert target.stat().st_size == 1003


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        ((), "Which checkpoint? Add --best METRIC"),
        (("--epoch", "1"), "keeps last 2 or best 3"),
        (("--epoch", "9"), "epoch 2, 3, 4, 5"),
        (("--best", "f1"), "Metrics of this run"),
        (("--id", "ffff"), "id 'ffff'"),
        (("--id", "xyz"), "'xyz' is no id"),
    ],
)
def test_what_cannot_be_restored_is_told_in_one_line(
    command: Command, pima: Path, tmp_path: Path, arguments: tuple[str, ...], told: str
) -> None:
    """With what could be; nothing is written."""
    outcome = command("restore", pima, *arguments, "--to", tmp_path / "out.weights.h5")
    assert outcome.status == 1
    assert told in outcome.err
    assert outcome.err.count("\n") == 1
    assert not (tmp_path / "out.weights.h5").exists()


def test_reference_and_option_together_are_refused(
    command: Command, pima: Path, tmp_path: Path
) -> None:
    """Which of the two was meant is not guessed."""
    outcome = command("restore", f"{pima}@latest", "--best", "--to", tmp_path / "a.weights.h5")
    assert outcome.status == 1
    assert "names a checkpoint already" in outcome.err


def test_ending_that_keras_would_misread_is_refused(
    command: Command, pima: Path, tmp_path: Path
) -> None:
    """`model.load_weights("a.h5")` would take the copy for another format."""
    outcome = command("restore", pima, "--best", "--to", tmp_path / "a.h5")
    assert outcome.status == 1
    assert "must end in '.weights.h5'" in outcome.err


def test_damaged_checkpoint_gives_no_file(command: Command, pima: Path, tmp_path: Path) -> None:
    """The digest is compared on the way."""
    source = pima / "checkpoints" / "epoch-0004.weights.h5"
    source.write_bytes(b"x" * source.stat().st_size)
    outcome = command("restore", pima, "--best", "--to", tmp_path / "out.weights.h5")
    assert outcome.status == 1
    assert "is not what was saved" in outcome.err
    assert not list(tmp_path.glob("*out*"))


def test_json_has_the_documented_keys(command: Command, pima: Path, tmp_path: Path) -> None:
    """Path, size and digest of the copy, and the checkpoint as in `ls`."""
    target = tmp_path / "out.weights.h5"
    value = command("restore", pima, "--best", "--to", target, "--json").json
    assert list(value) == ["path", "size_bytes", "digest", "checkpoint"]
    assert (value["path"], value["size_bytes"]) == (str(target), 1003)
    assert value["checkpoint"]["printed_epoch"] == 4
