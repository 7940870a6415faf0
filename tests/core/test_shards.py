"""Indexes of sharded checkpoints: what is read out of one, whatever is in it."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from epochline.shards import (
    MOST_SHARDS,
    Division,
    index_name,
    parse_index,
    renamed_index,
    shard_name,
)

NAME = "epoch-0001.weights.json"
FIRST, SECOND = (shard_name(NAME, place) for place in range(2))
GROUPS = {"/layers/dense/vars": (0,), "/optimizer/vars": (0, 1)}
DIVISION = Division(sizes=(100, 200), groups=GROUPS, values_bytes=250)


def _index(**changes: Any) -> bytes:
    value: dict[str, Any] = {"metadata": {"total_size": 1}, "weight_map": {"/a/vars": FIRST}}
    return json.dumps(value | changes).encode()


def test_what_was_written_is_read_back() -> None:
    """Names, sizes, digests and which group is where."""
    data = DIVISION.index(NAME, ["d0", "d1"])
    shards = parse_index(data, NAME)
    assert [(one.name, one.size_bytes, one.digest) for one in shards] == [
        (FIRST, 100, "d0"),
        (SECOND, 200, "d1"),
    ]
    assert Division.of_index(data, NAME, (100, 200)) == DIVISION


def test_a_copy_under_another_name_has_its_own_shards() -> None:
    """As Keras expects them; nothing else changes."""
    other = "best.weights.json"
    data = renamed_index(DIVISION.index(NAME, ["d0", "d1"]), NAME, other)
    assert data == DIVISION.index(other, ["d0", "d1"])
    assert index_name(parse_index(data, other)[1].name) == other


def test_an_index_of_keras_says_nothing_of_its_shards() -> None:
    """The first one is there by its name, even if no group is in it."""
    (first, second) = parse_index(_index(weight_map={"/a/vars": SECOND}), NAME)
    assert (first.name, first.size_bytes, first.digest) == (FIRST, None, "")
    assert second.name == SECOND


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"{",
        b"[]",
        b"null",
        b"\xff\xfe",
        b"[" * 100_000,
        b"{}",
        _index(weight_map=[]),
        _index(weight_map={"/a/vars": 3}),
        _index(weight_map={"/a/vars": None}),
        _index(weight_map={"/a/vars": {"x": 1}}),
        _index(weight_map={"/a/vars": [[FIRST]]}),
        _index(weight_map={"/a/vars": "../secret_00000.weights.h5"}),
        _index(weight_map={"/a/vars": "/etc/passwd"}),
        _index(weight_map={"/a/vars": "dir/a_00000.weights.h5"}),
        _index(weight_map={"/a/vars": "dir\\a_00000.weights.h5"}),
        _index(weight_map={"/a/vars": "a_00000.weights.h5\x00"}),
        _index(weight_map={"/a/vars": "a_00000.weights.h5\n"}),
        _index(weight_map={"/a/vars": "a.weights.h5"}),
        _index(weight_map={"/a/vars": [shard_name(NAME, place) for place in range(300)]}),
        _index(epochline={"shards": [3]}),
        _index(epochline={"shards": [{"name": FIRST}]}),
        _index(epochline=[]),
    ],
    ids=lambda data: data[:40].decode("latin-1"),
)
def test_what_is_no_index_is_refused(data: bytes) -> None:
    """In words, and by nothing else than a `ValueError`."""
    with pytest.raises(ValueError, match=r"^it |^what it says .*\.$"):
        parse_index(data, NAME)


@given(st.recursive(st.none() | st.integers() | st.text(max_size=20), st.lists, max_leaves=5))
def test_no_name_leaves_the_directory_of_the_index(given_: Any) -> None:
    """Whatever an index says: plain names of shards, few enough, or a refusal."""
    try:
        shards = parse_index(_index(weight_map={"/a/vars": given_}), NAME)
    except ValueError:
        return
    assert len(shards) <= MOST_SHARDS
    assert all("/" not in one.name and one.name.endswith(".weights.h5") for one in shards)
