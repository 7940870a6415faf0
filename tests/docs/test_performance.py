"""The command behind docs/performance.md runs and measures what the page shows."""

from __future__ import annotations

import json
import runpy
import sys
from pathlib import Path

import pytest

from tests.docs.markdown import ROOT


def test_benchmark_measures_every_variant_of_the_page(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A short run prints the rows of the page and leaves nothing but its numbers."""
    script = ROOT / "benchmarks" / "fit_overhead.py"
    options = ["--epochs", "1", "--repeats", "1", "--directory", "logs", "--json", "result.json"]
    monkeypatch.setattr(sys, "argv", [str(script), *options])
    monkeypatch.chdir(tmp_path)
    runpy.run_path(str(script), run_name="__main__")
    printed = capsys.readouterr().out
    page = (ROOT / "docs" / "performance.md").read_text()
    assert "python benchmarks/fit_overhead.py" in page
    rows = [line.split("|")[1] for line in printed.splitlines() if line.startswith("|")]
    assert rows
    assert [row for row in rows if f"|{row}|" not in page] == []
    numbers = json.loads((tmp_path / "result.json").read_text())["seconds"]
    assert all(len(values) == 1 for clock in numbers.values() for values in clock.values())
    assert list((tmp_path / "logs").iterdir()) == []
