"""A training in one process, TensorBoard in another, and somebody at the panel who asks."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from playwright.sync_api import Locator, expect

from epochline import open_run
from epochline.events import EndReason, Outcome
from epochline.restore.audit import read_audit
from epochline.restore.requests import Action
from epochline.run import Run
from tests.end_to_end.conftest import one_tensorboard
from tests.end_to_end.listening_training import listening_training
from tests.end_to_end.panel import Panel
from tests.end_to_end.tensorboard import TensorBoard

pytestmark = [one_tensorboard, pytest.mark.timeout(300)]
ANSWERED_MS = 30_000
EPOCH = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class Trained:
    """A run that is being trained.

    Attributes:
        name: Of the run.
        run_dir: Its directory.
        process: That of the training.
    """

    name: str
    run_dir: Path
    process: subprocess.Popen[bytes]

    @property
    def run(self) -> Run:
        """What is recorded of it by now."""
        return open_run(self.run_dir)


@pytest.fixture
def trained(tensorboard: TensorBoard, request: pytest.FixtureRequest) -> Iterator[Trained]:
    """A training that listens and has saved a few checkpoints."""
    name = f"panel/{request.node.originalname}"
    with listening_training(tensorboard, name) as process:
        yield Trained(name=name, run_dir=tensorboard.logdir / name, process=process)


def _strip(panel: Panel) -> Locator:
    return panel.frame.get_by_role("region", name="Requests to running trainings")


def _dialog(panel: Panel, run: Trained) -> Locator:
    """Opens the dialog for the checkpoint of `EPOCH`."""
    panel.open((run.name,), sort="epoch")
    panel.row(EPOCH).click()
    panel.details.get_by_role("button", name="Restore into the running training…").click()
    return panel.frame.get_by_role("dialog")


def _choose(panel: Panel, name: str) -> None:
    """Chooses from the menu of the running training, and waits until that is done."""
    panel.frame.get_by_role("button", name=re.compile("^(Live|Paused)$")).click()
    panel.button(name).click()
    expect(_strip(panel)).to_contain_text("Done", timeout=ANSWERED_MS)


def test_training_goes_back_and_forth(panel: Panel, trained: Trained) -> None:
    """What the training says comes first; then it is done, told, recorded, and undone."""
    found = trained.run.at(epoch=EPOCH - 1)
    dialog = _dialog(panel, trained)

    said = dialog.get_by_role("status").get_by_role("listitem")
    expect(said.first).to_be_visible(timeout=ANSWERED_MS)
    plan = found.restore_live(dry_run=True).plan
    assert said.all_inner_texts() == list(plan)
    assert "The epoch counter of fit goes on" in " ".join(plan)
    expect(dialog.get_by_role("button", name="Cancel")).to_be_focused()
    assert [item.checkpoint for item in trained.run.restores] == []

    dialog.get_by_role("button", name="Restore into the training", exact=True).click()
    expect(dialog).to_be_hidden()
    told = f"Back at epoch {EPOCH}, step {found.step} (checkpoint {found.id})"
    expect(_strip(panel)).to_contain_text(told, timeout=ANSWERED_MS)
    expect(_strip(panel)).to_contain_text(re.compile(r"(\d+) of \1 variables restored"))
    (restored,) = trained.run.restores
    assert (restored.checkpoint, restored.live) == (found.id, True)

    _strip(panel).get_by_role("button", name=f"Undo: Restore epoch {EPOCH}").click()
    expect(_strip(panel)).to_contain_text("Taken back", timeout=ANSWERED_MS)
    _, undone = trained.run.restores
    assert undone.checkpoint == restored.undo
    assert undone.after == restored.before
    lines = [line for line in read_audit(trained.run.path) if line.outcome == Outcome.DONE]
    assert {(line.action, line.source) for line in lines} >= {
        (Action.RESTORE, "panel"),
        (Action.UNDO, "panel"),
    }
    _strip(panel).get_by_role("button", name=re.compile("^Hide")).click()
    expect(_strip(panel)).to_be_hidden()


def test_branch_that_was_left_is_faded_or_left_out(
    tensorboard: TensorBoard, panel: Panel, trained: Trained
) -> None:
    """Curves show the way to the present state and the branch beside it; an undo swaps them."""

    def left() -> list[int]:
        history = tensorboard.get("timeline", run=trained.name).json["history"]
        rows = zip(history["epoch"], history["abandoned"], strict=True)
        return [epoch for epoch, abandoned in rows if abandoned]

    dialog = _dialog(panel, trained)
    branches = panel.frame.get_by_label("Branches", exact=True)
    expect(branches).to_be_hidden()
    expect(dialog.get_by_role("heading", name="What will happen")).to_be_visible(
        timeout=ANSWERED_MS
    )
    dialog.get_by_role("button", name="Restore into the training", exact=True).click()
    expect(branches).to_be_checked(timeout=ANSWERED_MS)
    assert left()[0] == EPOCH
    restored = open_run(trained.run_dir).restores[0]
    _choose(panel, "Pause")
    tensorboard.wait_until_loaded(lambda _: len(trained.run.timeline.abandoned) == len(left()))

    panel.page.mouse.move(0, 0)
    raw = panel.picture(panel.chart)
    branches.uncheck()
    stitched = panel.expect_other_picture(panel.chart, raw)
    assert panel.link()["branches"] == "hide"
    branches.check()
    assert panel.expect_other_picture(panel.chart, stitched) == raw

    _choose(panel, "Undo last restore")
    _choose(panel, "Continue")
    tensorboard.wait_until_loaded(
        lambda _: (epochs := left()) != [] and epochs[0] >= restored.epoch
    )


def test_choices_change_what_is_done(panel: Panel, trained: Trained) -> None:
    """Weights alone, a learning rate of one's own: in the plan, the command and the training."""
    dialog = _dialog(panel, trained)
    dialog.get_by_label("weights alone").check()
    dialog.get_by_label("Another learning rate").fill("5e-4")
    dialog.get_by_label("keep", exact=True).check()

    expect(dialog).to_contain_text("The learning rate goes from 1e-3 to 5e-4", timeout=ANSWERED_MS)
    expect(dialog).to_contain_text("The state of the optimizer stays as it is")
    dialog.get_by_text("The same as a command").click()
    command = dialog.get_by_role("region", name="CLI code: restore into the training")
    expect(command).to_contain_text("--live --weights-only --learning-rate=0.0005 --keep-counters")
    dialog.get_by_role("button", name="Restore into the training", exact=True).click()
    expect(_strip(panel)).to_contain_text("1e-3 → 5e-4", timeout=ANSWERED_MS)
    (restored,) = trained.run.restores
    assert restored.what == "weights"
    assert restored.lr_after == pytest.approx(5e-4)


