"""What the panel does with checkpoint files: verify, notice that one is gone, restore a copy.

Every test has a run of its own.
"""

from __future__ import annotations

import functools
import re
import threading
from collections.abc import Iterator
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from playwright.sync_api import Locator, expect

from tests.end_to_end.conftest import one_tensorboard
from tests.end_to_end.live_training import checkpoint_path, train
from tests.end_to_end.panel import Panel, panel_url
from tests.end_to_end.tensorboard import TensorBoard

pytestmark = one_tensorboard
EPOCHS = 3
FOLLOWED_MS = 20_000


@pytest.fixture
def run(tensorboard: TensorBoard, request: pytest.FixtureRequest) -> str:
    """Name of a run with a checkpoint for each of three epochs."""
    name = f"panel/{request.node.originalname}"
    train(tensorboard.logdir / name, EPOCHS)
    tensorboard.wait_for_checkpoints(name, EPOCHS)
    return name


@pytest.fixture
def file(tensorboard: TensorBoard, run: str) -> Path:
    """File of the checkpoint of epoch 2."""
    return tensorboard.logdir / run / checkpoint_path(2)


@pytest.fixture
def pane(panel: Panel, run: str) -> Locator:
    """The details of the checkpoint of epoch 2."""
    panel.open((run,))
    panel.expect_rows(EPOCHS)
    panel.row(2).click()
    expect(panel.details.get_by_role("button", name="Verify")).to_be_visible()
    return panel.details


def _flip_a_bit(file: Path) -> None:
    data = bytearray(file.read_bytes())
    data[len(data) // 2] ^= 1
    file.write_bytes(data)


def test_verify_tells_an_intact_file_from_a_changed_one(pane: Locator, file: Path) -> None:
    """The whole file is read: one wrong bit is found, and said with the name of the file."""
    result = pane.get_by_role("status")

    pane.get_by_role("button", name="Verify").click()
    expect(result).to_contain_text(f"{file.name} is intact")
    _flip_a_bit(file)
    pane.get_by_role("button", name="Verify").click()

    expect(result).not_to_contain_text("intact")
    expect(result).to_contain_text(re.compile(f"{re.escape(file.name)}.*digest"))


def test_file_that_vanishes_is_shown_as_missing(panel: Panel, pane: Locator, file: Path) -> None:
    """A deleted file is told in table and details without a reload, and so is its return."""
    data = file.read_bytes()

    file.unlink()

    expect(panel.row(2)).to_contain_text("Missing", timeout=FOLLOWED_MS)
    expect(pane.get_by_text("The file was there, but is not any more")).to_be_visible()
    expect(pane.get_by_role("button", name="Restore to file…")).to_have_count(0)
    assert sorted(panel.column("Status")) == ["Best", "Missing", "Saved"]
    file.write_bytes(data)
    expect(pane.get_by_role("button", name="Restore to file…")).to_be_visible(timeout=FOLLOWED_MS)


def test_restore_says_what_it_will_do_and_does_it_once(
    tensorboard: TensorBoard, panel: Panel, pane: Locator, run: str, file: Path
) -> None:
    """Nothing happens before the confirmation; then there is a copy, which stays as it is."""
    restored = tensorboard.logdir / run / "restored"
    button = pane.get_by_role("button", name="Restore to file…")
    dialog = panel.frame.get_by_role("dialog")

    button.click()
    expect(dialog).to_have_accessible_name(f"Restore epoch 2 of “{run}” to a file?")
    expect(dialog).to_contain_text(f"copy checkpoints/{file.name} (19 kB) into {run}/restored/")
    expect(dialog).to_contain_text("overwrite nothing")
    expect(dialog.get_by_role("button", name="Cancel")).to_be_focused()
    panel.page.keyboard.press("Enter")
    expect(dialog).to_be_hidden()
    expect(button).to_be_focused()
    assert not restored.exists()

    button.click()
    dialog.get_by_role("button", name="Restore to file").click()
    expect(dialog).to_have_accessible_name("The copy is ready")
    (copy,) = restored.iterdir()
    expect(dialog.get_by_text(str(copy), exact=True)).to_be_visible()
    expect(dialog).to_contain_text("Copied to")
    assert copy.read_bytes() == file.read_bytes()
    before = copy.stat()
    panel.page.keyboard.press("Escape")
    expect(dialog).to_be_hidden()
    expect(panel.details).to_be_visible()

    button.click()
    dialog.get_by_role("button", name="Restore to file").click()
    expect(dialog).to_contain_text("was there already")
    expect(dialog.get_by_text(str(copy), exact=True)).to_be_visible()
    assert list(restored.iterdir()) == [copy]
    assert copy.stat() == before


def test_refused_restore_says_why(
    tensorboard: TensorBoard, panel: Panel, pane: Locator, run: str, file: Path
) -> None:
    """A damaged file is not copied, and the dialog says so."""
    panel.watch.allow("status of 409")
    _flip_a_bit(file)

    pane.get_by_role("button", name="Restore to file…").click()
    dialog = panel.frame.get_by_role("dialog")
    dialog.get_by_role("button", name="Restore to file").click()

    expect(dialog).to_contain_text(re.compile(f"{re.escape(file.name)}.* is not what was saved"))
    expect(dialog).to_have_accessible_name("Nothing was copied")
    dialog.get_by_role("button", name="Close").click()
    expect(dialog).to_be_hidden()
    assert not list((tensorboard.logdir / run).glob("restored/*"))


@pytest.fixture
def stranger(tensorboard: TensorBoard, run: str, tmp_path: Path) -> Iterator[str]:
    """Address of a page of another origin that shows TensorBoard in a frame."""
    address = panel_url(tensorboard.url, (run,))
    page = f'<iframe id="tensorboard" width="1400" height="900" src="{address}"></iframe>'
    (tmp_path / "index.html").write_text(page)
    handler = functools.partial(SimpleHTTPRequestHandler, directory=tmp_path)
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever).start()
        yield f"http://127.0.0.1:{server.server_port}/"
        server.shutdown()


def test_restore_is_off_inside_of_a_foreign_page(panel: Panel, stranger: str) -> None:
    """Where another site frames TensorBoard, a click may not be the user's: the button says so."""
    panel.watch.allow(re.escape(stranger))

    panel.page.goto(stranger)
    inside = panel.page.frame_locator("#tensorboard").frame_locator('iframe[title="Checkpoints"]')
    inside.get_by_role("row").nth(1).click()

    button = inside.get_by_role("button", name="Restore to file…")
    expect(button).to_have_attribute("aria-disabled", "true")
    expect(button).to_have_accessible_description(re.compile("page of another origin"))
    button.click(force=True)
    expect(inside.get_by_role("dialog")).to_have_count(0)
