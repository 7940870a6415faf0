"""One session of a run: numbers its records, writes them, and survives whatever the disk does.

This is the writing side for anybody who trains; it knows the layout of a run directory and nothing
of Keras.

Invariant: no method but `start` ever raises because of files; what cannot be written is kept and
written with the next record, said once, and told as a gap only when the process ends before the
disk is well again. The sequence numbers of a session have no holes that were not losses.
"""

from __future__ import annotations

import atexit
import logging
import os
import secrets
import sys
import time
from collections import deque
from pathlib import Path
from typing import Final

from epochline.errors import RunBusyError
from epochline.events import EndReason, Event, Notice, Record, SessionEnded
from epochline.reader import TIMELINE_DIR
from epochline.store.lock import RunLock
from epochline.writer import EventWriter

__all__ = ["CONTROL_DIR", "Session", "lock_path", "new_id"]

CONTROL_DIR: Final = "control"
"""Below the timeline of a run: lock, requests, audit log."""

_BACKLOG: Final = 10_000
_log = logging.getLogger("epochline")

# Sessions of this process that have not ended, by run directory: a `fit` that was left by an
# exception says nothing, so that the next one in the same directory has to end it.
_open: dict[Path, Session] = {}


def new_id() -> str:
    """Returns a new identity for a session or a checkpoint: 16 hexadecimal digits.

    They come from the operating system, so that the random state of the training is not touched.
    """
    return secrets.token_hex(8)


def lock_path(run_dir: str | os.PathLike[str]) -> Path:
    """Returns the lock that the live writer of a run holds."""
    return Path(run_dir, TIMELINE_DIR, CONTROL_DIR, "lock")


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
    """

    def __init__(self, run_dir: str | os.PathLike[str]) -> None:
        self.id = new_id()
        self.run_dir = Path(run_dir)
        self.epoch = 0
        self.step = 0
        self.batch = 0
        self.last_wall_time = 0.0
        self._seq = 0
        self._writer = EventWriter(self.run_dir / TIMELINE_DIR)
        self._pending: deque[Record] = deque(maxlen=_BACKLOG)
        self._lock = RunLock(lock_path(self.run_dir))
        self._told: set[str] = set()
        self._pid = os.getpid()

    def start(self) -> None:
        """Takes the run directory for this session.

        Raises:
            RunBusyError: If another living process, or another thread of this one, writes to the
                run.
        """
        key = self.run_dir.absolute()
        if key in _open:
            _open[key].end(EndReason.FAILED, message="fit was left before it had ended")
        try:
            self._lock.acquire()
        except RunBusyError:
            raise
        except OSError as error:
            self._complain(error)
        _open[key] = self
        atexit.register(self._end_at_exit)

    def relative(self, path: str | os.PathLike[str]) -> str:
        """Returns `path` as it is recorded.

        POSIX, relative to the run directory when it is below that, else absolute.
        """
        absolute, root = Path(path).absolute(), self.run_dir.absolute()
        below = absolute.is_relative_to(root)
        return (absolute.relative_to(root) if below else absolute).as_posix()

    def record(self, *events: Event) -> None:
        """Writes `events` as one record at the present epoch, step and batch."""
        self.last_wall_time = time.time()
        self._pending.append(
            Record(
                session=self.id,
                seq=self._seq,
                wall_time=self.last_wall_time,
                epoch=self.epoch,
                step=self.step,
                batch=self.batch,
                events=events,
            )
        )
        self._seq += 1
        self._flush()

    def notice(self, code: str, message: str, hint: str = "") -> None:
        """Tells the user something, in log and timeline, once a session for each `code`."""
        if code not in self._told:
            self._told.add(code)
            _log.warning("Epochline: %s %s", message, hint)
            self.record(Notice(code=code, message=message, hint=hint))

    def end(self, reason: EndReason, *, callback: str = "", message: str = "") -> None:
        """Writes why the session ended and frees the run directory.

        Args:
            reason: Why.
            callback: Class name of the callback that ended it.
            message: The exception, or more in words.
        """
        if _open.pop(self.run_dir.absolute(), None) is None:
            return
        atexit.unregister(self._end_at_exit)
        self.record(SessionEnded(reason=reason, callback=callback, message=message))
        if self._pending:
            _log.error(
                "Epochline: %d records of this training could not be written to %s and are lost.",
                len(self._pending),
                self._writer.directory,
            )
        self._writer.close()
        self._lock.release()

    def _flush(self) -> None:
        try:
            while self._pending:
                self._writer.append_record(self._pending[0])
                self._pending.popleft()
        except OSError as error:
            self._complain(error)

    def _complain(self, error: OSError) -> None:
        if "log" not in self._told:
            self._told.add("log")
            _log.error(
                "Epochline cannot write to %s: %s. Training goes on; what happens is kept in "
                "memory and written as soon as the disk allows. Free space or make the directory "
                "writable.",
                self.run_dir,
                error.strerror or error,
            )

    def _end_at_exit(self) -> None:
        if os.getpid() != self._pid:
            return  # a forked child must not end the session of its parent
        error = getattr(sys, "last_value", None)
        if isinstance(error, KeyboardInterrupt):
            self.end(EndReason.INTERRUPTED)
        else:
            what = (
                f"{type(error).__name__}: {error}" if error else "fit was left before it had ended"
            )
            self.end(EndReason.FAILED, message=what)
