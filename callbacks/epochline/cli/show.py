"""`epochline show`: everything about one checkpoint."""

from __future__ import annotations

import argparse
import shlex
import time
from enum import StrEnum

from epochline.cli.command import add_checkpoint, add_json, checkpoint_at
from epochline.cli.output import Grid, emit, emit_json, grid, styled, table, verbatim
from epochline.cli.values import checkpoint_value, decision_value
from epochline.run import Checkpoint
from epochline.sentences import number, rate, size

HELP = "show one checkpoint"
DESCRIPTION = """\
Shows one checkpoint: why it was saved and what became of it, metrics, file, digest, the decisions
of its epoch, and how to load it.

CHECKPOINT is RUN@epoch=N, RUN@best=METRIC, RUN@best (by what the run monitors), RUN@latest or
RUN@ID, where RUN is a run directory, N an epoch as Keras prints it (from 1) and ID an id or the
first digits of one (at least four). An id alone is looked up below --logdir.

With --json: {run, checkpoint: CHECKPOINT (as in `ls`), decisions: [DECISION (as in `why`)],
snippets: {python, keras, cli}}."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declares the arguments."""
    add_checkpoint(parser)
    add_json(parser)


def run(args: argparse.Namespace) -> int:
    """Prints the checkpoint."""
    run, item = checkpoint_at(args.checkpoint, args.logdir)
    moment = (item.session, item.epoch)
    decisions = [one for one in run.decisions if (one.session, one.epoch) == moment]
    if args.json:
        emit_json(
            {
                "run": item.run_dir.name,
                "checkpoint": checkpoint_value(item),
                "decisions": [decision_value(decision) for decision in decisions],
                "snippets": snippets(item),
            }
        )
        return 0
    emit(styled(f"{item.run_dir.name}, epoch {item.epoch + 1}", "bold"), _facts(item))
    emit("", table([("metric", False), ("value", True)], _metrics(item)))
    if decisions:
        emit("", styled("Decided in this epoch", "bold"))
        emit(*(styled(decision.sentence) for decision in decisions))
    if item.restorable:
        emit("", styled("Load it", "bold"), *(verbatim(text) for text in snippets(item).values()))
    return 0


def snippets(item: Checkpoint) -> dict[str, str]:
    """Returns how to load it, ready to paste: with Epochline, with Keras alone, as a file."""
    reference = shlex.quote(f"{item.run_dir}@{item.id}")
    run = f"epochline.open_run({str(item.run_dir)!r})"
    return {
        "python": f"{run}.checkpoint({item.id!r}).restore(model)",
        "keras": (
            "model.optimizer.build(model.trainable_variables); "
            f"model.load_weights({str(item.file)!r})"
        ),
        "cli": f"epochline restore {reference} --to {shlex.quote(item.file.name)}",
    }


def _facts(item: Checkpoint) -> Grid:
    saved = time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(item.wall_time))
    by = f" by {item.callback}" if item.callback else ""
    rows = [
        ("id", item.id),
        ("status", item.status),
        ("why", item.why),
        ("when", f"{saved}{by}, step {item.step}, batch {item.batch}"),
        ("epoch", f"{item.epoch + 1} as Keras prints it; Python: epoch={item.epoch}"),
        ("file", str(item.file)),
        ("size", _size(item)),
        ("digest", item.digest or "none"),
        ("optimizer", "state included" if item.has_optimizer else "state not included"),
        ("weights", item.weights_kind),
        ("health", _words(item.health) + (f" {item.health_detail}" if item.health_detail else "")),
        ("tier", _words(item.tier)),
        ("note", item.note),
        ("tags", ", ".join(item.tags)),
    ]
    return grid([(styled(name, "dim"), value) for name, value in rows if value])


def _size(item: Checkpoint) -> str:
    if not item.parts:
        return size(item.size_bytes)
    return f"{size(item.total_bytes)} in {len(item.stored)} files, which lie side by side"


def _words(value: StrEnum | None) -> str:
    return "" if value is None else value.replace("_", " ")


def _metrics(item: Checkpoint) -> list[tuple[str, str]]:
    return [
        (name, (rate if name.startswith("learning_rate") else number)(value))
        for name, value in item.metrics.items()
    ]
