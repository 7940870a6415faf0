"""Code to paste that does what the panel does: load a checkpoint, pin it, ask a training for it.

Pure. Paths and ids come from event files, which may come from strangers.

Invariant: whatever a path or an id holds, it stays one string literal in Python and one word in the
shell.
"""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from pathlib import PurePosixPath

from epochline.restore.requests import Counters, LearningRate
from epochline.retention import AnyOf, KeepAllBut, KeepBest, KeepLast, RetentionPolicy
from epochline.shards import INDEX_ENDING
from epochline.timeline import CheckpointEntry

__all__ = [
    "commands",
    "copy_name",
    "keep_calls",
    "live_commands",
    "live_restore_commands",
    "mean_commands",
    "prune_commands",
    "snippets",
]

_WEIGHTS = (".weights.h5", INDEX_ENDING)
_EXAMPLE_RATE = 1e-4


def snippets(entry: CheckpointEntry, *, directory: str, path: str) -> dict[str, str]:
    """Returns ready-made code by language: `python`, `keras` and `cli`.

    Args:
        entry: The checkpoint.
        directory: Absolute path of the run directory.
        path: Absolute path of the file.
    """
    python = (
        "import epochline\n"
        f"run = epochline.open_run({directory!r})\n"
        f"run.checkpoint({entry.id!r}).restore(model)"
    )
    target = copy_name(entry)
    # A name that begins with a dash would be taken for an option.
    target = f"./{target}" if target.startswith("-") else target
    words = ["epochline", "restore", directory, "--id", entry.id, "--to", target]
    return {"python": python, "keras": _keras(entry, path), "cli": shlex.join(words)}


def commands(entry: CheckpointEntry, *, directory: str) -> dict[str, dict[str, str]]:
    """Returns what does the same as a button: `pin`, `unpin`, `annotate` and `recover`.

    Each has `python` and `cli`; `annotate` writes down again what is noted now, to be edited.

    Args:
        entry: The checkpoint.
        directory: Absolute path of the run directory.
    """
    checkpoint = f"epochline.open_run({directory!r}).checkpoint({entry.id!r})"
    name = f"{directory}@{entry.id}"
    noted = f"note={entry.note!r}, tags={list(entry.tags)!r}"
    note = ["epochline", "pin", name, *([] if entry.pinned else ["--remove"]), "--note", entry.note]
    calls = {
        "pin": ("pin()", ["epochline", "pin", name]),
        "unpin": ("unpin()", ["epochline", "pin", name, "--remove"]),
        "annotate": (f"annotate({noted})", note),
        "recover": ("recover()", ["epochline", "prune", name, "--undo"]),
    }
    return {
        action: {"python": f"import epochline\n{checkpoint}.{call}", "cli": shlex.join(words)}
        for action, (call, words) in calls.items()
    }


def prune_commands(policy: RetentionPolicy, *, directory: str) -> dict[str, str]:
    """Returns what prunes a run in the same way, as `python` and `cli`.

    Args:
        policy: `KeepLast`, `KeepBest`, `KeepAllBut`, or several of them joined by `|`.
        directory: Absolute path of the run directory.
    """
    call, options = keep_calls(policy)
    python = (
        f"import epochline\nrun = epochline.open_run({directory!r})\n"
        f"run.prune({call}, dry_run=False)"
    )
    words = ["epochline", "prune", directory, *options, "--yes"]
    return {"python": python, "cli": shlex.join(words)}


def keep_calls(policy: RetentionPolicy) -> tuple[str, list[str]]:
    """Returns a policy as Python code, and as options of the command line.

    Args:
        policy: As for `prune_commands`.
    """
    calls: list[str] = []
    options: list[str] = []
    for part in policy.policies if isinstance(policy, AnyOf) else (policy,):
        if isinstance(part, KeepLast):
            calls.append(f"epochline.KeepLast({part.n})")
            options.append(f"--keep-last={part.n}")
        elif isinstance(part, KeepBest):
            calls.append(f"epochline.KeepBest({part.metric!r}, {part.n})")
            options.append(f"--keep-best={part.metric}:{part.n}")
        elif isinstance(part, KeepAllBut):
            ids = sorted(part.ids)
            calls.append(f"epochline.KeepAllBut({', '.join(map(repr, ids))})")
            options += [f"--drop={one}" for one in ids]
    return " | ".join(calls), options


