"""The files of the panel.

Invariant: what is served is what was in `static/` when TensorBoard started; the path of a request
is only ever looked up, never opened.
"""

from __future__ import annotations

import gzip
import hashlib
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from tensorboard_plugin_epochline.answers import Answer

__all__ = ["ENTRY", "load_assets"]

ENTRY: Final = "/index.js"
"""The module that TensorBoard imports, and whose `render` it calls."""

_STATIC: Final = Path(__file__).parent / "static"
_JAVASCRIPT: Final = "text/javascript"
# Written out, because Python asks Windows' registry, which other programs write to.
_TYPES: Final[Mapping[str, str]] = {
    ".css": "text/css",
    ".js": _JAVASCRIPT,
    ".json": "application/json",
    ".map": "application/json",
    ".png": "image/png",
    ".svg": "image/svg+xml",
    ".txt": "text/plain",
    ".woff2": "font/woff2",
}
_NOT_BUILT: Final = b"""\
export function render() {
  document.body.style.cssText =
    'margin: 2em; font: 16px/1.5 sans-serif; background: #fff; color: #222';
  document.body.textContent =
    'The Checkpoints panel was not built. In a checkout of Epochline run ' +
    '"python frontend/bundle.py", else install the package again ' +
    '(pip install --force-reinstall epochline). Then restart TensorBoard.';
}
"""


def load_assets(directory: Path = _STATIC) -> dict[str, Answer]:
    """Returns the answer for each path below the plugin's route.

    Without a built panel, it is a module that says how to build it.

    Args:
        directory: Where the built panel is.
    """
    files = sorted(path for path in directory.rglob("*") if path.suffix in _TYPES)
    assets = {
        "/" + path.relative_to(directory).as_posix(): _asset(_TYPES[path.suffix], path.read_bytes())
        for path in files
    }
    assets.setdefault(ENTRY, _asset(_JAVASCRIPT, _NOT_BUILT))
    return assets


def _asset(content_type: str, data: bytes) -> Answer:
    return Answer(
        body=gzip.compress(data, compresslevel=9, mtime=0),
        content_type=content_type,
        etag=hashlib.blake2b(data, digest_size=12).hexdigest(),
        gzipped=True,
    )
