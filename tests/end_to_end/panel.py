"""The Checkpoints panel inside a real TensorBoard in a real browser, as somebody sees it.

Knows how to open the panel and where its parts are, by roles and texts; nothing of what is shown.

Invariant: whatever the browser reports as an error, and every request that leaves the server, is
noted in `Watch.problems`.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import socket
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlsplit

from playwright.sync_api import (
    Browser,
    ConsoleMessage,
    Dialog,
    Frame,
    Locator,
    Page,
    Playwright,
    Request,
    Route,
    expect,
)

__all__ = [
    "CHROMIUM_ARGS",
    "PANES_ROUTE",
    "RUNS_ROUTE",
    "Panel",
    "Watch",
    "find_chromium",
    "find_firefox",
    "panel_url",
]

CHROMIUM_ARGS = [
    "--no-sandbox",  # containers often run as root
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    # By the machine's name a page comes as from another machine, and browsers trust it less.
    f"--host-resolver-rules=MAP {socket.gethostname()} 127.0.0.1",
]
LOAD_MS = 60_000
# A part of the panel that is loaded when it is needed.
PANES_ROUTE = re.compile(r"/panes-[^/]+\.js")
RUNS_ROUTE = re.compile(r"/plugin/epochline/runs$")
_FRAME = 'iframe[title="Checkpoints"]'
WRITTEN_MS = 300  # changes in quick succession are written into the address together

_REPORT_VIOLATIONS = """
document.addEventListener('securitypolicyviolation', (event) =>
  console.error(`content security policy: ${event.violatedDirective} ${event.blockedURI}`));
"""
# A plot is drawn in layers, which its screen puts together; one of them follows the pointer.
_PICTURE = """
(plot) => [...plot.querySelectorAll('canvas:not(.plot-focus, .plot-screen)')]
  .map((one) => one.toDataURL()).join()
