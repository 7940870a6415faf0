"""Which of TensorBoard's runs belong together."""

from __future__ import annotations

import pytest

from tensorboard_plugin_epochline.runs import group_name, group_runs, member_name


@pytest.mark.parametrize(
    ("run", "group", "member"),
    [
        ("pima/timeline", "pima", "timeline"),
        ("pima/train", "pima", "train"),
        ("a/b/validation", "a/b", "validation"),
        ("pima", "pima", "."),
        ("pima/eval", "pima/eval", "."),
        ("timeline", ".", "timeline"),
        (".", ".", "."),
        ("one/.", "one", "."),
        ("one/timeline", "one", "timeline"),
        ("my train", "my train", "."),
    ],
)
def test_run_is_in_the_group_of_its_directory(run: str, group: str, member: str) -> None:
    """Only the names that Keras and Epochline give to sub-runs are folded."""
    assert (group_name(run), member_name(run)) == (group, member)


def test_groups_keep_tensorboards_order() -> None:
    """Groups, members and colours follow TensorBoard's list."""
    groups = group_runs(["b/train", "a", "b/timeline", "timeline", "a/train"])

    assert [(g.name, g.tensorboard_runs, g.color_index) for g in groups.values()] == [
        ("b", ("b/train", "b/timeline"), 0),
        ("a", ("a", "a/train"), 1),
        (".", ("timeline",), 3),
    ]
