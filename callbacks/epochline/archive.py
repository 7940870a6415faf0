"""`.keras` files, put together from their members: the configuration, the assets, the weights.

A `.keras` file is a zip archive whose members are stored as they are. So a checkpoint that holds
weights becomes one by copying bytes: its own, and those of the run's `model.keras`. Nothing in them
is deserialized, and memory does not depend on their size.

Invariant: an archive appears only when the weights in it have the digest that was recorded.
"""

from __future__ import annotations

import io
import os
import tempfile
import zipfile
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Final

from epochline.contrast import VariableFile
from epochline.errors import (
    CheckpointCorruptError,
    CheckpointFormatError,
    CheckpointMissingError,
    ModelFileError,
)
from epochline.layout import Layout, read_layout, read_shards
from epochline.shards import INDEX_ENDING
from epochline.store import FileRecord, FileState, PendingFile, WrittenFile, verify_all
from epochline.store.digest import Digester, read_blocks
from epochline.store.files import open_regular
from epochline.template import Sink, Template, write_skeleton

if TYPE_CHECKING:
    from typing_extensions import Buffer

__all__ = ["MODEL_FILE", "archive_start", "export_archive", "give_weights", "write_archive"]

MODEL_FILE: Final = "model.keras"
"""The file of a run that keeps the model itself."""

_WEIGHTS_MEMBER: Final = "model.weights.h5"
_NEEDED: Final = frozenset({"config.json", "metadata.json"})
_BLOCK_BYTES: Final = 1 << 20
_ENCRYPTED: Final = 1

Members = Mapping[str, Iterable["bytes | memoryview"]]
"""Name to content, in pieces, of all members of an archive but the weights."""


def write_archive(sink: Sink, members: Members, write_weights: Callable[[Sink], object]) -> None:
    """Gives the bytes of a `.keras` file to `sink`, in order.

    The weights come first, where they lie at the same place in every archive; Keras goes by names.

    Args:
        sink: Gets them.
        members: All members but the weights.
        write_weights: Gives the bytes of the weights file to what it is called with.
    """
    with zipfile.ZipFile(_Stream(sink), "w") as archive:
        with archive.open(_weights_entry(), "w", force_zip64=True) as member:
            write_weights(member.write)
        for name, pieces in members.items():
            with archive.open(zipfile.ZipInfo(name), "w", force_zip64=True) as member:
                for piece in pieces:
                    member.write(piece)


def archive_start() -> int:
    """Returns where the weights begin in an archive."""
    lengths: list[int] = []
    stream = _Stream(lambda data: lengths.append(data.nbytes))
    with (
        zipfile.ZipFile(stream, "w") as archive,
        archive.open(_weights_entry(), "w", force_zip64=True),
    ):
        return sum(lengths)


def give_weights(path: Path, sink: Sink) -> None:
    """Gives the weights of a checkpoint to `sink` as one `.weights.h5` file, in order.

    Args:
        path: A `.weights.h5` file, which is given as it is, or the `.weights.json` of several.
        sink: Gets them.

    Raises:
        CheckpointFormatError: If a shard is no plain weights file.
        OSError: If a file cannot be read.
    """
    if not path.name.endswith(INDEX_ENDING):
        with io.FileIO(open_regular(path)) as file:
            for block in read_blocks(file, path):
                sink(block)
        return
    shards = read_shards(path)
    places = {variable.dataset: variable for variable in read_layout(path).variables}
    with (
        tempfile.TemporaryDirectory(prefix="epochline-") as private,
        VariableFile(path, shards=shards) as values,
    ):
        skeleton = Path(private, _WEIGHTS_MEMBER)
        write_skeleton(skeleton, {shard: None for shard, _ in shards})
        whole = Template.read(skeleton)

        def give(place: int, then: Sink) -> None:
            for block in values.blocks(places[whole.layout.variables[place].dataset]):
                then(block)

        whole.write(sink, give)


