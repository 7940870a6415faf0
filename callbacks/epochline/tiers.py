"""What a checkpoint loses when it is made smaller: the one place that knows.

Only single weights files (`.weights.h5`) can be made smaller: a `.keras` archive is a whole model,
meant to be loaded with its optimizer, and the shards of a `.weights.json` may be shared with other
checkpoints.

Pure: names, dtypes and shapes in, sizes out; no files, HDF5 or Keras.
"""

from __future__ import annotations

from typing import Final

from epochline.events import Tier
from epochline.shards import WEIGHTS_ENDING

__all__ = ["ONLY", "can_shrink", "is_dropped", "is_rounded", "shrinks", "size_at"]

ONLY: Final = "only single .weights.h5 files can be made smaller"
"""Why others stay as they are, in words."""

_OPTIMIZER: Final = "optimizer"
_ROUNDED: Final = {"float32": 4, "float64": 8}
_BFLOAT16_BYTES: Final = 2


def can_shrink(path: str) -> bool:
    """Returns whether a file of that name can be made smaller at all.

    Example:
        >>> can_shrink("epoch-0001.weights.h5"), can_shrink("epoch-0001.keras")
        (True, False)
    """
    return path.endswith(WEIGHTS_ENDING)


def shrinks(path: str, tier: Tier, *, has_optimizer: bool) -> bool:
    """Returns whether a checkpoint has something to lose on the way to a tier.

    Args:
        path: Its file.
        tier: Where it would go.
        has_optimizer: Whether it holds the optimizer's state.
    """
    return can_shrink(path) and (has_optimizer or tier is Tier.BFLOAT16)


def is_dropped(dataset: str) -> bool:
    """Returns whether a dataset, named by its path in the file, is gone at any smaller tier.

    Example:
        >>> is_dropped("optimizer/vars/2"), is_dropped("layers/optimizer_lookalike/vars/0")
        (True, False)
    """
    return dataset.split("/", maxsplit=1)[0] == _OPTIMIZER


def is_rounded(dtype: str, shape: tuple[int, ...]) -> bool:
    """Returns whether the values of a variable are rounded at the tier `BFLOAT16`.

    Args:
        dtype: As Keras and NumPy name it.
        shape: Its shape; single numbers, such as counters, keep all their digits.
    """
    return bool(shape) and dtype in _ROUNDED


def size_at(tier: Tier, dataset: str, dtype: str, shape: tuple[int, ...], size_bytes: int) -> int:
    """Returns how many bytes of a variable are left at a tier.

    Args:
        tier: The tier.
        dataset: Path of the variable in the file.
        dtype: As Keras names it.
        shape: Its shape.
        size_bytes: What it takes in the whole file.

    Example:
        >>> size_at(Tier.BFLOAT16, "layers/dense/vars/0", "float32", (4, 5), 80)
        40
    """
    if tier is Tier.FULL:
        return size_bytes
    if is_dropped(dataset):
        return 0
    if tier is Tier.BFLOAT16 and is_rounded(dtype, shape):
        return size_bytes // _ROUNDED[dtype] * _BFLOAT16_BYTES
    return size_bytes
