"""Exit statuses, errors in one line, pipes that close, and the generated reference."""

from __future__ import annotations

import os
import pty
import subprocess
import sys
from pathlib import Path

import pytest

from epochline.cli.parser import NAMES
from epochline.cli.reference import reference
from epochline.events import Notice
from tests.cli.conftest import Command
from tests.core.recorded import Recorded

MODULE = [sys.executable, "-m", "epochline"]
DOCS = Path(__file__).parents[2] / "docs" / "cli.md"


@pytest.mark.parametrize(
    "arguments",
    [(), ("nothing",), ("ls",), ("plot", "logs"), ("why", "logs", "x"), ("ls", "--x", "a")],
)
def test_wrong_usage_is_2(command: Command, arguments: tuple[str, ...]) -> None:
    """Told on standard error, with how it is used."""
    outcome = command(*arguments)
    assert (outcome.status, outcome.out) == (2, "")
    assert "usage: epochline" in outcome.err


@pytest.mark.parametrize("name", NAMES)
def test_every_command_explains_itself(command: Command, name: str) -> None:
    """`--help` is 0 and on standard output."""
    outcome = command(name, "--help")
    assert (outcome.status, outcome.err) == (0, "")
    assert f"usage: epochline {name}" in outcome.out


def test_version(command: Command) -> None:
    """The version of the package."""
    assert command("--version").out.startswith("epochline 0.")


@pytest.mark.parametrize("name", ["ls", "why", "history", "verify"])
def test_directory_without_runs_is_1_and_one_line(
    command: Command, tmp_path: Path, name: str
) -> None:
    """The message says which directory is meant, without a traceback."""
    outcome = command(name, tmp_path / "missing")
    assert (outcome.status, outcome.out) == (1, "")
    assert outcome.err.count("\n") == 1
    assert outcome.err.startswith("epochline: No Epochline run in")
    assert "Timeline(...)" in outcome.err


@pytest.mark.parametrize("name", ["why", "history"])
def test_several_runs_where_one_is_needed_are_named(
    command: Command, logs: Path, name: str
) -> None:
    """With an example of what to type."""
    outcome = command(name, logs)
    assert outcome.status == 1
    assert f"holds 2 runs: pima, tuned. Name one, such as {logs}/pima" in outcome.err


def test_module_is_the_command(pima: Path) -> None:
    """`python -m epochline` does the same and returns the same status."""
    told = subprocess.run([*MODULE, "ls", pima], capture_output=True, text=True, check=True)
    assert "checkpoints/epoch-0004.weights.h5" in told.stdout
    assert subprocess.run([*MODULE, "ls"], capture_output=True, check=False).returncode == 2


def test_reader_that_goes_away_is_no_error(tmp_path: Path) -> None:
    """`epochline … | head` ends quietly."""
    recorded = Recorded(tmp_path)
    for epoch in range(3000):
        recorded.put(epoch, Notice(code="a", message="x" * 100))
    with subprocess.Popen(
        [*MODULE, "why", tmp_path], stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.readline()
        process.stdout.close()
        assert process.stderr.read() == b""
    assert process.returncode == 141


def test_piped_tables_are_whole(command: Command, pima: Path) -> None:
    """No cell is cut or wrapped, no line ends in blanks, and there are no colours."""
    long = "n" * 300
    Recorded(pima, "f" * 16, start=2e9).put(0, Notice(code="a", message=long))
    outcome = command("why", pima)
    assert long in outcome.out
    assert "\x1b" not in outcome.out
    assert all(line == line.rstrip() for line in outcome.out.splitlines())


def _in_a_terminal(*arguments: str | Path, **environment: str) -> str:
    """Returns what a command prints on a terminal 100 columns wide."""
    main_end, child_end = pty.openpty()
    base = {key: value for key, value in os.environ.items() if key not in ("NO_COLOR", "CI")}
    process = subprocess.Popen(
        [*MODULE, *arguments],
        stdout=child_end,
        env={**base, "TERM": "xterm-256color", "COLUMNS": "100", **environment},
    )
    os.close(child_end)
    printed = b""
    while True:
        try:
            block = os.read(main_end, 4096)
        except OSError:  # Linux reports the closed end of a terminal so
            break
        if not block:
            break
        printed += block
    os.close(main_end)
    assert process.wait() == 0
    return printed.decode()


@pytest.mark.parametrize("columns", ["80", "110", "200"])
def test_checkpoints_have_one_line_each_on_a_terminal(pima: Path, columns: str) -> None:
    """What does not fit is left out, not squeezed."""
    printed = _in_a_terminal("ls", pima, NO_COLOR="1", COLUMNS=columns)
    lines = [line for line in printed.splitlines() if " saved " in line]
    assert len(lines) == 4
    assert all(len(line.rstrip()) <= int(columns) for line in lines)
    assert all(("epoch-000" in line) is (columns != "80") for line in lines)


def test_what_is_to_be_copied_is_never_broken(pima: Path) -> None:
    """A terminal may wrap it, but there is no line break in it."""
    printed = _in_a_terminal("show", f"{pima}@best", NO_COLOR="1", COLUMNS="40")
    assert f"epochline restore {pima}@0004c0ffee000000 --to epoch-0004.weights.h5" in printed


def test_colours_on_a_terminal_unless_no_color(pima: Path) -> None:
    """`NO_COLOR` is respected."""
    assert "\x1b[3" in _in_a_terminal("ls", pima)
    assert "\x1b[3" not in _in_a_terminal("ls", pima, NO_COLOR="1")


def test_control_characters_from_files_do_not_reach_the_terminal(tmp_path: Path) -> None:
    """An event file cannot move the cursor, set the title or ring the bell."""
    Recorded(tmp_path).put(0, Notice(code="a", message="evil\x1b]0;title\x07\x1b[2Jtext"))
    printed = _in_a_terminal("why", tmp_path, NO_COLOR="1")
    assert "evil" in printed
    assert "\x1b]0" not in printed
    assert "\x1b[2J" not in printed
    assert "\x07" not in printed


def test_reference_is_that_of_the_parser() -> None:
    """`docs/cli.md` was written by `python -m epochline.cli.reference`."""
    assert DOCS.read_text(encoding="utf-8") == reference()


def test_reference_names_every_option() -> None:
    """Nothing that can be typed is undocumented."""
    text = reference()
    for name in ("--json", "--csv", "--overwrite", "--metric", "--no-serve", "`-o`", "[EPOCH]"):
        assert name in text
