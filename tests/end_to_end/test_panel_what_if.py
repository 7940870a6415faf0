"""Other settings, replayed in the panel: the server's words, the charts, the link, the command."""

from __future__ import annotations

import shlex
import subprocess
import sys
from urllib.parse import parse_qsl

import pytest
from playwright.sync_api import Locator, expect

from tests.end_to_end.conftest import one_tensorboard
from tests.end_to_end.panel import Panel
from tests.end_to_end.tensorboard import TensorBoard

pytestmark = one_tensorboard


@pytest.fixture
def pane(panel: Panel) -> Locator:
    """The pane, opened with its button."""
    panel.open(("pima",))
    panel.expect_rows(9)
    panel.button("What if").click()
    expect(panel.details.get_by_role("heading", name="What if · pima")).to_be_visible()
    expect(panel.details.get_by_role("status")).to_contain_text("EarlyStopping")
    return panel.details


def test_keys_on_a_slider_change_what_is_told_and_drawn(
    tensorboard: TensorBoard, panel: Panel, pane: Locator
) -> None:
    """The sentences are the server's; the chart gets the stop, and loses it when it goes."""
    pane.get_by_role("button", name="Close details").click()
    expect(panel.details).to_have_count(0)
    before = panel.picture(panel.chart)
    panel.button("What if").click()
    slider = pane.get_by_label("Patience, slider").first

    slider.focus()
    panel.page.keyboard.press("ArrowLeft")

    answer = tensorboard.get("whatif", run="pima", patience="2").json
    for sentence in answer["sentences"]:
        expect(pane.get_by_text(sentence, exact=True)).to_be_visible()
    expect(pane.get_by_label("Patience", exact=True).first).to_have_value("2")
    expect(pane.get_by_text("was 3")).to_be_visible()
    expect(panel.frame.get_by_role("list", name="Legend")).to_contain_text("would stop")

    pane.get_by_role("button", name="As it was").click()
    expect(pane.get_by_role("status")).to_contain_text(
        tensorboard.get("whatif", run="pima").json["sentences"][0]
    )
    pane.get_by_role("button", name="Close details").click()
    panel.expect_picture(panel.chart, before)


def test_link_holds_every_setting(panel: Panel, pane: Locator) -> None:
    """A reload, and whoever gets the link, sees the same."""
    pane.get_by_label("The newest").fill("2")
    pane.get_by_label("Min delta").first.fill("0.05")
    expect(pane.get_by_role("status")).to_contain_text("The rule last 2 would keep")

    asked = dict(parse_qsl(panel.link()["whatif"]))
    assert asked == {"run": "pima", "min_delta": "0.05", "last": "2"}
    told = pane.get_by_role("status").inner_text()
    panel.page.reload()
    panel.wait()

    expect(panel.details.get_by_role("status")).to_have_text(told, use_inner_text=True)
    expect(panel.details.get_by_label("The newest")).to_have_value("2")


def test_typing_asks_once(panel: Panel, pane: Locator) -> None:
    """What is typed in one go is one request."""
    field = pane.get_by_label("GPUs used")
    before = len(panel.watch.requests)

    field.fill("")
    field.press_sequentially("128", delay=10)

    expect(pane.get_by_text("on 128 GPUs")).to_have_count(0)  # nothing is saved: it stops as it did
    panel.page.wait_for_timeout(500)
    asked = [url for url in panel.watch.requests[before:] if "whatif" in url]
    assert [url.partition("?")[2] for url in asked] == ["run=pima&gpus=128"]


def test_mistake_is_told_beside_the_fields(panel: Panel, pane: Locator) -> None:
    """What the server refuses is said in its words, and can be corrected."""
    panel.watch.allow("400")
    pane.get_by_label("Factor", exact=True).fill("2")
    expect(pane.get_by_role("alert")).to_contain_text("factor is 2.0")

    pane.get_by_label("Factor", exact=True).fill("0.5")
    expect(pane.get_by_role("status")).to_contain_text("EarlyStopping")


def test_command_says_the_same(tensorboard: TensorBoard, panel: Panel, pane: Locator) -> None:
    """What is there to be copied runs, and prints the sentences."""
    panel.open(("pima",), whatif="run=pima&patience=2&lr_patience=4")
    expect(pane.get_by_role("status")).to_contain_text("would have stopped after epoch 4")
    pane.get_by_text("The same as a command").click()
    command = pane.get_by_role("region", name="CLI code: what if, pima").inner_text()

    words = [sys.executable, "-m", *shlex.split(command)]
    printed = subprocess.run(words, check=True, capture_output=True, text=True).stdout
    answer = tensorboard.get("whatif", run="pima", patience="2", lr_patience="4").json
    assert printed.splitlines() == [*answer["sentences"], *answer["notes"]]
