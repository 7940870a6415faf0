"""Links and pictures lead somewhere."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.docs.markdown import ROOT, headings, links, markdown_files


@pytest.mark.parametrize("document", markdown_files(), ids=lambda path: str(path.relative_to(ROOT)))
def test_every_link_within_the_repository_leads_to_a_file_and_heading(document: Path) -> None:
    """Nobody who follows a link between our documents finds nothing."""
    for link in links(document):
        if link.startswith(("http://", "https://")):
            continue
        name, _, anchor = link.partition("#")
        target = document.parent / name if name else document
        assert target.exists(), f"{link} leads nowhere"
        assert not anchor or anchor in headings(target), f"{link}: no such heading"


def test_every_document_is_reached_from_the_readme() -> None:
    """Whoever reads on from the README comes past everything."""
    reached: set[Path] = set()
    waiting = [ROOT / "README.md"]
    while waiting:
        document = waiting.pop()
        if document in reached or document.suffix != ".md":
            continue
        reached.add(document)
        local = [link.partition("#")[0] for link in links(document) if "://" not in link]
        targets = [(document.parent / name).resolve() for name in local if name]
        waiting += [target for target in targets if target.exists()]
    assert set(markdown_files()) == reached
