"""`Resume`: what is continued, what is refused, what is told."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest

from epochline import KeepAll, open_run
from epochline.callbacks import ModelCheckpoint, RestoreOnNaN, Resume, Timeline
from epochline.callbacks.living import desk
from epochline.restore.resume_state import ResumeMismatchError, ResumeStateError, ResumeStates
from tests.resume.scripts import (
    BATCHES,
    ROWS,
    TARGETS,
    Crash,
    Killed,
    new_model,
    new_process,
    script,
    state_of,
)

Stops = keras.callbacks.EarlyStopping


def killed(run_dir: Path, *callbacks: keras.callbacks.Callback, at: int = 3, **more: Any) -> None:
    """Trains until it is killed in an epoch."""
    with pytest.raises(Killed):
        script(run_dir, *callbacks, Crash(at), **more)


def notices(run_dir: Path) -> dict[str, str]:
    """Returns what the newest session told, by code."""
    run = open_run(run_dir)
    newest = run.sessions[-1].id
    return {
        item.code: f"{item.message} {item.hint}" for item in run.notices if item.session == newest
    }


class Fed(keras.callbacks.Callback):
    """Says which value a metric has in each epoch."""

    def __init__(self, *values: float) -> None:
        super().__init__()
        self.values = values

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Called by Keras."""
        assert logs is not None
        logs["score"] = self.values[epoch]


class Poison(keras.callbacks.Callback):
    """Makes a weight NaN before the second batch of some epochs."""

    def __init__(self, *epochs: int) -> None:
        super().__init__()
        self._epochs = epochs
        self._epoch = 0

    def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:
        """Called by Keras."""
        self._epoch = epoch

    def on_train_batch_begin(self, batch: int, logs: Any = None) -> None:
        """Called by Keras."""
        if batch == 1 and self._epoch in self._epochs:
            kernel = self.model.layers[-1].kernel
            kernel.assign(np.full(kernel.shape, np.nan))


# ---- what is continued ---------------------------------------------------------------------------


def test_result_is_that_of_a_training_without_it(run_dir: Path) -> None:
    """Saving changes nothing in a training that is not interrupted."""
    keras.utils.set_random_seed(4)
    bare = new_model()
    bare.fit(ROWS, TARGETS, batch_size=4, epochs=6, validation_split=0.25, verbose=0)
    assert state_of(bare) == state_of(script(run_dir))


@pytest.mark.parametrize("every_batches", [None, 1, 4])
def test_continues_bit_for_bit(run_dir: Path, tmp_path: Path, every_batches: int | None) -> None:
    """Weights, optimizer, seeds, History and random state are those of an unbroken training."""
    whole = state_of(script(tmp_path / "whole"))
    killed(run_dir, resume=Resume(run_dir, every_batches=every_batches))
    assert state_of(script(run_dir)) == whole


def test_timeline_continues_as_well(run_dir: Path, tmp_path: Path) -> None:
    """`Timeline(resume=True)` is `Timeline` and `Resume` in one."""
    whole = state_of(script(tmp_path / "whole", resume=Timeline(tmp_path / "whole")))
    with pytest.raises(Killed):
        script(run_dir, Crash(3), resume=Timeline(run_dir, resume=True))
    again = script(run_dir, resume=Timeline(run_dir, resume=True))
    assert state_of(again) == whole
    run = open_run(run_dir)
    assert run.sessions[1].start.parent == run.sessions[0].id
    assert [row.epoch for row in run.timeline.epochs] == [0, 1, 2, 3, 4, 5]


def test_continues_after_several_kills(run_dir: Path, tmp_path: Path) -> None:
    """Each start goes on from the one before, also when two fall into one epoch."""
    whole = state_of(script(tmp_path / "whole"))
    for epoch, batch in [(0, 1), (2, 3), (2, 4), (5, 0)]:
        with pytest.raises(Killed):
            script(run_dir, Crash(epoch, batch), resume=Resume(run_dir, every_batches=1))
    assert state_of(script(run_dir)) == whole


