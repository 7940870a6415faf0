"""What is lost on the way to a smaller tier is foretold as it happens to a file."""

from __future__ import annotations

import io
from pathlib import Path

import h5py
import numpy as np
import pytest

from epochline.events import Tier
from epochline.layout import read_layout
from epochline.store import digest_file
from epochline.store.demote import demoted_image
from epochline.tiers import shrinks, size_at


@pytest.mark.parametrize("tier", [Tier.WITHOUT_OPTIMIZER, Tier.BFLOAT16])
def test_sizes_are_those_of_the_smaller_file(tmp_path: Path, tier: Tier) -> None:
    """Of every kind of variable that there is, the optimizer's too."""
    path = tmp_path / "a.weights.h5"
    with h5py.File(path, "w") as file:
        for place, dtype in enumerate(["float16", "float32", "float64", "int32", "bool", "V2"]):
            file[f"layers/one/vars/{place}"] = np.zeros((3, 5), dtype)
        file["layers/one/vars/9"] = np.float32(1)
        file["optimizer/vars/0"] = np.zeros(7, "float32")
    known = digest_file(path)
    demoted = demoted_image(path, tier, size_bytes=known.size_bytes, digest=known.digest)
    smaller = tmp_path / "b.weights.h5"
    smaller.write_bytes(demoted.image)
    left = {one.dataset: one.size_bytes for one in read_layout(smaller).variables}
    foretold = {
        one.dataset: size_at(tier, one.dataset, one.dtype, one.shape, one.size_bytes)
        for one in read_layout(path).variables
    }
    assert {name: size for name, size in foretold.items() if size} == left
    assert io.BytesIO(demoted.image).getbuffer().nbytes < known.size_bytes


def test_only_what_has_something_to_lose_shrinks() -> None:
    """A whole model and a sharded checkpoint never do."""
    assert shrinks("a.weights.h5", Tier.WITHOUT_OPTIMIZER, has_optimizer=True)
    assert not shrinks("a.weights.h5", Tier.WITHOUT_OPTIMIZER, has_optimizer=False)
    assert shrinks("a.weights.h5", Tier.BFLOAT16, has_optimizer=False)
    for path in ("a.keras", "a.weights.json", "a.h5"):
        assert not shrinks(path, Tier.BFLOAT16, has_optimizer=True)
