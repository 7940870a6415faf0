"""What the panel, and TensorBoard's own Time Series on the same runs, cost the browser.

A cost is CPU time of the page's main thread as Chromium counts it, without what the test itself
asks of the page, so that other work on the machine hardly changes it. TensorBoard's page around
them is part of both.
"""

from __future__ import annotations

import functools
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from playwright.sync_api import Browser, Locator, Page, expect

from tests.end_to_end.panel import LOAD_MS, Panel
from tests.end_to_end.tensorboard import TensorBoard

__all__ = ["Costs", "Meter", "cost_of_panel", "cost_of_ticks", "cost_of_time_series"]

VISITS = 3
MOVES = 60
WHEEL_PX = 96
FRAME_MS = 20
QUIET_SECONDS = 0.5
QUIET_CPU_MS = 4.0
TICKS = 5
# TensorBoard reads the news, the panel asks every two seconds, and then draws.
TICK_SECONDS = 4.0
# A page without data: nothing is drawn there, and no dashboard is built yet.
ELSEWHERE = "#text"
LINES = "line-chart .series-view, line-chart canvas"
CURVES = "scalar-card tr, scalar-card tb-data-table-content-row"


@dataclass(frozen=True, slots=True, kw_only=True)
class Costs:
    """Costs of one visit.

    Attributes:
        open_ms: From the click on the tab until everything is drawn.
        hover_ms: For each move of the pointer over the chart.
        scroll_ms: For each turn of the wheel over the list: the table, or the runs.
        heap_mb: What is alive afterwards, in MB.
    """

    open_ms: float
    hover_ms: float
    scroll_ms: float
    heap_mb: float


class Meter:
    """Reads the browser's own counters of a page."""

    def __init__(self, page: Page) -> None:
        self._page = page
        self._session = page.context.new_cdp_session(page)
        self._session.send("Performance.enable", {"timeDomain": "threadTicks"})

    def _counters(self) -> dict[str, float]:
        answer: dict[str, Any] = self._session.send("Performance.getMetrics")
        return {item["name"]: item["value"] for item in answer["metrics"]}

    def cpu_ms(self) -> float:
        """CPU time of the main thread so far."""
        counters = self._counters()
        return 1000 * (counters["TaskDuration"] - counters["DevToolsCommandDuration"])

    def wait_until_quiet(self) -> float:
        """Waits until the page does nothing any more; returns the CPU time until then."""
        end = time.monotonic() + LOAD_MS / 1000
        before = self.cpu_ms()
        while time.monotonic() < end:
            self._page.wait_for_timeout(1000 * QUIET_SECONDS)
            now = self.cpu_ms()
            if now - before < QUIET_CPU_MS:
                return before
            before = now
        raise AssertionError("the page does not come to rest")

    def heap_mb(self) -> float:
        """Returns what is alive after a garbage collection."""
        self._session.send("HeapProfiler.collectGarbage")
        return self._counters()["JSHeapUsedSize"] / 1e6

    def each(self, count: int, act: Callable[[int], None]) -> float:
        """Does something again and again, a frame after the other; returns its mean cost in ms."""
        before = self.wait_until_quiet()
        for number in range(count):
            act(number)
            self._page.wait_for_timeout(FRAME_MS)
        return (self.wait_until_quiet() - before) / count


def _open(page: Page, server: str, tab: str, is_drawn: Callable[[], bool]) -> float:
    """Opens a tab from another one; returns what it costs until everything is drawn, in ms."""
    page.set_viewport_size({"width": 1440, "height": 900})
    page.goto("about:blank")
    page.goto(server + ELSEWHERE)
    there = page.get_by_role("tab", name=tab)
    expect(there).to_be_visible(timeout=LOAD_MS)
    meter = Meter(page)
    before = meter.wait_until_quiet()
    there.click()
    end = time.monotonic() + LOAD_MS / 1000
    while time.monotonic() < end:
        # Only looked at when it is quiet: looking is work for the page, too.
        quiet = meter.wait_until_quiet()
        if is_drawn():
            return quiet - before
    raise AssertionError(f"{tab} does not show everything")


