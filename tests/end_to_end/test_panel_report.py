"""The report of a run in a real browser: handed out by the panel, and opened without a network."""

from __future__ import annotations

from pathlib import Path

import pytest
from playwright.sync_api import Browser, expect

from epochline import open_run
from epochline.events import CheckpointAnnotated, EpochEnded, SessionStarted
from epochline.report import report_html
from tests.core.recorded import Recorded
from tests.end_to_end.conftest import one_tensorboard
from tests.end_to_end.panel import Panel
from tests.end_to_end.tensorboard import TensorBoard

HOSTILE = "\"><img src=x onerror=\"document.title='run'\"><script>document.title='run'</script>"


@one_tensorboard
def test_panel_saves_what_the_server_hands_out(
    tensorboard: TensorBoard, panel: Panel, tmp_path: Path
) -> None:
    """*Export*, *Report*: the file of `epochline export`, of the run that was chosen."""
    panel.open(("pima", "pima-decay"))
    panel.expect_rows(10)
    panel.button("Export").click()
    panel.frame.get_by_label("Run to report").select_option("pima-decay")
    with panel.page.expect_download() as download:
        panel.button("Report").click()

    saved = tmp_path / "saved.html"
    download.value.save_as(saved)
    reply = tensorboard.request("GET", "data/plugin/epochline/report?run=pima-decay")
    assert download.value.suggested_filename == "pima-decay.html"
    assert saved.read_bytes() == reply.body
    expect(panel.frame.get_by_role("group", name="Export")).to_have_count(0)


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_report_opens_offline_and_runs_nothing(
    browser: Browser, tmp_path: Path, theme: str
) -> None:
    """It asks for nothing, says no error, follows the theme, and shows hostile text as text."""
    recorded = Recorded(tmp_path / "run")
    metrics = {"loss": 0.5, f"val_{HOSTILE}": 0.4}
    saved = recorded.saved(0, b"weights", metrics, callback=HOSTILE)
    recorded.put(0, SessionStarted(callbacks=(HOSTILE,), keep=HOSTILE))
    recorded.put(0, EpochEnded(metrics=metrics), saved)
    recorded.put(0, CheckpointAnnotated(id=saved.id, note=HOSTILE, tags=(HOSTILE,)))  # type: ignore[union-attr]
    run = open_run(recorded.run_dir)
    report = tmp_path / "report.html"
    report.write_text(report_html(HOSTILE, run.timeline, run.state), "utf-8")
    context = browser.new_context(color_scheme=theme, offline=True)  # type: ignore[arg-type]
    page = context.new_page()
    said: list[str] = []
    asked: list[str] = []
    page.on("console", lambda message: said.append(message.text))
    page.on("pageerror", lambda error: said.append(str(error)))
    page.on("request", lambda request: asked.append(request.url))

    page.goto(report.as_uri())

    expect(page.get_by_role("heading", level=1)).to_have_text(HOSTILE)
    expect(page.get_by_role("img")).to_have_count(2)
    expect(page).to_have_title(f"{HOSTILE} · checkpoints")
    assert (said, asked) == ([], [report.as_uri()])
    ground = page.evaluate("getComputedStyle(document.body).backgroundColor")
    assert ground == {"light": "rgb(255, 255, 255)", "dark": "rgb(32, 33, 36)"}[theme]
    context.close()
