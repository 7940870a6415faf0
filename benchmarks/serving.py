"""How long the server takes to answer the Checkpoints tab, beside TensorBoard's own Time Series.

    python -m benchmarks.serving --json result.json

One TensorBoard shows 100 runs of 1,000 epochs. Of each epoch there is the same twice: loss and
val_loss as TensorBoard's own scalars, and a checkpoint with these two metrics. In each repetition a
fresh TensorBoard is started and given the time to load everything; then one after the other, in
turns:

*first state*: all that the tab needs to draw (`runs` and the `timelines` of all runs, as the panel
asks for them), beside all that Time Series needs (`tags` and `timeSeries`). Timed from the first
request to the last byte, over loopback, compressed as for a browser; it is the first time that this
TensorBoard is asked for either.

*first to draw*: the time until the first of it has come. The tab gets the runs in pieces, and draws
what it has while it asks for the rest; Time Series gets everything at once.

*again*: the same as the first state, once more.

*nothing new*: `runs` with the `ETag` of the last answer, which is what the tab asks every two
seconds. It is answered with 304. Median of many.
"""

from __future__ import annotations

import argparse
import contextlib
import gzip
import http.client
import itertools
import json
import os
import re
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from http.client import NOT_MODIFIED, OK
from pathlib import Path
from typing import Any, Final, NamedTuple, TypeVar
from urllib.parse import urlencode, urlsplit

from benchmarks.measured import Spread, in_turns, ratios, write_json
from tests.end_to_end.many_runs import last_wall_time, write

LOADERS: Final = {"rust": "data server", "python": "Python loader"}
RUNS: Final = 100
EPOCHS: Final = 1_000
_TAG: Final = "epoch_loss"
_RUNS_PER_REQUEST: Final = 12  # like _AT_ONCE, what the panel does
_AT_ONCE: Final = 3
_UNCHANGED: Final = 50
_PATIENCE_SECONDS: Final = 300.0
_GZIP: Final = b"\x1f\x8b"
_OURS: Final = "data/plugin/epochline/"
_THEIRS: Final = "data/plugin/timeseries/"
_T = TypeVar("_T")


class Server:
    """A TensorBoard that serves."""

    def __init__(self, url: str) -> None:
        parts = urlsplit(url)
        self._host, self._port = parts.hostname or "", parts.port

    def ask(
        self, path: str, *, form: dict[str, str] | None = None, etag: str = ""
    ) -> tuple[int, str, bytes]:
        """Returns status, ETag and body of an answer, as it came over the wire."""
        connection = http.client.HTTPConnection(self._host, self._port, timeout=_PATIENCE_SECONDS)
        headers = {"Accept-Encoding": "gzip"} | ({"If-None-Match": etag} if etag else {})
        with contextlib.closing(connection):
            if form is None:
                connection.request("GET", f"/{path}", headers=headers)
            else:
                headers["Content-Type"] = "application/x-www-form-urlencoded"
                connection.request("POST", f"/{path}", urlencode(form), headers)
            answer = connection.getresponse()
            return answer.status, answer.getheader("ETag", ""), answer.read()


@contextlib.contextmanager
def _serving(logdir: Path, loader: str, epochs: int) -> Iterator[Server]:
    """Starts a TensorBoard and stops it; yields when it has loaded everything."""
    options = ["--host=127.0.0.1", "--port=0", f"--load_fast={str(loader == 'rust').lower()}"]
    log = logdir.parent / "tensorboard.txt"
    with log.open("wb") as output:
        process = subprocess.Popen(
            [sys.executable, "-m", "tensorboard.main", f"--logdir={logdir}", *options],
            stdout=output,
            stderr=output,
            env=os.environ | {"TF_CPP_MIN_LOG_LEVEL": "3"},
        )
    try:
        server = Server(_until(lambda: _url(process, log)))
        _wait_until_loaded(
            server, sorted(path.name for path in (logdir / "sweep").iterdir()), epochs
        )
        yield server
    finally:
        process.terminate()
        process.wait()