def export_archive(
    files: Sequence[FileRecord],
    model_file: Path,
    target: str | os.PathLike[str],
    *,
    layout: Layout | None = None,
    replace: bool = False,
) -> WrittenFile:
    """Makes a `.keras` file of a checkpoint that holds weights, and of its run's `model.keras`.

    Args:
        files: The checkpoint, as it was recorded: its `.weights.h5` file, or its `.weights.json`
            and the shards.
        model_file: Gives all but the weights.
        target: The new file.
        layout: Where the variables lie in the checkpoint; read from it when None.
        replace: Whether a file that is there may be replaced.

    Raises:
        ModelFileError: If `model_file` is not there, is no `.keras` file, or is of another model.
        CheckpointMissingError: If the checkpoint is gone.
        CheckpointCorruptError: If its bytes are not those that were saved; nothing was written.
        FileExistsError: If `target` exists and `replace` is False.
        OSError: If a file cannot be read or written.
    """
    main = files[0]
    if not os.path.lexists(main.path):
        raise CheckpointMissingError(str(main.path))
    if len(files) > 1:
        _check_shards(files)
    with _members(model_file) as members:
        _check_fits(model_file, layout or read_layout(main.path))
        digester = Digester()

        def write_weights(sink: Sink) -> None:
            def checked(data: memoryview) -> None:
                digester.update(data)
                sink(data)

            give_weights(main.path, checked)
            if len(files) == 1 and digester.digest() != main.digest:
                raise CheckpointCorruptError(str(main.path), main.digest, digester.digest())

        with PendingFile(target, replace=replace) as pending:
            write_archive(pending.write, members, write_weights)
            return pending.publish()


def _check_shards(files: Sequence[FileRecord]) -> None:
    found = verify_all(files)
    if found.state is FileState.MISSING:
        raise CheckpointMissingError(str(found.path))
    if not found:
        said = found.found_digest or f"{found.found_size_bytes} bytes"
        raise CheckpointCorruptError(str(found.path), found.expected_digest, said)


@contextmanager
def _members(path: Path) -> Iterator[Members]:
    """Yields all members of a `.keras` file but the weights; each is read when it is asked for."""
    try:
        with io.FileIO(open_regular(path)) as file, zipfile.ZipFile(file) as archive:
            infos = {one.filename: one for one in archive.infolist()}
            stored = all(
                one.compress_type == zipfile.ZIP_STORED and not one.flag_bits & _ENCRYPTED
                for one in infos.values()
            )
            if not stored or not infos.keys() >= _NEEDED:
                raise ModelFileError(str(path), "it is no .keras file as Keras writes it")
            infos.pop(_WEIGHTS_MEMBER, None)
            yield {name: _blocks(archive, info) for name, info in infos.items()}
    except FileNotFoundError as error:
        if error.filename != str(path):
            raise
        raise ModelFileError(str(path), "it is not there") from error
    except zipfile.BadZipFile as error:
        raise ModelFileError(str(path), f"it is damaged ({error})") from error


def _blocks(archive: zipfile.ZipFile, info: zipfile.ZipInfo) -> Iterator[bytes]:
    with archive.open(info) as member:
        while block := member.read(_BLOCK_BYTES):
            yield block


def _check_fits(model_file: Path, layout: Layout) -> None:
    """Raises `ModelFileError` when a model has other weights than a checkpoint."""
    try:
        own = read_layout(model_file)
    except CheckpointFormatError as error:
        raise ModelFileError(str(model_file), error.reason.rstrip(".")) from error
    ours, theirs = (
        {(item.dataset, item.shape) for item in one.variables if not item.of_optimizer}
        for one in (layout, own)
    )
    if ours != theirs:
        first = min(ours ^ theirs)[0]
        raise ModelFileError(
            str(model_file), f"it is of another model than the checkpoint (first: {first})"
        )


class _Stream(io.RawIOBase):
    """A file that only takes bytes, one after the other."""

    def __init__(self, sink: Sink) -> None:
        super().__init__()
        self._sink = sink

    def writable(self) -> bool:
        return True

    def write(self, data: Buffer) -> int:
        view = memoryview(data)
        self._sink(view)
        return view.nbytes


def _weights_entry() -> zipfile.ZipInfo:
    return zipfile.ZipInfo(_WEIGHTS_MEMBER)  # of a fixed date: the same state, the same bytes
