"""What a comparison of two checkpoints says: values, and how variables make up layers.

Pure. Lengths and angles are those of all values of a variable, or of a layer, as one vector.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from epochline.sentences import number

__all__ = [
    "Basis",
    "Diff",
    "LayerChange",
    "VariableChange",
    "by_layer",
    "cosine",
    "percent",
    "together",
]

_SAME_DIRECTION: Final = 1e-6


class Basis(StrEnum):
    """What the comparison of a variable rests on."""

    DIGESTS = "digests"
    """Recorded digests that are equal: nothing was read."""
    BYTES = "bytes"
    """The bytes of both files, checked against the recorded digests where there are some."""
    STATISTICS = "statistics"
    """Statistics: a file is gone, or not the one that was recorded."""
    NOTHING = "nothing"
    """Shapes or dtypes that cannot be compared."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Change:
    """How far a and b are apart.

    Attributes:
        norm_a: L2 norm of a; None when it is not known.
        norm_b: L2 norm of b.
        difference: L2 norm of b - a; None when only statistics were left.
        at_least: What the difference is at least, from the norms; equal to it when it is known.
        max_abs: Largest absolute value of b - a; None when it is not known.
    """

    norm_a: float | None
    norm_b: float | None
    difference: float | None
    at_least: float | None
    max_abs: float | None

    @property
    def relative_change(self) -> float | None:
        """Norm of b - a by that of a; infinite when a is zero; None when it is not known."""
        return _ratio(self.difference, self.norm_a)

    @property
    def relative_at_least(self) -> float | None:
        """What the relative change is at least."""
        return _ratio(self.at_least, self.norm_a)

    @property
    def cosine(self) -> float | None:
        """Cosine of the angle between a and b; None when it is not known or one of them is zero."""
        if self.norm_a is None or self.norm_b is None or self.difference is None:
            return None
        product = self.norm_a * self.norm_b
        if not product or not math.isfinite(product):
            return None
        # From the norms, by |b-a|² = |a|² + |b|² - 2ab, put so that nearly equal ones stay exact.
        apart = self.difference**2 - (self.norm_b - self.norm_a) ** 2
        return max(-1.0, min(1.0, 1 - apart / (2 * product)))


@dataclass(frozen=True, slots=True, kw_only=True)
class VariableChange(_Change):
    """How far one variable is apart in a and b.

    Attributes:
        name: What people know it by.
        dataset: Its path in the file of a.
        layer: Path of its layer.
        shape: Its shape in a.
        dtype: Its dtype in a, as Keras names it.
        of_optimizer: Whether it belongs to the state of an optimizer.
        basis: What the comparison rests on.
        equal: Whether the bytes are equal; None when that is not known.
        mean_a: Mean of the finite values of a; None when it was not recorded.
        mean_b: That of b.
        std_a: Their standard deviation; None when it was not recorded.
        std_b: That of b.
        min_a: The smallest of them; None when it was not recorded.
        min_b: That of b.
        max_a: The largest of them; None when it was not recorded.
        max_b: That of b.
        not_finite: In how many places a or b is NaN or infinite; those are left out above.
        note: What else there is to say, in one sentence; or empty.
    """

    name: str
    dataset: str
    layer: str
    shape: tuple[int, ...]
    dtype: str
    of_optimizer: bool
    basis: Basis
    equal: bool | None
    mean_a: float | None = None
    mean_b: float | None = None
    std_a: float | None = None
    std_b: float | None = None
    min_a: float | None = None
    min_b: float | None = None
    max_a: float | None = None
    max_b: float | None = None
    not_finite: int = 0
    note: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class LayerChange(_Change):
    """How far the variables of one layer, taken as one vector, are apart in a and b.

    Attributes:
        layer: Path of the layer; empty for all weights of the model.
        variables: How many variables it has on both sides.
        unchanged: How many of them have equal bytes.
        of_optimizer: Whether it is the state of an optimizer.
    """

    layer: str
    variables: int
    unchanged: int
    of_optimizer: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Diff:
    """How far two checkpoints are apart.

    Attributes:
        a: What people call the one.
        b: What people call the other.
        weights: All weights of the model as one vector, without the state of optimizers.
        layers: The layers, in the order of the file of a.
        variables: The variables that are on both sides, in that order.
        only_in_a: Names of the variables that b does not have.
        only_in_b: Names of the variables that a does not have.
        notes: What else there is to say of the files, in sentences.
    """

    a: str
    b: str
    weights: LayerChange
    layers: tuple[LayerChange, ...]
    variables: tuple[VariableChange, ...]
    only_in_a: tuple[str, ...]
    only_in_b: tuple[str, ...]
    notes: tuple[str, ...]

    @property
    def sentence(self) -> str:
        """The comparison in one or two sentences."""
        weights = self.weights
        same = f"{weights.unchanged} of {weights.variables} variables are equal"
        if weights.unchanged == weights.variables:
            return f"The weights are equal, bit for bit: {same}."
        if weights.relative_change is None:
            least = percent(weights.relative_at_least)
            return f"The weights changed by at least {least}; {same}. Their files would tell more."
        angle = "" if weights.cosine is None else f" (cosine {cosine(weights.cosine)})"
        told = f"The weights changed by {percent(weights.relative_change)}{angle}; {same}."
        layers = [layer for layer in self.layers if not layer.of_optimizer]
        most = max(layers, key=lambda layer: layer.relative_change or 0.0)
        if len(layers) > 1:
            told += f" {most.layer!r} changed most: {percent(most.relative_change)}."
        return told


