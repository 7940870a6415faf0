"""Where the run directories are on this machine.

Knows TensorBoard's two ways of naming runs; touches no file.

Invariant: a directory is made from what the user passed to TensorBoard and a run that TensorBoard
listed, never from a request.
"""

from __future__ import annotations

import os
import posixpath
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from epochline.reader import TIMELINE_DIR

__all__ = ["RunDirectories", "RunDirectory"]


@dataclass(frozen=True, slots=True, kw_only=True)
class RunDirectory:
    """A run directory.

    Attributes:
        shown: Absolute path or URL, for people.
        local: The same as a path; None when it is not on this machine, or not known.
    """

    shown: str
    local: Path | None

    def file(self, path: str) -> str:
        """Returns the absolute path or URL of a file.

        Args:
            path: With `/`, relative to the run directory, or absolute.
        """
        if self.local is None:
            return posixpath.join(self.shown, path)
        return os.path.normpath(self.local / path)


class RunDirectories:
    """From runs of TensorBoard to run directories.

    Args:
        logdir: What TensorBoard was started with; empty when it reads from elsewhere.
        multiplexer: TensorBoard's, when it uses its Python loader; only that knows about
            `--logdir_spec`.
    """

    def __init__(self, logdir: str, multiplexer: Any | None) -> None:
        self._multiplexer = multiplexer
        # A relative one is relative to where TensorBoard was started.
        self._base = logdir if _is_url(logdir) or not logdir else _absolute(logdir)

    def find(self, tensorboard_run: str) -> RunDirectory:
        """Returns the directory of the run whose events are in `tensorboard_run`.

        Args:
            tensorboard_run: A run that TensorBoard listed.
        """
        place = self._place(tensorboard_run)
        if _is_url(place) or not place:
            head, _, last = place.rstrip("/").rpartition("/")
            return RunDirectory(shown=head if last == TIMELINE_DIR else place, local=None)
        path = Path(_absolute(place))
        directory = path.parent if path.name == TIMELINE_DIR else path
        return RunDirectory(shown=str(directory), local=directory)

    def _place(self, run: str) -> str:
        if self._multiplexer is not None:
            known: str | None = self._multiplexer.RunPaths().get(run)
            if known:
                return known
        if run == "." or not self._base:
            return self._base
        join = posixpath.join if _is_url(self._base) else os.path.join
        return join(self._base, run)


def _absolute(path: str) -> str:
    # As TensorBoard does it: links stay links, and "~nobody" stays what it is.
    return os.path.abspath(os.path.expanduser(path))


def _is_url(path: str) -> bool:
    return "://" in path
