"""`epochline restore`: the file of a checkpoint, checked, under a name of your own."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Final

from epochline.cli.command import CommandError, add_json, run_at
from epochline.cli.output import emit, emit_json, styled, verbatim
from epochline.cli.values import checkpoint_value
from epochline.restore import Choice, ChoiceBy, choose, parse_choice, parse_reference
from epochline.run import Checkpoint
from epochline.sentences import size

NAME = "restore"
HELP = "copy a checkpoint to a file, verified"
DESCRIPTION = """\
Copies the file of a checkpoint to FILE, comparing it with its digest on the way; FILE appears only
if it matches, and never over another file unless --overwrite is given. The copy is a plain Keras
file: `model.load_weights(FILE)` loads it.

Choose the checkpoint with one of the options, or as a CHECKPOINT of `epochline show`, such as
logs/pima@best=val_accuracy. Epochs are those that Keras prints (from 1).

With --json: {path, size_bytes, digest, checkpoint: CHECKPOINT (as in `ls`)}."""

_WEIGHTS: Final = ".weights.h5"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declares the arguments."""
    parser.add_argument("logdir", metavar="LOGDIR", help="a run directory, or a CHECKPOINT")
    which = parser.add_mutually_exclusive_group()
    which.add_argument(
        "--best",
        metavar="METRIC",
        nargs="?",
        const="",
        help="the best by METRIC, by what the run monitors when left out",
    )
    which.add_argument("--epoch", metavar="N", type=int, help="of epoch N, as Keras prints it")
    which.add_argument("--latest", action="store_true", help="the newest")
    which.add_argument("--id", metavar="ID", help="by its id, or the first digits of it")
    parser.add_argument(
        "--to", metavar="FILE", required=True, help="the copy; a directory keeps the name"
    )
    parser.add_argument("--overwrite", action="store_true", help="replace FILE if it exists")
    add_json(parser)


def run(args: argparse.Namespace) -> int:
    """Copies the file."""
    path, choice = _target(args)
    item = choose(run_at(path), choice)
    target = _destination(item, args.to)
    try:
        copy = item.export(target, replace=args.overwrite)
    except FileExistsError as error:
        message = f"{target} exists. Choose another name, or add --overwrite to replace it."
        raise CommandError(message) from error
    if args.json:
        value = checkpoint_value(item)
        kept = {key: value[key] for key in ("size_bytes", "digest")}
        emit_json({"path": str(copy), **kept, "checkpoint": value})
        return 0
    emit(
        styled(
            f"Restored epoch {item.epoch + 1} of {item.run_dir.name} to {copy} "
            f"({size(item.size_bytes)}, digest verified)."
        ),
        verbatim(f"Load it: model.load_weights({str(copy)!r})"),
    )
    return 0


def _target(args: argparse.Namespace) -> tuple[str, Choice]:
    path, named = parse_reference(args.logdir)
    option = _option(args)
    if named and option:
        message = f"{args.logdir!r} names a checkpoint already: leave out {option}, or {named}."
        raise CommandError(message)
    choice = named or option
    if choice is None:
        message = "Which checkpoint? Add --best METRIC, --epoch N, --latest or --id ID."
        raise CommandError(message)
    return path, choice


def _option(args: argparse.Namespace) -> Choice | None:
    if args.best is not None:
        return Choice(by=ChoiceBy.BEST, text=args.best)
    if args.epoch is not None:
        return Choice(by=ChoiceBy.EPOCH, epoch=args.epoch)
    if args.latest:
        return Choice(by=ChoiceBy.LATEST)
    if args.id is not None:
        choice = parse_choice(f"id={args.id}")
        if choice is None:
            message = f"{args.id!r} is no id: an id is 4 to 16 of the digits 0-9 and a-f."
            raise CommandError(message)
        return choice
    return None


def _destination(item: Checkpoint, to: str) -> Path:
    target = Path(to)
    if target.is_dir() or to.endswith("/"):
        return target / item.file.name
    ending = _WEIGHTS if item.file.name.endswith(_WEIGHTS) else item.file.suffix
    if not target.name.endswith(ending):
        message = f"{to!r} must end in {ending!r}: Keras tells formats apart by it."
        raise CommandError(message)
    return target
