"""The mean of several checkpoints, as a new one.

Averaging the weights of checkpoints of one training, or of trainings that began with the same
weights, often generalizes better than the best of them (stochastic weight averaging,
arXiv:1803.05407; model soups, arXiv:2203.05482).

The files are read side by side in blocks, so memory does not depend on their size. HDF5 only makes
the frame of the new file, from that of the first, in a private scratch file. It runs in training
processes and on the command line, never in TensorBoard's.

Invariant: the new file appears only when every file that it was made of was what was recorded.
"""

from __future__ import annotations

import errno
import os
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

import numpy as np

from epochline.actions import ActionLog
from epochline.contrast import VariableFile
from epochline.dtypes import decoder, encoder
from epochline.errors import (
    AverageError,
    CheckpointCorruptError,
    CheckpointMissingError,
)
from epochline.events import CheckpointSaved, SaveReason
from epochline.layout import Layout, Variable, read_layout, read_shards
from epochline.run import Checkpoint, Run
from epochline.session import new_id, recorded_path
from epochline.shards import INDEX_ENDING, WEIGHTS_ENDING
from epochline.statistics import Measurements, measure_blocks
from epochline.store import FileState, PendingFile, WrittenFile
from epochline.template import Template, write_skeleton

__all__ = ["average", "recalibrated"]

_FEWEST: Final = 2
_MOVING: Final = ("moving_mean", "moving_variance")
_QUANTIZED: Final = frozenset({"int8", "uint8", "float8_e4m3fn", "float8_e5m2"})


def average(
    checkpoints: Sequence[Checkpoint],
    path: str | os.PathLike[str],
    *,
    progress: Callable[[int, int], object] | None = None,
) -> Checkpoint:
    """Writes the mean of the weights of several checkpoints, and returns it as a checkpoint.

    It is recorded in the run of the last of them, with the checkpoints it was made of as its
    `parents`, and has no metrics until you evaluate it. No retention policy removes it. It holds no
    optimizer state: that belongs to one course of a training. Values that are not floating point,
    such as the state of random generators, are those of the last checkpoint.

    Moving statistics (BatchNormalization) are averaged like the rest, which is not what they would
    be for the mean weights: see `recalibrated`.

    Args:
        checkpoints: At least two, of one architecture, saved as `.weights.h5` or `.weights.json`;
            of one run or of several.
        path: The new file; it must end in `.weights.h5`, and is never written over another one.
        progress: Called with the bytes read so far, and how many there are to read.

    Raises:
        AverageError: If there are fewer than two, one is listed twice, is no weights file, is
            quantized, or is known to be unhealthy, if they do not have the same variables, or
            `path` has another ending.
        CheckpointMissingError: If the file of one is gone.
        CheckpointCorruptError: If the file of one is not what was saved; nothing is written.
        FileExistsError: If there is a file at `path`.
        OSError: If a file cannot be read or written.

    Example:
        >>> run = epochline.open_run("logs/pima")  # doctest: +SKIP
        >>> best = run.ranked("val_loss")[:5]  # doctest: +SKIP
        >>> soup = epochline.average(best, "soup.weights.h5")  # doctest: +SKIP
        >>> soup.restore(model)  # doctest: +SKIP
    """
    target = Path(path)
    _check(checkpoints, target)
    last = checkpoints[-1]
    layouts = [_weights_of(item) for item in checkpoints]
    _check_alike(checkpoints, layouts)
    bytes_read = _BytesRead(checkpoints, layouts, progress)
    _verify(checkpoints, bytes_read)
    with ExitStack() as stack:
        private = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="epochline-")))
        template = _template(checkpoints[0], layouts[0], private)
        files = [stack.enter_context(_opened(item)) for item in checkpoints]
        mean = _Mean(files, layouts, bytes_read)
        pending = stack.enter_context(
            PendingFile(target, replace=False, size_bytes=template.size_bytes)
        )
        written, measurements = mean.write(template, pending)
    layout = _named(template.layout, layouts[-1])
    saved = CheckpointSaved(
        id=new_id(),
        path=recorded_path(last.run_dir, target),
        size_bytes=written.size_bytes,
        digest=written.digest,
        reason=SaveReason.AVERAGE,
        weights_kind=last.weights_kind,
        owned=False,
        save_seconds=written.seconds,
        parents=tuple(item.id for item in checkpoints),
    )
    with ActionLog(last.run_dir) as log:
        measured = measurements.to_event(id=saved.id, layout=layout.id)
        log.append(layout.to_event(), saved, measured, epoch=last.epoch)
    return Run(last.run_dir).checkpoint(saved.id)


def recalibrated(layout: Layout) -> tuple[str, ...]:
    """Returns the layers whose moving statistics do not belong to mean weights.

    Set them anew by a pass over the training data with `training=True`, for instance
    `for x in batches: model(x, training=True)`.

    Args:
        layout: That of the mean, `checkpoint.layout`.
    """
    moving = (item.name for item in layout.variables if item.name.endswith(_MOVING))
    return tuple(dict.fromkeys(name.rpartition("/")[0] for name in moving))


def _check(checkpoints: Sequence[Checkpoint], target: Path) -> None:
    if len(checkpoints) < _FEWEST:
        msg = f"A mean is made of {_FEWEST} checkpoints or more, not of {len(checkpoints)}."
        raise AverageError(msg)
    ids = [item.id for item in checkpoints]
    twice = sorted({name for name in ids if ids.count(name) > 1})
    if twice:
        msg = f"Checkpoint {twice[0]} is given more than once. Give each checkpoint once."
        raise AverageError(msg)
    bad = next((item for item in checkpoints if not item.healthy), None)
    if bad is not None:
        msg = f"{bad.file.name} is not healthy: {bad.health_detail} Leave it out."
        raise AverageError(msg)
    if not target.name.endswith(WEIGHTS_ENDING):
        msg = f"{str(target)!r} is no name for the mean: it must end in {WEIGHTS_ENDING}."
        raise AverageError(msg)
    if os.path.lexists(target):  # told before anything is read
        raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), str(target))


