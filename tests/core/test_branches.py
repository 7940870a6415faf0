"""Which way a training came to its present state: sessions, resumes, restores while it ran."""

from __future__ import annotations

import math

import pytest

from epochline.events import (
    CheckpointSaved,
    EpochEnded,
    Event,
    Outcome,
    Record,
    RequestAnswered,
    Restored,
    SessionStarted,
)
from epochline.timeline import Timeline, build_timeline

ONE, TWO, THREE = "5e55100000000001", "5e55100000000002", "5e55100000000003"
BATCHES = 10


class Told:
    """Records of a run, in the order in which they are told; a second apart."""

    def __init__(self) -> None:
        self.records: list[Record] = []
        self._seq = {ONE: 0, TWO: 0, THREE: 0}

    def tell(self, session: str, epoch: int, batch: int, *events: Event) -> Told:
        """Adds a record."""
        self.records.append(
            Record(
                session=session,
                seq=self._seq[session],
                wall_time=float(len(self.records)),
                epoch=epoch,
                step=batch,
                batch=batch,
                events=events,
            )
        )
        self._seq[session] += 1
        return self

    def epochs(self, session: str, first: int, last: int, *, begin: int = 0) -> Told:
        """Adds epochs of ten batches, each with a checkpoint `<session's last digit><epoch>`."""
        for epoch in range(first, last + 1):
            batch = (epoch - begin + 1) * BATCHES
            name = f"{session[-1]}{epoch}"
            saved = CheckpointSaved(id=name, path=name, size_bytes=1, digest="")
            self.tell(session, epoch, batch, EpochEnded(metrics={"loss": epoch}))
            self.tell(session, epoch, batch, saved)
        return self

    def back(self, session: str, batch: int, checkpoint: str, *, undo: str = "") -> Told:
        """Adds a restore while it was trained, behind the checkpoint of the state before."""
        epoch = batch // BATCHES
        if undo:
            saved = CheckpointSaved(id=undo, path=undo, size_bytes=1, digest="")
            self.tell(session, epoch, batch, saved)
        restored = Restored(checkpoint=checkpoint, session=session, request="r", undo=undo)
        return self.tell(session, epoch, batch, restored)

    @property
    def timeline(self) -> Timeline:
        """What they tell."""
        return build_timeline(self.records)


def branches(timeline: Timeline) -> list[tuple[str, int, float]]:
    """Returns the lineage, short."""
    return [(one.session[-1], one.after_batch, one.last_batch) for one in timeline.lineage]


def begun(session: str = ONE, **fields: object) -> Told:
    """Returns records that begin with a session."""
    return Told().tell(session, 0, 0, SessionStarted(**fields))  # type: ignore[arg-type]


def test_training_that_never_went_back_is_one_branch() -> None:
    """Without a restore nothing was left behind."""
    timeline = begun().epochs(ONE, 0, 3).timeline
    assert branches(timeline) == [("1", 0, math.inf)]
    assert timeline.abandoned == ()


def test_what_lies_between_checkpoint_and_restore_was_left_behind() -> None:
    """Also when the restore came within an epoch, which then ended on the new branch."""
    timeline = begun().epochs(ONE, 0, 3).back(ONE, 45, "11").epochs(ONE, 4, 5).timeline
    assert branches(timeline) == [("1", 0, 20), ("1", 45, math.inf)]
    assert [row.epoch for row in timeline.abandoned] == [2, 3]
    assert timeline.history(stitched=True)["loss"] == [0, 1, 4, 5]
    assert timeline.history()["loss"] == [0, 1, 2, 3, 4, 5]
    assert timeline.lineage[1].checkpoint == "11"


def test_undo_takes_back_what_was_left_behind() -> None:
    """The state before the restore is the end of the old branch, at the very same batch."""
    told = begun().epochs(ONE, 0, 3).back(ONE, 40, "10", undo="u1").epochs(ONE, 4, 5)
    timeline = told.back(ONE, 60, "u1", undo="u2").epochs(ONE, 6, 6).timeline
    assert branches(timeline) == [("1", 0, 40), ("1", 60, math.inf)]
    assert [row.epoch for row in timeline.abandoned] == [4, 5]


def test_two_restores_between_the_same_batches_follow_each_other() -> None:
    """The second one decides; the state between them led nowhere."""
    told = begun().epochs(ONE, 0, 3).back(ONE, 40, "10", undo="u1").back(ONE, 40, "12", undo="u2")
    timeline = told.epochs(ONE, 4, 4).timeline
    assert branches(timeline) == [("1", 0, 30), ("1", 40, math.inf)]
    assert [row.epoch for row in timeline.abandoned] == [3]