def test_training_is_paused_saved_slowed_and_stopped(panel: Panel, trained: Trained) -> None:
    """The menu is there while it listens; paused, it still answers; at the end there is none."""
    panel.open((trained.name,))
    _choose(panel, "Pause")
    expect(panel.button("Paused")).to_be_visible(timeout=ANSWERED_MS)
    assert trained.run.live.listening.paused
    _choose(panel, "Save now")
    expect(_strip(panel)).to_contain_text("pinned: it stays")
    expect(panel.grid).to_contain_text("Pinned", timeout=ANSWERED_MS)

    panel.button("Paused").click()
    panel.frame.get_by_label("Learning rate", exact=True).fill("2e-4")
    panel.button("Set").click()
    expect(_strip(panel)).to_contain_text("1e-3 → 2e-4", timeout=ANSWERED_MS)
    _choose(panel, "Continue")
    expect(panel.button("Live")).to_be_visible(timeout=ANSWERED_MS)

    panel.button("Live").click()
    panel.button("Stop…").click()
    expect(panel.button("Cancel")).to_be_focused()
    panel.button("Stop the training").click()
    expect(_strip(panel)).to_contain_text("saved as", timeout=ANSWERED_MS)
    expect(panel.button("Live")).to_be_hidden(timeout=ANSWERED_MS)
    assert trained.process.wait(60) == 0
    assert trained.run.sessions[-1].end_reason is EndReason.STOPPED


def test_training_that_was_killed_does_not_listen(panel: Panel, trained: Trained) -> None:
    """The dialog says so, and offers the file and Python instead; the button for files stays."""
    trained.process.kill()
    trained.process.wait()
    dialog = _dialog(panel, trained)

    expect(dialog).to_contain_text("it was killed")
    expect(dialog.get_by_role("region", name="CLI code: restore")).to_contain_text("--to")
    expect(dialog.get_by_role("button")).to_have_text(["Copy CLI", "Copy Python", "Close"])
    dialog.get_by_role("button", name="Close").click()
    expect(panel.button("Restore to file…")).to_be_visible()
