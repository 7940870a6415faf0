"""docs/format.md and docs/glossary.md name all that is written."""

from __future__ import annotations

import re

import pytest

from epochline import events_pb2
from epochline.codec import SCHEMA
from epochline.events import (
    EndReason,
    Health,
    Outcome,
    SaveReason,
    Tier,
    Topic,
    Verdict,
    WeightsKind,
)
from epochline.restore.requests import Action, Source
from epochline.timeline import RunState, Status
from epochline.writer import PLUGIN_NAME, TAG_PREFIX
from tests.docs.markdown import ROOT

FORMAT = (ROOT / "docs" / "format.md").read_text()
GLOSSARY = (ROOT / "docs" / "glossary.md").read_text()
# Name of each event to the names of its fields.
KINDS = {
    kind.name: [field.name for field in kind.message_type.fields]
    for kind in events_pb2.Event.DESCRIPTOR.fields
    if kind.message_type is not None
}

TERMS = (
    *("batch", "checkpoint", "decision", "digest", "epoch", "lineage", "monitor", "record"),
    *("retention policy", "run", "run directory", "session", "step", "verdict"),
)


@pytest.mark.parametrize("kind", KINDS)
def test_every_event_is_described_with_all_its_fields(kind: str) -> None:
    """A field that is written without being documented is a broken contract."""
    section = re.search(rf"^### `{kind}`.*?(?=^##)", FORMAT, re.MULTILINE | re.DOTALL)
    assert section is not None
    assert [name for name in KINDS[kind] if f"`{name}`" not in section[0]] == []


def test_every_field_of_a_record_is_described() -> None:
    """The same for what is around the events."""
    section = FORMAT[FORMAT.index("## Record") : FORMAT.index("### `session_started`")]
    for field in events_pb2.Record.DESCRIPTOR.fields:
        assert f"| `{field.name}` | MUST |" in section


@pytest.mark.parametrize(
    "enum",
    [
        Action,
        EndReason,
        Health,
        Outcome,
        SaveReason,
        Source,
        Status,
        Tier,
        Topic,
        Verdict,
        WeightsKind,
    ],
)
def test_every_value_of_an_enum_is_described(enum: type[EndReason]) -> None:
    """Whoever meets a word in a file finds it in the document."""
    assert [member for member in enum if f"`{member}`" not in FORMAT] == []


def test_names_and_version_are_those_of_the_code() -> None:
    """The tag, the plugin and the version that are written are those that are documented."""
    assert f"Format version (`schema`): **{SCHEMA}**" in FORMAT
    assert f"`{TAG_PREFIX}` and the id of the session" in FORMAT
    assert f"`{PLUGIN_NAME}`, on every record" in FORMAT


@pytest.mark.parametrize("term", TERMS)
def test_glossary_explains_each_term(term: str) -> None:
    """The words of the documentation are explained."""
    assert f"- **{term}**: " in GLOSSARY


@pytest.mark.parametrize("enum", [RunState, SaveReason, Status, Topic, Verdict, WeightsKind])
def test_glossary_explains_every_word_that_is_shown(enum: type[Status]) -> None:
    """A word in the tab or on the command line is found in the glossary."""
    words = [member.replace("_", " ") for member in enum]
    assert [
        word for word in words if f"| {word} |" not in GLOSSARY and f"*{word}*" not in GLOSSARY
    ] == []


def test_glossary_terms_are_in_alphabetical_order() -> None:
    """A term is found without reading everything."""
    for section in GLOSSARY.split("\n## ")[1:]:
        terms = re.findall(r"^- \*\*([a-z][^*]*)\*\*: ", section, re.MULTILINE)
        assert terms == sorted(terms)
