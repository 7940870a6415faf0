"""A run as one HTML file that opens anywhere: curves, what happened and why, every checkpoint.

Pure: a timeline in, text out; no files, clock, Keras or TensorBoard. `epochline export` and the
panel hand out this same text.

Invariant: the file needs nothing else: no script, font, picture or address of anywhere, and its own
content security policy forbids them. Whatever names, notes and tags hold is shown as text.
"""

from __future__ import annotations

import datetime as dt
import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import groupby
from typing import Final

from epochline.checkpoints import CheckpointEntry
from epochline.errors import CheckpointNotFoundError
from epochline.events import Topic, Verdict
from epochline.report_chart import Line, Mark, Rule, chart, clean
from epochline.report_style import STYLE
from epochline.sentences import number, rate, size
from epochline.story import shortened, story
from epochline.timeline import DecisionEntry, EpochEntry, RunState, Status, Timeline

__all__ = ["report_html"]

_RATE: Final = "learning_rate"
_POLICY: Final = (
    "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'"
)
_MANY: Final = 60
"""Of more checkpoints than this, only those that are there, and the best, are on the curves."""
_MANY_RULES: Final = 40
_DIGEST_SHOWN: Final = 20
_LOG_FROM: Final = 20
"""Beyond this ratio small rates would lie on the axis."""
_YEAR_10_000: Final = 253_402_300_800


def report_html(name: str, timeline: Timeline, state: RunState) -> str:
    """Returns the report of a run.

    Args:
        name: What the run is called.
        timeline: The run, checked against its files.
        state: What it is doing.

    Returns:
        A whole HTML document. The same run gives the same text.
    """
    title = clean(name)
    best = _best(timeline, timeline.monitor)
    return "".join(
        (
            '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">',
            f'<meta http-equiv="Content-Security-Policy" content="{_POLICY}">',
            '<meta name="viewport" content="width=device-width">',
            f"<title>{title} · checkpoints</title><style>{STYLE}</style></head>\n<body><main>",
            f'<h1 dir="auto">{title}</h1>',
            *_summary(timeline, state, best),
            *_curves(timeline),
            *_happened(timeline, state),
            *_table(timeline, best),
            "</main></body></html>\n",
        )
    )


def _best(timeline: Timeline, metric: str | None) -> CheckpointEntry | None:
    try:
        return None if metric is None else timeline.best(metric)
    except CheckpointNotFoundError:
        return None


def _when(wall_time: float) -> str:
    if not 0 <= wall_time < _YEAR_10_000:
        return number(wall_time)
    moment = dt.datetime.fromtimestamp(wall_time, tz=dt.UTC)
    return f"{moment:%Y-%m-%d %H:%M:%S} UTC"


def _summary(timeline: Timeline, state: RunState, best: CheckpointEntry | None) -> Iterator[str]:
    if timeline.sessions:
        last = timeline.sessions[-1]
        yield f"<p>{clean(last.message(running=state is RunState.RUNNING))}</p>"
    there = sum(item.restorable for item in timeline.checkpoints)
    facts = {
        "Epochs": f"{timeline.epoch_count:,}",
        "Sessions": f"{len(timeline.sessions):,}",
        "Checkpoints": f"{there:,} there, {len(timeline.checkpoints):,} ever",
        "Last wrote": _when(timeline.last_wall_time),
    }
    if best is not None and timeline.monitor is not None:
        value = number(best.metrics[timeline.monitor])
        facts["Best checkpoint"] = f"{timeline.monitor} {value}, epoch {best.epoch + 1}"
    rows = (f"<div><dt>{key}</dt><dd>{clean(value)}</dd></div>" for key, value in facts.items())
    yield f'<dl class="facts">{"".join(rows)}</dl>'


