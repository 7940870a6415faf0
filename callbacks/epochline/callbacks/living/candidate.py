"""A checkpoint file beside a living model: does it fit, what would change, load it.

The file is copied to a private directory while its digest is computed, so that the bytes that were
checked are the bytes that are loaded. What is in it is found by the strict reader of
`epochline.layout`, and read as plain bytes; Keras does not parse it, and nothing in it is executed.

Invariant: nothing is assigned before every variable was found to fit: by its path in the file, its
shape and its dtype.
"""

from __future__ import annotations

import io
import math
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path, PurePosixPath
from typing import Any, Final

import keras
import numpy as np

from epochline.callbacks.private import peek
from epochline.callbacks.walk import PlanError, Walk
from epochline.errors import CheckpointCorruptError, CheckpointFormatError, CheckpointMissingError
from epochline.layout import Layout, Variable, read_layout, read_shards
from epochline.restore.requests import LayerChange
from epochline.run import Checkpoint
from epochline.shards import INDEX_ENDING
from epochline.store import export_sharded, export_verified, records_of
from epochline.store.digest import Digester

__all__ = ["Candidate", "NotEqualError", "Refusal", "candidate", "check_file", "values_of"]

_FORMATS: Final = (".weights.h5", INDEX_ENDING)
_TOLD: Final = 3
_MOST_LAYERS: Final = 50


class Refusal(Exception):  # noqa: N818 – it is an answer, not an error
    """What is asked for is not done, and nothing was changed; the message says why."""


class NotEqualError(RuntimeError):
    """The live variables do not hold what was assigned to them."""


def check_file(item: Checkpoint) -> None:
    """Lets a checkpoint pass that may be loaded into a running training.

    Raises:
        Refusal: If it may not.
    """
    if not item.restorable or item.digest is None or item.size_bytes is None:
        raise Refusal(f"Its file cannot be restored. {item.why}")
    if not item.owned:
        raise Refusal(
            f"{item.path} was not saved by Epochline. Only files of its own are restored into a "
            "running training."
        )
    path = PurePosixPath(item.path)
    if path.is_absolute() or ".." in path.parts:
        raise Refusal(f"{item.path} is not inside of the run directory.")
    if not item.path.endswith(_FORMATS):
        raise Refusal(
            f"{item.path} holds a whole model. Only files of weights are restored into a running "
            "training: save with save_weights_only=True."
        )


@contextmanager
def candidate(model: keras.Model, item: Checkpoint, *, optimizer: bool) -> Iterator[Candidate]:
    """Makes a checkpoint ready to be loaded, for the length of a block.

    Args:
        model: The living model, with its state in it.
        item: A checkpoint that `check_file` has let pass.
        optimizer: Whether the state of the optimizer is wanted, too.

    Raises:
        Refusal: If its bytes are not those that were saved, or do not fit the model.
    """
    with tempfile.TemporaryDirectory(prefix="epochline-live-") as private, ExitStack() as stack:
        copy = Path(private, item.file.name)
        try:
            _copy(item, copy)
            layout = read_layout(copy)
            files = read_shards(copy) if item.parts else [(copy, copy.stat().st_size)]
        except (CheckpointCorruptError, CheckpointFormatError, CheckpointMissingError) as error:
            raise Refusal(str(error)) from error
        except (OSError, ValueError) as error:
            raise Refusal(f"{item.path} cannot be read: {error}.") from error
        opened = [(stack.enter_context(io.FileIO(path)), length) for path, length in files]
        yield Candidate(model, layout, opened, optimizer=optimizer)


def _copy(item: Checkpoint, copy: Path) -> None:
    if item.parts:
        export_sharded(records_of(item.file, item.stored), copy, beneath=item.run_dir)
        return
    main = item.stored[0]
    export_verified(
        item.file, copy, size_bytes=main.size_bytes, digest=main.digest, beneath=item.run_dir
    )


