"""The panel of a TensorBoard that others can reach: what is off, and the token that it asks for.

The servers listen on loopback only. `--host=127.1` is a spelling of 127.0.0.1 that the plugin does
not take for loopback, as it takes no name for it; the page is opened by the machine's name, and the
browser treats it as one that came over the network by plain http.
"""

from __future__ import annotations

import re
import socket
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Locator, expect

from epochline import open_run
from epochline.restore.audit import ASKED, AuditLine, audit_path, read_audit
from epochline.restore.requests import Action
from tests.end_to_end.conftest import StartTensorBoard
from tests.end_to_end.listening_training import listening_training
from tests.end_to_end.panel import Panel
from tests.end_to_end.tensorboard import TensorBoard

pytestmark = pytest.mark.timeout(300)
BEYOND_LOOPBACK = "--host=127.1"
ALLOWED = "--epochline_allow_restore"
ANSWERED_MS = 30_000
RUN = "pima"
WRONG = "0" * 64
EPOCH = 2
NewPanel = Callable[[TensorBoard], Panel]
TOKEN = re.compile(r"needs this token: ([0-9a-f]{64})\n")


@dataclass(frozen=True, slots=True, kw_only=True)
class Reached:
    """A training, and two servers that others can reach.

    Attributes:
        run_dir: Directory of the run.
        closed: The server without the flag.
        allowing: That with it.
    """

    run_dir: Path
    closed: TensorBoard
    allowing: TensorBoard

    @property
    def token(self) -> str:
        """What the server with the flag printed."""
        (found,) = TOKEN.findall(self.allowing.output())
        return str(found)

    @property
    def asked(self) -> list[AuditLine]:
        """What somebody asked for, refused or not."""
        return [line for line in read_audit(self.run_dir) if line.refused or line.outcome == ASKED]


@pytest.fixture(scope="module")
def reached(
    start_tensorboard: StartTensorBoard, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Reached]:
    """A training that listens, and two servers that show it."""
    logdir = tmp_path_factory.mktemp("logs")
    closed = start_tensorboard(logdir, BEYOND_LOOPBACK)
    allowing = start_tensorboard(logdir, BEYOND_LOOPBACK, ALLOWED)
    with listening_training(closed, RUN):
        yield Reached(run_dir=logdir / RUN, closed=closed, allowing=allowing)


@pytest.fixture
def open_panel(new_panel: NewPanel) -> NewPanel:
    """A function that opens the panel of a server by the name of this machine."""

    def opened(server: TensorBoard) -> Panel:
        port = urlsplit(server.url).port
        panel = new_panel(replace(server, url=f"http://{socket.gethostname()}:{port}/"))
        panel.open((RUN,), sort="epoch")
        assert panel.page.evaluate("isSecureContext") is False
        return panel

    return opened


def _dialog(panel: Panel) -> Locator:
    panel.row(EPOCH).click()
    panel.details.get_by_role("button", name="Restore into the running training…").click()
    return panel.frame.get_by_role("dialog")


def _live(panel: Panel) -> Locator:
    panel.button("Live").click()
    return panel.frame.get_by_role("group", name="Running training")


def _button(place: Locator, name: str) -> Locator:
    return place.get_by_role("button", name=name, exact=True)


def _give(place: Locator, token: str) -> None:
    place.get_by_label("Token").fill(token)
    _button(place, "Use token").click()


def _expect_done(panel: Panel, what: str) -> None:
    strip = panel.frame.get_by_role("region", name="Requests to running trainings")
    expect(strip).to_contain_text(re.compile(f"{what}.*Done"), timeout=ANSWERED_MS)


def _pasted_link(panel: Panel) -> str:
    """What the button copies, which a page that came by plain http may not read."""
    panel.button("Copy the link to this view").click()
    field = panel.frame.get_by_label("Filter checkpoints")
    field.focus()
    panel.page.keyboard.press("Control+V")
    pasted = field.input_value()
    field.fill("")
    return pasted


def test_without_the_flag_actions_are_off_with_the_reason(
    reached: Reached, open_panel: NewPanel
) -> None:
    """Each button says why and how to change that; pressing it asks nothing; commands are shown."""
    panel = open_panel(reached.closed)
    why = re.compile("listens on 127.1, not only on this machine.*--epochline_allow_restore")
    dialog = _dialog(panel)
    restore = _button(dialog, "Restore into the training")
    expect(restore).to_have_accessible_description(why)
    restore.click(force=True)
    expect(dialog.get_by_role("region", name=re.compile("^CLI code"))).to_contain_text("--live")
    expect(dialog.get_by_label("Token")).to_have_count(0)
    panel.page.keyboard.press("Escape")
    for name in ("Restore to file…", "Pin"):
        expect(_button(panel.details, name)).to_have_accessible_description(why)
        _button(panel.details, name).click(force=True)
    expect(panel.frame.get_by_role("dialog")).to_have_count(0)
    menu = _live(panel)
    for name in ("Pause", "Save now", "Stop…"):
        expect(_button(menu, name)).to_have_accessible_description(why)
        _button(menu, name).click(force=True)

    sent = {urlsplit(url).path.rpartition("/")[2] for url in panel.watch.requests}
    assert sent.isdisjoint({"live", "pin", "restore", "annotate", "prune"})
    assert reached.asked == []


def test_token_is_asked_for_once(reached: Reached, open_panel: NewPanel) -> None:
    """A wrong one is refused in words; the right one goes on working, also after a reload."""
    panel = open_panel(reached.allowing)
    panel.watch.allow("status of 403 .*/plugin/epochline/live")
    dialog = _dialog(panel)
    _give(dialog, WRONG)
    alert = dialog.get_by_role("alert")
    expect(alert).to_contain_text("not the token that this TensorBoard printed. Each start prints")
    expect(dialog.get_by_label("Token")).to_be_focused()
    expect(_button(dialog, "Restore into the training")).to_be_disabled()
    (refused,) = reached.asked
    assert (refused.action, refused.outcome) == (Action.RESTORE, "forbidden")

    _give(dialog, reached.token)
    expect(dialog.get_by_role("heading", name="What will happen")).to_be_visible(
        timeout=ANSWERED_MS
    )
    expect(alert).to_have_count(0)
    _button(dialog, "Restore into the training").click()
    _expect_done(panel, f"Restore epoch {EPOCH}")
    _button(_live(panel), "Save now").click()
    _expect_done(panel, "Save now")

    panel.page.reload()
    panel.wait()
    _button(_live(panel), "Undo last restore").click()
    _expect_done(panel, "Undo")
    restored, undone = open_run(reached.run_dir).restores
    assert undone.checkpoint == restored.undo

    other = open_panel(reached.allowing)
    expect(_live(other).get_by_label("Token")).to_be_visible()


def test_token_is_in_no_address_and_no_log(reached: Reached, open_panel: NewPanel) -> None:
    """Neither in the page's, nor in a request's, nor in the copied link, nor in the audit log."""
    panel = open_panel(reached.allowing)
    menu = _live(panel)
    _give(menu, reached.token)
    _button(menu, "Save now").click()
    _expect_done(panel, "Save now")

    shown = panel.page.url
    link = _pasted_link(panel)
    assert link == shown
    for address in (link, *panel.watch.requests):
        assert reached.token not in address
    control = audit_path(reached.run_dir).parent
    for file in (item for item in control.rglob("*") if item.is_file()):
        assert reached.token.encode() not in file.read_bytes(), file
