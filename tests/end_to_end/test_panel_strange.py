"""Runs that went or were named in unusual ways: drawn right, and nothing executed."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from playwright.sync_api import expect

from tests.end_to_end import strange_logs
from tests.end_to_end.conftest import StartTensorBoard
from tests.end_to_end.panel import Panel
from tests.end_to_end.tensorboard import TensorBoard

AXES = ("Step", "Relative", "Time", "Epoch")
SETTINGS = ("Log scale", "Ignore outliers")
MINUS = "\N{MINUS SIGN}"
NUMBERS = {"NaN", "∞", f"{MINUS}∞", "1.000e+300", f"4.941e{MINUS}324", "0.0000", f"{MINUS}0.5000"}


@pytest.fixture(scope="module")
def strange(
    start_tensorboard: StartTensorBoard, tmp_path_factory: pytest.TempPathFactory
) -> TensorBoard:
    """A TensorBoard over all of them."""
    logdir = tmp_path_factory.mktemp("strange")
    strange_logs.write(logdir)
    server = start_tensorboard(logdir)
    server.wait_until_loaded(
        lambda server: (
            {run["run"] for run in server.get("runs").json["runs"]} == set(strange_logs.RUNS)
        )
    )
    return server


@pytest.fixture
def shown(new_panel: Callable[[TensorBoard], Panel], strange: TensorBoard) -> Panel:
    """The panel with all of the runs."""
    panel = new_panel(strange)
    panel.open()
    panel.expect_rows(len(strange_logs.NAMES) + len(strange_logs.VALUES) + 8)
    return panel


def test_everything_is_drawn_with_every_axis_and_scale(shown: Panel) -> None:
    """With all runs, and with those alone whose numbers are odd; nothing breaks or is executed."""
    for runs in ((), ("values",), ("order",)):
        if runs:
            shown.open(runs)
            expect(shown.run_box(runs[0])).to_be_checked()
        for axis in AXES:
            shown.frame.get_by_role("radio", name=axis).check(force=True)
            for setting in SETTINGS:
                shown.frame.get_by_label(setting).click()
        _point_everywhere(shown)

    assert shown.page.evaluate("typeof window.harmed") == "undefined"
    assert shown.frame.locator("img:not([role]), script[src*=x]").count() == 0


def _point_everywhere(panel: Panel) -> None:
    for plot in (panel.chart, panel.lanes):
        if box := plot.bounding_box():
            for part in (0.1, 0.5, 0.9):
                x = box["x"] + part * box["width"]
                panel.page.mouse.move(x, box["y"] + box["height"] / 2)


def test_rows_show_every_number_and_name(shown: Panel) -> None:
    """NaN, infinities, the largest and smallest numbers; names whole where they are asked for."""
    shown.open(("values",))
    assert set(shown.column("loss")) == NUMBERS
    for name in strange_logs.NAMES:
        shown.open((name,))
        shown.row(1).click()
        pane = shown.details
        expect(pane.get_by_role("heading", name=name, exact=True)).to_be_visible()
        expect(pane.get_by_text(f"note {name}", exact=True)).to_be_visible()
        pane.get_by_role("button", name="Story").click()
        expect(pane.get_by_role("list", name=f"Story of {name}")).to_be_visible()
        inside = "document.documentElement.scrollWidth <= innerWidth"
        assert shown.frame.evaluate(inside), name

    assert shown.page.evaluate("typeof window.harmed") == "undefined"


def test_numbers_that_are_none_are_sorted_last(shown: Panel) -> None:
    """Infinities have their place; NaN has none, in either order."""
    shown.open(("values",))
    heading = shown.frame.get_by_role("columnheader", name="loss", exact=True)
    heading.get_by_role("button").click()
    rising = shown.column("loss")
    heading.get_by_role("button").click()

    assert (rising[0], rising[-1]) == (f"{MINUS}∞", "NaN")
    assert shown.column("loss") == [*reversed(rising[:-1]), "NaN"]


def test_run_without_an_epoch_or_with_one_is_listed(shown: Panel) -> None:
    """An empty run has no curve and a run of one epoch has a point; both say how they stand."""
    shown.open(("empty", "one"))
    expect(shown.frame.get_by_text("No checkpoint in the shown runs yet.")).to_be_visible()
    one = shown.share_of_columns(shown.chart, shown.colour("one"))
    shown.open(("empty",))
    expect(shown.run_box("one")).not_to_be_checked()

    assert 0 < one < 0.05
    expect(shown.frame.get_by_label("Metric")).to_be_disabled()