def _curves(timeline: Timeline) -> Iterator[str]:
    rows = timeline.epochs
    if not rows:
        yield "<p>No epoch has ended yet.</p>"
        return
    last = max(row.epoch for row in rows) + 1
    pieces = _pieces(timeline)
    rules = list(_rules(timeline))
    names = dict.fromkeys(
        name.removeprefix("val_") for name in timeline.metric_names if not name.startswith(_RATE)
    )
    yield '<section aria-labelledby="curves"><h2 id="curves">Curves</h2>'
    yield (
        '<p class="key"><span class="sample validation"></span>validation '
        '<span class="sample train"></span>train · ★ best · ● there · ○ gone · '
        "▼ and dotted lines: learning rate · dashed lines: something was restored · "
        "solid lines: the training was stopped</p>"
    )
    for name in sorted(names, key=lambda one: one != "loss"):
        yield _figure(name, _metric(timeline, name, pieces, rules, last))
    rates = [name for name in timeline.metric_names if name.startswith(_RATE)]
    for name in rates:
        yield _figure(name, _rates(timeline, name, pieces, rules, last))
    yield "</section>"


def _figure(name: str, svg: str) -> str:
    return f'<figure><figcaption dir="auto">{clean(name)}</figcaption>{svg}</figure>'


def _metric(
    timeline: Timeline,
    name: str,
    pieces: Sequence[tuple[str, Sequence[EpochEntry]]],
    rules: Sequence[Rule],
    last: int,
) -> str:
    validation = f"val_{name}"
    validated = validation in timeline.metric_names
    metric = validation if validated else name
    lines = []
    if name in timeline.metric_names:
        lines += _lines(name, "train" if validated else "validation", pieces)
    if validated:
        lines += _lines(validation, "validation", pieces)
    best = _best(timeline, metric)
    label = f"{metric} over {last:,} epochs"
    if best is not None:
        value = number(best.metrics[metric])
        label += f"; the best checkpoint has {value}, of epoch {best.epoch + 1}"
    return chart(f"{label}.", lines, _marks(timeline, metric, best), rules, last=last)


def _rates(
    timeline: Timeline,
    name: str,
    pieces: Sequence[tuple[str, Sequence[EpochEntry]]],
    rules: Sequence[Rule],
    last: int,
) -> str:
    lines = _lines(name, "rate", pieces, stepped=True)
    values = [y for line in lines for _, y in line.points if y > 0 and math.isfinite(y)]
    log = bool(values) and max(values) > _LOG_FROM * min(values)
    marks = [
        Mark(shape="cut", x=made.epoch + 1, y=made.lr_after, title=_told(made))
        for made in _cuts(timeline)
        if made.lr_after is not None
        and (made.optimizer == name.removeprefix(f"{_RATE}_") or not made.optimizer)
    ]
    label = f"Learning rate over {last:,} epochs, changed {len(marks):,} times by callbacks."
    return chart(label, lines, marks, rules, last=last, height=130.0, log=log, format_y=rate)


def _pieces(timeline: Timeline) -> list[tuple[str, list[EpochEntry]]]:
    """Returns the epochs in unbroken pieces, each with its class: what was left behind is pale.

    The way to the present state is one piece, through all of its sessions.
    """
    left = {id(row) for row in timeline.abandoned}
    pieces: list[tuple[str, list[EpochEntry]]] = []
    way: list[EpochEntry] = []
    before: EpochEntry | None = None
    groups = groupby(timeline.epochs, key=lambda row: (row.session, id(row) in left))
    for (session, is_left), group in groups:
        rows = list(group)
        if is_left:
            begin = [before] if before is not None and before.session == session else []
            pieces.append((" left", begin + rows))
        elif way and way[-1].epoch < rows[0].epoch:
            way += rows
        else:
            way = rows
            pieces.append(("", way))
        before = rows[-1]
    return pieces


def _lines(
    metric: str,
    kind: str,
    pieces: Sequence[tuple[str, Sequence[EpochEntry]]],
    *,
    stepped: bool = False,
) -> list[Line]:
    return [
        Line(
            kind=kind + left,
            points=[(r.epoch + 1, r.metrics[metric]) for r in rows if metric in r.metrics],
            stepped=stepped,
        )
        for left, rows in pieces
    ]


