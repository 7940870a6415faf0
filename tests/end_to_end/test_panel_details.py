"""What the panel tells of one checkpoint or decision; how marks, rows and details go together."""

from __future__ import annotations

import re
import shlex
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import expect

from tests.end_to_end.conftest import one_tensorboard
from tests.end_to_end.panel import Panel
from tests.end_to_end.sample_logs import BEST_ID
from tests.end_to_end.tensorboard import TensorBoard

pytestmark = one_tensorboard
SNIPPETS = {"Python": "python", "Plain Keras": "keras", "CLI": "cli"}
WITHOUT_WEIGHTS = {
    1: ("Pruned", "Removed by a keep rule"),
    3: ("Missing", "The file was there, but is not any more"),
    4: ("Failed", "No space left on device"),
    6: ("Corrupt", "does not match its digest"),
}


@pytest.fixture(autouse=True)
def _pima(panel: Panel) -> None:
    panel.open(("pima",))
    panel.expect_rows(9)


def _detail(tensorboard: TensorBoard) -> Any:
    return tensorboard.get("checkpoint", run="pima", id=BEST_ID).json


def _decisions(tensorboard: TensorBoard) -> list[dict[str, Any]]:
    columns = tensorboard.get("timeline", run="pima").json["decisions"]
    rows = [dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True)]
    return [row for row in rows if row["acted"]]


def test_row_opens_all_there_is_to_know(tensorboard: TensorBoard, panel: Panel) -> None:
    """Why it was saved, its metrics, file, digest, decisions and the code that loads it."""
    detail = _detail(tensorboard)

    panel.row(9).click()

    expect(panel.row(9)).to_have_attribute("aria-selected", "true")
    pane = panel.details
    expect(pane.get_by_role("heading", name="pima")).to_be_visible()
    expect(pane).to_contain_text("epoch 9 · step 468")
    for name in ("why", "name", "path", "digest"):
        expect(pane.get_by_text(detail[name], exact=True)).to_be_visible()
    for item in detail["decisions"]:
        expect(pane.get_by_role("listitem").filter(has_text=item["sentence"])).to_be_visible()
    terms = pane.get_by_role("term").all_inner_texts()
    values = dict(zip(terms, pane.get_by_role("definition").all_inner_texts(), strict=True))
    shown = {name: values[name] for name in detail["metrics"] if name != "learning_rate"}
    assert {name: float(text) for name, text in shown.items()} == {
        name: pytest.approx(detail["metrics"][name], abs=5e-5) for name in shown
    }
    for label, kind in SNIPPETS.items():
        pane.get_by_role("tab", name=label, exact=True).click()
        code = pane.get_by_role("region", name=f"{label} code")
        assert code.inner_text().strip() == detail["snippets"][kind]


def test_layers_are_told_of_with_their_spread(tensorboard: TensorBoard, panel: Panel) -> None:
    """Smallest and largest value and mean, as the server tells them; variables on a click."""
    told = tensorboard.get("weights", run="pima", id=BEST_ID).json["variables"]
    ends = [told[name][told["name"].index("scale/gamma")] for name in ("min", "max", "mean")]
    panel.row(9).click()

    layers = panel.details.get_by_role("region", name="Weights")
    scale = layers.get_by_role("listitem").filter(has_text="scale")
    spread = "from {:g} to {:g}, mean {:g} ±".format(*ends)
    expect(scale.get_by_role("img")).to_have_accessible_name(re.compile(re.escape(spread)))
    expect(layers.get_by_text("kernel", exact=True)).to_be_hidden()
    layers.get_by_text("dense", exact=True).click()
    expect(layers.get_by_text("kernel", exact=True)).to_be_visible()


def test_copy_buttons_fill_the_clipboard(tensorboard: TensorBoard, panel: Panel) -> None:
    """Path, digest and snippets are copied to the letter."""
    detail = _detail(tensorboard)
    panel.context.grant_permissions(["clipboard-read", "clipboard-write"])
    panel.row(9).click()

    copied = {}
    for label in ("Copy path", "Copy digest"):
        copied[label] = _copy(panel, label)
    for label in SNIPPETS:
        panel.details.get_by_role("tab", name=label, exact=True).click()
        copied[label] = _copy(panel, f"Copy {label} code")

    expected = {"Copy path": detail["path"], "Copy digest": detail["digest"]}
    assert copied == expected | {
        label: detail["snippets"][kind] for label, kind in SNIPPETS.items()
    }


def _copy(panel: Panel, label: str) -> str:
    button = panel.details.get_by_role("button", name=label, exact=True)
    button.click()
    expect(button).to_have_text("Copied")
    text: str = panel.page.evaluate("navigator.clipboard.readText()")
    return text


def test_copied_command_restores_the_file(
    tensorboard: TensorBoard, panel: Panel, tmp_path: Path
) -> None:
    """What the clipboard holds, pasted into a shell, makes a copy of the checkpoint."""
    panel.context.grant_permissions(["clipboard-read", "clipboard-write"])
    panel.row(9).click()
    panel.details.get_by_role("tab", name="CLI").click()
    program, *arguments = shlex.split(_copy(panel, "Copy CLI code"))

    assert program == "epochline"
    subprocess.run([sys.executable, "-m", "epochline", *arguments], cwd=tmp_path, check=True)

    (copy,) = tmp_path.iterdir()
    assert copy.read_bytes() == Path(_detail(tensorboard)["path"]).read_bytes()


