"""The timeline depends on the records alone: not on their order, nor on how often they come."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from epochline.errors import CheckpointNotFoundError, MetricNotFoundError
from epochline.events import (
    CheckpointFailed,
    CheckpointPruned,
    CheckpointSaved,
    EndReason,
    EpochEnded,
    Event,
    MetricsDescribed,
    Mode,
    Notice,
    Record,
    Restored,
    SaveReason,
    SessionEnded,
    SessionStarted,
)
from epochline.reader import read_records
from epochline.timeline import Gap, RunState, Status, Timeline, build_timeline
from tests.core.recorded import record_run
from tests.core.strategies import records

A, B = "a" * 16, "b" * 16


def _record(seq: int, *events: Event, session: str = A, epoch: int = 0, at: float = 0) -> Record:
    return Record(
        session=session,
        seq=seq,
        wall_time=at or float(seq),
        epoch=epoch,
        step=(epoch + 1) * 10,
        batch=(epoch + 1) * 10,
        events=events,
    )


def _saved(name: str, metrics: dict[str, float] | None = None, **more: Any) -> CheckpointSaved:
    values = {"path": f"{name}.weights.h5", "size_bytes": 10, "digest": "d", **more}
    return CheckpointSaved(id=name * 16, metrics=metrics or {}, **values)


def _epochs(*accuracies: float) -> list[Record]:
    """Returns a record for each epoch, with one checkpoint each: ids 000…, 111…, …."""
    return [
        _record(
            epoch,
            EpochEnded(metrics={"val_accuracy": value}),
            _saved(str(epoch), {"val_accuracy": value}),
            epoch=epoch,
        )
        for epoch, value in enumerate(accuracies)
    ]


@given(st.lists(records, max_size=6, unique_by=lambda r: (r.session, r.seq)), st.randoms())
def test_order_and_repetition_do_not_matter(items: list[Record], random: Any) -> None:
    """Records in any order, some of them twice, make the same timeline."""
    shuffled = items + random.sample(items, len(items) // 2)
    random.shuffle(shuffled)
    assert repr(build_timeline(shuffled)) == repr(build_timeline(items))


def test_no_records_are_an_empty_timeline() -> None:
    """A run that has not begun has nothing, and says so."""
    timeline = build_timeline(())
    assert (timeline.history(), timeline.monitor, timeline.last_wall_time) == ({}, None, 0.0)
    assert timeline.state(alive=False) is RunState.UNKNOWN
    with pytest.raises(CheckpointNotFoundError, match="no checkpoint that can be restored"):
        timeline.latest()


@pytest.mark.parametrize(
    ("seqs", "gaps"),
    [
        ((0, 1, 2), []),
        ((0, 3, 4), [(1, 2)]),
        ((2, 3), [(0, 1)]),
        ((0, 2, 4), [(1, 1), (3, 3)]),
    ],
)
def test_missing_records_are_told(seqs: tuple[int, ...], gaps: list[tuple[int, int]]) -> None:
    """Each hole in the sequence of a session is a gap with its bounds; its sentence counts."""
    found = build_timeline(_record(seq) for seq in seqs).gaps
    assert found == tuple(Gap(session=A, first_seq=a, last_seq=b) for a, b in gaps)
    for gap in found:
        assert gap.message.startswith(f"{gap.last_seq - gap.first_seq + 1} record")


def test_gaps_are_of_each_session(tmp_path: Path) -> None:
    """A second session begins at 0 again without being taken for a repetition."""
    timeline = build_timeline(
        [_record(0), _record(0, session=B, at=5), _record(2, session=B, at=6)]
    )
    assert [gap.session for gap in timeline.gaps] == [B]
    assert [session.id for session in timeline.sessions] == [A, B]
    record_run(tmp_path)
    assert build_timeline(read_records(tmp_path).records).gaps == ()


def _status(timeline: Timeline) -> list[Status]:
    return [item.status for item in timeline.checkpoints]


def test_status_follows_the_events() -> None:
    """Saved, then pruned; a failed save is listed and cannot be restored."""
    timeline = build_timeline(
        [
            _record(0, _saved("0"), _saved("1")),
            _record(1, CheckpointPruned(id="0" * 16, policy="last 1")),
            _record(2, CheckpointFailed(id="2" * 16, path="c", message="Disk full.", errno=28)),
            _record(3, CheckpointPruned(id="9" * 16, policy="unknown id")),
        ]
    )
    assert _status(timeline) == [Status.PRUNED, Status.SAVED, Status.FAILED]
    assert "keeps last 1" in timeline.checkpoints[0].why
    assert "Disk full." in timeline.checkpoints[2].why
    assert [item.restorable for item in timeline.checkpoints] == [False, True, False]


@pytest.mark.parametrize(
    ("sizes", "status", "told"),
    [
        ({}, Status.SAVED, ""),
        ({"0.weights.h5": 10}, Status.SAVED, ""),
        ({"0.weights.h5": None}, Status.MISSING, "deleted or moved"),
        ({"0.weights.h5": 9}, Status.CORRUPT, "9 bytes, but 10"),
    ],
)
def test_status_follows_the_file(sizes: dict[str, int | None], status: Status, told: str) -> None:
    """What was saved is checked against what is there; the sentence says what is wrong."""
    timeline = build_timeline([_record(0, _saved("0"))]).with_files(sizes)
    assert _status(timeline) == [status]
    assert told in timeline.checkpoints[0].why


def test_a_pruned_file_that_is_gone_is_not_missing() -> None:
    """What went on purpose is not reported as lost."""
    timeline = build_timeline(
        [_record(0, _saved("0")), _record(1, CheckpointPruned(id="0" * 16, policy="last 1"))]
    )
    assert _status(timeline.with_files({"0.weights.h5": None})) == [Status.PRUNED]


def test_best_goes_by_direction_and_prefers_the_later() -> None:
    """Accuracy is maximised; of two equal ones the later is best; a mode overrides."""
    timeline = build_timeline(_epochs(0.5, 0.9, 0.9, 0.7))
    assert timeline.best("val_accuracy").epoch == 2
    assert timeline.best("val_accuracy", Mode.MIN).epoch == 0


def test_best_goes_by_what_keras_said() -> None:
    """A recorded direction, and before it the mode of the session that monitors it."""
    score = [
        _record(seq, _saved(str(seq), {"score": value}), epoch=seq)
        for seq, value in enumerate((0.1, 0.9))
    ]
    described = _record(2, MetricsDescribed(directions={"score": Mode.MAX}))
    started = _record(3, SessionStarted(monitor="score", mode=Mode.MIN))
    assert build_timeline(score).best("score").epoch == 0
    assert build_timeline([*score, described]).best("score").epoch == 1
    assert build_timeline([*score, described, started]).best("score").epoch == 0


def test_best_is_never_nan_and_always_has_the_metric() -> None:
    """A NaN or a missing value is best only where there is nothing else, and then not at all."""
    assert build_timeline(_epochs(math.nan, 0.1)).best("val_accuracy").epoch == 1
    without = _record(9, _saved("9"), epoch=9)
    gone = _record(10, CheckpointPruned(id="0" * 16, policy="last 1"))
    with pytest.raises(CheckpointNotFoundError, match="best val_accuracy"):
        build_timeline([*_epochs(0.5), without, gone]).best("val_accuracy")


def test_unknown_metric_names_the_known_ones() -> None:
    """The message lists what the run has."""
    with pytest.raises(MetricNotFoundError, match="Metrics of this run: val_accuracy"):
        build_timeline(_epochs(0.5)).best("accuracy")


def test_at_and_latest_and_by_id() -> None:
    """Each finds what can be restored, and else says what exists."""
    timeline = build_timeline([*_epochs(0.5, 0.6, 0.7), _record(9, _saved("a"), epoch=1)])
    assert timeline.latest().id == "a" * 16
    assert timeline.at(1).id == "a" * 16
    assert timeline.by_id("2").epoch == 2
    with pytest.raises(CheckpointNotFoundError, match=r"epoch=5 \(epoch 6 .*epoch=0, 1, 2"):
        timeline.at(5)
    with pytest.raises(CheckpointNotFoundError, match="id 'ff'"):
        timeline.by_id("ff")
    pruned = build_timeline([*_epochs(0.5), _record(9, CheckpointPruned(id="0" * 16, policy="x"))])
    with pytest.raises(CheckpointNotFoundError, match="keeps x"):
        pruned.at(0)


def test_a_whole_id_is_found_without_a_look_at_the_others() -> None:
    """A plan for ten thousand checkpoints asks for each; an id that begins another's is found."""

    class Unread(str):
        __slots__ = ()

        def startswith(self, *_: object) -> bool:
            pytest.fail("compared with every id")

    timeline = build_timeline([*_epochs(0.5), _record(9, _saved("0" * 3), epoch=1)])
    short, long = sorted(timeline.checkpoints, key=lambda item: len(item.id))
    assert timeline.by_id(short.id) is short
    unread = tuple(replace(item, id=Unread(item.id)) for item in (short, long))
    assert replace(timeline, checkpoints=unread).by_id(long.id) is unread[1]


