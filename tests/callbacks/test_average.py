"""The mean of several checkpoints, made of files that real trainings saved."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest

import epochline
from epochline import Checkpoint, KeepAll, average, open_run
from epochline.averaging import recalibrated
from epochline.callbacks import ModelCheckpoint, Timeline
from epochline.errors import AverageError, CheckpointCorruptError, CheckpointMissingError
from epochline.events import SaveReason
from tests.callbacks.training import FEATURES, TARGETS

Arrays = list[np.ndarray[Any, Any]]


def model_of(policy: str = "float32", *, seed: int = 7) -> keras.Model:
    """Returns a model with moving statistics, a random generator and an optimizer with slots."""
    keras.utils.set_random_seed(seed)
    model = keras.Sequential(
        [
            keras.layers.Input((4,)),
            keras.layers.Dense(600, activation="relu", dtype=policy),
            keras.layers.BatchNormalization(dtype=policy, name="norm"),
            keras.layers.Dropout(0.2, seed=3),
            keras.layers.Dense(300, dtype=policy),
            keras.layers.Dense(1, dtype=policy),
        ]
    )
    model.compile(loss="mse", optimizer=keras.optimizers.SGD(1e-3, momentum=0.9))
    return model


def train(model: keras.Model, *callbacks: keras.callbacks.Callback, epochs: int = 3) -> None:
    """Fits `model`."""
    model.fit(FEATURES, TARGETS, epochs=epochs, verbose=0, callbacks=list(callbacks))


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run with three checkpoints."""
    run_dir = tmp_path_factory.mktemp("average") / "run"
    train(model_of(), Timeline(run_dir, monitor="loss", keep=KeepAll()))
    return run_dir


def weights(model: keras.Model) -> Arrays:
    """Returns the values of all variables."""
    return [keras.ops.convert_to_numpy(item.value) for item in model.weights]


def values(path: Path, policy: str = "float32") -> Arrays:
    """Returns what plain Keras loads from a file."""
    model = model_of(policy, seed=1)
    model.load_weights(path)
    return weights(model)


def means(items: tuple[Checkpoint, ...], policy: str = "float32") -> Arrays:
    """Returns the mean of what is in some files; of whole numbers, what is in the last."""
    return [
        several[-1]
        if several[-1].dtype.kind == "u"
        else np.mean([np.asarray(one, "f8") for one in several], axis=0).astype(several[-1].dtype)
        for several in zip(*(values(item.file, policy) for item in items), strict=True)
    ]


def assert_equal(found: Arrays, expected: Arrays) -> None:
    """Bit for bit."""
    for one, other in zip(found, expected, strict=True):
        assert one.dtype == other.dtype
        np.testing.assert_array_equal(one, other)


def test_mean_is_a_plain_file_that_holds_the_mean_of_each_variable(
    trained: Path, tmp_path: Path
) -> None:
    """Bit for bit what NumPy computes in float64; the state of generators is that of the last."""
    items = open_run(trained).checkpoints[:3]
    mean = average(items, tmp_path / "mean.weights.h5")
    assert_equal(values(mean.file), means(items))
    assert mean.verify()


def test_mean_is_a_checkpoint_of_the_run_with_its_lineage(trained: Path, tmp_path: Path) -> None:
    """It is recorded with its parents, statistics and layout, and restores like any other."""
    best = open_run(trained).ranked("loss")[:2]
    target = tmp_path / "mean.weights.h5"
    average(best, target)
    mean = next(item for item in open_run(trained).checkpoints if item.file == target)
    assert mean.parents == tuple(item.id for item in best)
    assert (mean.reason, mean.owned, mean.has_optimizer) == (SaveReason.AVERAGE, False, False)
    assert mean.why == "Made by hand: the mean of 2 checkpoints."
    assert mean.layout is not None
    assert [name.rpartition("/")[2] for name in recalibrated(mean.layout)] == ["norm"]
    assert mean.measurements is not None
    model = model_of(seed=2)
    mean.restore(model)
    assert_equal(weights(model), values(target))
    halves = epochline.diff(best[0], mean), epochline.diff(mean, best[1])
    assert halves[0].weights.difference == pytest.approx(halves[1].weights.difference, rel=1e-3)


def test_policies_leave_a_mean_alone(tmp_path: Path) -> None:
    """Whatever they keep, it belongs to who made it."""
    run_dir = tmp_path / "run"
    train(model_of(), Timeline(run_dir, monitor="loss", keep=KeepAll()))
    mean = average(open_run(run_dir).checkpoints, run_dir / "checkpoints" / "mean.weights.h5")
    open_run(run_dir).prune(epochline.KeepLast(1), dry_run=False)
    assert mean.verify()


