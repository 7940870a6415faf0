"""Files that Keras's own callbacks save are checkpoints of the run, too."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import keras

from epochline.callbacks.saving import Saver
from epochline.callbacks.traps import weights_kind
from epochline.events import Decision, Event, SaveReason
from epochline.session import Session

__all__ = ["adopted"]


def adopted(
    decision: Decision,
    *,
    session: Session,
    saver: Saver,
    model: keras.Model | None,
    callbacks: Sequence[keras.callbacks.Callback],
    metrics: Mapping[str, float],
) -> list[Event]:
    """Returns what is recorded of a decision: with its file, when it just saved one.

    Args:
        decision: The decision; what it says of a file is the path that the callback used.
        session: Where it is recorded.
        saver: Knows the checkpoints of the run.
        model: What was saved, if anything was.
        callbacks: All callbacks.
        metrics: Metrics of this moment.
    """
    path = session.relative(decision.path) if decision.path else ""
    plain: list[Event] = []
    plain.append(replace(decision, path=path))
    if model is None or not os.path.isfile(decision.path):
        return plain  # a directory, such as Orbax writes, has no digest
    try:
        return saver.adopt(
            model,
            Path(decision.path),
            metrics,
            reason=SaveReason.SCHEDULED if decision.observed is None else SaveReason.BEST,
            weights_kind=weights_kind(callbacks),
            callback=decision.callback,
            monitor=decision.monitor,
            mode=decision.mode,
            observed=decision.observed,
            best=decision.best,
            best_epoch=decision.best_epoch,
        )
    except OSError:
        return plain  # it is gone again already
