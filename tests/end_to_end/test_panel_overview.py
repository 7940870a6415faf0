"""What the panel shows at first sight, and how the view is changed: charts, table, list of runs."""

from __future__ import annotations

import re
from typing import Any

from playwright.sync_api import expect

from tests.end_to_end.conftest import one_tensorboard
from tests.end_to_end.panel import Panel
from tests.end_to_end.tensorboard import TensorBoard

RUNS = ("pima", "pima-decay")
CHECKPOINTS = 10


def _expected_rows(tensorboard: TensorBoard) -> list[tuple[str, str, str]]:
    """Run, epoch as Keras prints it and metric of every checkpoint, newest first."""
    rows: list[tuple[float, str, str, str]] = []
    for run in RUNS:
        columns: dict[str, Any] = tensorboard.get("timeline", run=run).json["checkpoints"]
        values = columns["metrics"]["val_accuracy"]
        for time, epoch, value in zip(columns["wall_time"], columns["epoch"], values, strict=True):
            rows.append((time, run, str(epoch + 1), f"{value:.4f}"))
    return [row[1:] for row in sorted(rows, reverse=True)]


def _best(panel: Panel) -> set[tuple[str, str]]:
    return {(row["Run"], row["Epoch"]) for row in panel.table() if row["Status"] == "Best"}


def test_runs_curves_and_checkpoints_are_shown(tensorboard: TensorBoard, panel: Panel) -> None:
    """Every chosen run has its curve, and every checkpoint its row; the best stand out."""
    panel.open(RUNS)

    panel.expect_rows(CHECKPOINTS)
    rows = [(row["Run"], row["Epoch"], row["val_accuracy"]) for row in panel.table()]
    assert rows == _expected_rows(tensorboard)
    assert _best(panel) == {("pima", "9"), ("pima-decay", "4")}
    for run in RUNS:
        expect(panel.run_box(run)).to_be_checked()
    expect(panel.run_box("long")).not_to_be_checked()
    # 13 epochs fill the width, 4 of them a quarter.
    assert panel.share_of_columns(panel.chart, panel.colour("pima")) > 0.7
    assert 0.15 < panel.share_of_columns(panel.chart, panel.colour("pima-decay")) < 0.4
    expect(panel.chart).to_have_accessible_name(
        "accuracy of 2 runs. Best checkpoint by val_accuracy: 0.7600, epoch 9 of pima."
    )


@one_tensorboard
def test_hidden_run_is_neither_drawn_nor_listed(panel: Panel) -> None:
    """A run that is switched off leaves charts and table, and comes back."""
    panel.open(RUNS)
    panel.expect_rows(CHECKPOINTS)
    colour = panel.colour("pima-decay")
    before = panel.picture(panel.chart)

    panel.run_box("pima-decay").uncheck()

    panel.expect_rows(CHECKPOINTS - 1)
    panel.expect_other_picture(panel.chart, than=before)
    assert panel.share_of_columns(panel.chart, colour) == 0
    assert panel.share_of_columns(panel.lanes, colour) == 0
    panel.run_box("pima-decay").check()
    panel.expect_rows(CHECKPOINTS)
    panel.frame.get_by_label("Filter runs").fill("decay")
    expect(panel.run_box("pima")).to_have_count(0)
    expect(panel.run_box("pima-decay")).to_be_visible()


@one_tensorboard
def test_best_is_by_the_metric_and_direction_that_are_shown(panel: Panel) -> None:
    """Another metric, or another idea of what is good, moves the star."""
    panel.open(("pima",))
    panel.expect_rows(9)

    panel.frame.get_by_label("Metric").select_option("loss")
    name = "Best checkpoint by val_loss: {}, epoch {} of pima."
    expect(panel.chart).to_have_accessible_name(re.compile(name.format("0.4400", 9)))
    expect(panel.frame.get_by_label("best is")).to_have_value("min")
    panel.frame.get_by_label("best is").select_option("highest")

    expect(panel.chart).to_have_accessible_name(re.compile(name.format("0.5400", 2)))
    expect(panel.row(2)).to_contain_text("Best")
    assert _best(panel) == {("pima", "2")}


@one_tensorboard
def test_axis_and_scale_change_the_picture(panel: Panel) -> None:
    """Each axis and the logarithmic scale draw a picture of their own."""
    panel.open(RUNS)
    panel.expect_rows(CHECKPOINTS)
    pictures = [panel.picture(panel.chart)]

    for axis in ("Step", "Relative", "Time"):
        panel.frame.get_by_role("radiogroup").get_by_text(axis, exact=True).click()
        expect(panel.frame.get_by_role("radio", name=axis)).to_be_checked()
        pictures.append(panel.expect_other_picture(panel.chart, than=pictures[-1]))
    panel.frame.get_by_label("Log scale").check()
    pictures.append(panel.expect_other_picture(panel.chart, than=pictures[-1]))

    assert len(set(pictures)) == len(pictures)


