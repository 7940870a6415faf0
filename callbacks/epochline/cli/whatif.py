"""`epochline whatif`: what would have happened with other settings."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING, Any, Final, cast

from epochline.cli.command import CommandError, add_json, add_logdir, run_at
from epochline.cli.keeping import add_keep, kept_parts
from epochline.cli.output import emit, emit_json, styled
from epochline.retention import AnyOf, KeepAll, Retention, RetentionPolicy
from epochline.what_if_replay import what_if
from epochline.what_if_values import what_if_value

if TYPE_CHECKING:
    from epochline.what_if_replay import EarlyStoppingChanges, PlateauChanges

HELP = "tell what other settings would have done"
DESCRIPTION = """\
Replays other settings of EarlyStopping, of ReduceLROnPlateau and of what is kept over the recorded
metrics: where the training would have stopped, what the learning rate would have been cut, which
checkpoints there would be, how many epochs and GPU hours that saves. Nothing is trained, and
nothing is changed.

Settings that are not given are those of the training; where it had no such callback, those that
Keras has by default. Without any, it tells what happened. It is exact for as long as the decision
would not have changed the training, and says from which epoch on it would.

With --json: {run, epochs, early_stopping, reduce_lr, recorded: {early_stopping, reduce_lr}, stop,
cuts: [...], differs_from, epochs_saved, seconds_saved, gpus, gpu_hours_saved, checkpoints: {policy,
kept: [ID], pruned: [ID], never: [ID], size_bytes, now_bytes}, sentences, notes}; `stop.verdict` is
earlier, at_end, later or never, `differs_from` a zero-based epoch or null, `epochs_saved` null when
more would have been trained."""

_STOP: Final = ("monitor", "mode", "patience", "min_delta", "baseline", "start_from_epoch")
_CUT: Final = {
    "lr_monitor": "monitor",
    "lr_mode": "mode",
    "lr_patience": "patience",
    "lr_min_delta": "min_delta",
    "factor": "factor",
    "cooldown": "cooldown",
    "min_lr": "min_lr",
}
_MODES: Final = ("min", "max", "auto")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declares the arguments."""
    add_logdir(parser, several=False)
    stop = parser.add_argument_group("EarlyStopping")
    stop.add_argument("--monitor", metavar="NAME", help="the metric that is looked at")
    stop.add_argument("--mode", choices=_MODES, help="which direction of it is better")
    stop.add_argument("--patience", metavar="N", type=int, help="epochs without improvement")
    stop.add_argument("--min-delta", metavar="X", type=float, help="smallest change that counts")
    stop.add_argument(
        "--baseline",
        metavar="X",
        type=_number_or_none,
        default=argparse.SUPPRESS,
        help="value that must be beaten, or none",
    )
    stop.add_argument("--start-from-epoch", metavar="N", type=int, help="epochs that do not count")
    cut = parser.add_argument_group("ReduceLROnPlateau")
    cut.add_argument("--lr-monitor", metavar="NAME", help="the metric that is looked at")
    cut.add_argument("--lr-mode", choices=_MODES, help="which direction of it is better")
    cut.add_argument("--lr-patience", metavar="N", type=int, help="epochs without improvement")
    cut.add_argument("--lr-min-delta", metavar="X", type=float, help="smallest change that counts")
    cut.add_argument("--factor", metavar="X", type=float, help="what the rate is multiplied by")
    cut.add_argument("--cooldown", metavar="N", type=int, help="epochs after a cut without another")
    cut.add_argument("--min-lr", metavar="X", type=float, help="lower bound of the rate")
    keep = parser.add_argument_group("what to keep: all that any of these keeps")
    add_keep(keep)
    keep.add_argument("--max-bytes", metavar="SIZE", help="what all may take together, as 20GB")
    parser.add_argument(
        "--gpus", metavar="N", type=int, default=1, help="GPUs that the training used (default: 1)"
    )
    add_json(parser)


def run(args: argparse.Namespace) -> int:
    """Prints what would have happened."""
    opened = run_at(args.logdir)
    stop: dict[str, Any] = {
        name: value for name in _STOP if (value := getattr(args, name, None)) is not None
    }
    if "baseline" in args:
        stop["baseline"] = args.baseline
    cut = {name: value for key, name in _CUT.items() if (value := getattr(args, key)) is not None}
    answer = what_if(
        opened,
        early_stopping=cast("EarlyStoppingChanges | None", stop or None),
        reduce_lr=cast("PlateauChanges | None", cut or None),
        keep=_policy(args),
        gpus=args.gpus,
    )
    if args.json:
        emit_json({"run": opened.name} | what_if_value(answer))
        return 0
    emit(*(styled(text) for text in answer.sentences))
    emit(*(styled(text, "yellow") for text in answer.notes))
    return 0


def _number_or_none(text: str) -> float | None:
    return None if text == "none" else float(text)


def _policy(args: argparse.Namespace) -> RetentionPolicy | None:
    try:
        parts = kept_parts(args)
        if not parts and args.max_bytes is None:
            return None
        policy = AnyOf(*parts) if parts else KeepAll()
        return policy if args.max_bytes is None else Retention(policy).within(args.max_bytes)
    except ValueError as error:
        raise CommandError(str(error)) from error
