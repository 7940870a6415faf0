"""Plans: never below the floor, repeatable, within the budget, and with a reason for everything."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from epochline.events import Health, Tier
from epochline.inventory import Retainable
from epochline.planning import EVIDENCE, Fate, PrunePlan, plan_prune
from epochline.retention import KeepAll, KeepBest, KeepLast, Retention
from tests.core.retained import Item, in_order, items, retentions, with_losses

BAD = Health.NOT_FINITE


def _half(item: Retainable, tier: Tier) -> int:
    return item.total_bytes // (2 if tier is Tier.WITHOUT_OPTIMIZER else 4)


def _ids(plan: PrunePlan, fate: Fate) -> str:
    return "".join(step.id for step in plan.of(fate))


def _carried_out(plan: PrunePlan, present: list[Item]) -> tuple[list[Item], list[Item]]:
    """Returns what is left of `present` and what is gone when a plan was carried out."""
    steps = {step.id: step for step in plan.steps}
    left = [
        replace(
            item,
            tier=steps[item.id].tier,
            total_bytes=item.total_bytes - steps[item.id].frees_bytes,
            has_optimizer=item.has_optimizer and steps[item.id].fate is Fate.KEEP,
        )
        for item in present
        if steps[item.id].fate is not Fate.DELETE
    ]
    return left, [item for item in present if steps[item.id].fate is Fate.DELETE]


@given(retentions(), items)
def test_planning_again_finds_nothing_to_do(policy: Retention, all_: list[Item]) -> None:
    """After a plan was carried out there is nothing left to delete or to make smaller."""
    left, gone = _carried_out(plan_prune(policy, all_, size_after=_half), all_)
    again = plan_prune(policy, left, gone=gone, size_after=_half)
    assert {step.fate for step in again.steps} <= {Fate.KEEP}


@given(retentions(), items, st.randoms())
def test_order_of_the_input_does_not_matter(
    policy: Retention, all_: list[Item], random: st.DataObject
) -> None:
    """The same checkpoints in another order lead to the same plan."""
    shuffled = list(all_)
    random.shuffle(shuffled)  # type: ignore[attr-defined]
    assert plan_prune(policy, shuffled) == plan_prune(policy, all_)


@given(retentions(), items, st.sets(st.text("abc", min_size=1, max_size=4)))
def test_the_floor_is_never_touched(policy: Retention, all_: list[Item], spared: set[str]) -> None:
    """The newest, the newest that is not known to be bad, and the pinned stay as they are."""
    plan = plan_prune(policy, all_, spared=dict.fromkeys(spared, "asked for"))
    touched = {step.id for step in plan.steps if step.fate is not Fate.KEEP}
    ours = [item for item in in_order(all_) if item.owned]
    good = [item for item in ours if item.health in (None, Health.HEALTHY)]
    floor = {item.id for item in (*ours[-1:], *good[-1:])}
    assert not touched & (floor | spared | {item.id for item in ours if item.pinned})


@given(retentions(), items)
def test_only_owned_files_are_touched(policy: Retention, all_: list[Item]) -> None:
    """What others wrote is neither deleted nor changed, and changes nothing of what is ours."""
    plan = plan_prune(policy, all_)
    touched = {step.id for step in plan.steps if step.fate is not Fate.KEEP}
    assert touched <= {item.id for item in all_ if item.owned}
    alone = plan_prune(policy, [item for item in all_ if item.owned])
    assert [step for step in plan.steps if step in alone.steps] == list(alone.steps)


@given(retentions(), items)
def test_the_budget_is_kept_as_far_as_the_floor_allows(policy: Retention, all_: list[Item]) -> None:
    """Either what is left of ours is within the budget, or all of it is the floor."""
    ours = [item for item in all_ if item.owned]
    plan = plan_prune(policy, ours, size_after=_half)
    good = [i for i in in_order(ours) if i.health in (None, Health.HEALTHY)]
    floor = {i.id for i in (*in_order(ours)[-1:], *good[-1:])} | {i.id for i in ours if i.pinned}
    left = {step.id for step in plan.steps if step.fate is not Fate.DELETE}
    assert plan.within_budget or left <= floor


@given(retentions(), items)
def test_unhealthy_checkpoints_do_not_cost_a_good_one(policy: Retention, all_: list[Item]) -> None:
    """Whatever good one a plan lets go, it lets go without the bad ones, too.

    Those that no plan touches (pinned, the newest) may take up the budget.
    """
    policy = replace(policy, max_bytes=None)
    good = [item for item in all_ if item.health in (None, Health.HEALTHY)]
    gone = {step.id for step in plan_prune(policy, all_).of(Fate.DELETE)}
    alone = {step.id for step in plan_prune(policy, good).of(Fate.DELETE)}
    assert gone & {item.id for item in good} == alone


@given(retentions(), items)
def test_every_step_has_its_reason_and_its_bytes(policy: Retention, all_: list[Item]) -> None:
    """Nothing happens without being told why; what is freed is what was there."""
    plan = plan_prune(policy, all_, size_after=_half)
    assert [step.id for step in plan.steps] == [item.id for item in in_order(all_)]
    assert all(step.why for step in plan.steps)
    assert all(0 <= step.frees_bytes <= step.size_bytes for step in plan.steps)
    assert all(step.frees_bytes == step.size_bytes for step in plan.of(Fate.DELETE))
    total = sum(item.total_bytes for item in all_)
    assert plan.frees_bytes + plan.left_bytes == plan.size_bytes == total


@given(retentions(), items, st.data())
def test_files_in_common_count_once(
    policy: Retention, all_: list[Item], data: st.DataObject
) -> None:
    """What is left and what is freed are the bytes of files, under however many names."""
    sizes = {"a": 40, "b": 700}
    shares = [data.draw(st.sets(st.sampled_from(["a", "b"]))) for _ in all_]
    all_ = [
        replace(
            item,
            shared_bytes={digest: sizes[digest] for digest in share},
            total_bytes=item.total_bytes + sum(sizes[digest] for digest in share),
            path="a.weights.json",
        )
        for item, share in zip(all_, shares, strict=True)
    ]

    def on_disk(some: list[Item]) -> int:
        common = {digest for item in some for digest in item.shared_bytes}
        own = (item.total_bytes - sum(item.shared_bytes.values()) for item in some)
        return sum(own) + sum(sizes[digest] for digest in common)

    plan = plan_prune(policy, all_)
    left, _ = _carried_out(plan, all_)
    names = {item.id for item in left}
    kept = [item for item in all_ if item.id in names]
    assert (plan.size_bytes, plan.left_bytes) == (on_disk(all_), on_disk(kept))
    ours = [item for item in kept if item.owned]
    good = [item for item in in_order(ours) if item.health in (None, Health.HEALTHY)]
    floor = {i.id for i in (*in_order(ours)[-1:], *good[-1:])} | {i.id for i in ours if i.pinned}
    budget = policy.max_bytes
    assert (
        budget is None
        or on_disk(ours) <= budget
        or names <= floor | {item.id for item in all_ if not item.owned}
    )


def test_budget_keeps_more_when_files_are_shared() -> None:
    """Ten checkpoints of 100 bytes, 90 of them one file, fit into 190."""
    present = [replace(item, shared_bytes={"frozen": 90}) for item in with_losses(*[0.5] * 10)]
    plan = plan_prune(KeepAll().within(190), present)
    assert (plan.of(Fate.DELETE), plan.size_bytes, plan.within_budget) == ((), 190, True)
    plan = plan_prune(KeepAll().within(180), present)
    assert [(step.id, step.frees_bytes) for step in plan.of(Fate.DELETE)] == [("0", 10)]


@pytest.mark.parametrize("path", ["whole.keras", "epoch-1.weights.json"])
def test_what_cannot_be_made_smaller_stays_and_is_told(path: str) -> None:
    """Nobody waits for room that never comes."""
    present = [replace(item, path=path) for item in with_losses(0.5, 0.4)]
    policy = KeepAll().demote("without_optimizer", after=KeepLast(1))
    first, newest = plan_prune(policy, present, size_after=_half).steps
    assert first.fate is newest.fate is Fate.KEEP
    assert first.why == "all; as it is: only single .weights.h5 files can be made smaller"
    assert "as it is" not in newest.why


def test_reasons_in_words() -> None:
    """Each part of a policy that keeps a checkpoint is named, and the policy that does not."""
    present = with_losses(0.9, 0.5, 0.1, 0.6, 0.4)
    present[1] = replace(present[1], pinned=True)
    present[3] = replace(present[3], owned=False)
    plan = plan_prune(KeepLast(2) | KeepBest("val_loss", 1), present)
    assert [(step.id, step.fate.value, step.why) for step in plan.steps] == [
        ("0", "delete", "not kept by last 2 or best 1 by val_loss"),
        ("1", "keep", "pinned"),
        ("2", "keep", "last 2; best 1 by val_loss"),
        ("3", "keep", "not written by Epochline"),
        ("4", "keep", "the newest; last 2"),
    ]


def test_unhealthy_ones_are_neither_best_nor_last_but_evidence() -> None:
    """The first of each series shows where it went wrong; the newest two of these stay."""
    present = with_losses(0.5, 0.1, 0.2, 0.6, 0.0, 0.7, 0.3, 0.1)
    for place in (1, 2, 4, 6, 7):
        present[place] = replace(present[place], health=BAD)
    plan = plan_prune(KeepLast(1) | KeepBest("val_loss", 1), present)
    assert _ids(plan, Fate.KEEP) == "04567"
    told = {step.id: step.why for step in plan.steps}
    assert told["1"] == "unhealthy (not finite); not kept by last 1 or best 1 by val_loss"
    assert told["4"] == "unhealthy, kept to be looked at"
    assert told["5"] == "the newest that is not known to be bad; last 1"
    assert told["7"] == "the newest"
    assert EVIDENCE == 2


def test_series_of_bad_ones_is_seen_after_its_first_is_gone() -> None:
    """A later one of the same series does not take the place of the first."""
    ever = [replace(item, health=BAD) for item in with_losses(*[0.1] * 4)]
    plan = plan_prune(KeepLast(1), ever[1:], gone=ever[:1])
    assert _ids(plan, Fate.KEEP) == "3"


@pytest.mark.parametrize(
    ("budget", "kept"),
    [
        (600, "012345"),
        (599, "01235"),
        (499, "0235"),
        (399, "235"),
        (299, "25"),
        (199, "5"),
        (50, "5"),
    ],
)
def test_budget_takes_evidence_then_the_oldest_then_the_worst_of_the_best(
    budget: int, kept: str
) -> None:
    """Six of 100 bytes each: 4 is unhealthy, 0 and 2 and 3 are the best, 5 is the newest."""
    present = with_losses(0.3, 0.9, 0.1, 0.2, 0.0, 0.8)
    present[4] = replace(present[4], health=BAD)
    plan = plan_prune((KeepLast(5) | KeepBest("val_loss", 3)).within(budget), present)
    assert _ids(plan, Fate.KEEP) == kept
    assert plan.within_budget is (budget >= 100)
    gone = plan.of(Fate.DELETE)
    assert all(step.why.startswith("over the budget of ") for step in gone)


def test_best_of_several_metrics_ranks_by_its_best_place() -> None:
    """Who is first by one metric outlasts who is second by two."""
    present = [
        replace(item, metrics={"a_loss": a, "b_loss": b})
        for item, (a, b) in zip(
            with_losses(0, 0, 0, 0), [(0.1, 0.9), (0.2, 0.2), (0.3, 0.1), (0.4, 0.4)], strict=True
        )
    ]
    policy = KeepBest("a_loss", 2) | KeepBest("b_loss", 2)
    plan = plan_prune(policy.within(300), present)
    assert _ids(plan, Fate.DELETE) == "1"


def test_demotion_has_its_tiers_and_spares_the_floor() -> None:
    """Older ones lose the optimizer, still older ones are rounded; the rest is kept whole."""
    present = with_losses(*[0.5] * 8)
    present[0] = replace(present[0], pinned=True)
    present[1] = replace(present[1], path="whole.keras")
    present[3] = replace(present[3], tier=Tier.BFLOAT16, has_optimizer=False)
    present[4] = replace(present[4], has_optimizer=False)
    policy = KeepAll().demote("without_optimizer", after=KeepLast(2))
    plan = plan_prune(policy.demote("bfloat16", after=KeepLast(5)), present, size_after=_half)
    assert [(s.id, s.tier.value, s.frees_bytes) for s in plan.of(Fate.DEMOTE)] == [
        ("2", "bfloat16", 75),
        ("5", "without_optimizer", 50),
    ]
    assert plan.of(Fate.DEMOTE)[0].why == "all; bfloat16 after last 5"


def test_budget_counts_what_demotion_leaves() -> None:
    """What is made smaller need not go."""
    policy = KeepAll().demote("without_optimizer", after=KeepLast(1)).within(250)
    present = with_losses(*[0.5] * 4)
    assert _ids(plan_prune(policy, present, size_after=_half), Fate.DELETE) == ""
    assert _ids(plan_prune(policy, present), Fate.DELETE) == "01"
