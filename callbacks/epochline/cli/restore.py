"""`epochline restore`: a checked copy of a checkpoint, or back to it in a running training."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Final, cast

from epochline.cli.answer import ANSWER, tell
from epochline.cli.command import CommandError, add_json, run_at
from epochline.cli.live import add_timeout
from epochline.cli.output import emit, emit_json, styled, verbatim
from epochline.cli.values import checkpoint_value
from epochline.restore import Choice, ChoiceBy, choose, parse_choice, parse_reference
from epochline.restore.live import Live
from epochline.restore.requests import Answer, Counters, LearningRate, Source, checked_rate
from epochline.run import Checkpoint
from epochline.sentences import size
from epochline.shards import INDEX_ENDING, WEIGHTS_ENDING
from epochline.store import digest_file

HELP = "copy a checkpoint to a file, or load it into the running training"
DESCRIPTION = f"""\
Copies the file of a checkpoint to FILE, comparing it with its digest on the way; FILE appears only
if it matches, and never over another file unless --overwrite is given. The copy is a plain Keras
file: `model.load_weights(FILE)` loads it.

A FILE that ends in .keras becomes a whole model, which `keras.saving.load_model(FILE)` loads: all
but the weights come from the run's model.keras. The shards of a .weights.json go beside FILE, and
are named after it.

Choose the checkpoint with one of the options, or as a CHECKPOINT of `epochline show`, such as
logs/pima@best=val_accuracy. Epochs are those that Keras prints (from 1).

With --live, nothing is copied: the training of the run, which must be running, goes back to the
checkpoint before its next batch, all of it or nothing. It saves its present state first, so that
`epochline live LOGDIR undo` brings it back. --dry-run tells what would happen.

With --json: {{path, size_bytes, digest, checkpoint: CHECKPOINT (as in `ls`)}}; with --live: ANSWER.
{ANSWER}"""

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
    where = parser.add_mutually_exclusive_group(required=True)
    where.add_argument("--to", metavar="FILE", help="the copy; a directory keeps the name")
    where.add_argument("--live", action="store_true", help="into the running training")
    parser.add_argument("--overwrite", action="store_true", help="replace FILE if it exists")
    live = parser.add_argument_group("with --live")
    live.add_argument("--dry-run", action="store_true", help="only tell what would happen")
    live.add_argument(
        "--weights-only", action="store_true", help="leave the optimizer's state as it is"
    )
    live.add_argument(
        "--learning-rate",
        metavar="RATE",
        help="afterwards: keep, checkpoint, or a number (default: the checkpoint's with the "
        "optimizer's state, else keep)",
    )
    live.add_argument(
        "--keep-counters",
        action="store_true",
        help="EarlyStopping and ReduceLROnPlateau go on counting, instead of anew",
    )
    add_timeout(live)
    add_json(parser)


def run(args: argparse.Namespace) -> int:
    """Copies the file, or asks the training."""
    path, choice = _target(args)
    item = choose(run_at(path), choice)
    if args.live:
        return tell(_restored_live(item, args), as_json=args.json)
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


def _restored_live(item: Checkpoint, args: argparse.Namespace) -> Answer:
    return Live(item.run_dir, source=Source.CLI, timeout=args.timeout).restore(
        item.id,
        optimizer=item.has_optimizer and not args.weights_only,
        learning_rate=_rate(args.learning_rate),
        counters=Counters.KEEP if args.keep_counters else Counters.RESET,
        dry_run=args.dry_run,
    )


def _rate(text: str | None) -> LearningRate | None:
    if text is None:
        return None
    try:
        if text in ("keep", "checkpoint"):
            return cast("LearningRate", text)
        return checked_rate(float(text))
    except ValueError as error:
        message = f"--learning-rate {text!r} is neither keep, checkpoint, nor a learning rate."
        raise CommandError(message) from error


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
