"""Which checkpoints are kept: policies are values, which combine.

Knows no files, clock or Keras. A policy says what to keep; `Retention` adds what is made smaller
and how many bytes all of it may take. `planning.py` makes a plan of them.

Invariant: what a policy keeps it still keeps when others are gone. Those that choose from what is
there (the last, the best, the first of an interval) have that by nature, `AnyOf` and `AllOf` from
their parts, and `Not` because it looks at all that ever was. So pruning again prunes nothing more.
"""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final, Protocol, runtime_checkable

from epochline.events import Mode, Tier
from epochline.inventory import TIERS, Inventory, ModeOf, Retainable
from epochline.monitor import rank_key
from epochline.sentences import size

__all__ = [
    "AllOf",
    "AnyOf",
    "Demotion",
    "KeepAll",
    "KeepAllBut",
    "KeepBest",
    "KeepEvery",
    "KeepLast",
    "ModeOf",
    "Not",
    "Retention",
    "RetentionPolicy",
    "parse_bytes",
]

_SIZE: Final = re.compile(r"\s*(\d+(?:\.\d+)?)\s*([kMGTP]?)(i?)B?\s*", re.IGNORECASE)


@runtime_checkable
class RetentionPolicy(Protocol):
    """A rule that says which checkpoints to keep. Policies combine with ``|``, ``&`` and ``~``."""

    def keep(self, inventory: Inventory) -> set[str]:
        """Returns the ids of those to keep.

        What is kept must still be kept when checkpoints that are not kept are gone.

        Args:
            inventory: What there is.
        """
        ...

    def __str__(self) -> str:
        """Returns the rule in words, such as "last 2"."""
        ...


class _Composable:
    __slots__ = ()

    def __or__(self, other: RetentionPolicy) -> AnyOf:
        return AnyOf(*_flat(AnyOf, self), *_flat(AnyOf, other))

    def __and__(self, other: RetentionPolicy) -> AllOf:
        return AllOf(*_flat(AllOf, self), *_flat(AllOf, other))

    def __invert__(self) -> Not:
        return Not(self)  # type: ignore[arg-type]  # every subclass is a policy

    def demote(self, tier: Tier | str, *, after: RetentionPolicy) -> Retention:
        """Returns this policy, with what is kept made smaller after a while.

        Args:
            tier: `"without_optimizer"` takes the optimizer's state out of the file: the weights
                stay exactly what they were, and a training can no longer be continued from it as if
                nothing had happened. `"bfloat16"` also rounds the weights to two bytes each, which
                is lossy (about three digits stay) and meant for archives. Only single
                `.weights.h5` files are made smaller; `.keras` archives and sharded checkpoints stay
                whole, and the plan says so.
            after: Policy for those that stay whole; the others are made smaller.

        Example:
            >>> keep = KeepLast(10).demote("without_optimizer", after=KeepLast(2))
            >>> str(keep)
            'last 10, without optimizer after last 2'
        """
        return Retention(self).demote(tier, after=after)  # type: ignore[arg-type]

    def within(self, max_bytes: int | str) -> Retention:
        """Returns this policy with a budget.

        Args:
            max_bytes: What all checkpoints together may take, as a number or as in "20 GB". Shards
                that are one file under several names count once. Clones (reflinks) count in full:
                which blocks they share only the file system knows.

        Example:
            >>> str((KeepLast(2) | KeepBest("val_loss", 3)).within("20 GB"))
            'last 2 or best 3 by val_loss, within 20 GB'
        """
        return Retention(self).within(max_bytes)  # type: ignore[arg-type]


def _flat(kind: type[AnyOf | AllOf], policy: object) -> Sequence[RetentionPolicy]:
    return policy.policies if isinstance(policy, kind) else (policy,)  # type: ignore[return-value]


@dataclass(frozen=True, slots=True)
class KeepAll(_Composable):
    """Keeps every checkpoint."""

    def keep(self, inventory: Inventory) -> set[str]:
        """Returns all ids."""
        return {item.id for item in inventory.present}

    def __str__(self) -> str:
        return "all"


