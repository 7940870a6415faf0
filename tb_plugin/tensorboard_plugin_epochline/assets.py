"""The files of the panel.

Invariant: what is served is what was in `static/` when TensorBoard started, so that the panel and
the routes it asks are of one version; only in a checkout, where the panel is built again and again,
is it what is there now. The path of a request is only ever looked up, never opened.
"""

from __future__ import annotations

import gzip
import hashlib
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from tensorboard_plugin_epochline.answers import Answer

__all__ = ["ENTRY", "Assets"]

ENTRY: Final = "/index.js"
"""The module that TensorBoard imports, and whose `render` it calls."""

_STATIC: Final = Path(__file__).parent / "static"
_IN_CHECKOUT: Final = (Path(__file__).parents[2] / "frontend" / "vite.config.ts").is_file()
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


class Assets:
    """The files by the path below the plugin's route.

    Without a built panel there is one: a module that says how to build it.

    Args:
        directory: Where the built panel is.
        in_checkout: Whether it may be built again while it is served.
    """

    def __init__(self, directory: Path = _STATIC, *, in_checkout: bool = _IN_CHECKOUT) -> None:
        self._directory = directory
        self._in_checkout = in_checkout
        self._state = _state(directory)
        self._answers = _load(directory)

    def find(self, path: str) -> Answer | None:
        """Returns the file at a path such as `/index.js`; None when there is none."""
        if self._in_checkout and (now := _state(self._directory)) != self._state:
            self._answers = _load(self._directory)
            self._state = now
        return self._answers.get(path)


def _state(directory: Path) -> tuple[tuple[str, int, int], ...]:
    """Returns what differs after another build."""
    if not directory.is_dir():
        return ()
    with os.scandir(directory) as entries:
        stats = [(entry.name, entry.stat()) for entry in entries]
    return tuple(sorted((name, stat.st_mtime_ns, stat.st_size) for name, stat in stats))


def _load(directory: Path) -> dict[str, Answer]:
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
