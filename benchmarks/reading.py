"""What it takes to read runs back, beside TensorBoard's own loaders on the same files.

    python -m benchmarks.reading --json result.json

Two questions, each answered in processes of their own, interleaved, nothing else of TensorBoard
running:

*runs*: 100 runs of 1,000 decisions each (500 epochs in which two callbacks waited).
`epochline ls` of all and `epochline why` of one, beside TensorBoard's Python loader (the
multiplexer that serves its dashboards), with TensorFlow to read the files and without, and its data
server, which is written in Rust. Of TensorBoard, loading is all that is timed: it leaves what an
event holds undecoded. Of Epochline it is loading alone, and the whole command, with its output.

*checkpoints*: one run of 10,000 checkpoints, each with the statistics of seven variables, and its
files. Opened in Python, and as a command.

Time is CPU time of the process; what it takes to start is told apart. Files that were opened are
counted, so that it is seen that no checkpoint is.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Final

from benchmarks.measured import Spread, in_turns, write_json

RUNS: Final = 100
EPOCHS: Final = 500
CHECKPOINTS: Final = 10_000
VARIABLES: Final = 7
_START: Final = 1_760_000_000.0
_SUFFIX: Final = ".weights.h5"


# ---- what is read -------------------------------------------------------------------------------


def write_runs(root: Path, runs: int, epochs: int) -> None:
    """Writes runs in which `EarlyStopping` and `ReduceLROnPlateau` decide in each epoch."""
    for place in range(runs):
        _Session(root / f"run-{place:03d}", f"{place + 1:016x}", epochs).waiting()


def write_checkpoints(root: Path, count: int) -> None:
    """Writes one run of `count` small checkpoint files that were measured."""
    _Session(root, "5e55100000000001", count).saving()


class _Session:
    """Writes the records of one session, one a second."""

    def __init__(self, run_dir: Path, session: str, epochs: int) -> None:
        from epochline.events import Mode, SessionStarted
        from epochline.writer import EventWriter

        self._run_dir = run_dir
        self._session = session
        self._epochs = epochs
        self._writer = EventWriter(run_dir / "timeline")
        self._seq = 0
        self._put(
            0,
            SessionStarted(
                planned_epochs=epochs,
                backend="tensorflow",
                callbacks=("EarlyStopping", "ReduceLROnPlateau", "Timeline"),
                monitor="val_loss",
                mode=Mode.MIN,
            ),
        )

    def _put(self, epoch: int, *events: Any) -> None:
        from epochline.events import Record

        step = (epoch + 1) * 52
        self._writer.append_record(
            Record(
                session=self._session,
                seq=self._seq,
                wall_time=_START + self._seq,
                epoch=epoch,
                step=step,
                batch=step,
                events=events,
            )
        )
        self._seq += 1

    def _end(self) -> None:
        from epochline.events import EndReason, SessionEnded

        self._put(self._epochs - 1, SessionEnded(reason=EndReason.COMPLETED))
        self._writer.close()

    def waiting(self) -> None:
        from epochline.events import Decision, EpochEnded, Mode, Topic, Verdict

        best, best_epoch, wait = 1.0, -1, 0
        for epoch in range(self._epochs):
            loss = 1 / (1.1 + epoch / 50) + epoch * 7919 % 13 / 1000
            better = loss < best
            wait = 0 if better else wait + 1
            decided = [
                Decision(
                    callback=callback,
                    position=position,
                    topic=topic,
                    verdict=Verdict.IMPROVED if better else Verdict.WAITING,
                    monitor="val_loss",
                    mode=Mode.MIN,
                    observed=loss,
                    best=best,
                    best_epoch=best_epoch,
                    min_delta=0.0,
                    wait=wait,
                    patience=self._epochs,
                    min_lr=minimum,
                )
                for position, (callback, topic, minimum) in enumerate(
                    (
                        ("EarlyStopping", Topic.STOP, None),
                        ("ReduceLROnPlateau", Topic.LEARNING_RATE, 0.0),
                    )
                )
            ]
            if better:
                best, best_epoch = loss, epoch
            ended = EpochEnded(metrics=_metrics(loss), duration_seconds=0.2)
            self._put(epoch, ended, *decided)
        self._end()

    def saving(self) -> None:
        from epochline import events

        columns: dict[str, Any] = {
            "dataset": tuple(f"layers/dense/vars/{place}" for place in range(VARIABLES)),
            "dtype": ("float32",) * VARIABLES,
            "shape": ("12x8",) * VARIABLES,
            "offset": tuple(range(0, 384 * VARIABLES, 384)),
            "size_bytes": (384,) * VARIABLES,
        }
        self._put(0, events.VariablesDescribed(layout="layout", **columns))
        (self._run_dir / "checkpoints").mkdir()
        for epoch in range(self._epochs):
            metrics, identity = _metrics(1 / (epoch + 1)), f"{epoch:016x}"
            path = f"checkpoints/epoch-{epoch + 1:05d}{_SUFFIX}"
            (self._run_dir / path).write_bytes(b"weights")
            self._put(epoch, events.EpochEnded(metrics=metrics, duration_seconds=0.2))
            saved = events.CheckpointSaved(
                id=identity,
                path=path,
                size_bytes=7,
                digest=f"xxh3-128:{epoch:032x}",
                metrics=metrics,
                reason=events.SaveReason.BEST,
                has_optimizer=True,
                callback="Timeline",
                monitor="val_loss",
                mode=events.Mode.MIN,
                observed=metrics["val_loss"],
                best=1 / epoch if epoch else None,
                best_epoch=epoch - 1 if epoch else None,
                health=events.Health.HEALTHY,
            )
            measured = events.CheckpointMeasured(
                id=identity,
                layout="layout",
                numbers=bytes(20 * VARIABLES),
                counts=bytes(12 * VARIABLES),
                digests=bytes(16 * VARIABLES),
            )
            self._put(epoch, saved, measured)
        self._end()


def _metrics(loss: float) -> dict[str, float]:
    values = {"accuracy": 0.8, "loss": loss, "val_accuracy": 0.7, "val_loss": loss}
    return {**values, "learning_rate": 1e-3}


# ---- who reads it: each in a process of its own -------------------------------------------------


def _cpu() -> float:
    return time.process_time()


def _command(*argv: str) -> tuple[float, float]:
    from epochline.cli import main

    began = _cpu()
    with open(os.devnull, "w") as nowhere, contextlib.redirect_stdout(nowhere):
        status = main(argv)
    if status:
        raise SystemExit(status)
    return began, _cpu() - began


def _records(path: str) -> tuple[float, float]:
    from epochline.reader import find_runs, read_records

    began = _cpu()
    for run in find_runs(path):
        read_records(Path(path, run))
    return began, _cpu() - began


def _python(path: str) -> tuple[float, float]:
    from epochline import open_run

    began = _cpu()
    found = len(open_run(path).checkpoints)
    seconds = _cpu() - began
    if found == 0:
        raise SystemExit("no checkpoint was listed")
    return began, seconds


def _tensorboard(path: str, *, tensorflow: bool) -> tuple[float, float]:
    if not tensorflow:
        sys.modules["tensorboard.compat.notf"] = type(sys)("tensorboard.compat.notf")
    from tensorboard.backend.event_processing import plugin_event_multiplexer
    from tensorboard.compat import tf

    if tensorflow and tf.__version__ == "stub":
        raise SystemExit("TensorFlow is not installed")
    began = _cpu()
    loader = plugin_event_multiplexer.EventMultiplexer(tensor_size_guidance={"epochline": 0})
    loader.AddRunsFromDirectory(path).Reload()
    return began, _cpu() - began


def _server(path: str) -> tuple[float, float]:
    import tensorboard_data_server

    options = ("--port", "0", "--reload", "3600", "--samples-per-plugin", "epochline=0")
    with subprocess.Popen(
        [tensorboard_data_server.server_binary(), "--logdir", path, "--verbose", *options],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    ) as server:
        any("Finished load cycle" in line for line in server.stderr or ())
        server.kill()
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return 0.0, usage.ru_utime + usage.ru_stime


# Name -> what it does, and whether it reads all runs or one.
RUN_READERS: Final[dict[str, tuple[Callable[[str], tuple[float, float]], bool]]] = {
    "`epochline ls`": (lambda path: _command("ls", path), True),
    "Epochline, loading alone": (_records, True),
    "TensorBoard, Python with TensorFlow": (lambda p: _tensorboard(p, tensorflow=True), True),
    "TensorBoard, Python alone": (lambda path: _tensorboard(path, tensorflow=False), True),
    "TensorBoard's data server": (_server, True),
    "`epochline why`, one run": (lambda path: _command("why", path), False),
    "Epochline, loading alone, one run": (_records, False),
    "TensorBoard, Python with TensorFlow, one run": (
        lambda path: _tensorboard(path, tensorflow=True),
        False,
    ),
    "TensorBoard, Python alone, one run": (
        lambda path: _tensorboard(path, tensorflow=False),
        False,
    ),
}
CHECKPOINT_READERS: Final[dict[str, Callable[[str], tuple[float, float]]]] = {
    "`open_run(…).checkpoints`": _python,
    "`epochline ls`": lambda path: _command("ls", path),
    "`epochline ls --json`": lambda path: _command("ls", "--json", path),
}


def _child(name: str, path: str) -> None:
    """Reads, and prints what it took."""
    opened = 0

    def audit(event: str, args: tuple[object, ...]) -> None:
        nonlocal opened
        opened += event == "open" and str(args[0]).endswith(_SUFFIX)

    sys.addaudithook(audit)
    readers = {reader: do for reader, (do, _) in RUN_READERS.items()}
    question, _, reader = name.partition(":")
    do = readers[reader] if question == "runs" else CHECKPOINT_READERS[reader]
    start, seconds = do(path)
    print(json.dumps({"start": start, "seconds": seconds, "opened": opened}))


def _measured(name: str, path: Path) -> dict[str, float]:
    told = subprocess.run(
        [sys.executable, "-m", "benchmarks.reading", "--child", name, str(path)],
        check=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        env=os.environ | {"TF_CPP_MIN_LOG_LEVEL": "3"},
    ).stdout
    numbers: dict[str, float] = json.loads(told.splitlines()[-1])
    return numbers


def measure(
    question: str, paths: dict[str, Path], repeats: int
) -> dict[str, list[dict[str, float]]]:
    """Returns reader to its numbers, one for each repetition."""
    found: dict[str, list[dict[str, float]]] = {name: [] for name in paths}
    for repetition, name in in_turns(list(paths), repeats):
        found[name].append(_measured(f"{question}:{name}", paths[name]))
        print(
            f"{question} {repetition + 1}/{repeats}  {name:46} "
            f"{found[name][-1]['seconds'] * 1000:8.0f} ms",
            file=sys.stderr,
        )
    return found


def report(title: str, found: dict[str, list[dict[str, float]]]) -> str:
    """Returns the result as Markdown: median, and quartiles in parentheses."""
    lines = [
        f"| {title} | CPU ms | start of the process, CPU ms | checkpoint files opened |",
        "|---|---|---|---|",
    ]
    for name, numbers in found.items():
        row = [_spread(numbers, "seconds"), _spread(numbers, "start")]
        if not any(one["start"] for one in numbers):
            row[1] = "in the first column"
        lines.append(f"| {name} | {' | '.join(row)} | {max(one['opened'] for one in numbers):g} |")
    return "\n".join([*lines, ""])


def _spread(numbers: Sequence[dict[str, float]], key: str) -> str:
    return Spread.of([one[key] * 1000 for one in numbers]).text(0)


def main() -> None:
    """Measures and prints."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--repeats", type=int, default=5, help="(default: 5)")
    parser.add_argument("--runs", type=int, default=RUNS, help=f"(default: {RUNS})")
    parser.add_argument("--epochs", type=int, default=EPOCHS, help=f"(default: {EPOCHS})")
    parser.add_argument(
        "--checkpoints", type=int, default=CHECKPOINTS, help=f"(default: {CHECKPOINTS})"
    )
    parser.add_argument(
        "--without-tensorflow", action="store_true", help="leave out what needs TensorFlow"
    )
    parser.add_argument("--directory", default="logs", help="for what is read (default: logs)")
    parser.add_argument("--json", metavar="FILE", help="write all numbers there")
    parser.add_argument("--child", nargs=2, help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.child:
        _child(*args.child)
        return
    Path(args.directory).mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="reading-", dir=args.directory) as root:
        runs, checkpoints = Path(root, "runs"), Path(root, "checkpoints")
        write_runs(runs, args.runs, args.epochs)
        write_checkpoints(checkpoints, args.checkpoints)
        paths = {
            name: runs if every else runs / "run-000"
            for name, (_, every) in RUN_READERS.items()
            if not (args.without_tensorflow and "with TensorFlow" in name)
        }
        by_run = measure("runs", paths, args.repeats)
        title = f"{args.runs:,} runs of {2 * args.epochs:,} decisions"
        print(report(title, by_run))
        listed = measure(
            "checkpoints", dict.fromkeys(CHECKPOINT_READERS, checkpoints), args.repeats
        )
        print(report(f"{args.checkpoints:,} checkpoints", listed))
    if args.json:
        write_json(args.json, "reading", repeats=args.repeats, runs=by_run, checkpoints=listed)


if __name__ == "__main__":
    main()
