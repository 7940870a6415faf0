"""Where a training is: Keras's three axes, counted for the records.

The epoch is what the hooks say, the step what the optimizer says, and the batch is counted here:
Keras tells its number only to those who act in every batch.

Invariant: reading where the training is never moves JAX's state, but for `settle`.
"""

from __future__ import annotations

import keras

from epochline.callbacks.measure import iterations
from epochline.session import Session

__all__ = ["Axes"]


class Axes:
    """Keeps epoch, step and batch of one session up to date.

    Args:
        session: Gets them.
    """

    def __init__(self, session: Session) -> None:
        self._session = session
        self._batches_before = 0
        self._batches_now = 0
        self._step_before = 0

    def begin_epoch(self, epoch: int) -> None:
        """Called when an epoch begins."""
        self._session.epoch = epoch
        self._batches_now = 0

    def note_step(self) -> None:
        """Called when the step of the session is right, and no batch of the epoch was trained."""
        self._step_before = self._session.step

    def count(self, batch: int) -> None:
        """Called when a batch has ended, where batches are counted."""
        self._batches_now = max(self._batches_now, batch + 1)

    def end_batches(self, steps: int | None, model: keras.Model, *, counted: bool) -> None:
        """Called when the batches of an epoch are over.

        Args:
            steps: Batches of an epoch; None when Keras does not know.
            model: The model; asked only when the epoch was cut short and nobody counted.
            counted: Whether the batches were counted.
        """
        if not steps:
            return
        if counted:
            # With steps_per_execution the last count may reach beyond the end.
            self._batches_now = min(self._batches_now, steps)
        elif not model.stop_training:
            self._batches_now = steps
        else:
            step = iterations(model)
            self._batches_now = steps if step is None else min(step - self._step_before, steps)

    def end_epoch(self) -> None:
        """Called when an epoch is over and was recorded."""
        self._batches_before += self._batches_now
        self._batches_now = 0

    def update(self, *, within_epoch: bool) -> None:
        """Tells the session the batch; within an epoch, also the step that follows from it."""
        self._session.batch = self._batches_before + self._batches_now
        if within_epoch:
            self._session.step = self._step_before + self._batches_now

    def went_elsewhere(self, model: keras.Model) -> None:
        """Called when another step was loaded into the optimizer between two batches.

        Args:
            model: The model, with its state in it.
        """
        self.settle(model)
        self._step_before = self._session.step - self._batches_now

    def settle(self, model: keras.Model) -> None:
        """Tells the session batch and step, as the optimizer has it.

        Args:
            model: The model, with its state in it.
        """
        step = iterations(model)
        self._session.batch = self._batches_before + self._batches_now
        self._session.step = self._session.batch if step is None else step
