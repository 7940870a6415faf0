"""What axe-core finds in the panel: nothing, in every state, theme and width."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any, Literal

import pytest
from playwright.sync_api import Browser, Frame, Locator, Page, expect

from epochline import open_run
from epochline.report import report_html
from tests.end_to_end import sample_logs
from tests.end_to_end.conftest import StartTensorBoard, one_tensorboard
from tests.end_to_end.listening_training import listening_training
from tests.end_to_end.live_training import checkpoint_path, train
from tests.end_to_end.panel import PANES_ROUTE, RUNS_ROUTE, Panel
from tests.end_to_end.sample_logs import BEST_ID
from tests.end_to_end.tensorboard import TensorBoard

AXE = Path(__file__).parents[2] / "frontend" / "node_modules" / "axe-core" / "axe.min.js"
RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
SELECTED = json.dumps(["c", "pima", BEST_ID])
GONE = json.dumps(["c", "pima", "c0ffee0000000001"])
PAIR = json.dumps([json.dumps(["c", "pima", "c0ffee0000000009"]), SELECTED])
WIDTHS = (900, 1440)
MOST_TABS = 60
ANSWERED_MS = 30_000
Theme = Literal["light", "dark"]


@pytest.fixture(scope="module")
def axe() -> str:
    """The source of axe-core, which `npm ci` in `frontend/` installs."""
    assert AXE.is_file(), f"{AXE} is missing: run `python frontend/bundle.py npm ci`."
    return AXE.read_text("utf-8")


def _violations(page: Frame | Page, axe: str) -> list[str]:
    page.evaluate(axe)
    found: list[dict[str, Any]] = page.evaluate(
        "rules => axe.run(document, {runOnly: {type: 'tag', values: rules},"
        " resultTypes: ['violations']}).then(({violations}) => violations)",
        RULES,
    )
    return [
        f"{item['id']}: {node['target']} {node['failureSummary']}"
        for item in found
        for node in item["nodes"]
    ]


def _looks(panel: Panel, axe: str, state: str) -> dict[str, list[str]]:
    """What axe finds in both themes and widths, where it finds anything."""
    found: dict[str, list[str]] = {}
    for theme in ("light", "dark"):
        # As TensorBoard's own button does it.
        panel.page.evaluate(
            "on => document.body.classList.toggle('dark-mode', on)", theme == "dark"
        )
        expect(panel.frame.locator("html")).to_have_attribute("data-theme", theme)
        for width in WIDTHS:
            panel.page.set_viewport_size({"width": width, "height": 900})
            if problems := _violations(panel.frame, axe):
                found[f"{state}, {theme}, {width} px"] = problems
    return found


@one_tensorboard
@pytest.mark.parametrize("theme", ["light", "dark"])
def test_no_state_has_a_violation(panel: Panel, axe: str, theme: Theme) -> None:
    """WCAG 2.2 AA and best practice: lists, details, dialogs, menus, comparison and story."""
    panel.page.emulate_media(color_scheme=theme)
    button = panel.button
    found: dict[str, list[str]] = {}

    def look(state: str) -> None:
        for width in WIDTHS:
            panel.page.set_viewport_size({"width": width, "height": 900})
            if problems := _violations(panel.frame, axe):
                found[f"{state}, {width} px"] = problems

    panel.open(("pima", "pima-decay"))
    panel.expect_rows(10)
    expect(panel.frame.locator("html")).to_have_attribute("data-theme", theme)
    panel.frame.get_by_text("2 notices").click()
    panel.row(9).get_by_role("checkbox").click()
    look("table with a marked row, notices open")
    for menu in ("Columns", "Export"):
        button(menu).click()
        expect(panel.frame.get_by_role("group", name=menu)).to_be_visible()
        look(f"menu {menu}")
        panel.page.keyboard.press("Escape")
    panel.page.keyboard.press("?")
    expect(panel.frame.get_by_role("dialog", name="Keys")).to_be_visible()
    look("keys")
    panel.page.keyboard.press("Escape")
    button("Prune…").click()
    expect(panel.frame.get_by_role("dialog")).to_contain_text("checkpoint")
    panel.frame.get_by_text("The same as a command").first.click()
    look("prune dialog")
    panel.page.keyboard.press("Escape")

    panel.open(("pima",), select=SELECTED)
    expect(button("Verify")).to_be_visible()
    button("Verify").click()
    expect(panel.details.get_by_role("status")).to_contain_text("intact")
    button("Add").click()
    look("details with note editor")
    button("Restore to file…").click()
    look("restore dialog")
    panel.page.keyboard.press("Escape")
    panel.open(("pima",), select=GONE)
    expect(panel.details.get_by_text("Note and tags")).to_be_visible()
    look("details of a pruned checkpoint")
    panel.open(("pima",), why="pima")
    expect(panel.details.get_by_role("list")).to_be_visible()
    look("story")
    panel.open(("pima",), compare=PAIR)
    expect(panel.frame.get_by_role("region", name="Layers")).to_be_visible()
    look("comparison")
    panel.open(("pima",), filter="nothing is called so")
    expect(button("Clear filters")).to_be_visible()
    look("no match")

    assert found == {}


@one_tensorboard
def test_what_is_not_as_usual_has_no_violation(panel: Panel, axe: str) -> None:
    """Loading, updated, done, not to be done, not allowed, files that are lost, no answer."""
    panel.watch.allow("status of 4|dynamically imported module|net::ERR_FAILED")
    found: dict[str, list[str]] = {}

    def look(state: str) -> None:
        found.update(_looks(panel, axe, state))

    with panel.loading(("pima",)) as told:
        expect(told).to_be_visible(timeout=ANSWERED_MS)
        look("loading")
    panel.expect_rows(9)
    panel.page.route(PANES_ROUTE, lambda route: route.fulfill(status=404))
    panel.row(9).click()
    expect(panel.details.get_by_role("alert")).to_be_visible()
    look("updated under the page")
    panel.page.unroute(PANES_ROUTE)
    panel.page.reload()
    panel.wait()
    panel.button("Restore to file…").click()
    dialog = panel.frame.get_by_role("dialog")
    dialog.get_by_role("button", name="Restore to file").click()
    expect(dialog).to_have_accessible_name("The copy is ready")
    look("restored")
    panel.page.keyboard.press("Escape")
    for epoch in (8, 9):
        panel.row(epoch).get_by_role("checkbox").click()
    panel.button("Average…").click()
    expect(dialog.get_by_role("status")).to_have_count(0)
    look("average dialog")

    panel.forbid("The log directory is read-only for TensorBoard.")
    panel.page.reload()
    panel.wait()
    for epoch in (9, 4, 6):
        panel.row(epoch).click()
        expect(panel.details.get_by_text("Note and tags")).to_be_visible()
        look(f"details of epoch {epoch}, read-only")
    # The route given last comes first; the one before may be answering, and may not be taken away.
    panel.page.route(RUNS_ROUTE, lambda route: route.abort())
    expect(panel.frame.get_by_text("TensorBoard does not answer")).to_be_visible(
        timeout=ANSWERED_MS
    )
    look("server gone")

    assert found == {}


@one_tensorboard
@pytest.mark.parametrize("theme", ["light", "dark"])
def test_what_if_has_no_violation(panel: Panel, axe: str, theme: Theme) -> None:
    """Sliders, numbers, choices and what they would have done; with and without a callback."""
    panel.page.emulate_media(color_scheme=theme)
    found: dict[str, list[str]] = {}
    for run, settings in (("pima", "patience=2&last=1"), ("pima-decay", "")):
        panel.open((run,), whatif=f"run={run}&{settings}")
        expect(panel.details.get_by_role("status")).to_contain_text("checkpoint")
        for more in panel.frame.get_by_text("More settings").all():
            more.click()
        for width in WIDTHS:
            panel.page.set_viewport_size({"width": width, "height": 900})
            if problems := _violations(panel.frame, axe):
                found[f"{run}, {width} px"] = problems

    assert found == {}


@one_tensorboard
def test_asking_a_training_has_no_violation(
    panel: Panel, axe: str, tensorboard: TensorBoard
) -> None:
    """The menu of a training that listens, the dialog, and what was asked for and answered."""
    run = "panel/asked"
    found: dict[str, list[str]] = {}

    def look(state: str) -> None:
        found.update(_looks(panel, axe, state))

    with listening_training(tensorboard, run) as process:
        panel.open((run,), sort="epoch")
        panel.button("Live").click()
        panel.button("Pause").click()
        panel.button("Paused").click()
        panel.frame.get_by_text("The same as a command").click()
        look("menu of the training")
        panel.button("Stop…").click()
        look("before it is stopped")
        panel.page.keyboard.press("Escape")
        panel.row(2).click()
        panel.button("Restore into the running training…").click()
        expect(panel.frame.get_by_role("heading", name="What will happen")).to_be_visible(
            timeout=ANSWERED_MS
        )
        panel.frame.get_by_role("dialog").get_by_text("The same as a command").click()
        look("dialog with the plan")
        panel.button("Restore into the training").click()
        expect(panel.button("Undo: Restore epoch 2")).to_be_visible(timeout=ANSWERED_MS)
        look("strip with an answer")
        process.kill()
        process.wait()
        panel.button("Undo: Restore epoch 2").click()
        expect(panel.frame.get_by_text("Nobody listens")).to_be_visible(timeout=ANSWERED_MS)
        panel.button("Restore into the running training…").click()
        expect(panel.frame.get_by_text("it was killed").last).to_be_visible(timeout=ANSWERED_MS)
        look("dialog when nobody listens")

    assert found == {}


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_report_has_no_violation(browser: Browser, axe: str, theme: Theme, tmp_path: Path) -> None:
    """The file that is exported, in both of its themes, on a wide and on a narrow page."""
    sample_logs.write(tmp_path)
    run = open_run(tmp_path / "pima")
    report = tmp_path / "report.html"
    report.write_text(report_html(run.name, run.timeline, run.state), "utf-8")
    context = browser.new_context(color_scheme=theme, offline=True)
    page = context.new_page()
    page.goto(report.as_uri())
    for width in (400, *WIDTHS):
        page.set_viewport_size({"width": width, "height": 900})
        assert _violations(page, axe) == []
    context.close()


def test_empty_state_has_no_violation(
    start_tensorboard: StartTensorBoard,
    new_panel: Callable[[TensorBoard], Panel],
    tmp_path: Path,
    axe: str,
) -> None:
    """The page that says what to do where there is nothing yet."""
    panel = new_panel(start_tensorboard(tmp_path))
    for theme in ("light", "dark"):
        panel.page.emulate_media(color_scheme="dark" if theme == "dark" else "light")
        panel.open()
        assert _violations(panel.frame, axe) == []


@one_tensorboard
def test_best_checkpoint_is_found_and_restored_by_ear_and_keys(
    panel: Panel, tensorboard: TensorBoard
) -> None:
    """Names and roles lead to it, and what happens is said; no mouse, no colour, no place."""
    run = "panel/heard"
    train(tensorboard.logdir / run, 6)
    tensorboard.wait_for_checkpoints(run, 6)
    panel.open((run,))
    panel.expect_rows(6)
    keyboard = panel.page.keyboard
    expect(panel.chart).to_have_accessible_name(
        f"loss of 1 run. Best checkpoint by val_loss: 0.3000, epoch 5 of {run}."
    )

    _tab_to(panel, panel.grid)
    expect(panel.grid).to_have_accessible_name("Checkpoints, one per row")
    keyboard.press("ArrowDown")
    active = panel.grid.get_attribute("aria-activedescendant")
    row = panel.grid.get_by_role("row").filter(has=panel.frame.locator(f"[id='{active}']"))
    expect(row).to_have_accessible_name(re.compile(f"Best.*{run}.*\\b5\\b"))
    keyboard.press("Enter")
    expect(panel.details.get_by_role("heading", name=run)).to_be_focused()
    expect(panel.details).to_contain_text("Best by val_loss")

    button = panel.details.get_by_role("button", name="Restore to file…")
    _tab_to(panel, button)
    keyboard.press("Enter")
    dialog = panel.frame.get_by_role("dialog", name=f"Restore epoch 5 of “{run}” to a file?")
    expect(dialog.get_by_role("button", name="Cancel")).to_be_focused()
    _tab_to(panel, dialog.get_by_role("button", name="Restore to file"))
    keyboard.press("Enter")
    dialog = panel.frame.get_by_role("dialog", name="The copy is ready")
    expect(dialog.get_by_role("button", name="Close", exact=True)).to_be_focused()
    # Outside of a dialog nothing is said while it is open.
    expect(dialog.locator("[aria-live=polite]")).to_contain_text("Copied to")
    keyboard.press("Enter")

    expect(button).to_be_focused()
    (copy,) = (tensorboard.logdir / run / "restored").iterdir()
    assert copy.read_bytes() == (tensorboard.logdir / run / checkpoint_path(5)).read_bytes()


def _tab_to(panel: Panel, wanted: Locator) -> None:
    """Presses Tab until the focus is there."""
    for _ in range(MOST_TABS):
        panel.page.keyboard.press("Tab")
        if wanted.evaluate("element => element === document.activeElement"):
            return
    pytest.fail(f"{wanted} is not reached with {MOST_TABS} tabs")
