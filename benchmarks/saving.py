"""What saving costs: how long training is held, when the file is durable, what it takes beside.

    python -m benchmarks.saving --json result.json
    python -m benchmarks.saving --sizes 1000 --backend jax --repeats 3

Every way to save is used in a `fit` that saves after each epoch: `Timeline` as it is by default,
Keras's `ModelCheckpoint` (weights, and whole models), `BackupAndRestore`, and `OrbaxCheckpoint`,
which writes in the background, too. *State* is what is saved: weights and the slots of Adam. Sizes
are megabytes of it; `tiny` are two thousand variables of a few bytes.

Each way has a process of its own in each repetition, interleaved with the others. That trains
without saving first, then with it, and tells the difference:

- *held*: from the end of the last batch of an epoch to the beginning of the next epoch. The first
  save of a process is told apart.
- *durable*: from the same moment, for a save after which nothing is trained, until every file of it
  is synced to the disk. Where a callback does not do that itself, it is done for it. Beside it, the
  rate as a share of what `dd` with `conv=fsync` reaches in the same repetition.
- *steps beside it*: how long the steps take that begin while files of a save are still written,
  relative to the same steps without saving.
- *memory*: the most that the process holds until the next save; as a share of the state.
- *CPU*: CPU time of a save, relative to writing the same bytes from memory and reading them once.

Everything is written below `--directory`, which should be on a real disk.
"""

from __future__ import annotations

import argparse
import contextlib
import importlib.util
import json
import math
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from statistics import median
from typing import Any, Final

import numpy as np

from benchmarks.measured import Spread, in_turns, write_json

LIMITS: Final = "limits"
SIZES: Final = ("1", "100", "1000", "tiny")
# Steps of an epoch, by size: enough for a save to end within.
STEPS: Final = {"1": 40, "100": 16, "1000": 12, "tiny": 20}
SAVES: Final = 4
_MEGABYTE: Final = 10**6
_SLOTS: Final = 3  # a weight, and two moments of Adam
_BATCH: Final = 4
_BLOCK: Final = 8 << 20
# What is being written in the background gets another name while it is looked at.
_VANISHING: Final = contextlib.suppress(FileNotFoundError)


def _timeline(directory: str) -> Any:
    from epochline import KeepAll
    from epochline.callbacks import Timeline

    return Timeline(directory, monitor="loss", keep=KeepAll())


def _keras(name: str, directory: str, **options: Any) -> Any:
    import keras

    return getattr(keras.callbacks, name)(directory, **options)


PEERS: Final[dict[str, Callable[[str], Any]]] = {
    "Timeline": _timeline,
    "ModelCheckpoint (weights)": lambda directory: _keras(
        "ModelCheckpoint", f"{directory}/{{epoch:04d}}.weights.h5", save_weights_only=True
    ),
    "ModelCheckpoint (model)": lambda directory: _keras(
        "ModelCheckpoint", f"{directory}/{{epoch:04d}}.keras"
    ),
    "BackupAndRestore": lambda directory: _keras(
        "BackupAndRestore", directory, delete_checkpoint=False
    ),
    "OrbaxCheckpoint": lambda directory: _keras(
        "OrbaxCheckpoint", directory, save_on_background=True, max_to_keep=None
    ),
}


# ---- in the process of one way to save ----------------------------------------------------------