def _until(look: Callable[[], _T | None]) -> _T:
    end = time.monotonic() + _PATIENCE_SECONDS
    while (found := look()) is None:
        if time.monotonic() > end:
            raise SystemExit(f"nothing after {_PATIENCE_SECONDS:g} s")
        time.sleep(0.2)
    return found


def _url(process: subprocess.Popen[bytes], log: Path) -> str | None:
    text = log.read_text("utf-8", "replace")
    if process.poll() is not None:
        raise SystemExit(f"TensorBoard ended with {process.returncode}:\n{text}")
    match = re.search(r"at (http://127\.0\.0\.1:\d+/) \(Press", text)
    return match[1] if match else None


def _wait_until_loaded(server: Server, runs: Sequence[str], epochs: int) -> None:
    """Waits for the last point of every curve and the last record of every run.

    None of the questions that are timed is asked for it.
    """
    for run in runs:
        for member in ("train", "validation"):
            query = urlencode({"run": f"sweep/{run}/{member}", "tag": _TAG})
            path = f"data/plugin/scalars/scalars?{query}"
            _until(lambda path=path: _has_points(server.ask(path), epochs) or None)  # type: ignore[misc]
    ends = [last_wall_time(place, epochs) for place in range(len(runs))]
    _until(lambda: _last_wall_times(server) == ends or None)


def _has_points(answer: tuple[int, str, bytes], count: int) -> bool:
    status, _, body = answer
    return status == OK and len(_json(body)) == count


def _last_wall_times(server: Server) -> list[float]:
    runs = _json(server.ask(f"{_OURS}runs")[2])["runs"]
    return [run["last_wall_time"] for run in sorted(runs, key=lambda run: str(run["run"]))]


def _json(body: bytes) -> Any:
    return json.loads(gzip.decompress(body) if body[:2] == _GZIP else body)


# ---- what is asked ------------------------------------------------------------------------------


class Asked(NamedTuple):
    """How many bytes came, and when the first came of what is drawn."""

    size: int
    first: float


def ask_checkpoints(server: Server) -> Asked:
    """Asks for all that the Checkpoints tab draws first."""
    _, _, body = server.ask(f"{_OURS}runs")
    runs = [run["run"] for run in _json(body)["runs"]]
    parts = [
        runs[start : start + _RUNS_PER_REQUEST] for start in range(0, len(runs), _RUNS_PER_REQUEST)
    ]
    answered: list[tuple[float, int]] = []

    def ask(part: list[str]) -> None:
        while part:
            path = f"{_OURS}timelines?{urlencode([('run', run) for run in part])}"
            _, _, answer = server.ask(path)
            answered.append((time.perf_counter(), len(answer)))
            part = _json(answer)["pending"]

    with ThreadPoolExecutor(_AT_ONCE) as pool:
        list(pool.map(ask, parts))
    times, sizes = zip(*answered, strict=True)
    return Asked(size=len(body) + sum(sizes), first=min(times))


def ask_time_series(server: Server) -> Asked:
    """Asks for all that Time Series draws, which comes in one piece."""
    _, _, body = server.ask(f"{_THEIRS}tags")
    requests = json.dumps([{"plugin": "scalars", "tag": _TAG}])
    size = len(body) + len(server.ask(f"{_THEIRS}timeSeries", form={"requests": requests})[2])
    return Asked(size=size, first=time.perf_counter())


ASKERS: Final[dict[str, Callable[[Server], Asked]]] = {
    "Checkpoints tab": ask_checkpoints,
    "TensorBoard, Time Series": ask_time_series,
}


def _timed(ask: Callable[[Server], Asked], server: Server) -> dict[str, float]:
    began = time.perf_counter()
    asked = ask(server)
    return {
        "ms": (time.perf_counter() - began) * 1000,
        "drawing ms": (asked.first - began) * 1000,
        "kilobytes": asked.size / 1000,
    }