def _marks(timeline: Timeline, metric: str, best: CheckpointEntry | None) -> Iterator[Mark]:
    entries = timeline.checkpoints
    if len(entries) > _MANY:
        entries = tuple(item for item in entries if item.restorable)[-_MANY:]
    gone_first = sorted(entries, key=lambda item: (item is best, item.restorable))
    if best is not None and all(item is not best for item in gone_first):
        gone_first.append(best)
    for item in gone_first:
        if metric in item.metrics:
            shape = "best" if item is best else "saved" if item.restorable else "gone"
            value = number(item.metrics[metric])
            title = f"Epoch {item.epoch + 1}, {metric} {value}. {item.why}"
            yield Mark(shape=shape, x=item.epoch + 1, y=item.metrics[metric], title=title)


def _cuts(timeline: Timeline) -> list[DecisionEntry]:
    return [
        made
        for made in timeline.acts
        if made.topic is Topic.LEARNING_RATE and made.verdict is Verdict.CHANGED
    ]


def _told(made: DecisionEntry) -> str:
    return f"After epoch {made.epoch + 1}: {made.sentence}"


def _rules(timeline: Timeline) -> Iterator[Rule]:
    cuts = _cuts(timeline)
    # A schedule that changes it every epoch is seen in its own curve.
    for made in cuts if len(cuts) <= _MANY_RULES else ():
        yield Rule(kind="cut", x=made.epoch + 1, title=_told(made))
    for made in timeline.acts:
        if made.verdict is Verdict.STOPPED:
            yield Rule(kind="stop", x=made.epoch + 1, title=_told(made))
    for back in timeline.restores:
        yield Rule(kind="restored", x=back.epoch + 1, title=back.sentence)


def _happened(timeline: Timeline, state: RunState) -> Iterator[str]:
    yield '<section aria-labelledby="story"><h2 id="story">What happened</h2><ol class="story">'
    for line in shortened(story(timeline, state, whole=False)):
        yield (
            f'<li><span class="epoch">epoch {line.moment.epoch + 1:,}</span><span dir="auto">'
            f"<strong>{clean(line.verdict)}</strong> {clean(line.sentence)}</span></li>"
        )
    yield "</ol></section>"


def _table(timeline: Timeline, best: CheckpointEntry | None) -> Iterator[str]:
    entries = timeline.checkpoints
    metrics = list(dict.fromkeys(name for item in entries for name in item.metrics))
    numeric = {"Epoch", "Step", "Size", *metrics}
    heads = ["Epoch", "Step", "Saved", "Status", *metrics, "Size", "Why", "Note and tags", "Digest"]
    cells = "".join(
        f'<th scope="col"{" class=n" if head in numeric else ""} dir="auto">{clean(head)}</th>'
        for head in heads
    )
    yield (
        '<section aria-labelledby="checkpoints"><h2 id="checkpoints">Checkpoints</h2>'
        '<div class="scroll" role="region" aria-label="Table of checkpoints" tabindex="0">'
        f"<table><thead><tr>{cells}</tr></thead><tbody>"
    )
    for item in entries:
        yield _row(item, metrics, is_best=item is best)
    yield "</tbody></table></div></section>"


def _row(item: CheckpointEntry, metrics: Iterable[str], *, is_best: bool) -> str:
    numbers = [f'<td class="n">{_metric_text(name, item.metrics)}</td>' for name in metrics]
    status = "★ best" if is_best else item.status
    said = " ".join((item.note, *(f"#{tag}" for tag in item.tags))).strip()
    digest = (item.digest or "").rpartition(":")[2]
    return "".join(
        (
            "<tr>" if item.restorable else '<tr class="gone">',
            f'<th scope="row" class="n">{item.epoch + 1:,}</th><td class="n">{item.step:,}</td>',
            f"<td>{_when(item.wall_time)}</td><td>{clean(status)}</td>",
            *numbers,
            f'<td class="n">{"" if item.status is Status.FAILED else size(item.total_bytes)}</td>',
            f'<td class="long">{clean(item.why)}</td>',
            f'<td class="long" dir="auto">{clean(said)}</td>',
            f'<td title="{clean(item.digest or "")}">{clean(digest[:_DIGEST_SHOWN])}</td></tr>\n',
        )
    )


def _metric_text(name: str, metrics: Mapping[str, float]) -> str:
    if name not in metrics:
        return ""
    return clean((rate if name.startswith(_RATE) else number)(metrics[name]))