@one_tensorboard
def test_dragging_zooms_all_plots_and_double_click_shows_all(panel: Panel) -> None:
    """A part of the axis is drawn large until everything is asked for again."""
    panel.open(RUNS)
    panel.expect_rows(CHECKPOINTS)
    plots = (panel.chart, panel.learning_rates, panel.lanes)
    before = [panel.picture(plot) for plot in plots]
    box = panel.chart.bounding_box()
    assert box is not None
    middle = box["y"] + box["height"] / 2

    panel.page.mouse.move(box["x"] + 0.4 * box["width"], middle)
    panel.page.mouse.down()
    panel.page.mouse.move(box["x"] + 0.6 * box["width"], middle, steps=5)
    panel.page.mouse.up()

    expect(panel.frame.get_by_role("button", name="Show all")).to_be_visible()
    for plot, picture in zip(plots, before, strict=True):
        panel.expect_other_picture(plot, than=picture)
    panel.page.mouse.dblclick(box["x"] + 0.5 * box["width"], middle)
    expect(panel.frame.get_by_role("button", name="Show all")).to_be_hidden()
    for plot, picture in zip(plots, before, strict=True):
        panel.expect_picture(plot, picture)


@one_tensorboard
def test_heading_sorts_the_table(panel: Panel) -> None:
    """A click on a heading sorts, a second one turns the order; what has no value comes last."""
    panel.open(("pima",))
    panel.expect_rows(9)
    heading = panel.frame.get_by_role("columnheader", name="Epoch")

    heading.get_by_role("button").click()
    expect(heading).to_have_attribute("aria-sort", "descending")
    down = panel.column("Epoch")
    heading.get_by_role("button").click()
    expect(heading).to_have_attribute("aria-sort", "ascending")
    up = panel.column("Epoch")
    panel.frame.get_by_role("columnheader", name="val_loss").get_by_role("button").click()
    expect(heading).to_have_attribute("aria-sort", "none")

    assert down == ["12", "9", "8", "6", "5", "4", "3", "2", "1"]
    assert up == down[::-1]
    *losses, last = panel.column("val_loss")
    assert last == "NaN"
    assert losses == sorted(losses)


@one_tensorboard
def test_table_is_filtered_by_text_and_status(panel: Panel) -> None:
    """Only rows that match both filters stay; how many there are is said."""
    panel.open(("pima",))
    panel.expect_rows(9)
    text = panel.frame.get_by_label("Filter checkpoints")
    status = panel.frame.get_by_label("Status", exact=True)
    count = panel.frame.get_by_role("status")

    text.fill("epoch 5")
    expect(count).to_have_text("1 of 9 checkpoints")
    assert panel.column("Epoch") == ["5"]
    text.fill("no space left")
    expect(count).to_have_text("1 of 9 checkpoints")
    assert panel.column("Status") == ["Failed"]
    text.fill("")
    status.select_option("Restorable")
    expect(count).to_have_text("5 of 9 checkpoints")
    assert set(panel.column("Status")) == {"Best", "Saved"}
    text.fill("nothing is called so")
    expect(panel.frame.get_by_text("No checkpoint matches.")).to_be_visible()
    panel.frame.get_by_role("button", name="Clear filters").click()
    panel.expect_rows(9)


@one_tensorboard
def test_table_is_used_with_the_keyboard(panel: Panel) -> None:
    """Arrows move the active row, Enter opens it, Escape comes back; headings sort with Enter."""
    panel.open(("pima",))
    panel.expect_rows(9)
    keyboard = panel.page.keyboard

    panel.grid.focus()
    for key in ("End", "ArrowUp", "ArrowUp"):
        keyboard.press(key)
    expect(panel.readout).to_contain_text("pima · epoch 3 ·")
    keyboard.press("Enter")
    expect(panel.row(3)).to_have_attribute("aria-selected", "true")
    expect(panel.details.get_by_role("heading", name="pima")).to_be_focused()
    keyboard.press("Escape")
    expect(panel.details).to_be_hidden()
    expect(panel.grid).to_be_focused()
    for key in ("Home", "ArrowUp", "ArrowRight", "ArrowRight", "Enter"):
        keyboard.press(key)

    heading = panel.frame.get_by_role("columnheader", name="Epoch")
    expect(heading).to_have_attribute("aria-sort", "descending")
    active = panel.grid.get_attribute("aria-activedescendant")
    assert active == heading.get_attribute("id")


@one_tensorboard
def test_what_went_wrong_in_a_run_is_told(tensorboard: TensorBoard, panel: Panel) -> None:
    """Sessions, notices and gaps of a run are behind one line that counts them."""
    panel.open(("pima",))

    panel.frame.get_by_text("2 notices · 1 gap").click()

    timeline = tensorboard.get("timeline", run="pima").json
    for kind in ("sessions", "notices", "gaps"):
        for item in timeline[kind]:
            expect(panel.frame.get_by_text(item["message"]).last).to_be_visible()