"""
# The share of a plot's columns that hold a colour. An edge is a mixture, hence the tolerance.
_COLUMNS_OF_COLOUR = """
(plot, [red, green, blue]) => {
  const near = (a, b) => Math.abs(a - b) < 24;
  const columns = new Set();
  const layers = [...plot.querySelectorAll('canvas:not(.plot-focus, .plot-screen)')];
  const { width } = layers[0];
  for (const layer of layers) {
    const { data } = layer.getContext('2d').getImageData(0, 0, width, layer.height);
    for (let i = 0; i < data.length; i += 4) {
      if (data[i + 3] > 200 && near(data[i], red) && near(data[i + 1], green)
          && near(data[i + 2], blue)) columns.add((i / 4) % width);
    }
  }
  return columns.size / width;
}
"""
# The columns of a plot's screen that are a line in the colour of the crosshair.
_CROSSHAIRS = """
(plot) => {
  const edge = getComputedStyle(plot).getPropertyValue('--edge').trim();
  const colour = [1, 3, 5].map((at) => parseInt(edge.slice(at, at + 2), 16));
  const screen = plot.querySelector('.plot-screen');
  const { width, height } = screen;
  const { data } = screen.getContext('2d').getImageData(0, 0, width, height);
  const counts = new Array(width).fill(0);
  for (let i = 0; i < data.length; i += 4) {
    if (colour.every((value, k) => data[i + k] === value)) counts[(i / 4) % width]++;
  }
  return counts.filter((count) => count > 0.8 * height).length;
}
"""
_TABLE = """
(grid) => {
  // What is too long for its cell is shortened there, and whole in its title.
  const text = (cell) => cell.title || cell.innerText.trim();
  const headings = [...grid.querySelectorAll('[role=columnheader] button')].map(text);
  const rows = [...grid.querySelectorAll('[role=row]:has([role=gridcell])')];
  return rows.map((row) => Object.fromEntries(
    [...row.querySelectorAll('[role=gridcell]')].map((cell, i) => [headings[i], text(cell)])));
}
"""


def find_chromium(playwright: Playwright) -> str | None:
    """Returns the path of a Chromium: `$CHROMIUM`, the system's, or Playwright's own."""
    names = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
    own = playwright.chromium.executable_path
    return _find("CHROMIUM", names) or (own if Path(own).is_file() else None)


def find_firefox() -> str | None:
    """Returns the path of a Firefox: `$FIREFOX`, or the system's.

    Playwright's own is another one than people have, and speaks a protocol of its own.
    """
    return _find("FIREFOX", ("firefox-esr", "firefox"))


def _find(variable: str, names: Collection[str]) -> str | None:
    return os.environ.get(variable) or next(filter(None, map(shutil.which, names)), None)


def panel_url(server: str, runs: Collection[str] = (), **link: str) -> str:
    """Returns the address of the panel.

    Args:
        server: Where TensorBoard is, with a slash at the end.
        runs: The runs to show; all when empty.
        link: Further values of the link, see `frontend/src/model/deep-link.ts`.
    """
    values = {"runs": json.dumps(["show", *runs])} if runs else {}
    tokens = [f"p.epochline.{name}={quote(value)}" for name, value in (values | link).items()]
    return f"{server}#{'&'.join(['epochline', *tokens])}"


class Watch:
    """Notes what must not happen in a page.

    Args:
        page: The page, before it is opened.
        server: Where TensorBoard is; requests to anywhere else are problems.
    """

    def __init__(self, page: Page, server: str) -> None:
        self.problems: list[str] = []
        self.requests: list[str] = []
        self._server = server
        # TensorBoard asks for its fonts with absolute paths, which do not exist behind a prefix.
        origin = "{0.scheme}://{0.netloc}".format(urlsplit(server))
        self._allowed = [re.compile(re.escape(f"{origin}/font-roboto/"))]
        page.add_init_script(_REPORT_VIOLATIONS)
        page.on("pageerror", lambda error: self._note(f"page error: {error}"))
        page.on("dialog", self._asked)
        page.on("request", self._sent)
        page.on("console", self._said)

    def allow(self, pattern: str) -> None:
        """Lets problems happen that match `pattern`, because the test provokes them."""
        self._allowed.append(re.compile(pattern))

    def _asked(self, dialog: Dialog) -> None:
        self._note(f"dialog: {dialog.message}")
        dialog.dismiss()

    def _said(self, message: ConsoleMessage) -> None:
        if message.type == "error":
            self._note(f"console: {message.text} ({message.location['url']})")

    def _sent(self, request: Request) -> None:
        self.requests.append(request.url)
        if not request.url.startswith((self._server, "data:", "blob:")):
            self._note(f"request to elsewhere: {request.url}")

    def _note(self, problem: str) -> None:
        if not any(pattern.search(problem) for pattern in self._allowed):
            self.problems.append(problem)


class Panel:
    """The panel in a page of its own.

    Args:
        browser: Where the page is opened.
        server: Where TensorBoard is.
    """

    def __init__(self, browser: Browser, server: str) -> None:
        self.server = server
        self.context = browser.new_context(viewport={"width": 1440, "height": 1000})
        self.page = self.context.new_page()
        self.watch = Watch(self.page, server)

    def open(self, runs: Collection[str] = (), **link: str) -> None:
        """Opens the panel and returns when it is drawn; `link` as in `panel_url`."""
        self.page.goto(panel_url(self.server, runs, **link))
        self.wait()

    def wait(self) -> None:
        """Returns when the panel is drawn."""
        expect(self.page.locator(_FRAME)).to_be_visible(timeout=LOAD_MS)
        headings = self.frame.get_by_role("heading", level=1)
        expect(headings).to_have_count(1, timeout=LOAD_MS)
        expect(self.frame.get_by_text("Loading checkpoints…")).to_have_count(0, timeout=LOAD_MS)

    def is_open(self) -> bool:
        """Returns whether its table is there now."""
        return self.page.locator(_FRAME).count() == 1 and self.grid.count() == 1

    @contextmanager
    def loading(self, runs: Collection[str]) -> Iterator[Locator]:
        """Opens the panel, which gets no answer for as long as the block lasts.

        Yields the place where it says so.
        """
        held: list[Route] = []

        def hold(route: Route) -> None:
            held.append(route)

        self.page.route(RUNS_ROUTE, hold)
        self.page.goto(panel_url(self.server, runs))
        yield self.page.frame_locator(_FRAME).get_by_role("status")
        for route in held:
            route.continue_()
        self.page.unroute(RUNS_ROUTE)

    def forbid(self, reason: str) -> None:
        """Lets the page believe that the server may not change anything."""

        def forbidden(route: Route) -> None:
            # The whole answer each time: one that is as before has no body to change.
            headers = {**route.request.headers, "if-none-match": ""}
            answer = route.fetch(headers=headers)
            body = answer.json()
            for permission in body["actions"].values():
                permission.update(allowed=False, reason=reason, hint="")
            route.fulfill(response=answer, json=body)

        self.page.route(RUNS_ROUTE, forbidden)

    def choose_theme(self, name: str) -> None:
        """Chooses a theme in TensorBoard's own menu."""
        self.page.get_by_role("button", name="Menu for changing").click()
        self.page.get_by_role("menuitem", name=name).click()

    @property
    def frame(self) -> Frame:
        """The panel's own page inside of TensorBoard's."""
        frame = self.page.query_selector(_FRAME)
        content = frame.content_frame() if frame else None
        assert content is not None, "the panel is not open"
        return content

    @property
    def grid(self) -> Locator:
        """The table of checkpoints."""
        return self.frame.get_by_role("grid")

    @property
    def details(self) -> Locator:
        """The pane of what is selected."""
        return self.frame.get_by_role("complementary")

    @property
    def charts(self) -> Locator:
        """All charts; the arrow keys lead from mark to mark."""
        return self.frame.get_by_role("application")

    @property
    def readout(self) -> Locator:
        """The line above the charts: what is pointed at, in words."""
        return self.frame.get_by_role("region", name="Charts").get_by_role("paragraph")

    @property
    def chart(self) -> Locator:
        """The chart of the metric."""
        return self.frame.get_by_role("img", name=re.compile("of \\d+ runs?\\. "))

    @property
    def lanes(self) -> Locator:
        """The plot with a lane per run."""
        return self.frame.get_by_role("img", name=re.compile("one lane per run"))

    @property
    def learning_rates(self) -> Locator:
        """The chart of the learning rate."""
        return self.frame.get_by_role("img", name=re.compile("^Learning rate"))

    def button(self, name: str) -> Locator:
        """The first button of that name, wherever it is."""
        return self.frame.get_by_role("button", name=name, exact=True).first

    def run_box(self, run: str) -> Locator:
        """The checkbox of a run in the list."""
        return self.frame.get_by_role("checkbox", name=run, exact=True)

    def run_item(self, run: str) -> Locator:
        """What the list says of a run, which may be in a folder."""
        return self.frame.get_by_role("listitem").filter(has=self.run_box(run)).last

    def row(self, epoch: int) -> Locator:
        """The rows of an epoch, counted from one."""
        cell = self.frame.get_by_role("gridcell", name=str(epoch), exact=True)
        return self.grid.get_by_role("row").filter(has=cell)

    def expect_rows(self, count: int, timeout_ms: float | None = None) -> None:
        """Waits until the table has so many checkpoints."""
        expect(self.grid).to_have_attribute("aria-rowcount", str(count + 1), timeout=timeout_ms)

    def rows_counted(self) -> int:
        """Returns how many checkpoints the table has now."""
        return int(self.grid.get_attribute("aria-rowcount") or 0) - 1

    def table(self) -> list[dict[str, str]]:
        """The rows in view from the top, each as text by heading."""
        rows: list[dict[str, str]] = self.grid.evaluate(_TABLE)
        return rows

    def column(self, heading: str) -> list[str]:
        """The texts of a column, from the top."""
        return [row[heading] for row in self.table()]

    def colour(self, run: str) -> list[int]:
        """Red, green and blue of a run, as the list of runs shows it."""
        found: str = (
            self.run_box(run)
            .locator("xpath=..")
            .evaluate(
                "label => [...label.querySelectorAll('span')]"
                ".map((item) => getComputedStyle(item).backgroundColor)"
                ".find((colour) => !colour.startsWith('rgba'))"
            )
        )
        return [int(number) for number in re.findall(r"\d+", found)]

    def share_of_columns(self, plot: Locator, colour: list[int]) -> float:
        """How much of the width of a plot is drawn on in a colour, from 0 to 1."""
        share: float = plot.evaluate(_COLUMNS_OF_COLOUR, colour)
        return share

    def crosshairs(self, plot: Locator) -> int:
        """Returns how many crosshairs a plot has."""
        found: int = plot.evaluate(_CROSSHAIRS)
        return found

    def picture(self, plot: Locator) -> str:
        """What is drawn in a plot; equal for equal pictures."""
        data: str = plot.evaluate(_PICTURE)
        return data

    def expect_picture(self, plot: Locator, picture: str) -> None:
        """Waits until a plot is drawn like that."""
        self._wait_for_picture(plot, picture, same=True)

    def expect_other_picture(self, plot: Locator, than: str) -> str:
        """Waits until a plot is drawn in another way; returns it."""
        self._wait_for_picture(plot, than, same=False)
        return self.picture(plot)

    def _wait_for_picture(self, plot: Locator, picture: str, *, same: bool) -> None:
        self.frame.wait_for_function(
            f"([plot, picture, same]) => (({_PICTURE.strip()})(plot) === picture) === same",
            arg=[plot.element_handle(), picture, same],
        )

    def point_at_row(self, plot: Locator, row: Locator) -> tuple[float, float]:
        """Points at a row; returns where its marker in a plot is in the page."""
        row.hover()
        return self.ring(plot)

    def ring(self, plot: Locator) -> tuple[float, float]:
        """Returns where in the page the ring is that a plot has around what is pointed at."""
        ring = plot.locator(".plot-ring")
        expect(ring).to_be_visible()
        box = ring.bounding_box()
        assert box is not None
        return box["x"] + box["width"] / 2, box["y"] + box["height"] / 2

    def link(self) -> dict[str, str]:
        """What the page's address says of the panel's view."""
        self.page.wait_for_timeout(WRITTEN_MS)
        found: dict[str, Any] = self.page.evaluate(
            "Object.fromEntries([...new URLSearchParams(location.hash.slice(1))])"
        )
        prefix = "p.epochline."
        return {k.removeprefix(prefix): v for k, v in found.items() if k.startswith(prefix)}
