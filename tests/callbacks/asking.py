"""Asks a training for something from inside of it, so that each test says at which batch."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import keras

from epochline.restore.live import ask, listening, new_request
from epochline.restore.mailbox import Mailbox
from epochline.restore.requests import Action, Answer, Request, Source

__all__ = ["Asks", "asked"]

Asking = Callable[["Asks"], None]


class Asks(keras.callbacks.Callback):
    """Calls a function after so many batches, counted over the whole training.

    Args:
        run_dir: The run that is asked.
        script: Number of batches that are done to what is done then.

    Attributes:
        requests: What was asked for.
        left: The variables that the training left, for whoever wants to compare.
    """

    def __init__(self, run_dir: Path, script: Mapping[int, Asking]) -> None:
        super().__init__()
        self.run_dir = run_dir
        self.requests: list[Request] = []
        self.left: list[Any] = []
        self._script = script
        self._counted = itertools.count(1)

    def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
        """Called by Keras."""
        acting = self._script.get(next(self._counted))
        if acting is not None:
            acting(self)

    def ask(self, action: Action, **choices: Any) -> Request:
        """Puts a request where the training looks before the next batch."""
        there = listening(self.run_dir)
        assert there.listener is not None, there.message
        request = new_request(there.listener, action, source=Source.PYTHON, **choices)
        ask(self.run_dir, request)
        self.requests.append(request)
        return request

    @property
    def answers(self) -> list[Answer | None]:
        """The answers so far, in the order of the requests."""
        return [Mailbox(self.run_dir).answer_to(request.id) for request in self.requests]


def asked(action: Action, **choices: Any) -> Asking:
    """Returns what asks for that."""

    def acting(asks: Asks) -> None:
        asks.ask(action, **choices)

    return acting
