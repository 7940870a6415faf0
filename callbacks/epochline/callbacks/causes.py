"""Who decides, and what all callbacks with a metric have in common.

Knows the public attributes of Keras's callbacks; changes nothing and writes nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import keras

from epochline.callbacks.looks import Look, Situation
from epochline.callbacks.measure import scalar
from epochline.events import Decision, Mode, Topic, Verdict

__all__ = ["Cause", "Rule", "missing", "monitored"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Cause:
    """Who decides.

    Attributes:
        callback: Class name.
        position: Place in the list given to `fit`; None when it is not in there.
    """

    callback: str
    position: int | None = None

    def decides(self, topic: Topic, verdict: Verdict, **numbers: Any) -> Decision:
        """Returns a decision of this callback."""
        return Decision(
            callback=self.callback, position=self.position, topic=topic, verdict=verdict, **numbers
        )


Rule = Callable[[Any, Cause, Situation, Look, Look], Iterator[Decision]]
"""Callback, cause, hook, look before and look behind to decisions."""


def monitored(callback: Any, at: Situation) -> dict[str, Any]:
    """Returns what a callback with a `monitor` looked at."""
    return {
        "monitor": callback.monitor,
        "mode": _mode(callback),
        "observed": scalar(at.logs.get(callback.monitor)),
    }


def missing(logs: Mapping[str, Any]) -> str:
    """Returns which metrics there are instead, in words."""
    return f"Available metrics: {', '.join(logs)}." if logs else "No metrics are available."


def _mode(callback: keras.callbacks.Callback) -> Mode | None:
    """Returns which direction a stock callback takes for better, None before it knows."""
    mode = getattr(callback, "mode", None)
    if mode in tuple(Mode):
        return Mode(mode)
    operator = getattr(callback, "monitor_op", None)
    if operator is None:
        return None
    return Mode.MIN if operator is keras.ops.less else Mode.MAX
