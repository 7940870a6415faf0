"""`.keras` files from their parts: the configuration, the assets, and a weights file.

Invariant: what Keras loads from such a file is what it loads from one that it wrote itself at that
moment.
"""

from __future__ import annotations

import io
import zipfile
from collections.abc import Mapping
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Final

import keras

from epochline.archive import archive_start, give_weights, write_archive
from epochline.callbacks.saving_lib import saving_lib_or_none
from epochline.callbacks.weights_file import Reuse, WeightsImage
from epochline.layout import Layout
from epochline.shards import Division
from epochline.statistics import Measurements
from epochline.store import PendingFile
from epochline.template import Sink

__all__ = ["KerasArchive", "archive_members", "write_model_file"]

_CONFIGURATION: Final = "config.json"


class KerasArchive:
    """A `.keras` file: a zip archive, nothing in it compressed.

    The weights come first, where they lie at the same place in every archive; Keras goes by names.

    Args:
        members: Name to content of all members but the weights.
        weights: The weights file.
    """

    def __init__(self, members: Mapping[str, bytes], weights: WeightsImage) -> None:
        self._members = members
        self._weights = weights
        self.size_bytes: int | None = None
        self.division: Division | None = None
        start = archive_start()
        self.layout: Layout | None = Layout.of(
            replace(item, offset=item.offset + start) if item.size_bytes else item
            for item in weights.layout.variables
        )

    def write(self, sink: Sink, reuse: Reuse | None = None) -> Measurements | None:
        """Gives the bytes to `sink`, in order, once; returns the statistics of the variables."""
        measured: list[Measurements] = []
        write_archive(
            sink,
            _in_pieces(self._members),
            lambda member: measured.append(self._weights.write(member)),
        )
        return measured[0]


def write_model_file(path: Path, members: Mapping[str, bytes], weights: Path) -> None:
    """Writes a `.keras` file with the weights of another file, unless it is there already.

    Args:
        path: The file. One with another configuration is replaced.
        members: Name to content of all members but the weights.
        weights: A `.weights.h5` file, or the `.weights.json` of several.

    Raises:
        OSError: If it could not be written; what was there before still is.
    """
    if _has(path, members):
        return
    with PendingFile(path, replace=True) as pending:
        write_archive(pending.write, _in_pieces(members), partial(give_weights, weights))
        pending.publish()


def _in_pieces(members: Mapping[str, bytes]) -> dict[str, list[bytes]]:
    return {name: [content] for name, content in members.items()}


def _has(path: Path, members: Mapping[str, bytes]) -> bool:
    """Returns whether a `.keras` file has that configuration already."""
    try:
        with zipfile.ZipFile(path) as archive:
            info = archive.getinfo(_CONFIGURATION)
            wanted = members[_CONFIGURATION]
            return info.file_size == len(wanted) and archive.read(info) == wanted
    except (OSError, KeyError, zipfile.BadZipFile):
        return False


def archive_members(model: keras.Model) -> dict[str, bytes]:
    """Returns what Keras puts into a `.keras` file beside the weights.

    Raises:
        ImportError: On a Keras that has moved what this takes; see `saving_lib_or_none`.
        Exception: Whatever the model raises that has no configuration.
    """
    saving_lib = saving_lib_or_none()
    if saving_lib is None:
        msg = f"Keras {keras.__version__} has no saving_lib as this version of Epochline knows it."
        raise ImportError(msg)
    config, metadata = saving_lib._serialize_model_as_json(model)  # noqa: SLF001 – see saving_lib.py
    members = {"metadata.json": metadata.encode(), "config.json": config.encode()}
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        assets = saving_lib.DiskIOStore("assets", archive=archive, mode="w")
        try:
            saving_lib._save_state(  # noqa: SLF001 – see saving_lib.py
                model,
                weights_store=None,
                assets_store=assets,
                inner_path="",
                visited_saveables=set(),
            )
        finally:
            assets.close()
    with zipfile.ZipFile(buffer) as archive:
        return members | {name: archive.read(name) for name in archive.namelist()}
