"""`epochline ls`: the runs below a log directory and their checkpoints."""

from __future__ import annotations

import argparse
from typing import Final

from rich.text import Text

from epochline.cli.command import add_json, add_logdir, open_runs
from epochline.cli.output import Grid, ago, console, emit, emit_json, styled, table
from epochline.cli.values import checkpoint_value, run_value
from epochline.errors import CheckpointNotFoundError
from epochline.run import Checkpoint, Run
from epochline.sentences import number, size
from epochline.timeline import RunState, Status

HELP = "list runs and their checkpoints"
DESCRIPTION = """\
Lists every run below LOGDIR and its checkpoints, oldest first; ★ is the best by the metric that the
run monitors. Checkpoints that were removed by the retention policy are counted, and listed with
--all. Epochs are those that Keras prints.

With --json: {"runs": [{run, path, state, last_wall_time, epochs, sessions, monitor, mode, metrics,
best, checkpoints: [CHECKPOINT]}]}; `best` is an id or null. CHECKPOINT is {id, session, epoch,
printed_epoch, step, batch, wall_time, status, reason, why, path, size_bytes, total_bytes, digest,
weights_kind, has_optimizer, save_seconds, callback, metrics, health, tier, pinned, note, tags,
recoverable}; `total_bytes` counts all files of a sharded checkpoint."""

# What fits into a terminal of how many columns; a pipe gets all of it.
_METRICS_SHOWN: Final = ((120, 4), (0, 2))
_FILES_FROM: Final = 110
_STATE_STYLE: Final = {RunState.RUNNING: "green", RunState.UNKNOWN: "yellow"}
_STATUS: Final[dict[Status, str | Text]] = {
    Status.SAVED: Status.SAVED,
    Status.PINNED: Status.PINNED,
    Status.PRUNED: styled(Status.PRUNED, "dim"),
    Status.MISSING: styled(Status.MISSING, "red"),
    Status.CORRUPT: styled(Status.CORRUPT, "red"),
    Status.FAILED: styled(Status.FAILED, "red"),
}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declares the arguments."""
    add_logdir(parser, several=True)
    parser.add_argument("--all", action="store_true", help="also list removed checkpoints")
    add_json(parser)


def run(args: argparse.Namespace) -> int:
    """Prints the list."""
    runs = open_runs(args.logdir)
    if args.json:
        emit_json({"runs": [_value(name, item) for name, item in runs]})
        return 0
    for place, (name, item) in enumerate(runs):
        if place:
            emit("")
        emit(*_blocks(name, item, everything=args.all))
    return 0


def _value(name: str, run: Run) -> dict[str, object]:
    best = _best(run)
    return {
        **run_value(name, run),
        "best": best.id if best else None,
        "checkpoints": [checkpoint_value(item) for item in run.checkpoints],
    }


def _best(run: Run) -> Checkpoint | None:
    try:
        return run.best()
    except CheckpointNotFoundError:
        return None


def _blocks(name: str, run: Run, *, everything: bool) -> list[Text | Grid]:
    timeline = run.timeline
    facts = [f"{timeline.epoch_count} epochs"]
    if run.monitor:
        facts.append(f"monitor {run.monitor} ({timeline.mode(run.monitor)})")
    facts.append(ago(timeline.last_wall_time))
    headline = styled(name, "bold")
    headline.append_text(styled(f"  {run.state}", _STATE_STYLE.get(run.state, "")))
    headline.append_text(styled(f" · {' · '.join(facts)}", "dim"))
    blocks: list[Text | Grid] = [headline]
    if run.sessions:
        message = run.sessions[-1].message(running=run.state is RunState.RUNNING)
        blocks.append(styled(message))
    blocks.extend(styled(damage.message, "red") for damage in run.damages)
    shown = [item for item in run.checkpoints if everything or item.status is not Status.PRUNED]
    if shown:
        blocks.append(_table(run, shown))
    pruned = len(run.checkpoints) - len(shown)
    if pruned:
        blocks.append(
            styled(f"{pruned} more removed by the retention policy (--all lists them).", "dim")
        )
    if not run.checkpoints:
        blocks.append(styled("No checkpoint yet.", "dim"))
    return blocks


def _table(run: Run, shown: list[Checkpoint]) -> Grid:
    width = console().width
    metrics = _metrics(run)[: next(count for least, count in _METRICS_SHOWN if width >= least)]
    best = _best(run)
    columns = [("", False), ("epoch", True), ("step", True)]
    columns += [(name, True) for name in metrics]
    columns += [("size", True), ("status", False), ("id", False)]
    rows = [_row(item, metrics, is_best=item is best) for item in shown]
    if width >= _FILES_FROM:
        columns.append(("file", False))
        for row, item in zip(rows, shown, strict=True):
            row.append(item.path)
    return table(columns, rows)


def _metrics(run: Run) -> list[str]:
    names = list(dict.fromkeys(name for item in run.checkpoints for name in item.metrics))
    names = [name for name in names if not name.startswith("learning_rate")]
    # What the checkpoints are ranked by first, then what was not trained on.
    names.sort(key=lambda name: (name != run.monitor, not name.startswith("val_")))
    return names


def _row(item: Checkpoint, metrics: list[str], *, is_best: bool) -> list[str | Text]:
    return [
        styled("★", "yellow") if is_best else "",
        str(item.epoch + 1),
        str(item.step),
        *(number(item.metrics[name]) if name in item.metrics else "" for name in metrics),
        size(item.total_bytes) if item.size_bytes is not None else "",
        _STATUS[item.status],
        item.id[:8],
    ]
