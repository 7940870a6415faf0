"""What was seen a moment ago, for those who ask again and again.

A panel asks every two seconds whether anything is new. To find out takes up to a tenth of a second,
nearly all of it waiting; so one thread finds out while somebody asks, and the answer is there when
the question comes.

It knows nothing of what is looked at.

Guaranteed:

- Nobody is told what was seen more than `OLDEST_SECONDS` ago, or before `expire`. When there is
  nothing newer, who asks waits for a look; so a slow look makes answers slow, never old.
- An error is told to the one who asks: after a look of the thread has failed, the next one who asks
  looks for himself.
- When nobody has asked for `IDLE_SECONDS`, nothing is looked at any more, and the thread is gone.
  It never keeps the process from ending.
- The thread looks during at most a quarter of the time, and takes at most a twentieth of a core.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, Generic, TypeVar

__all__ = ["IDLE_SECONDS", "OLDEST_SECONDS", "Lookout"]

OLDEST_SECONDS: Final = 0.75
"""How old what was seen may be: who asks every two seconds knows of news in under three."""

IDLE_SECONDS: Final = 5.0
"""For how long the thread goes on after the last question."""

_SHARE_OF_CORE: Final = 0.05
_SHARE_OF_TIME: Final = 0.25
_MARGIN_SECONDS: Final = 0.1

_T = TypeVar("_T")


@dataclass(frozen=True, slots=True, kw_only=True)
class _Seen(Generic[_T]):
    began: float
    value: _T


class Lookout(Generic[_T]):
    """Keeps what `look` returns up to date for as long as somebody asks.

    Args:
        look: Returns what there is now, in any thread, in one at a time.
    """

    def __init__(self, look: Callable[[], _T]) -> None:
        self._look = look
        self._looking = threading.Lock()
        self._seen: _Seen[_T] | None = None
        self._oldest = 0.0
        self._due = 0.0
        self._asked = 0.0
        self._thread: threading.Thread | None = None
        self._starting = threading.Lock()

    @property
    def seen(self) -> _T | None:
        """What was seen last, however long ago; None before a look and after a failed one."""
        seen = self._seen
        return seen.value if seen is not None else None

    def latest(self) -> _T:
        """Returns what was seen last, looking first when that is too long ago.

        Raises:
            Exception: What `look` raises.
        """
        self._asked = time.monotonic()
        wanted = self._asked - OLDEST_SECONDS
        seen = self._seen_since(wanted)
        if seen is None:
            with self._looking:
                seen = self._seen_since(wanted) or self._look_now()
        self._keep_looking()
        return seen.value

    def expire(self) -> None:
        """Lets nobody be told any more what was seen until now."""
        self._oldest = time.monotonic()

    def _seen_since(self, wanted: float) -> _Seen[_T] | None:
        seen = self._seen
        return seen if seen is not None and seen.began >= max(wanted, self._oldest) else None

    def _look_now(self) -> _Seen[_T]:
        began, computed = time.monotonic(), time.thread_time()
        try:
            self._seen = seen = _Seen(began=began, value=self._look())
        finally:
            took = time.monotonic() - began
            # As late as it can be and yet end before this one is too old.
            late = OLDEST_SECONDS - _MARGIN_SECONDS - 2 * took
            cost = time.thread_time() - computed
            self._due = began + max(late, took / _SHARE_OF_TIME, cost / _SHARE_OF_CORE)
        return seen

    def _keep_looking(self) -> None:
        with self._starting:
            if self._thread is None:
                self._thread = threading.Thread(
                    target=self._run, name="epochline-lookout", daemon=True
                )
                self._thread.start()

    def _run(self) -> None:
        while True:
            time.sleep(min(max(0.0, self._due - time.monotonic()), IDLE_SECONDS))
            with self._starting:
                if time.monotonic() - self._asked > IDLE_SECONDS:
                    self._thread = None
                    return
            with self._looking:
                if time.monotonic() >= self._due:  # nobody has looked meanwhile
                    self._look_unasked()

    def _look_unasked(self) -> None:
        try:
            self._look_now()
        except Exception:  # noqa: BLE001 -- who asks next looks for himself, and is told
            self._seen = None
