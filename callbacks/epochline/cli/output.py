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
from dataclasses import dataclass
from functools import cache, partial
from typing import Any, Final, TextIO

from rich.cells import cell_len
from rich.console import Console, RenderableType
from rich.style import Style
from rich.table import Table
from rich.text import Text

__all__ = [
    "Grid",
    "ago",
    "clean",
    "console",
    "emit",
    "emit_json",
    "grid",
    "plain_number",
    "styled",
    "table",
    "verbatim",
]

_UNCUT: Final = 100_000
_GAP: Final = 2
_MARK: Final = "x"
_AGES: Final = ((86_400.0, "d"), (3_600.0, "h"), (60.0, "min"))


def console(stream: TextIO | None = None) -> Console:
    """Returns a console on `stream`, standard output when None."""
    target = stream or sys.stdout
    width = None if target.isatty() else _UNCUT
    return Console(file=target, width=width, highlight=False, markup=False, emoji=False)


def emit(*items: RenderableType | Grid) -> None:
    """Prints items, one below the other."""
    out = console()
    for item in items:
        if isinstance(item, Grid):
            _emit_grid(out, item)
        elif out.is_terminal:
            copied = isinstance(item, Text) and bool(item.no_wrap)
            out.print(item, soft_wrap=copied)
        else:
            with out.capture() as captured:
                out.print(item)
            sys.stdout.writelines(f"{line.rstrip()}\n" for line in captured.get().splitlines())


@dataclass(frozen=True, slots=True, kw_only=True)
class Grid:
    """A table; where it is too wide for the terminal, its last column is wrapped.

    Attributes:
        columns: Its columns, all of one length.
        numeric: Which of them hold numbers.
    """

    columns: Sequence[Sequence[str | Text]]
    numeric: Sequence[bool]


def table(columns: Sequence[tuple[str, bool]], rows: Iterable[Sequence[str | Text]]) -> Grid:
    """Returns a table.

    Args:
        columns: Heading of each column, and whether it holds numbers.
        rows: The cells.
    """
    head = [styled(heading, "bold") for heading, _ in columns]
    return grid([head, *rows], numeric=[numeric for _, numeric in columns])


def grid(rows: Sequence[Sequence[str | Text]], numeric: Sequence[bool] = ()) -> Grid:
    """Returns a table without headings.

    Args:
        rows: The cells.
        numeric: Which columns hold numbers; none when empty.
    """
    columns = list(zip(*rows, strict=True))
    return Grid(columns=columns, numeric=numeric or [False] * len(columns))


def _emit_grid(out: Console, item: Grid) -> None:
    """Prints a table column by column where it fits: rich would take a millisecond for each row."""
    columns = [
        [cell.plain if isinstance(cell, Text) else clean(cell) for cell in column]
        for column in item.columns
    ]
    taken = [[len(text) if text.isascii() else cell_len(text) for text in one] for one in columns]
    widths = [max(column, default=0) for column in taken]
    if out.is_terminal and sum(widths) + _GAP * len(widths) > out.width:
        out.print(_wrapped(item))
        return
    codes = cache(partial(_codes, out))
    for place, (width, numeric) in enumerate(zip(widths, item.numeric, strict=True)):
        cells = zip(item.columns[place], columns[place], taken[place], strict=True)
        columns[place] = [
            f"{' ' * (width - own) * numeric}"
            f"{text.join(codes(cell.style)) if isinstance(cell, Text) else text}"
            f"{' ' * (width - own) * (not numeric)}"
            for cell, text, own in cells
        ]
    between = " " * _GAP
    out.file.writelines(f"{between.join(row).rstrip()}\n" for row in zip(*columns, strict=True))


def _codes(out: Console, style: str | Style) -> tuple[str, str]:
    """Returns what switches a style on and off; nothing where there are no colours."""
    with out.capture() as captured:
        out.print(Text(_MARK, style=style), end="")
    before, _, after = captured.get().partition(_MARK)
    return before, after


def _wrapped(item: Grid) -> Table:
    result = Table.grid(padding=(0, _GAP, 0, 0))
    for place, numeric in enumerate(item.numeric, start=1):
        result.add_column(
            justify="right" if numeric else "left",
            no_wrap=place < len(item.numeric),
            overflow="fold",
        )
    for row in zip(*item.columns, strict=True):
        result.add_row(*(styled(cell) if isinstance(cell, str) else cell for cell in row))
    return result


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


def ago(wall_time: float) -> str:
    """Returns how long ago a moment was, such as "5 min ago"."""
    seconds = max(0.0, time.time() - wall_time)
    for length, unit in _AGES:
        if seconds >= length:
            return f"{seconds / length:.0f} {unit} ago"
    return f"{seconds:.0f} s ago"
