"""What the panel does to a run, compares and tells: pin, note, prune and undo, compare, why."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from playwright.sync_api import Locator, expect

from epochline import open_run
from tests.core.recorded import Recorded
from tests.core.retained import weights_file
from tests.end_to_end.conftest import one_tensorboard
from tests.end_to_end.live_training import train
from tests.end_to_end.panel import Panel
from tests.end_to_end.sample_logs import BEST_ID
from tests.end_to_end.tensorboard import TensorBoard

pytestmark = one_tensorboard
EPOCHS = 4
OTHER_ID = "c0ffee0000000009"


@pytest.fixture
def run(tensorboard: TensorBoard, request: pytest.FixtureRequest) -> str:
    """Name of a run with a checkpoint for each of four epochs."""
    name = f"panel/{request.node.originalname}"
    train(tensorboard.logdir / name, EPOCHS)
    tensorboard.wait_for_checkpoints(name, EPOCHS)
    return name


def _statuses(run_dir: Path) -> list[str]:
    return [item.status for item in open_run(run_dir).checkpoints]


def _button(place: Locator, name: str) -> Locator:
    return place.get_by_role("button", name=name, exact=True)


def test_pin_and_note_are_kept_and_shown(tensorboard: TensorBoard, panel: Panel, run: str) -> None:
    """In the table, in the pane, and for Python; what is noted stays text."""
    run_dir = tensorboard.logdir / run
    note = "before <b>the</b> change"
    panel.open((run,), columns=json.dumps(["status", "epoch", "tags", "note"]))
    panel.row(2).click()

    _button(panel.details, "Pin").click()
    expect(_button(panel.details, "Unpin")).to_be_visible()
    expect(panel.row(2)).to_contain_text("Pinned")
    _button(panel.details, "Add").click()
    panel.details.get_by_label("Note", exact=True).fill(note)
    panel.details.get_by_label("Tags").fill("good, final")
    _button(panel.details, "Save").click()

    expect(panel.details.get_by_text(note, exact=True)).to_be_visible()
    expect(panel.row(2)).to_contain_text("good, final")
    item = open_run(run_dir).checkpoints[1]
    assert (item.pinned, item.note, item.tags) == (True, note, ("good", "final"))
    panel.frame.get_by_label("Filter checkpoints").fill("final")
    panel.expect_rows(1)
    _button(panel.details, "Unpin").click()
    expect(panel.row(2)).to_contain_text("Saved")
    assert not open_run(run_dir).checkpoints[1].pinned


def test_marked_checkpoints_are_pruned_after_a_dry_run_and_come_back(
    tensorboard: TensorBoard, panel: Panel, run: str
) -> None:
    """Nothing goes before the confirmation; exactly what was shown goes; Undo takes it back."""
    run_dir = tensorboard.logdir / run
    panel.open((run,))
    panel.expect_rows(EPOCHS)
    for epoch in (1, 3, 4):
        panel.row(epoch).get_by_role("checkbox").click()
    expect(panel.frame.get_by_text("3 marked")).to_be_visible()
    panel.button("Prune…").click()
    dialog = panel.frame.get_by_role("dialog")

    expect(dialog).to_contain_text("2 of 4 checkpoints go")
    expect(dialog.get_by_role("region", name="What stays")).to_contain_text("the newest")
    expect(_button(dialog, "Cancel")).to_be_focused()
    assert _statuses(run_dir) == ["saved"] * EPOCHS
    _button(dialog, "Remove 2 checkpoints").click()
    expect(dialog).to_contain_text("2 checkpoints removed")
    assert _statuses(run_dir) == ["pruned", "saved", "pruned", "saved"]
    expect(panel.row(3)).to_contain_text("Pruned")

    _button(dialog, "Undo").click()
    expect(dialog).to_contain_text("2 checkpoints are back.")
    _button(dialog, "Close").click()
    expect(panel.row(3)).to_contain_text(re.compile("Saved|Best"))
    assert _statuses(run_dir) == ["saved"] * EPOCHS


def test_rule_prunes_all_but_the_newest_and_the_best(
    tensorboard: TensorBoard, panel: Panel, run: str
) -> None:
    """What it would do follows the numbers; the command does the same in a shell."""
    panel.open((run,))
    panel.expect_rows(EPOCHS)
    panel.button("Prune…").click()
    dialog = panel.frame.get_by_role("dialog")
    dialog.get_by_label("and the best").fill("0")
    dialog.get_by_label("the newest", exact=True).fill("1")

    expect(dialog).to_contain_text("3 of 4 checkpoints go")
    dialog.get_by_text("The same as a command").click()
    command = f"epochline prune {tensorboard.logdir / run} --keep-last=1 --yes"
    expect(dialog.get_by_role("region", name="CLI code")).to_have_text(command)
    panel.page.keyboard.press("Escape")
    expect(dialog).to_be_hidden()
    expect(panel.button("Prune…")).to_be_focused()


def test_two_checkpoints_are_compared(tensorboard: TensorBoard, panel: Panel) -> None:
    """Metrics and layers as the server tells them; the link holds it, and Back closes it."""
    diff = tensorboard.get("diff", run="pima", a=OTHER_ID, b=BEST_ID).json
    panel.open(("pima",))
    panel.expect_rows(9)
    for epoch in (8, 9):
        panel.row(epoch).get_by_role("checkbox").click()
    panel.button("Compare").click()

    view = panel.frame.get_by_role("main", name="Compare")
    expect(view.get_by_text(diff["sentence"], exact=True)).to_be_visible()
    metrics = view.get_by_role("table", name="Metrics")
    expect(metrics.get_by_role("row", name="val_accuracy")).to_contain_text("+0.0200▲ better")
    layers = view.get_by_role("region", name="Layers").get_by_role("rowheader")
    assert layers.all_inner_texts()[0].startswith("dense")
    view.get_by_text("Variables", exact=True).first.click()
    expect(view.get_by_role("rowheader", name="dense/kernel")).to_be_visible()
    both = [json.dumps(["c", "pima", name]) for name in (OTHER_ID, BEST_ID)]
    assert json.loads(panel.link()["compare"]) == [text.replace(" ", "") for text in both]
    panel.watch.allow("status of 409")  # of the one before nothing was recorded
    panel.page.reload()
    panel.wait()
    view = panel.frame.get_by_role("main", name="Compare")
    expect(view.get_by_text(diff["sentence"], exact=True)).to_be_visible()
    _button(view, "Previous checkpoint as A").click()
    expect(view.get_by_role("region", name="Checkpoint A")).to_contain_text("epoch 6")


def test_back_closes_the_comparison(panel: Panel) -> None:
    """It is a step of its own in the browser's history."""
    panel.open(("pima",))
    panel.expect_rows(9)
    panel.row(8).click()
    _button(panel.details, "Compare").click()
    view = panel.frame.get_by_role("main", name="Compare")
    expect(view).to_be_visible()

    panel.page.go_back()

    expect(view).to_be_hidden()
    expect(panel.grid).to_be_visible()