def test_saves_as_often_as_wanted(run_dir: Path) -> None:
    """`every` epochs, and the last one."""
    killed(run_dir, at=5, resume=Resume(run_dir, every=2))
    found = ResumeStates(run_dir).newest()
    assert found is not None
    assert found.state.epoch == 4
    assert script(run_dir, epochs=5, resume=Resume(run_dir, every=2)).history.epoch == [*range(5)]
    found = ResumeStates(run_dir).newest()
    assert found is not None
    assert found.state.epoch == 5


def test_patience_is_not_forgotten(run_dir: Path) -> None:
    """EarlyStopping counts on after a resume; Keras's counter begins anew.

    https://github.com/keras-team/keras/issues/14862
    """
    scores = Fed(5, 1, 2, 2, 2, 2)
    stops = {"monitor": "score", "mode": "min", "patience": 3}
    killed(run_dir, scores, Stops(**stops), at=3)
    stopping = Stops(**stops)
    model = script(run_dir, scores, stopping, epochs=6)
    assert stopping.stopped_epoch == 4
    assert stopping.best == 1
    assert model.history.epoch == [0, 1, 2, 3, 4]


def test_better_file_is_not_overwritten(run_dir: Path) -> None:
    """`save_best_only` remembers what it has to beat; Keras's callback takes the first for best.

    https://github.com/keras-team/tf-keras/issues/430
    """
    scores = Fed(5, 1, 2, 2, 2, 2)
    ways: dict[str, Any] = {
        "monitor": "score",
        "mode": "min",
        "save_best_only": True,
        "save_weights_only": True,
    }
    stock, own = run_dir / "stock.weights.h5", run_dir / "own.weights.h5"

    def savers() -> list[keras.callbacks.Callback]:
        return [
            keras.callbacks.ModelCheckpoint(stock, **ways),
            ModelCheckpoint(own, **ways, log_dir=run_dir),
        ]

    killed(run_dir, scores, *savers())
    before = stock.read_bytes(), own.read_bytes()
    script(run_dir, scores, *savers())
    assert (stock.read_bytes(), own.read_bytes()) == before


def test_learning_rate_and_cooldown_go_on(run_dir: Path, tmp_path: Path) -> None:
    """ReduceLROnPlateau cuts in the same epochs."""

    def callbacks() -> list[keras.callbacks.Callback]:
        return [
            Fed(5, 1, 2, 2, 2, 2),
            keras.callbacks.ReduceLROnPlateau("score", mode="min", patience=2, cooldown=1),
        ]

    whole = script(tmp_path / "whole", *callbacks())
    killed(run_dir, *callbacks(), at=2)
    rates = script(run_dir, *callbacks()).history.history["learning_rate"]
    assert rates == whole.history.history["learning_rate"]
    assert len(set(rates)) > 1


