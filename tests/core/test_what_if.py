"""What would have happened: exact where it can be, said where it cannot."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

import epochline
from epochline import KeepBest, KeepEvery, KeepLast
from epochline.errors import WhatIfError
from epochline.events import (
    CheckpointPruned,
    CheckpointSaved,
    Decision,
    EndReason,
    EpochEnded,
    Event,
    Mode,
    Record,
    Restored,
    SessionEnded,
    SessionStarted,
    Topic,
    Verdict,
)
from epochline.planning import Fate, plan_prune
from epochline.timeline import Timeline, build_timeline
from epochline.what_if_replay import replayed
from epochline.what_if_values import StopVerdict
from tests.core.recorded import record_run

A, B = "a" * 16, "b" * 16
SECONDS = 60.0


def _session(
    scores: Sequence[float],
    *,
    name: str = A,
    first: int = 0,
    end: SessionEnded | None = None,
    decided: dict[int, Decision] | None = None,
    parent: str = "",
) -> list[Record]:
    """Returns a session with one checkpoint an epoch, which took a minute and `learning_rate` 1."""
    started = SessionStarted(planned_epochs=20, initial_epoch=first, parent=parent, monitor="m")
    records = [_record(name, 0, first, started)]
    for place, score in enumerate(scores):
        epoch = first + place
        metrics = {"m": score, "learning_rate": 1.0}
        events: list[Event] = [EpochEnded(metrics=metrics, duration_seconds=SECONDS)]
        if decided and epoch in decided:
            events.append(decided[epoch])
        identity = f"{name[0]}{epoch:015x}"
        events.append(
            CheckpointSaved(
                id=identity,
                path=f"{identity}.weights.h5",
                size_bytes=10,
                digest="d",
                metrics=metrics,
            )
        )
        records.append(_record(name, place + 1, epoch, *events))
    if end is not None:
        records.append(_record(name, len(records), first + len(scores) - 1, end))
    return records


def _record(session: str, seq: int, epoch: int, *events: Event) -> Record:
    start = 1000.0 if session == A else 9000.0
    return Record(
        session=session,
        seq=seq,
        wall_time=start + seq * SECONDS,
        epoch=epoch,
        step=seq * 10,
        batch=seq * 10,
        events=events,
    )


def _decision(epoch: int, **more: Any) -> dict[int, Decision]:
    values: dict[str, Any] = {
        "callback": "EarlyStopping",
        "position": 0,
        "topic": Topic.STOP,
        "verdict": Verdict.WAITING,
        "monitor": "m",
        "mode": Mode.MIN,
        "patience": 3,
        "min_delta": 0.0,
    }
    return {epoch: Decision(**(values | more))}


STOPPED = SessionEnded(reason=EndReason.EARLY_STOPPING, callback="EarlyStopping", position=0)


def _stopped() -> Timeline:
    """Six epochs, stopped with patience 3 behind the last."""
    scores = [5.0, 3.0, 2.0, 2.5, 2.5, 2.5]
    return build_timeline(
        _session(
            scores, end=STOPPED, decided=_decision(5, verdict=Verdict.STOPPED, best=2.0, wait=3)
        )
    )


def test_recorded_settings_give_what_was_recorded() -> None:
    """Without changes it stops where it did, saves nothing, and nothing differs."""
    answer = replayed(_stopped())

    assert answer.stop is not None
    assert answer.stop.verdict is StopVerdict.AT_END
    assert (answer.stop.at.epoch, answer.stop.wait, answer.stop.best_epoch) == (5, 3, 2)
    assert (answer.epochs_saved, answer.seconds_saved, answer.differs_from) == (0, 0, None)
    assert answer.notes == ()
    assert answer.early_stopping == answer.recorded_early_stopping


def test_earlier_stop_saves_epochs_hours_and_checkpoints() -> None:
    """What comes after it counts: epochs, their recorded durations, checkpoints not saved."""
    answer = replayed(_stopped(), early_stopping={"patience": 1}, gpus=4)

    assert answer.stop is not None
    assert (answer.stop.verdict, answer.stop.at.epoch) == (StopVerdict.EARLIER, 3)
    assert answer.stop.exact
    assert (answer.epochs_saved, answer.seconds_saved) == (2, 2 * SECONDS)
    assert answer.gpu_hours_saved == pytest.approx(4 * 2 / 60)
    assert [item.epoch for item in answer.checkpoints.never] == [4, 5]
    assert answer.differs_from is None
    assert "stopped after epoch 4: m not better than 2 (epoch 3) for 1 epoch." in str(answer)
    assert "2 epochs of 6, 2 min of training: 0.13 GPU hours on 4 GPUs." in str(answer)
    assert "The best m stays 2 (epoch 3)." in str(answer)


def test_later_stop_says_what_is_not_known() -> None:
    """Patience that is not used up: how long it goes on at least and at most, and from where."""
    answer = replayed(_stopped(), early_stopping={"patience": 5})

    assert answer.stop is not None
    assert (answer.stop.verdict, answer.stop.at.epoch) == (StopVerdict.LATER, 5)
    assert (answer.stop.at_least, answer.stop.at_most) == (2, 14)
    assert (answer.epochs_saved, answer.gpu_hours_saved) == (None, None)
    assert answer.differs_from == 6
    assert "From epoch 7 on the training would differ: it was not trained so far." in str(answer)


def test_cut_that_was_not_made_ends_what_is_exact() -> None:
    """Up to the cut all is as it was; cuts and stops behind it are told as a guess."""
    scores = [5.0, 4.0, 4.0, 4.0, 4.0, 4.0]
    answer = replayed(
        build_timeline(_session(scores)),
        early_stopping={"monitor": "m", "patience": 4},
        reduce_lr={"monitor": "m", "patience": 2, "factor": 0.5},
    )

    assert answer.plateau is not None
    assert answer.stop is not None
    assert [(c.at.epoch, c.lr_before, c.lr_after, c.exact) for c in answer.plateau.cuts] == [
        (3, 1.0, 0.5, True),
        (5, 0.5, 0.25, False),
    ]
    assert answer.differs_from == 4
    assert (answer.stop.at.epoch, answer.stop.exact) == (5, False)
    assert "takes the metrics as they were" in str(answer)


def test_cut_that_would_not_be_made_is_where_it_differs() -> None:
    """A recorded cut that a longer patience does not make changes the training from there."""
    decided = _decision(
        3,
        callback="ReduceLROnPlateau",
        topic=Topic.LEARNING_RATE,
        verdict=Verdict.CHANGED,
        patience=2,
        lr_before=1.0,
        lr_after=0.25,
        cooldown=1,
    )
    timeline = build_timeline(_session([5.0, 4.0, 4.0, 4.0], decided=decided))
    same, longer = replayed(timeline), replayed(timeline, reduce_lr={"patience": 3})

    assert same.reduce_lr is not None
    assert same.plateau is not None
    assert (same.reduce_lr.factor, same.reduce_lr.cooldown) == (0.25, 1)
    assert [cut.recorded for cut in same.plateau.cuts] == [True]
    assert same.differs_from is None
    assert longer.plateau is not None
    assert (longer.plateau.cuts, longer.plateau.missed, longer.differs_from) == ((), True, 4)


def test_stop_before_the_cut_that_differs_is_exact() -> None:
    """What a training that has ended would have done later is not told."""
    scores = [5.0, 4.0, 4.0, 4.0, 4.0]
    answer = replayed(
        build_timeline(_session(scores)),
        early_stopping={"monitor": "m", "patience": 1},
        reduce_lr={"monitor": "m", "patience": 3},
    )

    assert answer.stop is not None
    assert answer.plateau is not None
    assert (answer.stop.at.epoch, answer.stop.exact) == (2, True)
    assert (answer.plateau.cuts, answer.differs_from) == ((), None)


@pytest.mark.parametrize(
    "policy", [KeepLast(2), KeepBest("m", 2) | KeepLast(1), KeepEvery(epochs=2).within(25)]
)
def test_policy_decides_over_all_that_ever_was(policy: Any) -> None:
    """The same plan as `prune` makes, over checkpoints that are gone as well."""
    records = _session([3.0, 1.0, 2.0, 4.0, 5.0])
    gone = CheckpointPruned(id=f"a{1:015x}", policy="last 3")
    timeline = build_timeline([*records, _record(A, len(records), 4, gone)])
    kept = replayed(timeline, keep=policy).checkpoints

    plan = plan_prune(policy, timeline.checkpoints, mode_of=timeline.mode)
    stays = {step.id for step in plan.steps if step.fate is not Fate.DELETE}
    assert {item.id for item in kept.kept} == stays
    assert (kept.size_bytes, kept.now_bytes) == (plan.left_bytes, 40)
    assert not {item.id for item in kept.pruned} & stays


def test_checkpoints_that_are_gone_are_told_apart() -> None:
    """What a rule would have kept and another one deleted is said to be gone."""
    records = _session([3.0, 1.0, 2.0])
    gone = CheckpointPruned(id=f"a{1:015x}", policy="last 1")
    timeline = build_timeline([*records, _record(A, len(records), 2, gone)])

    answer = replayed(timeline, keep=KeepBest("m", mode="min"))

    assert "best 1 by m would keep 2 of 3 checkpoints, 20 B" in str(answer)
    assert "1 of them is gone now" in str(answer)


@pytest.mark.parametrize(("best", "stopped"), [(None, None), (1.0, 4)])
def test_resumed_session_counts_on_only_if_the_callback_did(
    best: float | None, stopped: int | None
) -> None:
    """The first decision of a session shows whether its counters were carried over."""
    first = _session([2.0, 1.0, 1.5], decided=_decision(2, best=1.0, wait=1))
    decided = _decision(3, best=best, wait=2)
    second = _session([1.5, 1.5, 1.4, 1.3], name=B, first=3, parent=A, decided=decided)
    answer = replayed(build_timeline([*first, *second]), early_stopping={"patience": 3})

    assert answer.stop is not None
    assert answer.epochs == 7
    assert (answer.stop.at.epoch if answer.stop.verdict is StopVerdict.EARLIER else None) == stopped


def test_live_restore_that_reset_the_counters_begins_anew() -> None:
    """A training that went back waits from there, as its callbacks did."""
    records = _session([2.0, 1.0, 1.5, 1.5, 1.5, 1.5])
    restored = Restored(
        checkpoint=f"a{1:015x}", session=A, checkpoint_epoch=1, request="r", counters="reset"
    )
    back = Record(
        session=A, seq=7, wall_time=1000 + 4.5 * 60, epoch=4, step=41, batch=41, events=(restored,)
    )
    plain, went_back = (
        replayed(build_timeline(some), early_stopping={"monitor": "m", "patience": 4})
        for some in (records, [*records, back])
    )

    assert plain.stop is not None
    assert plain.stop.verdict is StopVerdict.AT_END
    assert went_back.stop is not None
    assert (went_back.stop.verdict, went_back.stop.best) == (StopVerdict.NEVER, 1.5)


def test_nan_that_comes_first_is_told() -> None:
    """The trap of Keras's rule has a note, as the numbers alone look like a mistake."""
    timeline = build_timeline(_session([math.nan, 1.0, 0.5, 0.1]))
    answer = replayed(timeline, early_stopping={"monitor": "m", "patience": 2})

    assert answer.stop is not None
    assert answer.stop.at.epoch == 2
    assert "no later value is better than NaN" in answer.notes[0]


