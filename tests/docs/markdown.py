"""Find code and links in Markdown files."""

from __future__ import annotations

import re
from pathlib import Path

__all__ = ["ROOT", "code_blocks", "headings", "links", "markdown_files"]

ROOT = Path(__file__).parents[2]

_FENCE = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_LINK = re.compile(r"\]\(([^)\s]+)\)|\b(?:src|srcset|href)=\"([^\"]+)\"")
_HEADING = re.compile(r"^#+ (.+)$", re.MULTILINE)


def markdown_files() -> list[Path]:
    """Returns the Markdown files that people read."""
    folders = ("docs", "examples", "tb_plugin/tensorboard_plugin_epochline")
    nested = [path for folder in folders for path in (ROOT / folder).rglob("*.md")]
    return sorted([*ROOT.glob("*.md"), *nested])


def code_blocks(path: Path, language: str) -> list[str]:
    """Returns the fenced blocks of a language, in order."""
    return [code for name, code in _FENCE.findall(path.read_text()) if name == language]


def links(path: Path) -> list[str]:
    """Returns the targets of all links and pictures outside of code."""
    prose = re.sub(r"`[^`\n]*`", "", _FENCE.sub("", path.read_text()))
    return [first or second for first, second in _LINK.findall(prose)]


def headings(path: Path) -> set[str]:
    """Returns the anchors that GitHub makes of the headings."""
    titles = _HEADING.findall(_FENCE.sub("", path.read_text()))
    return {re.sub(r"[^\w -]", "", title.lower()).replace(" ", "-") for title in titles}
