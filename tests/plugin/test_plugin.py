"""The routes, asked without a TensorBoard around them."""

from __future__ import annotations

import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from urllib.parse import urlencode

import pytest
from werkzeug.test import Client

from epochline.events import SessionStarted
from tensorboard_plugin_epochline import plugin
from tests.plugin.provider import Provider

RUNS = ["a", "b", "c"]


@pytest.fixture
def routes(tmp_path: Path) -> dict[str, Any]:
    """The routes of a plugin that shows three runs."""
    provider = Provider()
    provider.runs = [SimpleNamespace(run_name=f"{run}/timeline", start_time=1.0) for run in RUNS]
    for run in RUNS:
        provider.record(0, SessionStarted(), run=f"{run}/timeline")
    context: Any = SimpleNamespace(
        logdir=str(tmp_path), flags=SimpleNamespace(), multiplexer=None, data_provider=provider
    )
    return plugin.EpochlinePlugin(context).get_plugin_apps()


@pytest.mark.parametrize(("seconds", "answers"), [(60.0, 1), (0.0, 3)])
def test_runs_that_take_long_are_told_piece_by_piece(
    routes: dict[str, Any], monkeypatch: pytest.MonkeyPatch, seconds: float, answers: int
) -> None:
    """Each answer has at least one run; asking on for what is pending brings them all, in order."""
    monkeypatch.setattr(plugin, "PIECE_SECONDS", seconds)
    client = Client(routes["/timelines"])
    told: list[str] = []
    asked = 0
    pending = RUNS
    while pending:
        reply = client.get("/?" + urlencode([("run", run) for run in pending]))
        answer = json.loads(reply.get_data())
        told += [outline["run"] for outline in answer["timelines"]]
        pending = answer["pending"]
        asked += 1

    assert told == RUNS
    assert asked == answers


def test_run_that_cannot_be_told_of_is_not_pending(
    routes: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Who asks on until nothing is pending comes to an end."""
    monkeypatch.setattr(plugin, "PIECE_SECONDS", 0.0)

    answer = json.loads(Client(routes["/timelines"]).get("/?run=nope&run=a").get_data())

    assert [failure["run"] for failure in answer["failures"]] == ["nope"]
    assert answer["pending"] == ["a"]
