"""What did a callback that saves or swaps weights just decide, and why?

Knows the branches of Keras's callbacks (`keras/src/callbacks/*.py`, 3.15): the same values lead to
the same decision here. The files are asked only where that is not enough, because two saves within
one tick of the disk's clock look like one.

Invariant: as in `verdicts.py`.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import Any, Final

import keras

from epochline.callbacks.causes import Cause, Rule, missing, monitored
from epochline.callbacks.looks import Look, Situation, changed, target
from epochline.callbacks.measure import scalar
from epochline.callbacks.private import peek
from epochline.callbacks.stock import OrbaxCheckpoint
from epochline.events import Decision, Topic, Verdict

__all__ = ["SAVE_RULES"]

_COUNTER: Final = "_batches_seen_since_last_saving"
_EMA: Final = "_ema_weights_in_model"


def _was_its_turn(callback: Any, at: Situation, before: Look, after: Look) -> bool:
    """Returns whether the hook was one in which a callback with `save_freq` decides."""
    if callback.save_freq == "epoch":
        return at.hook == "on_epoch_end"
    if at.hook != "on_train_batch_end":
        return False
    if _COUNTER in after.state:
        return bool(after.state[_COUNTER] == 0)  # any batch adds to it, unless it was set back
    return after.file is not None and after.file != before.file


def _judged(callback: Any, at: Situation, before: Look) -> dict[str, Any]:
    """Returns what a callback went by that saves only what is best."""
    best, epoch = scalar(before.state.get("best")), before.state.get("best_epoch")
    return monitored(callback, at) | {
        "best": best,
        "best_epoch": None if best is None else epoch,
        "baseline": best if epoch is None else None,
    }


def _no_metric(callback: Any, cause: Cause, at: Situation, instead: str) -> Decision | None:
    """Returns that the metric was not there, or no number; None when it was."""
    if scalar(at.logs.get(callback.monitor)) is not None:
        return None
    there = at.logs.get(callback.monitor) is not None
    why = "It is not a single number." if there else missing(at.logs)
    return cause.decides(
        Topic.CHECKPOINT,
        Verdict.METRIC_MISSING,
        monitor=callback.monitor,
        detail=f"{instead} {why}",
    )


def _model_checkpoint(
    callback: keras.callbacks.ModelCheckpoint,
    cause: Cause,
    at: Situation,
    before: Look,
    after: Look,
) -> Iterator[Decision]:
    path = target(callback, at)
    if path is None or not _was_its_turn(callback, at, before, after):
        return
    if not callback.save_best_only:
        yield cause.decides(Topic.CHECKPOINT, Verdict.SAVED, path=path)
        return
    absent = _no_metric(callback, cause, at, "It saved all the same.")
    if absent is not None:
        yield absent
        yield cause.decides(Topic.CHECKPOINT, Verdict.SAVED, path=path)
        return
    verdict = Verdict.SAVED if changed(before, after, "best") else Verdict.NOT_SAVED
    yield cause.decides(Topic.CHECKPOINT, verdict, path=path, **_judged(callback, at, before))


def _orbax_checkpoint(
    callback: Any,
    cause: Cause,
    at: Situation,
    before: Look,
    after: Look,
) -> Iterator[Decision]:
    if not _was_its_turn(callback, at, before, after):
        return
    numbers: dict[str, Any] = {}
    if callback.save_best_only:
        absent = _no_metric(callback, cause, at, "It did not save.")
        if absent is not None:
            yield absent
            return
        numbers = _judged(callback, at, before)
        if not changed(before, after, "best"):
            yield cause.decides(Topic.CHECKPOINT, Verdict.NOT_SAVED, **numbers)
            return
    step = at.epoch if at.batch is None else peek(callback, "_total_batches_seen", "")
    keeps = "" if callback.max_to_keep is None else f" It keeps the last {callback.max_to_keep}."
    how = "It is written in the background." if callback.save_on_background else ""
    yield cause.decides(
        Topic.CHECKPOINT,
        Verdict.SAVED,
        path=os.path.join(callback.directory, str(step)),
        detail=f"{how}{keeps}".strip(),
        **numbers,
    )


def _backup(
    callback: keras.callbacks.BackupAndRestore,
    cause: Cause,
    at: Situation,
    before: Look,
    after: Look,
) -> Iterator[Decision]:
    directory = str(callback.backup_dir)
    if at.hook == "on_train_end":
        if callback.delete_checkpoint and before.file is not None and after.file is None:
            yield cause.decides(
                Topic.CHECKPOINT,
                Verdict.BACKUP_REMOVED,
                path=directory,
                detail="The training ended, so that there is nothing to take up again.",
            )
    elif at.hook != "on_train_begin" and _was_its_turn(callback, at, before, after):
        path = target(callback, at) or directory
        yield cause.decides(Topic.CHECKPOINT, Verdict.BACKED_UP, path=path)


def _swap_ema(
    _callback: keras.callbacks.SwapEMAWeights,
    cause: Cause,
    at: Situation,
    before: Look,
    after: Look,
) -> Iterator[Decision]:
    was, now = before.state.get(_EMA), after.state.get(_EMA)
    if was == now:
        return
    if at.hook == "on_test_end":
        yield cause.decides(Topic.WEIGHTS, Verdict.EMA_VALIDATED)
    elif at.hook == "on_epoch_begin":
        yield cause.decides(Topic.WEIGHTS, Verdict.SWAPPED_BACK)
    elif at.hook == "on_epoch_end":
        last = at.planned is not None and at.epoch == at.planned - 1
        detail = "The training ends with them." if last else ""
        yield cause.decides(Topic.WEIGHTS, Verdict.SWAPPED_IN, detail=detail)


SAVE_RULES: Final[dict[type[Any], Rule]] = {
    keras.callbacks.BackupAndRestore: _backup,
    keras.callbacks.ModelCheckpoint: _model_checkpoint,
    OrbaxCheckpoint: _orbax_checkpoint,
    keras.callbacks.SwapEMAWeights: _swap_ema,
}
"""The rules of the stock callbacks that save or swap weights."""
