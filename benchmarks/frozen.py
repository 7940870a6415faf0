"""What fine-tuning leaves on the disk when nearly all of the model is frozen.

    python -m benchmarks.frozen --json result.json

A model whose checkpoints consist to 97 % of a frozen backbone is trained for ten epochs and saved
after each: by Keras's `ModelCheckpoint`, by `Timeline` as it is by default, and by
`Timeline(dedup=True)`. Everything is kept. Counted is all that is in the directory then, records
and `model.keras` included: the blocks of each file, and a file that has several names once. On a
file system that can clone files, blocks that several files share would count for each; there it is
what the file system has less than before, so nobody else should use it meanwhile.

Then plain Keras loads every checkpoint, and what it gets is compared with what was in the model.
"""

from __future__ import annotations

import argparse
import math
import os
import shutil
import tempfile
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any, Final

import keras
import numpy as np

from benchmarks.measured import write_json
from epochline import KeepAll
from epochline.callbacks import Timeline
from epochline.store.dedup import Dedup, probe_dedup

_FROZEN: Final = 0.97
_LAYERS: Final = 6
_SLOTS: Final = 3  # a weight, and two moments of Adam
_FLOAT_BYTES: Final = 4
_MEGABYTE: Final = 10**6
_KERAS: Final = "`ModelCheckpoint`"
_WAYS: Final[dict[str, Callable[[Path], Any]]] = {
    _KERAS: lambda directory: keras.callbacks.ModelCheckpoint(
        directory / "{epoch:04d}.weights.h5", save_weights_only=True
    ),
    "`Timeline`": lambda directory: Timeline(directory, monitor="loss", keep=KeepAll()),
    "`Timeline(dedup=True)`": lambda directory: Timeline(
        directory, monitor="loss", keep=KeepAll(), dedup=True
    ),
}


def _model(megabytes: float) -> keras.Model:
    """Returns a model whose checkpoints are of that size."""
    keras.utils.clear_session()
    keras.utils.set_random_seed(0)
    values = megabytes * _MEGABYTE / _FLOAT_BYTES
    width = max(4, math.isqrt(round(values * _FROZEN / _LAYERS)))
    units = max(1, round(values * (1 - _FROZEN) / _SLOTS / width))
    backbone = [
        keras.layers.Dense(width, activation="tanh", use_bias=False, trainable=False)
        for _ in range(_LAYERS)
    ]
    model = keras.Sequential([keras.layers.Input((width,)), *backbone, keras.layers.Dense(units)])
    model.compile("adam", "mse")
    return model


def _values(variables: Iterable[Any]) -> list[Any]:
    return [np.array(keras.ops.convert_to_numpy(item)) for item in variables]


class _Remember(keras.callbacks.Callback):
    """Keeps what is trained, at the end of each epoch."""

    def __init__(self) -> None:
        super().__init__()
        self.states: list[list[Any]] = []

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        """Called by Keras."""
        self.states.append(_values(self.model.trainable_weights))


def measure(way: str, directory: Path, megabytes: float, epochs: int) -> int:
    """Returns the bytes that a training leaves in an empty directory."""
    clones = probe_dedup(directory) is Dedup.CLONES
    os.sync()
    free_before = shutil.disk_usage(directory).free
    model, remember = _model(megabytes), _Remember()
    inputs = np.random.default_rng(0).normal(size=(8, *model.input_shape[1:]))
    targets = np.zeros((8, *model.output_shape[1:]))
    model.fit(
        *(inputs, targets), epochs=epochs, verbose=0, callbacks=[remember, _WAYS[way](directory)]
    )
    os.sync()
    free_after = shutil.disk_usage(directory).free
    _check(directory, model, remember.states)
    if clones:
        return free_before - free_after
    stats = [path.stat() for path in directory.rglob("*") if path.is_file()]
    return sum({stat.st_ino: stat.st_blocks * 512 for stat in stats}.values())


def _check(directory: Path, model: keras.Model, states: list[list[Any]]) -> None:
    """Raises an error unless plain Keras loads each checkpoint to what was saved."""
    sharded = sorted(directory.rglob("*.weights.json"))
    files = sharded or sorted(directory.rglob("*.weights.h5"))
    frozen = _values(model.non_trainable_weights)
    for path, state in zip(files, states, strict=True):
        model.load_weights(path)
        found = _values((*model.trainable_weights, *model.non_trainable_weights))
        for value, expected in zip(found, (*state, *frozen), strict=True):
            np.testing.assert_array_equal(value, expected)


def report(found: dict[str, int], megabytes: float, epochs: int) -> str:
    """Returns the table of the page."""
    rows = [
        f"| {epochs} checkpoints, {megabytes:g} MB of state each | MB on disk | share |",
        "|---|---|---|",
    ]
    for way, size_bytes in found.items():
        share = size_bytes / found[_KERAS]
        rows.append(f"| {way} | {size_bytes / _MEGABYTE:,.1f} | {share:.2f} |")
    return "\n".join(rows)


def main() -> None:
    """Measures, and prints the table."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--megabytes", type=float, default=100.0, help="of one checkpoint")
    parser.add_argument("--epochs", type=int, default=10)
    parser.add_argument("--directory", default="logs", help="for what is written (default: logs)")
    parser.add_argument("--json", metavar="FILE", help="write the numbers there")
    args = parser.parse_args()
    Path(args.directory).mkdir(parents=True, exist_ok=True)
    found: dict[str, int] = {}
    for way in _WAYS:
        directory = tempfile.mkdtemp(dir=args.directory)
        try:
            found[way] = measure(way, Path(directory), args.megabytes, args.epochs)
        finally:
            shutil.rmtree(directory)
    print(report(found, args.megabytes, args.epochs))
    if args.json:
        write_json(args.json, "frozen", megabytes=args.megabytes, epochs=args.epochs, bytes=found)


if __name__ == "__main__":
    main()
