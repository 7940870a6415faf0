"""The files by which a running training is asked, and answers.

In `timeline/control/live/` of a run directory:

- `requests/<id>.json` is put there by whoever asks. A training takes it by renaming it to `taken/`;
  whoever asked takes it back by removing it. Both are one step, so that only one of them succeeds.
- `answers/<id>.json` is written by the training, perhaps several times until it is final, or by
  whoever asked, when nobody took the request in time. An id that has a final answer is done: asking
  again changes nothing.
- `listener.json` says which session listens. Whether its process lives is told by the lock of the
  run, which the kernel frees.

Each file appears whole, by a rename. It is not synced: after a power loss there is no training that
could answer. What has happened is in the records.

It knows files, not Keras, and not what the requests mean.

Invariant: a look costs one `stat` unless something has come. What is found is bounded, read by no
link, and belongs to the user who trains; whatever else lies there is answered as refused, or left
alone, and delays nobody.
"""

from __future__ import annotations

import heapq
import io
import itertools
import json
import os
import secrets
import socket
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Final

from epochline.reader import CONTROL_DIR, TIMELINE_DIR
from epochline.restore.requests import (
    MOST_ANSWER_BYTES,
    MOST_REQUEST_BYTES,
    REQUEST_ID,
    Answer,
    Request,
    RequestError,
    parse_answer,
    parse_request,
)
from epochline.store.files import CREATE_FLAGS, make_directories, open_regular

__all__ = ["LIVE_DIR", "Listener", "Mailbox", "Taken", "new_request_id"]

LIVE_DIR: Final = "live"
"""Below the control directory of a run."""

_ENDING: Final = ".json"
_MOST_AT_ONCE: Final = 64
_MOST_NAMES: Final = 200_000
_RECENT_SECONDS: Final = 2.0
_ANSWERS_KEPT_SECONDS: Final = 24 * 3600.0
_MOST_LISTENER_BYTES: Final = 4096
_ROOT: Final = 0


def new_request_id() -> str:
    """Returns a new id, 32 hexadecimal digits; later ones sort behind earlier ones."""
    return f"{time.time_ns() // 1_000_000:012x}{secrets.token_hex(10)}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Listener:
    """Who listens.

    Attributes:
        session: Id of the session.
        pid: Its process.
        host: The machine of that.
        started: When it began to listen, in seconds since the Unix epoch.
        paused: Whether the training stands still because somebody asked for it.
    """

    session: str
    pid: int
    host: str
    started: float
    paused: bool = False

    @classmethod
    def here(cls, session: str) -> Listener:
        """Returns this process as the one that listens for a session."""
        return cls(session=session, pid=os.getpid(), host=socket.gethostname(), started=time.time())


@dataclass(frozen=True, slots=True, kw_only=True)
class Taken:
    """A file that was taken.

    Attributes:
        id: Id of the request, by the name of the file.
        request: What it holds; None when that is no request.
        problem: Why it is none.
    """

    id: str
    request: Request | None
    problem: str = ""


