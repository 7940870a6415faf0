"""`epochline ls`: the runs below a log directory and their checkpoints."""

from __future__ import annotations

import argparse
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Final

from rich.text import Text

from epochline.cli.command import CommandError, add_json, add_logdir, open_runs
from epochline.cli.output import Grid, ago, console, emit, emit_json, styled, table
from epochline.cli.values import checkpoint_value, run_value
from epochline.errors import CheckpointNotFoundError
from epochline.matching import Confidence
from epochline.reader import find_runs
from epochline.run import Checkpoint, Run
from epochline.sentences import number, size
from epochline.timeline import RunState, Status

if TYPE_CHECKING:
    from epochline.adoption import ForeignFile

HELP = "list runs and their checkpoints"
DESCRIPTION = """\
Lists every run below LOGDIR and its checkpoints, oldest first; ★ is the best by the metric that the
run monitors. Checkpoints that were removed by the retention policy are counted, and listed with
--all. Epochs are those that Keras prints.

In a folder of .keras, .weights.h5 and .h5 files that nobody recorded, the files are listed in the
order of their times, with the epoch that each is of, the metrics of that epoch, how sure it is
(confirmed, likely, guess, unknown) and why: by the numbers in its name, by its time, and by the
logs of CSVLogger and TensorBoard in the folder or beside it.

With --json: {"runs": [{run, path, state, last_wall_time, epochs, sessions, monitor, mode, metrics,
best, checkpoints: [CHECKPOINT]}]}; `best` is an id or null. CHECKPOINT is {id, session, epoch,
printed_epoch, step, batch, wall_time, status, reason, why, path, size_bytes, total_bytes, digest,
weights_kind, has_optimizer, save_seconds, callback, parents, metrics, health, tier, pinned, note,
tags, recoverable}; `total_bytes` counts all files of a sharded checkpoint. Of a folder that nobody
recorded {"runs": [], "folder": {path, files: [{path, epoch, printed_epoch, wall_time, size_bytes,
has_optimizer, metrics, confidence, basis}]}}; epochs that are not known are null."""

# What fits into a terminal of how many columns; a pipe gets all of it.
_METRICS_SHOWN: Final = ((120, 4), (0, 2))
_FILES_FROM: Final = 110
_STATE_STYLE: Final = {RunState.RUNNING: "green", RunState.UNKNOWN: "yellow"}
_SURE: Final = {
    Confidence.CONFIRMED: "green",
    Confidence.LIKELY: "",
    Confidence.GUESS: "yellow",
    Confidence.UNKNOWN: "dim",
}
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
    if not find_runs(args.logdir) and (files := _foreign(args.logdir)):
        if args.json:
            folder = {"path": args.logdir, "files": [_file_value(file) for file in files]}
            emit_json({"runs": [], "folder": folder})
        else:
            emit(*_folder_blocks(Path(args.logdir), files))
        return 0
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


def _foreign(folder: str) -> list[ForeignFile]:
    """Returns the checkpoints in a folder that nobody recorded; none when there is no folder."""
    # It reads HDF5 files; a listing of what was recorded does without.
    from epochline.adoption import find_files, run_around

    owner = run_around(folder)
    if owner is not None:
        raise CommandError(f"{folder} belongs to the run {owner}. List that.")
    return find_files(folder) if Path(folder).is_dir() else []


def _file_value(file: ForeignFile) -> dict[str, object]:
    known = file.epoch >= 0
    return {
        "path": file.path,
        "epoch": file.epoch if known else None,
        "printed_epoch": file.epoch + 1 if known else None,
        "wall_time": file.wall_time,
        "size_bytes": file.total_bytes,
        "has_optimizer": file.has_optimizer,
        "metrics": dict(file.metrics),
        "confidence": file.confidence,
        "basis": file.basis,
    }


def _folder_blocks(folder: Path, files: Sequence[ForeignFile]) -> list[Text | Grid]:
    metrics = _shown(_names(files))
    columns = [("epoch", True), *((name, True) for name in metrics), ("size", True)]
    columns += [("written", False), ("sure", False), ("file", False), ("because", False)]
    rows: list[list[str | Text]] = [
        [
            str(file.epoch + 1) if file.epoch >= 0 else "?",
            *_numbers(file.metrics, metrics),
            size(file.total_bytes),
            time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(file.wall_time)),
            styled(file.confidence, _SURE[file.confidence]),
            file.path,
            file.basis,
        ]
        for file in files
    ]
    told = "Nobody recorded these files: which epoch each is of was found afterwards."
    return [styled(folder.resolve().name, "bold"), styled(told, "dim"), table(columns, rows)]


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
    # What the checkpoints are ranked by first, then what was not trained on.
    names = sorted(
        _names(shown), key=lambda name: (name != run.monitor, not name.startswith("val_"))
    )
    metrics = _shown(names)
    best = _best(run)
    columns = [("", False), ("epoch", True), ("step", True)]
    columns += [(name, True) for name in metrics]
    columns += [("size", True), ("status", False), ("id", False)]
    rows = [_row(item, metrics, is_best=item is best) for item in shown]
    if console().width >= _FILES_FROM:
        columns.append(("file", False))
        for row, item in zip(rows, shown, strict=True):
            row.append(item.path)
    return table(columns, rows)


def _names(items: Sequence[Checkpoint] | Sequence[ForeignFile]) -> list[str]:
    names = dict.fromkeys(name for item in items for name in item.metrics)
    return [name for name in names if not name.startswith("learning_rate")]


def _shown(names: Sequence[str]) -> Sequence[str]:
    width = console().width
    return names[: next(count for least, count in _METRICS_SHOWN if width >= least)]


def _numbers(metrics: Mapping[str, float], names: Sequence[str]) -> list[str]:
    return [number(metrics[name]) if name in metrics else "" for name in names]


def _row(item: Checkpoint, metrics: Sequence[str], *, is_best: bool) -> list[str | Text]:
    return [
        styled("★", "yellow") if is_best else "",
        str(item.epoch + 1),
        str(item.step),
        *_numbers(item.metrics, metrics),
        size(item.total_bytes) if item.size_bytes is not None else "",
        _STATUS[item.status],
        item.id[:8],
    ]
