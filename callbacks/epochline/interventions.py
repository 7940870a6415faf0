"""What was done to a training from outside: checkpoints loaded into it, and what it was asked for.

Pure: records in, values out; no files, clock, Keras or TensorBoard.

Invariant: the result depends on the records only.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from epochline import sentences
from epochline.checkpoints import Moment, events_in, moment_of, values_of
from epochline.events import Outcome, Record, RequestAnswered, Restored

__all__ = ["RequestEntry", "RestoreEntry", "collect_requests", "collect_restores"]


@dataclass(frozen=True, kw_only=True)
class RestoreEntry(Moment):
    """A checkpoint that was loaded into the model of a session, before or while it was trained.

    Attributes:
        checkpoint: Id of the checkpoint.
        source_session: Session that saved it.
        checkpoint_epoch: Its zero-based epoch.
        what: What was loaded: "weights" or "weights and optimizer".
        request: Id of the request, when it was loaded while the model was trained; else empty.
        undo: Id of the checkpoint that holds the state before; likewise.
        restored: Variables that were read again, and hold what the file holds.
        before: Fingerprint of these variables before.
        after: Likewise after.
        lr_before: Learning rate before.
        lr_after: Learning rate after.
        counters: What became of the counters of callbacks.
        because: Why it was loaded while the model was trained, without a request; else empty.
        asked_by: Who asked for it, and from where.
    """

    checkpoint: str
    source_session: str
    checkpoint_epoch: int
    what: str
    request: str = ""
    undo: str = ""
    restored: int = 0
    before: str = ""
    after: str = ""
    lr_before: float | None = None
    lr_after: float | None = None
    counters: str = ""
    because: str = ""
    asked_by: str = ""

    @property
    def live(self) -> bool:
        """Whether it was loaded while the model was trained."""
        return bool(self.request or self.because)

    @property
    def sentence(self) -> str:
        """The restore in one sentence."""
        which = f"checkpoint {self.checkpoint} (epoch {self.checkpoint_epoch + 1})"
        if not self.live:
            return f"Continued from {which}: {self.what} restored."
        rates = (
            f", learning rate {sentences.rate(self.lr_before)} → {sentences.rate(self.lr_after)}"
            if self.lr_before != self.lr_after
            else ""
        )
        asked = f", asked for by {self.asked_by}" if self.asked_by else ""
        why = f", because {self.because}" if self.because else ""
        return (
            f"Went back to {which} while training: {self.what} restored, {self.restored} "
            f"variables{rates}{asked}{why}."
        )


@dataclass(frozen=True, kw_only=True)
class RequestEntry(Moment):
    """What a running training was asked for, and what became of that.

    Attributes:
        request: Id of the request.
        action: What was asked for.
        outcome: What became of it.
        message: The same in words.
        by: User who asked.
        source: From where: "panel", "cli" or "python".
        host: From which machine.
        checkpoint: Id of the checkpoint in question.
    """

    request: str
    action: str
    outcome: Outcome
    message: str
    by: str
    source: str
    host: str
    checkpoint: str

    @property
    def sentence(self) -> str:
        """What was asked for and answered, in one or two sentences."""
        what = self.action.replace("_", " ")
        return f"{self.by or 'Somebody'} ({self.source}) asked for {what}: {self.message}"


def collect_requests(records: Iterable[Record]) -> tuple[RequestEntry, ...]:
    """Returns what the trainings that wrote `records` were asked for, in order."""
    return tuple(
        RequestEntry(**moment_of(record), **values_of(event))
        for record, event in events_in(records, RequestAnswered)
    )


def collect_restores(records: Iterable[Record]) -> tuple[RestoreEntry, ...]:
    """Returns the checkpoints that were loaded into them, in order."""
    return tuple(_restore(record, event) for record, event in events_in(records, Restored))


def _restore(record: Record, event: Restored) -> RestoreEntry:
    asked = [
        f"{one.by} from {one.source} on {one.host}"
        for _, one in events_in((record,), RequestAnswered)
        if one.request == event.request
    ]
    values = values_of(event)
    return RestoreEntry(
        **moment_of(record),
        source_session=values.pop("session"),
        asked_by=asked[0] if asked else "",
        **values,
    )
