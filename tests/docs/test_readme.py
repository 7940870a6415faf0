"""What README.md and docs/format.md tell to type works as it stands there."""

from __future__ import annotations

import contextlib
import io
import os
import re
import shlex
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from epochline import events_pb2
from epochline.cli import main
from tests.docs.markdown import ROOT, code_blocks

README = ROOT / "README.md"
FORMAT = ROOT / "docs" / "format.md"


@dataclass(frozen=True, slots=True, kw_only=True)
class Followed:
    """What somebody has who typed all Python code of the README, one block after the other."""

    directory: Path
    variables: dict[str, Any]
    printed: str


def run_code(code: str, variables: dict[str, Any]) -> str:
    """Runs code as a script would and returns what it printed."""
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed):
        exec(compile(code, "README.md", "exec"), variables)  # noqa: S102 – our own documents
    return printed.getvalue()


@pytest.fixture(scope="module")
def followed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Followed]:
    """The README followed in an empty directory, with fewer epochs."""
    directory = tmp_path_factory.mktemp("readme")
    code = "\n".join(code_blocks(README, "python"))
    assert code.count("epochs=150, ") == 1
    before = Path.cwd()
    os.chdir(directory)
    try:
        variables: dict[str, Any] = {"__name__": "__main__"}
        printed = run_code(code.replace("epochs=150, ", "epochs=6, verbose=0, "), variables)
        yield Followed(directory=directory, variables=variables, printed=printed)
    finally:
        os.chdir(before)


def test_readme_code_trains_restores_and_tells_why(followed: Followed) -> None:
    """The best checkpoint is in the model again, as its record says, and the picture is there."""
    model, best = followed.variables["model"], followed.variables["best"]
    x, y = followed.variables["x"], followed.variables["y"]
    start = int(len(x) * (1 - 0.33))
    scores = model.evaluate(x[start:], y[start:], verbose=0, return_dict=True)
    assert scores["accuracy"] == pytest.approx(best.metrics["val_accuracy"], rel=1e-5)
    assert best.why in followed.printed
    assert f"Restored epoch {best.epoch + 1}: " in followed.printed
    assert (followed.directory / "history.png").stat().st_size > 0
    assert not list(followed.directory.glob("logs/tutorial-*"))


def test_readme_commands_succeed(followed: Followed, capsys: pytest.CaptureFixture[str]) -> None:
    """Every command in the README that is ours, the demo aside, does its work."""
    lines = "".join(code_blocks(README, "sh")).splitlines()
    commands = [line for line in lines if line.startswith("epochline ")]
    assert len(commands) > 5
    for command in commands:
        assert main(shlex.split(command, comments=True)[1:]) == 0, command
        assert capsys.readouterr().err == "", command
    best = followed.variables["best"]
    restored = followed.directory / "best.weights.h5"
    assert restored.read_bytes() == best.file.read_bytes()


def test_readme_lists_every_command(capsys: pytest.CaptureFixture[str]) -> None:
    """The table of commands is that of `epochline --help`."""
    assert main(["--help"]) == 0
    known = re.findall(r"^    (\w+) +\S", capsys.readouterr().out, re.MULTILINE)
    rows = re.findall(r"^\| `(\w+)` \|", README.read_text(), re.MULTILINE)
    assert known
    assert [row for row in rows if row in known] == known


def test_format_can_be_read_as_it_says(followed: Followed, monkeypatch: pytest.MonkeyPatch) -> None:
    """With Keras, TensorBoard and generated classes alone, weights and records can be read."""
    monkeypatch.setitem(sys.modules, "events_pb2", events_pb2)
    code = "\n".join(code_blocks(FORMAT, "python"))
    assert "epochline." not in code
    name = followed.variables["best"].file.name
    printed = run_code(code.replace("epoch-0037.weights.h5", name), followed.variables)
    records = printed.splitlines()
    assert records[0] == "0 0 ['session_started']"
    assert records[-1].endswith(" 5 ['session_ended']")
    assert [int(line.split()[0]) for line in records] == list(range(len(records)))
