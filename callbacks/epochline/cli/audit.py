"""`epochline audit`: what was asked of a run, by whom, and what came of it."""

from __future__ import annotations

import argparse
import time
from dataclasses import asdict

from epochline.cli.command import add_json, add_logdir, run_at
from epochline.cli.output import emit, emit_json, styled, table
from epochline.restore.audit import read_audit

HELP = "list what was asked of a run, and by whom"
DESCRIPTION = """\
Lists the audit log of a run, oldest first: every request to its trainings, and all that the tab of
TensorBoard was asked to do to it, refused or not.

With --json: {run, log: [{time, action, run, id, outcome, refused, request, by, source, host,
message}]}; `id` is the checkpoint in question, `request` the id of a request."""

_HEADINGS = ("TIME", "ACTION", "OUTCOME", "BY", "FROM", "CHECKPOINT", "MESSAGE")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declares the arguments."""
    add_logdir(parser, several=False)
    add_json(parser)


def run(args: argparse.Namespace) -> int:
    """Prints the log."""
    item = run_at(args.logdir)
    lines = read_audit(item.path)
    if args.json:
        emit_json({"run": item.name, "log": [asdict(line) for line in lines]})
        return 0
    if not lines:
        emit(styled(f"Nothing was asked of {item.name} so far.", "dim"))
        return 0
    rows = [
        (
            time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(line.time)),
            line.action,
            line.outcome,
            f"{line.by}@{line.host}" if line.by else "",
            line.source,
            line.id[:8],
            line.message,
        )
        for line in lines
    ]
    emit(table([(heading, False) for heading in _HEADINGS], rows))
    return 0
