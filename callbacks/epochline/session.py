"""One session of a run: numbers its records, writes them, and survives whatever the disk does.

This is the writing side for anybody who trains; it knows the layout of a run directory and nothing
of Keras.

It may be told things by several threads: a checkpoint is recorded by the one that wrote it.

Invariant: no method but `start` ever raises because of files; what cannot be written is kept and
written with the next record, said once in log and timeline, and told as a gap only when the process
ends before the disk is well again. The sequence numbers of a session have no holes that were not
losses. A run directory that is taken away is begun again, with what happens from then on.
"""

from __future__ import annotations

import atexit
import logging
import os
import secrets
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from epochline.errors import RunBusyError
from epochline.events import EndReason, Event, Notice, Record, SessionEnded
from epochline.reader import CONTROL_DIR, TIMELINE_DIR
from epochline.store.leftovers import remove_leftovers
from epochline.store.lock import RunLock
from epochline.writer import EventWriter

__all__ = ["CONTROL_DIR", "Position", "Session", "lock_path", "new_id", "recorded_path"]

_log = logging.getLogger("epochline")

# Sessions of this process that have not ended, by run directory: a `fit` that was left by an
# exception says nothing, so that the next one in the same directory has to end it.
_open: dict[Path, Session] = {}


def recorded_path(run_dir: str | os.PathLike[str], path: str | os.PathLike[str]) -> str:
    """Returns `path` as it is recorded in the run at `run_dir`.

    POSIX, relative to the run directory when it is below that, else absolute.
    """
    absolute, root = Path(path).absolute(), Path(run_dir).absolute()
    below = absolute.is_relative_to(root)
    return (absolute.relative_to(root) if below else absolute).as_posix()


def new_id() -> str:
    """Returns a new identity for a session or a checkpoint: 16 hexadecimal digits.

    They come from the operating system, so that the random state of the training is not touched.
    """
    return secrets.token_hex(8)


def lock_path(run_dir: str | os.PathLike[str]) -> Path:
    """Returns the lock that the live writer of a run holds."""
    return Path(run_dir, TIMELINE_DIR, CONTROL_DIR, "lock")


class Position(NamedTuple):
    """Where a training is, on all three of Keras's axes; see `Session`."""

    epoch: int
    step: int
    batch: int


