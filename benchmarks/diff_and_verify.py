"""What it costs to compare, check and measure the variables of checkpoint files.

    python -m benchmarks.diff_and_verify --json result.json

Two `.weights.h5` files of `--megabytes` each: made-up float32 weights with two optimizer slots each
(what Adam has), a large embedding among them; all values differ a little between the two. Both are
in the page cache, so what is measured is computing, not the disk: beside each way stands reading
the same bytes and doing nothing with them.

Each measurement is a process of its own that has imported what it needs before the clock starts.
Memory is the largest resident set beyond what the process had then (Linux; elsewhere as far as the
operating system tells). Repetitions are interleaved; ratios are taken within a repetition. The
files are written below `--directory`.
"""

from __future__ import annotations

import argparse
import json
import pickle
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import h5py
import numpy as np

from benchmarks.measured import Spread, in_turns, ratios, write_json
from epochline.comparison import Source, compare, diff
from epochline.contrast import VariableFile
from epochline.layout import read_layout
from epochline.statistics import Measurements
from epochline.store import digest_file, verify

ROOT: Final = Path(__file__).parents[1]
BLOCK: Final = bytearray(1 << 20)
COLUMNS: Final = ("cpu", "wall", "memory")
_PEAK_RESET: Final = Path("/proc/self/clear_refs")


def read(paths: Sequence[Path]) -> None:
    """Reads files from the page cache."""
    for path in paths:
        with path.open("rb", buffering=0) as file:
            while file.readinto(BLOCK):
                pass


def naive(paths: Sequence[Path]) -> None:
    """Compares with h5py and NumPy, dataset by dataset, as one would write it down."""
    names: list[str] = []
    with h5py.File(paths[0]) as a, h5py.File(paths[1]) as b:
        a.visititems(lambda name, item: names.append(name) if hasattr(item, "dtype") else None)
        for name in names:
            x, y = a[name][()], b[name][()]
            norms = np.linalg.norm(x), np.linalg.norm(y)
            _ = np.linalg.norm(y - x) / norms[0], np.abs(y - x).max()
            _ = np.sum(x * y) / (norms[0] * norms[1])


def check(paths: Sequence[Path]) -> None:
    """Verifies the first file against its digest, known from its side file."""
    known = json.loads(_digest(paths[0]).read_text())
    found = verify(paths[0], size_bytes=known["size_bytes"], digest=known["digest"])
    if not found:
        raise SystemExit(found.message)


def measure(paths: Sequence[Path]) -> None:
    """Computes statistics and digest of every variable of the first file."""
    with VariableFile(paths[0]) as file:
        Measurements.of(map(file.measure, read_layout(paths[0]).variables))


def compare_recorded(paths: Sequence[Path]) -> None:
    """Compares two files of which statistics were recorded."""
    compare(*(pickle.loads(_source(path).read_bytes()) for path in paths))  # noqa: S301 – our own


def _digest(path: Path) -> Path:
    return path.with_suffix(".digest")


def _source(path: Path) -> Path:
    return path.with_suffix(".source")


TABLES: Final[Mapping[str, Mapping[str, Callable[[Sequence[Path]], object]]]] = {
    "compare two files": {
        "reading both": read,
        "`epochline.diff`, statistics recorded": compare_recorded,
        "`epochline.diff`, nothing recorded": lambda paths: diff(*paths),
        "h5py and NumPy": naive,
    },
    "verify one file": {
        "reading it": lambda paths: read(paths[:1]),
        "`Checkpoint.verify`": check,
    },
    "measure one file": {
        "reading it": lambda paths: read(paths[:1]),
        "statistics and digests of all variables": measure,
    },
}


