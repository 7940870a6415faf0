"""A report is whole, and shows whatever is in a run as text."""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Sequence
from html.parser import HTMLParser
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import pytest

import epochline
from epochline.events import CheckpointAnnotated, EpochEnded, Event, Record, SessionStarted
from epochline.report import report_html
from epochline.story import shortened, story
from epochline.timeline import RunState, Timeline, build_timeline
from tests.core.recorded import Recorded, record_run

HOSTILE = (
    "\"><img src=x onerror='alert(1)'><script>alert(2)</script></svg></title>&amp; \x00\u202e💥"
)


class _Seen(HTMLParser):
    """Notes every element and attribute of a document, and its text."""

    def __init__(self, document: str) -> None:
        super().__init__()
        self.tags: Counter[str] = Counter()
        self.attributes: list[tuple[str, str | None]] = []
        self.text = ""
        self.feed(document)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Called by the parser."""
        self.tags[tag] += 1
        self.attributes += attrs

    def handle_data(self, data: str) -> None:
        """Called by the parser."""
        self.text += data


def _timeline(*values: float, epochs: Sequence[int] = ()) -> Timeline:
    events: list[tuple[int, Event]] = [(0, SessionStarted(planned_epochs=9))]
    for place, value in enumerate(values):
        epoch = epochs[place] if epochs else place
        events.append((epoch, EpochEnded(metrics={"loss": value, "learning_rate": value})))
    return build_timeline(
        Record(
            session="a" * 16,
            seq=seq,
            wall_time=1e9 + seq,
            epoch=epoch,
            step=seq,
            batch=seq,
            events=(event,),
        )
        for seq, (epoch, event) in enumerate(events)
    )


def _svgs(document: str) -> list[ET.Element]:
    found = re.findall("<svg.*?</svg>", document, flags=re.DOTALL)
    return [ET.fromstring(one) for one in found]  # noqa: S314 – made just now


def test_whole_story_and_every_checkpoint_are_in_it(tmp_path: Path) -> None:
    """Curves of each metric, the lines of `epochline why`, a row for each checkpoint."""
    record_run(tmp_path)
    run = epochline.open_run(tmp_path)
    document = report_html("pima", run.timeline, run.state)
    seen = _Seen(document)

    for line in shortened(story(run.timeline, run.state, whole=False)):
        assert line.sentence in seen.text
    for item in run.checkpoints:
        assert item.why in seen.text
    assert seen.tags["tr"] == 1 + len(run.checkpoints)
    assert seen.tags["figure"] == len(_svgs(document)) == 3  # loss, accuracy, learning rate
    assert "val_accuracy 0.8, epoch 4" in seen.text
    titles = [title.text or "" for svg in _svgs(document) for title in svg.iter("title")]
    assert any("EarlyStopping stopped the training" in title for title in titles)
    assert document == report_html("pima", run.timeline, run.state)


def test_nothing_of_it_is_fetched_or_run(tmp_path: Path) -> None:
    """No script, handler, address or picture; and a policy that would stop them."""
    record_run(tmp_path)
    run = epochline.open_run(tmp_path)
    document = report_html("pima", run.timeline, run.state)
    seen = _Seen(document)

    assert not {"script", "link", "img", "iframe", "object", "base", "form", "a"} & set(seen.tags)
    names = {name for name, _ in seen.attributes}
    assert not {name for name in names if name.startswith("on") or name in ("src", "href")}
    assert not re.search(r"url\(|@import|https?:", document)
    assert (
        "content",
        "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'",
    ) in seen.attributes


def test_hostile_text_is_shown_as_text(tmp_path: Path) -> None:
    """Names of runs, metrics and files, notes and tags cannot leave their element or attribute."""
    run_dir = tmp_path / "run"
    plain = Recorded(tmp_path / "plain")
    hostile = Recorded(run_dir)
    for recorded, text in ((plain, "text"), (hostile, HOSTILE)):
        recorded.put(0, SessionStarted(callbacks=(text,), monitor=text, keep=text))
        metrics = {text: 0.5, f"val_{text}": 0.4, "learning_rate": 0.1}
        saved: Any = recorded.saved(
            0, b"weights", metrics, callback=text, monitor=text, observed=0.5
        )
        recorded.put(0, EpochEnded(metrics=metrics), saved)
        recorded.put(0, CheckpointAnnotated(id=saved.id, note=text, tags=(text,)))
    documents = []
    for recorded, name in ((plain, "text"), (hostile, HOSTILE)):
        run = epochline.open_run(recorded.run_dir)
        documents.append(report_html(name, run.timeline, run.state))

    expected, seen = map(_Seen, documents)
    assert seen.tags == expected.tags
    assert [name for name, _ in seen.attributes] == [name for name, _ in expected.attributes]
    assert "<script>alert(2)</script>" in seen.text
    assert "\x00" not in documents[1]
    assert "\u202e" not in documents[1]
    assert len(_svgs(documents[1])) == len(_svgs(documents[0]))


@pytest.mark.parametrize(
    "timeline",
    [
        _timeline(),
        _timeline(0.5),
        _timeline(math.nan),
        _timeline(math.nan, math.inf, 0.5, -math.inf, 0.25),
        _timeline(0.0, 0.0, 0.0),
        _timeline(-1.0, 1e-30, 1e30),
        _timeline(1.0, 2.0, 3.0, 0.5, epochs=(0, 1, 2, 1)),
        _timeline(*(1 / (n + 1) for n in range(5_000))),
    ],
    ids=["empty", "point", "nan", "not finite", "flat", "wide", "again", "long"],
)
def test_curves_of_any_numbers_are_drawn(timeline: Timeline) -> None:
    """Every coordinate is a finite number, and a long curve stays small."""
    document = report_html("any", timeline, RunState.ENDED)

    for svg in _svgs(document):
        coordinates = " ".join(path.get("d", "") for path in svg.iter("path"))
        assert not re.search("nan|inf", coordinates)
    assert len(document) < 120_000
    assert _Seen(document).tags["main"] == 1
