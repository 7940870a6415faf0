"""Is this the training that a state was saved by? What is compared, and what a difference means.

Invariant: what would make a continued training something else silently is told or refused.
"""

from __future__ import annotations

import os
import platform
import sys
from collections.abc import Mapping
from importlib import metadata
from typing import Any, Final

import keras
import numpy as np

from epochline.callbacks.resuming.variables import describe_variables, layout_differences

__all__ = [
    "data_differences",
    "describe_environment",
    "describe_script",
    "environment_differences",
    "script_differences",
]

_WORDS: Final = {
    "batches": "batches an epoch",
    "batch_size": "rows a batch",
    "rows": "rows",
    "kind": "data source",
}


def describe_environment() -> dict[str, str]:
    """Returns what the last bits of a result depend on, beside the script."""
    backend = keras.backend.backend()
    return {
        "keras": keras.__version__,
        backend: _version(backend),
        "numpy": np.__version__,
        "python": platform.python_version(),
        "machine": f"{platform.system()} {platform.machine()}",
        "processors": str(os.cpu_count()),
        "devices": ", ".join(_devices(backend)) or "none",
        "float precision": keras.config.dtype_policy().name,
    }


def _devices(backend: str) -> list[str]:
    if backend != "torch":  # for which Keras has no list
        return list(keras.distribution.list_devices())
    cuda = sys.modules["torch"].cuda
    return ["cpu", *(cuda.get_device_name(index) for index in range(cuda.device_count()))]


def _version(backend: str) -> str:
    try:
        return metadata.version(backend)
    except metadata.PackageNotFoundError:  # such as tensorflow-cpu
        return str(getattr(sys.modules.get(backend), "__version__", "unknown"))


def environment_differences(saved: Mapping[str, str]) -> list[str]:
    """Returns in sentences what is not as it was."""
    ours = describe_environment()
    return [
        f"{name} was {saved.get(name, 'not there')}, and is {ours.get(name, 'not there')}."
        for name in dict.fromkeys([*saved, *ours])
        if saved.get(name) != ours.get(name)
    ]


def describe_script(model: keras.Model) -> dict[str, Any]:
    """Returns what must be the same for the state to mean the same."""
    optimizer = getattr(model, "optimizer", None)
    return {
        "backend": keras.backend.backend(),
        "optimizer": type(optimizer).__name__,
        "layout": describe_variables(model),
    }


def script_differences(saved: Mapping[str, Any], model: keras.Model) -> list[str]:
    """Returns in sentences why a state does not fit this script."""
    ours = describe_script(model)
    told = [
        f"The {name} was {saved[name]}, and is {ours[name]}."
        for name in ("backend", "optimizer")
        if saved[name] != ours[name]
    ]
    return [*told, *layout_differences(saved["layout"], ours["layout"])]


def data_differences(saved: Mapping[str, Any], ours: Mapping[str, Any]) -> list[str]:
    """Returns in sentences how the training data differs from what it was."""
    return [
        f"The data had {_WORDS.get(name, name)} {saved.get(name)}, and has {ours.get(name)}."
        for name in dict.fromkeys([*saved, *ours])
        if saved.get(name) != ours.get(name)
    ]
