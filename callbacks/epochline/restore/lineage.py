"""Where the state of a model came from, so that its next training can say so.

The memory is of this process only and dies with the model; it knows nothing of files or Keras.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any
from weakref import WeakKeyDictionary

__all__ = [
    "Origin",
    "forget_restored",
    "remember_restored",
    "remember_resumed",
    "restored_from",
    "resumed_session",
]


@dataclass(frozen=True, slots=True, kw_only=True)
class Origin:
    """A checkpoint that was loaded into a model.

    Attributes:
        checkpoint: Id of the checkpoint.
        session: Id of the session that saved it.
        epoch: Zero-based epoch of the checkpoint.
        what: What was loaded: "weights" or "weights and optimizer".
    """

    checkpoint: str
    session: str
    epoch: int
    what: str


_origins: WeakKeyDictionary[Any, Origin] = WeakKeyDictionary()
_sessions: WeakKeyDictionary[Any, str] = WeakKeyDictionary()


def remember_restored(model: Any, origin: Origin) -> None:
    """Notes that `model` now holds the state of a checkpoint."""
    _origins[model] = origin


def restored_from(model: Any) -> Origin | None:
    """Returns what was restored into `model`, None when nothing was or it was already recorded."""
    return _origins.get(model)


def forget_restored(model: Any) -> None:
    """Forgets it: whoever recorded the restore calls this, so that it is recorded once."""
    _origins.pop(model, None)


def remember_resumed(model: Any, session: str) -> None:
    """Notes that the next training of `model` continues a session that was interrupted."""
    _sessions[model] = session


def resumed_session(model: Any) -> str:
    """Returns the id of the session that is continued, empty when none is; it is told once."""
    return _sessions.pop(model, "")
