"""Checkpoints that are saved for their own sake: because somebody asks, or as a way back.

Invariant: what is saved here lies beside the other checkpoints of the run, under a name that none
of them has, and is on the disk when `Keeper.save` returns.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from epochline.callbacks.fit import Fit
from epochline.callbacks.saving import CHECKPOINTS_DIR
from epochline.events import CheckpointSaved, SaveReason
from epochline.store import CheckpointStore
from epochline.upkeep import annotate

__all__ = ["NAME", "Keeper"]

NAME: Final = "LiveRestore"
"""Under which all that this package does is recorded."""


class Keeper:
    """Saves checkpoints of one training, and pins them.

    Args:
        fit: The training.
    """

    def __init__(self, fit: Fit) -> None:
        self._fit = fit

    def save(self, stem: str, metrics: Mapping[str, float] | None = None) -> CheckpointSaved | None:
        """Saves a checkpoint, and returns what was recorded once it is safe; None if it failed.

        Args:
            stem: How its name begins.
            metrics: The metrics of this moment, as far as there are some.
        """
        fit, saved = self._fit, list[CheckpointSaved | None]()
        folder = CheckpointStore(fit.run_dir / CHECKPOINTS_DIR)
        name = f"{stem}-epoch-{fit.session.epoch + 1:04d}-step-{fit.session.step}"
        fit.saver.save(
            fit.model,
            folder.free_name(name, ".weights.h5"),
            metrics or {},
            overwrite=False,
            then=saved.append,
            reason=SaveReason.MANUAL,
            weights_kind=fit.weights_to_save(NAME),
            callback=NAME,
        )
        fit.saver.finish()
        return saved[0] if saved else None

    def pin(self, checkpoint: str, *, pinned: bool, note: str | None = None) -> None:
        """Makes a checkpoint stay whatever the retention policy says, or no longer."""
        try:
            annotate(self._fit.run_dir, checkpoint, pinned=pinned, note=note)
        except OSError as error:
            self._fit.session.notice(
                "pin_failed",
                f"Checkpoint {checkpoint} could not be pinned: {error}.",
                "A retention policy may remove it.",
            )
