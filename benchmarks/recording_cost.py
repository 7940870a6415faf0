"""What recording an epoch costs, beside the callbacks of Keras that write something each epoch.

    python -m benchmarks.recording_cost --json result.json

Four ways to record the same training, beside *nothing*: `CSVLogger`, `TensorBoard`,
`Timeline(save=None)` (every decision, the metrics of each epoch, and the standard scalar curves)
and the two recorders alone (the same without the curves). An `EarlyStopping` and a
`ReduceLROnPlateau` that wait for ever stand in every list, so that there is something to record in
each epoch. No checkpoint is saved: that is another benchmark.

Three tables. *hooks*: the callbacks alone, called as `fit` calls them, without the training in
between; the clearest one. *tutorial*: a whole `fit` of the classic tutorial network, 52 batches an
epoch. *second*: a whole `fit` of a network whose epoch lasts about a second here.

Time is CPU time of the thread that trains, which all of these callbacks write in, from the end of
one epoch to the end of the next, so that what happens once in a `fit` is left out; of each `fit`
the median epoch counts. That of the whole process would hide a callback behind what the threads of
a backend do. Repetitions are interleaved, and costs are differences within a repetition. Everything
is written below `--directory`.
"""

from __future__ import annotations

import os
import shutil
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from itertools import pairwise
from typing import Any, Final

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import keras
import numpy as np

from benchmarks.measured import Spread, in_turns, measure_cases
from epochline.callbacks import EarlyStoppingRecorder, LearningRateRecorder, Timeline

BASELINE: Final = "nothing"
STOCK: Final = "`TensorBoard`"
VARIANTS: Final[dict[str, Callable[[str], list[keras.callbacks.Callback]]]] = {
    BASELINE: lambda _: [],
    "`CSVLogger`": lambda directory: [keras.callbacks.CSVLogger(f"{directory}/log.csv")],
    STOCK: lambda directory: [keras.callbacks.TensorBoard(directory)],
    "`Timeline(save=None)`": lambda directory: [Timeline(directory, save=None)],
    "the recorders alone": lambda directory: [
        EarlyStoppingRecorder(directory),
        LearningRateRecorder(directory),
    ],
}
BATCH: Final = 10
ROWS: Final = 768
VALIDATION: Final = 0.33
BATCHES: Final = 52
_NEVER: Final = 10**9
_LOGS: Final = {"loss": 0.5, "accuracy": 0.8, "val_loss": 0.6, "val_accuracy": 0.7}


class _Epochs(keras.callbacks.Callback):
    """Notes the CPU time of this thread at the end of each epoch."""

    def __init__(self) -> None:
        super().__init__()
        self.times: list[float] = []

    def on_epoch_end(self, epoch: int, logs: Mapping[str, Any] | None = None) -> None:
        """Called by Keras."""
        self.times.append(time.thread_time())

    def typical(self) -> float:
        """Returns the CPU seconds of the median epoch, the first left out."""
        return statistics.median(after - before for before, after in pairwise(self.times))


def _callbacks(variant: str, directory: str) -> list[keras.callbacks.Callback]:
    return [
        keras.callbacks.EarlyStopping(patience=_NEVER),
        keras.callbacks.ReduceLROnPlateau(patience=_NEVER),
        *VARIANTS[variant](directory),
    ]


def _network(features: int, *widths: int) -> keras.Model:
    keras.utils.set_random_seed(7)
    model = keras.Sequential([keras.layers.Input((features,))])
    for width in widths:
        model.add(keras.layers.Dense(width, activation="relu"))
    model.add(keras.layers.Dense(1, activation="sigmoid"))
    model.compile(loss="binary_crossentropy", optimizer="adam", metrics=["accuracy"])
    return model


def _table(rows: int, features: int) -> tuple[np.ndarray, np.ndarray]:
    random = np.random.default_rng(7)
    x = random.normal(size=(rows, features)).astype("float32")
    return x, (x.sum(axis=1) > 0).astype("float32")


def tutorial() -> Callable[[str, str, int], float]:
    """Returns what trains the tutorial network and tells the CPU seconds of an epoch."""
    return _training(_network(8, 12, 8), _table(ROWS, 8), batch_size=BATCH)