def test_shards_are_averaged_as_one(tmp_path: Path) -> None:
    """A checkpoint of several files has the mean that one of one file has."""
    callback = ModelCheckpoint(
        tmp_path / "{epoch}.weights.json",
        save_weights_only=True,
        max_shard_size=1000 / 1024**3,
        log_dir=tmp_path / "run",
    )
    train(model_of(), callback, epochs=2)
    items = open_run(tmp_path / "run").checkpoints
    assert all(len(item.parts) > 1 for item in items)
    mean = average(items, tmp_path / "mean.weights.h5")
    assert_equal(values(mean.file), means(items))


@pytest.mark.parametrize("policy", ["bfloat16", "float16", "float64"])
def test_other_floating_point_types_are_rounded_to_nearest(tmp_path: Path, policy: str) -> None:
    """The mean has the types of the variables."""
    callback = Timeline(tmp_path / "run", monitor="loss", keep=KeepAll())
    train(model_of(policy), callback, epochs=2)
    items = open_run(tmp_path / "run").checkpoints
    mean = average(items, tmp_path / "mean.weights.h5")
    assert_equal(values(mean.file, policy), means(items, policy))


def test_progress_ends_at_all_bytes(trained: Path, tmp_path: Path) -> None:
    """Each file is read to be checked, and to be averaged."""
    told: list[tuple[int, int]] = []
    average(
        open_run(trained).checkpoints[:2],
        tmp_path / "mean.weights.h5",
        progress=lambda done, total: told.append((done, total)),
    )
    assert told[-1][0] == told[-1][1]
    assert told == sorted(told)


def _few(items: tuple[Checkpoint, ...], folder: Path) -> None:
    average(items[:1], folder / "mean.weights.h5")


def _twice(items: tuple[Checkpoint, ...], folder: Path) -> None:
    average((items[0], items[1], items[0]), folder / "mean.weights.h5")


def _ending(items: tuple[Checkpoint, ...], folder: Path) -> None:
    average(items[:2], folder / "mean.h5")


def _other_model(items: tuple[Checkpoint, ...], folder: Path) -> None:
    model = keras.Sequential([keras.layers.Input((4,)), keras.layers.Dense(1)])
    model.compile(loss="mse", optimizer="sgd")
    train(model, Timeline(folder / "other", monitor="loss"), epochs=1)
    average((items[0], open_run(folder / "other").latest()), folder / "mean.weights.h5")


def _whole_model(items: tuple[Checkpoint, ...], folder: Path) -> None:
    train(model_of(), ModelCheckpoint(folder / "whole.keras", log_dir=folder / "whole"), epochs=1)
    average((items[0], open_run(folder / "whole").latest()), folder / "mean.weights.h5")


def _not_finite(items: tuple[Checkpoint, ...], folder: Path) -> None:
    model = model_of()
    model.layers[0].kernel.assign(np.full(model.layers[0].kernel.shape, np.nan))
    train(model, Timeline(folder / "nan", monitor="loss"), epochs=1)
    average((items[0], open_run(folder / "nan").checkpoints[0]), folder / "mean.weights.h5")


@pytest.mark.parametrize(
    ("attempt", "said"),
    [
        (_few, "2 checkpoints or more, not of 1"),
        (_twice, "more than once"),
        (_ending, r"must end in \.weights\.h5"),
        (_other_model, "first difference: layers/"),
        (_whole_model, "whole.keras has no mean"),
        (_not_finite, "is not healthy"),
    ],
)
def test_checkpoints_without_a_mean_are_refused(
    trained: Path,
    tmp_path: Path,
    attempt: Callable[[tuple[Checkpoint, ...], Path], None],
    said: str,
) -> None:
    """The message says why; nothing is written."""
    with pytest.raises(AverageError, match=said):
        attempt(open_run(trained).checkpoints[:3], tmp_path)
    assert not list(tmp_path.glob("mean*"))


def test_damaged_gone_or_taken_files_are_told_and_nothing_is_written(tmp_path: Path) -> None:
    """Before anything is averaged."""
    run_dir = tmp_path / "run"
    train(model_of(), Timeline(run_dir, monitor="loss", keep=KeepAll()))
    first, second, third = open_run(run_dir).checkpoints
    target = tmp_path / "mean.weights.h5"
    target.write_bytes(b"mine")
    with pytest.raises(FileExistsError):
        average((first, second), target)
    assert target.read_bytes() == b"mine"
    target.unlink()

    data = bytearray(first.file.read_bytes())
    data[-1] ^= 1
    first.file.write_bytes(data)
    second.file.unlink()
    with pytest.raises(CheckpointCorruptError):
        average((first, third), target)
    with pytest.raises(CheckpointMissingError):
        average((second, third), target)
    with pytest.raises(CheckpointMissingError):
        average((open_run(run_dir).checkpoints[1], third), target)
    assert not target.exists()
