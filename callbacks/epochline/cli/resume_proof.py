"""`epochline resume-proof`: is a training that gets killed really continued bit for bit?"""

from __future__ import annotations

import argparse
import os
import random
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import IO, Final

from epochline.cli.command import CommandError, add_json
from epochline.cli.output import emit, emit_json, styled
from epochline.restore.resume_proof import (
    DIRECTORY_VARIABLE,
    END,
    LOG_VARIABLE,
    Snapshot,
    first_difference,
    read_snapshots,
)

HELP = "kill a training of yours, continue it, and compare it with one that was not killed"
DESCRIPTION = """\
Runs a training script three times: once to its end; once until `kill -9` at a random moment; and
once more, which continues what was killed. The script needs Resume(...) or
Timeline(..., resume=True). After each epoch, and at the end, everything is compared: metrics, all
variables of model and optimizer, the counters of the callbacks, the random state. Prints
"bit-identical" or the first thing that differs; exit status 1 when something does.

Epochline's own run directories are made in a temporary directory. What else the script writes, it
writes three times where it always does, so give it few epochs and, where it has some, other places.

With --json: {identical, difference, compared, killed_after_epoch, printed_epochs}; `difference` is
a sentence or null, `compared` the number of values, `killed_after_epoch` the last epoch that had
ended then, as Keras prints it."""

_TRIES: Final = 3
_LOOK_EVERY_SECONDS: Final = 0.005
_SHOWN_LINES: Final = 15


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declares the arguments."""
    parser.add_argument("script", metavar="SCRIPT", help="the Python script that trains")
    parser.add_argument(
        "arguments", metavar="ARG", nargs="*", help="arguments of the script, behind --"
    )
    parser.add_argument(
        "--kill-after",
        metavar="EPOCH",
        type=int,
        help="kill within the epoch after EPOCH, as Keras prints it (default: any but the last)",
    )
    add_json(parser)


def run(args: argparse.Namespace) -> int:
    """Runs the trainings and prints what came of it."""
    command = [sys.executable, args.script, *args.arguments]
    if not Path(args.script).is_file():
        message = f"There is no script {args.script!r}."
        raise CommandError(message)
    with tempfile.TemporaryDirectory(prefix="epochline-proof-") as scratch:
        reference = _Side(Path(scratch, "reference"), command)
        reference.train()
        expected = reference.snapshots()
        epochs = _epochs(expected)
        _check(expected, epochs, args.kill_after)
        killed_after = 0
        for attempt in range(_TRIES):
            other = _Side(Path(scratch, f"interrupted-{attempt}"), command)
            killed_after = other.kill(
                args.kill_after or random.randrange(1, epochs),  # noqa: S311 – a moment, no secret
                within=_epoch_seconds(expected),
            )
            if killed_after:
                break
        else:
            message = f"The training ended {_TRIES} times before it could be killed. Train longer."
            raise CommandError(message)
        other.train()
        difference = first_difference(expected, other.snapshots())
    compared = sum(len(item.values) for item in expected)
    return _tell(
        difference, compared=compared, killed_after=killed_after, epochs=epochs, as_json=args.json
    )


class _Side:
    """One of the two trainings.

    Args:
        directory: Its own.
        command: Runs the script.
    """

    def __init__(self, directory: Path, command: Sequence[str]) -> None:
        directory.mkdir()
        self._log = directory / "snapshots.jsonl"
        self._output = directory / "output.txt"
        self._command = command
        self._environment = {
            **os.environ,
            LOG_VARIABLE: str(self._log),
            DIRECTORY_VARIABLE: str(directory / "runs"),
        }

    def snapshots(self) -> list[Snapshot]:
        """Returns what it has told so far."""
        return read_snapshots(self._log)

    def train(self) -> None:
        """Runs the script to its end.

        Raises:
            CommandError: If it fails; the message has the end of its output.
        """
        with self._output.open("ab") as output, self._start(output) as process:
            status = process.wait()
        if status:
            said = self._output.read_text(encoding="utf-8", errors="replace").splitlines()
            emit(*(styled(line, "dim") for line in said[-_SHOWN_LINES:]))
            message = f"{self._command[1]} ended with exit status {status}; see above."
            raise CommandError(message)

    def kill(self, epoch: int, *, within: float) -> int:
        """Runs the script and kills it.

        Args:
            epoch: After that many epochs, counted over all trainings of the script.
            within: At a random moment of so many seconds after that.

        Returns:
            How many epochs had ended; 0 when the script had.
        """
        with self._output.open("ab") as output, self._start(output) as process:
            while process.poll() is None and _epochs(self.snapshots()) < epoch:
                time.sleep(_LOOK_EVERY_SECONDS)
            time.sleep(random.uniform(0.0, within))  # noqa: S311 – a moment, no secret
            if process.poll() is not None:
                return 0
            process.kill()
        return _epochs(self.snapshots())

    def _start(self, output: IO[bytes]) -> subprocess.Popen[bytes]:
        return subprocess.Popen(
            self._command,
            env=self._environment,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
        )


def _check(expected: Sequence[Snapshot], epochs: int, kill_after: int | None) -> None:
    if not expected:
        message = (
            "The script has no training that can be continued. Add Resume('logs/name') or "
            "Timeline('logs/name', resume=True) to the callbacks of fit."
        )
        raise CommandError(message)
    if epochs < 2:  # noqa: PLR2004 – one to be saved, one to be killed in
        message = f"The training has {epochs} epoch; at least 2 are needed."
        raise CommandError(message)
    if kill_after is not None and not 1 <= kill_after < epochs:
        message = f"--kill-after {kill_after} is not from 1 to {epochs - 1}."
        raise CommandError(message)


def _epochs(snapshots: Sequence[Snapshot]) -> int:
    return sum(item.epoch != END for item in snapshots)


def _epoch_seconds(snapshots: Sequence[Snapshot]) -> float:
    times = [item.wall_time for item in snapshots]
    return (times[-1] - times[0]) / max(len(times) - 1, 1)


def _tell(
    difference: str | None, *, compared: int, killed_after: int, epochs: int, as_json: bool
) -> int:
    if as_json:
        emit_json(
            {
                "identical": difference is None,
                "difference": difference,
                "compared": compared,
                "killed_after_epoch": killed_after,
                "printed_epochs": epochs,
            }
        )
    elif difference is None:
        text = f"{compared} values of {epochs} epochs, killed after epoch {killed_after}."
        emit(styled("bit-identical", "bold green"), styled(text))
    else:
        text = f"Killed after epoch {killed_after} of {epochs}."
        emit(styled("different", "bold red"), styled(difference), styled(text))
    return 0 if difference is None else 1