def second() -> Callable[[str, str, int], float]:
    """Returns the same for a network with as many rows as take about a second here."""
    model, rows = _network(256, 512, 512), 8192
    train = _training(model, _table(rows, 256), batch_size=64)
    began = time.perf_counter()
    train(BASELINE, tempfile.gettempdir(), 4)
    each = (time.perf_counter() - began) / 4
    return _training(model, _table(int(rows / each), 256), batch_size=64)


def _training(
    model: keras.Model, table: tuple[np.ndarray, np.ndarray], *, batch_size: int
) -> Callable[[str, str, int], float]:
    def run(variant: str, directory: str, epochs: int) -> float:
        clock = _Epochs()
        model.fit(
            *table,
            validation_split=VALIDATION,
            batch_size=batch_size,
            epochs=epochs,
            verbose=0,
            callbacks=[*_callbacks(variant, directory), clock],
        )
        return clock.typical()

    run(BASELINE, tempfile.gettempdir(), 3)  # traces
    return run


def hooks() -> Callable[[str, str, int], float]:
    """Returns what calls the callbacks as `fit` does, and tells the CPU seconds of an epoch."""
    model = _network(8, 12, 8)
    model.fit(*_table(BATCH, 8), verbose=0)

    def run(variant: str, directory: str, epochs: int) -> float:
        clock = _Epochs()
        model.stop_training = False
        callbacks = keras.callbacks.CallbackList(
            [*_callbacks(variant, directory), clock],
            add_history=True,
            model=model,
            epochs=epochs,
            steps=BATCHES,
            verbose=0,
        )
        callbacks.on_train_begin()
        for epoch in range(epochs):
            callbacks.on_epoch_begin(epoch)
            for batch in range(BATCHES):
                callbacks.on_train_batch_begin(batch)
                callbacks.on_train_batch_end(batch, {"loss": 0.5, "accuracy": 0.8})
            callbacks.on_epoch_end(epoch, _LOGS)
        callbacks.on_train_end()
        return clock.typical()

    return run


# Name -> what measures it, epochs of each repetition, and share of the repetitions.
CASES: Final[dict[str, tuple[Callable[[], Callable[[str, str, int], float]], int, float]]] = {
    "hooks": (hooks, 30, 1.0),
    "tutorial": (tutorial, 10, 1.0),
    "second": (second, 4, 0.5),
}


def measure(case: str, repeats: int, root: str) -> dict[str, list[float]]:
    """Returns variant to CPU seconds of an epoch, one for each repetition."""
    make, epochs, share = CASES[case]
    run = make()
    seconds: dict[str, list[float]] = {name: [] for name in VARIANTS}
    turns = max(1, round(repeats * share))
    for repetition, name in in_turns(list(VARIANTS), turns):
        directory = tempfile.mkdtemp(dir=root)
        seconds[name].append(run(name, directory, epochs))
        shutil.rmtree(directory)
        print(
            f"{case} {repetition + 1}/{turns}  {name:24} {seconds[name][-1] * 1000:8.2f} ms",
            file=sys.stderr,
        )
    return seconds


def report(case: str, seconds: Mapping[str, Sequence[float]]) -> str:
    """Returns the result as Markdown: median, and quartiles in parentheses."""
    base = seconds[BASELINE]
    costs = {
        name: [value - other for value, other in zip(values, base, strict=True)]
        for name, values in seconds.items()
    }
    stock = statistics.median(costs[STOCK])
    lines = [
        f"| {case}: CPU time | ms per epoch | cost, ms per epoch | of what `TensorBoard` costs |",
        "|---|---|---|---|",
    ]
    for name, values in seconds.items():
        row = [name, Spread.of([value * 1000 for value in values]).text(2), "–", "–"]
        if name != BASELINE:
            row[2] = Spread.of([cost * 1000 for cost in costs[name]]).text(2)
            row[3] = f"{statistics.median(costs[name]) / stock:.2f}"
        lines.append(f"| {' | '.join(row)} |")
    return "\n".join([*lines, ""])


def main() -> None:
    """Measures and prints."""
    measure_cases(
        "recording_cost", __doc__, list(CASES), repeats=30, measure=measure, report=report
    )


if __name__ == "__main__":
    main()
