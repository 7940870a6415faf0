"""The panel as a part of its surroundings: theme, width, links, and names made to do harm."""

from __future__ import annotations

import json
import re
from pathlib import Path

from playwright.sync_api import expect

from epochline.events import CheckpointSaved, EndReason, EpochEnded, Notice, SessionStarted
from epochline.session import Session
from epochline.store import digest_bytes
from tests.end_to_end.conftest import one_tensorboard
from tests.end_to_end.live_training import train
from tests.end_to_end.panel import Panel
from tests.end_to_end.tensorboard import TensorBoard

pytestmark = one_tensorboard
BRIGHTNESS = """
() => getComputedStyle(document.body).backgroundColor.match(/\\d+/g).slice(0, 3)
  .reduce((sum, value) => sum + Number(value), 0) / 3
"""
MANY = 80
HARMFUL = "parent.harmed=1"
RIGHT_TO_LEFT = "ריצה שנייה"
NAMES = [
    f"<img src=x onerror={HARMFUL}>",
    f'"><svg onload="{HARMFUL}">',
    "🚀 épreuve",
    RIGHT_TO_LEFT,
]


def test_theme_is_tensorboards(panel: Panel) -> None:
    """TensorBoard's own switch turns page and charts dark and light again, at once."""
    panel.open(("pima",))
    panel.expect_rows(9)
    light = panel.picture(panel.chart)
    assert panel.frame.evaluate(BRIGHTNESS) > 200

    panel.choose_theme("Dark")
    dark = panel.expect_other_picture(panel.chart, than=light)
    assert panel.frame.evaluate(BRIGHTNESS) < 80
    # TensorBoard takes a moment to remember the choice.
    panel.page.wait_for_function("JSON.stringify(localStorage).includes('dark')")
    panel.page.reload()
    panel.wait()
    panel.expect_rows(9)
    panel.expect_picture(panel.chart, dark)
    panel.choose_theme("Light")

    panel.expect_picture(panel.chart, light)
    assert panel.frame.evaluate(BRIGHTNESS) > 200


def test_narrow_page_has_a_menu_of_runs_and_a_sheet_of_details(panel: Panel) -> None:
    """At 900 px nothing sticks out; details cover the page's side and Escape leads back."""
    panel.page.set_viewport_size({"width": 900, "height": 900})
    panel.open(("pima", "pima-decay"))
    panel.expect_rows(10)

    assert panel.frame.evaluate("document.documentElement.scrollWidth <= innerWidth")
    expect(panel.run_box("pima")).to_have_count(0)
    menu = panel.frame.get_by_role("button", name=re.compile(r"^Runs 2\b"))
    menu.click()
    panel.run_box("pima-decay").uncheck()
    panel.page.keyboard.press("Escape")
    expect(menu).to_have_count(0)
    expect(panel.frame.get_by_role("button", name=re.compile(r"^Runs 1\b"))).to_be_focused()
    panel.expect_rows(9)

    panel.row(9).click()
    expect(panel.details.get_by_role("heading", name="pima")).to_be_focused()
    box = panel.details.bounding_box()
    assert box is not None
    assert box["x"] + box["width"] <= 900
    panel.page.keyboard.press("Escape")
    expect(panel.details).to_be_hidden()
    expect(panel.grid).to_be_focused()
    expect(panel.row(9)).to_be_visible()


def test_link_holds_the_view(panel: Panel) -> None:
    """Metric, direction, axis, scale, runs, zoom and selection survive a reload of the page."""
    panel.open(("pima", "pima-decay"))
    panel.expect_rows(10)
    panel.run_box("pima-decay").uncheck()
    panel.expect_rows(9)
    panel.frame.get_by_label("Metric").select_option("loss")
    panel.frame.get_by_label("best is").select_option("highest")
    panel.frame.get_by_role("radiogroup").get_by_text("Step", exact=True).click()
    panel.frame.get_by_label("Log scale").check()
    panel.row(5).click()
    expect(panel.details).to_contain_text("epoch 5")
    _zoom(panel)
    zoomed = len(panel.column("Epoch"))
    assert 0 < zoomed < 9
    link = panel.link()
    picture = panel.picture(panel.chart)

    panel.page.reload()
    panel.wait()

    assert set(link) == {"metric", "best", "axis", "scale", "runs", "zoom", "select"}
    panel.expect_rows(zoomed)
    expect(panel.frame.get_by_label("Metric")).to_have_value("loss")
    expect(panel.frame.get_by_label("best is")).to_have_value("max")
    expect(panel.frame.get_by_role("radio", name="Step")).to_be_checked()
    expect(panel.frame.get_by_label("Log scale")).to_be_checked()
    expect(panel.row(5)).to_have_attribute("aria-selected", "true")
    expect(panel.details).to_contain_text("epoch 5")
    assert panel.link() == link
    panel.expect_picture(panel.chart, picture)


