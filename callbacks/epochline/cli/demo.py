"""`epochline demo`: train the classic tutorial network twice and look at it in TensorBoard.

The only command that trains, and so the only module outside of `epochline.callbacks` that imports
Keras and that package; it does so when it runs, after the backend is chosen. Everything that it
writes, also what Keras would put into the home directory, is below the log directory.
"""

from __future__ import annotations

import argparse
import importlib.util
import math
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

from epochline.cli.command import CommandError
from epochline.cli.output import console, emit, styled, verbatim
from epochline.cli.tensorboard import choose_port, serve
from epochline.run import Run, open_run
from epochline.sentences import number, rate

HELP = "train a real model and open its checkpoints in TensorBoard"
DESCRIPTION = """\
Trains the network of the classic Keras tutorials (Dense 12-8-1) twice, on scikit-learn's
breast-cancer table or on a CSV file of yours: run `plateau` with EarlyStopping and
ReduceLROnPlateau, run `step-decay` with EarlyStopping and a LearningRateScheduler. Then it starts
TensorBoard and prints the address of the Checkpoints tab; Ctrl-C ends it.

Everything is written below DIR. A second demo there adds runs with a number behind their names
(`plateau-2`, …) and changes nothing that exists."""

_BACKENDS: Final = ("tensorflow", "jax", "torch")
_SEED: Final = 7
_VALIDATION_SPLIT: Final = 0.33
_BATCH_SIZE: Final = 10
_EPOCHS: Final = 150
# The standard errors, as many as the Pima table has: with all thirty, the first epochs find
# everything.
_COLUMNS: Final = slice(10, 18)
_FEWEST_ROWS: Final = 2 * _BATCH_SIZE


@dataclass(frozen=True, slots=True, kw_only=True)
class _Table:
    """What is trained on: x of shape (rows, features), y of shape (rows,), both float32."""

    name: str
    x: np.ndarray[Any, Any]
    y: np.ndarray[Any, Any]

    @property
    def training_rows(self) -> int:
        """How many rows Keras trains on; it validates on the rest."""
        return math.floor(len(self.x) * (1 - _VALIDATION_SPLIT))


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declares the arguments."""
    parser.add_argument(
        "--logdir", metavar="DIR", default="logs/demo", help="where to write (default: logs/demo)"
    )
    parser.add_argument(
        "--data",
        metavar="FILE",
        help="CSV without a header, numbers only, the last column 0 or 1, such as the Pima table",
    )
    parser.add_argument(
        "--backend", choices=_BACKENDS, help="Keras backend (default: the first that is installed)"
    )
    parser.add_argument(
        "--epochs", metavar="N", type=int, default=_EPOCHS, help=f"at most (default: {_EPOCHS})"
    )
    parser.add_argument("--no-serve", action="store_true", help="do not start TensorBoard")
    parser.add_argument(
        "--port", metavar="N", type=int, help="of TensorBoard (default: a free one)"
    )


def run(args: argparse.Namespace) -> int:
    """Trains and serves."""
    if args.epochs < 1:
        message = f"--epochs got {args.epochs}. Train at least 1."
        raise CommandError(message)
    logdir = Path(args.logdir)
    # What can go wrong goes wrong before minutes of training.
    _choose_backend(args.backend)
    table = _load(args.data)
    port = None if args.no_serve else choose_port(args.port)
    _import_keras(logdir)
    emit(styled(f"Training on {table.name}: {len(table.x)} rows, {table.x.shape[1]} features."))
    runs = [
        (_free_directory(logdir, "plateau"), _plateau),
        (_free_directory(logdir, "step-decay"), _step_decay),
    ]
    for directory, build in runs:
        model = _train(directory, table, build, args.epochs)
        _report(open_run(directory), model, table)
    _next_steps(logdir, runs[0][0])
    return 0 if port is None else serve(logdir, port)


def _choose_backend(wanted: str | None) -> None:
    installed = [name for name in _BACKENDS if importlib.util.find_spec(name)]
    backend = wanted or os.environ.get("KERAS_BACKEND") or next(iter(installed), "tensorflow")
    if importlib.util.find_spec("keras") is None or backend not in installed:
        message = (
            f"The demo trains with Keras on {backend}, which is not installed: "
            f"pip install 'epochline[{backend}]'."
        )
        raise CommandError(message)
    os.environ["KERAS_BACKEND"] = backend


def _import_keras(logdir: Path) -> None:
    # Keras makes ~/.keras when it is imported, and matplotlib, which it imports, two caches.
    home = logdir.resolve() / ".keras"
    os.environ.setdefault("KERAS_HOME", str(home))
    os.environ.setdefault("MPLCONFIGDIR", str(home / "matplotlib"))
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    with _standard_error_into(home / "import.log"):
        import keras  # noqa: F401 – imported for its backend; the functions below use it


@contextmanager
def _standard_error_into(path: Path) -> Iterator[None]:
    """Sends standard error of native code to a file.

    TensorFlow tells on import how it was compiled, in messages that no setting turns off.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    sys.stderr.flush()
    original = os.dup(2)
    try:
        with path.open("wb") as log:
            os.dup2(log.fileno(), 2)
        yield
    finally:
        os.dup2(original, 2)
        os.close(original)


