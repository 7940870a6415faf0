"""`epochline pin`: make a checkpoint stay."""

from __future__ import annotations

import argparse

from epochline.cli.command import CommandError, add_checkpoint, add_json, checkpoint_at
from epochline.cli.output import emit, emit_json, styled
from epochline.cli.values import checkpoint_value

HELP = "make a checkpoint stay"
DESCRIPTION = """\
Pins a checkpoint: no retention policy and no prune takes it away, and none makes it smaller. A
training that runs sees the pin before it prunes the next time.

CHECKPOINT is named as in `epochline show`.

With --json: {pinned, note, tags, checkpoint: CHECKPOINT (as in `ls`)}."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declares the arguments."""
    add_checkpoint(parser)
    parser.add_argument("--note", metavar="TEXT", help="what to remember of it")
    parser.add_argument("--remove", action="store_true", help="take the pin away; the note stays")
    add_json(parser)


def run(args: argparse.Namespace) -> int:
    """Pins, or takes the pin away."""
    _, item = checkpoint_at(args.checkpoint, args.logdir)
    try:
        pinned = item.unpin() if args.remove else item.pin(args.note)
        if args.remove and args.note is not None:
            pinned = pinned.annotate(note=args.note)
    except ValueError as error:
        raise CommandError(str(error)) from error
    if args.json:
        said = {"pinned": pinned.pinned, "note": pinned.note, "tags": list(pinned.tags)}
        emit_json({**said, "checkpoint": checkpoint_value(pinned)})
        return 0
    what = "is pinned: it stays" if pinned.pinned else "is left to the retention policies"
    note = f" Note: {pinned.note}" if pinned.note else ""
    emit(styled(f"Epoch {item.epoch + 1} of {item.run_dir.name} ({item.id}) {what}.{note}"))
    return 0
