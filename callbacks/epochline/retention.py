"""Which checkpoints stay? Retention policies are values; deciding is a pure function of records.

Knows no files, clock or Keras. What a policy does not keep may be deleted; who deletes is not
decided here.

Invariant: `surplus` is idempotent and does not depend on the order of its input; it never names the
newest checkpoint or a protected one.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

from epochline.events import Mode
from epochline.monitor import infer_mode, rank_key

__all__ = ["AnyOf", "KeepAll", "KeepBest", "KeepEvery", "KeepLast", "Retainable", "RetentionPolicy"]


ModeOf = Callable[[str], Mode]
"""Metric name to the direction that is better."""


class Retainable(Protocol):
    """What a policy may look at."""

    @property
    def id(self) -> str:
        """Identity of the checkpoint."""
        ...

    @property
    def epoch(self) -> int:
        """Zero-based epoch."""
        ...

    @property
    def wall_time(self) -> float:
        """When it was saved, in seconds since the Unix epoch."""
        ...

    @property
    def metrics(self) -> Mapping[str, float]:
        """The metrics of its epoch."""
        ...


@runtime_checkable
class RetentionPolicy(Protocol):
    """A rule that says which checkpoints to keep. Policies combine with ``|``."""

    def keep(self, checkpoints: Sequence[Retainable], mode_of: ModeOf = infer_mode) -> set[str]:
        """Returns the ids of those to keep.

        Args:
            checkpoints: All that exist, oldest first.
            mode_of: Says which direction of a metric is better.
        """
        ...

    def __str__(self) -> str:
        """Returns the rule in words, such as "last 2"."""
        ...


class _Composable:
    __slots__ = ()

    def __or__(self, other: RetentionPolicy) -> AnyOf:
        parts: list[RetentionPolicy] = []
        for policy in (self, other):
            parts.extend(policy.policies if isinstance(policy, AnyOf) else [policy])  # type: ignore[list-item]
        return AnyOf(*parts)


@dataclass(frozen=True, slots=True)
class KeepAll(_Composable):
    """Keeps every checkpoint."""

    def keep(self, checkpoints: Sequence[Retainable], mode_of: ModeOf = infer_mode) -> set[str]:
        """Returns all ids."""
        return {item.id for item in checkpoints}

    def __str__(self) -> str:
        return "all"


@dataclass(frozen=True, slots=True)
class KeepLast(_Composable):
    """Keeps the newest `n` checkpoints.

    Args:
        n: How many, at least 1.

    Raises:
        ValueError: If `n` is less than 1.
    """

    n: int = 1

    def __post_init__(self) -> None:
        _at_least_one("KeepLast", "n", self.n)

    def keep(self, checkpoints: Sequence[Retainable], mode_of: ModeOf = infer_mode) -> set[str]:
        """Returns the ids of the newest `n`."""
        return {item.id for item in checkpoints[-self.n :]}

    def __str__(self) -> str:
        return f"last {self.n}"


@dataclass(frozen=True, slots=True)
class KeepBest(_Composable):
    """Keeps the best `n` checkpoints by a metric.

    NaN and missing values rank last; of equal values the later checkpoint ranks first.

    Args:
        metric: Name of the metric, as in `History.history`.
        n: How many, at least 1.
        mode: `"min"`, `"max"`, or None to go by what Keras knows of the metric, else by its name.

    Raises:
        ValueError: If `n` is less than 1 or `mode` is unknown.
    """

    metric: str
    n: int = 1
    mode: Mode | str | None = None

    def __post_init__(self) -> None:
        _at_least_one("KeepBest", "n", self.n)
        if self.mode is not None and self.mode not in tuple(Mode):
            msg = f"KeepBest got mode={self.mode!r}. Use 'min', 'max' or None."
            raise ValueError(msg)

    def keep(self, checkpoints: Sequence[Retainable], mode_of: ModeOf = infer_mode) -> set[str]:
        """Returns the ids of the best `n`."""
        mode = mode_of(self.metric) if self.mode is None else Mode(self.mode)
        ranked = list(reversed(checkpoints))
        ranked.sort(key=lambda item: rank_key(item.metrics.get(self.metric), mode))
        return {item.id for item in ranked[: self.n]}

    def __str__(self) -> str:
        return f"best {self.n} by {self.metric}"


@dataclass(frozen=True, slots=True, kw_only=True)
class KeepEvery(_Composable):
    """Keeps one checkpoint for every so many epochs or seconds: the first after each multiple.

    Args:
        epochs: Distance in epochs; epochs are counted as Keras prints them, from 1.
        seconds: Distance in seconds of wall time.

    Raises:
        ValueError: If not exactly one of them is given, or it is not positive.
    """

    epochs: int | None = None
    seconds: float | None = None

    def __post_init__(self) -> None:
        given = [value for value in (self.epochs, self.seconds) if value is not None]
        if len(given) != 1 or given[0] <= 0:
            msg = (
                f"KeepEvery got epochs={self.epochs!r}, seconds={self.seconds!r}. "
                "Give exactly one of them, and a positive one."
            )
            raise ValueError(msg)

    def keep(self, checkpoints: Sequence[Retainable], mode_of: ModeOf = infer_mode) -> set[str]:
        """Returns the id of the first checkpoint of each interval."""
        first: dict[int, str] = {}
        for item in checkpoints:
            interval = self._interval(item)
            if interval > 0:
                first.setdefault(interval, item.id)
        return set(first.values())

    def _interval(self, item: Retainable) -> int:
        # Multiples of absolute numbers: what was deleted in between cannot move them.
        if self.epochs is not None:
            return (item.epoch + 1) // self.epochs
        return int(item.wall_time // (self.seconds or math.inf))

    def __str__(self) -> str:
        if self.epochs is not None:
            return f"every {self.epochs} epochs"
        return f"every {self.seconds:g} s"


@dataclass(frozen=True, slots=True, init=False)
class AnyOf(_Composable):
    """Keeps what at least one of several policies keeps; also written `a | b`.

    Args:
        *policies: The policies, at least one.

    Example:
        >>> str(KeepLast(2) | KeepBest("val_loss", 3))
        'last 2 or best 3 by val_loss'
    """

    policies: tuple[RetentionPolicy, ...]

    def __init__(self, *policies: RetentionPolicy) -> None:
        if not policies:
            msg = "AnyOf got no policies. Give at least one, such as KeepLast(2)."
            raise ValueError(msg)
        object.__setattr__(self, "policies", policies)

    def keep(self, checkpoints: Sequence[Retainable], mode_of: ModeOf = infer_mode) -> set[str]:
        """Returns the ids that any of the policies keeps."""
        return set().union(*(policy.keep(checkpoints, mode_of) for policy in self.policies))

    def __str__(self) -> str:
        return " or ".join(str(policy) for policy in self.policies)


def surplus(
    policy: RetentionPolicy,
    checkpoints: Iterable[Retainable],
    protected: Collection[str] = (),
    mode_of: ModeOf = infer_mode,
) -> tuple[str, ...]:
    """Returns the ids of the checkpoints that may go, oldest first.

    Args:
        policy: Says what to keep.
        checkpoints: All that exist, in any order.
        protected: Ids that stay whatever the policy says.
        mode_of: Says which direction of a metric is better, for policies that leave it open.
    """
    ordered = sorted(checkpoints, key=lambda item: (item.wall_time, item.epoch, item.id))
    if not ordered:
        return ()
    stays = policy.keep(ordered, mode_of) | set(protected) | {ordered[-1].id}
    return tuple(item.id for item in ordered if item.id not in stays)


def _at_least_one(name: str, argument: str, value: int) -> None:
    if value < 1:
        msg = f"{name} got {argument}={value!r}. Keep at least 1."
        raise ValueError(msg)
