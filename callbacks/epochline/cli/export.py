"""`epochline export`: a run as one file to send to somebody."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from epochline.cli.command import add_logdir, run_at
from epochline.cli.output import emit, styled
from epochline.report import report_html
from epochline.store import write_atomic

HELP = "write a run into one file to send to somebody"
DESCRIPTION = """\
Writes a report of a run as one HTML file: curves with every checkpoint, learning-rate change, stop
and restore, what happened and why, and the table of all checkpoints. It opens without a network and
runs no script. The panel's *Export* hands out the same file.

FILE is replaced if it is there. Without FILE it is named after the run, here; - is standard
output."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declares the arguments."""
    add_logdir(parser, several=False)
    parser.add_argument(
        "--html", metavar="FILE", nargs="?", const="", required=True, help="write HTML"
    )


def run(args: argparse.Namespace) -> int:
    """Writes the report."""
    item = run_at(args.logdir)
    text = report_html(item.name, item.timeline, item.state)
    if args.html == "-":
        sys.stdout.write(text)
        return 0
    target = Path(args.html or f"{item.name}.html")
    write_atomic(target, text.encode(), replace=True)
    emit(styled(f"Wrote the report of {item.name} into {target}."))
    return 0
