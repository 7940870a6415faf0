"""`Timeline`: one line in `fit` that records everything and touches nothing."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Self

import keras
import numpy as np
import pytest
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from epochline.callbacks import EarlyStoppingRecorder, LearningRateRecorder, Timeline
from epochline.errors import RunBusyError
from epochline.events import EndReason
from epochline.retention import KeepEvery, KeepLast
from epochline.session import lock_path
from epochline.store import RunLock, verify
from tests.callbacks.training import FEATURES, TARGETS, Dictate, new_model, timeline_of, train

VALIDATED: dict[str, Any] = {"validation_data": (FEATURES, TARGETS)}


def stock_callbacks() -> list[keras.callbacks.Callback]:
    """What most trainings have."""
    return [
        keras.callbacks.EarlyStopping(patience=2, restore_best_weights=True),
        keras.callbacks.ReduceLROnPlateau(patience=1),
    ]


def test_training_is_bit_identical_with_and_without(run_dir: Path) -> None:
    """Weights, optimizer state, dropout state and history are those of the training without us."""
    results = []
    for ours in ([], [Timeline(run_dir)]):
        model = new_model()
        history = train(model, *ours, *stock_callbacks(), epochs=6, **VALIDATED)
        results.append((model, history.history))
    (plain, plain_history), (recorded, recorded_history) = results
    assert plain_history == recorded_history
    for left, right in zip(
        plain.variables + plain.optimizer.variables,
        recorded.variables + recorded.optimizer.variables,
        strict=True,
    ):
        assert left.numpy().tobytes() == right.numpy().tobytes(), left.path


def test_history_equals_keras_history(model: keras.Model, run_dir: Path) -> None:
    """What is read back from the events is what `History.history` holds."""
    history = train(model, Timeline(run_dir), epochs=3, **VALIDATED)
    recorded = timeline_of(run_dir).history()
    rates = recorded.pop("learning_rate")
    assert recorded == history.history
    assert rates == pytest.approx([0.001] * 3)


def test_default_keeps_the_last_two_and_the_best_three(model: keras.Model, run_dir: Path) -> None:
    """The disk does not fill, and what is worth keeping is kept."""
    scores = [1.0, 9.0, 8.0, 7.0, 2.0, 3.0, 4.0]
    timeline = Timeline(run_dir, monitor="score", mode="max")
    train(model, Dictate(score=scores), timeline, epochs=7)
    kept = [item.epoch for item in timeline_of(run_dir).checkpoints if item.restorable]
    assert kept == [1, 2, 3, 5, 6]
    assert sorted(path.name for path in (run_dir / "checkpoints").iterdir()) == [
        f"epoch-{epoch + 1:04d}.weights.h5" for epoch in kept
    ]
    for item in timeline_of(run_dir).checkpoints:
        if item.restorable:
            assert item.size_bytes is not None
            assert verify(run_dir / item.path, size_bytes=item.size_bytes, digest=item.digest or "")


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        ({"save": "best"}, ["epoch-0001", "epoch-0003"]),
        ({"save": None}, []),
        ({"save": 2, "keep": KeepLast(2)}, ["epoch-0002-batch-000003", "epoch-0003-batch-000002"]),
        ({"keep": KeepEvery(epochs=2)}, ["epoch-0002", "epoch-0003"]),
        ({"keep": KeepLast(1)}, ["epoch-0003"]),
    ],
)
def test_save_and_keep_say_what_stays(
    model: keras.Model, run_dir: Path, arguments: dict[str, Any], expected: list[str]
) -> None:
    """`save=` says when a checkpoint is made, `keep=` which of them stay."""
    timeline = Timeline(run_dir, monitor="score", mode="max", **arguments)
    train(model, Dictate(score=[1.0, 0.5, 2.0]), timeline, epochs=3)
    folder = run_dir / "checkpoints"
    found = sorted(path.name for path in folder.iterdir()) if folder.exists() else []
    assert found == [f"{name}.weights.h5" for name in expected]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"save": "always"}, "save='always'"),
        ({"save": 0}, "save=0"),
        ({"mode": "highest"}, "mode='highest'"),
        ({"keep": "last"}, "keep='last'"),
    ],
)
def test_bad_argument_is_refused(tmp_path: Path, arguments: dict[str, Any], message: str) -> None:
    """The error names the argument and its value."""
    with pytest.raises(ValueError, match=message):
        Timeline(tmp_path, **arguments)


def scalars_in(directory: Path) -> dict[str, list[tuple[int, float]]]:
    """Steps and values of each scalar tag."""
    accumulator = EventAccumulator(str(directory), size_guidance={"tensors": 0})
    accumulator.Reload()
    return {
        tag: [
            (event.step, float(event.tensor_proto.float_val[0]))
            if event.tensor_proto.float_val
            else (event.step, float(np.frombuffer(event.tensor_proto.tensor_content, "f4")[0]))
            for event in accumulator.Tensors(tag)
        ]
        for tag in accumulator.Tags()["tensors"]
        if tag != "keras"
    }


@pytest.mark.parametrize("part", ["train", "validation"])
def test_scalar_curves_are_those_of_keras_tensorboard(part: str, both_logs: Path) -> None:
    """Same tags, steps and values as `keras.callbacks.TensorBoard` writes."""
    ours, keras_own = scalars_in(both_logs / "ours" / part), scalars_in(both_logs / "keras" / part)
    assert ours == keras_own
    assert "epoch_loss" in ours


@pytest.fixture(scope="module")
def both_logs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same training logged by Keras's callback and by ours."""
    directory = tmp_path_factory.mktemp("both")
    for name in ("keras", "ours"):
        model = new_model()
        callback = (
            Timeline(directory / name, save=None)
            if name == "ours"
            else keras.callbacks.TensorBoard(directory / name)
        )
        train(model, callback, epochs=3, **VALIDATED)
    return directory


