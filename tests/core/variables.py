"""Layouts and statistics of made-up variables, as a save records them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from epochline.layout import Layout, Variable
from epochline.statistics import Measurements, Measurer

__all__ = ["Values", "measured"]

Values = Mapping[str, Any]
"""Name of a variable, such as `dense/kernel`, to its values; those in `-` are not trained."""


def measured(values: Values, dtype: str = "float32") -> tuple[Layout, Measurements]:
    """Returns layout and statistics of variables; a name that begins with `-` is not trainable."""
    arrays = {name: np.asarray(item, dtype) for name, item in values.items()}
    variables = []
    measurer = Measurer()
    offset = 1000
    for name, array in arrays.items():
        path = name.removeprefix("-")
        variables.append(
            Variable(
                dataset=path if path.startswith("optimizer/") else f"layers/{path}",
                name=path,
                dtype=dtype,
                shape=array.shape,
                offset=offset,
                size_bytes=array.nbytes,
                trainable=path == name,
            )
        )
        measurer.add(array, dtype)
        offset += array.nbytes
    return Layout.of(variables), measurer.result()