def _open_panel(panel: Panel, checkpoints: int) -> float:
    return _open(
        panel.page,
        panel.server,
        "Checkpoints",
        lambda: panel.is_open() and panel.rows_counted() == checkpoints,
    )


def cost_of_panel(panel: Panel, checkpoints: int) -> Costs:
    """Visits the panel, which shows all runs; the browser has drawn it once before."""
    opened = min(_open_panel(panel, checkpoints) for _ in range(VISITS))
    meter = Meter(panel.page)
    hover = _hover(panel.page, meter, panel.chart)
    scroll = _scroll(panel.page, meter, panel.grid)
    return Costs(open_ms=opened, hover_ms=hover, scroll_ms=scroll, heap_mb=meter.heap_mb())


def cost_of_ticks(panel: Panel, checkpoints: int, save: Callable[[int], None]) -> list[float]:
    """Returns what each of a few checkpoints that come in costs the open panel, in ms.

    That is what the page does while one comes in beyond the least that it does in the same time
    without one. Now and then the browser collects garbage of the whole page meanwhile.

    Args:
        panel: The panel, open.
        checkpoints: How many there are before.
        save: Saves another one; told how many it saved before.
    """
    meter = Meter(panel.page)
    idle_ms = min(_cpu_ms_of_a_while(panel, meter) for _ in range(TICKS))
    ticks: list[float] = []
    for number in range(TICKS):
        tick_ms = _cpu_ms_of_a_while(panel, meter, functools.partial(save, number)) - idle_ms
        # Only looked at in between: looking is work for the page, too.
        while panel.rows_counted() <= checkpoints + number:
            tick_ms += _cpu_ms_of_a_while(panel, meter) - idle_ms
        ticks.append(tick_ms)
    return ticks


def _cpu_ms_of_a_while(panel: Panel, meter: Meter, act: Callable[[], None] | None = None) -> float:
    before = meter.wait_until_quiet()
    if act is not None:
        act()
    panel.page.wait_for_timeout(1000 * TICK_SECONDS)
    return meter.cpu_ms() - before


def cost_of_time_series(browser: Browser, server: TensorBoard, curves: int) -> Costs:
    """Visits Time Series, which shows `curves` curves; the browser has drawn it once before."""
    context = browser.new_context(viewport={"width": 1440, "height": 900})
    page = context.new_page()
    opened = min(_open_time_series(page, server, curves) for _ in range(VISITS))
    meter = Meter(page)
    hover = _hover(page, meter, page.locator(LINES).first)
    scroll = _scroll(page, meter, page.locator("runs-data-table").first)
    heap_mb = meter.heap_mb()
    context.close()
    return Costs(open_ms=opened, hover_ms=hover, scroll_ms=scroll, heap_mb=heap_mb)


def _open_time_series(page: Page, server: TensorBoard, curves: int) -> float:
    return _open(
        page,
        server.url,
        "Time Series",
        lambda: page.locator(LINES).count() > 0 and page.locator(CURVES).count() == curves,
    )


def _hover(page: Page, meter: Meter, chart: Locator) -> float:
    box = chart.bounding_box()
    assert box is not None
    left, top = box["x"] + 0.2 * box["width"], box["y"] + 0.3 * box["height"]

    def move(number: int) -> None:
        part = number / MOVES
        page.mouse.move(left + 0.6 * box["width"] * part, top + 0.4 * box["height"] * part)

    cost = meter.each(MOVES, move)
    page.mouse.move(0, 0)
    return cost


def _scroll(page: Page, meter: Meter, rows: Locator) -> float:
    rows.hover()
    return meter.each(MOVES, lambda _: page.mouse.wheel(0, WHEEL_PX))