def test_curves_are_not_written_twice(model: keras.Model, tmp_path: Path) -> None:
    """With Keras's TensorBoard callback in the list, we write no scalars."""
    train(
        model,
        keras.callbacks.TensorBoard(tmp_path / "tb", write_graph=False),
        Timeline(tmp_path / "run", save=None),
        epochs=1,
    )
    assert [path.name for path in (tmp_path / "run").iterdir()] == ["timeline"]


def test_parts_alone_record_only_their_topic_and_share_one_session(
    model: keras.Model, run_dir: Path
) -> None:
    """The recorders work without Timeline; two of them in one list write one session."""
    train(
        model,
        LearningRateRecorder(run_dir),
        *stock_callbacks(),
        EarlyStoppingRecorder(run_dir),
        epochs=2,
        **VALIDATED,
    )
    timeline = timeline_of(run_dir)
    assert len(timeline.sessions) == 1
    assert {item.callback for item in timeline.decisions} == {"EarlyStopping", "ReduceLROnPlateau"}
    assert not timeline.checkpoints


def test_every_event_carries_epoch_step_and_batch_after_a_resume(
    model: keras.Model, run_dir: Path
) -> None:
    """With `initial_epoch`, the epoch goes on, and so does the step; the batch starts anew."""
    first = int(model.optimizer.iterations.numpy())
    train(model, Timeline(run_dir), epochs=2)
    train(model, Timeline(run_dir), epochs=4, initial_epoch=2)
    timeline = timeline_of(run_dir)
    assert [(row.epoch, row.step - first, row.batch) for row in timeline.epochs] == [
        (0, 3, 3),
        (1, 6, 6),
        (2, 9, 3),
        (3, 12, 6),
    ]
    second = timeline.sessions[1]
    assert (second.start.parent, second.start.initial_epoch) == (timeline.sessions[0].id, 2)


@pytest.mark.filterwarnings("ignore:.*ran out of data")
def test_batches_of_a_generator_are_counted(model: keras.Model, run_dir: Path) -> None:
    """Where Keras does not know the number of batches, they are counted."""

    def batches() -> Iterator[tuple[Any, Any]]:
        for start in range(0, 12, 4):
            yield FEATURES[start : start + 4], TARGETS[start : start + 4]

    train(model, Timeline(run_dir, save=None), epochs=1, x=batches(), y=None, batch_size=None)
    assert [row.batch for row in timeline_of(run_dir).epochs] == [3]


def test_run_that_another_process_writes_to_is_refused_before_the_first_batch(
    model: keras.Model, run_dir: Path
) -> None:
    """Two trainings in one directory are refused in words that name the first."""
    with RunLock(lock_path(run_dir)), pytest.raises(RunBusyError, match="process"):
        train(model, Timeline(run_dir), epochs=1)


def test_fit_that_was_left_by_an_exception_is_ended_by_the_next(
    model: keras.Model, run_dir: Path
) -> None:
    """A session that could not say that it ended is not taken for a running one."""

    def fail(_epoch: int, _logs: object) -> None:
        msg = "the user's own error"
        raise RuntimeError(msg)

    broken = keras.callbacks.LambdaCallback(on_epoch_begin=fail)
    with pytest.raises(RuntimeError, match="the user's own error"):
        train(model, Timeline(run_dir), broken, epochs=1)
    train(model, Timeline(run_dir), epochs=1)
    reasons = [item.end_reason for item in timeline_of(run_dir).sessions]
    assert reasons == [EndReason.FAILED, EndReason.COMPLETED]


CRASH = """
import sys
import keras
from epochline.callbacks import Timeline
from tests.callbacks.training import new_model, train

def leave(epoch, logs):
    raise {error}

train(new_model(), Timeline(sys.argv[1]), keras.callbacks.LambdaCallback(on_epoch_end=leave))
"""


@pytest.mark.parametrize(
    ("error", "reason", "message"),
    [
        ("KeyboardInterrupt", EndReason.INTERRUPTED, "Interrupted"),
        ("ValueError('wrong shape')", EndReason.FAILED, "ValueError: wrong shape"),
    ],
)
def test_process_that_dies_of_an_exception_says_so(
    run_dir: Path, error: str, reason: EndReason, message: str
) -> None:
    """Ctrl-C and an exception that nobody catches are told apart at the end of the session."""
    subprocess.run(
        [sys.executable, "-c", CRASH.format(error=error), run_dir],
        check=False,
        capture_output=True,
        cwd=Path(__file__).parents[2],
    )
    session = timeline_of(run_dir).sessions[0]
    assert session.end_reason is reason
    assert message in session.message(running=False)


