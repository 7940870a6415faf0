"""Name a checkpoint in text, such as `logs/pima@epoch=12`, and find it.

Text is for people, so its epochs are those that Keras prints, from 1; everywhere else in Epochline
they are zero-based. It knows no files but asks once whether a whole reference is a directory.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Final, Protocol, TypeVar

from epochline.errors import CheckpointNotFoundError
from epochline.timeline import CheckpointEntry

__all__ = ["Choice", "ChoiceBy", "Choosable", "choose", "parse_choice", "parse_reference"]

_FORM: Final = re.compile(
    r"(?:epoch=(?P<epoch>\d+)|(?P<best>best)(?:=(?P<metric>.+))?|(?P<latest>latest)"
    r"|(?:id=)?(?P<id>[0-9a-f]{4,16}))"
)
_SHOWN: Final = 12


class ChoiceBy(StrEnum):
    """By what a checkpoint is chosen."""

    EPOCH = "epoch"
    BEST = "best"
    LATEST = "latest"
    ID = "id"


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """One checkpoint of a run.

    Attributes:
        by: What decides.
        epoch: Epoch as Keras prints it, from 1 (for `EPOCH`).
        text: Metric (for `BEST`; empty for the monitor of the run) or beginning of an id (for
            `ID`).
    """

    by: ChoiceBy
    epoch: int = 0
    text: str = ""

    def __str__(self) -> str:
        if self.by is ChoiceBy.EPOCH:
            return f"epoch={self.epoch}"
        return f"{self.by}={self.text}" if self.text else str(self.by)


_C = TypeVar("_C", bound=CheckpointEntry)
_C_co = TypeVar("_C_co", bound=CheckpointEntry, covariant=True)


class Choosable(Protocol[_C_co]):
    """What `choose` asks a run."""

    @property
    def checkpoints(self) -> Sequence[_C_co]:
        """All checkpoints, oldest first."""
        ...

    def best(self, metric: str | None = None) -> _C_co:
        """The best restorable checkpoint by `metric`, by the monitor of the run when None."""
        ...

    def latest(self) -> _C_co:
        """The newest restorable checkpoint."""
        ...


def parse_choice(text: str) -> Choice | None:
    """Returns the choice that `text` spells, None when it spells none.

    Example:
        >>> str(parse_choice("best=val_loss")), parse_choice("logs")
        ('best=val_loss', None)
    """
    match = _FORM.fullmatch(text)
    if match is None:
        return None
    if match["epoch"]:
        return Choice(by=ChoiceBy.EPOCH, epoch=int(match["epoch"]))
    if match["best"]:
        return Choice(by=ChoiceBy.BEST, text=match["metric"] or "")
    if match["latest"]:
        return Choice(by=ChoiceBy.LATEST)
    return Choice(by=ChoiceBy.ID, text=match["id"])


def parse_reference(text: str) -> tuple[str, Choice | None]:
    """Splits `RUN@CHOICE` into run and choice; the choice is None when `text` is a run only.

    A directory whose name looks like a reference is a directory.

    Example:
        >>> run, choice = parse_reference("logs/pima@epoch=12")
        >>> run, str(choice)
        ('logs/pima', 'epoch=12')
    """
    run, at, last = text.rpartition("@")
    choice = parse_choice(last) if at and run else None
    if choice is None or Path(text).is_dir():
        return text, None
    return run, choice


def choose(run: Choosable[_C], choice: Choice, *, removed: bool = False) -> _C:
    """Returns the checkpoint of `run` that `choice` names.

    Args:
        run: The run.
        choice: Which one.
        removed: Whether a checkpoint may be named that cannot be restored any more.

    Raises:
        MetricNotFoundError: If the choice is by a metric that no checkpoint has.
        CheckpointNotFoundError: If there is none, or more than one; the message names what exists.
    """
    if choice.by is ChoiceBy.BEST:
        return run.best(choice.text or None)
    if choice.by is ChoiceBy.LATEST:
        return run.latest()
    if choice.by is ChoiceBy.ID:
        return _by_id(run, choice.text)
    return _by_epoch(run, choice.epoch, removed=removed)


def _by_epoch(run: Choosable[_C], epoch: int, *, removed: bool) -> _C:
    found = [item for item in reversed(run.checkpoints) if item.epoch == epoch - 1]
    for item in found:
        if item.restorable:
            return item
    if found and removed:
        return found[0]
    why = f"{found[0].why} " if found else ""
    epochs = sorted({item.epoch + 1 for item in run.checkpoints if item.restorable})
    listed = f"Checkpoints that can be restored: epoch {', '.join(map(str, epochs))}."
    raise CheckpointNotFoundError(
        f"epoch {epoch}", why + (listed if epochs else "None of this run can be restored.")
    )


def _by_id(run: Choosable[_C], beginning: str) -> _C:
    found = [item for item in run.checkpoints if item.id.startswith(beginning)]
    if len(found) == 1:
        return found[0]
    if found:
        text = f"{len(found)} ids begin so: {_listed(found)}. Give more digits."
    else:
        known = _listed([item for item in run.checkpoints if item.restorable])
        text = f"Ids that can be restored: {known or 'none'}."
    raise CheckpointNotFoundError(f"id {beginning!r}", text)


def _listed(items: Sequence[CheckpointEntry]) -> str:
    more = f" and {len(items) - _SHOWN} more" if len(items) > _SHOWN else ""
    return ", ".join(item.id for item in items[-_SHOWN:]) + more
