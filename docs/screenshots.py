"""Takes the pictures of the panel that the README shows: `python -m docs.screenshots [LOGDIR]`.

Run it from the root of the repository, in an environment for the tests. Without LOGDIR the runs of
`epochline demo` are trained for it. What is selected is the best checkpoint of the first run.
"""  # noqa: INP001 - scripts of the documentation are no package

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Literal

from playwright.sync_api import expect, sync_playwright

from tests.end_to_end.panel import CHROMIUM_ARGS, Panel, find_chromium
from tests.end_to_end.tensorboard import TensorBoard, start, stop

HERE = Path(__file__).parent
THEMES: tuple[Literal["light", "dark"], ...] = ("light", "dark")


def main() -> None:
    """Takes both pictures."""
    with tempfile.TemporaryDirectory(prefix="epochline-") as name:
        scratch = Path(name)
        if len(sys.argv) > 1:
            logdir = Path(sys.argv[1])
        else:
            logdir = scratch / "logs"
            demo = [sys.executable, "-m", "epochline", "demo", "--no-serve"]
            subprocess.run([*demo, "--logdir", logdir], check=True)
        process, server = start(
            logdir, scratch / "output.txt", loader="python", env={}, python=sys.executable
        )
        try:
            _take(server)
        finally:
            stop(process)


def _take(server: TensorBoard) -> None:
    server.wait_until_loaded(lambda server: bool(server.get("runs").json["runs"]))
    run = server.get("runs").json["runs"][0]["run"]
    selected = ["c", run, server.get("timeline", run=run).json["best"]]
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=find_chromium(playwright), args=CHROMIUM_ARGS
        )
        for theme in THEMES:
            panel = Panel(browser, server.url)
            panel.page.set_viewport_size({"width": 1440, "height": 900})
            panel.page.emulate_media(color_scheme=theme)
            panel.open(select=json.dumps(selected))
            expect(panel.details.get_by_role("button", name="Verify")).to_be_visible()
            panel.page.wait_for_load_state("networkidle")
            panel.page.screenshot(path=HERE / f"panel-{theme}.png", animations="disabled")
            panel.context.close()
        browser.close()


if __name__ == "__main__":
    main()
