"""Takes the pictures of docs/panel.md: `python -m docs.state_screenshots`.

Run it from the root of the repository, in an environment for the tests. What it shows are the
sample runs of the tests, whose files have met every fate.
"""  # noqa: INP001 - scripts of the documentation are no package

from __future__ import annotations

import io
import sys
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, chdir, contextmanager
from pathlib import Path
from typing import Literal

from PIL import Image
from playwright.sync_api import Browser, Locator, expect, sync_playwright

from epochline.writer import EventWriter
from tests.end_to_end import sample_logs
from tests.end_to_end.panel import CHROMIUM_ARGS, PANES_ROUTE, Panel, find_chromium
from tests.end_to_end.tensorboard import TensorBoard, start, stop

PICTURES = Path(__file__).parent / "states"
THEMES: tuple[Literal["light", "dark"], ...] = ("light", "dark")
FILES = {"pruned": 1, "missing": 3, "failed": 4, "corrupt": 6}
READ_ONLY = "The log directory is read-only for TensorBoard."
ANSWERED_MS = 30_000
# Where a part of the details begins, less some of the space above it.
_TOP_IN_PANE = """
(part) => part.getBoundingClientRect().top
  - part.closest('aside').getBoundingClientRect().top - 8
"""


def main() -> None:
    """Takes all pictures."""
    PICTURES.mkdir(exist_ok=True)
    with ExitStack() as stack:
        name = stack.enter_context(tempfile.TemporaryDirectory(prefix="epochline-"))
        playwright = stack.enter_context(sync_playwright())
        # The empty panel tells the directory as TensorBoard was told it.
        stack.enter_context(chdir(name))
        browser = playwright.chromium.launch(
            executable_path=find_chromium(playwright), args=CHROMIUM_ARGS
        )
        curves = EventWriter(Path("logs/baseline/train"))
        curves.append_scalars(0, {"epoch_loss": 0.5})
        curves.close()
        with _tensorboard(Path("logs")) as server:
            _take_empty(browser, server)
        sample_logs.write(Path("runs"))
        with _tensorboard(Path("runs")) as server:
            server.wait_until_loaded(sample_logs.is_loaded)
            _take_loading(browser, server)
            _take_files(browser, server)
            _take_read_only(browser, server)
            _take_update(browser, server)
            _take_overviews(browser, server)
            panels = [_panel(browser, server, theme) for theme in THEMES]
            for panel in panels:
                panel.open(("pima", "pima-decay"))
                panel.expect_rows(10)
        for panel, theme in zip(panels, THEMES, strict=True):
            expect(panel.frame.get_by_role("alert")).to_be_visible(timeout=ANSWERED_MS)
            _save(_whole(panel), f"gone-{theme}")
        browser.close()


@contextmanager
def _tensorboard(logdir: Path) -> Iterator[TensorBoard]:
    log = logdir.with_suffix(".txt")
    process, server = start(logdir, log, loader="python", env={}, python=sys.executable)
    try:
        yield server
    finally:
        stop(process)


def _panel(browser: Browser, server: TensorBoard, theme: Literal["light", "dark"]) -> Panel:
    panel = Panel(browser, server.url)
    panel.page.set_viewport_size({"width": 1180, "height": 820})
    panel.page.emulate_media(color_scheme=theme)
    return panel


def _whole(panel: Panel) -> Locator:
    return panel.page.locator('iframe[title="Checkpoints"]')


def _save(part: Locator, name: str, height: float | None = None) -> None:
    """Saves the picture of a part of the page, or of its upper `height` pixels."""
    part.page.mouse.move(0, 0)
    picture = Image.open(io.BytesIO(part.screenshot(animations="disabled"))).convert("RGB")
    if height is not None:
        picture = picture.crop((0, 0, picture.width, round(height)))
    # With a palette a page of text and lines looks the same, at a third of the size.
    palette = picture.quantize(method=Image.Quantize.FASTOCTREE, dither=Image.Dither.NONE)
    palette.save(PICTURES / f"{name}.png", optimize=True)


def _save_pane(panel: Panel, name: str) -> None:
    """Saves what the details begin with: what this is, and what can be done with it."""
    height = panel.details.get_by_text("Note and tags").evaluate(_TOP_IN_PANE)
    _save(panel.details, name, height)


def _take_empty(browser: Browser, server: TensorBoard) -> None:
    for theme in THEMES:
        panel = _panel(browser, server, theme)
        panel.open()
        expect(panel.frame.get_by_text("Found 1 run")).to_be_visible(timeout=ANSWERED_MS)
        _save(_whole(panel), f"empty-{theme}")
        panel.context.close()


def _take_loading(browser: Browser, server: TensorBoard) -> None:
    panel = _panel(browser, server, "light")
    with panel.loading(("pima",)) as told:
        expect(told).to_be_visible(timeout=ANSWERED_MS)
        _save(_whole(panel), "loading")
    panel.context.close()


def _take_files(browser: Browser, server: TensorBoard) -> None:
    panel = _panel(browser, server, "light")
    panel.open(("pima",))
    for name, epoch in FILES.items():
        panel.row(epoch).click()
        expect(panel.row(epoch)).to_have_attribute("aria-selected", "true")
        _save_pane(panel, name)
    panel.context.close()


def _take_read_only(browser: Browser, server: TensorBoard) -> None:
    panel = _panel(browser, server, "light")
    panel.forbid(READ_ONLY)
    panel.open(("pima",))
    panel.row(9).click()
    _save_pane(panel, "read-only")
    panel.context.close()


def _take_update(browser: Browser, server: TensorBoard) -> None:
    panel = _panel(browser, server, "light")
    panel.open(("pima",))
    panel.page.route(PANES_ROUTE, lambda route: route.fulfill(status=404))
    panel.row(9).click()
    expect(panel.details.get_by_role("alert")).to_be_visible()
    _save(_whole(panel), "updated")
    panel.context.close()


def _take_overviews(browser: Browser, server: TensorBoard) -> None:
    panel = _panel(browser, server, "light")
    panel.open(("pima",))
    panel.frame.get_by_text("2 notices · 1 gap").click()
    _save(_whole(panel), "gap")
    panel.context.close()
    panel = _panel(browser, server, "light")
    panel.open(("pima",), filter="nothing is called so")
    expect(panel.button("Clear filters")).to_be_visible()
    _save(_whole(panel), "no-match")
    panel.context.close()


if __name__ == "__main__":
    main()
