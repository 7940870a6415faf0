"""`epochline live`: ask a running training for something."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from typing import Final

from epochline.cli.answer import ANSWER, tell
from epochline.cli.command import CommandError, add_json, add_logdir, run_at
from epochline.cli.output import emit, emit_json, styled
from epochline.restore.live import WAIT_SECONDS, Live
from epochline.restore.requests import Answer, Source

HELP = "pause, stop or change a running training"
DESCRIPTION = f"""\
Asks the training of a run, while it is running, and waits for its answer: it acts before its next
batch. Without ACTION, tells whether it listens.

  pause          it stands still, and answers, until `continue`
  continue       it goes on
  stop           it ends after one more batch, with a last checkpoint
  save           it saves a checkpoint, which stays
  undo           it takes its last restore back
  learning-rate  it takes VALUE as its learning rate

To take it back to a checkpoint: `epochline restore LOGDIR --best METRIC --live`.

With --json and ACTION: ANSWER; without: {{listening, paused, message}}.
{ANSWER}"""

_ACTIONS: Final[dict[str, Callable[[Live], Answer]]] = {
    "pause": Live.pause,
    "continue": Live.proceed,
    "stop": Live.stop,
    "save": Live.save,
    "undo": Live.undo,
}
_RATE: Final = "learning-rate"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declares the arguments."""
    add_logdir(parser, several=False)
    parser.add_argument(
        "action", metavar="ACTION", nargs="?", choices=[*_ACTIONS, _RATE], help="see above"
    )
    parser.add_argument("value", metavar="VALUE", nargs="?", type=float, help="learning rate")
    add_timeout(parser)
    add_json(parser)


def add_timeout(parser: argparse._ActionsContainer) -> None:
    """Declares --timeout."""
    parser.add_argument(
        "--timeout",
        metavar="SECONDS",
        type=float,
        default=WAIT_SECONDS,
        help="how long to wait until the training takes the request (default: %(default)g)",
    )


def run(args: argparse.Namespace) -> int:
    """Asks, and prints the answer."""
    if (args.value is not None) != (args.action == _RATE):
        message = (
            "Which learning rate? Write `epochline live LOGDIR learning-rate 1e-4`."
            if args.value is None
            else f"{args.action or 'No action'} takes no value."
        )
        raise CommandError(message)
    live = Live(run_at(args.logdir).path, source=Source.CLI, timeout=args.timeout)
    if args.action is None:
        there = live.listening
        if args.json:
            said = {"listening": bool(there), "paused": there.paused, "message": there.message}
            emit_json(said)
        else:
            emit(styled(there.message))
        return 0
    answer = (
        live.set_learning_rate(args.value) if args.action == _RATE else _ACTIONS[args.action](live)
    )
    return tell(answer, as_json=args.json)
