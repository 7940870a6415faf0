"""What a training pays that may be asked for something, and is asked for nothing.

    python -m benchmarks.listening_cost --json result.json

Four trainings that record the same: no callback of ours, `Timeline(live=False)`, `Timeline`, which
looks at the clock before each batch and once a second at a directory, and
`Timeline(on_nan="restore")`, which once a second reads the loss, too. Nothing is saved.

Two tables. *batches*: the callbacks alone, called as `fit` calls them around each of many batches,
without the training in between. *looks*: the same with a look before each batch in place of one a
second, so that the cost is that of a look; of a training it is paid once a second.

Time is CPU time of the thread that trains. Repetitions are interleaved, and costs are differences
within a repetition. Everything is written below `--directory`.
"""

from __future__ import annotations

import os
import shutil
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Final
from unittest import mock

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import keras
import numpy as np

from benchmarks.measured import Spread, in_turns, measure_cases, ratios
from epochline.callbacks import Timeline
from epochline.callbacks.living import desk

BASELINE: Final = "nothing"
VARIANTS: Final[dict[str, Callable[[str], list[keras.callbacks.Callback]]]] = {
    BASELINE: lambda _: [],
    "`Timeline(live=False)`": lambda directory: [Timeline(directory, save=None, live=False)],
    "`Timeline`": lambda directory: [Timeline(directory, save=None)],
    '`Timeline(on_nan="restore")`': lambda directory: [
        Timeline(directory, save=None, on_nan="restore")
    ],
}
# Name -> seconds between two looks, batches of each repetition.
CASES: Final = {"batches": (1.0, 5000), "looks": (0.0, 500)}


def _model() -> keras.Model:
    keras.utils.set_random_seed(7)
    layers = [keras.layers.Dense(width, activation="relu") for width in (12, 8)]
    model = keras.Sequential([keras.layers.Input((8,)), *layers, keras.layers.Dense(1)])
    model.compile(loss="mse", optimizer="adam", metrics=["mae"])
    model.fit(np.zeros((10, 8)), np.zeros((10, 1)), verbose=0)
    return model


def run(model: keras.Model, variant: str, directory: str, batches: int) -> float:
    """Returns the CPU seconds of a batch."""
    model.stop_training = False
    callbacks = keras.callbacks.CallbackList(
        VARIANTS[variant](directory),
        add_history=True,
        model=model,
        epochs=1,
        steps=batches,
        verbose=0,
    )
    logs = {"loss": 0.5, "mae": 0.8}
    callbacks.on_train_begin()
    callbacks.on_epoch_begin(0)
    callbacks.on_train_batch_begin(0)  # the first one looks in any case
    callbacks.on_train_batch_end(0, logs)
    began = time.thread_time()
    for batch in range(1, batches):
        callbacks.on_train_batch_begin(batch)
        callbacks.on_train_batch_end(batch, logs)
    seconds = time.thread_time() - began
    callbacks.on_epoch_end(0, logs)
    callbacks.on_train_end()
    return seconds / (batches - 1)


def measure(case: str, repeats: int, root: str) -> dict[str, list[float]]:
    """Returns variant to CPU seconds of a batch, one for each repetition."""
    pace, batches = CASES[case]
    model = _model()
    seconds: dict[str, list[float]] = {name: [] for name in VARIANTS}
    with mock.patch.object(desk, "_LOOK_EVERY_SECONDS", pace):
        for repetition, name in in_turns(list(VARIANTS), repeats):
            directory = tempfile.mkdtemp(dir=root)
            seconds[name].append(run(model, name, directory, batches))
            shutil.rmtree(directory)
            print(
                f"{case} {repetition + 1}/{repeats}  {name:30} {seconds[name][-1] * 1e6:8.2f} µs",
                file=sys.stderr,
            )
    return seconds


def report(case: str, seconds: Mapping[str, Sequence[float]]) -> str:
    """Returns the result as Markdown: median, and quartiles in parentheses."""
    base = seconds[BASELINE]
    lines = [
        f"| {case}: CPU time | µs per batch | cost, µs per batch | ratio to nothing |",
        "|---|---|---|---|",
    ]
    for name, values in seconds.items():
        row = [name, Spread.of([value * 1e6 for value in values]).text(2), "–", "–"]
        if name != BASELINE:
            costs = [value - other for value, other in zip(values, base, strict=True)]
            row[2] = Spread.of([cost * 1e6 for cost in costs]).text(2)
            row[3] = Spread.of(ratios(values, base)).text(2)
        lines.append(f"| {' | '.join(row)} |")
    return "\n".join([*lines, ""])


def main() -> None:
    """Measures and prints."""
    measure_cases(
        "listening_cost", __doc__, list(CASES), repeats=15, measure=measure, report=report
    )


if __name__ == "__main__":
    main()
