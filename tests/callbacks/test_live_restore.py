"""`LiveRestore`: what a running training does when it is asked, and what it refuses."""

from __future__ import annotations

import functools
import os
import secrets
import shutil
import threading
import time
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest

from epochline import open_run
from epochline.callbacks import LiveRestore, ModelCheckpoint, Resume, Timeline
from epochline.callbacks.living import desk
from epochline.callbacks.living.candidate import Candidate
from epochline.callbacks.living.keeping import Keeper
from epochline.events import EndReason, Outcome, Topic
from epochline.restore.audit import read_audit
from epochline.restore.live import Live, listening
from epochline.restore.mailbox import Mailbox
from epochline.restore.requests import Action, Answer, Counters
from epochline.retention import KeepAll
from tests.callbacks.asking import Asking, Asks, asked
from tests.callbacks.training import new_model, train

BATCHES = 3  # of an epoch
RESTORE, UNDO = Action.RESTORE, Action.UNDO


@pytest.fixture(autouse=True)
def _looks_before_each_batch(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(desk, "_LOOK_EVERY_SECONDS", 0.0)


def back_to(epoch: int, action: Action = RESTORE, **choices: Any) -> Asking:
    """Returns what asks for the checkpoint of an epoch."""

    def acting(asks: Asks) -> None:
        asks.ask(action, checkpoint=open_run(asks.run_dir).at(epoch=epoch).id, **choices)

    return acting


def values(model: keras.Model) -> list[Any]:
    """Returns copies of all variables."""
    variables = [*model.variables, *model.optimizer.variables]
    return [np.array(keras.ops.convert_to_numpy(item.value)) for item in variables]


class Traced:
    """A model that is traced once for all tests, and each time as if it were new."""

    def __init__(self) -> None:
        self._model = new_model()
        self._model.compile("adam", "binary_crossentropy", jit_compile=False)
        self._model.optimizer.build(self._model.trainable_variables)
        self._beginning = values(self._model)

    def fresh(self) -> keras.Model:
        """Returns it."""
        variables = [*self._model.variables, *self._model.optimizer.variables]
        for variable, value in zip(variables, self._beginning, strict=True):
            variable.assign(value)
        keras.utils.set_random_seed(7)
        return self._model


@functools.cache
def _traced() -> Traced:
    return Traced()


def fresh_model() -> keras.Model:
    """Returns a compiled model with random state and slots, the same in each test."""
    return _traced().fresh()


def run_with(
    run_dir: Path,
    script: Mapping[int, Asking],
    *callbacks: keras.callbacks.Callback,
    model: keras.Model | None = None,
    epochs: int = 4,
    **arguments: Any,
) -> Asks:
    """Trains with requests at given batches, and returns what asked."""
    asks = Asks(run_dir, script)
    usual = Timeline(run_dir, keep=KeepAll(), monitor="loss", background=False)
    ours = [] if any(isinstance(item, LiveRestore | Timeline) for item in callbacks) else [usual]
    trained = model or fresh_model()
    train(trained, *callbacks, asks, *ours, epochs=epochs, **arguments)
    asks.left = values(trained)
    return asks


def assert_same(one: Asks, other: Asks) -> None:
    """Two trainings have left the same, to the last bit."""
    for mine, theirs in zip(one.left, other.left, strict=True):
        np.testing.assert_array_equal(mine, theirs)


def only(asks: Asks) -> Answer:
    """Returns the only answer."""
    (answer,) = asks.answers
    assert answer is not None
    return answer


# ---- restore -------------------------------------------------------------------------------------


def test_restore_is_answered_and_recorded(run_dir: Path) -> None:
    """With who asked, how many variables, fingerprints before and after, and the way back."""
    held: list[Any] = []

    def ask(asks: Asks) -> None:
        held.extend(values_in_file(asks.model))
        back_to(0)(asks)

    asks = run_with(run_dir, {7: ask})
    answer, run = only(asks), open_run(run_dir)
    assert answer.ok, answer.message
    assert (answer.restored, answer.total, answer.epoch, answer.step) == (14, 14, 2, 7)
    (restore,) = run.restores
    assert (restore.epoch, restore.step, restore.batch) == (2, 7, 7)
    assert restore.checkpoint == run.checkpoints[0].id == answer.checkpoint
    assert (restore.before, restore.after) == (answer.before, answer.after)
    assert restore.before != restore.after
    assert "weights and optimizer restored, 14 variables" in restore.sentence
    assert f"asked for by {asks.requests[0].by} from python" in restore.sentence
    assert [(item.action, item.outcome) for item in run.requests] == [("restore", Outcome.DONE)]
    assert [line.outcome for line in read_audit(run_dir)] == ["asked", "done"]
    undo = run.checkpoint(answer.undo)
    assert undo.pinned
    assert "before a restore" in undo.note
    undo.restore(asks.model)
    for saved, seen in zip(values_in_file(asks.model), held, strict=True):
        np.testing.assert_array_equal(saved, seen)


def values_in_file(model: keras.Model) -> list[Any]:
    """Returns copies of what a checkpoint holds: no seeds."""
    return [np.array(item.numpy()) for item in [*model.weights, *model.optimizer.variables]]


def test_steps_go_back_and_the_epochs_of_fit_go_on(run_dir: Path) -> None:
    """No learning rate or stop is put down to anybody because of it; the lineage is told."""
    run_with(run_dir, {7: back_to(0)})
    run = open_run(run_dir)
    assert [row.epoch for row in run.timeline.epochs] == [0, 1, 2, 3]
    assert [row.step for row in run.timeline.epochs] == [3, 6, 5, 8]
    assert [row.batch for row in run.timeline.epochs] == [3, 6, 9, 12]
    assert [row.epoch for row in run.timeline.abandoned] == [1]
    assert [(b.after_batch, b.last_batch) for b in run.lineage] == [(0, 3), (7, float("inf"))]
    assert not [item for item in run.decisions if item.topic is not Topic.CHECKPOINT]
    assert not run.notices


def test_undo_brings_everything_back(run_dir: Path) -> None:
    """Weights, optimizer, learning rate and the counters of callbacks, as before the restore."""
    stops = keras.callbacks.EarlyStopping("loss", patience=9, restore_best_weights=True)
    plateau = keras.callbacks.ReduceLROnPlateau("loss", patience=9)
    told: dict[str, Any] = {}

    def counters() -> dict[str, Any]:
        return {"best": stops.best, "wait": plateau.wait, "epoch": stops.best_epoch}

    def before(asks: Asks) -> None:
        told["before"] = counters()
        asks.model.optimizer.learning_rate = 0.25
        back_to(0, learning_rate=0.125)(asks)

    def between(asks: Asks) -> None:
        told["between"] = counters()
        asks.ask(UNDO)

    asks = run_with(
        run_dir,
        {7: before, 8: between, 9: lambda _: told.update(after=counters())},
        stops,
        plateau,
    )
    first, second = asks.answers
    assert first is not None
    assert second is not None
    assert (first.ok, second.ok) == (True, True)
    assert (first.learning_rate_before, first.learning_rate_after) == (0.25, 0.125)
    assert (second.learning_rate_before, second.learning_rate_after) == (0.125, 0.25)
    assert second.after == first.before
    assert told["between"] == {"best": None, "wait": 0, "epoch": 0}
    assert told["before"]["best"] is not None
    run = open_run(run_dir)
    assert [row.epoch for row in run.timeline.abandoned] == []
    assert not run.checkpoint(first.undo).pinned
    assert run.checkpoint(second.undo).pinned


@pytest.mark.parametrize(
    ("choices", "rate", "weights_only"),
    [
        ({}, 0.001, False),
        ({"learning_rate": "keep"}, 0.5, False),
        ({"learning_rate": 0.25}, 0.25, False),
        ({"optimizer": False, "learning_rate": "keep"}, 0.5, True),
        ({"optimizer": False, "learning_rate": "checkpoint"}, 0.001, True),
    ],
)
def test_what_is_restored_can_be_chosen(
    run_dir: Path, choices: dict[str, Any], rate: float, weights_only: bool
) -> None:
    """The optimizer or not, and the learning rate of now, of the checkpoint, or another."""
    iterations: list[int] = []

    def ask(asks: Asks) -> None:
        asks.model.optimizer.learning_rate = 0.5
        back_to(0, **choices)(asks)

    def look(asks: Asks) -> None:
        iterations.append(int(asks.model.optimizer.iterations.numpy()))

    asks = run_with(run_dir, {7: ask, 8: look})
    answer = only(asks)
    assert answer.ok, answer.message
    assert answer.learning_rate_before == 0.5
    assert answer.learning_rate_after == pytest.approx(rate)
    assert iterations == [8 if weights_only else 4]
    assert answer.total == (4 if weights_only else 14)


def test_counters_can_be_kept(run_dir: Path) -> None:
    """What EarlyStopping will then do at the end is in the plan."""
    stops = keras.callbacks.EarlyStopping("loss", patience=9, restore_best_weights=True)
    best: list[Any] = []
    asks = run_with(
        run_dir,
        {7: back_to(0, counters=Counters.KEEP), 8: lambda _: best.append(stops.best)},
        stops,
    )
    answer = only(asks)
    assert answer.ok
    assert best[0] is not None
    assert any("still puts back its own best weights" in line for line in answer.plan)


def test_dry_run_tells_all_and_changes_nothing(run_dir: Path, tmp_path: Path) -> None:
    """The training ends as without it, to the last bit."""
    scheduler = keras.callbacks.LearningRateScheduler(lambda epoch: 0.01 / (epoch + 1))
    asks = run_with(run_dir, {7: back_to(0, dry_run=True)}, scheduler)
    plain = run_with(tmp_path / "plain", {}, scheduler)
    answer = only(asks)
    assert answer.ok
    assert answer.dry_run
    assert "Nothing was done." in answer.message
    assert answer.plan[0].startswith("14 variables (weights and optimizer) become those of")
    assert "The learning rate goes from 3.333e-3 to 0.01." in answer.plan
    assert any("LearningRateScheduler sets the learning rate again" in it for it in answer.plan)
    assert {item.layer.rpartition("/")[2] for item in answer.layers} == {"hidden", "output"}
    assert all(item.relative_change for item in answer.layers)
    assert_same(asks, plain)
    assert not open_run(run_dir).restores
    assert not (run_dir / "timeline" / "control" / "actions.records").exists()


def test_failure_while_loading_is_rolled_back(
    run_dir: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A variable that does not take its value: everything is put back, and the training goes on."""
    load = Candidate.load

    def half(self: Candidate) -> int:
        load(self)
        message = "a device was lost"
        raise RuntimeError(message)

    monkeypatch.setattr(Candidate, "load", half)
    stops = keras.callbacks.EarlyStopping("loss", patience=9)
    asks = run_with(run_dir, {7: back_to(0)}, stops)
    plain = run_with(tmp_path / "plain", {})
    answer = only(asks)
    assert answer.outcome is Outcome.FAILED
    assert answer.message == "RuntimeError: a device was lost. All is as it was before."
    assert_same(asks, plain)
    assert stops.best is not None
    assert [item.outcome for item in open_run(run_dir).requests] == [Outcome.FAILED]


def test_state_that_cannot_be_saved_is_not_given_up(
    run_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without a way back nothing is restored."""
    monkeypatch.setattr(Keeper, "save", lambda *_: None)
    answer = only(run_with(run_dir, {7: back_to(0)}))
    assert answer.outcome is Outcome.REFUSED
    assert "could not be saved" in answer.message


# ---- what is refused -----------------------------------------------------------------------------


def _flipped(run_dir: Path) -> None:
    path = run_dir / "checkpoints" / "epoch-0001.weights.h5"
    data = bytearray(path.read_bytes())
    data[-5] ^= 1
    path.write_bytes(data)


def _truncated(run_dir: Path) -> None:
    path = run_dir / "checkpoints" / "epoch-0001.weights.h5"
    os.truncate(path, path.stat().st_size - 1)


def _linked(run_dir: Path) -> None:
    path = run_dir / "checkpoints" / "epoch-0001.weights.h5"
    path.rename(run_dir.parent / "elsewhere.h5")
    path.symlink_to(run_dir.parent / "elsewhere.h5")


def _moved(run_dir: Path) -> None:
    outside = run_dir.parent / "outside"
    (run_dir / "checkpoints").rename(outside)
    (run_dir / "checkpoints").symlink_to(outside)


def _of_other_run(run_dir: Path) -> None:
    shutil.copy(
        run_dir.parent / "other" / "checkpoints" / "epoch-0002.weights.h5",
        run_dir / "checkpoints" / "epoch-0001.weights.h5",
    )


@pytest.mark.parametrize(
    ("damage", "told"),
    [
        (_flipped, "xxh3-128"),
        (_truncated, "truncated"),
        (_linked, "symbolic link"),
        (_moved, "symbolic link"),
        (_of_other_run, "xxh3-128"),
    ],
)
def test_file_that_is_not_what_was_saved_is_refused(
    run_dir: Path, tmp_path: Path, damage: Any, told: str
) -> None:
    """A flipped bit, a byte too few, links that lead elsewhere, the file of another run."""

    def ask(asks: Asks) -> None:
        found = open_run(run_dir).at(epoch=0).id
        damage(run_dir)
        asks.ask(RESTORE, checkpoint=found)

    run_with(run_dir.parent / "other", {}, epochs=2)
    asks = run_with(run_dir, {7: ask})
    plain = run_with(tmp_path / "plain", {})
    answer = only(asks)
    assert answer.outcome is Outcome.REFUSED
    assert told in answer.message
    assert answer.message.endswith("Nothing was changed.")
    assert_same(asks, plain)


def test_unknown_and_foreign_checkpoints_are_refused(run_dir: Path, tmp_path: Path) -> None:
    """An id of nobody, one of another run, a file that Keras's callback wrote."""
    other = tmp_path / "other"
    run_with(other, {}, epochs=1)
    stock = keras.callbacks.ModelCheckpoint(
        run_dir / "own" / "{epoch}.weights.h5", save_weights_only=True
    )

    def foreign(asks: Asks) -> None:
        item = next(item for item in open_run(run_dir).checkpoints if not item.owned)
        asks.ask(RESTORE, checkpoint=item.id)

    asks = run_with(
        run_dir,
        {
            7: asked(RESTORE, checkpoint="0" * 16),
            8: asked(RESTORE, checkpoint=open_run(other).latest().id),
            9: foreign,
            10: asked(UNDO),
        },
        stock,
    )
    assert_same(asks, run_with(tmp_path / "plain", {}))
    told = [answer.message for answer in asks.answers if answer is not None]
    assert told[0] == f"This run has no checkpoint {'0' * 16}. Nothing was changed."
    assert "This run has no checkpoint" in told[1]
    assert "was not saved by Epochline" in told[2]
    assert "Nothing was restored in this training" in told[3]
    assert [line.refused for line in read_audit(run_dir)] == [False, True] * 4


@pytest.mark.parametrize(
    ("other", "told"),
    [
        ({"units": 6}, "in the checkpoint; "),
        ({"optimizer": "sgd"}, "holds the state of Adam, and the model is trained with SGD"),
        ({"deeper": True}, "the checkpoint does not"),
    ],
)
def test_checkpoint_of_another_model_is_refused(
    run_dir: Path, tmp_path: Path, other: dict[str, Any], told: str
) -> None:
    """Another width, depth or optimizer: what differs is told, and nothing is touched."""
    run_with(run_dir, {}, epochs=1)

    def new() -> keras.Model:
        keras.utils.set_random_seed(5)
        layers = [keras.layers.Dense(other.get("units", 5), activation="relu", name="hidden")]
        if "deeper" in other:
            layers.append(keras.layers.Dense(5, name="more"))
        model = keras.Sequential(
            [keras.layers.Input((4,)), *layers, keras.layers.Dense(1, name="output")]
        )
        model.compile(other.get("optimizer", "adam"), "mse", jit_compile=False)
        return model

    first = open_run(run_dir).checkpoints[0].id
    asks = run_with(run_dir, {2: asked(RESTORE, checkpoint=first)}, model=new(), epochs=1)
    assert_same(asks, run_with(tmp_path / "plain", {}, model=new(), epochs=1))
    answer = only(asks)
    assert answer.outcome is Outcome.REFUSED
    assert told in answer.message
    assert len(open_run(run_dir).checkpoints) == 2


def test_late_and_misdirected_and_replayed_requests_do_nothing(
    run_dir: Path, tmp_path: Path
) -> None:
    """Each is answered with its reason; what was done once is not done again."""
    kept: list[bytes] = []

    def changed(**fields: Any) -> Asking:
        def acting(asks: Asks) -> None:
            back_to(0)(asks)
            mailbox = Mailbox(run_dir)
            mailbox.withdraw(asks.requests[-1].id)
            mailbox.submit(replace(asks.requests[-1], **fields))

        return acting

    def once(asks: Asks) -> None:
        back_to(0)(asks)
        kept.append(asks.requests[-1].to_json())

    def again(asks: Asks) -> None:
        requests = run_dir / "timeline" / "control" / "live" / "requests"
        (requests / f"{asks.requests[-1].id}.json").write_bytes(kept[0])

    late = changed(created=1.0, expires=2.0)
    elsewhere = changed(session="0" * 16)
    later = time.time() + 86_400
    tomorrow = changed(created=later, expires=later + 60)
    asks = run_with(run_dir, {5: late, 6: elsewhere, 7: tomorrow, 8: once, 10: again})
    assert_same(asks, run_with(tmp_path / "plain", {8: back_to(0)}))
    outcomes = [answer.outcome for answer in asks.answers if answer is not None]
    assert outcomes == [Outcome.EXPIRED, Outcome.REFUSED, Outcome.REFUSED, Outcome.DONE]
    assert len(open_run(run_dir).restores) == 1
    assert [line.message for line in read_audit(run_dir)][-1] == "It was answered before."


def test_ten_thousand_garbage_files_change_nothing(run_dir: Path, tmp_path: Path) -> None:
    """They are answered in portions, and a request among them at once."""

    def litter(asks: Asks) -> None:
        directory = run_dir / "timeline" / "control" / "live" / "requests"
        for number in range(10_000):
            name = f"{secrets.token_hex(10):0>32}.json" if number % 2 else f"{number}.tmp"
            (directory / name).write_bytes(b'{"version": 1, "action": "restore"')
        asks.ask(Action.SAVE)

    asks = run_with(run_dir, {4: litter})
    plain = run_with(tmp_path / "plain", {})
    answer = only(asks)
    assert answer.ok
    assert (answer.epoch, answer.step) == (1, 4)
    assert_same(asks, plain)
    refused = [line for line in read_audit(run_dir) if line.refused]
    assert len(refused) == (4 * BATCHES - 4 + 1) * 64 - 1  # at each batch, and at the end
    assert all("It is no request" in line.message for line in refused[:64])
    run = open_run(run_dir)
    assert [item.action for item in run.requests] == ["save"]


# ---- the other actions ---------------------------------------------------------------------------


def test_save_now_makes_a_checkpoint_that_stays(run_dir: Path) -> None:
    """In the middle of an epoch, pinned, with who asked."""
    asks = run_with(run_dir, {5: asked(Action.SAVE)})
    item = open_run(run_dir).checkpoint(only(asks).checkpoint)
    assert (item.epoch, item.step, item.reason, item.pinned) == (1, 5, "manual", True)
    assert item.verify()
    assert f"Asked for by {asks.requests[0].by} from python" in item.note


def test_learning_rate_is_set_and_has_its_cause(run_dir: Path) -> None:
    """The decision is put down to LiveRestore, with who asked; to nobody else."""
    asks = run_with(run_dir, {5: asked(Action.LEARNING_RATE, learning_rate=0.25)})
    assert only(asks).message == "Learning rate 1e-3 → 0.25."
    run = open_run(run_dir)
    (decision,) = [item for item in run.decisions if item.topic is Topic.LEARNING_RATE]
    assert (decision.callback, decision.lr_after, decision.step) == ("LiveRestore", 0.25, 5)
    assert "Asked for by" in decision.sentence
    assert run.history["learning_rate"] == pytest.approx([0.001, 0.25, 0.25, 0.25])


def test_schedule_is_not_overruled(run_dir: Path) -> None:
    """The learning rate that a schedule gives cannot be set, but goes back with the step."""
    model = new_model()
    rates = keras.optimizers.schedules.ExponentialDecay(0.01, 1, 0.5)
    model.compile(keras.optimizers.Adam(rates), "binary_crossentropy", jit_compile=False)
    script = {
        5: asked(Action.LEARNING_RATE, learning_rate=0.25),
        6: back_to(0, learning_rate="keep"),
        7: back_to(0),
    }
    answers = [item for item in run_with(run_dir, script, model=model).answers if item is not None]
    assert [item.outcome for item in answers] == ["refused", "refused", "done"]
    assert "given by ExponentialDecay" in answers[0].message
    assert "follows ExponentialDecay" in answers[1].message
    assert answers[2].learning_rate_after == pytest.approx(0.01 / 8)


def test_stop_ends_with_a_last_checkpoint(run_dir: Path) -> None:
    """Of the very end; the reason and who asked are recorded."""
    asks = run_with(run_dir, {5: asked(Action.STOP)}, epochs=9)
    answer, run = only(asks), open_run(run_dir)
    assert answer.ok
    assert answer.message.startswith("The training ends with epoch 2")
    assert asks.model.history.epoch == [0, 1]
    assert run.sessions[0].end_reason is EndReason.STOPPED
    assert run.sessions[0].end is not None
    assert run.sessions[0].end.callback == "LiveRestore"
    last = run.checkpoint(answer.checkpoint)
    assert last == run.latest()
    assert (last.epoch, last.step) == (1, 6)
    last.restore(asks.model)
    for one, other in zip(values(asks.model), asks.left, strict=True):
        np.testing.assert_array_equal(one, other)


def test_stop_saves_when_nobody_else_does(run_dir: Path) -> None:
    """A training that saves nothing by itself still has its last checkpoint."""
    asks = run_with(run_dir, {2: asked(Action.STOP)}, Timeline(run_dir, save=None))
    (item,) = open_run(run_dir).checkpoints
    assert item.id == only(asks).checkpoint
    assert item.path == "checkpoints/last-epoch-0001-step-3.weights.h5"


class Pauses:
    """Asks from another thread, as the panel does, once the training has begun."""

    def __init__(self, run_dir: Path) -> None:
        self.answers: dict[str, Answer] = {}
        self.paused = False
        self._live = Live(run_dir)
        self._run_dir = run_dir
        self._thread = threading.Thread(target=self._ask)

    def __call__(self, asks: Asks) -> None:
        """Called in the training; goes on when the first request lies there."""
        self._thread.start()
        while not any((self._run_dir / "timeline/control/live/requests").iterdir()):
            time.sleep(0.001)

    def join(self) -> None:
        """Waits for the thread."""
        self._thread.join()

    def _ask(self) -> None:
        self.answers["pause"] = self._live.pause()
        self.paused = listening(self._run_dir).paused
        first = open_run(self._run_dir).at(epoch=0).id
        self.answers["restore"] = self._live.restore(first)
        self.answers["save"] = self._live.save()
        self.answers["proceed"] = self._live.proceed()
        self.answers["again"] = self._live.proceed()


def test_paused_training_answers_and_goes_on(run_dir: Path) -> None:
    """It stands still at one batch, and does what it is asked for there."""
    pauses = Pauses(run_dir)
    asks = run_with(run_dir, {5: pauses, 6: lambda _: time.sleep(0.5)})
    pauses.join()
    assert pauses.paused
    told = {name: answer.outcome for name, answer in pauses.answers.items()}
    assert told == dict.fromkeys(["pause", "restore", "save", "proceed"], "done") | {
        "again": "refused"
    }
    run = open_run(run_dir)
    assert {(item.epoch, item.batch) for item in run.requests if item.outcome == "done"} == {(1, 5)}
    assert asks.model.history.epoch == [0, 1, 2, 3]


# ---- where it works, and what it costs -----------------------------------------------------------


def test_averaged_weights_in_the_model_are_not_replaced(run_dir: Path) -> None:
    """`SwapEMAWeights` would take them for its own."""
    model = new_model()
    model.compile(
        keras.optimizers.Adam(0.01, use_ema=True), "binary_crossentropy", jit_compile=False
    )
    swap = keras.callbacks.SwapEMAWeights()

    def ask(asks: Asks) -> None:
        back_to(0)(asks)
        swap._ema_weights_in_model = True  # noqa: SLF001 – as while it validates

    def done(_: Asks) -> None:
        swap._ema_weights_in_model = False  # noqa: SLF001

    answer = only(run_with(run_dir, {4: ask, 5: done}, swap, model=model, epochs=2))
    assert "SwapEMAWeights has the averaged weights in the model" in answer.message


def test_layer_that_saves_itself_is_refused(run_dir: Path) -> None:
    """What it would do with the values in its file is its own business."""

    class Own(keras.layers.Dense):
        def save_own_variables(self, store: Any) -> None:
            store["both"] = np.zeros(3)

    model = keras.Sequential([keras.layers.Input((4,)), Own(1)])
    model.compile("adam", "mse", jit_compile=False)
    answer = only(run_with(run_dir, {4: back_to(0)}, model=model, epochs=2))
    assert "saves itself in a way of its own" in answer.message


def test_with_nothing_asked_it_looks_once_a_second(
    run_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """However many batches there are; in between there is nothing but a look at the clock."""
    clock, looks = [1000.0], [0]
    monkeypatch.setattr(desk, "_LOOK_EVERY_SECONDS", 1.0)
    monkeypatch.setattr("epochline.callbacks.living.desk.monotonic", lambda: clock[0])

    def changed(_: Mailbox) -> bool:
        looks[0] += 1
        return False

    monkeypatch.setattr(Mailbox, "changed", changed)

    class Ticks(keras.callbacks.Callback):
        def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
            clock[0] += 0.125

    train(fresh_model(), Ticks(), Timeline(run_dir, monitor="loss"), epochs=8)
    assert looks == [3]  # 24 batches are three seconds


def test_training_says_when_it_listens(run_dir: Path) -> None:
    """From its first epoch to its end, unless it was told not to."""
    there: list[bool] = []
    look = {1: lambda _: there.append(bool(listening(run_dir)))}
    run_with(run_dir, look, epochs=1)
    assert there == [True]
    assert not listening(run_dir)
    asks = Asks(run_dir, look)
    train(fresh_model(), asks, Timeline(run_dir, monitor="loss", live=False), epochs=1)
    assert there == [True, False]


def test_it_stands_alone_beside_a_checkpoint_callback(run_dir: Path) -> None:
    """And only once in a list, whoever brings it."""
    saving = ModelCheckpoint(run_dir / "{epoch}.weights.h5", save_weights_only=True)
    asks = run_with(
        run_dir, {7: back_to(0)}, saving, LiveRestore(run_dir), Timeline(run_dir, save=None)
    )
    assert only(asks).ok
    assert len(open_run(run_dir).restores) == 1


def test_requests_that_come_too_late_are_answered(run_dir: Path) -> None:
    """At the end of the training, whatever is left over."""
    asks = run_with(run_dir, {12: asked(Action.SAVE)})
    answer = only(asks)
    assert answer.outcome is Outcome.REFUSED
    assert answer.message == "The training has ended."


def test_state_to_resume_from_holds_what_was_restored(tmp_path: Path) -> None:
    """Who continues after a kill continues the branch that was gone back to."""

    class Killed(Exception):  # noqa: N818 – it stands for no error
        pass

    def kill(_: Asks) -> None:
        raise Killed

    ended: list[Asks] = []
    for place, script in (("whole", {7: back_to(0)}), ("cut", {7: back_to(0), 11: kill})):
        directory = tmp_path / place
        try:
            asks = run_with(directory, script, Resume(directory))
        except Killed:
            asks = run_with(directory, {}, Resume(directory))
        ended.append(asks)
    assert_same(*ended)


def test_control_directory_that_cannot_be_used_stops_nothing(run_dir: Path, tmp_path: Path) -> None:
    """It is told once; the training is recorded and saved as always."""
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    control = run_dir / "timeline" / "control"
    control.mkdir(parents=True)
    (control / "live").symlink_to(elsewhere)
    train(fresh_model(), Timeline(run_dir, monitor="loss"), epochs=2)
    run = open_run(run_dir)
    assert [item.code for item in run.notices] == ["live_off"]
    assert len(run.checkpoints) == 2
