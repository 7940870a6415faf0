"""Ask a running training for something, and wait for its answer.

This is the asking side, for Python, the command line and the panel; it needs no Keras. What is
asked is carried out by `epochline.callbacks.LiveRestore` in the process that trains.

Invariant: every request has an answer in the end. When nobody listens none is written, and what
nobody took in time is taken back, so that it cannot be carried out later.
"""

from __future__ import annotations

import getpass
import os
import socket
import time
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

from epochline.events import Outcome
from epochline.restore.audit import append_audit, line_of
from epochline.restore.mailbox import Listener, Mailbox, new_request_id
from epochline.restore.requests import (
    Action,
    Answer,
    Counters,
    LearningRate,
    Request,
    Source,
    checked_rate,
)
from epochline.session import lock_path
from epochline.store import is_locked

__all__ = ["WAIT_SECONDS", "Listening", "Live", "ask", "listening", "new_request", "outcome_of"]

WAIT_SECONDS: Final = 60.0
"""How long a request waits to be taken, unless something else is asked for."""

_LOOK_EVERY_SECONDS: Final = 0.05
_MOST_LOOKS: Final = 3
_WAITS: Final = "It waits for the end of the batch."
_NOBODY: Final = Listener(session="0" * 16, pid=0, host="", started=0.0)
_LONGEST_NAME: Final = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class Listening:
    """Whether a run can be asked for something; true when it can.

    Attributes:
        listener: Who listens; None when nobody does.
        message: Why nobody does, or who it is, in one sentence.
    """

    listener: Listener | None
    message: str

    @property
    def paused(self) -> bool:
        """Whether the training stands still because somebody asked for it."""
        return self.listener is not None and self.listener.paused

    def __bool__(self) -> bool:
        """Returns whether somebody listens."""
        return self.listener is not None


def listening(run_dir: str | os.PathLike[str]) -> Listening:
    """Returns whether a training of that run listens.

    Args:
        run_dir: The run directory.
    """
    alive = is_locked(lock_path(run_dir))
    found = Mailbox(run_dir).listener()
    if found is None:
        message = (
            "The training does not listen: it runs without LiveRestore (live=False), or has not "
            "begun its first epoch."
            if alive
            else "This run is not being trained."
        )
        return Listening(listener=None, message=message)
    here = found.host == socket.gethostname()
    if alive is False or (alive is None and here):
        return Listening(
            listener=None, message="The training has ended without a word: it was killed."
        )
    doing = "stands still, as it was asked to" if found.paused else "runs"
    where = f"process {found.pid}" + ("" if here else f" on {found.host}")
    unseen = "" if alive else "; whether it still lives cannot be seen from here"
    return Listening(listener=found, message=f"The training {doing} ({where}{unseen}).")


def new_request(
    listener: Listener,
    action: Action,
    *,
    source: Source,
    request_id: str | None = None,
    seconds: float = WAIT_SECONDS,
    **choices: Any,
) -> Request:
    """Returns a request of the present user.

    Args:
        listener: Who is asked.
        action: For what.
        source: From where.
        request_id: Its id; a new one when None.
        seconds: How long it may wait.
        **choices: Further fields of `Request`.
    """
    now = time.time()
    return Request(
        id=request_id or new_request_id(),
        action=action,
        session=listener.session,
        created=now,
        expires=now + seconds,
        by=_user(),
        source=source,
        host=_shown(socket.gethostname()),
        **choices,
    )


def ask(run_dir: str | os.PathLike[str], request: Request) -> Answer:
    """Puts a request where the training looks, notes it in the audit log, and returns at once.

    Returns:
        That it waits; or the final answer when nobody listens, or it was asked before.

    Raises:
        OSError: If it cannot be written.
    """
    directory, there = Path(run_dir), listening(run_dir)
    if there.listener is None:
        answer = replace(
            _told(request.id, Outcome.NOBODY, f"{there.message} Nothing was changed."),
            action=request.action,
            checkpoint=request.checkpoint,
        )
        with suppress(OSError):  # there may be no such directory any more
            append_audit(directory, line_of(directory, request, answer))
        return answer
    known = outcome_of(directory, request.id)
    if known is not None:
        return known
    append_audit(directory, line_of(directory, request))
    Mailbox(directory).submit(request)
    return _told(request.id, Outcome.WORKING, _WAITS)


