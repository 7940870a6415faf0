"""Run a command and turn what goes wrong into one line and an exit status."""

from __future__ import annotations

import argparse
import io
import os
import sys
from collections.abc import Sequence
from typing import Final

from epochline.cli.output import clean
from epochline.cli.parser import NAMES, build_parser
from epochline.errors import EpochlineError

__all__ = ["main"]

_USER_ERROR: Final = 1
_USAGE: Final = 2
# What a shell reports for a program that Ctrl-C, or a reader that went away, has ended.
_INTERRUPTED: Final = 130
_BROKEN_PIPE: Final = 141


def main(argv: Sequence[str] | None = None) -> int:
    """Runs the command line.

    Args:
        argv: Arguments without the name of the program; those of the process when None.

    Returns:
        0 when done, 1 after an error that was told in one line on standard error, 2 for wrong
        usage.
    """
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            # A console that cannot show a character shows another one, instead of a traceback.
            stream.reconfigure(errors="replace")
    words = sys.argv[1:] if argv is None else argv
    parser = build_parser(words[:1] if words and words[0] in NAMES else NAMES)
    try:
        args = parser.parse_args(words)
    except SystemExit as stop:  # argparse has printed help or what is wrong
        return stop.code if isinstance(stop.code, int) else _USAGE
    if args.version:
        from importlib.metadata import version

        print(f"epochline {version('epochline')}")
        return 0
    if "command" not in args:
        parser.print_help(sys.stderr)
        return _USAGE
    return _run(args)


def _run(args: argparse.Namespace) -> int:
    try:
        status: int = args.command.run(args)
        sys.stdout.flush()
    except BrokenPipeError:
        # As https://docs.python.org/3/library/signal.html#note-on-sigpipe: the last flush must not
        # fail.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return _BROKEN_PIPE
    except KeyboardInterrupt:
        return _INTERRUPTED
    except (EpochlineError, OSError) as error:
        print(f"epochline: {clean(_told(error))}", file=sys.stderr)
        return _USER_ERROR
    return status


def _told(error: EpochlineError | OSError) -> str:
    if isinstance(error, OSError) and not isinstance(error, EpochlineError) and error.strerror:
        return f"{error.strerror}: {error.filename}" if error.filename else error.strerror
    return str(error)