class Mailbox:
    """The requests and answers of one run.

    Args:
        run_dir: The run directory.

    Attributes:
        directory: Where they lie.
    """

    def __init__(self, run_dir: str | os.PathLike[str]) -> None:
        self._run_dir = Path(run_dir)
        self.directory = self._run_dir / TIMELINE_DIR / CONTROL_DIR / LIVE_DIR
        self._requests = self.directory / "requests"
        self._taken = self.directory / "taken"
        self._answers = self.directory / "answers"
        self._listener = self.directory / "listener.json"
        self._seen: int | None = None

    # ---- whoever asks ----------------------------------------------------------------------------

    def submit(self, request: Request) -> None:
        """Asks; does nothing when that was asked before.

        Raises:
            OSError: If it cannot be written.
        """
        if self.answer_to(request.id) is None and not self.is_taken(request.id):
            make_directories(self._requests)
            _publish(self._requests / f"{request.id}{_ENDING}", request.to_json())

    def withdraw(self, request_id: str) -> bool:
        """Takes a request back, and returns whether it was not taken before."""
        try:
            (self._requests / f"{request_id}{_ENDING}").unlink()
        except FileNotFoundError:
            return False
        return True

    def waiting(self, request_id: str) -> Request | None:
        """Returns a request that waits to be taken; None when it is not there."""
        try:
            data = self._read(self._requests / f"{request_id}{_ENDING}", MOST_REQUEST_BYTES)
            return parse_request(request_id, data)
        except (OSError, RequestError):
            return None

    def is_taken(self, request_id: str) -> bool:
        """Returns whether a request is being carried out."""
        return os.path.lexists(self._taken / f"{request_id}{_ENDING}")

    def answer_to(self, request_id: str) -> Answer | None:
        """Returns the answer to a request; None when there is none that can be read."""
        try:
            data = self._read(self._answers / f"{request_id}{_ENDING}", MOST_ANSWER_BYTES)
            return parse_answer(request_id, data)
        except (OSError, RequestError):
            return None

    def listener(self) -> Listener | None:
        """Returns who said last that it listens; None when it has said that it does no more."""
        try:
            values = json.loads(self._read(self._listener, _MOST_LISTENER_BYTES))
            return Listener(
                session=str(values["session"]),
                pid=int(values["pid"]),
                host=str(values["host"]),
                started=float(values["started"]),
                paused=values["paused"] is True,
            )
        except (OSError, ArithmeticError, LookupError, TypeError, ValueError, RecursionError):
            return None

    # ---- the training ----------------------------------------------------------------------------

    def open(self, listener: Listener) -> list[str]:
        """Begins to listen, and returns the ids of requests in which an earlier one was killed.

        Raises:
            NotADirectoryError: If a directory leads elsewhere.
            OSError: If one cannot be made.
        """
        for directory in (self._requests, self._taken, self._answers):
            make_directories(directory)
            if directory.resolve() != self._run_dir.resolve() / directory.relative_to(
                self._run_dir
            ):
                message = f"{directory} leads elsewhere"
                raise NotADirectoryError(message)
        self._forget_old_answers()
        self.announce(listener)
        return list(_ids(self._taken))

    def announce(self, listener: Listener) -> None:
        """Says who listens."""
        _publish(self._listener, json.dumps(asdict(listener)).encode())

    def close(self) -> None:
        """Says that nobody listens any more."""
        with suppress(FileNotFoundError):
            self._listener.unlink()

    def changed(self) -> bool:
        """Returns whether something may have come since the last look."""
        try:
            now = os.stat(self._requests).st_mtime_ns
        except FileNotFoundError:
            return False
        return now != self._seen

    def take(self) -> list[Taken]:
        """Takes what has come, in the order in which it was asked.

        The newest files are looked at first, so that a heap of others delays nobody; no more than
        64 at a time.
        """
        seen = os.stat(self._requests).st_mtime_ns
        names = list(_ids(self._requests))
        chosen = heapq.nlargest(_MOST_AT_ONCE, names)
        # The clock of file systems is coarse: what came since within its last tick looks the same.
        fresh = time.time() - seen / 1e9 < _RECENT_SECONDS
        self._seen = None if fresh or len(names) > len(chosen) else seen
        found = [taken for name in chosen if (taken := self._take(name)) is not None]
        return sorted(found, key=lambda item: item.request.created if item.request else 0.0)

    def answer(self, answer: Answer) -> None:
        """Writes an answer, unless there is a final one; a final one ends the request.

        Raises:
            OSError: If it cannot be written.
        """
        before = self.answer_to(answer.id)
        try:
            if before is None or not before.final:
                make_directories(self._answers)
                _publish(self._answers / f"{answer.id}{_ENDING}", answer.to_json())
        finally:
            if answer.final:
                _discard(self._taken / f"{answer.id}{_ENDING}")

    def _take(self, request_id: str) -> Taken | None:
        path = self._taken / f"{request_id}{_ENDING}"
        try:
            os.replace(self._requests / path.name, path)
        except FileNotFoundError:
            return None  # it was taken back
        except OSError as error:  # a directory where a file of that name was taken
            return Taken(id=request_id, request=None, problem=f"It is no file: {error.strerror}.")
        try:
            request = parse_request(request_id, self._read(path, MOST_REQUEST_BYTES, own=True))
        except RequestError as error:
            return Taken(id=request_id, request=None, problem=str(error))
        except OSError as error:
            problem = f"It cannot be read: {error.strerror or error}."
            return Taken(id=request_id, request=None, problem=problem)
        return Taken(id=request_id, request=request)

    def _read(self, path: Path, most_bytes: int, *, own: bool = False) -> bytes:
        with io.FileIO(open_regular(path, beneath=self._run_dir)) as file:
            owner = os.fstat(file.fileno()).st_uid
            if own and hasattr(os, "getuid") and owner not in (_ROOT, os.getuid()):
                raise RequestError("It was written by another user than the one who trains.")
            return file.read(most_bytes + 1) or b""

    def _forget_old_answers(self) -> None:
        latest = time.time() - _ANSWERS_KEPT_SECONDS
        for name in _ids(self._answers):
            path = self._answers / f"{name}{_ENDING}"
            with suppress(OSError):
                if path.lstat().st_mtime < latest:
                    path.unlink()


def _ids(directory: Path) -> Iterator[str]:
    """Yields the ids that files in a directory are named after."""
    with suppress(FileNotFoundError), os.scandir(directory) as entries:
        for entry in itertools.islice(entries, _MOST_NAMES):
            name = entry.name.removesuffix(_ENDING)
            if name != entry.name and REQUEST_ID.fullmatch(name):
                yield name


def _publish(path: Path, data: bytes) -> None:
    """Writes a file that appears whole, in place of one that is there."""
    temporary = path.with_name(f".tmp-{os.getpid()}-{secrets.token_hex(8)}-{path.name}")
    descriptor = os.open(temporary, CREATE_FLAGS, 0o666)
    try:
        with io.FileIO(descriptor, "w") as file:
            file.write(data)
        temporary.replace(path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise


def _discard(path: Path) -> None:
    with suppress(OSError):
        if path.is_dir() and not path.is_symlink():
            path.rmdir()
        else:
            path.unlink()
