"""`epochline why`: the story of a run, or of one of its epochs."""

from __future__ import annotations

import argparse
from typing import Any, Final

from rich.text import Text

from epochline.cli.command import CommandError, add_json, add_logdir, run_at
from epochline.cli.output import Grid, emit, emit_json, grid, styled
from epochline.cli.values import decision_value, moment_value
from epochline.run import Run
from epochline.story import Line, shortened, story

HELP = "tell what was decided, and why"
DESCRIPTION = """\
Tells a run as a story: what was saved because it was better, each change of the learning rate, the
early stop, restores, failures, each with its numbers. A learning rate that follows a schedule is
one line, and of more than ten saves in a row the first and the last are told. With EPOCH (as Keras
prints it, from 1), all of that epoch, also what was decided against. With --all, all of every
epoch.

With --json: {run, story: [{session, epoch, printed_epoch, step, batch, wall_time, kind, verdict,
sentence, decision}]}; `kind` is session, restore, request, notice, checkpoint or decision,
`verdict` the word of the second column, `decision` null or a DECISION: {session, epoch,
printed_epoch, step, batch, wall_time, acted, sentence, callback, topic, verdict, position, monitor,
mode, observed, best, best_epoch, min_delta, baseline, wait, patience, cooldown, start_from_epoch,
lr_before, lr_after, min_lr, optimizer, path, detail}."""

_STYLES: Final = {
    "saved": "green",
    "failed": "red",
    "LR cut": "cyan",
    "LR raised": "cyan",
    "LR changes": "cyan",
    "stopped": "yellow",
    "restored": "magenta",
    "asked": "magenta",
    "refused": "yellow",
    "note": "yellow",
    "no metric": "red",
    "at floor": "yellow",
}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declares the arguments."""
    add_logdir(parser, several=False)
    parser.add_argument(
        "epoch", metavar="EPOCH", nargs="?", type=int, help="one epoch, as Keras prints it (from 1)"
    )
    parser.add_argument("--all", action="store_true", help="also what was decided against")
    add_json(parser)


def run(args: argparse.Namespace) -> int:
    """Prints the story."""
    item = run_at(args.logdir)
    whole = args.all or args.epoch is not None
    lines = story(item.timeline, item.state, whole=whole)
    if args.epoch is not None:
        lines = [line for line in lines if line.moment.epoch == args.epoch - 1]
        if not lines:
            raise CommandError(_no_such_epoch(item, args.epoch))
    elif not (whole or args.json):
        lines = shortened(lines)
    if args.json:
        emit_json({"run": item.name, "story": [_value(line) for line in lines]})
        return 0
    emit(_table(lines))
    if args.epoch is None:
        emit(*(styled(text, "dim") for text in _footer(item)))
    return 0


def _no_such_epoch(run: Run, epoch: int) -> str:
    epochs = [row.epoch + 1 for row in run.timeline.epochs]
    known = (
        f"It has epochs {min(epochs)} to {max(epochs)}." if epochs else "No epoch has ended yet."
    )
    return f"Nothing is recorded of epoch {epoch} of {run.name!r}. {known}"


def _table(lines: list[Line]) -> Grid:
    rows: list[list[str | Text]] = []
    before: tuple[str, int] | None = None
    for line in lines:
        place = (line.moment.session, line.moment.epoch)
        label = "" if place == before else f"epoch {line.moment.epoch + 1}"
        before = place
        style = _STYLES.get(line.verdict, "dim")
        rows.append([styled(label, "bold"), styled(line.verdict, style), line.sentence])
    return grid(rows)


def _footer(run: Run) -> list[str]:
    return [*(gap.message for gap in run.gaps), *(damage.message for damage in run.damages)]


def _value(line: Line) -> dict[str, Any]:
    return {
        **moment_value(line.moment),
        "kind": line.kind,
        "verdict": line.verdict,
        "sentence": line.sentence,
        "decision": decision_value(line.decision) if line.decision else None,
    }