def outcome_of(
    run_dir: str | os.PathLike[str], request_id: str, *, take_back: bool = True
) -> Answer | None:
    """Returns what is known of a request; None when nothing is.

    Args:
        run_dir: The run directory.
        request_id: Its id, 32 hexadecimal digits.
        take_back: Whether a request is taken back whose time is over, or whose training has ended.
            It is told as such in any case, and no training carries it out any more.
    """
    mailbox, there = Mailbox(run_dir), listening(run_dir)
    request = mailbox.waiting(request_id)
    if request is not None:
        if there and time.time() <= request.expires:
            return _told(request_id, Outcome.WORKING, _WAITS)
        late = _too_late(request, there)
        if not take_back:
            return late
        if mailbox.withdraw(request_id):
            mailbox.answer(late)
            append_audit(run_dir, line_of(Path(run_dir), request, late))
            return late
    taken = mailbox.is_taken(request_id)
    answer = mailbox.answer_to(request_id)  # looked for last: it is there before that file goes
    if not taken or (answer is not None and answer.final):
        return answer
    if not there:
        message = "The training ended while it carried this out; look at its last checkpoint."
        return _told(request_id, Outcome.FAILED, message)
    if answer is None:
        answer = _told(request_id, Outcome.WORKING, "The training carries it out.")
    return answer


def _too_late(request: Request, there: Listening) -> Answer:
    late = f"The training did not take it within {request.expires - request.created:g} s."
    outcome, why = (Outcome.EXPIRED, late) if there else (Outcome.NOBODY, there.message)
    message = f"{why} It was taken back; nothing was changed."
    return replace(
        _told(request.id, outcome, message), action=request.action, checkpoint=request.checkpoint
    )


class Live:
    """A running training, to be asked for something; made by `Run.live`.

    Each method waits until the training has answered, at the end of its present batch, and returns
    the answer: true when it was done, with the reason in its `message` when not.

    Args:
        run_dir: The run directory.
        source: From where it is asked.
        timeout: Seconds to wait until the training takes the request; then it is taken back.
    """

    def __init__(
        self,
        run_dir: str | os.PathLike[str],
        *,
        source: Source = Source.PYTHON,
        timeout: float = WAIT_SECONDS,
    ) -> None:
        self._run_dir = Path(run_dir)
        self._source = source
        self._timeout = timeout

    @property
    def listening(self) -> Listening:
        """Whether the training can be asked; true when it can."""
        return listening(self._run_dir)

    def restore(
        self,
        checkpoint_id: str,
        *,
        optimizer: bool = True,
        learning_rate: LearningRate | None = None,
        counters: Counters | str = Counters.RESET,
        dry_run: bool = False,
    ) -> Answer:
        """Takes the training back to a checkpoint; see `Checkpoint.restore_live`."""
        if learning_rate is None:
            learning_rate = "checkpoint" if optimizer else "keep"
        return self._ask(
            Action.RESTORE,
            checkpoint=checkpoint_id,
            optimizer=optimizer,
            learning_rate=_rate(learning_rate),
            counters=Counters(counters),
            dry_run=dry_run,
        )

    def undo(self, *, dry_run: bool = False) -> Answer:
        """Takes the last restore back, with what the training has learned since."""
        return self._ask(Action.UNDO, dry_run=dry_run)

    def pause(self) -> Answer:
        """Lets the training stand still, until `proceed`. It answers requests meanwhile."""
        return self._ask(Action.PAUSE)

    def proceed(self) -> Answer:
        """Lets a training go on that was paused."""
        return self._ask(Action.CONTINUE)

    def stop(self) -> Answer:
        """Ends the training after one more batch, as early stopping does, with a last checkpoint.

        The answer comes when that is saved.
        """
        return self._ask(Action.STOP)

    def save(self) -> Answer:
        """Saves a checkpoint now."""
        return self._ask(Action.SAVE)

    def set_learning_rate(self, rate: float) -> Answer:
        """Sets the learning rate."""
        return self._ask(Action.LEARNING_RATE, learning_rate=checked_rate(rate))

    def _ask(self, action: Action, **choices: Any) -> Answer:
        there = self.listening
        request = new_request(
            there.listener or _NOBODY, action, source=self._source, seconds=self._timeout, **choices
        )
        answer = ask(self._run_dir, request)
        return answer if answer.final else self._wait(request)

    def _wait(self, request: Request) -> Answer:
        unknown = 0
        while unknown < _MOST_LOOKS:
            answer = outcome_of(self._run_dir, request.id)
            if answer is not None and answer.final:
                return answer
            unknown = unknown + 1 if answer is None else 0
            time.sleep(_LOOK_EVERY_SECONDS)
        return _told(request.id, Outcome.FAILED, "Somebody removed the file of this request.")


def _told(request_id: str, outcome: Outcome, message: str) -> Answer:
    return Answer(
        id=request_id, action=None, outcome=outcome, message=message, wall_time=time.time()
    )


def _rate(value: LearningRate) -> LearningRate:
    return value if isinstance(value, str) else checked_rate(value)


def _user() -> str:
    try:
        return _shown(getpass.getuser())
    except (OSError, KeyError, ImportError):  # a user without a name, as in containers
        return str(os.getuid()) if hasattr(os, "getuid") else ""


def _shown(text: str) -> str:
    return "".join(character for character in text if character.isprintable())[:_LONGEST_NAME]
