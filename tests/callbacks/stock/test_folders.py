"""What stock callbacks leave behind without Epochline: it is matched to the epochs afterwards."""

from __future__ import annotations

from pathlib import Path

import keras
import pytest

from epochline.adoption import find_files
from epochline.matching import Confidence
from tests.callbacks.training import FEATURES, TARGETS, new_model

EPOCHS = 3


@pytest.mark.parametrize("log", ["CSVLogger", "TensorBoard"])
def test_files_of_a_stock_training_are_matched_to_their_epochs(tmp_path: Path, log: str) -> None:
    """By the value in the name, and by the logs of either callback."""
    folder = tmp_path / "checkpoints"
    folder.mkdir()
    logger = (
        keras.callbacks.CSVLogger(tmp_path / "training.csv")
        if log == "CSVLogger"
        else keras.callbacks.TensorBoard(tmp_path / "logs")
    )
    name = str(folder / "w-{epoch:02d}-{loss:.6f}.weights.h5")
    saver = keras.callbacks.ModelCheckpoint(name, save_weights_only=True)
    history = new_model().fit(
        FEATURES, TARGETS, epochs=EPOCHS, verbose=0, callbacks=[logger, saver]
    )

    files = sorted(find_files(folder), key=lambda file: file.epoch)
    assert [file.epoch for file in files] == list(range(EPOCHS))
    assert {file.confidence for file in files} == {Confidence.CONFIRMED}
    found = [file.metrics["loss"] for file in files]
    assert found == pytest.approx(history.history["loss"], rel=1e-6)
