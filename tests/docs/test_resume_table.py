"""The table of exact resume stands in docs/resume.md as it was measured."""

from __future__ import annotations

from itertools import product
from pathlib import Path
from typing import Any

import pytest

from benchmarks.resume_table import BACKENDS, LABELS, table, write
from tests.docs.markdown import ROOT
from tests.resume.trainings import DATA, KILLS, MODELS

PAGE = (ROOT / "docs" / "resume.md").read_text(encoding="utf-8")


def row(**fields: Any) -> dict[str, Any]:
    """Returns a row that came out bit-identical, but for `fields`."""
    usual = {"backend": "jax", "saver": "resume", "model": "lstm", "data": "arrays"}
    return usual | {"kill": "batch", "begins": "2.0", "difference": "", "error": ""} | fields


@pytest.mark.parametrize(("model", "data"), product(MODELS, DATA))
def test_page_has_every_row_and_none_of_ours_differs(model: str, data: str) -> None:
    """On each backend, whatever way the training was killed; all of Keras's are measured, too."""
    (line,) = [one for one in PAGE.splitlines() if one.startswith(f"| {LABELS[model]} | {data} |")]
    cells = [cell.strip() for cell in line.split("|")[3:-1]]
    assert len(cells) == 2 * len(BACKENDS)
    assert set(cells[: len(BACKENDS)]) == {f"{len(KILLS)} of {len(KILLS)}"}
    assert all(cell.endswith(f" of {len(KILLS)}") for cell in cells)


def test_what_differs_is_told_where_exactness_was_promised() -> None:
    """With the kill after which it did, and the error, if there was one."""
    text = table(
        [
            row(),
            row(kill="save", difference="3: variables"),
            row(kill="SIGTERM", difference="2.4: never reached", error="ValueError: other data"),
            row(saver="stock", difference="2.0: loss"),
        ]
    )
    assert "| 1 of 3 (save: 3: variables; SIGTERM: ValueError: other data) |" in text
    assert "| 0 of 1 |" in text
    assert "- `Resume`: of 3 rows measured, 1 are bit-identical" in text
    assert "1 differ from the first batch that is trained again" in text.splitlines()[-1]


def test_table_is_put_between_its_marks(tmp_path: Path) -> None:
    """Everything else on the page stays; a page without the marks is refused."""
    page = tmp_path / "resume.md"
    page.write_text(PAGE, encoding="utf-8")
    write(page, "MEASURED")
    begin, end = PAGE.index("| model |"), PAGE.index("<!-- end of what was measured -->")
    assert page.read_text(encoding="utf-8") == f"{PAGE[:begin]}MEASURED\n\n{PAGE[end:]}"
    page.write_text("nothing", encoding="utf-8")
    with pytest.raises(ValueError, match="does not have the lines"):
        write(page, "MEASURED")
