"""Numbers of a Keras model and its logs as plain Python values; reads, never changes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import keras
import numpy as np

from epochline.events import Mode

__all__ = [
    "has_optimizer_state",
    "iterations",
    "learning_rates",
    "metric_directions",
    "non_finite_weight",
    "number",
    "optimizer_class",
    "optimizers",
    "scalar",
    "scalars",
]


def learning_rates(model: keras.Model) -> dict[str, float]:
    """Returns the learning rate of each optimizer by its name; the only one is called ""."""
    return {
        name: number(item.learning_rate)
        for name, item in optimizers(model)
        if hasattr(item, "learning_rate")
    }


def optimizers(model: keras.Model) -> list[tuple[str, Any]]:
    """Returns what sets learning rates, by name, without wrappers; the only one is called ""."""
    optimizer = getattr(model, "optimizer", None)
    optimizer = getattr(optimizer, "inner_optimizer", optimizer)
    many = getattr(optimizer, "optimizers", None)
    return [(item.name, item) for item in many] if many else [("", optimizer)]


def iterations(model: keras.Model) -> int | None:
    """Returns the optimizer updates done, None without an optimizer that counts them."""
    count = getattr(getattr(model, "optimizer", None), "iterations", None)
    return None if count is None else int(number(count))


def number(value: Any) -> float:
    """Returns a scalar variable or tensor as a Python number."""
    try:
        return float(value)  # a fourth of the time of convert_to_numpy with TensorFlow
    except TypeError:  # a variable that is mirrored over several devices
        return float(keras.ops.convert_to_numpy(value))


def has_optimizer_state(model: keras.Model) -> bool:
    """Returns whether a file saved now holds the optimizer's state."""
    return bool(getattr(getattr(model, "optimizer", None), "built", False))


def optimizer_class(model: keras.Model) -> str:
    """Returns the class name of the optimizer whose state a file saved now holds; else ""."""
    return type(model.optimizer).__name__ if has_optimizer_state(model) else ""


def non_finite_weight(model: keras.Model) -> str | None:
    """Returns the path of the first weight with NaN or infinities, None when all are finite."""
    for variable in model.weights:
        if not np.isfinite(np.sum(keras.ops.convert_to_numpy(variable), dtype="float64")):
            return str(variable.path)
    return None


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
