"""The audit log of a run: what was asked of it, by whom, and what came of that.

One JSON object per line in `timeline/control/audit.jsonl`, appended with one write, by whoever asks
and by whoever acts. Nothing in it is needed by a program.

Invariant: lines are only ever added; what is no line of this form is left out when it is read.
"""

from __future__ import annotations

import io
import json
import os
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any, Final

from epochline.events import Outcome
from epochline.reader import CONTROL_DIR, TIMELINE_DIR
from epochline.restore.requests import Answer, Request
from epochline.store.files import make_directories, open_regular

__all__ = ["ASKED", "AuditLine", "append_audit", "audit_path", "line_of", "read_audit"]

ASKED: Final = "asked"
"""Outcome of a request that was put where a training looks."""

_FLAGS: Final = os.O_WRONLY | os.O_APPEND | os.O_CREAT | getattr(os, "O_NOFOLLOW", 0)
_MOST_BYTES: Final = 16 << 20


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditLine:
    """One entry.

    Attributes:
        time: When, in seconds since the Unix epoch.
        action: What was asked for: `copy` (to a file), or an action of a running
            training.
        run: Name of the run.
        id: Id of the checkpoint in question; empty for none.
        outcome: What came of it: `asked`, `created`, `found`, an outcome of a request, or the code
            of an error of the HTTP API, such as `forbidden`.
        refused: Whether nothing was done because it may not be.
        request: Id of the request to a running training; empty for none.
        by: User who asked.
        source: From where: `panel`, `cli`, `python`.
        host: From which machine.
        message: The outcome in words.
    """

    time: float
    action: str
    run: str
    id: str
    outcome: str
    refused: bool = False
    request: str = ""
    by: str = ""
    source: str = ""
    host: str = ""
    message: str = ""


def line_of(run_dir: Path, request: Request, answer: Answer | None = None) -> AuditLine:
    """Returns the entry for a request that was made, or with its answer."""
    return AuditLine(
        time=time.time(),
        action=request.action,
        run=run_dir.absolute().name,
        id=(answer.checkpoint if answer is not None else "") or request.checkpoint,
        outcome=str(answer.outcome) if answer is not None else ASKED,
        refused=answer is not None and answer.outcome is Outcome.REFUSED,
        request=request.id,
        by=request.by,
        source=request.source,
        host=request.host,
        message=answer.message if answer is not None else "",
    )


def audit_path(run_dir: str | os.PathLike[str]) -> Path:
    """Returns where the log of a run lies."""
    return Path(run_dir, TIMELINE_DIR, CONTROL_DIR, "audit.jsonl")


def append_audit(run_dir: str | os.PathLike[str], line: AuditLine) -> None:
    """Adds an entry.

    Raises:
        OSError: If it cannot be written.
    """
    path = audit_path(run_dir)
    make_directories(path.parent)
    descriptor = os.open(path, _FLAGS, 0o666)
    try:
        os.write(descriptor, json.dumps(asdict(line)).encode() + b"\n")
    finally:
        os.close(descriptor)


def read_audit(run_dir: str | os.PathLike[str]) -> list[AuditLine]:
    """Returns the entries, oldest first; of a log beyond 16 MiB the end.

    Raises:
        OSError: If it cannot be read.
    """
    try:
        descriptor = open_regular(audit_path(run_dir), beneath=Path(run_dir))
    except FileNotFoundError:
        return []
    with io.FileIO(descriptor) as file:
        size = os.fstat(descriptor).st_size
        file.seek(max(0, size - _MOST_BYTES))
        data = file.read(_MOST_BYTES) or b""
    lines = (_parsed(line) for line in data.splitlines())
    return [line for line in lines if line is not None]


_KINDS: Final[dict[str, Callable[[Any], Any]]] = {
    **{spec.name: str for spec in fields(AuditLine)},
    "time": float,
    "refused": bool,
}


def _parsed(line: bytes) -> AuditLine | None:
    try:
        values: dict[str, Any] = json.loads(line)
        return AuditLine(
            **{name: _KINDS[name](value) for name, value in values.items() if name in _KINDS}
        )
    except (ArithmeticError, AttributeError, TypeError, ValueError, RecursionError):
        return None
