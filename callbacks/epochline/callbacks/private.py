"""All that is read from Keras beyond its public interface to see what is decided, in one table.

Each line says what is lost without it: the recorder then goes on with what is public, and says so.
`tests/callbacks/test_keras_contract.py` fails when a version of Keras moves one of these. What
saving and resuming take stands where it is taken: `saving_lib.py`, `walk.py`, `resuming/`.

Invariant: whatever is read here may be missing.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Final

import keras

from epochline.callbacks.stock import OrbaxCheckpoint

__all__ = ["RELIANCES", "Reliance", "moved", "peek"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Reliance:
    """One attribute that is read.

    Attributes:
        kind: Class that has it.
        name: Its name.
        without: What is not told without it; the end of a sentence.
        backend: The only backend where it exists; empty when it exists on all.
    """

    kind: type[Any]
    name: str
    without: str
    backend: str = ""


RELIANCES: Final = (
    Reliance(
        kind=keras.callbacks.ModelCheckpoint,
        name="_batches_seen_since_last_saving",
        without="a save between batches is told by its file only, and no save that was refused",
    ),
    Reliance(
        kind=OrbaxCheckpoint,
        name="_batches_seen_since_last_saving",
        without="its saves between batches are not told",
    ),
    Reliance(
        kind=OrbaxCheckpoint,
        name="_total_batches_seen",
        without="its saves between batches are told without their directory",
    ),
    Reliance(
        kind=keras.callbacks.BackupAndRestore,
        name="_batches_seen_since_last_saving",
        without="its backups between batches are not told",
    ),
    Reliance(
        kind=keras.callbacks.BackupAndRestore,
        name="_weights_path",
        without="its backups are told without their file",
    ),
    Reliance(
        kind=keras.callbacks.SwapEMAWeights,
        name="_ema_weights_in_model",
        without="it is not known which weights a checkpoint holds",
    ),
    Reliance(
        kind=keras.callbacks.CallbackList,
        name="_async_train",
        without="what happens between batches may be told without its cause",
    ),
    Reliance(
        kind=keras.Model,
        name="_initial_epoch",
        without="a resume by BackupAndRestore is told without its epoch",
    ),
    Reliance(
        kind=keras.optimizers.Optimizer,
        name="_learning_rate",
        without="a schedule inside the optimizer is not named as the cause",
    ),
    Reliance(
        kind=keras.Model,
        name="_jax_state_synced",
        without="what is set between batches is told at the end of the epoch",
        backend="jax",
    ),
)
"""What is read, and what is lost without it."""


def peek(owner: object, name: str, default: Any = None) -> Any:
    """Returns the attribute `name` of `owner`, `default` on a Keras that has moved it."""
    return getattr(owner, name, default)


def moved(owners: Iterable[object]) -> list[str]:
    """Returns a sentence for each attribute that one of `owners` should have and has not."""
    owners = tuple(owners)
    return [
        f"{reliance.kind.__name__} has no {reliance.name}: {reliance.without}."
        for reliance in RELIANCES
        if reliance.backend in ("", keras.backend.backend())
        and any(
            isinstance(owner, reliance.kind) and not hasattr(owner, reliance.name)
            for owner in owners
        )
    ]
