"""The panel in a real Firefox: what people see first, do most, and what browsers do differently.

All other browser tests are in Chromium. Playwright drives this browser with WebDriver BiDi, which
every Firefox speaks. All but the first test are behind a path prefix only.
"""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Playwright, expect

from tests.end_to_end.conftest import one_tensorboard
from tests.end_to_end.live_training import checkpoint_path, train
from tests.end_to_end.panel import Panel
from tests.end_to_end.sample_logs import BEST_ID
from tests.end_to_end.tensorboard import TensorBoard

RUNS = ("pima", "pima-decay")
SELECTED = json.dumps(["c", "pima", BEST_ID], separators=(",", ":"))
OTHER_ID = "c0ffee0000000009"
EPOCHS = 3


@pytest.fixture(scope="module")
def browser(playwright: Playwright, firefox: str) -> Iterator[Browser]:
    """A Firefox as people have it, in the place of Chromium."""
    browser = playwright.firefox.launch(executable_path=firefox, channel="moz-firefox")
    yield browser
    browser.close()


def test_link_opens_curves_table_and_details(panel: Panel) -> None:
    """Curves are drawn in the colours of their runs; the checkpoint of the link is shown."""
    panel.open(RUNS, select=SELECTED)

    panel.expect_rows(10)
    expect(panel.row(9)).to_have_attribute("aria-selected", "true")
    expect(panel.details).to_contain_text("Best by val_accuracy")
    assert panel.share_of_columns(panel.chart, panel.colour("pima")) > 0.7
    assert 0.15 < panel.share_of_columns(panel.chart, panel.colour("pima-decay")) < 0.4
    assert panel.share_of_columns(panel.lanes, panel.colour("pima")) > 0.05
    assert panel.link()["select"] == SELECTED


@one_tensorboard
def test_mouse_points_at_marks_and_opens_them(panel: Panel) -> None:
    """A row rings its marks, the mouse has a crosshair in all charts; clicks open checkpoints."""
    panel.open(RUNS)
    panel.expect_rows(10)
    x, y = panel.point_at_row(panel.chart, panel.row(9))
    panel.page.mouse.move(x, y)
    expect(panel.readout).to_contain_text("pima · epoch 9 · val_accuracy 0.7600 · Best")
    for plot in (panel.chart, panel.learning_rates, panel.lanes):
        assert panel.crosshairs(plot) == 1

    panel.page.mouse.click(x, y)

    expect(panel.row(9)).to_have_attribute("aria-selected", "true")
    expect(panel.details).to_contain_text("Best by val_accuracy")
    panel.row(5).click()
    expect(panel.row(5)).to_have_attribute("aria-selected", "true")
    expect(panel.details).to_contain_text("epoch 5 ·")


@one_tensorboard
def test_keys_lead_through_the_table(panel: Panel) -> None:
    """Arrows move the active row, Enter opens it, Escape comes back to it."""
    panel.open(("pima",))
    panel.expect_rows(9)

    panel.grid.focus()
    for key in ("End", "ArrowUp", "ArrowUp"):
        panel.page.keyboard.press(key)
    expect(panel.readout).to_contain_text("pima · epoch 3 ·")
    panel.page.keyboard.press("Enter")
    expect(panel.row(3)).to_have_attribute("aria-selected", "true")
    expect(panel.details.get_by_role("heading", name="pima")).to_be_focused()
    panel.page.keyboard.press("Escape")

    expect(panel.details).to_be_hidden()
    expect(panel.grid).to_be_focused()


@one_tensorboard
def test_compare_story_and_what_if_open(tensorboard: TensorBoard, panel: Panel) -> None:
    """Each tells what the server says; Back closes the comparison, keys move a slider."""
    panel.open(("pima",))
    panel.expect_rows(9)
    for epoch in (8, 9):
        panel.row(epoch).get_by_role("checkbox").click()
    panel.button("Compare").click()
    view = panel.frame.get_by_role("main", name="Compare")
    diff = tensorboard.get("diff", run="pima", a=OTHER_ID, b=BEST_ID).json
    expect(view.get_by_text(diff["sentence"], exact=True)).to_be_visible()
    panel.page.go_back()
    expect(view).to_be_hidden()

    panel.button("Story").click()
    expect(panel.details.get_by_role("list", name="Story of pima")).to_be_visible()
    panel.button("What if").click()
    panel.details.get_by_label("Patience, slider").first.focus()
    panel.page.keyboard.press("ArrowLeft")
    for sentence in tensorboard.get("whatif", run="pima", patience="2").json["sentences"]:
        expect(panel.details.get_by_text(sentence, exact=True)).to_be_visible()


@one_tensorboard
def test_checkpoint_is_restored_to_a_file(tensorboard: TensorBoard, panel: Panel) -> None:
    """The server takes this browser's requests for those of its page; the copy's path is told."""
    run = "panel/firefox"
    run_dir = tensorboard.logdir / run
    train(run_dir, EPOCHS)
    tensorboard.wait_for_checkpoints(run, EPOCHS)
    panel.open((run,))
    panel.row(2).click()
    dialog = panel.frame.get_by_role("dialog")

    panel.button("Restore to file…").click()
    expect(dialog.get_by_role("button", name="Cancel")).to_be_focused()
    dialog.get_by_role("button", name="Restore to file").click()

    expect(dialog).to_have_accessible_name("The copy is ready")
    (copy,) = (run_dir / "restored").iterdir()
    expect(dialog.get_by_text(str(copy), exact=True)).to_be_visible()
    assert copy.read_bytes() == (run_dir / checkpoint_path(2)).read_bytes()
    panel.page.keyboard.press("Escape")
    expect(dialog).to_be_hidden()
    expect(panel.button("Restore to file…")).to_be_focused()


@one_tensorboard
def test_theme_is_tensorboards(panel: Panel) -> None:
    """TensorBoard's own switch turns page, charts and scrollbars dark, at once."""
    panel.open(("pima",))
    panel.expect_rows(9)
    light = panel.picture(panel.chart)
    root = panel.frame.locator("html")
    scrollbar = root.evaluate("root => getComputedStyle(root).scrollbarColor")

    panel.choose_theme("Dark")

    expect(root).to_have_attribute("data-theme", "dark")
    panel.expect_other_picture(panel.chart, than=light)
    expect(root).not_to_have_css("scrollbar-color", scrollbar)
