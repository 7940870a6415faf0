"""What recording and saving cost a whole `fit` of the classic tutorial network.

    python -m benchmarks.fit_overhead --json result.json

The same training four times: with nothing, with Keras's own pair (`TensorBoard` and a
`ModelCheckpoint` that saves the weights after every epoch), with `Timeline` (the same, plus
retention, digests, durable files and every decision), and with `Timeline(save=None)`, which
records only. The table has 768 rows of made-up data, as many as the Pima table; 514 of them are
trained on in batches of 10, the others validate.

One model is traced once and set back before each `fit`, so that what is timed is `fit` and not
the compiler. Repetitions are interleaved: each repetition runs all variants, beginning with
another one, and costs are differences within a repetition, so that a machine that gets slower is
slower for all. Everything is written below `--directory`; it should be on a real disk, since
`Timeline` waits for it.
"""

from __future__ import annotations

import argparse
import os
import shutil
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import keras
import numpy as np

from benchmarks.measured import Spread, in_turns, ratios, write_json
from epochline.callbacks import Timeline

ROWS: Final = 768
FEATURES: Final = 8
BASELINE: Final = "nothing"
STOCK: Final = "TensorBoard + ModelCheckpoint"
TIMELINE: Final = "Timeline"
RECORD_ONLY: Final = "Timeline(save=None)"

VARIANTS: Final[dict[str, Callable[[Path], list[keras.callbacks.Callback]]]] = {
    BASELINE: lambda _: [],
    STOCK: lambda directory: [
        keras.callbacks.TensorBoard(directory),
        keras.callbacks.ModelCheckpoint(
            directory / "epoch-{epoch:04d}.weights.h5", save_weights_only=True
        ),
    ],
    TIMELINE: lambda directory: [Timeline(directory)],
    RECORD_ONLY: lambda directory: [Timeline(directory, save=None)],
}


class Training:
    """One traced model, and data for it.

    Args:
        epochs: Epochs of each `fit`.
        root: Directory for whatever the callbacks write.
    """

    def __init__(self, epochs: int, root: Path) -> None:
        keras.utils.set_random_seed(7)
        random = np.random.default_rng(7)
        self._x = random.normal(size=(ROWS, FEATURES)).astype("float32")
        noise = random.normal(size=ROWS)
        self._y = (self._x.sum(axis=1) + noise > 0).astype("float32")
        self._epochs = epochs
        self._root = root
        self._model = keras.Sequential(
            [
                keras.layers.Input((FEATURES,)),
                keras.layers.Dense(12, activation="relu"),
                keras.layers.Dense(8, activation="relu"),
                keras.layers.Dense(1, activation="sigmoid"),
            ]
        )
        self._model.compile(loss="binary_crossentropy", optimizer="adam", metrics=["accuracy"])
        self._model.optimizer.build(self._model.trainable_variables)
        self._variables = [*self._model.variables, *self._model.optimizer.variables]
        self._start = [keras.ops.convert_to_numpy(variable) for variable in self._variables]

    def run(self, variant: str, epochs: int | None = None) -> tuple[float, float]:
        """Trains once and returns wall and CPU seconds of `fit`."""
        for variable, value in zip(self._variables, self._start, strict=True):
            variable.assign(value)
        directory = Path(tempfile.mkdtemp(dir=self._root))
        callbacks = VARIANTS[variant](directory)
        wall, cpu = time.perf_counter(), time.process_time()
        self._model.fit(
            self._x,
            self._y,
            validation_split=0.33,
            epochs=epochs or self._epochs,
            batch_size=10,
            verbose=0,
            callbacks=callbacks,
        )
        seconds = time.perf_counter() - wall, time.process_time() - cpu
        shutil.rmtree(directory)
        return seconds


def measure(training: Training, repeats: int) -> dict[str, dict[str, list[float]]]:
    """Returns clock to variant to seconds, one for each repetition."""
    names = list(VARIANTS)
    for name in names:
        training.run(name, epochs=2)
    seconds: dict[str, dict[str, list[float]]] = {
        clock: {name: [] for name in names} for clock in ("wall", "cpu")
    }
    for repetition, name in in_turns(names, repeats):
        wall, cpu = training.run(name)
        seconds["wall"][name].append(wall)
        seconds["cpu"][name].append(cpu)
        load = f"{os.getloadavg()[0]:.1f}" if hasattr(os, "getloadavg") else "unknown"
        print(
            f"{repetition + 1}/{repeats}  {name:30} wall {wall:6.2f} s  CPU {cpu:6.2f} s  "
            f"load {load}",
            file=sys.stderr,
        )
    return seconds


def paired(values: Sequence[float], base: Sequence[float], epochs: int) -> tuple[Spread, Spread]:
    """Returns ratio to the baseline, and milliseconds per epoch beyond it."""
    costs = [value - other for value, other in zip(values, base, strict=True)]
    return (
        Spread.of(ratios(values, base)),
        Spread.of([cost / epochs * 1000 for cost in costs]),
    )


def report(seconds: dict[str, dict[str, list[float]]], epochs: int) -> str:
    """Returns the result as Markdown: median, and quartiles in parentheses."""
    lines = []
    for clock, title in (("cpu", "CPU time"), ("wall", "wall time")):
        table = seconds[clock]
        lines += [
            f"| {title} of `fit` | seconds | ratio to nothing | cost, ms per epoch |",
            "|---|---|---|---|",
        ]
        for name, values in table.items():
            ratio, cost = paired(values, table[BASELINE], epochs)
            known = "– | –" if name == BASELINE else f"{ratio.text(2)} | {cost.text(1)}"
            label = name if name == BASELINE else f"`{name}`".replace(" + ", "` + `")
            lines.append(f"| {label} | {Spread.of(values).text(2)} | {known} |")
        costs = {name: paired(table[name], table[BASELINE], epochs)[1].median for name in table}
        share = "".join(
            f" `{name}` costs {costs[name] / costs[STOCK]:.2f} of what Keras's pair costs."
            for name in (TIMELINE, RECORD_ONLY)
        )
        lines += ["", share.strip(), ""]
    return "\n".join(lines)


def main() -> None:
    """Measures and prints."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--epochs", type=int, default=150, help="of each fit (default: 150)")
    parser.add_argument("--repeats", type=int, default=9, help="(default: 9)")
    parser.add_argument("--directory", default="logs", help="for what is written (default: logs)")
    parser.add_argument("--json", metavar="FILE", help="write all numbers there")
    args = parser.parse_args()
    parent = Path(args.directory)
    parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="fit-overhead-", dir=parent) as root:
        seconds = measure(Training(args.epochs, Path(root)), args.repeats)
    print(report(seconds, args.epochs))
    if args.json:
        write_json(
            args.json,
            "fit_overhead",
            epochs=args.epochs,
            repeats=args.repeats,
            backend=keras.backend.backend(),
            keras=keras.__version__,
            seconds=seconds,
        )


if __name__ == "__main__":
    main()
