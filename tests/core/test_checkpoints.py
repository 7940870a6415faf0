"""What became of a checkpoint: trainings and people by hand, in the order of time."""

from __future__ import annotations

import random
from dataclasses import fields
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from epochline.checkpoints import CheckpointEntry, Status
from epochline.events import (
    ACTIONS,
    CheckpointAnnotated,
    CheckpointDemoted,
    CheckpointFailed,
    CheckpointPruned,
    CheckpointRecovered,
    CheckpointSaved,
    EpochEnded,
    Event,
    FilePart,
    Health,
    Record,
    SaveReason,
    SessionStarted,
    Tier,
)
from epochline.timeline import Timeline, build_timeline
from tests.core.strategies import events_of

A, B = "a" * 16, "b" * 16
TRASH = "timeline/control/trash/1/1.weights.h5"


def _record(at: float, *events: Event, session: str = A, seq: int | None = None) -> Record:
    number = int(at * 10) if seq is None else seq
    return Record(
        session=session, seq=number, wall_time=at, epoch=0, step=0, batch=0, events=events
    )


def _by_hand(at: float, *events: Event, seq: int = 0) -> Record:
    return _record(at, *events, session=ACTIONS, seq=seq)


def _saved(name: str = "1", **more: Any) -> CheckpointSaved:
    values = {"path": f"{name}.weights.h5", "size_bytes": 100, "digest": f"d{name}", **more}
    return CheckpointSaved(id=name, has_optimizer=True, **values)


def _pruned(name: str = "1", **more: Any) -> CheckpointPruned:
    return CheckpointPruned(id=name, policy="last 1", freed_bytes=100, **more)


def _demoted(size: int = 40, tier: Tier = Tier.WITHOUT_OPTIMIZER) -> CheckpointDemoted:
    return CheckpointDemoted(id="1", tier=tier, path="1.weights.h5", size_bytes=size, digest="new")


def _only(*records: Record, sizes: dict[str, int | None] | None = None) -> CheckpointEntry:
    (item,) = build_timeline(records).with_files(sizes or {}).checkpoints
    return item


@given(events_of(CheckpointSaved))
def test_entry_tells_what_was_recorded_of_its_save(event: CheckpointSaved) -> None:
    """Field by field, under the same names."""
    entry = build_timeline([_record(1, event)]).checkpoints[0]
    names = {spec.name for spec in fields(CheckpointEntry)}
    shared = {spec.name: getattr(event, spec.name) for spec in fields(event) if spec.name in names}
    assert len(shared) > 1
    assert {name: getattr(entry, name) for name in shared} == shared


def test_the_newest_word_counts() -> None:
    """Pin, note and tags replace what was said before; only who is there is shown as pinned."""
    first = CheckpointAnnotated(id="1", pinned=True, note="good", tags=("a",))
    second = CheckpointAnnotated(id="1", note="not so good")
    item = _only(_record(1, _saved()), _by_hand(2, first))
    assert (item.status, item.note, item.tags) == (Status.PINNED, "good", ("a",))
    assert item.restorable
    item = _only(_record(1, _saved()), _by_hand(2, first), _by_hand(3, second, seq=1))
    assert (item.status, item.note, item.tags) == (Status.SAVED, "not so good", ())
    item = _only(_record(1, _saved()), _by_hand(2, first), sizes={"1.weights.h5": None})
    assert (item.status, item.pinned) == (Status.MISSING, True)


def test_what_is_done_by_hand_is_done_when_it_was_done() -> None:
    """Pruned by the training, taken back by hand, pruned again by the next training."""
    story = [
        _record(1, SessionStarted(), _saved()),
        _record(2, _pruned(trash=TRASH)),
        _by_hand(3, CheckpointRecovered(id="1")),
        _record(4, SessionStarted(), session=B),
        _record(5, _pruned(), session=B),
    ]
    statuses = [_only(*story[:count]).status for count in range(1, 6)]
    assert statuses == ["saved", "pruned", "saved", "saved", "pruned"]
    assert _only(*story[:3]).recovered
    shuffled = random.Random(1).sample(story, len(story))  # noqa: S311 - repeatable
    assert _only(*shuffled) == _only(*story)


