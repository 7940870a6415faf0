"""What the logs of stock callbacks say of each epoch: `CSVLogger` and `TensorBoard`.

They are looked for in a folder of checkpoints and beside it, where users put them. Knows nothing of
what is made of them.

Invariant: whatever is in a file, it leads to epochs with numbers or to nothing.
"""

from __future__ import annotations

import csv
import os
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Final

from epochline.matching import LoggedEpoch
from epochline.reader import read_scalars

__all__ = ["read_logs"]

# `TensorBoard(log_dir)` writes one run for the training and one for the validation.
_RUNS: Final = {"": "", "train": "", "validation": "val_"}
_FOLDERS: Final = ("", "logs")
_TAG_PREFIX: Final = "epoch_"
_MOST_CSV_BYTES: Final = 16 << 20


def read_logs(folder: str | os.PathLike[str]) -> dict[int, LoggedEpoch]:
    """Returns zero-based epoch to what the logs in a folder, or else those beside it, say of it.

    Args:
        folder: Where the checkpoints are. Its `logs`, `train` and `validation` are looked at, too.
    """
    here = Path(folder).resolve()
    for place in (here, here.parent):
        rows: dict[int, LoggedEpoch] = {}
        for below in _FOLDERS:
            for row in (*_csv_rows(place / below), *_event_rows(place / below)):
                _add(rows, *row)
        if rows:
            return rows
    return {}


_Row = tuple[int, LoggedEpoch]


def _add(rows: dict[int, LoggedEpoch], epoch: int, row: LoggedEpoch) -> None:
    before = rows.get(epoch, row)
    rows[epoch] = LoggedEpoch(
        log=row.log,
        metrics={**before.metrics, **row.metrics},
        wall_time=row.wall_time or before.wall_time,
    )


def _csv_rows(folder: Path) -> Iterator[_Row]:
    for path in sorted(folder.glob("*.csv")):
        # What is not to be read, or is no table, ends where that is found.
        with suppress(OSError, csv.Error):
            if path.is_file() and path.stat().st_size <= _MOST_CSV_BYTES:
                yield from _table_rows(path)


def _table_rows(path: Path) -> Iterator[_Row]:
    with path.open(newline="", encoding="utf-8", errors="replace") as file:
        table = csv.DictReader(file)
        if "epoch" not in (table.fieldnames or ()):
            return
        for values in table:
            numbers = {name: _number(text) for name, text in values.items() if name}
            epoch = numbers.pop("epoch", None)
            if epoch is not None and epoch >= 0 and epoch.is_integer():
                metrics = {name: n for name, n in numbers.items() if n is not None}
                yield int(epoch), LoggedEpoch(log=path.name, metrics=metrics)


def _number(text: object) -> float | None:
    try:
        return float(text) if isinstance(text, str) else None
    except ValueError:
        return None


def _event_rows(folder: Path) -> Iterator[_Row]:
    for run, prefix in _RUNS.items():
        for scalar in read_scalars(folder / run):
            if scalar.tag.startswith(_TAG_PREFIX) and scalar.step >= 0:
                name = prefix + scalar.tag.removeprefix(_TAG_PREFIX)
                yield (
                    scalar.step,
                    LoggedEpoch(
                        log=run or folder.name,
                        metrics={name: scalar.value},
                        wall_time=scalar.wall_time,
                    ),
                )