def _layers(size: str) -> list[int]:
    """Returns the widths of dense layers whose state has that size; each is as wide as the next."""
    if size == "tiny":
        return [4] * (2000 // (2 * _SLOTS))
    weights = int(size) * _MEGABYTE / 4 / _SLOTS
    width = 4096 if weights > 1e7 else 1024 if weights > 1e6 else 128
    return [width] * max(1, round(weights / width**2))


def _model(size: str) -> Any:
    import keras

    widths = _layers(size)
    keras.utils.set_random_seed(7)
    model = keras.Sequential(
        [keras.layers.Input((widths[0],)), *(keras.layers.Dense(width) for width in widths)]
    )
    model.compile(loss="mse", optimizer=keras.optimizers.Adam(1e-6))
    return model


def _watch(directory: Path) -> Any:
    import keras

    class Watch(keras.callbacks.Callback):
        """Notes when batches and epochs end; first in the list."""

        def __init__(self) -> None:
            super().__init__()
            self.ended: list[float] = []
            self.cpu: list[float] = []
            self.held: list[float] = []
            self.steps: list[list[tuple[float, float]]] = []
            self.memory: list[int] = []
            self.settle = False
            self._before = 0.0

        def on_epoch_begin(self, epoch: int, logs: Mapping[str, Any] | None = None) -> None:
            self.steps.append([])
            self._before = time.time()
            if self.ended:
                self.held.append(self._before - self.ended[-1])

        def on_train_batch_end(self, batch: int, logs: Mapping[str, Any] | None = None) -> None:
            now = time.time()
            self.steps[-1].append((self._before, now))
            self._before = now

        def on_epoch_end(self, epoch: int, logs: Mapping[str, Any] | None = None) -> None:
            if self.settle:
                _settle(directory)
            self.memory.append(_memory("VmHWM" if self.memory else "VmRSS"))
            Path("/proc/self/clear_refs").write_text("5")  # begins VmHWM anew
            self.ended.append(time.time())
            self.cpu.append(time.process_time())

    return Watch()


def _memory(what: str) -> int:
    status = Path("/proc/self/status").read_text()
    found = re.search(rf"{what}:\s+(\d+) kB", status)
    return int(found[1]) * 1024 if found else 0


def _settle(directory: Path) -> None:
    """Waits until nothing below `directory` has changed for a second."""
    while _written(directory) and time.time() - max(_written(directory)) < 1:
        time.sleep(0.1)


def _written(directory: Path) -> list[float]:
    """Returns when each file of a checkpoint got its name, or was last written."""
    times = []
    for parent, _, names in os.walk(directory):
        for name in names:
            if "tfevents" in name:
                continue
            with _VANISHING:
                times.append(os.stat(os.path.join(parent, name)).st_ctime)
    return times


def _sync(directory: Path) -> None:
    for path in (directory, *directory.rglob("*")):
        with _VANISHING:
            descriptor = os.open(path, os.O_RDONLY)
            os.fsync(descriptor)
            os.close(descriptor)


def _fit(model: Any, size: str, callbacks: list[Any], epochs: int) -> None:
    rows = _BATCH * STEPS[size]
    x = np.ones((rows, model.input_shape[1]), "float32")
    y = np.zeros((rows, model.output_shape[1]), "float32")
    model.fit(x, y, batch_size=_BATCH, epochs=epochs, shuffle=False, verbose=0, callbacks=callbacks)


def _save(peer: str, size: str, directory: Path, saves: int) -> dict[str, Any]:
    """Trains without saving and with it, and returns the numbers of one process."""
    model = _model(size)
    _fit(model, size, [], 1)  # traces
    without = _watch(directory)
    _fit(model, size, [without], saves + 1)
    saved = directory / "saved"
    saved.mkdir()
    watch = _watch(saved)
    _fit(model, size, [watch, PEERS[peer](str(saved))], saves + 1)
    variables = [*model.variables, *model.optimizer.variables]
    idle = median(without.held)
    numbers = {
        "state": sum(_size(variable) for variable in variables),
        "variables": len(variables),
        "held": [seconds - idle for seconds in watch.held],
        "memory": [
            peak - watch.memory[0] - (max(without.memory[1:]) - without.memory[0])
            for peak in watch.memory[1:]
        ],
        "beside": _beside(without, watch, sorted(_written(saved))),
    }
    shutil.rmtree(saved)
    return numbers | _durable(peer, model, size, directory / "last")


def _size(variable: Any) -> int:
    import keras

    size_bytes = math.prod(variable.shape)
    size_bytes *= np.dtype(keras.backend.standardize_dtype(variable.dtype)).itemsize
    return int(size_bytes)


def _beside(without: Any, watch: Any, written: Sequence[float]) -> float | None:
    """Returns how much longer steps beside a write take than the same without; None if none are."""
    usual = [
        median(end - start for start, end in steps)
        for steps in zip(*without.steps[1:], strict=True)
    ]
    taken, expected = 0.0, 0.0
    for place, steps in enumerate(watch.steps[2:], start=1):  # the first save is told apart
        began = watch.ended[place]
        until = max((t for t in written if began <= t < watch.ended[place + 1]), default=0.0)
        for (start, end), seconds in zip(steps, usual, strict=True):
            if start < until:
                taken += end - start
                expected += seconds
    return taken / expected if expected else None


def _durable(peer: str, model: Any, size: str, directory: Path) -> dict[str, float]:
    directory.mkdir()
    watch = _watch(directory)
    watch.settle = True
    _fit(model, size, [watch, PEERS[peer](str(directory))], 2)
    _sync(directory)
    numbers = {
        "durable": time.time() - watch.ended[-1],
        "cpu": time.process_time() - watch.cpu[-1],
    }
    shutil.rmtree(directory)
    return numbers


def _limits(size: str, directory: Path) -> dict[str, Any]:
    """Returns what the machine can do: one copy of the state, one write, one read, and `dd`."""
    width = _layers(size)
    shapes = [shape for one in width for shape in ((one, one), (one,)) for _ in range(_SLOTS)]
    state = [np.ones(shape, "float32") for shape in shapes]
    copies = [np.zeros_like(array) for array in state]
    held = []
    for _ in range(5):
        began = time.time()
        for source, target in zip(state, copies, strict=True):
            np.copyto(target, source)
        held.append(time.time() - began)
    size_bytes = sum(array.nbytes for array in state)
    data = b"".join(array.tobytes() for array in state)
    del state, copies
    path = directory / "written"
    cpu = time.process_time()
    with path.open("wb", buffering=0) as file:
        _write_all(file.fileno(), memoryview(data))
        os.fsync(file.fileno())
    block = bytearray(_BLOCK)
    with path.open("rb", buffering=0) as file:
        while file.readinto(block):
            pass
    cpu = time.process_time() - cpu
    path.unlink()
    return {"held": held, "cpu": cpu, "dd": _dd(directory, size_bytes)}


def _write_all(descriptor: int, data: memoryview) -> None:
    while data:
        data = data[os.write(descriptor, data[:_BLOCK]) :]


def _dd(directory: Path, size_bytes: int) -> float:
    """Returns the seconds that `dd` takes for as many bytes, from the page cache to the disk."""
    source, target = directory / "source", directory / "target"
    with source.open("wb") as file:
        for _ in range(0, size_bytes, _BLOCK):
            file.write(os.urandom(_BLOCK)[: size_bytes - file.tell()])
    began = time.time()
    subprocess.run(
        ["dd", f"if={source}", f"of={target}", "bs=8M", "conv=fsync"],  # noqa: S607
        check=True,
        stderr=subprocess.DEVNULL,
    )
    seconds = time.time() - began
    source.unlink()
    target.unlink()
    return seconds


def _child(peer: str, size: str, directory: str, saves: str) -> None:
    path = Path(directory)
    numbers = _limits(size, path) if peer == LIMITS else _save(peer, size, path, int(saves))
    print(json.dumps(numbers))


# ---- beside each other --------------------------------------------------------------------------


def measure(
    size: str, peers: Sequence[str], args: argparse.Namespace, root: str
) -> dict[str, list[dict[str, Any]]]:
    """Returns way to save to its numbers, one for each repetition."""
    found: dict[str, list[dict[str, Any]]] = {peer: [] for peer in peers}
    quiet = {"KERAS_BACKEND": args.backend, "TF_CPP_MIN_LOG_LEVEL": "3"}
    for repetition, peer in in_turns(peers, args.repeats):
        directory = tempfile.mkdtemp(dir=root)
        child = [sys.executable, "-m", "benchmarks.saving", "--child", peer, size, directory]
        ran = subprocess.run(
            [*child, str(args.saves)],
            check=False,
            capture_output=True,
            text=True,
            env=os.environ | quiet,
        )
        if ran.returncode:
            raise SystemExit(f"{peer} failed:\n{ran.stderr}")
        shutil.rmtree(directory)
        found[peer].append(json.loads(ran.stdout.splitlines()[-1]))
        print(
            f"{args.backend} {size} {repetition + 1}/{args.repeats}  {peer:36} "
            f"held {median(found[peer][-1]['held']) * 1000:9.1f} ms",
            file=sys.stderr,
        )
    return found


def report(backend: str, found: Mapping[str, Sequence[Mapping[str, Any]]]) -> str:
    """Returns the result as Markdown: median, and quartiles in parentheses."""
    limits = found[LIMITS]
    saved = {peer: numbers for peer, numbers in found.items() if peer != LIMITS}
    about = next(iter(saved.values()))[0]
    state = f"{about['state'] / _MEGABYTE:,.0f} MB of state in {about['variables']:,} variables"
    heads = [
        *(f"{state}, {backend}", "held, ms", "held by the first save, ms", "durable, ms"),
        *("of `dd`", "steps beside it", "memory, of the state", "CPU, of one write and read"),
    ]
    rows = [
        heads,
        ["---"] * len(heads),
        ["one memcpy of the state", _ms([one for it in limits for one in it["held"]]), *"––––1–"],
        ["`dd`", "–", "–", _ms([one["dd"] for one in limits]), "1.00", *"–––"],
    ]
    for peer, numbers in saved.items():
        pairs = list(zip(numbers, limits, strict=True))
        beside = [one["beside"] for one in numbers if one["beside"] is not None]
        rows.append(
            [
                peer,
                _ms([value for one in numbers for value in one["held"][1:]]),
                _ms([one["held"][0] for one in numbers]),
                _ms([one["durable"] for one in numbers]),
                Spread.of([limit["dd"] / one["durable"] for one, limit in pairs]).text(2),
                Spread.of(beside).text(2) if beside else "none",
                Spread.of([max(one["memory"][1:]) / one["state"] for one in numbers]).text(2),
                Spread.of([one["cpu"] / limit["cpu"] for one, limit in pairs]).text(2),
            ]
        )
    return "\n".join([*(f"| {' | '.join(row)} |" for row in rows), ""])


def _ms(seconds: Sequence[float]) -> str:
    return Spread.of([value * 1000 for value in seconds]).text(1)


def main() -> None:
    """Measures and prints."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--sizes", nargs="+", choices=SIZES, default=["1", "100", "tiny"])
    parser.add_argument("--backend", choices=("tensorflow", "jax", "torch"), default="tensorflow")
    parser.add_argument(
        "--ways", nargs="+", choices=list(PEERS), default=list(PEERS), help="(default: all)"
    )
    parser.add_argument("--repeats", type=int, default=5, help="(default: 5)")
    parser.add_argument("--saves", type=int, default=SAVES, help=f"of each fit (default: {SAVES})")
    parser.add_argument("--directory", default="logs", help="for what is written (default: logs)")
    parser.add_argument("--json", metavar="FILE", help="write all numbers there")
    parser.add_argument("--child", nargs=4, help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.child:
        _child(*args.child)
        return
    ways = [LIMITS, *args.ways]
    if "OrbaxCheckpoint" in ways and importlib.util.find_spec("orbax") is None:
        ways.remove("OrbaxCheckpoint")
        print("OrbaxCheckpoint is left out: orbax-checkpoint is not installed.", file=sys.stderr)
    directory = Path(args.directory).resolve()  # Orbax takes no relative path
    directory.mkdir(parents=True, exist_ok=True)
    results = {}
    with tempfile.TemporaryDirectory(prefix="saving-", dir=directory) as root:
        for size in args.sizes:
            results[size] = measure(size, ways, args, root)
            print(report(args.backend, results[size]))
    if args.json:
        write_json(args.json, "saving", repeats=args.repeats, backend=args.backend, numbers=results)


if __name__ == "__main__":
    main()