def _ratio(value: float | None, norm: float | None) -> float | None:
    if value is None or norm is None:
        return None
    if not norm:
        return math.inf if value else 0.0
    return value / norm


def percent(change: float | None) -> str:
    """Returns a relative change for people.

    Example:
        >>> percent(0.1007), percent(math.inf), percent(None)
        ('10.07 %', 'from zero', 'unknown')
    """
    if change is None:
        return "unknown"
    return "from zero" if math.isinf(change) else f"{number(100 * change)} %"


def cosine(value: float | None) -> str:
    """Returns the cosine of an angle for people; "1" when float32 tells it from nothing else.

    Example:
        >>> cosine(0.99997), cosine(1 - 1e-9), cosine(None)
        ('0.99997', '1', '')
    """
    if value is None:
        return ""
    return "1" if value > 1 - _SAME_DIRECTION else number(value, 1.0)


def by_layer(changes: Iterable[VariableChange]) -> tuple[LayerChange, ...]:
    """Returns the layers that these variables make up, in their order."""
    layers: dict[str, list[VariableChange]] = {}
    for change in changes:
        layers.setdefault(change.layer, []).append(change)
    return tuple(together(layer, items) for layer, items in layers.items())


def together(layer: str, items: Sequence[VariableChange]) -> LayerChange:
    """Returns these variables as one vector."""
    # Variables without numbers (other shapes, unknown bytes) say so themselves.
    known = [item for item in items if item.norm_a is not None and item.norm_b is not None]
    return LayerChange(
        layer=layer,
        variables=len(items),
        unchanged=sum(item.equal is True for item in items),
        of_optimizer=bool(items) and all(item.of_optimizer for item in items),
        norm_a=_norm(item.norm_a for item in known),
        norm_b=_norm(item.norm_b for item in known),
        difference=_norm(item.difference for item in known),
        at_least=_norm(item.at_least for item in known),
        max_abs=_largest([item.max_abs for item in known]),
    )


def _norm(parts: Iterable[float | None]) -> float | None:
    total = 0.0
    for part in parts:
        if part is None:
            return None
        total = math.hypot(total, part)
    return total


def _largest(parts: Sequence[float | None]) -> float | None:
    return None if None in parts else max((part for part in parts if part is not None), default=0.0)
