"""Any event and any record that the types allow, for hypothesis."""

from __future__ import annotations

import types
from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from typing import Any, TypeVar, Union, cast, get_args, get_origin, get_type_hints

from hypothesis import strategies as st

from epochline.events import Event, Record

__all__ = ["events", "events_of", "records"]

_E = TypeVar("_E")
_INT64 = st.integers(-(2**63), 2**63 - 1)
_PLAIN: dict[Any, st.SearchStrategy[Any]] = {
    str: st.text(max_size=30),
    bytes: st.binary(max_size=30),
    bool: st.booleans(),
    int: _INT64,
    float: st.floats(),
    types.NoneType: st.none(),
}


def _of_type(hint: Any) -> st.SearchStrategy[Any]:
    if hint in _PLAIN:
        return _PLAIN[hint]
    arguments = get_args(hint)
    if get_origin(hint) in (types.UnionType, Union):
        return st.one_of(*map(_of_type, arguments))
    if get_origin(hint) is Mapping:
        return st.dictionaries(*map(_of_type, arguments), max_size=4)
    if get_origin(hint) is tuple:
        return st.lists(_of_type(arguments[0]), max_size=4).map(tuple)
    if is_dataclass(hint):
        return events_of(cast("type[Any]", hint))
    return st.sampled_from(list(hint))


def events_of(kind: type[_E]) -> st.SearchStrategy[_E]:
    """Returns a strategy for values of one class."""
    hints = get_type_hints(kind)
    return st.builds(kind, **{spec.name: _of_type(hints[spec.name]) for spec in fields(kind)})  # type: ignore[arg-type]


events: st.SearchStrategy[Event] = st.one_of(*map(events_of, get_args(Event)))
records: st.SearchStrategy[Record] = st.builds(
    Record,
    session=st.text("0123456789abcdef", min_size=16, max_size=16),
    seq=st.integers(0, 2**63 - 1),
    wall_time=st.floats(0, 1e11),
    epoch=_INT64,
    step=_INT64,
    batch=_INT64,
    events=st.lists(events, max_size=5).map(tuple),
)
