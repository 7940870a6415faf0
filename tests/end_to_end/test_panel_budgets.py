"""What the panel may cost: 100 runs of 1,000 epochs with 10,000 checkpoints, beside Time Series.

Budgets are shares of what Time Series costs with the same curves on the same machine, whatever that
is: opening it took 1.3 s of the main thread where the budgets were set.
"""

from __future__ import annotations

import functools
import gzip
import re
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import tensorboard_data_server
from playwright.sync_api import Browser

import tensorboard_plugin_epochline
from tests.end_to_end import many_runs
from tests.end_to_end.conftest import StartTensorBoard
from tests.end_to_end.panel import Panel
from tests.end_to_end.panel_costs import cost_of_panel, cost_of_ticks, cost_of_time_series
from tests.end_to_end.tensorboard import TensorBoard

RUNS = 100
EPOCHS = 1_000
TO_GO = 20
SAVE_EVERY = 10
CHECKPOINTS = (RUNS * EPOCHS - TO_GO) // SAVE_EVERY
CURVES = 2 * RUNS
TIME_SERIES_MS = 1_300.0

OPEN_MS = 600.0
HOVER_MS = 8.0
SCROLL_MS = 14.0
TICK_MS = 40.0
HEAP_MB = 60.0
INITIAL_BYTES = 60_000
_IMPORT = re.compile(rb"""(?:^|[;}\n])(?:im|ex)port[^"'()]*["']\./([^"']+)["']""")


@pytest.fixture(scope="module")
def many(
    start_tensorboard: StartTensorBoard, tmp_path_factory: pytest.TempPathFactory
) -> TensorBoard:
    """A TensorBoard that has loaded all of them."""
    logdir = tmp_path_factory.mktemp("many")
    many_runs.write(logdir, runs=RUNS, epochs=EPOCHS, save_every=SAVE_EVERY, to_go=TO_GO)
    loader = "rust" if tensorboard_data_server.server_binary() else "python"
    server = start_tensorboard(logdir, loader=loader)
    server.wait_until_loaded(_is_loaded)
    return server


def _is_loaded(server: TensorBoard) -> bool:
    if len(server.get("runs").json["runs"]) < RUNS:
        return False
    reply = server.get("timeline", run=f"sweep/{RUNS - 1:03d}")
    return reply.status == 200 and len(reply.json["history"]["epoch"]) == EPOCHS - TO_GO


@pytest.mark.alone
def test_panel_stays_within_its_budgets(
    browser: Browser,
    many: TensorBoard,
    new_panel: Callable[[TensorBoard], Panel],
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Opening, pointing, scrolling, news and memory; the ratios to Time Series are printed."""
    theirs = cost_of_time_series(browser, many, CURVES)
    panel = new_panel(many)
    ours = cost_of_panel(panel, CHECKPOINTS)
    save = functools.partial(many_runs.save_another, many.logdir, number=RUNS - 1)
    ticks = cost_of_ticks(panel, CHECKPOINTS, lambda more: save(epoch=EPOCHS - TO_GO + more))
    tick = min(ticks)
    slowness = theirs.open_ms / TIME_SERIES_MS
    with capsys.disabled():
        sys.stdout.write(
            f"\npanel / Time Series: open {ours.open_ms:.0f} / {theirs.open_ms:.0f} ms"
            f" = {ours.open_ms / theirs.open_ms:.2f},"
            f" hover {ours.hover_ms:.1f} / {theirs.hover_ms:.1f} ms"
            f" = {ours.hover_ms / theirs.hover_ms:.2f},"
            f" heap {ours.heap_mb:.0f} / {theirs.heap_mb:.0f} MB;"
            f" scroll {ours.scroll_ms:.1f} ms, ticks {min(ticks):.1f} to {max(ticks):.1f} ms;"
            f" this machine is {slowness:.1f} times as slow as the one of the budgets\n"
        )

    assert ours.open_ms < OPEN_MS * slowness
    assert ours.open_ms < theirs.open_ms / 3
    assert ours.hover_ms < HOVER_MS * slowness
    assert ours.scroll_ms < SCROLL_MS * slowness
    assert tick < TICK_MS * slowness
    assert ours.heap_mb < HEAP_MB


def test_first_look_is_small() -> None:
    """JavaScript and CSS that are loaded before anything is seen, as they are sent."""
    assert _initial_bytes() <= INITIAL_BYTES


def _initial_bytes() -> int:
    static = Path(tensorboard_plugin_epochline.__file__).parent / "static"
    sizes: dict[str, int] = {}
    waiting = ["index.js"]
    while waiting:
        name = waiting.pop()
        if name in sizes:
            continue
        source = (static / name).read_bytes()
        sizes[name] = len(gzip.compress(source))
        # What is imported at once; `import("./…")` waits until it is needed.
        waiting += [found.decode() for found in _IMPORT.findall(source)]
    return sum(sizes.values())
