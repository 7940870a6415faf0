"""The commands behind docs/performance.md run and measure what the page shows."""

from __future__ import annotations

import importlib
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.docs.markdown import ROOT

PAGE = (ROOT / "docs" / "performance.md").read_text()
# Benchmark -> options with which it takes seconds.
SHORT = {
    "frozen": ("--megabytes", "1", "--epochs", "2"),
    "fit_overhead": ("--epochs", "1", "--repeats", "1"),
    "diff_and_verify": ("--megabytes", "3", "--repeats", "1"),
    "listening_cost": ("--repeats", "1"),
    "recording_cost": ("--cases", "hooks", "--repeats", "1"),
    "reading": (
        *("--runs", "2", "--epochs", "3", "--checkpoints", "3"),
        *("--repeats", "1", "--without-tensorflow"),
    ),
    "serving": ("--runs", "2", "--epochs", "3", "--repeats", "1", "--loaders", "python"),
    "saving": ("--sizes", "1", "--ways", "Timeline", "--saves", "2", "--repeats", "1"),
}


@pytest.mark.parametrize("name", SHORT)
def test_benchmark_measures_what_the_page_shows(name: str, tmp_path: Path) -> None:
    """A short run prints rows of the page and leaves nothing but its numbers."""
    numbers = tmp_path / "result.json"
    options = [*SHORT[name], "--directory", str(tmp_path / "logs"), "--json", str(numbers)]
    printed = subprocess.run(
        [sys.executable, "-m", f"benchmarks.{name}", *options],
        check=True,
        capture_output=True,
        text=True,
        cwd=ROOT,
        env=os.environ | {"TF_CPP_MIN_LOG_LEVEL": "3"},
    ).stdout
    assert f"python -m benchmarks.{name}" in PAGE
    rows = [line.split("|")[1].strip() for line in printed.splitlines() if line.startswith("| ")]
    # The first of a table says what was measured; with other options it says something else.
    labels = [row for row in rows if "decisions" not in row and "of state" not in row]
    labels = [row for row in labels if not row.endswith("checkpoints")]
    assert len(labels) > 1
    assert [row for row in labels if f"| {row} |" not in PAGE] == []
    assert json.loads(numbers.read_text())["benchmark"] == name
    assert list((tmp_path / "logs").iterdir()) == []


def test_every_benchmark_of_the_page_is_there() -> None:
    """A command of the page names a module with a command line."""
    for line in PAGE.splitlines():
        if line.startswith("python -m benchmarks."):
            name = line.removeprefix("python -m ").split()[0]
            assert callable(importlib.import_module(name).main)
