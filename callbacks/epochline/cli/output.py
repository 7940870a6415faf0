"""Text, tables and JSON on standard output.

A terminal gets colours (unless NO_COLOR is set) and tables that fit it; a pipe or a file gets plain
lines that are never wrapped or cut. Text from event files is cleaned: it cannot send control
sequences to the terminal.
"""

from __future__ import annotations

import json
import math
import sys
import time
from collections.abc import Iterable, Sequence
from typing import Any, Final, TextIO

from rich.console import Console, RenderableType
from rich.table import Column, Table
from rich.text import Text

__all__ = [
    "ago",
    "clean",
    "console",
    "emit",
    "emit_json",
    "plain_number",
    "styled",
    "table",
    "verbatim",
]

_UNCUT: Final = 100_000
_GAP: Final = 2
_AGES: Final = ((86_400.0, "d"), (3_600.0, "h"), (60.0, "min"))


def console(stream: TextIO | None = None) -> Console:
    """Returns a console on `stream`, standard output when None."""
    target = stream or sys.stdout
    width = None if target.isatty() else _UNCUT
    return Console(file=target, width=width, highlight=False, markup=False, emoji=False)


def emit(*items: RenderableType) -> None:
    """Prints items, one below the other."""
    out = console()
    for item in items:
        if isinstance(item, Table):
            _emit_table(out, item)
        elif out.is_terminal:
            copied = isinstance(item, Text) and bool(item.no_wrap)
            out.print(item, soft_wrap=copied)
        else:
            with out.capture() as captured:
                out.print(item)
            sys.stdout.writelines(f"{line.rstrip()}\n" for line in captured.get().splitlines())


def _emit_table(out: Console, item: Table) -> None:
    """Prints a table row by row where it fits: rich would take a millisecond for each."""
    columns = [_cells(item, column) for column in item.columns]
    widths = [max((cell.cell_len for cell in cells), default=0) for cells in columns]
    if out.is_terminal and sum(widths) + _GAP * len(widths) > out.width:
        out.print(item)
        return
    places = [
        (width, column.justify == "right")
        for width, column in zip(widths, item.columns, strict=True)
    ]
    for row in zip(*columns, strict=True):
        padded = [
            (
                " " * (width - cell.cell_len) * right,
                cell,
                " " * (width - cell.cell_len) * (not right),
            )
            for cell, (width, right) in zip(row, places, strict=True)
        ]
        if out.is_terminal:
            out.print(
                Text(" " * _GAP).join(Text.assemble(*cell) for cell in padded), soft_wrap=True
            )
        else:
            line = (" " * _GAP).join(f"{left}{cell.plain}{right}" for left, cell, right in padded)
            sys.stdout.write(f"{line.rstrip()}\n")


def _cells(item: Table, column: Column) -> list[Text]:
    head = [Text(str(column.header), item.header_style)] if item.show_header else []
    return head + [cell for cell in column.cells if isinstance(cell, Text)]


def emit_json(value: Any) -> None:
    """Prints a value as JSON; numbers that JSON does not know become `"NaN"`, `"Infinity"`, …."""
    print(json.dumps(_finite(value), indent=2, allow_nan=False))


def _finite(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _finite(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(item) for item in value]
    if isinstance(value, float) and not math.isfinite(value):
        return plain_number(value)
    return value


def plain_number(value: float) -> str:
    """Returns a number with all its digits, as JSON and CSV get it."""
    if math.isnan(value):
        return "NaN"
    if math.isinf(value):
        return "Infinity" if value > 0 else "-Infinity"
    return repr(value)


def clean(text: str) -> str:
    """Returns `text` on one line and with nothing in it that a terminal would obey."""
    if text.isprintable():
        return text
    return "".join(char if char.isprintable() else "\N{REPLACEMENT CHARACTER}" for char in text)


def styled(text: str, style: str = "") -> Text:
    """Returns cleaned text in a style."""
    return Text(clean(text), style=style)


def verbatim(text: str) -> Text:
    """Returns cleaned text for copying: a terminal may wrap it, but no line break is put in."""
    return Text(clean(text), no_wrap=True, overflow="ignore")


def table(columns: Sequence[tuple[str, bool]], rows: Iterable[Sequence[str | Text]]) -> Table:
    """Returns a table; where it is too wide for the terminal, its last column is wrapped.

    Args:
        columns: Heading of each column, and whether it holds numbers.
        rows: The cells.
    """
    result = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="bold")
    for place, (heading, numeric) in enumerate(columns, start=1):
        result.add_column(
            styled(heading),
            justify="right" if numeric else "left",
            no_wrap=place < len(columns),
            overflow="fold",
        )
    for row in rows:
        result.add_row(*(styled(cell) if isinstance(cell, str) else cell for cell in row))
    return result


def ago(wall_time: float) -> str:
    """Returns how long ago a moment was, such as "5 min ago"."""
    seconds = max(0.0, time.time() - wall_time)
    for length, unit in _AGES:
        if seconds >= length:
            return f"{seconds / length:.0f} {unit} ago"
    return f"{seconds:.0f} s ago"