def test_callback_with_rules_of_its_own_is_told() -> None:
    """Where the recorded settings do not give what was recorded, nothing is called exact."""
    decided = _decision(3, patience=1, best=1.0, wait=1)
    timeline = build_timeline(_session([2.0, 1.0, 1.0, 1.0], decided=decided))

    assert (
        "With the settings that were recorded, EarlyStopping does something else after epoch 3"
        in (replayed(timeline).notes[0])
    )


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        ({"early_stopping": {"patience": -1}}, "patience is -1"),
        ({"early_stopping": {"pace": 1}}, "no setting 'pace'. There are: monitor, mode, min_delta"),
        ({"early_stopping": {"monitor": "val_m"}}, "no metric 'val_m' to monitor. It has: m"),
        ({"early_stopping": {"mode": "up"}}, "mode is 'up'"),
        ({"reduce_lr": {"factor": 2.0}}, "factor is 2.0"),
        ({"gpus": 0}, "gpus is 0"),
    ],
)
def test_mistake_in_a_setting_is_named(arguments: dict[str, Any], named: str) -> None:
    """The message has the value, and what there is instead."""
    with pytest.raises(WhatIfError, match=named):
        replayed(_stopped(), **arguments)


def test_run_without_an_epoch_cannot_be_replayed() -> None:
    """There is nothing to say about it, and that is said."""
    timeline = build_timeline([_record(A, 0, 0, SessionStarted())])
    with pytest.raises(WhatIfError, match="No epoch of this run has ended yet"):
        replayed(timeline)


def test_directory_and_run_give_the_same(tmp_path: Path) -> None:
    """`epochline.what_if` takes either."""
    record_run(tmp_path)

    by_path = epochline.what_if(tmp_path, early_stopping={"patience": 2})

    assert by_path == epochline.what_if(
        epochline.open_run(tmp_path), early_stopping={"patience": 2}
    )
    assert by_path.stop is not None
    assert by_path.stop.at.epoch == 3
