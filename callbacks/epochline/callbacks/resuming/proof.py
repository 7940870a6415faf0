"""The digests of a training, for `epochline resume-proof`; see `epochline.restore.resume_proof`."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Self

import keras

from epochline.callbacks.measure import scalars
from epochline.callbacks.resuming.randomness import capture_random
from epochline.callbacks.resuming.variables import capture_variables, describe_variables
from epochline.restore.plain import encode
from epochline.restore.resume_proof import END, LOG_VARIABLE, Snapshot, append_snapshot
from epochline.store import digest_bytes

__all__ = ["ProofLog"]


class ProofLog:
    """Appends what a training is to a file.

    Args:
        path: The file.
        training: Name of the training.
    """

    def __init__(self, path: Path, training: str) -> None:
        self._path = path
        self._training = training

    @classmethod
    def wanted(cls, run_dir: Path, number: int) -> Self | None:
        """Returns the log that a running proof wants of this training, None when none runs."""
        path = os.environ.get(LOG_VARIABLE)
        name = run_dir.name if not number else f"{run_dir.name}, training {number + 1}"
        return cls(Path(path), name) if path else None

    def epoch_ended(
        self,
        epoch: int,
        model: keras.Model,
        callbacks: Sequence[Mapping[str, Any]],
        logs: Mapping[str, Any],
    ) -> None:
        """Appends the state of an epoch that has ended."""
        metrics = {f"metric {name}": repr(value) for name, value in scalars(logs).items()}
        self._append(epoch, metrics | _values(model, callbacks))

    def train_ended(self, model: keras.Model, callbacks: Sequence[Mapping[str, Any]]) -> None:
        """Appends the state that the training leaves."""
        self._append(END, _values(model, callbacks))

    def _append(self, epoch: int, values: Mapping[str, str]) -> None:
        snapshot = Snapshot(training=self._training, epoch=epoch, values=values)
        append_snapshot(self._path, snapshot)


def _values(model: keras.Model, callbacks: Sequence[Mapping[str, Any]]) -> dict[str, str]:
    described = describe_variables(model)
    values = {
        f"{group} variable {index} ({described[group][index]['path']})": _digest(value)
        for group, items in capture_variables(model, metrics=False).items()
        for index, value in enumerate(items)
    }
    for index, entry in enumerate(callbacks):
        state = entry["state"].get("attributes", entry["state"])
        name = entry["class"].rpartition(".")[2]
        values |= {f"{name}.{key} (callback {index + 1})": _shown(state[key]) for key in state}
    for name, state in capture_random().items():
        values[f"random state of {name}"] = _digest(state)
    return values


def _shown(value: Any) -> str:
    return repr(value) if isinstance(value, int | float | str | None) else _digest(value)


def _digest(value: Any) -> str:
    return digest_bytes(b"".join(encode(value)))
