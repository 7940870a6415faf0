"""Load a checkpoint into a model: all of it, or nothing.

The file is copied into a private directory while its digest is computed, and Keras loads that copy:
the bytes that were checked are the bytes that are loaded, whatever happens to the original
meanwhile, and HDF5 never locks a file that a training may want to replace. Only then is the model
touched. Keras assigns layer by layer and raises when half of them are done, and it skips an
optimizer that does not fit with no more than a warning; here every variable is put back after a
failure, and a skipped optimizer is one.

It uses methods of the model object (`load_weights`, `variables`, `optimizer`) and imports no Keras.

Invariant: when `restore_into` raises, all variables of the model and its optimizers are as they
    were.
"""

from __future__ import annotations

import tempfile
import warnings
from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any, Final

import numpy as np

from epochline.errors import CheckpointMismatchError, CheckpointMissingError
from epochline.restore.lineage import Origin, remember_restored
from epochline.restore.tensors import (
    OPTIMIZER_PREFIX,
    Fingerprint,
    count_equal,
    fingerprint,
    read_fingerprints,
    shape_differences,
)
from epochline.sentences import rate
from epochline.store import export_sharded, export_verified, records_of
from epochline.timeline import CheckpointEntry, Status

__all__ = ["RestoreResult", "restore_into"]

# What Keras raises for a file that does not fit the model; anything else is passed on as it is.
_MISFIT: Final = (ValueError, KeyError, TypeError, OSError)
# The one sign that Keras gives (keras.optimizers.Optimizer.load_own_variables).
_SKIPPED_OPTIMIZER: Final = "Skipping variable loading for optimizer"


@dataclass(frozen=True, slots=True, kw_only=True)
class RestoreResult:
    """What a restore did.

    Attributes:
        checkpoint: Id of the checkpoint.
        weights_restored: Weights of the model that now hold exactly what the file holds.
        weights_total: Weights of the model. More than `weights_restored` only when layers load in a
            way of their own (LoRA, quantization, another dtype).
        optimizer_restored: Whether the state of the optimizer was loaded, too.
        learning_rate_before: Learning rate before; None when the model is not compiled, or has
            several of them.
        learning_rate_after: Learning rate after: it is part of the state of the optimizer.
        message: All of this in words.
    """

    checkpoint: str
    weights_restored: int
    weights_total: int
    optimizer_restored: bool
    learning_rate_before: float | None
    learning_rate_after: float | None
    message: str


def restore_into(
    model: Any, entry: CheckpointEntry, file: Path, *, optimizer: bool = True
) -> RestoreResult:
    """Loads a checkpoint into `model`.

    Args:
        model: A built Keras model of the same architecture.
        entry: The checkpoint.
        file: Its file.
        optimizer: Whether to load the state of the optimizer, if the checkpoint and the model have
            one. The optimizer is built for it. With False it stays as it is.

    Raises:
        CheckpointMissingError: If the file is gone, or was never saved.
        CheckpointCorruptError: If its bytes are not those that were saved; the model was not
            touched.
        CheckpointMismatchError: If it does not fit the model, which is left as it was.
    """
    if entry.size_bytes is None or entry.digest is None or entry.status is Status.PRUNED:
        raise CheckpointMissingError(str(file), f"{file.name} cannot be restored. {entry.why}")
    with tempfile.TemporaryDirectory(prefix="epochline-restore-") as private:
        # The name stays: Keras tells formats apart by its ending.
        copy = Path(private, file.name)
        if entry.parts:
            export_sharded(records_of(file, entry.stored), copy)
        else:
            export_verified(file, copy, size_bytes=entry.size_bytes, digest=entry.digest)
        return _restore(model, entry, file, copy, optimizer=optimizer)


def _restore(
    model: Any, entry: CheckpointEntry, file: Path, copy: Path, *, optimizer: bool
) -> RestoreResult:
    if not model.built:
        raise CheckpointMismatchError(
            str(file), ["the model has no variables yet; call it on a batch, or model.build(shape)"]
        )
    main = _main_optimizer(model)
    with_optimizer = bool(optimizer and entry.has_optimizer and main)
    ours = type(main).__name__
    if with_optimizer and entry.optimizer not in ("", ours):
        # Their variables may be as many and of the same shapes, and Keras looks no further.
        differs = (
            f"it holds the state of {entry.optimizer}, and the model is compiled with {ours}; "
            "optimizer=False loads the weights alone"
        )
        raise CheckpointMismatchError(str(file), [differs])
    if with_optimizer and not main.built:
        # Keras would skip the state of an optimizer that has no variables yet.
        main.build(model.trainable_variables)
    before = _Snapshot(model)
    rate_before = _learning_rate(main)
    try:
        _load(model, copy, with_optimizer=with_optimizer)
        saved = read_fingerprints(copy)
        if not with_optimizer:
            before.put_back_optimizers()
    except BaseException as error:
        before.put_back()
        if isinstance(error, _MISFIT):
            raise CheckpointMismatchError(str(file), _differences(model, copy, error)) from error
        raise
    weights = [_fingerprint(variable) for variable in model.weights]
    result = _result(
        entry,
        optimizer=_optimizer_outcome(main, saved, entry, wanted=optimizer),
        rates=(rate_before, _learning_rate(main)),
        weights=(count_equal(weights, _without_optimizer(saved).values()), len(weights)),
    )
    what = "weights and optimizer" if result.optimizer_restored else "weights"
    remember_restored(
        model, Origin(checkpoint=entry.id, session=entry.session, epoch=entry.epoch, what=what)
    )
    return result


