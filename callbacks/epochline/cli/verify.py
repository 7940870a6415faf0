"""`epochline verify`: read every checkpoint again and compare it with its digest."""

from __future__ import annotations

import argparse
from typing import Any

from epochline.cli.command import add_json, add_logdir, open_runs
from epochline.cli.output import emit, emit_json, styled, table
from epochline.cli.progress import bytes_bar
from epochline.run import Checkpoint
from epochline.sentences import size
from epochline.store import VerifyResult
from epochline.timeline import Status

HELP = "check all checkpoint files against their digests"
DESCRIPTION = """\
Reads every checkpoint file below LOGDIR again and compares it with the digest that was recorded
when it was saved. Exit status 1 when any is missing or has changed. Checkpoints that were removed
on purpose, and saves that failed, have no file and are not checked.

With --json: {ok, checked, failed, bytes, checkpoints: [{run, id, printed_epoch, path, ok, state,
message}]}; `state` is intact, missing, wrong_size, changed, not_a_file, unreadable or
unknown_digest."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declares the arguments."""
    add_logdir(parser, several=True)
    add_json(parser)


def run(args: argparse.Namespace) -> int:
    """Checks the files and prints what was found."""
    items = [
        (name, item)
        for name, run in open_runs(args.logdir)
        for item in run.checkpoints
        if item.status not in (Status.PRUNED, Status.FAILED)
    ]
    results = _verify([item for _, item in items])
    failed = sum(not result for result in results)
    checked = sum(result.found_size_bytes or 0 for result in results)
    if args.json:
        rows = [
            _value(name, item, result) for (name, item), result in zip(items, results, strict=True)
        ]
        emit_json(
            {
                "ok": not failed,
                "checked": len(items),
                "failed": failed,
                "bytes": checked,
                "checkpoints": rows,
            }
        )
        return 1 if failed else 0
    emit(
        table(
            [("", False), ("run", False), ("epoch", True), ("result", False)],
            [
                [
                    styled("ok" if result else "FAILED", "green" if result else "bold red"),
                    name,
                    str(item.epoch + 1),
                    result.message,
                ]
                for (name, item), result in zip(items, results, strict=True)
            ],
        )
    )
    summary = (
        f"{len(items) - failed} of {len(items)} checkpoints are intact ({size(checked)} read)."
    )
    emit(styled(summary, "bold red" if failed else "bold"))
    return 1 if failed else 0


def _verify(items: list[Checkpoint]) -> list[VerifyResult]:
    results = []
    with bytes_bar() as progress:
        task = progress.add_task("verifying", total=sum(item.total_bytes for item in items))
        for item in items:
            results.append(item.verify())
            progress.advance(task, item.total_bytes)
    return results


def _value(name: str, item: Checkpoint, result: VerifyResult) -> dict[str, Any]:
    return {
        "run": name,
        "id": item.id,
        "printed_epoch": item.epoch + 1,
        "path": str(result.path),
        "ok": result.ok,
        "state": result.state.value,
        "message": result.message,
    }