def mean_commands(
    entries: Sequence[CheckpointEntry], *, directory: str, target: str
) -> dict[str, str]:
    """Returns what writes the mean of several checkpoints, as `python` and `cli`.

    Args:
        entries: The checkpoints, all of one run.
        directory: Absolute path of the run directory.
        target: Absolute path of the new file.
    """
    items = ", ".join(f"run.checkpoint({entry.id!r})" for entry in entries)
    python = (
        f"import epochline\nrun = epochline.open_run({directory!r})\n"
        f"epochline.average([{items}], {target!r})"
    )
    names = [f"{directory}@{entry.id}" for entry in entries]
    return {"python": python, "cli": shlex.join(["epochline", "average", *names, "--to", target])}


def live_commands(*, directory: str, learning_rate: LearningRate) -> dict[str, dict[str, str]]:
    """Returns what asks a running training for the same as a button, by action.

    Args:
        directory: Absolute path of the run directory.
        learning_rate: The one to set; where it is no number, an example is given.
    """
    value = learning_rate if isinstance(learning_rate, float) else _EXAMPLE_RATE
    calls = {
        "pause": ("pause()", ["pause"]),
        "continue": ("proceed()", ["continue"]),
        "stop": ("stop()", ["stop"]),
        "save": ("save()", ["save"]),
        "undo": ("undo()", ["undo"]),
        "learning_rate": (f"set_learning_rate({value!r})", ["learning-rate", repr(value)]),
    }
    run = f"import epochline\nepochline.open_run({directory!r}).live"
    return {
        action: {
            "python": f"{run}.{call}",
            "cli": shlex.join(["epochline", "live", directory, *words]),
        }
        for action, (call, words) in calls.items()
    }


def live_restore_commands(
    checkpoint: str,
    *,
    directory: str,
    optimizer: bool,
    learning_rate: LearningRate,
    counters: Counters,
) -> dict[str, str]:
    """Returns what takes a running training back to a checkpoint, as `python` and `cli`.

    Args:
        checkpoint: Its id.
        directory: Absolute path of the run directory.
        optimizer: Whether the state of the optimizer is restored, too.
        learning_rate: The learning rate afterwards.
        counters: What becomes of the counters of callbacks.
    """
    arguments: list[str] = []
    words = ["epochline", "restore", directory, "--id", checkpoint, "--live"]
    if not optimizer:
        arguments.append("optimizer=False")
        words.append("--weights-only")
    if learning_rate != ("checkpoint" if optimizer else "keep"):
        arguments.append(f"learning_rate={learning_rate!r}")
        words.append(f"--learning-rate={learning_rate}")
    if counters is Counters.KEEP:
        arguments.append("counters='keep'")
        words.append("--keep-counters")
    python = (
        f"import epochline\nrun = epochline.open_run({directory!r})\n"
        f"run.checkpoint({checkpoint!r}).restore_live({', '.join(arguments)})"
    )
    return {"python": python, "cli": shlex.join(words)}


def copy_name(entry: CheckpointEntry) -> str:
    """Returns a file name for a copy, which no other checkpoint's copy has."""
    name = PurePosixPath(entry.path).name
    ending = next((one for one in _WEIGHTS if name.endswith(one)), PurePosixPath(name).suffix)
    return f"{name.removesuffix(ending)}-{entry.id[:8]}{ending}"


def _keras(entry: CheckpointEntry, path: str) -> str:
    if not entry.path.endswith(_WEIGHTS):
        return f"import keras\nmodel = keras.saving.load_model({path!r})"
    # An optimizer that is not built yet skips its state without a word.
    build = "model.optimizer.build(model.trainable_variables)\n" if entry.has_optimizer else ""
    return f"{build}model.load_weights({path!r})"