@pytest.mark.parametrize("every_batches", [None, 1])
def test_restores_because_of_nan_are_counted_on(
    run_dir: Path, tmp_path: Path, every_batches: int | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What `on_nan` may still do is what it could have done without the kill."""
    monkeypatch.setattr(desk, "_LOOK_EVERY_SECONDS", 0.0)

    def train(directory: Path, *callbacks: keras.callbacks.Callback) -> keras.Model:
        timeline = Timeline(directory, on_nan=RestoreOnNaN(times=2), keep=KeepAll())
        resume = Resume(directory, every_batches=every_batches)
        return script(directory, timeline, Poison(1, 2, 4), *callbacks, resume=resume)

    with pytest.raises(Killed):
        train(run_dir, Crash(3))
    new_process()
    train(run_dir)
    alone = tmp_path / "alone"
    new_process()
    train(alone)

    def told(directory: Path) -> list[tuple[int, str]]:
        return [(item.step, item.because) for item in open_run(directory).restores]

    assert told(run_dir) == told(alone)
    assert [because.rpartition("; ")[2] for _, because in told(run_dir)] == [
        "restore 1 of 2",
        "restore 2 of 2",
    ]
    assert "nan_restores_used_up" in notices(run_dir)


def test_tensorboard_counts_batches_on(run_dir: Path) -> None:
    """Its axis of batches does not begin again."""
    board = keras.callbacks.TensorBoard(run_dir, update_freq=1)
    killed(run_dir, keras.callbacks.TensorBoard(run_dir, update_freq=1))
    script(run_dir, board)
    assert board._global_train_batch == 6 * 5  # noqa: SLF001 – it shows it nowhere else


def test_resumed_session_names_the_one_that_it_continues(run_dir: Path) -> None:
    """One run, two sessions, one history; also when no epoch had ended."""
    with pytest.raises(Killed):
        script(run_dir, Crash(0, 3), Timeline(run_dir), resume=Resume(run_dir, every_batches=2))
    script(run_dir, Timeline(run_dir))
    run = open_run(run_dir)
    assert [item.start.parent for item in run.sessions if item.start] == ["", run.sessions[0].id]
    assert len(run.history["loss"]) == 6
    assert "resumed" in notices(run_dir)


def test_nothing_is_left_behind_in_the_model(run_dir: Path) -> None:
    """A later `fit` of the same model trains all of its epochs; BackupAndRestore's would not."""
    killed(run_dir)
    model = script(run_dir)
    assert model.fit(ROWS, TARGETS, epochs=2, verbose=0).epoch == [0, 1]


class Counter(keras.callbacks.Callback):
    """A user's callback without a word about its state."""

    def __init__(self) -> None:
        super().__init__()
        self.batches = 0
        self.recent: list[float] = []
        self.numbers = np.random.default_rng(1)
        self.name = "set once"

    def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
        """Called by Keras."""
        self.batches += 1
        self.recent = [*self.recent[-2:], float(self.numbers.random())]


class Spoken(keras.callbacks.Callback):
    """A user's callback that says itself what its state is."""

    def __init__(self) -> None:
        super().__init__()
        self._seen = {(0, 0)}

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        """Called by Keras."""
        self._seen.add((epoch, 1))

    def state_dict(self) -> dict[str, Any]:
        """Returns the state."""
        return {"seen": sorted(self._seen)}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Takes it back."""
        self._seen = set(state["seen"])


def test_callbacks_of_users_go_on(run_dir: Path, tmp_path: Path) -> None:
    """Attributes that training changes, random generators, and `state_dict` where there is one."""
    expected, counter, spoken = Counter(), Counter(), Spoken()
    script(tmp_path / "whole", expected)
    killed(run_dir, Counter(), Spoken())
    counter.name = "set in the script"
    script(run_dir, counter, spoken)
    assert (counter.batches, counter.recent) == (expected.batches, expected.recent)
    assert counter.name == "set in the script"
    assert spoken.state_dict()["seen"] == [(0, 0), *((epoch, 1) for epoch in range(6))]


def test_lost_attribute_is_told(run_dir: Path) -> None:
    """What cannot be saved is named when the training is continued."""

    class Odd(keras.callbacks.Callback):
        def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
            self.thing = object()

    killed(run_dir, Odd())
    script(run_dir, Odd())
    assert "Odd.thing cannot be saved" in notices(run_dir)["resume_not_exact"]


def test_list_of_callbacks_of_the_users_own_is_continued(run_dir: Path) -> None:
    """A `CallbackList` that was made before `fit`."""

    def train(*callbacks: keras.callbacks.Callback) -> keras.Model:
        keras.utils.set_random_seed(4)
        model = new_model()
        made = keras.callbacks.CallbackList(
            [Resume(run_dir), *callbacks], add_history=True, model=model
        )
        model.fit(ROWS, TARGETS, epochs=4, verbose=0, callbacks=made)
        return model

    with pytest.raises(Killed):
        train(Crash(2, 0))
    assert train().history.epoch == [0, 1, 2, 3]


# ---- the end -------------------------------------------------------------------------------------


def test_training_that_has_ended_is_not_trained_again(run_dir: Path) -> None:
    """`fit` returns at once with the result, averages and best weights in place."""
    ways: dict[str, Any] = {"patience": 9, "restore_best_weights": True}
    first = state_of(script(run_dir, Stops(**ways)))
    new_process()
    again = script(run_dir, Stops(**ways), Crash(6))
    assert state_of(again)[4:] == first[4:]
    assert again.history.epoch == [*range(6)]
    assert "nothing_left_to_train" in notices(run_dir)


def test_averaged_weights_are_final_after_a_resume_at_the_end(run_dir: Path) -> None:
    """`use_ema`: the averages are in the model, though nothing was left to train."""

    def averaged() -> keras.Model:
        model = new_model()
        optimizer = keras.optimizers.Adam(0.05, use_ema=True, ema_momentum=0.5)
        model.compile(optimizer, "binary_crossentropy")
        return model

    keras.utils.set_random_seed(4)
    first = script(run_dir, model=averaged())
    new_process()
    assert state_of(script(run_dir, model=averaged()))[4:] == state_of(first)[4:]


def test_training_that_was_stopped_stays_stopped(run_dir: Path) -> None:
    """EarlyStopping's decision is kept, if the kill came between it and the end."""

    class LastBreath(keras.callbacks.Callback):
        def on_train_end(self, logs: Any = None) -> None:
            raise Killed

    stops = {"monitor": "score", "mode": "min", "patience": 1}
    with pytest.raises(Killed):
        script(run_dir, Fed(*range(6)), Stops(**stops), LastBreath())
    assert script(run_dir, Fed(*range(6)), Stops(**stops)).history.epoch == [0, 1]


def test_more_epochs_go_on_as_if_planned_from_the_beginning(run_dir: Path, tmp_path: Path) -> None:
    """A training that has ended can be made longer."""
    whole = state_of(script(tmp_path / "whole", epochs=6))
    script(run_dir, epochs=3)
    new_process()
    assert state_of(script(run_dir, epochs=6)) == whole


def test_second_fit_of_a_script_begins_anew(run_dir: Path) -> None:
    """It does not take the first one's state for its own, and a restart does not mix them up."""
    script(run_dir, epochs=2)
    assert script(run_dir, epochs=2).history.epoch == [0, 1]
    new_process()
    with pytest.raises(ResumeMismatchError, match="training 2 of its script"):
        script(run_dir, epochs=2)


# ---- what is refused, what is told ---------------------------------------------------------------


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"model": lambda: new_model(units=6)}, r"had shape \[4, 5\], and has \[4, 6\]"),
        ({"model": lambda: new_model(optimizer="sgd")}, "optimizer was Adam, and is SGD"),
    ],
)
def test_other_model_is_refused_and_left_alone(
    run_dir: Path, change: dict[str, Any], said: str
) -> None:
    """Before the first batch, and before anything was restored."""
    killed(run_dir)
    keras.utils.set_random_seed(9)
    model = change["model"]()
    before = model.get_weights()
    with pytest.raises(ResumeMismatchError, match=said):
        script(run_dir, model=model)
    assert all(np.array_equal(a, b) for a, b in zip(before, model.get_weights(), strict=True))
    assert script(run_dir).history.epoch == [*range(6)], "the script as it was goes on"


