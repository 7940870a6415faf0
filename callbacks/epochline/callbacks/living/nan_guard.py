"""Take a training whose loss or weights are no longer finite back to where they were.

Nothing is read per batch: the loss is looked at at the pace of the clock, and with the metrics that
Keras has at the end of an epoch anyway. It is the mean over the epoch so far, so that a batch
whose loss was not finite is seen in any later look of the same epoch.

Invariant: no more restores than the user allows; what is not done is told, and training goes on.
"""

from __future__ import annotations

import logging
import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

import keras

from epochline.callbacks.fit import Fit
from epochline.callbacks.living.candidate import Refusal, check_file
from epochline.callbacks.living.keeping import NAME
from epochline.callbacks.living.restoring import Wanted, learning_rate, not_proven
from epochline.callbacks.living.returning import Returning
from epochline.callbacks.looks import schedule_of
from epochline.callbacks.measure import number
from epochline.events import Health
from epochline.restore.requests import Counters, LearningRate
from epochline.run import Checkpoint, Run
from epochline.sentences import number as told

__all__ = ["NanGuard", "RestoreOnNaN"]

_log = logging.getLogger("epochline")

_HINT: Final = "Lower the learning rate, clip the gradients, or look at the data of that epoch."


@dataclass(frozen=True, slots=True, kw_only=True)
class RestoreOnNaN:
    """What to do when the loss, or a weight of a checkpoint, is NaN or infinite.

    Args:
        factor: What the learning rate is multiplied by at each restore, above 0 and at most 1.
        times: How many restores one `fit` may have; one that `Resume` continues counts on.

    Raises:
        ValueError: If an argument is not of the accepted values.

    Example:
        >>> LiveRestore("run", on_nan=RestoreOnNaN(factor=0.1, times=2))
    """

    factor: float = 0.5
    times: int = 3

    def __post_init__(self) -> None:
        """Checks the values."""
        if not 0 < self.factor <= 1:
            msg = f"RestoreOnNaN got factor={self.factor!r}. Use a number above 0 and at most 1."
            raise ValueError(msg)
        if not isinstance(self.times, int) or isinstance(self.times, bool) or self.times < 1:
            msg = f"RestoreOnNaN got times={self.times!r}. Use a positive number."
            raise ValueError(msg)


