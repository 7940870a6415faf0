"""Smaller files: what is left is exact, or rounded as bfloat16 is, and Keras loads it."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import h5py
import keras
import ml_dtypes
import numpy as np
import pytest

from epochline.errors import (
    CheckpointCorruptError,
    CheckpointFormatError,
    CheckpointMissingError,
)
from epochline.events import Tier
from epochline.store import digest_file
from epochline.store.demote import Demoted, demoted_image

TIERS = [Tier.WITHOUT_OPTIMIZER, Tier.BFLOAT16]


def _demote(path: Path, tier: Tier) -> Demoted:
    read = digest_file(path)
    return demoted_image(path, tier, size_bytes=read.size_bytes, digest=read.digest)


def _written(path: Path, tier: Tier) -> Path:
    target = path.with_name(f"{tier}.weights.h5")
    target.write_bytes(_demote(path, tier).image)
    return target


def _model(optimizer: Any = "adam", *, seed: int = 1) -> keras.Model:
    keras.utils.set_random_seed(seed)
    model = keras.Sequential(
        [
            keras.layers.Input((3,)),
            keras.layers.Dense(16, activation="relu"),
            keras.layers.BatchNormalization(),
            keras.layers.Dense(2),
        ]
    )
    model.compile(loss="mse", optimizer=optimizer)
    model.fit(np.ones((4, 3)), np.ones((4, 2)), verbose=0)
    return model


@pytest.fixture
def saved(tmp_path: Path) -> tuple[keras.Model, Path]:
    """A trained model and its weights file."""
    model = _model(keras.optimizers.Adam(use_ema=True))
    model.save_weights(tmp_path / "full.weights.h5")
    return model, tmp_path / "full.weights.h5"


@pytest.mark.filterwarnings("ignore:Skipping variable loading for optimizer")
def test_without_optimizer_the_weights_are_what_they_were(
    saved: tuple[keras.Model, Path],
) -> None:
    """Plain Keras loads every weight, bit for bit, from a fraction of the bytes."""
    model, path = saved
    smaller = _written(path, Tier.WITHOUT_OPTIMIZER)
    assert smaller.stat().st_size < 0.7 * path.stat().st_size
    loaded = _model(seed=2)
    loaded.load_weights(smaller)
    for before, after in zip(model.weights, loaded.weights, strict=True):
        np.testing.assert_array_equal(before.numpy(), after.numpy())
    with h5py.File(io.BytesIO(smaller.read_bytes())) as file:
        assert "optimizer" not in file


@pytest.mark.filterwarnings("ignore:Skipping variable loading for optimizer")
def test_as_bfloat16_plain_keras_loads_the_rounded_weights(
    saved: tuple[keras.Model, Path],
) -> None:
    """Each weight is the nearest bfloat16."""
    model, path = saved
    loaded = _model(seed=2)
    loaded.load_weights(_written(path, Tier.BFLOAT16))
    for before, after in zip(model.weights, loaded.weights, strict=True):
        rounded = before.numpy().astype(ml_dtypes.bfloat16).astype("float32")
        np.testing.assert_array_equal(rounded, after.numpy())


def test_what_is_stored_as_bfloat16_is_what_keras_stores(tmp_path: Path) -> None:
    """A model of that type, saved by Keras, has the same datasets as one that was rounded."""
    model = keras.Sequential([keras.layers.Input((3,)), keras.layers.Dense(4, dtype="bfloat16")])
    model.save_weights(tmp_path / "keras.weights.h5")
    wide = keras.Sequential([keras.layers.Input((3,)), keras.layers.Dense(4)])
    wide.set_weights([value.astype("float32") for value in model.get_weights()])
    wide.save_weights(tmp_path / "wide.weights.h5")
    ours = _written(tmp_path / "wide.weights.h5", Tier.BFLOAT16)
    with h5py.File(tmp_path / "keras.weights.h5") as one, h5py.File(ours) as other:
        expected, found = one["layers/dense/vars/0"], other["layers/dense/vars/0"]
        assert found.dtype == expected.dtype
        assert found.attrs["dtype"] == expected.attrs["dtype"]
        assert found[()].tobytes() == expected[()].tobytes()


def test_every_kind_of_float_is_rounded_to_nearest_even(tmp_path: Path) -> None:
    """Halves go to even, overflow to infinity, NaN stays NaN, zeros keep their sign."""
    path = tmp_path / "a.weights.h5"
    special = np.array([0.0, -0.0, np.nan, np.inf, -np.inf, 3.4e38, 1e-40, 1.00390625, 1.01171875])
    bits = np.random.default_rng(0).integers(0, 2**32, 10_000, "u4").view("f4")
    with h5py.File(path, "w") as file:
        file["layers/a/vars/0"] = np.concatenate([special.astype("f4"), bits])
        file["layers/a/vars/1"] = special
    with h5py.File(_written(path, Tier.BFLOAT16)) as file, h5py.File(path) as before:
        for name in ("layers/a/vars/0", "layers/a/vars/1"):
            found = file[name][()].view("u2")
            nan = np.isnan(before[name][()])
            with np.errstate(invalid="ignore"):
                expected = before[name][()].astype("f4").astype(ml_dtypes.bfloat16).view("u2")
            np.testing.assert_array_equal(found[~nan], expected[~nan])
            assert np.isnan(found[nan].view(ml_dtypes.bfloat16)).all()


@pytest.mark.parametrize("tier", TIERS)
def test_what_is_no_wide_float_is_copied_as_it_is(tmp_path: Path, tier: Tier) -> None:
    """Integers, booleans, half floats, scalars, attributes and empty groups."""
    values: dict[str, Any] = {
        "layers/a/vars/0": np.arange(6, dtype="i4").reshape(2, 3),
        "layers/a/vars/1": np.array([True, False]),
        "layers/a/vars/2": np.linspace(0, 1, 5, dtype="f2"),
        "layers/a/vars/3": np.float32(0.1),
        "seed/vars/0": np.array([1, 2**40], "i8"),
    }
    path = tmp_path / "a.weights.h5"
    with h5py.File(path, "w") as file:
        for name, value in values.items():
            file[name] = value
        file.create_group("layers/empty/vars")
        file.attrs["keras_version"] = "3.15"
        file["layers/a/vars"].attrs["name"] = "a"
        file["optimizer/vars/0"] = np.zeros(1000, "f4")
    with h5py.File(_written(path, tier)) as file:
        for name, value in values.items():
            assert file[name].dtype == np.asarray(value).dtype
            np.testing.assert_array_equal(file[name][()], value)
        assert list(file["layers/empty/vars"]) == []
        assert file.attrs["keras_version"] == "3.15"
        assert file["layers/a/vars"].attrs["name"] == "a"


@pytest.mark.parametrize("tier", TIERS)
def test_same_file_has_the_same_smaller_form(saved: tuple[keras.Model, Path], tier: Tier) -> None:
    """There is no time or chance in it."""
    _, path = saved
    assert bytes(_demote(path, tier).image) == bytes(_demote(path, tier).image)


def test_a_file_that_is_not_what_was_recorded_is_refused(saved: tuple[keras.Model, Path]) -> None:
    """Neither damaged, nor replaced, nor missing."""
    _, path = saved
    read = digest_file(path)
    record: dict[str, Any] = {"size_bytes": read.size_bytes, "digest": read.digest}
    with pytest.raises(CheckpointMissingError):
        demoted_image(path.with_name("none"), Tier.BFLOAT16, **record)
    data = bytearray(path.read_bytes())
    data[5000] ^= 1
    path.write_bytes(data)
    with pytest.raises(CheckpointCorruptError, match="xxh3"):
        demoted_image(path, Tier.BFLOAT16, **record)
    path.write_bytes(data[:-1])
    with pytest.raises(CheckpointCorruptError, match="bytes"):
        demoted_image(path, Tier.BFLOAT16, **record)


def test_a_file_that_is_no_hdf5_is_refused(tmp_path: Path) -> None:
    """With what HDF5 says of it."""
    path = tmp_path / "a.weights.h5"
    path.write_bytes(b"no HDF5" * 100)
    with pytest.raises(CheckpointFormatError, match="signature"):
        _demote(path, Tier.WITHOUT_OPTIMIZER)
