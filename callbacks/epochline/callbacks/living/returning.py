"""Go back to a checkpoint of the run, and keep the way back from there.

The one path for all who restore into a running training: whoever asks for it, and `NanGuard`.

Invariant: when `Returning.go_to` raises, the training is as it was.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

from epochline.callbacks.fit import Fit
from epochline.callbacks.living.candidate import Refusal, candidate, check_file
from epochline.callbacks.living.counters import CaptureOfCounters
from epochline.callbacks.living.keeping import Keeper
from epochline.callbacks.living.restoring import (
    Done,
    Restoring,
    Wanted,
    learning_rate,
    not_proven,
)
from epochline.events import Restored
from epochline.restore.requests import Counters, LayerChange
from epochline.run import Checkpoint, Run
from epochline.sentences import rate

__all__ = ["Return", "Returning"]

_UNDO_NOTE: Final = "The state before a restore into the running training."


@dataclass(frozen=True, slots=True, kw_only=True)
class Return:
    """A restore that was done, or that would be.

    Attributes:
        item: The checkpoint.
        wanted: What is restored.
        what: The same in words.
        total: How many variables that is.
        plan: What happens, what does not, and how to undo it.
        layers: How far each layer goes, the largest change first.
        rate_before: Learning rate before.
        rate_after: Learning rate after; None where it follows from a schedule.
        undo: Id of the checkpoint that holds the state before; empty when there is none.
        done: What was done; None when nothing was.
    """

    item: Checkpoint
    wanted: Wanted
    what: str
    total: int
    plan: tuple[str, ...]
    layers: tuple[LayerChange, ...]
    rate_before: float | None
    rate_after: float | None
    undo: str = ""
    done: Done | None = None

    @property
    def rate_told(self) -> str:
        """How the learning rate changed, in words; empty if it did not."""
        if self.rate_before == self.rate_after:
            return ""
        return f"Learning rate {rate(self.rate_before)} → {rate(self.rate_after)}."

    def event(self, **why: Any) -> Restored:
        """Returns what is recorded of it; `why` is what it was done for."""
        wanted, done = self.wanted, self.done
        return Restored(
            checkpoint=self.item.id,
            session=self.item.session,
            checkpoint_epoch=self.item.epoch,
            what=self.what,
            undo=self.undo,
            restored=done.restored if done else 0,
            before=done.before if done else "",
            after=done.after if done else "",
            lr_before=self.rate_before,
            lr_after=self.rate_after,
            counters=str(wanted.counters) if isinstance(wanted.counters, Counters) else "undone",
            **why,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class _Undo:
    """How to take the last restore back."""

    checkpoint: str
    counters: CaptureOfCounters


class Returning:
    """Restores into one training.

    Args:
        fit: The training.
        keeper: Saves the state before.
    """

    def __init__(self, fit: Fit, keeper: Keeper) -> None:
        self._fit = fit
        self._keeper = keeper
        self._undo: _Undo | None = None

    def take_back(self, *, dry_run: bool) -> Return:
        """Restores the state before the last restore.

        Raises:
            Refusal: If there was none, or it cannot be.
        """
        if self._undo is None:
            raise Refusal("Nothing was restored in this training that could be taken back.")
        item = self._find(self._undo.checkpoint)
        wanted = Wanted(
            optimizer=item.has_optimizer,
            learning_rate="checkpoint" if item.has_optimizer else "keep",
            counters=self._undo.counters,
        )
        return self.go_to(item.id, wanted, dry_run=dry_run)

    def go_to(
        self, checkpoint: str, wanted: Wanted, *, dry_run: bool = False, undo: bool = True
    ) -> Return:
        """Restores a checkpoint of the run.

        Args:
            checkpoint: Its id.
            wanted: What is restored.
            dry_run: Whether only to find out what would happen.
            undo: Whether nothing is restored if the state before cannot be saved.

        Raises:
            Refusal: If that cannot be; nothing was changed.
        """
        fit = self._fit
        obstacle = not_proven(fit.model, fit.callbacks)
        if obstacle:
            raise Refusal(obstacle)
        item = self._find(checkpoint)
        check_file(item)
        self._check_optimizer(item, wanted)
        with candidate(fit.model, item, optimizer=wanted.optimizer) as ready:
            restoring = Restoring(fit, ready, item, wanted)
            told: dict[str, Any] = {
                "item": item,
                "wanted": wanted,
                "what": restoring.what,
                "total": ready.total,
                "plan": restoring.plan(),
                "layers": ready.changes(),
                "rate_before": restoring.rate_before,
            }
            if dry_run:
                return Return(rate_after=restoring.rate_after, **told)
            saved = self._keeper.save("before-restore")
            if saved is None and undo:
                raise Refusal(
                    "The present state could not be saved, so that there were no way back."
                )
            done = restoring.carry_out()
        if saved is not None:
            self._keep_undo(_Undo(checkpoint=saved.id, counters=done.counters))
        fit.changed()
        return Return(
            rate_after=learning_rate(fit.model), undo=saved.id if saved else "", done=done, **told
        )

    def _find(self, checkpoint: str) -> Checkpoint:
        self._fit.saver.finish()  # it may be the one that is being written
        run = Run(self._fit.run_dir)
        found = next((item for item in run.checkpoints if item.id == checkpoint), None)
        if found is None:
            raise Refusal(f"This run has no checkpoint {checkpoint}.")
        return found

    def _check_optimizer(self, item: Checkpoint, wanted: Wanted) -> None:
        if not wanted.optimizer:
            return
        ours = type(self._fit.model.optimizer).__name__
        if not item.has_optimizer:
            raise Refusal(
                f"Checkpoint {item.id} holds no state of an optimizer. Restore the weights alone."
            )
        if item.optimizer not in ("", ours):
            raise Refusal(
                f"Checkpoint {item.id} holds the state of {item.optimizer}, and the model is "
                f"trained with {ours}. Restore the weights alone."
            )

    def _keep_undo(self, undo: _Undo) -> None:
        """Makes the checkpoint stay that the last restore can be undone with, and only that."""
        before, self._undo = self._undo, undo
        self._keeper.pin(undo.checkpoint, pinned=True, note=_UNDO_NOTE)
        if before is not None:
            self._keeper.pin(before.checkpoint, pinned=False)