class Session:
    """The records of one `fit` call, or of one custom training loop.

    Args:
        run_dir: The run directory, as passed to `Timeline`.

    Attributes:
        id: Identity of the session.
        run_dir: The run directory.
        epoch: Zero-based epoch, as Keras hooks count; the caller keeps it up to date.
        step: Optimizer updates done; likewise.
        batch: Training batches seen in this `fit`; likewise.
        last_wall_time: Seconds since the Unix epoch of the newest record.
        before_end: Called before the session ends: what still has to be recorded is recorded then.
    """

    def __init__(self, run_dir: str | os.PathLike[str]) -> None:
        self.id = new_id()
        self.run_dir = Path(run_dir)
        self.epoch = 0
        self.step = 0
        self.batch = 0
        self.last_wall_time = 0.0
        self.before_end: Callable[[], None] | None = None
        self._turn = threading.RLock()
        self._seq = 0
        self._writer = EventWriter(self.run_dir / TIMELINE_DIR)
        self._first: Record | None = None
        self._unsaid: tuple[Notice, ...] = ()
        self._lock = RunLock(lock_path(self.run_dir))
        self._shared = False
        self._told: set[str] = set()
        self._pid = os.getpid()
        self._error_before: BaseException | None = None

    def start(self) -> None:
        """Takes the run directory for this session.

        Raises:
            RunBusyError: If another living process, or another thread of this one, writes to the
                run.
        """
        key = self.run_dir.absolute()
        if key in _open:
            _open[key].abandon()
        try:
            self._lock.acquire()
        except RunBusyError:
            raise
        except OSError as error:
            self._complain(error)
        _open[key] = self
        self._error_before = _last_error()
        atexit.register(self.abandon)

    def relative(self, path: str | os.PathLike[str]) -> str:
        """Returns `path` as it is recorded, see `recorded_path`."""
        return recorded_path(self.run_dir, path)

    @property
    def position(self) -> Position:
        """Where the training is."""
        return Position(self.epoch, self.step, self.batch)

    def record(self, *events: Event, at: Position | None = None) -> float:
        """Writes `events` as one record, and returns its wall time.

        Args:
            *events: What happened.
            at: Where the training was then; where it is now when None.
        """
        position = at or self.position
        with self._turn:
            if self._writer.lost:
                self._taken_away()
            self.last_wall_time = time.time()
            record = Record(
                session=self.id,
                seq=self._seq,
                wall_time=self.last_wall_time,
                epoch=position.epoch,
                step=position.step,
                batch=position.batch,
                events=(*events, *self._unsaid),
            )
            self._seq += 1
            self._unsaid = ()
            self._first = self._first or record
            self._write(record)
            return record.wall_time

    def sync(self) -> None:
        """Makes what was recorded survive a power loss; to be called before what rests on it."""
        with self._turn:
            try:
                self._writer.sync()
            except OSError as error:
                self._complain(error)

    def tidy(self, directory: Path) -> None:
        """Removes what killed writers left in a directory; says so when it cannot."""
        try:
            remove_leftovers(directory)
        except OSError as error:
            self.notice("leftovers_stay", f"{error.strerror or error}.", "It only takes space.")

    def notice(self, code: str, message: str, hint: str = "") -> None:
        """Tells the user something, in log and timeline, once a session for each `code`."""
        with self._turn:
            if code in self._told:
                return
            self._told.add(code)
            self.record(Notice(code=code, message=message, hint=hint))
        _log.warning("Epochline: %s %s", message, hint)

    def end(
        self,
        reason: EndReason,
        *,
        callback: str = "",
        position: int | None = None,
        message: str = "",
    ) -> None:
        """Writes why the session ended and frees the run directory.

        Args:
            reason: Why.
            callback: Class name of the callback that ended it.
            position: Place of that callback in the list given to `fit`.
            message: The exception, or more in words.
        """
        if _open.get(self.run_dir.absolute()) is not self:
            return
        if self.before_end is not None:
            self.before_end()
        del _open[self.run_dir.absolute()]
        atexit.unregister(self.abandon)
        self.record(
            SessionEnded(reason=reason, callback=callback, position=position, message=message)
        )
        for last in (self._writer.close, self._lock.release):
            try:
                last()
            except OSError as error:
                self._complain(error)
        if self._writer.unwritten:
            _log.error(
                "Epochline: %d records of this training could not be written to %s and are lost.",
                self._writer.unwritten,
                self._writer.directory,
            )

    def _write(self, record: Record) -> None:
        try:
            self._writer.append_record(record)
            if not (self._lock.held or self._shared):
                self._lock_again()
        except OSError as error:
            self._complain(error)

    def _lock_again(self) -> None:
        """Takes the lock that could not be written at the start, or was taken away."""
        try:
            self._lock.acquire()
        except RunBusyError as error:
            self._shared = True
            self.notice("run_shared", str(error))

    def _taken_away(self) -> None:
        """Begins the records of this session again where they were."""
        what = f"{self._writer.directory} was deleted or moved away during the training."
        hint = "Training goes on; what happens from now on is written to a new file there."
        if "log_lost" not in self._told:
            self._told.add("log_lost")
            self._unsaid += (Notice(code="log_lost", message=what, hint=hint),)
            _log.error("Epochline: %s %s", what, hint)
        try:
            self._lock.release()
        except OSError as error:
            self._complain(error)
        if self._first is not None:
            self._write(self._first)  # it says what is trained; without, the rest means little

    def _complain(self, error: OSError) -> None:
        if "log" in self._told:
            return
        self._told.add("log")
        why = error.strerror or str(error)
        hint = "Free space or make the directory writable."
        message = f"Not everything could be written to {self.run_dir} at once: {why}."
        self._unsaid += (Notice(code="log_delayed", message=message, hint=hint),)
        _log.error(
            "Epochline cannot write to %s: %s. Training goes on; what happens is kept in memory "
            "and written as soon as the disk allows. %s",
            self.run_dir,
            why,
            hint,
        )

    def abandon(self) -> None:
        """Ends the session of a training that was left without a word: by an exception, mostly."""
        if os.getpid() != self._pid:
            return  # a forked child must not end the session of its parent
        error = _last_error()
        if error is self._error_before:
            error = None
        if isinstance(error, KeyboardInterrupt):
            self.end(EndReason.INTERRUPTED)
        else:
            what = (
                f"{type(error).__name__}: {error}" if error else "fit was left before it had ended"
            )
            self.end(EndReason.FAILED, message=what)


def _last_error() -> BaseException | None:
    """Returns the last exception that nobody caught: Python and notebooks keep it."""
    error = getattr(sys, "last_value", None)
    return error if isinstance(error, BaseException) else None