def test_what_is_done_by_hand_is_no_session() -> None:
    """It neither ends the training, nor is it a gap, nor a session of the run."""
    timeline = build_timeline(
        [
            _record(1, SessionStarted(), _saved(), seq=0),
            _by_hand(2, CheckpointAnnotated(id="1"), seq=7),
            _by_hand(2.5, CheckpointAnnotated(id="of another run"), seq=9),
        ]
    )
    assert [session.id for session in timeline.sessions] == [A]
    assert timeline.gaps == ()
    assert timeline.last_wall_time == 1


def test_two_who_took_the_same_number_are_both_heard() -> None:
    """Where there are no locks, two processes may number what they do alike."""
    note = CheckpointAnnotated(id="1", note="first")
    later = CheckpointAnnotated(id="2", note="second")
    records = [_record(1, _saved("1"), _saved("2")), _by_hand(2, note), _by_hand(2.1, later)]
    assert [item.note for item in build_timeline(records).checkpoints] == ["first", "second"]


@pytest.mark.parametrize(
    ("size", "recoverable", "told"),
    [
        (100, True, "Removed: the run keeps last 1. Its file went to the trash."),
        (99, False, "The trash was emptied since"),
        (None, False, "The trash was emptied since"),
    ],
)
def test_who_is_in_the_trash_is_seen_there(size: int | None, recoverable: bool, told: str) -> None:
    """Whether it can be taken back, its file says."""
    records = [_record(1, _saved()), _record(2, _pruned(trash=TRASH))]
    item = _only(*records, sizes={TRASH: size, "1.weights.h5": None})
    assert (item.status, item.recoverable) == (Status.PRUNED, recoverable)
    assert told in item.why
    assert list(build_timeline(records).files()) == [TRASH]


def test_why_it_is_gone_says_who_wanted_it() -> None:
    """A policy of the training, or somebody by hand."""
    saved = _record(1, _saved())
    told = _only(saved, _record(2, _pruned())).why
    assert told.endswith("Removed: the run keeps last 1. Metrics remain, weights do not.")
    told = _only(saved, _by_hand(2, _pruned(operation="3f2a9c41"))).why
    assert "Removed: by hand, to keep last 1." in told


def test_a_smaller_file_is_what_is_expected_then() -> None:
    """Size, digest and tier are those of the new file; the weights of it are named."""
    item = _only(_record(1, _saved()), _record(2, _demoted()), sizes={"1.weights.h5": 40})
    assert (item.status, item.size_bytes, item.digest) == (Status.SAVED, 40, "new")
    assert (item.tier, item.has_optimizer) == (Tier.WITHOUT_OPTIMIZER, False)
    assert "the weights are what they were" in item.why


def test_a_file_that_was_not_replaced_after_all_is_what_it_was() -> None:
    """Who was killed between the record and the rename leaves the old file; that is no damage."""
    records = [_record(1, _saved()), _record(2, _demoted())]
    item = _only(*records, sizes={"1.weights.h5": 100})
    assert (item.status, item.size_bytes, item.digest) == (Status.SAVED, 100, "d1")
    assert (item.tier, item.has_optimizer) == (Tier.FULL, True)
    assert _only(*records, sizes={"1.weights.h5": 77}).status is Status.CORRUPT
    assert _only(*records, _record(3, _demoted()), sizes={"1.weights.h5": 100}).tier is Tier.FULL
    again = _record(3, _demoted(20, Tier.BFLOAT16))
    assert _only(*records, again, sizes={"1.weights.h5": 40}).tier is Tier.WITHOUT_OPTIMIZER
    assert _only(*records, again, sizes={"1.weights.h5": 20}).tier is Tier.BFLOAT16


def test_a_file_in_the_trash_is_what_its_size_says() -> None:
    """It went there before it became smaller, though that had been recorded."""
    records = [_record(1, _saved()), _record(2, _demoted()), _record(3, _pruned(trash=TRASH))]
    item = _only(*records, sizes={TRASH: 100})
    assert (item.recoverable, item.size_bytes, item.tier) == (True, 100, Tier.FULL)
    item = _only(*records, sizes={TRASH: 40})
    assert (item.recoverable, item.tier) == (True, Tier.WITHOUT_OPTIMIZER)


