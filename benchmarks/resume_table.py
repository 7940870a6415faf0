"""The table of exact resume: what is bit-identical after a kill, with us and with Keras alone.

    KERAS_BACKEND=jax python -m benchmarks.resume_table --results build/resume.jsonl
    python -m benchmarks.resume_table --results build/resume.jsonl --write docs/resume.md

Each row is a small training that is really killed (`SIGKILL` in the middle of an epoch, of a save
or of a validation; `SIGTERM`) and continued by another process, and compared with one that nobody
disturbed: the loss of every batch, every variable, the metrics, the random state. The same is done
with `keras.callbacks.BackupAndRestore`, last in the list and with `double_checkpoint=True`, in
place of `Resume`.

The rows of one backend are measured at a time, that of `KERAS_BACKEND`; what is in the results
already is not measured again. Where TensorFlow cannot be imported, `tf.data` is left out.
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import os
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from itertools import product
from pathlib import Path
from typing import Any, Final

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import keras

from tests.resume.harness import Continued, Zygote, continued, zygote
from tests.resume.trainings import DATA, KILLS, MODELS

BACKENDS: Final = {"tensorflow": "TensorFlow", "jax": "JAX", "torch": "PyTorch"}
SAVERS: Final = {"resume": "`Resume`", "stock": "`BackupAndRestore`"}
LABELS: Final = {
    "dense": "Dense, dropout, batch normalization; Adam",
    "cnn": "CNN with augmentation layers",
    "lstm": "LSTM",
    "ema": "averaged weights (EMA)",
    "loss_scale": "`LossScaleOptimizer`, float16",
    "two_metrics": "two metrics",
}
_KEYS: Final = ("backend", "saver", "model", "data", "kill")
_BEGIN: Final = "<!-- measured by benchmarks/resume_table.py -->"
_END: Final = "<!-- end of what was measured -->"

Row = dict[str, Any]


def measure(results: Path, savers: Sequence[str], models: Sequence[str], seconds: float) -> bool:
    """Appends the rows that are not there yet; returns whether all are there now.

    Args:
        results: Where they are, one JSON object per line.
        savers: What continues.
        models: Which models.
        seconds: No row is begun after so many.
    """
    backend, until = keras.backend.backend(), time.monotonic() + seconds
    known = {_key(row) for row in _read(results)}
    missing = [row for row in _wanted(backend, savers, models) if _key(row) not in known]
    with (
        tempfile.TemporaryDirectory(prefix="resume-table-") as root,
        zygote(Path(root), "first") as first,
        zygote(Path(root), "second") as second,
    ):
        for row in missing:
            if time.monotonic() > until:
                return False
            entry = row | _measured(Path(root), first, second, row)
            with results.open("a", encoding="utf-8") as file:
                file.write(json.dumps(entry) + "\n")
            print(*(entry[key] for key in _KEYS), entry["difference"] or "identical", flush=True)
    return True


def _wanted(backend: str, savers: Sequence[str], models: Sequence[str]) -> Iterator[Row]:
    data = [kind for kind in DATA if kind != "tf.data" or importlib.util.find_spec("tensorflow")]
    for saver, model, kind, kill in product(savers, models, data, KILLS):
        yield {"backend": backend, "saver": saver, "model": model, "data": kind, "kill": kill}


def _measured(root: Path, first: Zygote, second: Zygote, row: Row) -> Row:
    fields = {key: row[key] for key in ("model", "data", "saver")}
    before = len(second.said())
    found: Continued = continued(root, first, second, kill=row["kill"], **fields)
    killed = {"SIGTERM": 143 if row["saver"] == "resume" else -15}.get(row["kill"], -9)
    if found.status != killed:
        message = f"{row} ended with {found.status} instead of {killed}: {first.said()}"
        raise RuntimeError(message)
    errors = second.said()[before:].strip().splitlines()
    return {
        "begins": found.begins,
        "difference": found.difference.partition(" is ")[0],
        "error": errors[-1] if found.failed and errors else "",
        "keras": keras.__version__,
    }


def _read(results: Path) -> list[Row]:
    text = results.read_text(encoding="utf-8") if results.exists() else ""
    return [json.loads(line) for line in text.splitlines()]


def _key(row: Row) -> tuple[str, ...]:
    return tuple(row[key] for key in _KEYS)


def table(rows: Sequence[Row]) -> str:
    """Returns the rows as Markdown, with what they come to."""
    found = {_key(row): row for row in rows}
    columns = list(product(SAVERS, BACKENDS))
    heads = [f"{SAVERS[saver]}: {BACKENDS[backend]}" for saver, backend in columns]
    lines = [f"| model | data | {' | '.join(heads)} |", "|---" * (len(heads) + 2) + "|"]
    for model, data in product(MODELS, DATA):
        cells = [_cell(found, backend, saver, model, data) for saver, backend in columns]
        lines.append(f"| {LABELS[model]} | {data} | {' | '.join(cells)} |")
    return "\n".join([*lines, "", *(_summary(rows, saver) for saver in SAVERS)])


def _cell(found: Mapping[tuple[str, ...], Row], *key: str) -> str:
    four = [row for kill in KILLS if (row := found.get((*key, kill)))]
    if not four:
        return "not measured"
    same = sum(not row["difference"] for row in four)
    others = "" if key[1] == "stock" else "; ".join(_told(row) for row in four if row["difference"])
    return f"{same} of {len(four)}" + (f" ({others})" if others else "")


def _told(row: Row) -> str:
    return f"{row['kill']}: {row['error'] or row['difference']}"


def _summary(rows: Sequence[Row], saver: str) -> str:
    own = [row for row in rows if row["saver"] == saver]
    same = sum(not row["difference"] for row in own)
    failed = sum(bool(row["error"]) for row in own)
    at_once = sum(row["difference"].partition(":")[0] == row["begins"] for row in own)
    text = f"- {SAVERS[saver]}: of {len(own)} rows measured, {same} are bit-identical"
    if same < len(own):
        text += (
            f"; {at_once} differ from the first batch that is trained again, {failed} end with an "
            f"error, {len(own) - same - at_once - failed} differ later"
        )
    return text + "."


def write(document: Path, text: str) -> None:
    """Puts the table between the marks in a document.

    Raises:
        ValueError: If the document does not have them.
    """
    head, begin, rest = document.read_text(encoding="utf-8").partition(_BEGIN)
    _, end, tail = rest.partition(_END)
    if not begin or not end:
        message = f"{document} does not have the lines {_BEGIN} and {_END}."
        raise ValueError(message)
    document.write_text(f"{head}{begin}\n\n{text}\n\n{end}{tail}", encoding="utf-8")


def main() -> None:
    """Measures, or writes the table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--results", type=Path, required=True, help="file with a JSON row per line")
    parser.add_argument("--savers", nargs="+", choices=list(SAVERS), default=list(SAVERS))
    parser.add_argument("--models", nargs="+", choices=MODELS, default=MODELS)
    parser.add_argument("--seconds", type=float, default=float("inf"), help="begin no row after")
    parser.add_argument("--write", type=Path, metavar="FILE", help="only put the table in there")
    args = parser.parse_args()
    args.results.parent.mkdir(parents=True, exist_ok=True)
    if args.write:
        write(args.write, table(_read(args.results)))
    elif not measure(args.results, args.savers, args.models, args.seconds):
        sys.exit("Not all rows are measured yet: run it again.")


if __name__ == "__main__":
    main()
