"""`epochline average`: the mean of several checkpoints, as a new one."""

from __future__ import annotations

import argparse
import re
from typing import Final

from epochline.averaging import average, recalibrated
from epochline.cli.command import CommandError, add_json, checkpoint_at, run_at
from epochline.cli.output import emit, emit_json, styled
from epochline.cli.progress import bytes_bar
from epochline.cli.values import checkpoint_value
from epochline.run import Checkpoint
from epochline.sentences import size

HELP = "write the mean of several checkpoints"
DESCRIPTION = """\
Writes the mean of the weights of several checkpoints, which often generalizes better than the best
of them (stochastic weight averaging, model soups), to FILE, a plain Keras file without optimizer
state. It is recorded in the run of the last checkpoint, with those it was made of.

Name the checkpoints as in `show`; RUN@best=METRIC:N, or RUN@best:N, stands for the N best of a run.
They must be weights files of one architecture. Each is compared with its digest first.

Moving statistics of BatchNormalization layers are averaged, too; the layers are named, because
these statistics should be set anew by a pass over the training data.

With --json: {checkpoint: CHECKPOINT (as in `ls`), parents: [id], path, recalibrate: [layer]}."""

_SEVERAL: Final = re.compile(r"(?P<run>.+)@best(?:=(?P<metric>.+?))?:(?P<count>\d+)")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declares the arguments."""
    parser.add_argument(
        "checkpoints",
        metavar="CHECKPOINT",
        nargs="+",
        help="such as logs/pima@best=val_loss:5, or logs/pima@epoch=3 logs/pima@epoch=7",
    )
    parser.add_argument("--to", metavar="FILE", required=True, help="must end in .weights.h5")
    parser.add_argument(
        "--logdir", metavar="DIR", default=".", help="where to look an id up (default: here)"
    )
    add_json(parser)


def run(args: argparse.Namespace) -> int:
    """Writes the mean."""
    items = [item for text in args.checkpoints for item in _named(text, args.logdir)]
    try:
        with bytes_bar() as bar:
            task = bar.add_task("averaging", total=None)
            mean = average(
                items,
                args.to,
                progress=lambda done, total: bar.update(task, completed=done, total=total),
            )
    except FileExistsError as error:
        message = f"{args.to} exists. Choose another name."
        raise CommandError(message) from error
    layers = () if mean.layout is None else recalibrated(mean.layout)
    if args.json:
        emit_json(
            {
                "checkpoint": checkpoint_value(mean),
                "parents": mean.parents,
                "path": str(mean.file),
                "recalibrate": layers,
            }
        )
        return 0
    epochs = ", ".join(str(item.epoch + 1) for item in items)
    emit(styled(f"Wrote the mean of {len(items)} checkpoints (epochs {epochs}) to {mean.file}."))
    emit(styled(f"{size(mean.size_bytes)}, {mean.digest}; checkpoint {mean.id} of {mean.run_dir}."))
    if layers:
        names = ", ".join(layers)
        emit(
            styled(
                f"The moving statistics of {names} are means, too. Set them anew by a pass over "
                "the training data: for x in batches: model(x, training=True)",
                "yellow",
            )
        )
    return 0


def _named(text: str, logdir: str) -> tuple[Checkpoint, ...]:
    several = _SEVERAL.fullmatch(text)
    if several is None:
        return (checkpoint_at(text, logdir)[1],)
    ranked = run_at(several["run"]).ranked(several["metric"])
    count = int(several["count"])
    if len(ranked) < count:
        message = f"{text} names {count} checkpoints, and only {len(ranked)} can be restored."
        raise CommandError(message)
    return ranked[:count]
