"""The scripts in examples/ do what their first line says."""

from __future__ import annotations

import csv
import itertools
import re
import runpy
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import keras
import pytest

import epochline

EXAMPLES = Path(__file__).parents[2] / "examples"
SCRIPTS = sorted(EXAMPLES.glob("*.py"))

# What a run of a script leaves: its variables, its run directory, what it printed.
Ran = tuple[dict[str, Any], Path, str]
Runner = Callable[[str, int], Ran]


@pytest.fixture
def run_script(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Runner:
    """Runs a script as `python examples/NAME.py --epochs N` would, in an empty directory."""

    def run(name: str, epochs: int) -> Ran:
        logdir = tmp_path / "run"
        script = str(EXAMPLES / f"{name}.py")
        arguments = [script, "--logdir", str(logdir), "--epochs", str(epochs)]
        monkeypatch.setattr(sys, "argv", arguments)
        monkeypatch.chdir(tmp_path)
        variables = runpy.run_path(script, run_name="__main__")
        assert [path.name for path in tmp_path.iterdir()] == ["run"]
        return variables, logdir, capsys.readouterr().out

    return run


def evaluate_file(path: Path, variables: dict[str, Any]) -> dict[str, float]:
    """Loads weights with nothing but Keras and evaluates them on a script's validation rows."""
    model = keras.models.clone_model(variables["model"])
    model.compile(loss="binary_crossentropy", optimizer="adam", metrics=["accuracy"])
    model.optimizer.build(model.trainable_variables)
    model.load_weights(path)
    scores: dict[str, float] = model.evaluate(*variables["val"], verbose=0, return_dict=True)
    return scores


def same(values: float | Sequence[float]) -> Any:
    """Equal up to the order in which float32 numbers are added."""
    return pytest.approx(values, rel=1e-5)


def test_history_plot_shows_what_fit_returned(run_script: Runner) -> None:
    """The history that is read back is that of `fit`, and the picture is a picture."""
    variables, logdir, printed = run_script("history_plot", 4)
    returned = variables["model"].history.history
    recorded = epochline.open_run(logdir).history
    assert recorded.items() >= returned.items()
    assert f"val_accuracy   {returned['val_accuracy'][-1]:.4f}" in printed
    assert (logdir / "history.png").read_bytes().startswith(b"\x89PNG\r\n")


def test_checkpoint_improvements_has_one_loadable_file_for_each_improvement(
    run_script: Runner,
) -> None:
    """Every file name tells epoch and accuracy, and plain Keras evaluates to what is recorded."""
    variables, logdir, printed = run_script("checkpoint_improvements", 5)
    accuracies = variables["model"].history.history["val_accuracy"]
    improved = [i for i, value in enumerate(accuracies) if value > max([0.0, *accuracies[:i]])]
    names = [f"weights-improvement-{i + 1:02d}-{accuracies[i]:.2f}.weights.h5" for i in improved]
    assert sorted(path.name for path in logdir.glob("*.h5")) == names
    for index, name in zip(improved, names, strict=True):
        assert f"{name}: Saved: val_accuracy" in printed
        scores = evaluate_file(logdir / name, variables)
        assert scores["accuracy"] == same(accuracies[index])


def test_checkpoint_best_evaluates_to_the_best_recorded_value(run_script: Runner) -> None:
    """One file is left, and what is loaded from it is as good as the best epoch was."""
    variables, logdir, printed = run_script("checkpoint_best", 6)
    assert [path.name for path in logdir.glob("*.h5")] == ["best.weights.h5"]
    history = epochline.open_run(logdir).history
    scores = evaluate_file(logdir / "best.weights.h5", variables)
    assert scores["accuracy"] == same(max(history["val_accuracy"]))
    recorded, evaluated = re.findall(r"(?:Recorded|evaluated): (0\.\d+)", printed)
    assert recorded == evaluated


def test_checkpoint_with_plateau_tells_each_cut_of_the_learning_rate(run_script: Runner) -> None:
    """Every cut is in the history of the next epoch, and the best weights are in the file."""
    variables, logdir, printed = run_script("checkpoint_with_plateau", 20)
    run = epochline.open_run(logdir)
    rates = run.history["learning_rate"]
    cuts = [item for item in run.decisions if item.topic == "learning_rate" and item.acted]
    followed = [item for item in cuts if item.epoch + 1 < len(rates)]
    assert followed
    for cut in followed:
        assert cut.callback == "ReduceLROnPlateau"
        assert cut.sentence in printed
        assert [cut.lr_before, cut.lr_after] == same(rates[cut.epoch : cut.epoch + 2])
    assert sum(a != b for a, b in itertools.pairwise(rates)) == len(followed)
    scores = evaluate_file(logdir / "best.weights.h5", variables)
    assert scores["loss"] == same(min(run.history["val_loss"]))


def test_step_decay_is_recorded_as_scheduled(run_script: Runner) -> None:
    """The recorded learning rates are those of the schedule, and both changes are told."""
    variables, logdir, printed = run_script("step_decay", 20)
    rates = epochline.open_run(logdir).history["learning_rate"]
    assert rates == same([variables["step_decay"](epoch) for epoch in range(20)])
    assert printed.splitlines() == [
        "epoch  10  LearningRateScheduler: learning rate 0.1 → 0.05.",
        "epoch  20  LearningRateScheduler: learning rate 0.05 → 0.025.",
    ]


def test_history_to_csv_writes_every_epoch_exactly(run_script: Runner) -> None:
    """The numbers in the text file are those that `fit` returned, to the last bit."""
    variables, logdir, _ = run_script("history_to_csv", 3)
    with (logdir / "history.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["epoch"] for row in rows] == ["1", "2", "3"]
    for name, values in variables["model"].history.history.items():
        assert [float(row[name]) for row in rows] == values
    assert not list(logdir.rglob("*.h5"))


def test_text_vectorization_survives_in_a_keras_file(run_script: Runner) -> None:
    """The loaded model knows the vocabulary and predicts the same from raw text."""
    variables, logdir, printed = run_script("text_vectorization", 30)
    loaded = keras.saving.load_model(logdir / "best.keras")
    assert loaded.layers[0].get_vocabulary() == variables["vectorize"].get_vocabulary()
    texts = variables["x"]
    loss = loaded.evaluate(texts, variables["y"], verbose=0, return_dict=True)["loss"]
    assert loss < 0.1
    praise, blame = re.findall(r"  (\d\.\d\d)  a", printed)
    assert float(blame) < 0.5 < float(praise)


def test_legacy_hdf5_still_loses_the_vocabulary(run_script: Runner) -> None:
    """What the example says about `.h5` is true of this Keras."""
    variables, logdir, _ = run_script("text_vectorization", 1)
    variables["model"].save(logdir / "legacy.h5")
    loaded = keras.saving.load_model(logdir / "legacy.h5")
    with pytest.raises(Exception, match="Table not initialized"):
        loaded.predict(variables["x"], verbose=0)


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda path: path.stem)
def test_every_example_is_short_and_listed(script: Path) -> None:
    """A script can be read at a glance and found in the list."""
    assert len(script.read_text().splitlines()) < 60
    assert f"[{script.name}]({script.name})" in (EXAMPLES / "README.md").read_text()
