"""`epochline prune`: tells first, does it when it is told to, and takes it back."""

from __future__ import annotations

import os
import pty
import subprocess
import sys
from pathlib import Path

import pytest

from epochline import open_run
from epochline.events import Tier
from epochline.pruning import trash_of
from tests.cli.conftest import Command
from tests.core.recorded import Recorded
from tests.core.retained import weights_file
from tests.store.faults import files_in

TWO = ("checkpoints/epoch-0004.weights.h5", "checkpoints/epoch-0005.weights.h5")


def _there(run_dir: Path) -> list[int]:
    return [item.epoch + 1 for item in open_run(run_dir).checkpoints if item.restorable]


@pytest.mark.parametrize("more", [(), ("--dry-run",)])
def test_only_tells_unless_it_is_told_to(
    command: Command, pima: Path, more: tuple[str, ...]
) -> None:
    """What would go, what that frees, and why; nothing is changed."""
    before = files_in(pima)
    outcome = command("prune", pima, "--keep-last", "1", "--keep-best", "val_accuracy", *more)
    assert outcome.status == 0
    lines = outcome.out.splitlines()
    assert lines[0] == "pima"
    rows = [line.split() for line in lines[2:6]]
    assert [row[:3] for row in rows] == [
        ["delete", "2", "checkpoints/epoch-0002.weights.h5"],
        ["delete", "3", "checkpoints/epoch-0003.weights.h5"],
        ["keep", "4", TWO[0]],
        ["keep", "5", TWO[1]],
    ]
    assert lines[2].endswith("not kept by last 1 or best 1 by val_accuracy")
    assert lines[4].endswith("best 1 by val_accuracy")
    assert "2 of 4 go: 2.0 kB freed, 2.0 kB left." in lines[6]
    assert lines[-1] == "Nothing was changed. Add --yes to do it."
    assert files_in(pima) == before


def test_does_it_and_takes_it_back(command: Command, logs: Path) -> None:
    """In every run below the directory; the trash keeps what went."""
    outcome = command("prune", logs, "--keep-last", "2", "--yes")
    assert "4 removed: 4.0 kB freed once the trash is emptied" in outcome.out
    assert f"epochline prune {logs} --undo" in outcome.out
    assert _there(logs / "pima") == _there(logs / "tuned") == [4, 5]
    outcome = command("prune", logs, "--undo")
    assert outcome.out.splitlines() == [
        "pima: 2 taken back out of the trash (epoch 2, 3).",
        "tuned: 2 taken back out of the trash (epoch 2, 3).",
    ]
    assert _there(logs / "pima") == [2, 3, 4, 5]
    again = command("prune", logs, "--undo")
    assert again.status == 1
    assert "Nothing that was pruned by hand" in again.err


def test_takes_one_checkpoint_back(command: Command, pima: Path) -> None:
    """Named as everywhere."""
    command("prune", pima, "--keep-last", "1", "--yes")
    assert command("prune", f"{pima}@epoch=3", "--undo").status == 0
    assert _there(pima) == [3, 5]
    value = command("prune", f"{pima}@0002c0ff", "--undo", "--json").json
    assert value == {"runs": [{"run": "pima", "recovered": ["0002c0ffee000000"]}]}


def test_lets_go_only_what_is_named(command: Command, pima: Path) -> None:
    """All others stay, and the newest does, too."""
    ids = [item.id for item in open_run(pima).checkpoints if item.restorable]
    command("prune", pima, "--drop", ids[1], "--drop", ids[-1], "--yes")
    assert _there(pima) == [2, 4, 5]


def test_trash_can_be_left_out_or_emptied(command: Command, logs: Path) -> None:
    """Then it is gone for good."""
    keep = ("--keep-last", "3", "--yes")
    assert "1 removed: 1.0 kB freed.\n" in command("prune", logs / "pima", *keep, "--no-trash").out
    assert trash_of(logs / "pima").content() == []
    command("prune", logs / "tuned", *keep)
    value = command("prune", logs, "--empty-trash", "--json").json
    assert value == {
        "runs": [{"run": "pima", "freed_bytes": 0}, {"run": "tuned", "freed_bytes": 1001}]
    }
    assert command("prune", logs / "tuned", "--undo").status == 1