def test_restore_between_two_sessions_is_followed() -> None:
    """From the checkpoint of the first session; and from there further back."""
    told = begun().epochs(ONE, 0, 3).back(ONE, 40, "10").epochs(ONE, 4, 5)
    told.tell(TWO, 0, 0, SessionStarted(parent=ONE), Restored(checkpoint="14", session=ONE))
    timeline = told.epochs(TWO, 0, 1).timeline
    assert branches(timeline) == [("1", 0, 10), ("1", 40, 50), ("2", 0, math.inf)]
    assert [(row.session[-1], row.epoch) for row in timeline.abandoned] == [
        ("1", 1),
        ("1", 2),
        ("1", 3),
        ("1", 5),
    ]


def test_checkpoints_and_restores_are_left_behind_with_their_epochs() -> None:
    """The state before a restore is at its very batch, and yet belongs to what was left."""
    told = begun().epochs(ONE, 0, 3).back(ONE, 40, "10", undo="u1").epochs(ONE, 4, 5)
    before = told.timeline
    after = told.back(ONE, 60, "u1", undo="u2").epochs(ONE, 6, 6).timeline

    def left(timeline: Timeline) -> list[str]:
        flags = timeline.left_behind(timeline.checkpoints)
        return [row.id for row, flag in zip(timeline.checkpoints, flags, strict=True) if flag]

    assert left(before) == ["11", "12", "13", "u1"]
    assert before.left_behind(before.restores) == [False]
    assert left(after) == ["14", "15", "u2"]
    assert after.left_behind(after.restores) == [True, False]


def test_another_training_in_the_same_directory_was_not_left_behind() -> None:
    """It is none of the way, and nobody went back from it; but a resume that was given up is."""
    other = begun().epochs(ONE, 0, 1).tell(TWO, 0, 0, SessionStarted()).epochs(TWO, 0, 1).timeline
    assert other.abandoned == ()
    assert other.history(stitched=True)["loss"] == [0, 1]

    told = begun().epochs(ONE, 0, 2).tell(TWO, 2, 0, SessionStarted(parent=ONE, initial_epoch=2))
    told.epochs(TWO, 2, 3, begin=2)
    third = told.tell(THREE, 3, 0, SessionStarted(parent=ONE, initial_epoch=3)).timeline
    assert [(row.session[-1], row.epoch) for row in third.abandoned] == [("2", 2), ("2", 3)]


def test_restore_at_the_beginning_of_a_session_is_part_of_the_way() -> None:
    """So is what happened before its first batch."""
    told = begun().epochs(ONE, 0, 3).tell(TWO, 0, 0, SessionStarted())
    told.tell(TWO, 0, 0, Restored(checkpoint="12", session=ONE))
    timeline = told.epochs(TWO, 0, 1).timeline
    assert timeline.left_behind(timeline.restores) == [False]
    assert [(row.session[-1], row.epoch) for row in timeline.abandoned] == [("1", 3)]


def test_resumed_session_continues_where_its_epochs_begin() -> None:
    """What the killed session trained behind that was trained again."""
    told = begun().epochs(ONE, 0, 4).tell(TWO, 3, 0, SessionStarted(parent=ONE, initial_epoch=3))
    timeline = told.epochs(TWO, 3, 5, begin=3).timeline
    assert branches(timeline) == [("1", 0, 30), ("2", 0, math.inf)]
    assert [(row.session[-1], row.epoch) for row in timeline.abandoned] == [("1", 3), ("1", 4)]


@pytest.mark.parametrize("checkpoint", ["unknown", "14"])
def test_records_that_make_no_sense_lead_to_an_end(checkpoint: str) -> None:
    """A checkpoint of nobody, or one that was saved later: the way still has a beginning."""
    told = begun(parent=TWO).epochs(ONE, 0, 1).back(ONE, 20, checkpoint).epochs(ONE, 2, 4)
    told.tell(TWO, 0, 0, SessionStarted(parent=ONE, initial_epoch=9))
    timeline = told.timeline
    assert timeline.lineage[-1].session == TWO
    assert len(timeline.lineage) < 9


def test_restore_is_told_with_who_asked() -> None:
    """The request stands in the same record; one that was refused stands for itself."""
    done = RequestAnswered(
        request="r", action="restore", outcome=Outcome.DONE, by="anna", source="cli", host="desk"
    )
    refused = RequestAnswered(
        request="q",
        action="learning_rate",
        outcome=Outcome.REFUSED,
        message="No.",
        by="eve",
        source="panel",
    )
    restored = Restored(
        checkpoint="10",
        checkpoint_epoch=0,
        what="weights",
        request="r",
        restored=4,
        lr_before=0.1,
        lr_after=0.01,
    )
    timeline = begun().epochs(ONE, 0, 1).tell(ONE, 2, 25, restored, done, refused).timeline
    (restore,) = timeline.restores
    assert restore.live
    assert restore.sentence == (
        "Went back to checkpoint 10 (epoch 1) while training: weights restored, 4 variables, "
        "learning rate 0.1 → 0.01, asked for by anna from cli on desk."
    )
    assert [item.sentence for item in timeline.requests][1] == (
        "eve (panel) asked for learning rate: No."
    )
