"""Every architecture decision has the same parts and is listed."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.docs.markdown import ROOT

FOLDER = ROOT / "docs" / "adr"
DECISIONS = sorted(FOLDER.glob("[0-9]*.md"))


@pytest.mark.parametrize("path", DECISIONS, ids=lambda path: path.stem)
def test_decision_says_context_options_decision_and_consequences(path: Path) -> None:
    """A reader finds why, what else was possible, and what follows."""
    text = path.read_text()
    number = path.name[:4]
    assert text.startswith(f"# {number}: ")
    assert re.search(r"^Status: (accepted|replaced by \d{4})$", text, re.MULTILINE)
    parts = ["## Context", "## Options", "## Decision", "## Consequences"]
    places = [text.index(part) for part in parts]
    assert places == sorted(places)


def test_decisions_are_numbered_and_listed() -> None:
    """The list of decisions is complete, with their titles."""
    listed = re.findall(
        r"^\| \[(\d{4})\]\((.+?)\) \| (.+) \|$", (FOLDER / "README.md").read_text(), re.MULTILINE
    )
    titles = [path.read_text().split("\n", 1)[0].removeprefix("# ") for path in DECISIONS]
    assert [f"{number}: {title}" for number, _, title in listed] == titles
    assert [name for _, name, _ in listed] == [path.name for path in DECISIONS]
    assert [path.name[:4] for path in DECISIONS] == [
        f"{i:04}" for i in range(1, len(DECISIONS) + 1)
    ]
