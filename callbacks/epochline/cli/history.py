"""`epochline history`: the metrics of every epoch."""

from __future__ import annotations

import argparse
import csv
import sys

from epochline.cli.command import add_logdir, run_at
from epochline.cli.output import emit, emit_json, plain_number, table
from epochline.run import Run
from epochline.sentences import number, rate
from epochline.timeline import EpochEntry

HELP = "print the metrics of every epoch"
DESCRIPTION = """\
Prints the metrics of every epoch, what `model.fit(...).history` holds. Epochs are those that Keras
prints (from 1). An epoch that was trained again after a resume counts as it was trained last.

With --csv: a header line, `epoch` and one column for each metric, empty where an epoch has none.
With --json: {run, printed_epoch: [...], metrics: {NAME: [...]}}, columns of equal length, null
where an epoch has none."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declares the arguments."""
    add_logdir(parser, several=False)
    form = parser.add_mutually_exclusive_group()
    form.add_argument("--csv", action="store_true", help="print CSV")
    form.add_argument("--json", action="store_true", help="print JSON")


def run(args: argparse.Namespace) -> int:
    """Prints the history."""
    item = run_at(args.logdir)
    rows = _rows(item)
    names = item.metric_names
    if args.json:
        emit_json(
            {
                "run": item.name,
                "printed_epoch": [row.epoch + 1 for row in rows],
                "metrics": {name: [row.metrics.get(name) for row in rows] for name in names},
            }
        )
    elif args.csv:
        writer = csv.writer(sys.stdout, lineterminator="\n")
        writer.writerow(["epoch", *names])
        for row in rows:
            writer.writerow([row.epoch + 1, *(_exact(row.metrics.get(name)) for name in names)])
    else:
        columns = [("epoch", True), *((name, True) for name in names)]
        emit(table(columns, [[str(row.epoch + 1), *_cells(row, names)] for row in rows]))
    return 0


def _rows(run: Run) -> list[EpochEntry]:
    last = {row.epoch: row for row in run.timeline.epochs}
    return [last[epoch] for epoch in sorted(last)]


def _exact(value: float | None) -> str:
    return "" if value is None else plain_number(value)


def _cells(row: EpochEntry, names: tuple[str, ...]) -> list[str]:
    return [
        (rate if name.startswith("learning_rate") else number)(row.metrics[name])
        if name in row.metrics
        else ""
        for name in names
    ]