def _unchanged(server: Server) -> float:
    """Returns the milliseconds until it is said that nothing is new; the median of many."""
    _, etag, _ = server.ask(f"{_OURS}runs")
    seconds = []
    for _ in range(_UNCHANGED):
        began = time.perf_counter()
        status, _, _ = server.ask(f"{_OURS}runs", etag=etag)
        seconds.append(time.perf_counter() - began)
        if status != NOT_MODIFIED:
            raise SystemExit(f"the answer to an unchanged state was {status}")
    return statistics.median(seconds) * 1000


Numbers = dict[str, dict[str, list[float]]]
"""Who was asked, to what was measured of it in each repetition."""


def measure(logdir: Path, loader: str, epochs: int, repeats: int) -> Numbers:
    """Returns what was measured, with a fresh TensorBoard for each repetition."""
    found: Numbers = {name: {} for name in ASKERS}
    turns = itertools.groupby(in_turns(list(ASKERS), repeats), key=lambda turn: turn[0])
    for repetition, names in turns:
        with _serving(logdir, loader, epochs) as server:
            order = [name for _, name in names]
            for when in ("first", "again"):
                for name in order:
                    for unit, value in _timed(ASKERS[name], server).items():
                        found[name].setdefault(f"{when} {unit}", []).append(value)
            found["Checkpoints tab"].setdefault("304 ms", []).append(_unchanged(server))
        told = ", ".join(f"{name} {found[name]['first ms'][-1]:,.0f} ms" for name in ASKERS)
        print(f"{loader} {repetition + 1}/{repeats}  {told}", file=sys.stderr)
    return found


def report(title: str, found: Numbers) -> str:
    """Returns the result as Markdown: median, and quartiles in parentheses."""
    base = found["TensorBoard, Time Series"]
    columns = [
        title,
        *("first to draw, ms", "of Time Series", "first state, ms", "of Time Series"),
        *("again, ms", "nothing new (304), ms", "kB"),
    ]
    lines = [f"| {' | '.join(columns)} |", f"|{'---|' * len(columns)}"]
    for name, numbers in found.items():
        same = numbers is base
        shares = [
            "1" if same else Spread.of(ratios(numbers[name], base["first ms"])).text(2)
            for name in ("first drawing ms", "first ms")
        ]
        row = [
            Spread.of(numbers["first drawing ms"]).text(0),
            shares[0],
            Spread.of(numbers["first ms"]).text(0),
            shares[1],
            Spread.of(numbers["again ms"]).text(0),
            Spread.of(numbers["304 ms"]).text(1) if "304 ms" in numbers else "–",
            f"{statistics.median(numbers['first kilobytes']):,.0f}",
        ]
        lines.append(f"| {name} | {' | '.join(row)} |")
    return "\n".join([*lines, ""])


def main() -> None:
    """Measures and prints."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--repeats", type=int, default=5, help="(default: 5)")
    parser.add_argument("--runs", type=int, default=RUNS, help=f"(default: {RUNS})")
    parser.add_argument("--epochs", type=int, default=EPOCHS, help=f"(default: {EPOCHS})")
    parser.add_argument("--loaders", nargs="+", choices=LOADERS, default=list(LOADERS))
    parser.add_argument("--directory", default="logs", help="for what is served (default: logs)")
    parser.add_argument("--json", metavar="FILE", help="write all numbers there")
    args = parser.parse_args()
    Path(args.directory).mkdir(parents=True, exist_ok=True)
    results = {}
    with tempfile.TemporaryDirectory(prefix="serving-", dir=args.directory) as root:
        logdir = Path(root, "logs")
        write(logdir, runs=args.runs, epochs=args.epochs, save_every=1, to_go=0)
        for loader in args.loaders:
            results[loader] = measure(logdir, loader, args.epochs, args.repeats)
            title = f"{LOADERS[loader]}: {args.runs:,} runs of {args.epochs:,} checkpoints"
            print(report(title, results[loader]))
    if args.json:
        write_json(args.json, "serving", repeats=args.repeats, milliseconds=results)


if __name__ == "__main__":
    main()
