"""The files of the panel."""

from __future__ import annotations

import gzip
from pathlib import Path

from tensorboard_plugin_epochline.assets import ENTRY, load_assets


def test_built_files_are_served_under_their_names(tmp_path: Path) -> None:
    """Every file of the bundle has its type; what is of no known type is left out."""
    (tmp_path / "index.js").write_text("export function render() {}")
    (tmp_path / "chunk-1.css").write_text("p {}")
    (tmp_path / ".built-from").write_text("x")

    assets = load_assets(tmp_path)

    types = {path: answer.content_type for path, answer in assets.items()}
    assert types == {"/chunk-1.css": "text/css", "/index.js": "text/javascript"}
    assert gzip.decompress(assets[ENTRY].body) == b"export function render() {}"


def test_missing_bundle_says_how_to_build_it(tmp_path: Path) -> None:
    """A checkout without a built panel shows that, instead of an empty tab."""
    entry = gzip.decompress(load_assets(tmp_path / "static")[ENTRY].body)

    assert b"export function render()" in entry
    assert b"was not built" in entry