def _weights_of(item: Checkpoint) -> Layout:
    """Returns the layout of a checkpoint without the optimizer."""
    if not item.restorable:
        raise CheckpointMissingError(
            str(item.file), f"{item.file.name} cannot be averaged. {item.why}"
        )
    if not item.file.name.endswith((WEIGHTS_ENDING, INDEX_ENDING)):
        msg = f"{item.file.name} has no mean: only {WEIGHTS_ENDING} and {INDEX_ENDING} files do."
        raise AverageError(msg)
    layout = item.layout or read_layout(item.file)
    quantized = next((v for v in layout.variables if v.dtype in _QUANTIZED and v.shape), None)
    if quantized is not None:
        msg = (
            f"{item.file.name} has no mean: {quantized.label} is quantized ({quantized.dtype}). "
            "Average what was saved before the quantization."
        )
        raise AverageError(msg)
    return Layout.of(variable for variable in layout.variables if not variable.of_optimizer)


def _check_alike(checkpoints: Sequence[Checkpoint], layouts: Sequence[Layout]) -> None:
    first, *others = ({(v.dataset, v.shape, v.dtype) for v in one.variables} for one in layouts)
    for item, found in zip(checkpoints[1:], others, strict=True):
        odd = sorted(name for name, _, _ in first ^ found)
        if odd:
            raise AverageError(
                f"{item.file.name} does not have the variables of {checkpoints[0].file.name} "
                f"(first difference: {odd[0]}). Average checkpoints of one architecture."
            )


class _BytesRead:
    """Counts them: each file is read twice, to check it and to take its values."""

    def __init__(
        self,
        checkpoints: Sequence[Checkpoint],
        layouts: Sequence[Layout],
        progress: Callable[[int, int], object] | None,
    ) -> None:
        values = sum(variable.size_bytes for layout in layouts for variable in layout.variables)
        self._total = values + sum(item.total_bytes for item in checkpoints)
        self._read = 0
        self._progress = progress

    def add(self, count: int) -> None:
        self._read += count
        if self._progress is not None:
            self._progress(self._read, self._total)


def _verify(checkpoints: Sequence[Checkpoint], bytes_read: _BytesRead) -> None:
    for item in checkpoints:
        found = item.verify()
        if found.state is FileState.MISSING:
            raise CheckpointMissingError(str(item.file), found.message)
        if not found:
            raise CheckpointCorruptError(
                str(item.file), found.expected_digest, found.found_digest or found.message
            )
        bytes_read.add(item.total_bytes)


def _template(item: Checkpoint, layout: Layout, private: Path) -> Template:
    """Returns the frame of a file that has the variables of `layout`, as `item` has them."""
    wanted = {variable.dataset for variable in layout.variables}
    sources = [path for path, _ in read_shards(item.file)] if item.parts else [item.file]
    skeleton = private / "frame.weights.h5"
    within = {path: {v.dataset for v in read_layout(path).variables} for path in sources}
    write_skeleton(skeleton, {path: sorted(wanted & names) for path, names in within.items()})
    return Template.read(skeleton)


def _opened(item: Checkpoint) -> VariableFile:
    return VariableFile(
        item.file,
        size_bytes=item.size_bytes,
        shards=[(item.run_dir / part.path, part.size_bytes) for part in item.parts],
    )


def _named(layout: Layout, names: Layout) -> Layout:
    """Returns `layout` with what another layout of the same variables knows of them."""
    known = {variable.dataset: variable for variable in names.variables}
    return Layout.of(
        replace(item, name=known[item.dataset].name, trainable=known[item.dataset].trainable)
        for item in layout.variables
    )


class _Mean:
    """Reads the same variables of several files, and gives their mean."""

    def __init__(
        self,
        files: Sequence[VariableFile],
        layouts: Sequence[Layout],
        bytes_read: _BytesRead,
    ) -> None:
        self._sources = [
            (file, {variable.dataset: variable for variable in layout.variables})
            for file, layout in zip(files, layouts, strict=True)
        ]
        self._bytes_read = bytes_read

    def write(self, template: Template, pending: PendingFile) -> tuple[WrittenFile, Measurements]:
        """Writes and publishes the file; returns it with what its variables are."""
        rows = []

        def give(place: int, sink: Callable[[memoryview], object]) -> None:
            variable = template.layout.variables[place]

            def blocks() -> Iterator[memoryview]:
                for block in self._blocks(variable):
                    yield block
                    sink(block)

            rows.append(measure_blocks(blocks(), variable.dtype))

        template.write(pending.write, give)
        return pending.publish(), Measurements.of(rows)

    def _blocks(self, variable: Variable) -> Iterator[memoryview]:
        decode, encode = decoder(variable.dtype), encoder(variable.dtype)
        several = [file.blocks(known[variable.dataset]) for file, known in self._sources]
        for blocks in zip(*several, strict=True):
            self._bytes_read.add(sum(block.nbytes for block in blocks))
            if decode is None or encode is None:
                yield blocks[-1]
                continue
            total: np.ndarray[Any, Any] = decode(np.frombuffer(blocks[0], "u1")).astype("f8")
            for block in blocks[1:]:
                total += decode(np.frombuffer(block, "u1"))
            yield encode(total / len(blocks)).view("u1").data
