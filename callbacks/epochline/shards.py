"""Sharded checkpoints: one index that names several weights files, the shards.

Keras reads such an index (`x.weights.json`) with `load_weights`, and expects its shards beside it:
`x_00000.weights.h5`, which must exist, `x_00001.weights.h5` and so on. The format is that of
`keras.src.saving.saving_lib.ShardedH5IOStore`, Keras 3.10 and newer; we add the size and the digest
of each shard, so that the digest of the index stands for all of them.

Pure: names and JSON; no files, HDF5 or Keras.

Invariant: a name that comes out of an index is a plain name, and so lies in the directory of the
index.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import PurePath
from typing import Any, Final

__all__ = [
    "INDEX_ENDING",
    "MOST_INDEX_BYTES",
    "MOST_SHARDS",
    "WEIGHTS_ENDING",
    "Division",
    "Shard",
    "index_name",
    "parse_index",
    "renamed_index",
    "shard_name",
]

INDEX_ENDING: Final = ".weights.json"
WEIGHTS_ENDING: Final = ".weights.h5"
MOST_SHARDS: Final = 256
"""How many shards one checkpoint may have; all of them are open while it is written."""
MOST_INDEX_BYTES: Final = 1 << 26

_SHARD: Final = re.compile(r"(?P<base>[^/\\\x00]{1,240})_\d{5,}\.weights\.h5")
_OURS: Final = "epochline"


@dataclass(frozen=True, slots=True, kw_only=True)
class Shard:
    """A weights file that an index names.

    Attributes:
        name: Its name, in the directory of the index.
        size_bytes: Its size; None when the index does not say.
        digest: Its digest; empty when the index does not say.
    """

    name: str
    size_bytes: int | None = None
    digest: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Division:
    """How a model's weights are spread over shards.

    Attributes:
        sizes: Size of each shard in bytes, in their order.
        groups: Path of each group of variables in the HDF5 files, such as `/layers/dense/vars`, to
            the places of the shards that hold them.
        values_bytes: Bytes of all values together.
        shared: Places of the shards that hold nothing but frozen layers.
    """

    sizes: tuple[int, ...]
    groups: Mapping[str, tuple[int, ...]]
    values_bytes: int
    shared: frozenset[int] = frozenset()

    @classmethod
    def of_index(cls, data: bytes, name: str, sizes: Sequence[int]) -> Division:
        """Returns the division that an index of Keras's tells of.

        Args:
            data: Content of the index.
            name: Its name.
            sizes: Of the shards.

        Raises:
            ValueError: As `parse_index`.
        """
        places = {shard.name: place for place, shard in enumerate(parse_index(data, name))}
        value = _value(data)
        return cls(
            sizes=tuple(sizes),
            groups={
                group: tuple(places[one] for one in (given if isinstance(given, list) else [given]))
                for group, given in value["weight_map"].items()
            },
            values_bytes=int(value["metadata"]["total_size"]),
        )

    def index(self, name: str, digests: Sequence[str]) -> bytes:
        """Returns the content of the index `name`.

        Args:
            name: Name of the index.
            digests: Of the shards.
        """
        names = [shard_name(name, place) for place in range(len(self.sizes))]
        weight_map = {
            group: names[places[0]] if len(places) == 1 else [names[place] for place in places]
            for group, places in self.groups.items()
        }
        rows = [
            _row(Shard(name=shard, size_bytes=size, digest=digest))
            for shard, size, digest in zip(names, self.sizes, digests, strict=True)
        ]
        value = {
            "metadata": {"total_size": self.values_bytes},
            "weight_map": weight_map,
            _OURS: {"shards": rows},
        }
        return json.dumps(value, indent=4).encode()


def shard_name(index: str, place: int) -> str:
    """Returns the name of a shard, by Keras's rule.

    Args:
        index: Name of the index.
        place: Place of the shard, from 0.

    Example:
        >>> shard_name("epoch-0003.weights.json", 0)
        'epoch-0003_00000.weights.h5'
    """
    return f"{PurePath(index).stem.replace('.weights', '')}_{place:05}.weights.h5"


def index_name(shard: str) -> str | None:
    """Returns the name of the index that a shard of this name belongs to; None when it is none.

    Example:
        >>> index_name("epoch-0003_00000.weights.h5")
        'epoch-0003.weights.json'
    """
    match = _SHARD.fullmatch(shard)
    return None if match is None else match["base"] + INDEX_ENDING


def parse_index(data: bytes, name: str) -> tuple[Shard, ...]:
    """Returns the shards that an index names, in the order of their names.

    Args:
        data: Content of the index.
        name: Name of the index; the first shard has to exist by it.

    Raises:
        ValueError: If it is no index, or names what is no shard beside it; the message is one
            sentence.
    """
    value = _value(data)
    names = {shard_name(name, 0)}
    for given in value["weight_map"].values():
        for one in given if isinstance(given, list) else [given]:
            if not isinstance(one, str) or not _SHARD.fullmatch(one):
                raise ValueError(f"it names {one!r}, which is no shard.")
            names.add(one)
    if len(names) > MOST_SHARDS:
        raise ValueError(f"it names {len(names)} shards; up to {MOST_SHARDS} are possible.")
    known = {shard.name: shard for shard in _recorded(value)}
    return tuple(known.get(one, Shard(name=one)) for one in sorted(names))


def renamed_index(data: bytes, name: str, new_name: str) -> bytes:
    """Returns the index for a copy under another name, whose shards are renamed with it.

    Args:
        data: Content of the index.
        name: Its name.
        new_name: Name of the copy.

    Raises:
        ValueError: As `parse_index`.
    """
    shards = parse_index(data, name)
    names = {shard.name: shard_name(new_name, place) for place, shard in enumerate(shards)}
    value = _value(data)
    value["weight_map"] = {
        group: [names[one] for one in given] if isinstance(given, list) else names[given]
        for group, given in value["weight_map"].items()
    }
    recorded = [shard for shard in _recorded(value) if shard.name in names]
    if recorded:
        value[_OURS] = {
            "shards": [_row(replace(shard, name=names[shard.name])) for shard in recorded]
        }
    return json.dumps(value, indent=4).encode()


def _value(data: bytes) -> dict[str, Any]:
    try:
        value = json.loads(data)
    except (ValueError, RecursionError) as error:
        raise ValueError("it is no JSON.") from error
    if not isinstance(value, dict) or not isinstance(value.get("weight_map"), dict):
        raise ValueError("it has no weight_map.")  # noqa: TRY004 – of a value in a file
    return value


def _row(shard: Shard) -> dict[str, Any]:
    return {"name": shard.name, "size_bytes": shard.size_bytes, "digest": shard.digest}


def _recorded(value: Mapping[str, Any]) -> Iterator[Shard]:
    """Yields the shards of an index of ours."""
    try:
        for row in value.get(_OURS, {}).get("shards", ()):
            name, size_bytes, digest = row["name"], row["size_bytes"], row["digest"]
            if isinstance(name, str) and isinstance(digest, str) and type(size_bytes) is int:
                yield Shard(name=name, size_bytes=size_bytes, digest=digest)
    except (AttributeError, KeyError, TypeError) as error:
        raise ValueError("what it says of its shards is damaged.") from error
