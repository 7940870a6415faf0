"""Code to paste that loads a checkpoint again.

Pure. Paths and ids come from event files, which may come from strangers.

Invariant: whatever a path or an id holds, it stays one string literal in Python and one word in the
shell.
"""

from __future__ import annotations

import shlex
from pathlib import PurePosixPath

from epochline.shards import INDEX_ENDING
from epochline.timeline import CheckpointEntry

__all__ = ["copy_name", "snippets"]

_WEIGHTS = (".weights.h5", INDEX_ENDING)


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