def test_other_backend_is_refused(run_dir: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its random numbers and seeds are other ones."""
    killed(run_dir)
    monkeypatch.setattr(keras.backend, "backend", lambda: "jax")
    with pytest.raises(ResumeMismatchError, match="backend was tensorflow, and is jax"):
        script(run_dir)


def test_other_data_is_told_between_epochs_and_refused_within(run_dir: Path) -> None:
    """Half an epoch of other data is no continuation."""
    killed(run_dir)
    script(run_dir, epochs=5, batch_size=6)
    assert "rows a batch 4, and has 6" in notices(run_dir)["resume_not_exact"]
    other = run_dir.with_name("other")
    killed(other, resume=Resume(other, every_batches=1))
    with pytest.raises(ResumeMismatchError, match="rows a batch 4, and has 6"):
        script(other, batch_size=6)


def test_other_callbacks_are_told(run_dir: Path) -> None:
    """New ones begin afresh, gone ones are named, and so are changed settings."""
    killed(run_dir, Stops(patience=5), keras.callbacks.TerminateOnNaN())
    script(run_dir, Stops(patience=7), keras.callbacks.ReduceLROnPlateau())
    told = notices(run_dir)["resume_not_exact"]
    assert "EarlyStopping.patience was 5, and is 7." in told
    assert "ReduceLROnPlateau is new and begins afresh." in told
    assert "TerminateOnNaN is gone." in told


def test_other_versions_are_told(run_dir: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Another Keras may round otherwise."""
    monkeypatch.setattr(keras, "__version__", "3.0")
    killed(run_dir)
    monkeypatch.undo()
    script(run_dir)
    told = notices(run_dir)["resume_not_exact"]
    assert f"keras was 3.0, and is {keras.__version__}." in told


def test_unseeded_shuffle_of_tensorflow_is_told(
    run_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """There is no such thing as the order that an unbroken training would have had."""
    monkeypatch.setattr("epochline.callbacks.resuming.data.is_seeded", lambda: False)
    killed(run_dir)
    script(run_dir)
    assert "keras.utils.set_random_seed" in notices(run_dir)["resume_not_exact"]


def test_csv_log_that_begins_anew_is_told(run_dir: Path) -> None:
    """Keras's logger throws away the epochs before, unless it is asked to append."""
    log = run_dir / "log.csv"
    run_dir.mkdir()
    killed(run_dir, keras.callbacks.CSVLogger(log))
    script(run_dir, keras.callbacks.CSVLogger(log))
    assert "append=True" in notices(run_dir)["csv_log_begun_anew"]


def test_backup_and_restore_is_refused(run_dir: Path) -> None:
    """Two masters, each with a state of its own."""
    with pytest.raises(ValueError, match="Leave one of them out"):
        script(run_dir, keras.callbacks.BackupAndRestore(run_dir / "backup"))


def test_initial_epoch_of_the_user_is_refused_where_it_contradicts(run_dir: Path) -> None:
    """Half an epoch 0 cannot be continued with epoch 3."""
    with pytest.raises(Killed):
        script(run_dir, Crash(0, 3), resume=Resume(run_dir, every_batches=1))
    with pytest.raises(ResumeMismatchError, match="leave initial_epoch= out"):
        script(run_dir, initial_epoch=3)


def test_damaged_state_falls_back_to_the_one_before(run_dir: Path, tmp_path: Path) -> None:
    """One epoch is trained again, with the same result, and it is told."""
    whole = state_of(script(tmp_path / "whole"))
    killed(run_dir)
    newest = max((run_dir / "resume").iterdir())
    data = bytearray(newest.read_bytes())
    data[len(data) // 2] ^= 1
    newest.write_bytes(data)
    assert state_of(script(run_dir)) == whole
    assert "not those that were saved" in notices(run_dir)["resume_state_damaged"]


def test_damaged_states_are_not_taken_for_none(run_dir: Path) -> None:
    """Silently beginning anew would throw away the training."""
    killed(run_dir)
    for path in (run_dir / "resume").iterdir():
        path.write_bytes(path.read_bytes()[:-1])
    with pytest.raises(ResumeStateError, match="to begin anew"):
        script(run_dir)


def test_disk_that_fails_does_not_stop_the_training(
    run_dir: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """A state that cannot be written is told loudly; the one before stays."""
    killed(run_dir, at=2)

    def full(*_: Any, **__: Any) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("epochline.restore.resume_state.write_atomic", full)
    assert script(run_dir).history.epoch == [*range(6)]
    assert "No space left" in caplog.text
    assert "No space left" in notices(run_dir)["resume_state_not_saved"]
    found = ResumeStates(run_dir).newest()
    assert found is not None
    assert found.state.epoch == 2


@pytest.mark.parametrize("arguments", [{"every": 0}, {"every": True}, {"every_batches": -1}])
def test_wrong_arguments_are_named(run_dir: Path, arguments: dict[str, Any]) -> None:
    """With the value and what is accepted."""
    with pytest.raises(ValueError, match="Use a positive number"):
        Resume(run_dir, **arguments)


def test_batches_of_an_epoch_are_as_the_tests_say() -> None:
    """What the moments in these tests rest on."""
    assert BATCHES > 4
