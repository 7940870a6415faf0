"""A log directory of runs that went or were named in unusual ways.

- names in HTML, emoji and right-to-left letters, and one of hundreds of letters, also of metrics,
  notes and tags
- `values`: NaN and both infinities as metrics
- `empty`: a session that trained nothing; `one`: one epoch, and no checkpoint
- `order`: epochs that come again and go back
"""

from __future__ import annotations

import math
from pathlib import Path
from typing import Final

from epochline.events import (
    CheckpointAnnotated,
    CheckpointSaved,
    EndReason,
    EpochEnded,
    Notice,
    SessionEnded,
    SessionStarted,
)
from epochline.store.digest import digest_bytes
from tests.end_to_end.sample_logs import START, SessionLog

__all__ = ["NAMES", "RUNS", "write"]

HARM: Final = "parent.harmed=1"
LONG: Final = "very-long-name-" * 16
NAMES: Final = (
    f"<img src=x onerror={HARM}>",
    f'"><svg onload="{HARM}">',
    "🚀👩‍🔬 épreuve",
    "ריצה שנייה",
    f"{LONG}/{LONG}",
)
VALUES: Final = (math.nan, math.inf, -math.inf, 1e300, 5e-324, 0.0, -0.5)
RUNS: Final = (*NAMES, "values", "empty", "one", "order")


def write(logdir: Path) -> None:
    """Writes all runs below `logdir`."""
    for number, name in enumerate(NAMES):
        _write_named(logdir / name, number, name)
    _write_values(logdir / "values")
    empty = _begun(logdir / "empty", 20, "loss")
    empty.close()
    one = _begun(logdir / "one", 21, "loss")
    one.add(0, EpochEnded(metrics={"loss": 0.5}))
    one.close()
    _write_order(logdir / "order")


def _begun(run_dir: Path, number: int, monitor: str, parent: str = "") -> SessionLog:
    log = SessionLog(run_dir, f"{number:016x}", START + 1_000 * number)
    started = SessionStarted(parent=parent, monitor=monitor, callbacks=(monitor,), host=monitor)
    log.add(0, started)
    return log


def _saved(run_dir: Path, number: int, name: str, metrics: dict[str, float]) -> CheckpointSaved:
    data = f"weights {number}".encode()
    path = f"checkpoints/{name}.weights.h5"
    file = run_dir / path
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(data)
    return CheckpointSaved(
        id=f"{number:016x}",
        path=path,
        size_bytes=len(data),
        digest=digest_bytes(data),
        metrics=metrics,
        callback=name,
        monitor=name,
    )


def _write_named(run_dir: Path, number: int, name: str) -> None:
    metrics = {name: 0.5}
    log = _begun(run_dir, number + 1, name)
    saved = _saved(run_dir, number, name[:200].replace("/", "-"), metrics)
    noted = CheckpointAnnotated(id=saved.id, note=f"note {name}", tags=(f"tag {name}"[:60],))
    message = f"message {name}"
    log.add(0, EpochEnded(metrics=metrics), Notice(code=name, message=message, hint=name))
    log.add(0, saved, noted)
    log.add(0, SessionEnded(reason=EndReason.FAILED, message=name, callback=name))
    log.close()


def _write_values(run_dir: Path) -> None:
    log = _begun(run_dir, 10, "loss")
    for epoch, value in enumerate(VALUES):
        metrics = {"loss": value, "learning_rate": abs(value)}
        saved = _saved(run_dir, 100 + epoch, f"epoch-{epoch}", metrics)
        log.add(epoch, EpochEnded(metrics=metrics, duration_seconds=value), saved)
    log.close()


def _write_order(run_dir: Path) -> None:
    for number, epochs in ((30, (3, 4, 2, 2, 9, 0)), (31, (1, 0))):
        log = _begun(run_dir, number, "loss", parent=f"{30:016x}" if number == 31 else "")
        for place, epoch in enumerate(epochs):
            metrics = {"loss": 1 / (place + 1)}
            saved = _saved(run_dir, 1_000 * number + place, f"{number}-{place}", metrics)
            log.add(epoch, EpochEnded(metrics=metrics), saved)
        log.close()
