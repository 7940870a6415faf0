"""What the panel says when it has no data yet, was updated, or must not act; and how it gives way.

The states of a run and of its files are in the other modules: no log, no match, a server that is
gone, gaps, and checkpoints that are pruned, missing, corrupt or failed.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Browser, expect

from tests.end_to_end.conftest import one_tensorboard
from tests.end_to_end.panel import CHROMIUM_ARGS, PANES_ROUTE, Panel
from tests.end_to_end.sample_logs import BEST_ID
from tests.end_to_end.tensorboard import TensorBoard

pytestmark = one_tensorboard
PLAIN_HOST = "tb.example"
READ_ONLY = "The log directory is read-only for TensorBoard."


def test_slow_first_answer_is_told(panel: Panel) -> None:
    """Until the data are there the page says that it waits for them."""
    with panel.loading(("pima",)) as told:
        expect(told).to_have_text("Loading checkpoints…", timeout=60_000)
    panel.expect_rows(9)
    expect(panel.frame.get_by_text("Loading checkpoints…")).to_have_count(0)


def test_update_under_the_page_asks_for_a_reload(panel: Panel) -> None:
    """A part of the old plugin that the server no longer has is told; nothing is lost by it."""
    panel.open(("pima",))
    panel.watch.allow("404|dynamically imported module")
    panel.page.route(PANES_ROUTE, lambda route: route.fulfill(status=404))
    panel.row(9).click()

    told = panel.details.get_by_role("alert")
    expect(told).to_contain_text("The plugin was updated. Reload this page to continue.")
    panel.page.unroute_all()
    told.get_by_role("button", name="Reload").click()
    expect(panel.details.get_by_text("Best by val_accuracy")).to_be_visible(timeout=60_000)


@pytest.fixture
def forbidden(panel: Panel) -> Panel:
    """The panel of a server that lets nobody change anything."""
    panel.forbid(READ_ONLY)
    return panel


def test_what_is_not_allowed_is_off_and_says_why(forbidden: Panel) -> None:
    """Buttons and keys alike; what the button would do is there as a command."""
    forbidden.open(("pima",))
    forbidden.row(9).click()

    for name in ("Restore to file…", "Pin"):
        button = forbidden.details.get_by_role("button", name=name, exact=True)
        expect(button).to_have_attribute("aria-disabled", "true")
        expect(button).to_have_accessible_description(re.compile(re.escape(READ_ONLY)))
        button.click(force=True)
    forbidden.grid.press("p")
    expect(forbidden.frame.locator("[aria-live=polite]")).to_contain_text(READ_ONLY)
    forbidden.grid.press("r")
    expect(forbidden.frame.get_by_role("dialog")).to_have_count(0)
    assert not [url for url in forbidden.watch.requests if re.search("/(pin|restore)$", url)]
    command = forbidden.details.get_by_text(re.compile(f"^epochline pin .*@{BEST_ID}$"))
    expect(command).to_be_visible()


@pytest.fixture
def plain(browser: Browser, chromium: str, tensorboard: TensorBoard) -> Iterator[Panel]:
    """The panel of a machine that is reached by name and without TLS."""
    rule = f"--host-resolver-rules=MAP {PLAIN_HOST} 127.0.0.1"
    other = browser.browser_type.launch(executable_path=chromium, args=[*CHROMIUM_ARGS, rule])
    there = replace(tensorboard, url=tensorboard.url.replace("127.0.0.1", PLAIN_HOST))
    panel = Panel(other, there.url)
    yield panel
    other.close()
    assert panel.watch.problems == []


def test_copying_works_without_the_clipboard_of_secure_pages(plain: Panel) -> None:
    """Where the browser hides its clipboard from pages over plain http, the text gets there too."""
    plain.open(("pima",))
    assert urlsplit(plain.page.url).hostname == PLAIN_HOST
    assert plain.frame.evaluate("isSecureContext") is False
    plain.row(9).click()

    plain.button("Copy path").click()
    expect(plain.details.get_by_text("Copied").first).to_be_visible()
    box = plain.frame.get_by_label("Filter checkpoints")
    box.press("ControlOrMeta+v")
    expect(box).to_have_value(re.compile(r"/pima/checkpoints/epoch-0009-12\.weights\.h5$"))


def test_page_at_twice_the_size_loses_nothing(panel: Panel) -> None:
    """At 200 % of 1440 px nothing sticks out, and the best checkpoint is found and opened."""
    panel.page.set_viewport_size({"width": 720, "height": 500})
    panel.open(("pima",))
    panel.expect_rows(9)

    sticks_out = "document.documentElement.scrollWidth - innerWidth"
    assert panel.frame.evaluate(sticks_out) <= 0
    panel.frame.get_by_role("main").get_by_text("Best", exact=True).click()
    expect(panel.button("Restore to file…")).to_be_visible()
    assert panel.frame.evaluate(sticks_out) <= 0
    panel.page.keyboard.press("Escape")
    expect(panel.details).to_have_count(0)


@pytest.mark.parametrize(("motion", "moves"), [("reduce", False), ("no-preference", True)])
def test_nothing_moves_for_who_wants_that(panel: Panel, motion: str, *, moves: bool) -> None:
    """No transition and no animation."""
    panel.page.emulate_media(reduced_motion="reduce" if motion == "reduce" else "no-preference")
    panel.open(("pima",))
    times = "[...document.querySelectorAll('*')].map((one) => getComputedStyle(one))"
    moving = f"{times}.some((s) => s.transitionDuration !== '0s' || s.animationName !== 'none')"
    assert panel.frame.evaluate(moving) is moves


def test_forced_colours_keep_what_colour_says(panel: Panel) -> None:
    """Runs keep their colours; what is chosen or marked does not only differ by its background."""
    panel.open(("pima", "pima-decay"))
    own = [panel.colour(run) for run in ("pima", "pima-decay")]
    panel.page.emulate_media(forced_colors="active")

    assert [panel.colour(run) for run in ("pima", "pima-decay")] == own
    outlines = [
        panel.frame.get_by_role("radio", name=name).evaluate(
            "radio => getComputedStyle(radio.nextElementSibling).outlineStyle"
        )
        for name in ("Epoch", "Step")
    ]
    assert outlines == ["solid", "none"]
    box = panel.row(9).first.get_by_role("checkbox")
    before = box.screenshot()
    box.click()
    panel.page.mouse.move(0, 0)
    assert box.screenshot() != before
