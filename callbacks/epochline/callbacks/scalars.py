"""The standard scalar curves of a run.

Layout and tags are those of `keras.callbacks.TensorBoard`. For trainings without that callback, and
for backends without TensorFlow, which it needs. Knows nothing of records.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from epochline.writer import EventWriter

__all__ = ["ScalarCurves"]

_log = logging.getLogger("epochline")
_VALIDATION: Final = "val_"


class ScalarCurves:
    """Writes `train/` and `validation/` below a run directory, one point per epoch.

    Tags: `epoch_<metric>` at the zero-based epoch in both, `epoch_learning_rate` in `train/`, and
    `evaluation_<metric>_vs_iterations` at the optimizer's iterations in `validation/`.

    Args:
        run_dir: The run directory.
    """

    def __init__(self, run_dir: str | os.PathLike[str]) -> None:
        self._train = EventWriter(Path(run_dir, "train"))
        self._validation = EventWriter(Path(run_dir, "validation"))
        self._told = False

    def epoch_ended(self, epoch: int, iterations: int, metrics: Mapping[str, float]) -> None:
        """Writes the points of one epoch.

        Args:
            epoch: Zero-based epoch.
            iterations: Optimizer updates done.
            metrics: All metrics of the epoch; those of the validation begin with `val_`.
        """
        train = {f"epoch_{k}": v for k, v in metrics.items() if not k.startswith(_VALIDATION)}
        self._append(self._train, epoch, train)
        validation = {
            k.removeprefix(_VALIDATION): v for k, v in metrics.items() if k.startswith(_VALIDATION)
        }
        if validation:
            self._append(self._validation, epoch, {f"epoch_{k}": v for k, v in validation.items()})
            by_iteration = {f"evaluation_{k}_vs_iterations": v for k, v in validation.items()}
            self._append(self._validation, iterations, by_iteration)

    def close(self) -> None:
        """Closes both files."""
        for writer in (self._train, self._validation):
            try:
                writer.close()
            except OSError as error:
                self._tell(writer, error)

    def _append(self, writer: EventWriter, step: int, values: Mapping[str, float]) -> None:
        try:
            writer.append_scalars(step, values)
        except OSError as error:
            self._tell(writer, error)

    def _tell(self, writer: EventWriter, error: OSError) -> None:
        if not self._told:
            self._told = True
            _log.error(
                "Epochline cannot write the scalar curves to %s: %s. Training goes on; their "
                "points are kept in memory and written as soon as the disk allows.",
                writer.directory,
                error.strerror or error,
            )
