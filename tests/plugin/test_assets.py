"""The files of the panel."""

from __future__ import annotations

import gzip
from pathlib import Path

import pytest

from tensorboard_plugin_epochline.answers import Answer
from tensorboard_plugin_epochline.assets import ENTRY, Assets


def _found(assets: Assets, path: str) -> Answer:
    answer = assets.find(path)
    assert answer is not None
    return answer


def test_built_files_are_served_under_their_names(tmp_path: Path) -> None:
    """Every file of the bundle has its type; what is of no known type is left out."""
    (tmp_path / "index.js").write_text("export function render() {}")
    (tmp_path / "chunk-1.css").write_text("p {}")
    (tmp_path / ".built-from").write_text("x")

    assets = Assets(tmp_path)

    assert _found(assets, "/chunk-1.css").content_type == "text/css"
    entry = _found(assets, ENTRY)
    assert entry.content_type == "text/javascript"
    assert gzip.decompress(entry.body) == b"export function render() {}"
    for path in ("/.built-from", "/", "/chunk-2.css", "/../assets.py"):
        assert assets.find(path) is None


def test_missing_bundle_says_how_to_build_it(tmp_path: Path) -> None:
    """A checkout without a built panel shows that, instead of an empty tab."""
    entry = gzip.decompress(_found(Assets(tmp_path / "static"), ENTRY).body)

    assert b"export function render()" in entry
    assert b"was not built" in entry


@pytest.mark.parametrize("in_checkout", [True, False])
def test_another_build_is_served_in_a_checkout_only(tmp_path: Path, *, in_checkout: bool) -> None:
    """An installed panel stays of one version with its routes, even while it is updated."""
    (tmp_path / "index.js").write_text("first")
    (tmp_path / "old-1.js").write_text("x")
    assets = Assets(tmp_path, in_checkout=in_checkout)
    _found(assets, ENTRY)

    (tmp_path / "index.js").write_text("second one")
    (tmp_path / "old-1.js").unlink()

    entry = gzip.decompress(_found(assets, ENTRY).body)
    assert entry == (b"second one" if in_checkout else b"first")
    assert (assets.find("/old-1.js") is None) == in_checkout
