"""The picture of a run: drawn without touching the caller's matplotlib, in the format asked for."""

from __future__ import annotations

import re
import sys
from pathlib import Path

import matplotlib as mpl
import pytest

import epochline
from epochline.events import EpochEnded, SessionStarted
from tests.core.recorded import Recorded, record_run

MAGIC = {".png": b"\x89PNG", ".pdf": b"%PDF", ".svg": b"<?xml"}


@pytest.fixture
def run(tmp_path: Path) -> epochline.Run:
    """A run of five epochs."""
    record_run(tmp_path / "pima")
    return epochline.open_run(tmp_path / "pima")


def _words(run: epochline.Run, path: Path, **options: tuple[str, ...]) -> set[str]:
    text = run.plot(path, **options).read_text(encoding="utf-8")
    return {word.strip() for word in re.findall(r">([^<>]+)</text>", text)}


@pytest.mark.parametrize("suffix", MAGIC)
def test_ending_chooses_the_format(run: epochline.Run, tmp_path: Path, suffix: str) -> None:
    """PNG, PDF and SVG; without an ending it is PNG."""
    path = run.plot(tmp_path / f"history{suffix}")
    assert path.read_bytes().startswith(MAGIC[suffix])
    assert run.plot(tmp_path / "bare") == tmp_path / "bare.png"


def test_picture_says_what_happened(run: epochline.Run, tmp_path: Path) -> None:
    """Panels for each metric and the learning rate, the best, the stop, a legend."""
    words = _words(run, tmp_path / "history.svg")
    assert {"pima", "loss", "accuracy", "learning rate", "train", "validation"} <= words
    assert {"checkpoint on disk", "best", "best 0.8 at epoch 4"} <= words
    assert "stopped by EarlyStopping after epoch 5" in words


def test_metrics_can_be_chosen(run: epochline.Run, tmp_path: Path) -> None:
    """One metric with or without `val_`; an unknown one is told with those that exist."""
    words = _words(run, tmp_path / "one.svg", metrics=("val_accuracy",))
    assert "accuracy" in words
    assert "loss" not in words
    with pytest.raises(epochline.MetricNotFoundError, match="accuracy, loss"):
        run.plot(tmp_path / "none.svg", metrics=("f1",))


def test_run_without_validation_checkpoints_or_rate(tmp_path: Path) -> None:
    """A bare run has its curve and nothing else."""
    recorded = Recorded(tmp_path / "bare")
    for epoch in range(3):
        recorded.put(epoch, EpochEnded(metrics={"loss": 1.0 / (epoch + 1)}))
    words = _words(epochline.open_run(tmp_path), tmp_path / "bare.svg")
    assert "loss" in words
    assert not {"validation", "best", "learning rate"} & words


def test_nan_and_resumed_runs_are_drawn(tmp_path: Path) -> None:
    """A NaN leaves a hole; epochs trained again are drawn once."""
    for start, session in ((0, "a" * 16), (1, "b" * 16)):
        recorded = Recorded(tmp_path / "run", session, start=1e9 + start * 100)
        recorded.put(start, SessionStarted(initial_epoch=start, monitor="loss"))
        for epoch in range(start, start + 3):
            metrics = {"loss": float("nan") if epoch == 2 else 1.0, "learning_rate": 10.0**-epoch}
            saved = recorded.saved(
                epoch, b"x", metrics, name=f"{session}-{epoch}.h5", id=f"{session[:8]}{epoch:08d}"
            )
            recorded.put(epoch, EpochEnded(metrics=metrics), saved)
    assert run_picture(tmp_path).startswith(MAGIC[".png"])


def run_picture(logdir: Path) -> bytes:
    """Returns the bytes of the picture of the run below `logdir`."""
    return epochline.open_run(logdir).plot(logdir / "picture.png").read_bytes()


def test_run_without_an_epoch_says_so(tmp_path: Path) -> None:
    """Nothing to draw is an error in words, not an empty picture."""
    Recorded(tmp_path).put(0, SessionStarted())
    with pytest.raises(epochline.CheckpointNotFoundError, match="No epoch of this run has ended"):
        epochline.open_run(tmp_path).plot(tmp_path / "empty.png")


def test_matplotlib_of_the_caller_is_left_alone(run: epochline.Run, tmp_path: Path) -> None:
    """No pyplot, no figure, no setting is touched."""
    # Reading the setting "backend" would itself choose one.
    names = mpl.rcParams.keys() - {"backend"}
    before, loaded = (
        {name: mpl.rcParams[name] for name in names},
        "matplotlib.pyplot" in sys.modules,
    )
    run.plot(tmp_path / "history.png")
    assert {name: mpl.rcParams[name] for name in names} == before
    assert ("matplotlib.pyplot" in sys.modules) is loaded


def test_missing_matplotlib_is_told_with_what_to_install(
    run: epochline.Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The extra is named."""
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    with pytest.raises(ModuleNotFoundError, match=r"pip install 'epochline\[plot\]'"):
        run.plot(tmp_path / "history.png")
