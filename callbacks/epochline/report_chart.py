"""Curves of a run as inline SVG, with titles on what is marked.

Pure: points and marks in, text out; no files, clock, Keras or TensorBoard.

Invariant: whatever a name, a note or a number is, the result is one well-formed `svg` element: text
is escaped, and a number that is not finite is left out.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from html import escape
from typing import Final

from epochline.sentences import number

__all__ = ["Line", "Mark", "Rule", "chart", "clean"]

_WIDTH: Final = 860.0
_LEFT: Final = 66.0
_RIGHT: Final = 16.0
_TOP: Final = 12.0
_BELOW: Final = 26.0
_X_TICKS: Final = 10
_Y_TICKS: Final = 4
_COLUMNS: Final = 790
"""A curve has no more points than twice as many."""
_BOTH: Final = 2
_STEPS: Final = (1.0, 2.0, 5.0, 10.0)

_SHAPES: Final = {
    "saved": "M4 0A4 4 0 1 1-4 0A4 4 0 1 1 4 0Z",
    "gone": "M3.5 0A3.5 3.5 0 1 1-3.5 0A3.5 3.5 0 1 1 3.5 0Z",
    "best": "M0-8.6 2.5-3 8.5-2.4 4 1.7 5.3 7.7 0 4.6-5.3 7.7-4 1.7-8.5-2.4-2.5-3Z",
    "cut": "M-5-3.5H5L0 5Z",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """A curve.

    Attributes:
        kind: Its class in the style sheet: "train", "validation", "rate", and "left" beside them
            for what was left behind.
        points: x and y, from left to right.
        stepped: Whether a value holds from the x of the point before to its own.
    """

    kind: str
    points: Sequence[tuple[float, float]]
    stepped: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Mark:
    """A shape on a curve.

    Attributes:
        shape: Which one: "saved", "gone", "best" or "cut".
        x: Where it is.
        y: Likewise.
        title: What it is, in words.
    """

    shape: str
    x: float
    y: float
    title: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """A line from top to bottom, where something happened.

    Attributes:
        kind: Its class in the style sheet: "cut", "stop" or "restored".
        x: Where it is.
        title: What it is, in words.
    """

    kind: str
    x: float
    title: str


def clean(text: str) -> str:
    """Returns text that is the same text inside of an element or an attribute of HTML."""
    if text.isprintable():
        return escape(text)
    visible = (c if c.isprintable() or c == "\n" else "\N{REPLACEMENT CHARACTER}" for c in text)
    return escape("".join(visible))


def chart(  # noqa: PLR0913 – all but what is drawn are keywords
    label: str,
    lines: Iterable[Line],
    marks: Iterable[Mark],
    rules: Iterable[Rule],
    *,
    last: float,
    height: float = 250.0,
    log: bool = False,
    format_y: Callable[[float], str] = number,
) -> str:
    """Returns an `svg` element.

    Args:
        label: What it shows, in one sentence.
        lines: The curves.
        marks: The marks, the most important last.
        rules: What happened where.
        last: The largest x; the smallest is 1.
        height: In CSS pixels.
        log: Whether y is logarithmic; what is not positive is left out.
        format_y: How a value of y is written.
    """
    curves = list(lines)
    shown = [mark for mark in marks if math.isfinite(mark.y) and (mark.y > 0 or not log)]
    values = [y for line in curves for _, y in line.points if math.isfinite(y)]
    values = [y for y in (*values, *(mark.y for mark in shown)) if y > 0 or not log]
    low, high = _limits(values, log=log)
    right, bottom = _WIDTH - _RIGHT, height - _BELOW

    def across(x: float) -> float:
        return _LEFT + (x - 1) / max(last - 1, 1) * (right - _LEFT)

    def scaled(y: float) -> float:
        return math.log10(y) if log else y

    def down(y: float) -> float:
        share = (scaled(y) - scaled(low)) / (scaled(high) - scaled(low))
        return bottom - share * (bottom - _TOP)

    parts = [
        *_grid(last, (low, high), across, down, bottom, log=log, format_y=format_y),
        *(_rule(rule, across(rule.x), bottom) for rule in rules if 1 <= rule.x <= last),
        *(_path(line, across, down, log=log) for line in curves),
        *(_mark(mark, across(mark.x), down(mark.y)) for mark in shown),
    ]
    return (
        f'<svg role="img" aria-label="{clean(label)}" viewBox="0 0 {_WIDTH:g} {height:g}">'
        f"{''.join(parts)}</svg>"
    )


def _limits(values: Sequence[float], *, log: bool) -> tuple[float, float]:
    low, high = (min(values), max(values)) if values else (1.0, 2.0)
    if log:
        return low / 1.5, high * 1.5
    room = (high - low) * 0.06 or abs(high) * 0.1 or 1.0
    return low - room, high + room


def _grid(  # noqa: PLR0913 – what the axes are made of
    last: float,
    limits: tuple[float, float],
    across: Callable[[float], float],
    down: Callable[[float], float],
    bottom: float,
    *,
    log: bool,
    format_y: Callable[[float], str],
) -> Iterator[str]:
    for x in _ticks(1, last, _X_TICKS):
        if x == int(x) and x >= 1:
            at = across(x)
            yield f'<path class="grid" d="M{at:.1f} {_TOP:g}V{bottom:g}"/>'
            yield f'<text class="x" x="{at:.1f}" y="{bottom + 18:g}">{x:g}</text>'
    ticks = _decades(*limits) if log else _ticks(*limits, _Y_TICKS)
    for y in ticks:
        at = down(y)
        yield f'<path class="grid" d="M{_LEFT:g} {at:.1f}H{_WIDTH - _RIGHT:g}"/>'
        yield f'<text class="y" x="{_LEFT - 8:g}" y="{at + 4:.1f}">{clean(format_y(y))}</text>'


def _ticks(low: float, high: float, count: int) -> list[float]:
    """Returns round numbers between two."""
    raw = (high - low) / count
    if not raw > 0 or not math.isfinite(raw):
        return [low]
    power = 10.0 ** math.floor(math.log10(raw))
    step = next((power * one for one in _STEPS if power * one >= raw), power * _STEPS[-1])
    first = math.ceil(low / step)
    return [place * step for place in range(first, math.floor(high / step) + 1)]


def _decades(low: float, high: float) -> list[float]:
    first, last = math.ceil(math.log10(low)), math.floor(math.log10(high))
    return [10.0**power for power in range(first, last + 1)] or [math.sqrt(low * high)]


def _path(
    line: Line, across: Callable[[float], float], down: Callable[[float], float], *, log: bool
) -> str:
    words: list[str] = []
    pen = False
    for x, y in _thinned(line.points):
        if not math.isfinite(y) or (log and y <= 0):
            pen = False
            continue
        at = f"{across(x):.1f} {down(y):.1f}"
        if pen and line.stepped:
            words.append(f"V{down(y):.1f}H{across(x):.1f}")
        else:
            # A point without neighbours is a dot: the ends of lines are round.
            words.append(f"L{at}" if pen else f"M{at}h0")
        pen = True
    return f'<path class="line {line.kind}" d="{"".join(words)}"/>' if words else ""


def _thinned(points: Sequence[tuple[float, float]]) -> Iterator[tuple[float, float]]:
    """Yields the lowest and the highest of what a screen cannot show apart."""
    size = math.ceil(len(points) / _COLUMNS)
    if size <= _BOTH:
        yield from points
        return
    for start in range(0, len(points), size):
        some = points[start : start + size]
        finite = [point for point in some if math.isfinite(point[1])] or [some[0]]
        extremes = {min(finite, key=lambda p: p[1]), max(finite, key=lambda p: p[1])}
        yield from sorted(extremes | {points[-1]} if some[-1] is points[-1] else extremes)


def _rule(rule: Rule, x: float, bottom: float) -> str:
    title = f"<title>{clean(rule.title)}</title>"
    return f'<path class="rule {rule.kind}" d="M{x:.1f} {_TOP:g}V{bottom:g}">{title}</path>'


def _mark(mark: Mark, x: float, y: float) -> str:
    title = f"<title>{clean(mark.title)}</title>"
    place = f'transform="translate({x:.1f} {y:.1f})"'
    return f'<path class="mark {mark.shape}" d="{_SHAPES[mark.shape]}" {place}>{title}</path>'
