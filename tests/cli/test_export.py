"""`epochline export`: a run as one file."""

from __future__ import annotations

from pathlib import Path

import pytest

import epochline
from epochline.report import report_html
from tests.cli.conftest import Command


def _report(path: Path) -> str:
    run = epochline.open_run(path)
    return report_html(run.name, run.timeline, run.state)


def test_file_is_named_after_the_run(
    command: Command, pima: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without FILE it is written here, and a report that is there is replaced."""
    monkeypatch.chdir(tmp_path)
    Path("pima.html").write_text("an old one")

    outcome = command("export", pima, "--html")

    assert (outcome.status, outcome.out) == (0, "Wrote the report of pima into pima.html.\n")
    assert Path("pima.html").read_text("utf-8") == _report(pima)


def test_file_can_be_chosen_and_be_standard_output(
    command: Command, pima: Path, tmp_path: Path
) -> None:
    """Into a folder that is made for it, or on."""
    target = tmp_path / "reports" / "a.html"

    assert command("export", pima, "--html", target).status == 0
    assert target.read_text("utf-8") == _report(pima)
    assert command("export", pima, "--html", "-").out == _report(pima)


def test_form_must_be_named(command: Command, pima: Path) -> None:
    """There may be more than one some day."""
    outcome = command("export", pima)

    assert outcome.status == 2
    assert "--html" in outcome.err
