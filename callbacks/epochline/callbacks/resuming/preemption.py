"""Signals that ask a training to end, noted until it is at a place where it can.

Python runs signal handlers between two instructions of the main thread; nothing is done there but
to remember the signal. After the first one the handlers are those from before, so that a second one
does what it always did.

Invariant: outside of `install` … `remove`, the handlers of the process are those of the user.
"""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Callable, Iterable
from types import CodeType, FrameType
from typing import Any

__all__ = ["Preemption"]

Handler = Callable[[int, FrameType | None], Any] | int | None


class Preemption:
    """Watches for signals.

    Args:
        signals: Which.
        loop: Code of the training loop, where it is known: once that is left, by an exception,
            signals are none of ours.

    Attributes:
        received: The first one that came, None before.
    """

    def __init__(self, signals: Iterable[signal.Signals], loop: CodeType | None) -> None:
        self._signals = tuple(signals)
        self._loop = loop
        self._before: dict[signal.Signals, Handler] = {}
        self.received: signal.Signals | None = None

    def install(self) -> bool:
        """Begins to watch.

        Returns:
            Whether it can: handlers belong to the main thread.
        """
        self.received = None
        if threading.current_thread() is not threading.main_thread():
            return not self._signals
        for number in self._signals:
            if signal.getsignal(number) is signal.SIG_IGN:
                continue
            self._before[number] = signal.signal(number, self._note)
        return True

    def remove(self) -> None:
        """Ends watching."""
        for number, handler in self._before.items():
            # None is a handler that was not made by Python, and cannot be put back.
            signal.signal(number, signal.SIG_DFL if handler is None else handler)
        self._before = {}

    def _note(self, number: int, frame: FrameType | None) -> None:
        self.remove()
        while self._loop and frame is not None and frame.f_code is not self._loop:
            frame = frame.f_back
        if frame is None:
            os.kill(os.getpid(), number)
        else:
            self.received = signal.Signals(number)
