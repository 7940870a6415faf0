"""Numbers of a Keras model and its logs as plain Python values; reads, never changes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import keras

from epochline.events import Mode

__all__ = ["learning_rates", "metric_directions", "scalar", "scalars"]


def learning_rates(model: keras.Model) -> dict[str, float]:
    """Returns the learning rate of each optimizer by its name; the only one is called ""."""
    optimizer = getattr(model, "optimizer", None)
    if optimizer is None:
        return {}
    many = getattr(optimizer, "optimizers", None)
    pairs = [(item.name, item) for item in many] if many else [("", optimizer)]
    return {
        name: float(keras.ops.convert_to_numpy(item.learning_rate))
        for name, item in pairs
        if hasattr(item, "learning_rate")
    }


def scalar(value: object) -> float | None:
    """Returns a metric as a Python number, None when it is not a scalar."""
    try:
        return float(value)  # type: ignore[arg-type]
    except (TypeError, ValueError):
        return None


def scalars(logs: Mapping[str, Any]) -> dict[str, float]:
    """Returns the entries of `logs` that are single numbers."""
    return {name: number for name, value in logs.items() if (number := scalar(value)) is not None}


def metric_directions(model: keras.Model) -> dict[str, Mode]:
    """Returns which direction of each metric is better, as far as Keras knows.

    The rule is that of `keras.callbacks.MonitorCallback._set_monitor_op`.
    """
    directions = {"loss": Mode.MIN}
    stack: list[Any] = list(getattr(model, "metrics", []))
    while stack:
        metric = stack.pop()
        stack.extend(getattr(metric, "metrics", []))
        direction = getattr(metric, "_direction", None)
        if direction is not None:
            directions[metric.name] = Mode.MAX if direction == "up" else Mode.MIN
    return directions
