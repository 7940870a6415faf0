"""`epochline plot`: the curves of a run, as a picture."""

from __future__ import annotations

import argparse

from epochline.cli.command import CommandError, add_logdir, run_at
from epochline.cli.output import emit, styled

HELP = "draw the curves with their markers"
DESCRIPTION = """\
Draws train and validation curves with the checkpoints, the best one, learning-rate changes and the
early stop. The ending of FILE chooses the format: .png, .svg, .pdf. Needs matplotlib:
pip install 'epochline[plot]'."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declares the arguments."""
    add_logdir(parser, several=False)
    parser.add_argument("-o", "--output", metavar="FILE", required=True, help="the picture")
    parser.add_argument(
        "--metric",
        metavar="NAME",
        action="append",
        default=[],
        help="draw only this metric; can be given several times",
    )


def run(args: argparse.Namespace) -> int:
    """Draws the picture."""
    item = run_at(args.logdir)
    try:
        path = item.plot(args.output, metrics=tuple(args.metric))
    except ModuleNotFoundError as error:
        raise CommandError(str(error)) from error
    except ValueError as error:  # what matplotlib says about an unknown ending
        message = f"Cannot draw {args.output!r}: {error}."
        raise CommandError(message) from error
    emit(styled(f"Drew {item.name} into {path}."))
    return 0