def test_log_that_cannot_be_written_is_told_once_and_training_goes_on(
    model: keras.Model, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """Where `timeline/` cannot be made, checkpoints are saved all the same."""
    (tmp_path / "timeline").write_text("in the way")
    history = train(model, Timeline(tmp_path), epochs=3)
    assert len(history.epoch) == 3
    assert caplog.text.count("Epochline cannot write to") == 1
    assert (tmp_path / "checkpoints" / "epoch-0003.weights.h5").exists()


def test_events_wait_in_memory_until_the_disk_is_well_again(
    model: keras.Model, tmp_path: Path
) -> None:
    """What could not be written is written later, without a gap."""
    obstacle = tmp_path / "timeline"
    obstacle.write_text("in the way")

    def remove(epoch: int, _logs: object) -> None:
        if epoch == 1:
            obstacle.unlink()

    train(model, Timeline(tmp_path), keras.callbacks.LambdaCallback(on_epoch_end=remove), epochs=3)
    timeline = timeline_of(tmp_path)
    assert not timeline.gaps
    assert [row.epoch for row in timeline.epochs] == [0, 1, 2]


def test_fault_of_ours_is_recorded_and_training_goes_on(
    run_dir: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """An exception inside the recorder is printed once and recorded; checkpoints go on."""

    class Odd:
        """A number for Keras's arithmetic, but not for ours."""

        def __rsub__(self, other: float) -> float:
            return other

        def __imul__(self, other: float) -> Self:
            return self

    model = new_model()
    hostile = keras.callbacks.EarlyStopping(monitor="loss", patience=9)
    hostile.min_delta = Odd()
    history = train(model, hostile, Timeline(run_dir, monitor="loss"), epochs=3)
    assert len(history.epoch) == 3
    assert caplog.text.count("Epochline failed. The training goes on.") == 1
    assert (run_dir / "checkpoints" / "epoch-0003.weights.h5").exists()
    timeline = timeline_of(run_dir)
    assert [item.code for item in timeline.notices] == ["recorder_failed"]
    assert timeline.sessions[0].end_reason is EndReason.COMPLETED


def test_stock_checkpoint_files_are_listed_and_never_deleted(
    model: keras.Model, tmp_path: Path
) -> None:
    """What Keras's ModelCheckpoint writes stands in the timeline, but is not ours to delete."""
    stock = keras.callbacks.ModelCheckpoint(
        tmp_path / "own" / "{epoch}.weights.h5", save_weights_only=True
    )
    train(model, stock, Timeline(tmp_path / "run", keep=KeepLast(1)), epochs=3)
    listed = [item for item in timeline_of(tmp_path / "run").checkpoints if not item.owned]
    assert [item.callback for item in listed] == ["ModelCheckpoint"] * 3
    assert all(Path(item.path).exists() and item.restorable for item in listed)


def test_evaluate_and_predict_with_the_callback_leave_no_trace(
    model: keras.Model, run_dir: Path
) -> None:
    """Only training is recorded."""
    model.evaluate(FEATURES, TARGETS, verbose=0, callbacks=[Timeline(run_dir)])
    model.predict(FEATURES, verbose=0, callbacks=[Timeline(run_dir)])
    assert not run_dir.exists()


def test_one_instance_serves_several_fits(model: keras.Model, run_dir: Path) -> None:
    """Each fit is a session of its own; names of files do not collide."""
    timeline = Timeline(run_dir, keep=KeepLast(9))
    train(model, timeline, epochs=2)
    train(model, timeline, epochs=2)
    found = timeline_of(run_dir)
    assert [item.end_reason for item in found.sessions] == [EndReason.COMPLETED] * 2
    assert len({item.path for item in found.checkpoints if item.restorable}) == 4


def test_callback_list_of_the_users_own_is_recorded_for_each_of_its_fits(
    model: keras.Model, run_dir: Path
) -> None:
    """Keras tells a `CallbackList` that is passed to `fit` no parameters; it works all the same."""
    members = [Timeline(run_dir, monitor="loss"), *stock_callbacks()]
    callbacks = keras.callbacks.CallbackList(members, add_history=True, model=model)
    for _ in range(2):
        model.fit(
            FEATURES, TARGETS, batch_size=4, epochs=2, verbose=0, callbacks=callbacks, **VALIDATED
        )
    timeline = timeline_of(run_dir)
    assert [item.end_reason for item in timeline.sessions] == [EndReason.COMPLETED] * 2
    assert [row.epoch for row in timeline.epochs] == [0, 1, 0, 1]
    assert [row.batch for row in timeline.epochs] == [3, 6, 3, 6]
    assert {item.callback for item in timeline.decisions} == {"EarlyStopping", "ReduceLROnPlateau"}
    assert not timeline.notices
