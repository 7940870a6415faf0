"""Every branch of `BackupAndRestore` and `SwapEMAWeights` of Keras, told exactly."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import keras
import pytest

from epochline.callbacks import Timeline
from epochline.events import EndReason, Topic, WeightsKind
from tests.callbacks.stock.told import decided, end_of, notice_codes, recorder, told
from tests.callbacks.training import FEATURES, TARGETS, new_model, timeline_of, train

BR = "BackupAndRestore"
SWAP = "SwapEMAWeights"
VALIDATED: dict[str, Any] = {"validation_data": (FEATURES, TARGETS)}


class Crash(keras.callbacks.Callback):
    """A power failure at the beginning of an epoch, or before one of its batches."""

    def __init__(self, epoch: int, batch: int = 0) -> None:
        super().__init__()
        self.at = (epoch, batch)
        self.epoch = 0

    def on_epoch_begin(self, epoch: int, logs: object = None) -> None:
        """Called by Keras."""
        self.epoch = epoch

    def on_train_batch_begin(self, batch: int, logs: object = None) -> None:
        """Called by Keras."""
        if (self.epoch, batch) == self.at:
            msg = "power failure"
            raise RuntimeError(msg)


def crashed(backup: keras.callbacks.BackupAndRestore, crash: Crash, run_dir: Path) -> None:
    """Trains until the power fails."""
    with pytest.raises(RuntimeError, match="power failure"):
        train(new_model(), backup, crash, recorder(run_dir), epochs=4)


def test_backups_and_their_end(model: keras.Model, tmp_path: Path) -> None:
    """Each backup is told with its file, and that all of them go when the training has ended."""
    backup = keras.callbacks.BackupAndRestore(tmp_path / "backup")
    train(model, backup, recorder(tmp_path / "run"), epochs=2)
    file = tmp_path / "backup" / "latest.weights.h5"
    assert told(decided(tmp_path / "run", Topic.CHECKPOINT, BR, 0)) == [
        (1, "backed_up", f"{BR} made a backup at {file}."),
        (2, "backed_up", f"{BR} made a backup at {file}."),
        (
            2,
            "backup_removed",
            (
                f"{BR} removed {tmp_path / 'backup'}. "
                "The training ended, so that there is nothing to take up again."
            ),
        ),
    ]


def test_backup_that_stays(model: keras.Model, tmp_path: Path) -> None:
    """Without `delete_checkpoint` nothing is removed, and so nothing is told."""
    backup = keras.callbacks.BackupAndRestore(tmp_path / "backup", delete_checkpoint=False)
    train(model, backup, recorder(tmp_path / "run"), epochs=1)
    decisions = decided(tmp_path / "run", Topic.CHECKPOINT, BR, 0)
    assert [item.verdict for item in decisions] == ["backed_up"]


@pytest.mark.parametrize(
    ("save_freq", "batches"), [(2, [2, 4, 6]), (7, []), (False, [1, 2, 3, 4, 5, 6])]
)
def test_backups_between_batches(
    model: keras.Model, tmp_path: Path, save_freq: Any, batches: list[int]
) -> None:
    """They stand at their batches; `False`, which looks like never, is every batch to Keras."""
    backup = keras.callbacks.BackupAndRestore(tmp_path / "backup", save_freq=save_freq)
    train(model, backup, recorder(tmp_path / "run"), epochs=2)
    decisions = decided(tmp_path / "run", Topic.CHECKPOINT, BR, 0)
    assert [item.batch for item in decisions if item.verdict == "backed_up"] == batches


def test_training_that_is_taken_up_again(tmp_path: Path) -> None:
    """The state that came back is told with step and epoch; the timeline goes on there."""
    crashed(keras.callbacks.BackupAndRestore(tmp_path / "backup"), Crash(2), tmp_path / "run")
    backup = keras.callbacks.BackupAndRestore(tmp_path / "backup")
    train(new_model(), backup, recorder(tmp_path / "run"), epochs=4)
    assert told(decided(tmp_path / "run", Topic.RESTORE, BR, 0)) == [
        (
            3,
            "restored",
            f"{BR} loaded an earlier state. Step 0 → 6. Training goes on with epoch 3.",
        )
    ]
    timeline = timeline_of(tmp_path / "run")
    assert [(row.epoch, row.step) for row in timeline.epochs] == [(0, 3), (1, 6), (2, 9), (3, 12)]
    assert [item.start.initial_epoch for item in timeline.sessions] == [0, 2]
    assert not notice_codes(tmp_path / "run")


def test_nothing_to_take_up(model: keras.Model, tmp_path: Path) -> None:
    """The first training has no backup to load, and none is told."""
    backup = keras.callbacks.BackupAndRestore(tmp_path / "backup")
    train(model, backup, recorder(tmp_path / "run"), epochs=1)
    assert not decided(tmp_path / "run", Topic.RESTORE, BR, 0)


def test_backup_of_a_backup_is_used_when_the_newest_is_damaged(tmp_path: Path) -> None:
    """With `double_checkpoint` Keras goes one further back; which one it was is told."""
    double: dict[str, Any] = {"backup_dir": tmp_path / "backup", "double_checkpoint": True}
    crashed(keras.callbacks.BackupAndRestore(**double), Crash(2), tmp_path / "run")
    (tmp_path / "backup" / "latest.weights.h5").write_bytes(b"half a file")
    again = keras.callbacks.BackupAndRestore(**double)
    train(new_model(), again, recorder(tmp_path / "run"), epochs=2)
    (restored,) = decided(tmp_path / "run", Topic.RESTORE, BR, 0)
    assert restored.sentence == (
        f"{BR} loaded an earlier state. Step 0 → 3. Training goes on with epoch 2. "
        "The newest backup could not be read; this is the one before."
    )


def test_damaged_backup_without_another_ends_the_training(tmp_path: Path) -> None:
    """Keras raises; whose error that was is recorded."""
    crashed(keras.callbacks.BackupAndRestore(tmp_path / "backup"), Crash(2), tmp_path / "run")
    (tmp_path / "backup" / "latest.weights.h5").write_bytes(b"half a file")
    with pytest.raises(OSError, match="Unable"):
        train(
            new_model(),
            keras.callbacks.BackupAndRestore(tmp_path / "backup"),
            recorder(tmp_path / "run"),
            epochs=2,
        )
    assert end_of(tmp_path / "run")[:3] == (EndReason.FAILED, BR, 0)


def test_backup_within_an_epoch_trains_batches_twice(tmp_path: Path) -> None:
    """Keras notes the batch but begins the epoch anew; that is told."""
    arguments: dict[str, Any] = {"backup_dir": tmp_path / "backup", "save_freq": 1}
    crashed(keras.callbacks.BackupAndRestore(**arguments), Crash(1, 2), tmp_path / "run")
    again = keras.callbacks.BackupAndRestore(**arguments)
    train(new_model(), again, recorder(tmp_path / "run"), epochs=2)
    (notice,) = timeline_of(tmp_path / "run").notices
    assert notice.code == "backup_within_epoch"
    assert "after 2 of 3 batches of an epoch" in notice.message


def test_model_that_was_taken_up_trains_no_epoch_later(tmp_path: Path) -> None:
    """Keras never forgets the epoch to begin with; a later, shorter `fit` is told to do nothing."""
    crashed(keras.callbacks.BackupAndRestore(tmp_path / "backup"), Crash(2), tmp_path / "1")
    model = new_model()
    backup = keras.callbacks.BackupAndRestore(tmp_path / "backup")
    train(model, backup, recorder(tmp_path / "1"), epochs=3)
    train(model, recorder(tmp_path / "2"), epochs=2)
    (notice,) = timeline_of(tmp_path / "2").notices
    assert notice.code == "no_epoch_trained"
    assert "epoch 3 as the one to begin with" in notice.message


# ---- SwapEMAWeights -----------------------------------------------------------------------------

TESTED = (
    f"{SWAP} put the averaged (EMA) weights into the model for the validation, and the training "
    "weights back: the validation metrics are those of the averaged weights."
)
IN = f"{SWAP} put the averaged (EMA) weights into the model."
OUT = f"{SWAP} put the training weights back into the model."
AT_THE_END = " The training ends with them."


def averaging_model() -> keras.Model:
    """A model whose optimizer averages."""
    model = new_model()
    model.compile(loss="mse", optimizer=keras.optimizers.SGD(0.5, use_ema=True))
    return model


@pytest.mark.parametrize(
    ("swap_on_epoch", "arguments", "expected"),
    [
        (False, {}, []),
        (False, VALIDATED, [(1, "ema_validated", TESTED), (2, "ema_validated", TESTED)]),
        (
            False,
            {**VALIDATED, "validation_freq": 2},
            [(2, "ema_validated", TESTED)],
        ),
        (
            True,
            {},
            [
                (1, "swapped_in", IN),
                (2, "swapped_back", OUT),
                (2, "swapped_in", IN + AT_THE_END),
            ],
        ),
        (
            True,
            VALIDATED,
            [
                (1, "ema_validated", TESTED),
                (1, "swapped_in", IN),
                (2, "swapped_back", OUT),
                (2, "ema_validated", TESTED),
                (2, "swapped_in", IN + AT_THE_END),
            ],
        ),
    ],
)
def test_swaps_of_weights(
    run_dir: Path, swap_on_epoch: bool, arguments: dict[str, Any], expected: list[Any]
) -> None:
    """What it did at each hook."""
    swap = keras.callbacks.SwapEMAWeights(swap_on_epoch=swap_on_epoch)
    train(averaging_model(), swap, recorder(run_dir), epochs=2, **arguments)
    decisions = decided(run_dir, Topic.WEIGHTS, SWAP, 0)
    assert told(decisions) == expected
    assert [item.step for item in decisions] == [
        3 * item.epoch + (0 if item.verdict == "swapped_back" else 3) for item in decisions
    ]


def test_optimizer_that_does_not_average_ends_the_training(
    model: keras.Model, run_dir: Path
) -> None:
    """Keras raises; whose error that was is recorded."""
    with pytest.raises(ValueError, match="use_ema=True"):
        train(model, keras.callbacks.SwapEMAWeights(), recorder(run_dir), epochs=1, **VALIDATED)
    assert end_of(run_dir)[:3] == (EndReason.FAILED, SWAP, 0)


@pytest.mark.parametrize(
    ("swap_on_epoch", "before", "kind", "codes"),
    [
        (True, False, WeightsKind.EMA, []),
        (True, True, WeightsKind.RAW, ["saved_other_weights_than_validated"]),
        (False, False, WeightsKind.RAW, ["saved_other_weights_than_validated"]),
    ],
)
def test_which_weights_a_stock_checkpoint_holds(
    tmp_path: Path, swap_on_epoch: bool, before: bool, kind: WeightsKind, codes: list[str]
) -> None:
    """It depends on the order; when they are not those that were validated, that is told."""
    swap = keras.callbacks.SwapEMAWeights(swap_on_epoch=swap_on_epoch)
    stock = keras.callbacks.ModelCheckpoint(tmp_path / "a.weights.h5", save_weights_only=True)
    order = [stock, swap] if before else [swap, stock]
    train(averaging_model(), *order, recorder(tmp_path / "run"), epochs=1, **VALIDATED)
    (saved,) = timeline_of(tmp_path / "run").checkpoints
    assert saved.weights_kind is kind
    assert notice_codes(tmp_path / "run") == codes


@pytest.mark.parametrize(
    ("swap_on_epoch", "kind", "codes"),
    [
        (True, WeightsKind.EMA, []),
        (False, WeightsKind.RAW, ["saved_other_weights_than_validated"]),
    ],
)
def test_which_weights_our_checkpoint_holds(
    run_dir: Path, swap_on_epoch: bool, kind: WeightsKind, codes: list[str]
) -> None:
    """Wherever Timeline stands, it saves what the others left in the model."""
    swap = keras.callbacks.SwapEMAWeights(swap_on_epoch=swap_on_epoch)
    train(averaging_model(), Timeline(run_dir), swap, epochs=2, **VALIDATED)
    timeline = timeline_of(run_dir)
    assert {item.weights_kind for item in timeline.checkpoints} == {kind}
    assert notice_codes(run_dir) == codes


def test_averaged_weights_that_an_early_stop_loses(run_dir: Path) -> None:
    """Keras ends such a training with the training weights in the model; that is told."""
    model = averaging_model()
    weights: dict[int, Any] = {}

    def end(epoch: int, _logs: object) -> None:
        weights[epoch] = model.get_weights()
        model.stop_training = epoch == 1

    train(
        model,
        keras.callbacks.SwapEMAWeights(swap_on_epoch=True),
        keras.callbacks.LambdaCallback(on_epoch_end=end),
        recorder(run_dir),
        epochs=5,
    )
    assert notice_codes(run_dir) == ["averaged_weights_lost"]
    # The trap is real: what the last epoch ended with is not what the model holds.
    assert not (model.get_weights()[0] == weights[1][0]).all()