@dataclass(frozen=True, slots=True, init=False)
class KeepAllBut(_Composable):
    """Keeps every checkpoint but those that are named.

    Args:
        *ids: Whole ids of those to let go, at least one.

    Raises:
        ValueError: If there is none.

    Example:
        >>> str(KeepAllBut("3f2a9c41d0b7e865"))
        'all but 1 checkpoint'
    """

    ids: frozenset[str]

    def __init__(self, *ids: str) -> None:
        if not ids:
            msg = "KeepAllBut needs the id of at least one checkpoint to let go."
            raise ValueError(msg)
        object.__setattr__(self, "ids", frozenset(ids))

    def keep(self, inventory: Inventory) -> set[str]:
        """Returns all other ids."""
        return {item.id for item in inventory.present} - self.ids

    def __str__(self) -> str:
        return f"all but {len(self.ids)} checkpoint{'' if len(self.ids) == 1 else 's'}"


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

    def keep(self, inventory: Inventory) -> set[str]:
        """Returns the ids of the newest `n`."""
        return {item.id for item in inventory.present[-self.n :]}

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

    def keep(self, inventory: Inventory) -> set[str]:
        """Returns the ids of the best `n`."""
        return {item.id for item in self.ranked(inventory)[: self.n]}

    def ranked(self, inventory: Inventory) -> list[Retainable]:
        """Returns what is there, the best first."""
        mode = inventory.mode_of(self.metric) if self.mode is None else Mode(self.mode)
        ranked = list(reversed(inventory.present))
        ranked.sort(key=lambda item: rank_key(item.metrics.get(self.metric), mode))
        return ranked

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

    def keep(self, inventory: Inventory) -> set[str]:
        """Returns the id of the first checkpoint of each interval."""
        first: dict[int, str] = {}
        for item in inventory.present:
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

    Raises:
        ValueError: If there is none.
        TypeError: If one has a budget or demotions, which are set for all together.

    Example:
        >>> str(KeepLast(2) | KeepBest("val_loss", 3))
        'last 2 or best 3 by val_loss'
    """

    policies: tuple[RetentionPolicy, ...]

    def __init__(self, *policies: RetentionPolicy) -> None:
        _check_parts("AnyOf", policies)
        object.__setattr__(self, "policies", policies)

    def keep(self, inventory: Inventory) -> set[str]:
        """Returns the ids that any of the policies keeps."""
        return set().union(*(policy.keep(inventory) for policy in self.policies))

    def __str__(self) -> str:
        return " or ".join(map(str, self.policies))


@dataclass(frozen=True, slots=True, init=False)
class AllOf(_Composable):
    """Keeps what each of several policies keeps; also written `a & b`.

    Args:
        *policies: The policies, at least one.

    Raises:
        ValueError: If there is none.
        TypeError: If one has a budget or demotions, which are set for all together.

    Example:
        >>> str(KeepEvery(epochs=10) & KeepBest("val_loss", 5))
        'every 10 epochs and best 5 by val_loss'
    """

    policies: tuple[RetentionPolicy, ...]

    def __init__(self, *policies: RetentionPolicy) -> None:
        _check_parts("AllOf", policies)
        object.__setattr__(self, "policies", policies)

    def keep(self, inventory: Inventory) -> set[str]:
        """Returns the ids that all of the policies keep."""
        return set.intersection(*(policy.keep(inventory) for policy in self.policies))

    def __str__(self) -> str:
        return " and ".join(_in_parentheses(policy, AnyOf) for policy in self.policies)


@dataclass(frozen=True, slots=True)
class Not(_Composable):
    """Keeps what another policy does not; also written `~a`.

    It asks what the other one would keep of all checkpoints that there ever were. Else `~KeepLast`
    would find new last ones to let go each time that it is asked.

    Args:
        policy: The other policy.

    Raises:
        TypeError: If that has a budget or demotions.

    Example:
        >>> str(~(KeepLast(2) | KeepEvery(epochs=10)))
        'not (last 2 or every 10 epochs)'
    """

    policy: RetentionPolicy

    def __post_init__(self) -> None:
        _check_parts("Not", (self.policy,))

    def keep(self, inventory: Inventory) -> set[str]:
        """Returns the ids that the other policy does not keep."""
        everything = replace(inventory, present=inventory.ever)
        return {item.id for item in inventory.present} - self.policy.keep(everything)

    def __str__(self) -> str:
        return f"not {_in_parentheses(self.policy, AnyOf, AllOf)}"


@dataclass(frozen=True, slots=True)
class Demotion:
    """What is made smaller, and how.

    Attributes:
        tier: How much of them is left.
        after: Policy for those that are not touched.
    """

    tier: Tier
    after: RetentionPolicy

    def __str__(self) -> str:
        return f"{self.tier.replace('_', ' ')} after {self.after}"


@dataclass(frozen=True, slots=True)
class Retention:
    """A policy and all that comes behind it; made by `policy.demote(...)` and `policy.within(...)`.

    In whatever order they are set: what the policy does not keep goes; of the rest some are made
    smaller; if that still takes more than the budget, more goes. Then the first to go is what no
    `KeepBest` of the policy wants, the oldest first, and after that the worst of the best. Not even
    the budget takes the newest, the newest good one, or a pinned one.

    Args:
        policy: Says what to keep.
        demotions: What is made smaller.
        max_bytes: How much all checkpoints may take, None for no bound.

    Example:
        >>> keep = KeepLast(5) | KeepBest("val_loss", 3)
        >>> keep = keep.demote("without_optimizer", after=KeepLast(2)).within("20 GB")
        >>> str(keep)
        'last 5 or best 3 by val_loss, without optimizer after last 2, within 20 GB'
    """

    policy: RetentionPolicy
    demotions: tuple[Demotion, ...] = ()
    max_bytes: int | None = None

    def __post_init__(self) -> None:
        _check_parts("Retention", (self.policy, *(demotion.after for demotion in self.demotions)))

    def demote(self, tier: Tier | str, *, after: RetentionPolicy) -> Retention:
        """Returns the same with one more demotion; see `KeepAll.demote`.

        Raises:
            ValueError: If `tier` is none that a checkpoint can be demoted to.
        """
        if tier not in TIERS[1:]:
            msg = f"demote got {tier!r}. Use {TIERS[1].value!r} or {TIERS[2].value!r}."
            raise ValueError(msg)
        return replace(self, demotions=(*self.demotions, Demotion(Tier(tier), after)))

    def within(self, max_bytes: int | str) -> Retention:
        """Returns the same with a budget of `max_bytes`; see `KeepAll.within`."""
        return replace(self, max_bytes=parse_bytes(max_bytes))

    def keep(self, inventory: Inventory) -> set[str]:
        """Returns what the policy keeps, before demotions and budget."""
        return self.policy.keep(inventory)

    def __str__(self) -> str:
        parts = [str(self.policy), *map(str, self.demotions)]
        if self.max_bytes is not None:
            parts.append(f"within {size(self.max_bytes)}")
        return ", ".join(parts)


def parse_bytes(amount: int | str) -> int:
    """Returns a number of bytes.

    Args:
        amount: A number, or a text such as "20 GB", "500MB", "1.5 TB" (decimal, as disks are sold)
            or "16 GiB" (binary).

    Raises:
        ValueError: If it is neither, or not positive.

    Example:
        >>> parse_bytes("1.5 GB"), parse_bytes("2 KiB"), parse_bytes(300)
        (1500000000, 2048, 300)
    """
    match = _SIZE.fullmatch(str(amount))
    number = 0
    if match is not None:
        base = 1024 if match[3] else 1000
        number = int(float(match[1]) * base ** " KMGTP".index(match[2].upper() or " "))
    if number <= 0:
        msg = f"Got a size of {amount!r}. Write a positive number of bytes, or such as '20 GB'."
        raise ValueError(msg)
    return number


def _in_parentheses(policy: RetentionPolicy, *kinds: type) -> str:
    return f"({policy})" if isinstance(policy, kinds) else str(policy)


def _check_parts(name: str, policies: Sequence[object]) -> None:
    if not policies:
        msg = f"{name} got no policies. Give at least one, such as KeepLast(2)."
        raise ValueError(msg)
    for policy in policies:
        if isinstance(policy, Retention) or not isinstance(policy, RetentionPolicy):
            msg = (
                f"{name} got {policy!r}. Give policies such as KeepLast(2); set demotions and the "
                "budget behind them: (a | b).demote(...).within(...)."
            )
            raise TypeError(msg)


def _at_least_one(name: str, argument: str, value: int) -> None:
    if value < 1:
        msg = f"{name} got {argument}={value!r}. Keep at least 1."
        raise ValueError(msg)
