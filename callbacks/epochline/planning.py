"""What a retention policy does with the checkpoints of a run: a plan, with the reason for each.

Pure: knows no files, clock or Keras; who carries a plan out is not decided here. Rules that hold
whatever a policy says:

- The newest checkpoint stays, and the newest that is not known to be bad; both as they are. So do
  those that are pinned.
- Checkpoints that Epochline did not write stay, and count for nothing.
- Unhealthy checkpoints count for no policy: they are never the best, nor one of the last, and so
  never push a good one out. The first of each series of them shows where a training went wrong;
  the newest `EVIDENCE` of these stay.

Invariant: a plan does not depend on the order of what is given, and is idempotent: once it was
carried out, planning again finds nothing more to do.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Final, TypeVar

from epochline.events import Health, Tier
from epochline.inventory import TIERS, Inventory, ModeOf, Retainable
from epochline.monitor import infer_mode
from epochline.retention import AllOf, AnyOf, KeepBest, Retention, RetentionPolicy
from epochline.sentences import size
from epochline.tiers import ONLY, can_shrink, shrinks

__all__ = ["EVIDENCE", "Fate", "PrunePlan", "PruneStep", "SizeAfter", "plan_prune"]

EVIDENCE: Final = 2
"""How many unhealthy checkpoints are kept to be looked at."""

SizeAfter = Callable[[Retainable, Tier], int]
"""Checkpoint and tier to the bytes that it will take there."""


class Fate(StrEnum):
    """What a plan does with a checkpoint."""

    KEEP = "keep"
    DEMOTE = "demote"
    DELETE = "delete"


@dataclass(frozen=True, slots=True, kw_only=True)
class PruneStep:
    """What happens to one checkpoint.

    Attributes:
        id: Its identity.
        fate: What happens.
        why: The reason, in words.
        tier: How much its file holds then, unless it is deleted.
        size_bytes: Bytes of its files now, also of those that others have in common with it.
        frees_bytes: Bytes that it frees.
    """

    id: str
    fate: Fate
    why: str
    tier: Tier
    size_bytes: int
    frees_bytes: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class PrunePlan:
    """What happens to each checkpoint that is there, and why; oldest first.

    Attributes:
        policy: The policy, in words.
        size_bytes: Bytes that all of them take now. A file that several have in common counts once,
            and is freed by the last of those that go.
        steps: One for each checkpoint.
        max_bytes: The budget, None without one.
    """

    policy: str
    size_bytes: int
    steps: tuple[PruneStep, ...]
    max_bytes: int | None = None

    def of(self, fate: Fate) -> tuple[PruneStep, ...]:
        """Returns the steps with that fate."""
        return tuple(step for step in self.steps if step.fate is fate)

    @property
    def frees_bytes(self) -> int:
        """Bytes that all of it frees."""
        return sum(step.frees_bytes for step in self.steps)

    @property
    def left_bytes(self) -> int:
        """Bytes that are taken afterwards."""
        return self.size_bytes - self.frees_bytes

    @property
    def within_budget(self) -> bool:
        """Whether what is left is within the budget; False when too much is pinned, say."""
        return self.max_bytes is None or self.left_bytes <= self.max_bytes


def plan_prune(  # noqa: PLR0913 – all but two are keywords
    policy: RetentionPolicy,
    present: Iterable[Retainable],
    *,
    gone: Iterable[Retainable] = (),
    mode_of: ModeOf = infer_mode,
    size_after: SizeAfter | None = None,
    spared: Mapping[str, str] | None = None,
) -> PrunePlan:
    """Returns what `policy` does with the checkpoints of a run.

    Args:
        policy: A policy, or a `Retention`.
        present: Those whose files are there, in any order.
        gone: Those that were saved and are not there any more; `Not` asks for them.
        mode_of: Says which direction of a metric is better, for policies that leave it open.
        size_after: Size of a checkpoint once it is demoted; None expects nothing of demotion, so
            that the budget counts what is there now.
        spared: Ids that stay as they are whatever the policy says, with the reason.
    """
    retention = policy if isinstance(policy, Retention) else Retention(policy)
    everything = _in_order(present)
    ours = [item for item in everything if item.owned]
    ever = _in_order({item.id: item for item in (*gone, *ours) if item.owned}.values())
    judged = _Judged(retention, ours, ever, mode_of, spared or {})
    judged.demote(size_after or _as_now)
    judged.clamp()
    shares = _Shares(everything)
    return PrunePlan(
        policy=str(retention),
        size_bytes=shares.size_bytes + sum(i.total_bytes - _shared(i) for i in everything),
        steps=tuple(judged.step(item, shares) for item in everything),
        max_bytes=retention.max_bytes,
    )


_R = TypeVar("_R", bound=Retainable)


def _in_order(items: Iterable[_R]) -> list[_R]:
    return sorted(items, key=lambda item: (item.wall_time, item.epoch, item.id))


def _healthy(item: Retainable) -> bool:
    return item.health in (None, Health.HEALTHY)


def _as_now(item: Retainable, _tier: Tier) -> int:
    return item.total_bytes


def _shared(item: Retainable) -> int:
    return sum(item.shared_bytes.values())


class _Shares:
    """Files that several checkpoints have in common: they are there as long as one needs them."""

    def __init__(self, items: Sequence[Retainable]) -> None:
        self._holders = Counter(digest for item in items for digest in item.shared_bytes)
        self.size_bytes = sum(
            {d: n for item in items for d, n in item.shared_bytes.items()}.values()
        )

    def freed_by(self, item: Retainable) -> int:
        """Lets a checkpoint go, and returns the bytes that nobody needs any more."""
        self._holders.subtract(item.shared_bytes.keys())
        return sum(n for digest, n in item.shared_bytes.items() if not self._holders[digest])


class _Judged:
    """The checkpoints of a run in the light of a policy."""

    def __init__(
        self,
        retention: Retention,
        ours: Sequence[Retainable],
        ever: Sequence[Retainable],
        mode_of: ModeOf,
        spared: Mapping[str, str],
    ) -> None:
        self._retention = retention
        self._ours = ours
        good = [item for item in ours if _healthy(item)]
        self._inventory = Inventory(
            present=good, ever=[item for item in ever if _healthy(item)], mode_of=mode_of
        )
        self._floor = {item.id: "the newest that is not known to be bad" for item in good[-1:]}
        self._floor |= {item.id: "the newest" for item in ours[-1:]}
        self._floor |= {item.id: "pinned" for item in ours if item.pinned}
        self._floor |= {item.id: spared[item.id] for item in ours if item.id in spared}
        self._evidence = _evidence(ours, ever)
        self._wanted = _reasons(retention.policy, self._inventory)
        self._size = {item.id: item.total_bytes for item in ours}
        self._demoted: dict[str, tuple[Tier, str]] = {}
        self._refused: set[str] = set()
        self._over: set[str] = set()

    def demote(self, size_after: SizeAfter) -> None:
        """Finds what is to be made smaller."""
        for demotion in self._retention.demotions:
            whole = demotion.after.keep(self._inventory)
            for item in self._ours:
                now = self._demoted.get(item.id, (item.tier, ""))[0]
                if (
                    item.id not in self._wanted
                    or item.id in self._floor
                    or item.id in whole
                    or TIERS.index(demotion.tier) <= TIERS.index(now)
                ):
                    continue
                if not can_shrink(item.path):
                    self._refused.add(item.id)
                elif shrinks(item.path, demotion.tier, has_optimizer=item.has_optimizer):
                    self._demoted[item.id] = (demotion.tier, str(demotion))
                    self._size[item.id] = size_after(item, demotion.tier)

    def clamp(self) -> None:
        """Finds what goes only because of the budget: evidence, then the oldest, then the worst."""
        budget = self._retention.max_bytes
        if budget is None:
            return
        ranks = _ranks(self._retention.policy, self._inventory)
        stays = [item for item in self._ours if self._reasons(item.id)]
        shares = _Shares(stays)
        left = shares.size_bytes + sum(self._size[item.id] - _shared(item) for item in stays)
        # Equals stay in the order of time.
        stays.sort(key=lambda i: (i.id in self._wanted, i.id in ranks, -ranks.get(i.id, 0)))
        for item in stays:
            if left <= budget:
                return
            if item.id not in self._floor:
                self._over.add(item.id)
                left -= self._size[item.id] - _shared(item) + shares.freed_by(item)

    def step(self, item: Retainable, shares: _Shares) -> PruneStep:
        """Returns what happens to a checkpoint.

        Args:
            item: Which one.
            shares: What the others that are left up to here hold in common with it.
        """
        total = item.total_bytes
        step = PruneStep(id=item.id, fate=Fate.KEEP, why="", tier=item.tier, size_bytes=total)
        if not item.owned:
            return replace(step, why="not written by Epochline")
        reasons = "; ".join(self._reasons(item.id))
        if not reasons:
            health = "" if _healthy(item) else f"unhealthy ({_words(item.health)}); "
            why = f"{health}not kept by {self._retention.policy}"
            frees = total - _shared(item) + shares.freed_by(item)
            return replace(step, fate=Fate.DELETE, why=why, frees_bytes=frees)
        if item.id in self._over:
            why = f"over the budget of {size(self._retention.max_bytes)}, else kept: {reasons}"
            frees = total - _shared(item) + shares.freed_by(item)
            return replace(step, fate=Fate.DELETE, why=why, frees_bytes=frees)
        if item.id in self._demoted:
            tier, words = self._demoted[item.id]
            frees = max(0, total - self._size[item.id])
            why = f"{reasons}; {words}"
            return replace(step, fate=Fate.DEMOTE, why=why, tier=tier, frees_bytes=frees)
        refused = f"; as it is: {ONLY}" if item.id in self._refused else ""
        return replace(step, why=reasons + refused)

    def _reasons(self, name: str) -> list[str]:
        evidence = ["unhealthy, kept to be looked at"] if name in self._evidence else []
        floor = [self._floor[name]] if name in self._floor else []
        return [*floor, *self._wanted.get(name, ()), *evidence]


def _evidence(ours: Sequence[Retainable], ever: Sequence[Retainable]) -> list[str]:
    """Returns the unhealthy ones that stay: each the first after a healthy one, of all ever."""
    here = {item.id for item in ours}
    found = [
        item.id
        for before, item in zip((None, *ever), ever, strict=False)
        if not _healthy(item) and (before is None or _healthy(before)) and item.id in here
    ]
    return found[-EVIDENCE:]


def _reasons(policy: RetentionPolicy, inventory: Inventory) -> dict[str, list[str]]:
    """Returns id to the parts of a policy that want it."""
    reasons: dict[str, list[str]] = {}
    here = {item.id for item in inventory.present}
    for part in policy.policies if isinstance(policy, AnyOf) else (policy,):
        for name in part.keep(inventory) & here:
            reasons.setdefault(name, []).append(str(part))
    return reasons


def _ranks(policy: RetentionPolicy, inventory: Inventory) -> dict[str, int]:
    """Returns id to place (0 the best) for what a `KeepBest` in `policy` wants."""
    if isinstance(policy, KeepBest):
        best = policy.ranked(inventory)[: policy.n]
        return {item.id: place for place, item in enumerate(best)}
    ranks: dict[str, int] = {}
    for part in policy.policies if isinstance(policy, AnyOf | AllOf) else ():
        for name, place in _ranks(part, inventory).items():
            ranks[name] = min(place, ranks.get(name, place))
    return ranks


def _words(value: StrEnum | None) -> str:
    return "" if value is None else value.replace("_", " ")