def test_all_kinds_of_policies(command: Command, tmp_path: Path) -> None:
    """Each option is a part of the policy that is told."""
    recorded = Recorded(tmp_path / "run")
    for epoch in range(6):
        data = weights_file(epoch, values=20_000)
        metrics = {"loss": 1 / (epoch + 1), "val_loss": epoch / 10}
        recorded.put(epoch, recorded.saved(epoch, data, metrics, has_optimizer=True))
    keep = ["--keep-last", "2", "--keep-best", "val_loss:2", "--keep-best", "loss"]
    keep += ["--keep-every", "3", "--keep-every-seconds", "1e12", "--max-bytes", "1GB"]
    smaller = ["--without-optimizer-after", "2", "--bfloat16-after", "4"]
    value = command("prune", tmp_path, *keep, *smaller, "--yes", "--json").json
    (run,) = value["runs"]
    assert run["policy"] == (
        "last 2 or best 2 by val_loss or best 1 by loss or every 3 epochs or every 1e+12 s, "
        "without optimizer after last 2, bfloat16 after last 4, within 1.0 GB"
    )
    assert value["done"]
    assert [step["fate"] for step in run["steps"]] == [
        "demote", "demote", "demote", "delete", "keep", "keep"
    ]  # fmt: skip
    assert list(run) == [
        "run", "policy", "deleted", "demoted", "freed_bytes", "left_bytes", "within_budget",
        "problems", "steps",
    ]  # fmt: skip
    assert list(run["steps"][0]) == [
        "printed_epoch", "path", "id", "fate", "why", "tier", "size_bytes", "frees_bytes",
    ]  # fmt: skip
    tiers = [item.tier for item in open_run(tmp_path).checkpoints if item.restorable]
    assert tiers == [Tier.BFLOAT16, Tier.BFLOAT16, Tier.WITHOUT_OPTIMIZER, Tier.FULL, Tier.FULL]


def test_a_budget_that_cannot_be_kept_is_told(command: Command, pima: Path) -> None:
    """Because of what always stays."""
    outcome = command("prune", pima, "--max-bytes", "10", "--yes")
    assert "The budget is exceeded" in outcome.out
    assert _there(pima) == [5]


def test_nothing_to_do_is_told(command: Command, pima: Path) -> None:
    """And nothing is written."""
    before = files_in(pima)
    assert "There is nothing to do." in command("prune", pima, "--keep-last", "9", "--yes").out
    assert files_in(pima) == before


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ((), "What is to be kept?"),
        (("--keep-last", "0"), "n=0"),
        (("--keep-best", "loss:x"), "METRIC:N"),
        (("--keep-best", ":3"), "METRIC:N"),
        (("--max-bytes", "much"), "'much'"),
        (("--keep-every", "0"), "epochs=0"),
        (("--without-optimizer-after", "0"), "n=0"),
    ],
)
def test_what_makes_no_sense_is_told(
    command: Command, pima: Path, options: tuple[str, ...], told: str
) -> None:
    """In one line, with the value, and nothing is done."""
    outcome = command("prune", pima, *options, "--yes")
    assert (outcome.status, outcome.out) == (1, "")
    assert told in outcome.err
    assert outcome.err.count("\n") == 1


def _foreign(folder: Path) -> Path:
    folder.mkdir()
    for number in (1, 2, 10):
        path = folder / f"weights-{number:02d}-0.{number}.weights.h5"
        path.write_bytes(weights_file(number))
        os.utime(path, (1.7e9 + number, 1.7e9 + number))
    return folder


