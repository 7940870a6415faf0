"""The panel while things happen: trainings that begin and go on, a server that goes away."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit

from playwright.sync_api import expect

from tests.end_to_end.conftest import StartTensorBoard, one_tensorboard
from tests.end_to_end.live_training import train
from tests.end_to_end.panel import Panel
from tests.end_to_end.tensorboard import TensorBoard, start, stop

EPOCHS = 6
PAUSE = 0.2
AT_ONCE = 40
FOLLOWED_MS = 20_000
NEWS_SECONDS = 5
_ROOT = Path(__file__).parents[2]


@contextmanager
def _training(run_dir: Path) -> Iterator[None]:
    """A process that trains on and on and saves after each epoch."""
    module = [sys.executable, "-m", "tests.end_to_end.live_training"]
    process = subprocess.Popen([*module, run_dir, "9999", str(PAUSE), str(AT_ONCE)], cwd=_ROOT)
    try:
        yield
        assert process.poll() is None, "the training ended by itself"
    finally:
        process.kill()
        process.wait()


def _count(panel: Panel) -> int:
    return int(panel.grid.get_attribute("aria-rowcount") or 0) - 1


def test_running_training_is_followed_without_a_reload(
    tensorboard: TensorBoard, panel: Panel
) -> None:
    """New checkpoints come in while selection, details and the rows in view stay where they are."""
    run = "panel/followed"
    with _training(tensorboard.logdir / run):
        tensorboard.wait_until_loaded(
            lambda server: (
                (reply := server.get("timeline", run=run)).status == 200
                and len(reply.json["checkpoints"]["id"]) >= AT_ONCE
            )
        )
        panel.open((run,))
        expect(panel.run_item(run)).to_contain_text("live")
        panel.grid.hover()
        panel.page.mouse.wheel(0, 480)
        panel.frame.wait_for_function("document.querySelector('[role=grid]').scrollTop > 0")
        # Whatever is in the middle now: how many came in meanwhile depends on the machine.
        in_view = panel.column("Epoch")
        epoch = int(in_view[len(in_view) // 2])
        row = panel.row(epoch)
        row.click()
        expect(panel.details).to_contain_text(f"epoch {epoch} ·")
        box, count, picture = row.bounding_box(), _count(panel), panel.picture(panel.chart)

        for _ in range(2):
            count = _expect_more(panel, count)

        assert row.bounding_box() == box
        expect(row).to_have_attribute("aria-selected", "true")
        expect(panel.details).to_contain_text(f"epoch {epoch} ·")
        assert panel.picture(panel.chart) != picture
    # The process was killed: its run is no longer live.
    expect(panel.run_item(run)).not_to_contain_text("live", timeout=FOLLOWED_MS)


def _expect_more(panel: Panel, count: int) -> int:
    """Waits until there are more rows than `count`; returns how many."""
    panel.frame.wait_for_function(
        "count => Number(document.querySelector('[role=grid]').ariaRowCount) - 1 > count",
        arg=count,
        timeout=NEWS_SECONDS * 1000,
    )
    return _count(panel)


def test_first_training_fills_the_empty_panel(
    start_tensorboard: StartTensorBoard,
    new_panel: Callable[[TensorBoard], Panel],
    tmp_path: Path,
) -> None:
    """An empty log directory says what to do; what `fit` then prints is what the table shows."""
    panel = new_panel(start_tensorboard(tmp_path))
    panel.open()
    title = panel.frame.get_by_role("heading", name="No checkpoints in this log directory yet")
    expect(title).to_be_visible()
    code = panel.frame.get_by_role("region", name="Example")
    expect(code).to_contain_text('callbacks=[epochline.callbacks.Timeline("logs/run")]')
    panel.context.grant_permissions(["clipboard-read", "clipboard-write"])
    panel.frame.get_by_role("button", name="Copy code").click()
    compile(panel.page.evaluate("navigator.clipboard.readText()"), "example", "exec")

    printed = _fit(tmp_path / "run")

    panel.expect_rows(EPOCHS, FOLLOWED_MS)
    expect(title).to_have_count(0)
    assert {row["Epoch"]: float(row["val_loss"]) for row in panel.table()} == printed
    (best,) = (row for row in panel.table() if row["Status"] == "Best")
    assert float(best["val_loss"]) == min(printed.values())


def _fit(run_dir: Path) -> dict[str, float]:
    """Trains with Keras; returns the validation loss by epoch as it is printed."""
    module = [sys.executable, "-m", "tests.end_to_end.keras_training"]
    quiet = {**os.environ, "TF_CPP_MIN_LOG_LEVEL": "3", "CUDA_VISIBLE_DEVICES": "-1"}
    result = subprocess.run(
        [*module, run_dir, str(EPOCHS)],
        cwd=_ROOT,
        env=quiet,
        check=True,
        stdout=subprocess.PIPE,
        text=True,
    )
    found = re.findall(r"Epoch (\d+)/\d+\n.*? - val_loss: ([\d.e-]+)", result.stdout)
    return {epoch: float(loss) for epoch, loss in found}


def test_server_that_goes_away_is_told_and_waited_for(
    new_panel: Callable[[TensorBoard], Panel], tmp_path: Path
) -> None:
    """The data stay in view under a banner until TensorBoard is back on its port."""
    train(tmp_path / "logs" / "run", 3)
    process, server = _start(tmp_path, port=0)
    panel = new_panel(server)
    try:
        panel.open()
        panel.expect_rows(3, FOLLOWED_MS)
        panel.watch.allow("ERR_CONNECTION_REFUSED")
        panel.watch.allow("ERR_CONNECTION_RESET|ERR_EMPTY_RESPONSE")  # a request under way
    finally:
        stop(process)

    banner = panel.frame.get_by_role("alert")
    expect(banner).to_contain_text(
        re.compile(r"TensorBoard does not answer\. Showing data from \d\d:\d\d:\d\d\."),
        timeout=FOLLOWED_MS,
    )
    panel.expect_rows(3)
    train(tmp_path / "logs" / "next", 2)
    process, _ = _start(tmp_path, port=urlsplit(server.url).port or 0)
    try:
        panel.expect_rows(5, 2 * FOLLOWED_MS)
        expect(banner).to_have_count(0)
    finally:
        stop(process)


def _start(directory: Path, port: int) -> tuple[subprocess.Popen[bytes], TensorBoard]:
    log = directory / "output.txt"
    return start(
        directory / "logs", log, f"--port={port}", loader="python", env={}, python=sys.executable
    )


@one_tensorboard
def test_hidden_tab_asks_nothing(panel: Panel) -> None:
    """While another tab of TensorBoard is open no request is sent; back here, at once."""
    panel.open(("pima",))
    panel.expect_rows(9)

    panel.page.get_by_role("tab", name="Time Series").click()
    expect(panel.page.locator('iframe[title="Checkpoints"]')).to_be_hidden()
    panel.page.wait_for_timeout(500)  # for a request that was under way
    panel.watch.requests.clear()
    panel.page.wait_for_timeout(5_000)  # two rounds and a half
    assert [url for url in panel.watch.requests if "/plugin/epochline/" in url] == []
    with panel.page.expect_request(re.compile("/plugin/epochline/runs"), timeout=1_500):
        panel.page.get_by_role("tab", name="Checkpoints").click()


@one_tensorboard
def test_tensorboards_reload_button_asks_at_once(panel: Panel) -> None:
    """The button in TensorBoard's header updates the panel without waiting for the next round."""
    panel.open(("pima",))
    panel.expect_rows(9)
    runs = re.compile("/plugin/epochline/runs")

    panel.page.wait_for_event("response", lambda response: bool(runs.search(response.url)))
    with panel.page.expect_request(runs, timeout=1_500):
        panel.page.get_by_role("button", name=re.compile("Last Updated")).click()