def _load(path: str | None) -> _Table:
    if path is not None:
        return _load_csv(path)
    try:
        from sklearn.datasets import load_breast_cancer
    except ModuleNotFoundError as error:
        message = (
            "The demo's table comes with scikit-learn: pip install 'epochline[demo]', or give a "
            "table of your own with --data FILE.csv."
        )
        raise CommandError(message) from error
    x, y = load_breast_cancer(return_X_y=True)
    return _table("eight columns of scikit-learn's breast-cancer table", x[:, _COLUMNS], y)


def _load_csv(path: str) -> _Table:
    try:
        values = np.loadtxt(path, delimiter=",", ndmin=2)
    except ValueError as error:
        message = f"{path} is not a table of numbers: {error}. It needs commas, and no header."
        raise CommandError(message) from error
    rows, columns = values.shape
    if rows < _FEWEST_ROWS or columns < 2:  # noqa: PLR2004 – a feature and the label
        message = (
            f"{path} has {rows} rows and {columns} columns. Give at least {_FEWEST_ROWS} and 2."
        )
        raise CommandError(message)
    x, y = values[:, :-1], values[:, -1]
    if not np.isin(y, (0, 1)).all() or not np.isfinite(x).all():
        message = f"The last column of {path} must be 0 or 1, and no value empty or infinite."
        raise CommandError(message)
    return _table(Path(path).name, x, y)


def _table(name: str, x: np.ndarray[Any, Any], y: np.ndarray[Any, Any]) -> _Table:
    training = x[: math.floor(len(x) * (1 - _VALIDATION_SPLIT))]
    spread = training.std(axis=0)
    scaled = (x - training.mean(axis=0)) / np.where(spread > 0, spread, 1)
    return _Table(name=name, x=scaled.astype("float32"), y=y.astype("float32"))


def _free_directory(logdir: Path, name: str) -> Path:
    directory, count = logdir / name, 1
    while directory.exists():
        count += 1
        directory = logdir / f"{name}-{count}"
    return directory


def _plateau(keras: Any) -> tuple[Any, list[Any]]:
    """Returns optimizer and callbacks of the first run."""
    return keras.optimizers.Adam(), [
        keras.callbacks.EarlyStopping(monitor="val_loss", patience=20),
        keras.callbacks.ReduceLROnPlateau(monitor="val_loss", patience=5, min_lr=1e-6),
    ]


def _step_decay(keras: Any) -> tuple[Any, list[Any]]:
    """Returns optimizer and callbacks of the second run: every ten epochs half the rate."""
    return keras.optimizers.SGD(learning_rate=0.1), [
        keras.callbacks.EarlyStopping(monitor="val_loss", patience=20),
        keras.callbacks.LearningRateScheduler(lambda epoch: 0.1 * 0.5 ** ((1 + epoch) // 10)),
    ]


def _train(
    directory: Path,
    table: _Table,
    build: Callable[[Any], tuple[Any, list[Any]]],
    epochs: int,
) -> Any:
    import keras

    from epochline.callbacks import Timeline

    keras.utils.set_random_seed(_SEED)
    model = keras.Sequential(
        [
            keras.layers.Input((table.x.shape[1],)),
            keras.layers.Dense(12, activation="relu"),
            keras.layers.Dense(8, activation="relu"),
            keras.layers.Dense(1, activation="sigmoid"),
        ]
    )
    optimizer, callbacks = build(keras)
    model.compile(optimizer=optimizer, loss="binary_crossentropy", metrics=["accuracy"])
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("{task.fields[told]}", style="dim"),
    )
    with Progress(*columns, console=console(sys.stderr), disable=not sys.stderr.isatty()) as bar:
        task = bar.add_task(directory.name, total=epochs, told="")

        def show(epoch: int, logs: dict[str, Any]) -> None:
            told = (
                f"val_accuracy {logs['val_accuracy']:.4f}  LR {rate(float(logs['learning_rate']))}"
            )
            bar.update(task, completed=epoch + 1, told=told)

        model.fit(
            table.x,
            table.y,
            validation_split=_VALIDATION_SPLIT,
            epochs=epochs,
            batch_size=_BATCH_SIZE,
            verbose=0,
            callbacks=[
                *callbacks,
                Timeline(directory, monitor="val_accuracy"),
                keras.callbacks.LambdaCallback(on_epoch_end=show),
            ],
        )
    return model


def _report(run: Run, model: Any, table: _Table) -> None:
    best = run.best()
    recorded = number(best.metrics["val_accuracy"])
    acted = sum(decision.acted for decision in run.decisions)
    restorable = sum(item.restorable for item in run.checkpoints)
    best.restore(model)
    start = table.training_rows
    scores = model.evaluate(table.x[start:], table.y[start:], verbose=0, return_dict=True)
    emit(
        "",
        styled(run.name, "bold"),
        styled(f"  {run.sessions[-1].message(running=False)}"),
        styled(
            f"  {len(run.decisions)} decisions recorded, {acted} of them changed something; "
            f"{len(run.checkpoints)} checkpoints saved, {restorable} kept."
        ),
        styled(
            f"  ★ best: epoch {best.epoch + 1}, val_accuracy {recorded}; "
            f"restored and evaluated again: {number(float(scores['accuracy']))}."
        ),
    )


def _next_steps(logdir: Path, run: Path) -> None:
    emit(
        "",
        styled("Try next", "bold"),
        verbatim(f"  epochline ls {logdir}"),
        verbatim(f"  epochline why {run}"),
        verbatim(f"  epochline plot {run} -o plateau.png"),
        styled(f"  epochline restore {run} --best val_accuracy --to best.weights.h5"),
        verbatim(f"  tensorboard --logdir {logdir}"),
        "",
    )
