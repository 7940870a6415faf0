"""What a running training answered, as text or JSON."""

from __future__ import annotations

from dataclasses import asdict

from epochline.cli.command import CommandError
from epochline.cli.output import emit, emit_json, styled
from epochline.events import Outcome
from epochline.restore.requests import Answer

__all__ = ["ANSWER", "tell"]

ANSWER = """\
ANSWER: {id, action, outcome, message, wall_time, dry_run, session, epoch, step, checkpoint, undo,
restored, total, learning_rate_before, learning_rate_after, before, after, plan, layers}; `outcome`
is done, refused, failed, expired or nobody."""
_SHOWN_LAYERS = 5


def tell(answer: Answer, *, as_json: bool) -> int:
    """Prints an answer, and returns the exit status.

    Raises:
        CommandError: If it was not done; the message says why.
    """
    if as_json:
        emit_json(asdict(answer))
        return 0 if answer.ok else 1
    if not answer.ok:
        what = "" if answer.outcome is Outcome.NOBODY else f"{answer.outcome}: "
        message = f"{what}{answer.message}"
        raise CommandError(message)
    if answer.dry_run:
        emit(*(styled(f"- {line}") for line in answer.plan))
        changes = [item for item in answer.layers if item.relative_change is not None]
        for item in changes[:_SHOWN_LAYERS]:
            emit(styled(f"  {item.layer} changes by {item.relative_change:.2%}", "dim"))
    emit(styled(answer.message))
    return 0