def test_story_leads_to_the_marks(tensorboard: TensorBoard, panel: Panel) -> None:
    """Every line of `epochline why` is there; a click selects what it is about; so does a link."""
    lines = tensorboard.get("why", run="pima").json["lines"]
    panel.open(("pima",))
    panel.expect_rows(9)
    panel.button("Story").click()

    story = panel.details.get_by_role("list", name="Story of pima")
    expect(story.get_by_role("listitem")).to_have_count(len(lines["sentence"]))
    for sentence in lines["sentence"]:
        expect(story).to_contain_text(sentence)
    line = story.get_by_role("button", name=re.compile("val_accuracy 0.76"))
    line.click()
    expect(panel.row(9)).to_have_attribute("aria-selected", "true")
    expect(line).to_have_attribute("aria-current", "true")
    link = panel.link()
    assert (link["why"], json.loads(link["select"])) == ("pima", ["c", "pima", BEST_ID])
    _button(story, "Details").click()
    expect(panel.details.get_by_role("button", name="Verify")).to_be_visible()


def test_marked_checkpoints_are_averaged(tensorboard: TensorBoard, panel: Panel) -> None:
    """What is made is told before; the mean is a checkpoint of the run, and in the table."""
    name = "panel/averaged"
    recorded = Recorded(tensorboard.logdir / name)
    for epoch in range(3):
        recorded.put(epoch, recorded.saved(epoch, weights_file(epoch), {"loss": 0.5}))
    tensorboard.wait_for_checkpoints(name, 3)
    panel.open((name,))
    panel.row(1).get_by_role("checkbox").click()
    expect(panel.button("Average…")).to_have_attribute("aria-disabled", "true")
    panel.row(3).get_by_role("checkbox").click()
    panel.button("Average…").click()
    dialog = panel.frame.get_by_role("dialog")

    expect(dialog).to_contain_text("2 checkpoints (epochs 1, 3)")
    assert not (recorded.run_dir / "restored").exists()
    _button(dialog, "Average").click()
    expect(dialog).to_contain_text("The mean of 2 checkpoints is in restored/mean-")
    mean = open_run(recorded.run_dir).checkpoints[-1]
    expect(dialog.get_by_text(str(mean.file), exact=True)).to_be_visible()
    assert [item[:4] for item in mean.parents] == ["0001", "0003"]
    _button(dialog, "Close").click()
    expect(panel.button("Average…")).to_be_focused()
    panel.expect_rows(4)