def _load(model: Any, copy: Path, *, with_optimizer: bool) -> None:
    with warnings.catch_warnings():
        action = "error" if with_optimizer else "ignore"
        warnings.filterwarnings(action, message=_SKIPPED_OPTIMIZER)  # type: ignore[arg-type]
        model.load_weights(str(copy))


class _Snapshot:
    """The values of all variables of a model and of every optimizer that it holds."""

    def __init__(self, model: Any) -> None:
        self._weights = _values(model.variables)
        # A model of several networks (a GAN) holds its optimizers as attributes; Keras saves them
        # all.
        self._optimizers = [
            pair
            for value in vars(model).values()
            if hasattr(value, "apply_gradients")
            for pair in _values(value.variables)
        ]

    def put_back(self) -> None:
        for variable, value in self._weights:
            variable.assign(value)
        self.put_back_optimizers()

    def put_back_optimizers(self) -> None:
        for variable, value in self._optimizers:
            variable.assign(value)


def _values(variables: Iterable[Any]) -> list[tuple[Any, np.ndarray[Any, Any]]]:
    # A copy: an array of the torch backend may share the memory of its variable.
    return [(variable, np.array(variable.numpy(), copy=True)) for variable in variables]


def _fingerprint(variable: Any) -> Fingerprint:
    return fingerprint(np.asarray(variable.numpy()))


def _main_optimizer(model: Any) -> Any:
    return getattr(model, "optimizer", None)  # set by compile()


def _learning_rate(optimizer: Any) -> float | None:
    rate = getattr(optimizer, "learning_rate", None)  # MultiOptimizer has none of its own
    return None if rate is None else float(rate)


def _without_optimizer(saved: dict[str, Fingerprint]) -> dict[str, Fingerprint]:
    return {name: print_ for name, print_ in saved.items() if not name.startswith(OPTIMIZER_PREFIX)}


def _differences(model: Any, copy: Path, error: BaseException) -> list[str]:
    """Returns what differs: shapes if they do, else the optimizer, else what Keras said."""
    said = " ".join(str(error).split())
    try:
        saved = _without_optimizer(read_fingerprints(copy))
    except _MISFIT:
        return [said]
    ours = {variable.path: tuple(variable.shape) for variable in model.weights}
    shapes = shape_differences(ours, {name: shape for name, (shape, _) in saved.items()})
    if not shapes and _SKIPPED_OPTIMIZER in said:
        other = f"it was saved with another optimizer than this {type(model.optimizer).__name__}"
        return [f"{other}; restore with optimizer=False to load the weights alone"]
    return shapes or [said]


class _Optimizer(StrEnum):
    """What became of the optimizer, in words."""

    RESTORED = "optimizer state restored"
    UNWANTED = "optimizer left as it was"
    NOT_COMPILED = "the model is not compiled, so no optimizer state was loaded"
    NOT_SAVED = "the checkpoint holds no optimizer state, so the optimizer is as it was"
    NOT_LOADED = "Keras does not load the optimizer state of this file format"


def _optimizer_outcome(
    optimizer: Any, saved: dict[str, Fingerprint], entry: CheckpointEntry, *, wanted: bool
) -> _Optimizer:
    if not wanted:
        return _Optimizer.UNWANTED
    if optimizer is None:
        return _Optimizer.NOT_COMPILED
    if not entry.has_optimizer:
        return _Optimizer.NOT_SAVED
    equal = all(
        saved.get(f"{OPTIMIZER_PREFIX}vars/{place}") == _fingerprint(variable)
        for place, variable in enumerate(optimizer.variables)
    )
    return _Optimizer.RESTORED if equal else _Optimizer.NOT_LOADED


def _result(
    entry: CheckpointEntry,
    *,
    optimizer: _Optimizer,
    rates: tuple[float | None, float | None],
    weights: tuple[int, int],
) -> RestoreResult:
    restored, total = weights
    parts = [f"Restored epoch {entry.epoch + 1}: {restored} of {total} weights equal the file"]
    if restored < total:
        parts.append("the others were converted by their layers")
    parts.append(optimizer)
    if rates[0] != rates[1]:
        parts.append(f"learning rate {rate(rates[0])} → {rate(rates[1])}")
    return RestoreResult(
        checkpoint=entry.id,
        weights_restored=restored,
        weights_total=total,
        optimizer_restored=optimizer is _Optimizer.RESTORED,
        learning_rate_before=rates[0],
        learning_rate_after=rates[1],
        message="; ".join(parts) + ".",
    )
