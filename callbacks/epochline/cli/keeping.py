"""What is to be kept, as options that several commands share."""

from __future__ import annotations

import argparse

from epochline.cli.command import CommandError
from epochline.retention import KeepBest, KeepEvery, KeepLast, RetentionPolicy

__all__ = ["add_keep", "best_policy", "kept_parts"]


def add_keep(keep: argparse._ArgumentGroup) -> None:
    """Declares --keep-last, --keep-best, --keep-every and --keep-every-seconds."""
    keep.add_argument("--keep-last", metavar="N", type=int, help="the newest N")
    keep.add_argument(
        "--keep-best",
        metavar="METRIC:N",
        action="append",
        default=[],
        help="the best N by METRIC (1 when :N is left out); may be given several times",
    )
    keep.add_argument("--keep-every", metavar="N", type=int, help="one of every N epochs")
    keep.add_argument(
        "--keep-every-seconds", metavar="S", type=float, help="one of every S seconds"
    )


def kept_parts(args: argparse.Namespace) -> list[RetentionPolicy]:
    """Returns one policy for each of these options that was given.

    Raises:
        CommandError: If a --keep-best is no METRIC:N.
        ValueError: If a number is out of its range.
    """
    parts: list[RetentionPolicy] = [] if args.keep_last is None else [KeepLast(args.keep_last)]
    parts += [best_policy(text) for text in args.keep_best]
    if args.keep_every is not None:
        parts.append(KeepEvery(epochs=args.keep_every))
    if args.keep_every_seconds is not None:
        parts.append(KeepEvery(seconds=args.keep_every_seconds))
    return parts


def best_policy(text: str) -> KeepBest:
    """Returns the policy of a --keep-best.

    Raises:
        CommandError: If it is no METRIC:N.
        ValueError: If N is out of its range.
    """
    metric, _, count = text.partition(":")
    if not metric or (count and not count.isdecimal()):
        message = f"--keep-best got {text!r}. Write METRIC:N, such as val_loss:3."
        raise CommandError(message)
    return KeepBest(metric, int(count or 1))
