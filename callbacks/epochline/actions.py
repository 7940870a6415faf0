"""Write down what is done to a run by hand: pins and notes, prunes, recoveries.

Beside a living training nobody else may write event files (TensorBoard's Python loader would never
again read the training's own). So these records, of the same form, are appended to a log of their
own in the control directory, by whoever does something: command line, Python, panel.

It knows records and the log; nothing of what the records mean.

Invariant: the log ends with a whole record, also when its writers are killed: what a dead one left
half written is cut off by the next. Records have the numbers 0, 1, 2, … in the order of the file.
"""

from __future__ import annotations

import errno
import io
import os
import time
from pathlib import Path
from types import TracebackType
from typing import Final, Self

from epochline.events import ACTIONS, Event, Record
from epochline.reader import actions_path
from epochline.records import frame, read_frames
from epochline.store.files import (
    UPDATE_FLAGS,
    explained,
    make_directories,
    sync_directory,
    write_all,
)
from epochline.store.flock import Flock, unlock
from epochline.store.turn import wait_for_flock
from epochline.writer import wrap

__all__ = ["ActionLog"]

_FLAGS: Final = UPDATE_FLAGS | os.O_CREAT | os.O_APPEND
# An append takes well under a millisecond; who holds the log for longer has been stopped.
_WAIT_SECONDS: Final = 10.0


class ActionLog:
    """The action log of a run; a context manager, which makes what was appended durable at its end.

    Args:
        run_dir: The run directory.

    Example:
        >>> with ActionLog("logs/pima") as log:  # doctest: +SKIP
        ...     log.append(CheckpointAnnotated(id="3f2a9c41d0b7e865", pinned=True))
    """

    def __init__(self, run_dir: str | os.PathLike[str]) -> None:
        self._path = actions_path(run_dir)
        self._descriptor: int | None = None
        self._end = 0
        self._count = 0

    def append(self, *events: Event, epoch: int = 0, wall_time: float | None = None) -> None:
        """Appends `events` as one record.

        Args:
            *events: What was done.
            epoch: Zero-based epoch of the checkpoint that is meant.
            wall_time: Seconds since the Unix epoch; now when None.

        Raises:
            OSError: If it could not be written whole; the log is as it was before.
        """
        with explained("write the action log", self._path):
            descriptor = self._open()
            try:
                if wait_for_flock(descriptor, _WAIT_SECONDS) is Flock.BUSY:
                    held = f"another process has held it for {_WAIT_SECONDS:g} s"
                    raise TimeoutError(errno.ETIMEDOUT, held)
                self._find_end(descriptor)
                record = Record(
                    session=ACTIONS,
                    seq=self._count,
                    wall_time=time.time() if wall_time is None else wall_time,
                    epoch=epoch,
                    step=0,
                    batch=0,
                    events=events,
                )
                self._write(descriptor, frame(wrap(record).SerializeToString()))
            finally:
                unlock(descriptor)

    def sync(self) -> None:
        """Makes what was appended survive a power loss.

        Raises:
            OSError: If the disk cannot.
        """
        if self._descriptor is not None:
            with explained("write the action log", self._path):
                os.fsync(self._descriptor)

    def close(self) -> None:
        """Makes what was appended durable, and closes the log.

        Raises:
            OSError: If the disk cannot.
        """
        try:
            self.sync()
        finally:
            if self._descriptor is not None:
                os.close(self._descriptor)
                self._descriptor = None

    def __enter__(self) -> Self:
        """Returns itself; the log is opened by the first record."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Closes the log."""
        self.close()

    def _open(self) -> int:
        if self._descriptor is None:
            make_directories(self._path.parent)
            new = not self._path.exists()
            self._descriptor = os.open(self._path, _FLAGS, 0o666)
            if new:
                sync_directory(self._path.parent)
        return self._descriptor

    def _find_end(self, descriptor: int) -> None:
        """Counts the records that came since the last time, and cuts off what is behind them.

        That is kept in a file beside the log: if it is more than the torn record of a writer that
        was killed, somebody may want to look at it.
        """
        size = os.fstat(descriptor).st_size
        with io.FileIO(descriptor, closefd=False) as file:
            file.seek(self._end)
            self._count += sum(1 for _ in read_frames(file))
            self._end = file.tell()
            rest = file.read(size - self._end)
        if rest:
            with Path(f"{self._path}.damaged").open("ab") as damaged:
                damaged.write(rest)
            os.ftruncate(descriptor, self._end)

    def _write(self, descriptor: int, data: bytes) -> None:
        try:
            write_all(descriptor, data)
        except BaseException:  # Ctrl-C between two parts would tear the record, too
            os.ftruncate(descriptor, self._end)
            raise