class NanGuard:
    """Watches one training.

    Args:
        fit: The training.
        returning: Restores into it.
        policy: What the user wants.
    """

    def __init__(self, fit: Fit, returning: Returning, policy: RestoreOnNaN) -> None:
        self._fit = fit
        self._returning = returning
        self._policy = policy
        self._done = 0
        self._used_up = False
        self._refused_in: int | None = None
        self._pending = ""
        self._judged = ""  # id of the newest checkpoint that was looked at

    @property
    def state(self) -> dict[str, Any]:
        """What a training that is continued must know, as plain values."""
        return {"done": self._done, "judged": self._judged, "pending": self._pending}

    @state.setter
    def state(self, saved: Mapping[str, Any]) -> None:
        self._done = saved["done"]
        self._judged = saved["judged"]
        self._pending = saved["pending"]

    def begin(self) -> None:
        """Called when the session has begun: what other trainings left here is not judged."""
        newest = next(self._fit.saver.catalog.newest_first(), None)
        if newest is not None and not self._judged:
            self._judged = newest.id

    def look(self, batch: int) -> None:
        """Called before a batch, but not before each.

        Args:
            batch: Zero-based batch of the epoch that comes next.
        """
        if self._used_up or self._refused_in == self._fit.session.epoch:
            return  # it is tried again when the epoch ends
        reason = self._pending or self._loss_told(_loss(self._fit.model)) or self._weights_told()
        self._pending = ""
        if not reason:
            return
        self._fit.at_batch(batch)
        if self._go_back(reason):
            # NaN in the mean over the epoch would stay there, and be taken for another one.
            self._fit.model.reset_metrics()

    def epoch_ended(self, metrics: Mapping[str, float]) -> None:
        """Called when an epoch has ended, behind all other callbacks.

        Args:
            metrics: Its metrics.
        """
        if self._used_up:
            return
        reason = self._loss_told(metrics.get("loss")) or self._weights_told()
        if reason and not_proven(self._fit.model, self._fit.callbacks):
            self._pending = reason  # averages are in the model between two epochs only
        elif reason:
            self._go_back(reason)

    # ---- what is wrong ---------------------------------------------------------------------------

    def _loss_told(self, loss: float | None) -> str:
        if loss is None or math.isfinite(loss):
            return ""
        return f"the loss of epoch {self._fit.session.epoch + 1} was {told(loss)}"

    def _weights_told(self) -> str:
        """Returns what is wrong with the weights of the newest checkpoint; empty if nothing is."""
        if self._fit.saver.busy:
            return ""  # the next look will tell
        newest = next(self._fit.saver.catalog.newest_first(), None)
        if newest is None or newest.id == self._judged:
            return ""
        self._judged = newest.id
        if newest.health is not Health.NOT_FINITE:
            return ""
        return f"the weights of checkpoint {newest.id} were not finite"

    # ---- what is done ----------------------------------------------------------------------------

    def _go_back(self, reason: str) -> bool:
        """Restores, and returns whether it did."""
        fit = self._fit
        if self._done == self._policy.times:
            self._used_up = True
            self._tell(
                "nan_restores_used_up",
                f"Again {reason}, and the {self._done} restores that on_nan allows are used up.",
            )
            return False
        stopper = self._stopper()
        wanted = Wanted(optimizer=True, learning_rate=self._rate(), counters=Counters.KEEP)
        refused = (
            "No checkpoint that led here is known to be healthy and holds the optimizer's state."
        )
        at = fit.session.position
        for item in self._healthy():
            self._done += 1
            try:
                back = self._returning.go_to(item.id, wanted, undo=False)
            except Refusal as refusal:
                self._done -= 1  # an attempt that fails counts: else it were made again and again
                refused = str(refusal)
                continue
            if stopper:
                fit.go_on()
            count = f"restore {self._done} of {self._policy.times}"
            because = "; ".join(filter(None, (reason, stopper, self._rate_told(), count)))
            fit.session.record(back.event(because=because), at=at)
            _log.warning(
                "Epochline went back to epoch %d (checkpoint %s): %s. %s",
                item.epoch + 1,
                item.id,
                because,
                back.rate_told,
            )
            newest = next(fit.saver.catalog.newest_first(), None)
            self._judged = newest.id if newest else ""  # the state before, which is not finite
            return True
        self._refused_in = fit.session.epoch
        self._tell(
            "nan_not_restored",
            f"{reason[0].upper()}{reason[1:]}, and nothing was restored. {refused}",
        )
        return False

    def _healthy(self) -> Iterator[Checkpoint]:
        """Yields what may be gone back to, the newest first: only what led to the present state."""
        self._fit.saver.finish()
        run = Run(self._fit.run_dir)
        for item in reversed(run.checkpoints):
            loss = item.metrics.get("loss", 0.0)
            sound = item.health is Health.HEALTHY and math.isfinite(loss) and item.has_optimizer
            if not sound or not any(item in branch for branch in run.lineage):
                continue
            try:
                check_file(item)
            except Refusal:
                continue
            yield item

    def _rate(self) -> LearningRate:
        now = learning_rate(self._fit.model)
        if schedule_of(self._fit.model) is not None or now is None or not math.isfinite(now):
            return "checkpoint"
        return now * self._policy.factor

    def _rate_told(self) -> str:
        """Returns who sets the learning rate whatever we do; empty for nobody."""
        schedule = schedule_of(self._fit.model)
        if schedule is not None:
            return f"{schedule} gives the learning rate, which is not cut"
        if self._fit.has(keras.callbacks.LearningRateScheduler):
            return "LearningRateScheduler sets the learning rate again with the next epoch"
        return ""

    def _stopper(self) -> str:
        """Returns that `TerminateOnNaN` alone has ended the training; empty if not."""
        fit, epoch = self._fit, self._fit.session.epoch
        patience = (it for it in fit.callbacks if isinstance(it, keras.callbacks.EarlyStopping))
        also = epoch and any(item.stopped_epoch == epoch for item in patience)
        if also or not isinstance(fit.stopper, keras.callbacks.TerminateOnNaN):
            return ""
        return "TerminateOnNaN was to end the training, which goes on"

    def _tell(self, code: str, message: str) -> None:
        self._fit.session.notice(code, f"{message} {NAME} leaves the training to itself.", _HINT)


def _loss(model: keras.Model) -> float | None:
    """Returns the mean loss of the epoch so far, None when nothing of that name is measured."""
    metric = next((item for item in model.metrics if item.name == "loss"), None)
    return None if metric is None else number(metric.result())