def test_star_on_the_curve_selects_its_row(panel: Panel) -> None:
    """A click on the best checkpoint's star opens it and selects its row."""
    x, y = panel.point_at_row(panel.chart, panel.row(9))
    panel.page.mouse.move(x, y)
    expect(panel.readout).to_contain_text("pima · epoch 9 · val_accuracy 0.7600 · Best")

    panel.page.mouse.click(x, y)

    expect(panel.row(9)).to_have_attribute("aria-selected", "true")
    expect(panel.details).to_contain_text("Best by val_accuracy")


def test_selected_row_is_marked_on_curve_and_lane(panel: Panel) -> None:
    """A checkpoint that is not the best gets its marker on the curve when it is selected."""
    before = panel.picture(panel.lanes)
    x, y = panel.point_at_row(panel.chart, panel.row(5))
    panel.page.mouse.move(x, y)
    expect(panel.readout).to_contain_text("pima · epoch 5 · step 260")

    panel.row(5).click()

    expect(panel.details).to_be_visible()
    after = panel.expect_other_picture(panel.lanes, than=before)
    x, y = panel.point_at_row(panel.chart, panel.row(5))
    panel.page.mouse.move(x, y)
    expect(panel.readout).to_contain_text("pima · epoch 5 · val_accuracy 0.7100 · Saved")
    assert panel.picture(panel.lanes) == after


def test_table_and_lanes_point_at_each_other(panel: Panel) -> None:
    """The mark of a row is ringed, also while the pane makes room; the mark leads to the row."""
    places = []
    for epoch in (2, 5, 9):
        # The pane that opens makes the charts narrower under the pointer.
        panel.row(epoch).click()
        expect(panel.details).to_be_visible()
        x, y = panel.ring(panel.lanes)
        places.append(x)
        panel.page.mouse.move(x, y)
        expect(panel.readout).to_contain_text(f"pima · epoch {epoch} ·")
        panel.frame.get_by_role("button", name="Close details").click()
        expect(panel.details).to_be_hidden()
        x, y = panel.point_at_row(panel.lanes, panel.row(epoch))
        panel.page.mouse.click(x, y)
        expect(panel.row(epoch)).to_have_attribute("aria-selected", "true")

    assert places == sorted(set(places))


def test_keys_reach_every_mark_and_its_sentence(tensorboard: TensorBoard, panel: Panel) -> None:
    """Checkpoints, learning-rate changes, early stop and restores are all read with arrow keys."""
    checkpoints = tensorboard.get("timeline", run="pima").json["checkpoints"]["why"]
    sentences = {item["sentence"] for item in _decisions(tensorboard)} | set(checkpoints)

    panel.charts.focus()
    read = set()
    # Two checkpoints saved as the best so far have sentences of their own, so that all differ.
    for key in ["Home", "Home"] + ["ArrowRight"] * (len(sentences) - 1):
        panel.page.keyboard.press(key)
        text = panel.readout.inner_text()
        read |= {sentence for sentence in sentences if sentence in text}

    assert read == sentences
    said = panel.frame.locator("[aria-live=polite]")
    expect(said).to_have_text(panel.readout.inner_text())


@pytest.mark.parametrize(("topic", "verdict"), [("learning_rate", "changed"), ("stop", "stopped")])
def test_decision_is_opened_from_its_mark(
    tensorboard: TensorBoard, panel: Panel, topic: str, verdict: str
) -> None:
    """A click on a learning-rate change or an early stop says who decided what, and why."""
    (decision,) = (item for item in _decisions(tensorboard) if item["verdict"] == verdict)
    assert decision["topic"] == topic
    plot = panel.learning_rates if topic == "learning_rate" else panel.lanes
    panel.charts.focus()
    panel.page.keyboard.press("End")
    for _ in range(20):
        if decision["sentence"] in panel.readout.inner_text():
            break
        panel.page.keyboard.press("ArrowLeft")

    panel.page.mouse.click(*panel.ring(plot))

    expect(panel.details.get_by_text(decision["sentence"], exact=True)).to_be_visible()
    expect(panel.details.get_by_text(decision["callback"], exact=True)).to_be_visible()
    legend = panel.frame.get_by_role("list", name="Legend")
    expect(legend).to_contain_text(re.compile("learning rate.*stop"))


def test_checkpoint_without_weights_says_why_and_offers_no_restore(panel: Panel) -> None:
    """What cannot be restored says what happened to it, and has no button or code to try it."""
    for epoch, (status, meaning) in WITHOUT_WEIGHTS.items():
        expect(panel.row(epoch)).to_contain_text(status)

        panel.row(epoch).click()

        expect(panel.details.get_by_text(status, exact=True)).to_be_visible()
        expect(panel.details.get_by_text(meaning).first).to_be_visible()
        expect(panel.details.get_by_role("term").filter(has_text="Path")).to_be_visible()
        for name in ("Restore to file…", "Verify", "Copy Python code"):
            expect(panel.details.get_by_role("button", name=name)).to_have_count(0)
