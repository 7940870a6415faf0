"""The golden answers of the routes, `tests/data/http/*.json`, which the frontend's tests read, too.

After a change of the interface on purpose: run `EPOCHLINE_UPDATE_GOLDEN=1 pytest -k golden` on
`tests/end_to_end/test_tensorboard_routes.py` and `test_tensorboard_actions.py`, look at the
difference, and run the frontend's tests.
"""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

__all__ = ["assert_golden"]

_GOLDEN = Path(__file__).parents[1] / "data" / "http"
_UPDATE = os.environ.get("EPOCHLINE_UPDATE_GOLDEN") == "1"


def assert_golden(name: str, answer: Any, logdir: Path) -> None:
    """Compares an answer with the golden one.

    Args:
        name: Of the golden file, without its ending.
        answer: What a route answered.
        logdir: The log directory, which differs from one machine to the next.
    """
    settled = _settled(answer, str(logdir))
    path = _GOLDEN / f"{name}.json"
    if _UPDATE:
        text = json.dumps(settled, indent=2, ensure_ascii=False)
        path.write_text(text + "\n", encoding="utf-8")
    assert settled == json.loads(path.read_text(encoding="utf-8"))


def _settled(value: Any, logdir: str) -> Any:
    """Returns an answer without what differs from one machine to the next."""
    if isinstance(value, dict):
        return {
            key: f"revision of {value['run']}" if key == "revision" else _settled(item, logdir)
            for key, item in value.items()
        }
    if isinstance(value, list):
        return [_settled(item, logdir) for item in value]
    return value.replace(logdir, "/logs") if isinstance(value, str) else value