class Candidate:
    """The variables of a checkpoint, each with the living variable that it belongs to.

    Args:
        model: The living model.
        layout: Where the variables lie.
        files: The files, one behind the other, with their sizes.
        optimizer: Whether the state of the optimizer is wanted, too.

    Attributes:
        total: How many variables are wanted.
    """

    def __init__(
        self,
        model: keras.Model,
        layout: Layout,
        files: Sequence[tuple[io.FileIO, int]],
        *,
        optimizer: bool,
    ) -> None:
        self._files = files
        living = _living(model)
        saved = {item.dataset: item for item in layout.variables}
        self._rate = _rate_place(model, living, saved)
        if not optimizer:
            living = {path: item for path, item in living.items() if not _of_optimizer(path)}
            saved = {path: item for path, item in saved.items() if not item.of_optimizer}
        differences = _differences(living, saved)
        if differences:
            more = len(differences) - _TOLD
            told = "; ".join(differences[:_TOLD]) + (f"; and {more} more" if more > 0 else "")
            raise Refusal(f"It does not fit the model that is trained: {told}.")
        self._pairs = [(living[path], saved[path]) for path in sorted(living)]
        self.total = len(self._pairs)

    @property
    def learning_rate(self) -> float | None:
        """The learning rate that the checkpoint holds; None when it holds none."""
        if self._rate is None:
            return None
        data = np.frombuffer(self._read(self._rate), dtype=self._rate.dtype)
        return float(data[0])

    def load(self) -> int:
        """Assigns all values, reads them again, and returns how many are equal: all.

        Raises:
            NotEqualError: If they are not.
        """
        for variable, item in self._pairs:
            now = values_of(variable)
            variable.assign(np.frombuffer(self._read(item), dtype=now.dtype).reshape(now.shape))
        equal = sum(
            values_of(variable).tobytes() == self._read(item) for variable, item in self._pairs
        )
        if equal != self.total:
            message = f"only {equal} of {self.total} variables hold what the file holds"
            raise NotEqualError(message)
        return equal

    def fingerprint(self) -> str:
        """Returns the digest of the living values, in the order of their paths."""
        digester = Digester()
        for variable, _ in self._pairs:
            digester.update(values_of(variable).tobytes())
        return digester.digest()

    def changes(self) -> tuple[LayerChange, ...]:
        """Returns how far each layer would go, the largest change first; at most 50."""
        squares: dict[str, tuple[float, float]] = {}
        for variable, item in self._pairs:
            now = values_of(variable)
            if item.of_optimizer or now.dtype.kind not in "fV":
                continue
            saved = np.frombuffer(self._read(item), dtype=now.dtype).reshape(now.shape)
            wide = now.astype("float64")
            change, norm = squares.get(_layer(variable), (0.0, 0.0))
            with np.errstate(all="ignore"):
                moved = float(np.sum(np.square(saved.astype("float64") - wide)))
                squares[_layer(variable)] = (change + moved, norm + float(np.sum(np.square(wide))))
        changes = [
            LayerChange(layer=name, relative_change=_ratio(change, norm))
            for name, (change, norm) in squares.items()
        ]
        changes.sort(key=lambda item: -(item.relative_change or 0.0))
        return tuple(changes[:_MOST_LAYERS])

    def _read(self, item: Variable) -> bytes:
        offset, files = item.offset, iter(self._files)
        file, length = next(files)
        while offset >= length:
            offset -= length
            file, length = next(files)
        file.seek(offset)
        data = bytearray(item.size_bytes)
        view = memoryview(data)
        while view and (count := file.readinto(view)):
            view = view[count:]
        return bytes(data)


def values_of(variable: Any) -> np.ndarray[Any, Any]:
    """Returns the values of a living variable, on every backend, also of a mirrored one."""
    return np.asarray(keras.ops.convert_to_numpy(variable.value), order="C")


def _living(model: keras.Model) -> dict[str, Any]:
    """Returns path in a file to variable of the model."""
    try:
        walk = Walk(model)
    except PlanError as error:
        raise Refusal(f"The variables of this model are not known one by one: {error}.") from error
    if not walk.fixed:
        raise Refusal(
            "A layer or optimizer of this model saves itself in a way of its own "
            "(save_own_variables), which has not been proven to work in a running training. "
            "Restore between two trainings: checkpoint.restore(model)."
        )
    return dict(walk.values)


def _rate_place(
    model: keras.Model, living: dict[str, Any], saved: dict[str, Variable]
) -> Variable | None:
    optimizer = getattr(model, "optimizer", None)
    rate = peek(getattr(optimizer, "inner_optimizer", optimizer), "_learning_rate")
    if not isinstance(rate, keras.Variable):
        return None
    return next((saved.get(path) for path, item in living.items() if item is rate), None)


def _of_optimizer(path: str) -> bool:
    return Variable(dataset=path, dtype="").of_optimizer


def _differences(living: dict[str, Any], saved: dict[str, Variable]) -> list[str]:
    told = []
    for path, variable in living.items():
        now, name = values_of(variable), _label(variable, path)
        item = saved.get(path)
        if item is None:
            told.append(f"the model has {name}, the checkpoint does not")
        elif (tuple(now.shape), now.dtype.name) != (item.shape, item.dtype):
            told.append(
                f"{name} is {now.dtype.name} {tuple(now.shape)} in the model, and {item.dtype} "
                f"{item.shape} in the checkpoint"
            )
    only = (item.label for path, item in saved.items() if path not in living)
    return [*told, *(f"the checkpoint has {name}, the model does not" for name in only)]


def _label(variable: Any, path: str) -> str:
    return str(getattr(variable, "path", "") or path)


def _layer(variable: Any) -> str:
    name = _label(variable, "")
    return name.rpartition("/")[0] or name


def _ratio(change: float, norm: float) -> float | None:
    if not math.isfinite(change) or not math.isfinite(norm) or not norm:
        return None
    return math.sqrt(change / norm)