def test_resumed_session_continues_the_history() -> None:
    """Epochs trained again count as the later session left them; both sessions are there."""
    first = [
        _record(0, SessionStarted(planned_epochs=3)),
        _record(1, EpochEnded(metrics={"loss": 3.0}), epoch=0),
        _record(2, EpochEnded(metrics={"loss": 2.0, "val_loss": 9.0}), epoch=1),
    ]
    second = [
        _record(0, SessionStarted(parent=A, initial_epoch=1), session=B, epoch=1, at=10),
        _record(1, EpochEnded(metrics={"loss": 1.5}), session=B, epoch=1, at=11),
        _record(2, EpochEnded(metrics={"loss": 1.0}), session=B, epoch=2, at=12),
    ]
    timeline = build_timeline([*second, *first])
    assert timeline.history() == {"loss": [3.0, 1.5, 1.0], "val_loss": []}
    assert [row.session for row in timeline.epochs] == [A, A, B, B]
    assert timeline.sessions[1].start.parent == A
    assert timeline.sessions[0].last_epoch == 1


def test_state_and_message_of_a_session() -> None:
    """Ended, running or unknown; killed sessions are told as what they are."""
    begun = [_record(0, SessionStarted(planned_epochs=9)), _record(1, EpochEnded(), epoch=0)]
    end = _record(2, SessionEnded(reason=EndReason.COMPLETED), epoch=0)
    timeline = build_timeline(begun)
    assert timeline.state(alive=True) is RunState.RUNNING
    assert timeline.state(alive=None) is RunState.UNKNOWN
    assert timeline.sessions[0].message(running=True) == "Training epoch 2 of 9."
    assert "after epoch 1 (killed or crashed)" in timeline.sessions[0].message(running=False)
    ended = build_timeline([*begun, end])
    assert ended.state(alive=True) is RunState.ENDED
    assert ended.sessions[0].end_reason is EndReason.COMPLETED
    assert (ended.sessions[0].started, ended.sessions[0].ended) == (0.0, 2.0)


def test_restores_and_notices_are_told() -> None:
    """What came from elsewhere and what the user should know is in the timeline."""
    restored = Restored(checkpoint="c", session=B, checkpoint_epoch=4, what="weights")
    timeline = build_timeline([_record(0, restored, Notice(code="n", message="m", hint="h"))])
    assert "checkpoint c (epoch 5): weights restored" in timeline.restores[0].sentence
    assert (timeline.notices[0].code, timeline.notices[0].hint) == ("n", "h")


def test_reason_and_moment_of_a_checkpoint() -> None:
    """A checkpoint has all three axes, the clock, and why it was saved."""
    event = _saved("0", reason=SaveReason.BEST, monitor="loss", observed=0.5)
    item = build_timeline([_record(0, event, epoch=3, at=7.0)]).checkpoints[0]
    assert (item.epoch, item.step, item.batch, item.wall_time) == (3, 40, 40, 7.0)
    assert "the best so far" in item.why
