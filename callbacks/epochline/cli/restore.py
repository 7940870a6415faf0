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
from epochline.shards import INDEX_ENDING, WEIGHTS_ENDING
from epochline.store import digest_file

HELP = "copy a checkpoint to a file, verified"
DESCRIPTION = """\
Copies the file of a checkpoint to FILE, comparing it with its digest on the way; FILE appears only
if it matches, and never over another file unless --overwrite is given. The copy is a plain Keras
file: `model.load_weights(FILE)` loads it.

A FILE that ends in .keras becomes a whole model, which `keras.saving.load_model(FILE)` loads: all
but the weights come from the run's model.keras. The shards of a .weights.json go beside FILE, and
are named after it.

Choose the checkpoint with one of the options, or as a CHECKPOINT of `epochline show`, such as
logs/pima@best=val_accuracy. Epochs are those that Keras prints (from 1).

With --json: {path, size_bytes, digest, checkpoint: CHECKPOINT (as in `ls`)}."""

_MODEL: Final = ".keras"


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
        more = ": several files cannot be replaced as one."
        if not item.parts or target.suffix == _MODEL:
            more = ", or add --overwrite to replace it."
        message = f"{target} exists. Choose another name{more}"
        raise CommandError(message) from error
    if args.json:
        found = digest_file(copy)
        emit_json(
            {
                "path": str(copy),
                "size_bytes": found.size_bytes,
                "digest": found.digest,
                "checkpoint": checkpoint_value(item),
            }
        )
        return 0
    load = "keras.saving.load_model" if copy.suffix == _MODEL else "model.load_weights"
    emit(
        styled(
            f"Restored epoch {item.epoch + 1} of {item.run_dir.name} to {copy} "
            f"({size(item.total_bytes)}, digest verified)."
        ),
        verbatim(f"Load it: {load}({str(copy)!r})"),
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
    endings = (one for one in (WEIGHTS_ENDING, INDEX_ENDING) if item.file.name.endswith(one))
    ending = next(endings, item.file.suffix)
    if not target.name.endswith((ending, _MODEL)):
        message = f"{to!r} must end in {ending!r} or {_MODEL!r}: Keras tells formats apart by it."
        raise CommandError(message)
    return target
