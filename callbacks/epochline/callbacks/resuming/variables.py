"""All variables of a training: of the model (seed generators included), optimizers and metrics.

They are told apart by their place, never by their names: automatic names differ between processes.

Invariant: nothing is assigned before everything fits.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import keras
import numpy as np

__all__ = [
    "build",
    "capture_variables",
    "describe_variables",
    "layout_differences",
    "restore_variables",
]

Values = Mapping[str, Sequence[Any]]


def _groups(model: keras.Model) -> dict[str, list[Any]]:
    """Returns the variables by what they belong to; metrics last."""
    groups: dict[str, list[Any]] = {"model": list(model.variables)}
    optimizer = getattr(model, "optimizer", None)
    if optimizer is not None:
        groups["optimizer"] = list(optimizer.variables)
    for name, value in vars(model).items():
        # A model of several networks (a GAN) holds its optimizers as attributes.
        if hasattr(value, "apply_gradients") and value is not optimizer:
            groups[f"optimizer {name}"] = list(value.variables)
    groups["metrics"] = list(model.metrics_variables)
    return groups


def build(model: keras.Model, data: Any, *, metrics: bool) -> None:
    """Makes the variables that Keras would make with the first batch.

    Args:
        model: The model, compiled.
        data: What one batch is, as `keras.KerasTensor`s; None when that is not known.
        metrics: Whether the variables of the metrics are wanted, too.

    Raises:
        ValueError: If the model cannot be built without a batch, and nothing is known of one.
    """
    layers = model._flatten_layers()  # noqa: SLF001 – as Keras finds out whether it must build
    unbuilt = not all(layer.built for layer in layers)
    if unbuilt or metrics:
        if data is None:
            message = (
                "The model has no variables yet, so that nothing can be restored into it. Build it "
                "before fit: give it an Input layer, or call it on a batch."
            )
            if unbuilt:
                raise ValueError(message)
        else:
            model._symbolic_build(data_batch=data)  # noqa: SLF001 – no public way
    optimizer = getattr(model, "optimizer", None)
    if optimizer is not None and not optimizer.built:
        optimizer.build(model.trainable_variables)


def describe_variables(model: keras.Model) -> dict[str, list[dict[str, Any]]]:
    """Returns shape, dtype, trainability and path of all variables but those of metrics."""
    return {
        group: [
            {
                "shape": list(variable.shape),
                "dtype": keras.backend.standardize_dtype(variable.dtype),
                "trainable": bool(variable.trainable),
                "path": str(variable.path),
            }
            for variable in variables
        ]
        for group, variables in _groups(model).items()
        if group != "metrics"
    }


def layout_differences(
    saved: Mapping[str, Sequence[Mapping[str, Any]]],
    ours: Mapping[str, Sequence[Mapping[str, Any]]],
) -> list[str]:
    """Returns in sentences what does not fit; the first of each group."""
    told = []
    for group in dict.fromkeys([*saved, *ours]):
        theirs, mine = saved.get(group, ()), ours.get(group, ())
        if len(theirs) != len(mine):
            told.append(f"The {group} had {len(theirs)} variables, and has {len(mine)}.")
            continue
        for before, now in zip(theirs, mine, strict=True):
            changed = [key for key in ("shape", "dtype", "trainable") if before[key] != now[key]]
            if changed:
                key = changed[0]
                told.append(
                    f"{now['path']} of the {group} had {key} {before[key]}, and has {now[key]}."
                )
                break
    return told


def capture_variables(model: keras.Model, *, metrics: bool) -> dict[str, list[Any]]:
    """Returns the values of all variables, as arrays that may share memory with them."""
    return {
        group: [np.asarray(keras.ops.convert_to_numpy(variable.value)) for variable in variables]
        for group, variables in _groups(model).items()
        if metrics or group != "metrics"
    }


def restore_variables(model: keras.Model, saved: Values, *, metrics: bool) -> None:
    """Assigns what `capture_variables` returned.

    Raises:
        ValueError: If a metric does not fit; the others must have been compared before.
    """
    groups = _groups(model)
    if metrics:
        before = [np.shape(value) for value in saved["metrics"]]
        if before != [tuple(variable.shape) for variable in groups["metrics"]]:
            message = (
                f"The metrics had {len(before)} variables, and this script has "
                f"{len(groups['metrics'])}, or of other shapes."
            )
            raise ValueError(message)
    for group, values in saved.items():
        if metrics or group != "metrics":
            for variable, value in zip(groups[group], values, strict=True):
                variable.assign(value)
