"""What a command is, and the arguments that several of them share."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Protocol

from epochline.errors import CheckpointNotFoundError, EpochlineError, RunNotFoundError
from epochline.reader import find_runs
from epochline.restore import Choice, ChoiceBy, choose, parse_choice, parse_reference
from epochline.run import Checkpoint, Run, open_run

__all__ = [
    "Command",
    "CommandError",
    "add_checkpoint",
    "add_json",
    "add_logdir",
    "checkpoint_at",
    "open_runs",
    "run_at",
]


class CommandError(EpochlineError, ValueError):
    """A command cannot do what was asked; the message says why and what to do."""


class Command(Protocol):
    """A module of this package that is a command."""

    @property
    def HELP(self) -> str:  # noqa: N802 – a constant of the module
        """What it does, in a few words."""
        ...

    @property
    def DESCRIPTION(self) -> str:  # noqa: N802 – a constant of the module
        """What it does, whole."""
        ...

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        """Declares the arguments."""
        ...

    def run(self, args: argparse.Namespace) -> int:
        """Does the work and returns the exit status."""
        ...


def add_logdir(parser: argparse.ArgumentParser, *, several: bool) -> None:
    """Declares LOGDIR."""
    text = (
        "a run directory, or one with runs below it"
        if several
        else "the directory that was passed to Timeline, or one above it that holds exactly one run"
    )
    parser.add_argument("logdir", metavar="LOGDIR", help=text)


def add_checkpoint(parser: argparse.ArgumentParser) -> None:
    """Declares CHECKPOINT, and where to look an id up."""
    parser.add_argument("checkpoint", metavar="CHECKPOINT", help="such as logs/pima@best=val_loss")
    parser.add_argument(
        "--logdir", metavar="DIR", default=".", help="where to look an id up (default: here)"
    )


def add_json(parser: argparse.ArgumentParser) -> None:
    """Declares --json."""
    parser.add_argument("--json", action="store_true", help="print JSON instead of text")


def open_runs(logdir: str) -> list[tuple[str, Run]]:
    """Returns name and run of every run below `logdir`; a run at `logdir` itself has its own name.

    Raises:
        RunNotFoundError: If there is none.
    """
    names = find_runs(logdir)
    if not names:
        raise RunNotFoundError(logdir)
    runs = [(name, Run(Path(logdir, name))) for name in names]
    return [(run.name if name == "." else name, run) for name, run in runs]


def run_at(path: str) -> Run:
    """Returns the one run at or below `path`.

    Raises:
        RunNotFoundError: If there is none.
        CommandError: If there are several.
    """
    try:
        return open_run(path)
    except RunNotFoundError as error:
        if not error.available:
            raise
        names = ", ".join(error.available)
        example = Path(path, error.available[0]).as_posix()
        message = f"{path} holds {len(error.available)} runs: {names}. Name one, such as {example}."
        raise CommandError(message) from error


def checkpoint_at(reference: str, logdir: str) -> tuple[Run, Checkpoint]:
    """Returns the checkpoint that `reference` names, and its run.

    Args:
        reference: Such as `logs/pima@epoch=12`, or an id.
        logdir: Where to look an id up.

    Raises:
        CommandError: If it names none.
        RunNotFoundError: If there is no such run.
        CheckpointNotFoundError: If there is no such checkpoint, or more than one.
    """
    path, choice = parse_reference(reference)
    if choice is not None:
        run = run_at(path)
        return run, choose(run, choice, removed=True)
    alone = parse_choice(reference)
    if alone is None or alone.by is not ChoiceBy.ID:
        message = (
            f"{reference!r} names no checkpoint. Write {reference}@epoch=N, "
            f"{reference}@best=METRIC, {reference}@latest or {reference}@ID."
        )
        raise CommandError(message)
    return _with_id(alone, logdir)


def _with_id(choice: Choice, logdir: str) -> tuple[Run, Checkpoint]:
    runs = [Run(Path(logdir, name)) for name in find_runs(logdir)]
    if not runs:
        raise RunNotFoundError(logdir)
    having = [run for run in runs if any(c.id.startswith(choice.text) for c in run.checkpoints)]
    if len(having) != 1:
        found = f"{len(having)} runs have one" if having else f"None of the {len(runs)} runs has it"
        raise CheckpointNotFoundError(f"id {choice.text!r}", f"{found} below {logdir!r}.")
    return having[0], choose(having[0], choice)