def test_link_to_a_checkpoint_shows_its_row(tensorboard: TensorBoard, panel: Panel) -> None:
    """Of many rows, the one that a link selects is scrolled into view."""
    run = "panel/linked"
    train(tensorboard.logdir / run, MANY)
    tensorboard.wait_until_loaded(
        lambda server: (
            (reply := server.get("timeline", run=run)).status == 200
            and len(reply.json["checkpoints"]["id"]) == MANY
        )
    )
    best = tensorboard.get("timeline", run=run).json["best"]

    panel.open((run,), select=json.dumps(["c", run, best]))

    expect(panel.details).to_contain_text("epoch 5 ·")
    expect(panel.row(5)).to_have_attribute("aria-selected", "true")
    expect(panel.row(5)).to_be_in_viewport()
    row, grid = panel.row(5).bounding_box(), panel.grid.bounding_box()
    assert row is not None
    assert grid is not None
    assert grid["y"] < row["y"]
    assert row["y"] + row["height"] <= grid["y"] + grid["height"]


def _zoom(panel: Panel) -> None:
    box = panel.chart.bounding_box()
    assert box is not None
    middle = box["y"] + box["height"] / 2
    panel.page.mouse.move(box["x"] + 0.3 * box["width"], middle)
    panel.page.mouse.down()
    panel.page.mouse.move(box["x"] + 0.7 * box["width"], middle, steps=5)
    panel.page.mouse.up()
    expect(panel.frame.get_by_role("button", name="Show all")).to_be_visible()
    panel.page.mouse.move(0, 0)


def test_edited_link_and_other_tabs_keep_the_view(panel: Panel) -> None:
    """A link that is edited is followed; a visit to another tab changes nothing."""
    panel.open(("pima",))
    panel.expect_rows(9)
    panel.row(9).click()
    assert panel.link()["select"]
    panel.context.grant_permissions(["clipboard-read", "clipboard-write"])
    panel.button("Copy the link to this view").click()
    expect(panel.button("Copy the link to this view")).to_have_text("Copied")
    assert panel.page.evaluate("navigator.clipboard.readText()") == panel.page.url

    panel.page.evaluate("location.hash += '&p.epochline.metric=loss'")
    expect(panel.frame.get_by_label("Metric")).to_have_value("loss")
    panel.page.get_by_role("tab", name="Time Series").click()
    expect(panel.page.locator('iframe[title="Checkpoints"]')).to_be_hidden()
    panel.page.get_by_role("tab", name="Checkpoints").click()

    expect(panel.frame.get_by_label("Metric")).to_have_value("loss")
    expect(panel.row(9)).to_have_attribute("aria-selected", "true")
    expect(panel.details).to_be_visible()


def test_names_are_text_and_nothing_else(tensorboard: TensorBoard, panel: Panel) -> None:
    """HTML, emoji and right-to-left text in all that a run can name are shown as they are."""
    runs = [f"panel/{name}" for name in NAMES]
    for name, run in zip(NAMES, runs, strict=True):
        _write_named(tensorboard.logdir / run, name)
    tensorboard.wait_until_loaded(
        lambda server: all(
            (reply := server.get("timeline", run=run)).status == 200
            and reply.json["checkpoints"]["id"]
            for run in runs
        )
    )

    panel.open(runs)
    panel.expect_rows(len(runs))
    assert sorted(panel.column("Run")) == sorted(runs)
    panel.frame.get_by_text(re.compile(r"4 notices")).click()
    options = panel.frame.get_by_label("Metric").get_by_role("option").all_inner_texts()
    assert set(NAMES) <= set(options)
    for name, run in zip(NAMES, runs, strict=True):
        expect(panel.run_box(run)).to_be_checked()
        panel.frame.get_by_label("Metric").select_option(name)
        shortened = panel.frame.get_by_title(run, exact=True)
        panel.grid.get_by_role("row").filter(has=shortened).click()
        pane = panel.details
        expect(pane.get_by_role("heading", name=run, exact=True)).to_be_visible()
        expect(pane.get_by_text(f"checkpoints/{name}.weights.h5", exact=True)).to_be_visible()
        expect(panel.frame.get_by_text(f"message {name}")).to_be_visible()
        pane.get_by_role("button", name="Restore to file…").click()
        dialog = panel.frame.get_by_role("dialog")
        expect(dialog).to_have_accessible_name(f"Restore epoch 1 of “{run}” to a file?")
        panel.page.keyboard.press("Escape")

    assert panel.page.evaluate("typeof window.harmed") == "undefined"
    assert panel.frame.locator("img, script[src*=x]").count() == 0


def _write_named(run_dir: Path, name: str) -> None:
    """Writes a run that calls everything by `name`."""
    data = name.encode()
    path = f"checkpoints/{name}.weights.h5"
    file = run_dir / path
    file.parent.mkdir(parents=True)
    file.write_bytes(data)
    session = Session(run_dir)
    session.start()
    session.record(SessionStarted(monitor=name, callbacks=(name,), model_name=name, host=name))
    session.record(EpochEnded(metrics={name: 0.5}))
    session.record(Notice(code=name, message=f"message {name}", hint=name))
    digest = digest_bytes(data)
    session.record(
        CheckpointSaved(
            id=digest.rpartition(":")[2][:16],
            path=path,
            size_bytes=len(data),
            digest=digest,
            metrics={name: 0.5},
            callback=name,
            monitor=name,
        )
    )
    session.end(EndReason.COMPLETED)
