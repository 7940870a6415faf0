"""The bar that long commands show while they read files: in a terminal only, on standard error."""

from __future__ import annotations

import sys

from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeRemainingColumn

from epochline.cli.output import console

__all__ = ["bytes_bar"]


def bytes_bar() -> Progress:
    """Returns a bar that counts bytes; a context manager that clears it at its end."""
    return Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        DownloadColumn(),
        TimeRemainingColumn(),
        console=console(sys.stderr),
        disable=not sys.stderr.isatty(),
        transient=True,
    )