def test_folders_of_others_are_only_told(command: Command, tmp_path: Path) -> None:
    """By what their names and times say; --yes alone deletes nothing."""
    folder = _foreign(tmp_path / "old")
    before = files_in(folder)
    outcome = command("prune", folder, "--keep-last", "1", "--yes")
    assert outcome.status == 0
    assert [line.split()[:3] for line in outcome.out.splitlines()[2:5]] == [
        ["delete", "1", "weights-01-0.1.weights.h5"],
        ["delete", "2", "weights-02-0.2.weights.h5"],
        ["keep", "10", "weights-10-0.10.weights.h5"],
    ]
    assert "nothing is deleted without --adopt" in outcome.out
    assert files_in(folder) == before


def test_folders_of_others_are_pruned_once_they_are_adopted(
    command: Command, tmp_path: Path
) -> None:
    """And can be taken back like any others."""
    folder = _foreign(tmp_path / "old")
    before = files_in(folder)
    assert command("prune", folder, "--keep-last", "1", "--adopt").status == 0
    assert files_in(folder) == before
    assert "2 removed" in command("prune", folder, "--keep-last", "1", "--adopt", "--yes").out
    assert _there(folder) == [10]
    command("prune", folder, "--undo")
    assert {name: files_in(folder)[name] for name in before} == before


@pytest.mark.parametrize(
    ("options", "told"),
    [
        (("--keep-best", "loss"), "nobody recorded loss of"),
        (("--keep-every", "5"), "nothing tells that of best.weights.h5"),
    ],
)
def test_what_cannot_be_known_of_others_is_told(
    command: Command, tmp_path: Path, options: tuple[str, ...], told: str
) -> None:
    """Rather than guessed."""
    folder = _foreign(tmp_path / "old")
    (folder / "best.weights.h5").write_bytes(weights_file())
    outcome = command("prune", folder, *options)
    assert outcome.status == 1
    assert told in outcome.err


def test_a_folder_inside_of_a_run_belongs_to_it(command: Command, tmp_path: Path) -> None:
    """It is not adopted a second time."""
    recorded = Recorded(tmp_path / "run")
    recorded.put(0, recorded.saved(0, weights_file(), {}))
    outcome = command("prune", tmp_path / "run" / "checkpoints", "--keep-last", "1", "--adopt")
    assert outcome.status == 1
    assert f"belongs to the run {tmp_path / 'run'}" in outcome.err


def test_a_folder_without_checkpoints_is_told(command: Command, tmp_path: Path) -> None:
    """As everywhere."""
    outcome = command("prune", tmp_path, "--keep-last", "1")
    assert (outcome.status, "No Epochline run in" in outcome.err) == (1, True)


def test_files_of_stock_callbacks_need_adoption(command: Command, tmp_path: Path) -> None:
    """Within a run that was recorded, too."""
    recorded = Recorded(tmp_path / "run")
    for epoch in range(3):
        recorded.put(epoch, recorded.saved(epoch, weights_file(epoch), {}, owned=False))
    assert "There is nothing to do" in command("prune", tmp_path, "--keep-last", "1", "--yes").out
    told = command("prune", tmp_path, "--keep-last", "1", "--adopt").out
    assert "2 of 3 go" in told
    assert _there(tmp_path / "run") == [1, 2, 3]
    command("prune", tmp_path, "--keep-last", "1", "--adopt", "--yes")
    assert _there(tmp_path / "run") == [3]


@pytest.mark.parametrize(
    ("answer", "left"), [(b"y\n", [5]), (b"n\n", [2, 3, 4, 5]), (b"\n", [2, 3, 4, 5])]
)
def test_a_terminal_is_asked(pima: Path, answer: bytes, left: list[int]) -> None:
    """Only a yes is a yes."""
    main_end, child_end = pty.openpty()
    command = [sys.executable, "-m", "epochline", "prune", str(pima), "--keep-last", "1"]
    process = subprocess.Popen(command, stdin=child_end, stdout=child_end, stderr=child_end)
    os.close(child_end)
    printed = b""
    while b"[y/N]" not in printed:
        printed += os.read(main_end, 4096)
    os.write(main_end, answer)
    assert process.wait() == 0
    os.close(main_end)
    assert _there(pima) == left
