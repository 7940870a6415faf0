"""A comparison of large files in the panel: rows as they come, Stop, Continue, and its end."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from playwright.sync_api import Locator, Route, expect

from epochline.dtypes import block_bytes
from epochline.events import CheckpointSaved, EndReason, EpochEnded, SaveReason, SessionStarted
from epochline.layout import Layout, Variable
from epochline.session import Session
from epochline.statistics import Measurer
from epochline.store import digest_bytes
from tests.end_to_end.conftest import StartTensorBoard
from tests.end_to_end.panel import Panel
from tests.end_to_end.tensorboard import TensorBoard

LAYERS = 4
BLOCKS_PER_LAYER = 2
BOTH = [json.dumps(["c", "large", f"{number:016x}"], separators=(",", ":")) for number in (1, 2)]
# Read by the interpreter of the server when it starts: each request compares one block.
HOOK = """
from tensorboard_plugin_epochline import diff
diff.PIECE_SECONDS = 0
"""


def _write(run_dir: Path) -> None:
    """Writes a run with two checkpoints, of which every layer has changed."""
    size = BLOCKS_PER_LAYER * block_bytes("float32")
    layout = Layout.of(
        Variable(
            dataset=f"layers/{name}/vars/0",
            name=f"{name}/kernel",
            dtype="float32",
            shape=(size // 4,),
            offset=place * size,
            size_bytes=size,
            trainable=True,
        )
        for place, name in enumerate(_names())
    )
    session = Session(run_dir)
    session.start()
    session.record(SessionStarted(planned_epochs=2))
    session.record(layout.to_event())
    for number in (1, 2):
        raws = [np.full(size // 4, number + place, "f4").tobytes() for place in range(LAYERS)]
        data, measurer = b"".join(raws), Measurer()
        for raw in raws:
            measurer.add(raw, "float32")
        path, name = f"checkpoints/{number}.weights.h5", f"{number:016x}"
        (run_dir / path).parent.mkdir(exist_ok=True)
        (run_dir / path).write_bytes(data)
        session.epoch, session.step = number - 1, number
        metrics = {"loss": 1 / number}
        session.record(EpochEnded(metrics=metrics))
        session.record(
            CheckpointSaved(
                id=name,
                path=path,
                size_bytes=len(data),
                digest=digest_bytes(data),
                metrics=metrics,
                reason=SaveReason.SCHEDULED,
                owned=True,
            )
        )
        session.record(measurer.result().to_event(id=name, layout=layout.id))
    session.end(EndReason.COMPLETED)


def _names() -> list[str]:
    return [f"dense_{place}" for place in range(LAYERS)]


@pytest.fixture(scope="module")
def server(
    start_tensorboard: StartTensorBoard, tmp_path_factory: pytest.TempPathFactory
) -> TensorBoard:
    """A TensorBoard that compares one block per request."""
    logdir, hook = tmp_path_factory.mktemp("logs"), tmp_path_factory.mktemp("hook")
    _write(logdir / "large")
    (hook / "sitecustomize.py").write_text(HOOK)
    path = os.pathsep.join([str(hook), *filter(None, [os.environ.get("PYTHONPATH")])])
    server = start_tensorboard(logdir, "--path_prefix=/some/prefix", env={"PYTHONPATH": path})
    server.wait_for_checkpoints("large", 2)
    return server


class Gate:
    """Lets so many requests through to the server, and holds the others."""

    def __init__(self, panel: Panel) -> None:
        self.left = 0
        self.asked = 0
        self._held: list[Route] = []
        panel.page.route("**/diff?*", self._arrived)

    def _arrived(self, route: Route) -> None:
        self.asked += 1
        self._held.append(route)
        self._let()

    def let(self, count: int) -> None:
        """Lets so many more through."""
        self.left += count
        self._let()

    def _let(self) -> None:
        while self._held and self.left > 0:
            self.left -= 1
            self._held.pop(0).continue_()

    def forget(self) -> None:
        """Lets go of requests that the page has given up."""
        for route in self._held:
            route.abort()
        self._held.clear()


def _rows(view: Locator) -> Locator:
    return view.get_by_role("region", name="Layers").get_by_role("rowheader")


def _button(view: Locator, name: str) -> Locator:
    return view.get_by_role("button", name=name, exact=True)


@pytest.fixture
def view(new_panel: Callable[[TensorBoard], Panel], server: TensorBoard) -> tuple[Panel, Gate]:
    """A page that is not opened yet, and the gate in front of its server."""
    panel = new_panel(server)
    return panel, Gate(panel)


def _compare(panel: Panel, pair: list[str]) -> Locator:
    panel.open(("large",), compare=json.dumps(pair))
    return panel.frame.get_by_role("main", name="Compare")


def _expect_no_more(panel: Panel, gate: Gate) -> None:
    """Waits until the panel, which is alive, has looked for news twice, but asked for no diff."""
    asked = gate.asked
    for _ in range(2):
        with panel.page.expect_request("**/epochline/runs"):
            pass
    assert gate.asked == asked


def test_layers_come_as_they_are_compared_until_it_is_stopped(view: tuple[Panel, Gate]) -> None:
    """Stop keeps what is there and asks for nothing more; Continue goes on from there."""
    panel, gate = view
    gate.let(BLOCKS_PER_LAYER + 1)
    compare = _compare(panel, BOTH)

    expect(_rows(compare)).to_have_text(["dense_0"])
    bar = compare.get_by_role("progressbar", name="Bytes compared")
    read = 2 * (BLOCKS_PER_LAYER + 1) * block_bytes("float32")
    expect(bar).to_have_attribute("value", str(read))
    expect(bar).to_have_attribute(
        "max", str(2 * LAYERS * BLOCKS_PER_LAYER * block_bytes("float32"))
    )
    expect(compare.get_by_text("1 of 4 variables, 3.1 MB of 8.4 MB")).to_be_visible()

    _button(compare, "Stop").click()
    expect(compare.get_by_text("Stopped after 1 of 4 variables")).to_be_visible()
    gate.forget()
    _expect_no_more(panel, gate)
    expect(_rows(compare)).to_have_text(["dense_0"])

    gate.let(1)
    _button(compare, "Continue").click()
    expect(bar).to_have_attribute("value", str(read + 2 * block_bytes("float32")))
    gate.let(2 * LAYERS * BLOCKS_PER_LAYER)
    expect(compare.get_by_text("The weights changed by")).to_be_visible()
    expect(_rows(compare)).to_have_count(LAYERS)
    expect(bar).to_be_hidden()
    _expect_no_more(panel, gate)


def test_closing_ends_the_work(view: tuple[Panel, Gate]) -> None:
    """Nobody asks for the rest."""
    panel, gate = view
    gate.let(1)
    compare = _compare(panel, BOTH[::-1])
    expect(compare.get_by_role("progressbar")).to_be_visible()

    panel.page.keyboard.press("Escape")
    expect(compare).to_be_hidden()
    gate.forget()
    _expect_no_more(panel, gate)
