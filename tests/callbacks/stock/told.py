"""What was told of a training with Keras's own callbacks, in a form that a table can hold."""

from __future__ import annotations

from pathlib import Path

from epochline.callbacks import Timeline
from epochline.events import EndReason, SessionEnded, Topic
from epochline.timeline import DecisionEntry
from tests.callbacks.training import timeline_of

__all__ = ["Told", "decided", "end_of", "notice_codes", "recorder", "told"]

Told = tuple[int, str, str]
"""Epoch as Keras prints it, verdict, sentence."""


def recorder(run_dir: Path) -> Timeline:
    """Records, and saves nothing."""
    return Timeline(run_dir, monitor="loss", save=None)


def decided(
    run_dir: Path, topic: Topic, callback: str, position: int | None
) -> list[DecisionEntry]:
    """Returns the decisions of a topic, which must all have that one cause."""
    found = [item for item in timeline_of(run_dir).decisions if item.topic is topic]
    assert {(item.callback, item.position) for item in found} <= {(callback, position)}
    return found


def told(decisions: list[DecisionEntry]) -> list[Told]:
    """Returns epoch, verdict and sentence of each."""
    return [(item.epoch + 1, item.verdict.value, item.sentence) for item in decisions]


def end_of(run_dir: Path) -> tuple[EndReason, str, int | None, str]:
    """Returns why the last session ended: reason, callback, its position, message."""
    end = timeline_of(run_dir).sessions[-1].end
    assert isinstance(end, SessionEnded)
    return end.reason, end.callback, end.position, end.message


def notice_codes(run_dir: Path) -> list[str]:
    """Returns the codes of what the user was told to know."""
    return [item.code for item in timeline_of(run_dir).notices]