def test_parts_are_looked_at_as_well() -> None:
    """A sharded checkpoint with a shard missing cannot be restored."""
    part = FilePart(path="1_00000.weights.h5", size_bytes=7, digest="p")
    saved = _record(1, _saved(parts=(part,)))
    assert list(build_timeline([saved]).files()) == ["1.weights.h5", "1_00000.weights.h5"]
    item = _only(saved, sizes={"1.weights.h5": 100, "1_00000.weights.h5": 7})
    assert (item.status, item.total_bytes) == (Status.SAVED, 107)
    item = _only(saved, sizes={"1.weights.h5": 100, "1_00000.weights.h5": None})
    assert item.status is Status.CORRUPT
    assert "1_00000.weights.h5" in item.why


def test_a_failed_save_stays_failed() -> None:
    """Nothing that happens later makes a file of it."""
    failed = CheckpointFailed(id="1", path="1.weights.h5", message="full")
    item = _only(_record(1, failed), _record(2, _pruned(trash=TRASH)))
    assert item.status is Status.FAILED


def test_adopted_files_stand_where_they_were_written() -> None:
    """In the order of their times, in the session that was running then."""
    adopted = CheckpointSaved(
        id="2", path="old.h5", size_bytes=5, digest="d", reason=SaveReason.ADOPTED
    )
    timeline = build_timeline(
        [
            _record(1, SessionStarted(), _saved("1")),
            _record(10, SessionStarted(), _saved("3"), session=B),
            _by_hand(5, adopted),
        ]
    )
    assert [item.id for item in timeline.checkpoints] == ["1", "2", "3"]
    item = timeline.checkpoints[1]
    assert (item.session, item.wall_time, item.owned) == (A, 5, True)
    assert item.why == "Taken into the run by hand; the file was there before."
    alone = build_timeline([_by_hand(5, adopted)])
    assert [item.session for item in alone.checkpoints] == [""]


def test_adopting_what_a_stock_callback_wrote_changes_only_whose_it_is() -> None:
    """Its metrics, epoch and reason stay what they were."""
    saved = _saved(owned=False, metrics={"loss": 0.5}, reason=SaveReason.BEST)
    adopted = CheckpointSaved(
        id="1", path="1.weights.h5", size_bytes=100, digest="d1", reason=SaveReason.ADOPTED
    )
    item = _only(_record(1, saved), _by_hand(9, adopted))
    assert item.owned
    assert (item.metrics, item.reason, item.wall_time) == ({"loss": 0.5}, SaveReason.BEST, 1)


def test_unhealthy_is_never_the_best() -> None:
    """Whatever its metric says."""
    records = [
        _record(1, EpochEnded(metrics={"loss": 1.0}), _saved("1", metrics={"loss": 1.0})),
        _record(2, _saved("2", metrics={"loss": 0.1}, health=Health.NORM_JUMP)),
    ]
    timeline: Timeline = build_timeline(records)
    assert timeline.best("loss").id == "1"
    assert timeline.latest().id == "2"


_events = st.one_of(
    st.builds(CheckpointAnnotated, id=st.sampled_from("12"), pinned=st.booleans()),
    st.builds(CheckpointRecovered, id=st.sampled_from("12")),
    st.builds(_pruned, st.sampled_from("12")),
    st.just(_demoted()),
)


@given(st.lists(st.tuples(st.integers(2, 9), st.booleans(), _events), max_size=8), st.randoms())
def test_order_of_the_records_does_not_matter(
    story: list[tuple[int, bool, Event]], chance: random.Random
) -> None:
    """Trainings and people interleaved in any way: what is read first does not matter."""
    records = [_record(1, _saved("1"), _saved("2"), seq=0)]
    for number, (at, hand, event) in enumerate(story, start=1):
        session = ACTIONS if hand else A
        records.append(_record(at, event, session=session, seq=number))
    shuffled = list(records)
    chance.shuffle(shuffled)
    assert repr(build_timeline(shuffled)) == repr(build_timeline(records))