def write_files(directory: Path, megabytes: float) -> list[Path]:
    """Writes two checkpoint files and, beside each, what a run would have recorded of it."""
    values = int(megabytes * 1e6 / 4 / 3)
    kernel = max(1, values // 100)
    shapes: dict[str, tuple[int, ...]] = {"embedding": (max(1, values // 5 // 64), 64)}
    shapes |= {f"dense_{number}": (kernel,) for number in range(80)}
    paths = [directory / f"{name}.weights.h5" for name in "ab"]
    for place, path in enumerate(paths):
        random = np.random.default_rng(1)
        with h5py.File(path, "w") as file:
            for name, shape in shapes.items():
                for kind in (f"layers/{name}/vars/0", f"optimizer/{name}/0", f"optimizer/{name}/1"):
                    file[kind] = random.standard_normal(shape, "f4") + np.float32(place / 100)
        layout = read_layout(path)
        with VariableFile(path) as opened:
            measurements = Measurements.of(map(opened.measure, layout.variables))
        known = digest_file(path)
        _digest(path).write_text(
            json.dumps({"size_bytes": known.size_bytes, "digest": known.digest})
        )
        source = Source(
            label=path.name,
            file=path,
            size_bytes=known.size_bytes,
            layout=layout,
            measurements=measurements,
        )
        _source(path).write_bytes(pickle.dumps(source))
    return paths


def _peak() -> float:
    """Returns the largest resident set so far, in megabytes."""
    if _PEAK_RESET.exists():
        for line in Path("/proc/self/status").read_text().splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) * 1024 / 1e6
    used = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return used / 1e6 if sys.platform == "darwin" else used * 1024 / 1e6


def _alone(table: str, name: str, paths: Sequence[Path]) -> dict[str, float]:
    """Measures in this process."""
    if _PEAK_RESET.exists():
        _PEAK_RESET.write_text("5")  # proc(5): sets the peak to the present value
    memory, wall, cpu = _peak(), time.perf_counter(), time.process_time()
    TABLES[table][name](paths)
    cpu, wall = time.process_time() - cpu, time.perf_counter() - wall
    return {"cpu": cpu, "wall": wall, "memory": _peak() - memory}


def _in_a_process(table: str, name: str, paths: Sequence[Path]) -> dict[str, float]:
    command = [sys.executable, "-m", "benchmarks.diff_and_verify", "--alone", table, name]
    told = subprocess.run(
        [*command, *map(str, paths)], cwd=ROOT, check=True, capture_output=True, text=True
    ).stdout
    measured: dict[str, float] = json.loads(told)
    return measured


Results = dict[str, dict[str, dict[str, list[float]]]]
"""Table, row and column to the measured values, one for each repetition."""


def run(paths: Sequence[Path], repeats: int) -> Results:
    """Returns all measurements."""
    results: Results = {
        table: {name: {column: [] for column in COLUMNS} for name in rows}
        for table, rows in TABLES.items()
    }
    rows = [f"{table}\n{name}" for table, names in TABLES.items() for name in names]
    for repetition, row in in_turns(rows, repeats):
        table, name = row.split("\n")
        measured = _in_a_process(table, name, [path.absolute() for path in paths])
        for column in COLUMNS:
            results[table][name][column].append(measured[column])
        print(
            f"{repetition + 1}/{repeats}  {table}: {name}  {measured['cpu']:.3f} s", file=sys.stderr
        )
    return results


def report(results: Results) -> str:
    """Returns the results as Markdown: medians, and quartiles in parentheses."""
    lines: list[str] = []
    for table, rows in results.items():
        lines += [
            f"| {table} | CPU, seconds | ratio to reading | wall, seconds | memory, MB |",
            "|---|---|---|---|---|",
        ]
        base = next(iter(rows.values()))["cpu"]
        for name, columns in rows.items():
            cells = (
                Spread.of(columns["cpu"]).text(2),
                Spread.of(ratios(columns["cpu"], base)).text(2),
                Spread.of(columns["wall"]).text(2),
                f"{max(columns['memory']):.0f}",
            )
            lines.append(f"| {name} | {' | '.join(cells)} |")
        lines.append("")
    return "\n".join(lines)


def main() -> None:
    """Measures and prints."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--megabytes", type=float, default=1000, help="a file (default: 1000)")
    parser.add_argument("--repeats", type=int, default=7, help="(default: 7)")
    parser.add_argument("--directory", default="logs", help="for the files (default: logs)")
    parser.add_argument("--json", metavar="FILE", help="write all numbers there")
    parser.add_argument("--alone", nargs=4, help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.alone:
        table, name, *files = args.alone
        print(json.dumps(_alone(table, name, [Path(file) for file in files])))
        return
    parent = Path(args.directory)
    parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="diff-and-verify-", dir=parent) as root:
        results = run(write_files(Path(root), args.megabytes), args.repeats)
    print(report(results))
    if args.json:
        facts: dict[str, Any] = {"megabytes": args.megabytes, "repeats": args.repeats}
        write_json(args.json, "diff_and_verify", **facts, results=results)


if __name__ == "__main__":
    main()
