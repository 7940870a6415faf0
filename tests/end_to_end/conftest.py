"""Real TensorBoards over real event files, and real browsers.

`tensorboard` shows the sample runs and is shared by all tests; `start_tensorboard` starts any
other.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn, Protocol

import pytest

from tests.end_to_end import sample_logs
from tests.end_to_end.tensorboard import TensorBoard, Variant, start, stop, variants

if TYPE_CHECKING:
    # Not there where the plugin is tested without browser and TensorFlow.
    from playwright.sync_api import Browser, Playwright

    from tests.end_to_end.panel import Panel

one_tensorboard = pytest.mark.parametrize("tensorboard", variants()[:1], indirect=True, ids=str)
"""Runs a test with one variant of `tensorboard` only: for what no loader can change."""


class StartTensorBoard(Protocol):
    """Starts a TensorBoard, which is stopped after the module."""

    def __call__(
        self,
        logdir: Path,
        *args: str,
        loader: str = ...,
        env: Mapping[str, str] | None = ...,
    ) -> TensorBoard:
        """Starts it and returns when it serves."""
        ...


@pytest.fixture(scope="module")
def start_tensorboard(tmp_path_factory: pytest.TempPathFactory) -> Iterator[StartTensorBoard]:
    """A function that starts TensorBoard on a free loopback port."""
    running: list[subprocess.Popen[bytes]] = []

    def run(
        logdir: Path,
        *args: str,
        loader: str = "python",
        env: Mapping[str, str] | None = None,
    ) -> TensorBoard:
        log = tmp_path_factory.mktemp("tensorboard") / "output.txt"
        process, server = start(
            logdir, log, *args, loader=loader, env=env or {}, python=sys.executable
        )
        running.append(process)
        return server

    yield run
    for process in running:
        stop(process)


@pytest.fixture(scope="session", params=variants(), ids=str)
def tensorboard(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[TensorBoard]:
    """A TensorBoard over the sample runs, in each variant that this machine has.

    Tests that change anything write a run of their own below its log directory.
    """
    variant: Variant = request.param
    logdir = tmp_path_factory.mktemp("logs")
    sample_logs.write(logdir)
    log = tmp_path_factory.mktemp("tensorboard") / "output.txt"
    process, server = start(
        logdir, log, *variant.args, loader=variant.loader, env={}, python=variant.python
    )
    try:
        server.wait_until_loaded(sample_logs.is_loaded)
        yield server
    finally:
        stop(process)


@pytest.fixture(scope="session")
def playwright() -> Iterator[Playwright]:
    """What drives the browsers; a thread can have one only."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        yield playwright


@pytest.fixture(scope="session")
def chromium(playwright: Playwright) -> str:
    """Path of a Chromium: `$CHROMIUM`, the system's, or Playwright's own."""
    from tests.end_to_end.panel import find_chromium

    return find_chromium(playwright) or _without_browser(
        "There is no Chromium for the browser tests. Get one with `python -m playwright install "
        "chromium` or your system's packages, or set CHROMIUM to the path of one."
    )


@pytest.fixture(scope="session")
def firefox() -> str:
    """Path of a Firefox: `$FIREFOX`, or the system's."""
    from tests.end_to_end.panel import find_firefox

    return find_firefox() or _without_browser(
        "There is no Firefox for the browser tests. Get one with your system's packages, or set "
        "FIREFOX to the path of one."
    )


def _without_browser(message: str) -> NoReturn:
    if os.environ.get("CI") == "true":
        pytest.fail(message)
    pytest.skip(message)


@pytest.fixture(scope="session")
def browser(playwright: Playwright, chromium: str) -> Iterator[Browser]:
    """The one browser of all tests but those of `test_panel_firefox.py`."""
    from tests.end_to_end.panel import CHROMIUM_ARGS

    browser = playwright.chromium.launch(executable_path=chromium, args=CHROMIUM_ARGS)
    yield browser
    browser.close()


@pytest.fixture
def new_panel(browser: Browser) -> Iterator[Callable[[TensorBoard], Panel]]:
    """A function that makes a page for the panel of any TensorBoard.

    What the browser reports as an error while the test runs makes it fail.
    """
    from tests.end_to_end.panel import Panel

    panels: list[Panel] = []

    def make(server: TensorBoard) -> Panel:
        panels.append(Panel(browser, server.url))
        return panels[-1]

    yield make
    for panel in panels:
        panel.context.close()
    assert [problem for panel in panels for problem in panel.watch.problems] == []


@pytest.fixture
def panel(new_panel: Callable[[TensorBoard], Panel], tensorboard: TensorBoard) -> Panel:
    """A page for the panel of `tensorboard`, which the test opens."""
    return new_panel(tensorboard)
