"""The reading routes of the plugin in a real TensorBoard, in each of its variants."""

from __future__ import annotations

import gzip
import shutil
from pathlib import Path
from typing import Any

import pytest

from epochline.cli import main
from epochline.restore.mailbox import Mailbox
from tests.end_to_end import sample_logs
from tests.end_to_end.golden import assert_golden
from tests.end_to_end.tensorboard import TensorBoard


def _only_sample_runs(tensorboard: TensorBoard, answer: Any) -> Any:
    """Returns an answer as it is without the runs that other tests added."""
    known = ", ".join(map(repr, sample_logs.RUNS))
    for failure in answer.get("failures", []):
        message, _, _ = failure["error"]["message"].partition(" Runs: ")
        failure["error"]["message"] = f"{message} Runs: {known}."
    if "runs" in answer:
        answer["runs"] = [run for run in answer["runs"] if run["run"] in sample_logs.RUNS]
        listed = tensorboard.request("GET", "data/runs").json
        samples = [run for run in listed if run.partition("/")[0] in sample_logs.RUNS]
        for run in answer["runs"]:
            run["color_index"] = samples.index(listed[run["color_index"]])
    if answer.get("outcome") == "nobody":
        answer["wall_time"] = 0.0  # it was answered just now
    return answer


@pytest.mark.parametrize(
    ("name", "route", "parameters"),
    [
        ("runs", "runs", {}),
        ("timeline", "timeline", {"run": "pima"}),
        ("timelines", "timelines?run=pima&run=pima-decay&run=pyma", {}),
        ("checkpoint", "checkpoint", {"run": "pima", "id": sample_logs.BEST_ID, "verify": "1"}),
        ("why", "why", {"run": "pima"}),
        ("weights", "weights", {"run": "pima", "id": sample_logs.BEST_ID}),
        (
            "what_if",
            "whatif",
            {"run": "pima", "patience": "2", "factor": "0.1", "last": "2", "gpus": "4"},
        ),
        ("plan", "plan", {"run": "pima", "ids": "c0ffee0000000002,c0ffee0000000013"}),
        ("mean", "mean", {"run": "pima", "ids": f"{sample_logs.BEST_ID},c0ffee0000000013"}),
        ("diff", "diff", {"run": "pima", "a": "c0ffee0000000009", "b": sample_logs.BEST_ID}),
        ("scalar_tags", "scalars", {"run": "pima"}),
        ("scalars", "scalars", {"run": "pima", "tag": "train/epoch_loss"}),
        ("error", "checkpoint", {"run": "pima", "id": "badc0ffee"}),
        ("restore", "restore", {"run": "pima", "id": sample_logs.BEST_ID, "to": "file"}),
        ("live_state", "live_state", {"run": "pima"}),
        ("live", "live", sample_logs.LIVE_REQUEST),
        ("live_answer", "live_answer", {"run": "pima", "request": sample_logs.LIVE_ANSWER.id}),
    ],
)
def test_answer_is_the_golden_one(
    tensorboard: TensorBoard, name: str, route: str, parameters: dict[str, Any]
) -> None:
    """Every variant gives the answers in `tests/data/http`, which the frontend's tests read."""
    Mailbox(tensorboard.logdir / "pima").answer(sample_logs.LIVE_ANSWER)
    # Tests share a TensorBoard: another may have made the copy that this one asks for.
    shutil.rmtree(tensorboard.logdir / "pima" / "restored", ignore_errors=True)
    if route in ("restore", "live"):
        reply = tensorboard.post(route, parameters)
    else:
        reply = tensorboard.get(route, **parameters)

    assert reply.status == (404 if name == "error" else 200)
    assert_golden(name, _only_sample_runs(tensorboard, reply.json), tensorboard.logdir)


@pytest.mark.parametrize("run", ["pima", "pima-decay"])
def test_report_is_the_file_of_the_command_line(
    tensorboard: TensorBoard, tmp_path: Path, run: str
) -> None:
    """The same bytes from both, as an attachment that no browser shows as a page of TensorBoard."""
    written = tmp_path / "report.html"
    assert main(["export", str(tensorboard.logdir / run), "--html", str(written)]) == 0
    reply = tensorboard.request("GET", f"data/plugin/epochline/report?run={run}")

    assert reply.body.decode() == written.read_text("utf-8")
    assert reply.headers["content-type"].startswith("text/html")
    assert reply.headers["content-disposition"].startswith("attachment")


def test_no_record_is_missing(tensorboard: TensorBoard) -> None:
    """With no flag, 2,500 records of a session survive, and those a later one trained again."""
    timeline = tensorboard.get("timeline", run="long").json

    count = sample_logs.LONG_RECORDS
    resumed = sample_logs.RESUMED_RECORDS
    codes = [notice["code"] for notice in timeline["notices"]]
    assert timeline["gaps"] == []
    assert len(timeline["history"]["epoch"]) == (count + resumed) // 4
    assert codes == [
        f"n{number}" for total in (count, resumed) for number in range(total) if number % 4
    ]
    assert timeline["history"]["epoch"][count // 4 :] == list(range(100, 100 + resumed // 4))


def test_outline_is_the_timeline_without_what_is_not_drawn(tensorboard: TensorBoard) -> None:
    """What `timelines` has of a run is what `timeline` has of it; a run given twice comes once."""
    timeline = tensorboard.get("timeline", run="pima").json
    answer = tensorboard.get("timelines?run=pima&run=pima").json

    (outline,) = answer["timelines"]
    decisions = timeline["decisions"]
    acted = [number for number, did in enumerate(decisions["acted"]) if did]
    assert 0 < len(acted) < len(decisions["acted"])
    assert outline.pop("decisions") == {
        name: [column[number] for number in acted]
        for name, column in decisions.items()
        if name != "batch"
    }
    for table, left_out in (("history", "duration_seconds"), ("checkpoints", "digest")):
        full = timeline[table]
        assert outline.pop(table) == {
            name: column for name, column in full.items() if name not in ("batch", left_out)
        }
    assert outline == {name: timeline[name] for name in outline}


def test_gap_is_told(tensorboard: TensorBoard) -> None:
    """Records that are missing are shown as a gap, with their numbers."""
    (gap,) = tensorboard.get("timeline", run="pima").json["gaps"]

    assert (gap["session"], gap["first_seq"], gap["last_seq"]) == (0, 13, 14)


@pytest.mark.parametrize(
    ("route", "status", "code", "named"),
    [
        ("timeline", 400, "bad_request", "'run' is missing"),
        ("timeline?run=pima&run=pima", 400, "bad_request", "'run' is given 2 times"),
        ("timelines", 400, "bad_request", "'run' is missing"),
        ("timeline?run=pyma", 404, "not_found", "'pima', 'pima-decay'"),
        ("timeline?run=../pima", 404, "not_found", "'../pima'"),
        ("timeline?run=plain", 404, "not_found", "no Epochline data"),
        ("timeline?run=%ff%00", 404, "not_found", "There is no run"),
        ("checkpoint?run=pima", 400, "bad_request", "'id' is missing"),
        ("checkpoint?run=pima&id=", 404, "not_found", "No checkpoint for id ''"),
        ("checkpoint?run=pima&id=ffff", 404, "not_found", "epoch=1, 4, 7"),
        ("checkpoint?run=pima&id=c0ff", 404, "not_found", "ids begin so"),
        ("checkpoint?run=pima&id=c0&verify=yes", 400, "bad_request", "must be 0 or 1"),
        ("report", 400, "bad_request", "'run' is missing"),
        ("report?run=pyma", 404, "not_found", "'pima', 'pima-decay'"),
        ("whatif", 400, "bad_request", "'run' is missing"),
        ("whatif?run=pima&patience=-1", 400, "bad_request", "patience is -1"),
        ("whatif?run=pima&patience=1.5", 400, "bad_request", "must be a whole number"),
        ("whatif?run=pima&patience=1e300", 400, "bad_request", "must be a whole number"),
        ("whatif?run=pima&patience=nan", 400, "bad_request", "must be a whole number"),
        ("whatif?run=pima&min_delta=few", 400, "bad_request", "must be a number"),
        ("whatif?run=pima&min_delta=nan", 400, "bad_request", "min_delta is nan"),
        ("whatif?run=pima&monitor=<b>", 400, "bad_request", "no metric '<b>'"),
        ("whatif?run=pima&mode=up", 400, "bad_request", "mode is 'up'"),
        ("whatif?run=pima&factor=2", 400, "bad_request", "factor is 2.0"),
        ("whatif?run=pima&best=1&metric=nope", 400, "bad_request", "no metric 'nope'"),
        ("whatif?run=pima&gpus=0", 400, "bad_request", "gpus is 0"),
        ("whatif?run=pima&patience=1&patience=2", 400, "bad_request", "given 2 times"),
        ("diff?run=pima&a=c0ffee0000000012", 400, "bad_request", "'b' is missing"),
        ("diff?run=pima&a=c0ffee0000000012&b=ffff", 404, "not_found", "epoch=1, 4, 7"),
        ("diff?run=pima&a=c0ffee0000000012&b=c0ffee0000000005", 409, "conflict", "epoch 5"),
        ("weights?run=pima&id=c0ffee0000000005", 409, "conflict", "epoch 5"),
        ("scalars?run=pima&tag=train/nope", 404, "not_found", "train/epoch_loss"),
        ("scalars?run=pyma", 404, "not_found", "'pima'"),
        ("nothing/here", 404, "not_found", "nothing/here"),
        ("static/..%2f..%2fplugin.py", 404, "not_found", "nothing at"),
        ("restore", 405, "method_not_allowed", "GET is not for this route"),
    ],
)
def test_mistake_is_answered_in_words(
    tensorboard: TensorBoard, route: str, status: int, code: str, named: str
) -> None:
    """Whatever is wrong with a request is said in the one documented form."""
    reply = tensorboard.get(route)

    error = reply.json["error"]
    assert (reply.status, error["code"]) == (status, code)
    assert named in error["message"]
    assert error.keys() == {"code", "message", "hint"}


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "OPTIONS", "PATCH", "TRACE"])
def test_reading_route_takes_no_other_method(tensorboard: TensorBoard, method: str) -> None:
    """Only GET and HEAD read; TensorBoard itself passes every method on."""
    reply = tensorboard.request(method, "data/plugin/epochline/runs")

    assert reply.status == 405
    assert reply.headers["allow"] == "GET, HEAD"


@pytest.mark.parametrize(
    "route",
    [
        "runs",
        "timeline?run=pima",
        "scalars?run=pima",
        "checkpoint?run=pima&id=c0ffee0000000012",
        "diff?run=pima&a=c0ffee0000000009&b=c0ffee0000000012",
    ],
)
def test_unchanged_answer_is_not_sent_again(tensorboard: TensorBoard, route: str) -> None:
    """A client that has the current answer gets 304, by ETag and, for `timeline`, by `since`."""
    path = f"data/plugin/epochline/{route}"
    first = tensorboard.request("GET", path)
    again = tensorboard.request("GET", path, headers={"If-None-Match": first.headers["etag"]})
    other = tensorboard.request("GET", path, headers={"If-None-Match": 'W/"other"'})

    assert (first.status, again.status, again.body) == (200, 304, b"")
    assert other.json == first.json
    if "timeline" in route:
        revision = first.json["revision"]
        assert tensorboard.request("GET", f"{path}&since={revision}").status == 304
        assert tensorboard.request("GET", f"{path}&since=old").status == 200


def test_answer_is_compressed_for_who_can_read_it(tensorboard: TensorBoard) -> None:
    """With and without compression the content is the same, and HEAD has none."""
    path = "data/plugin/epochline/timeline?run=long"
    plain = tensorboard.request("GET", path)
    packed = tensorboard.request("GET", path, headers={"Accept-Encoding": "gzip"})
    head = tensorboard.request("HEAD", path)

    assert packed.headers["content-encoding"] == "gzip"
    assert gzip.decompress(packed.body) == plain.body
    assert (head.status, head.body) == (200, b"")


@pytest.mark.parametrize("route", ["runs", "index.js", "nothing", "timeline"])
def test_every_answer_has_the_safe_headers(tensorboard: TensorBoard, route: str) -> None:
    """No answer is guessed at by the browser, or kept without asking."""
    reply = tensorboard.get(route)

    assert reply.headers["x-content-type-options"] == "nosniff"
    assert "no-cache" in reply.headers["cache-control"]
    expected = "text/javascript" if route == "index.js" else "application/json"
    assert reply.headers["content-type"].startswith(expected)


def test_tab_is_there_when_there_is_data(tensorboard: TensorBoard) -> None:
    """TensorBoard lists the panel as active by itself, and serves the module it imports."""
    listing = tensorboard.request("GET", "data/plugins_listing").json["epochline"]

    assert listing["enabled"] is True
    assert listing["tab_name"] == "Checkpoints"
    assert listing["disable_reload"] is False
    entry = listing["loading_mechanism"]["module_path"]
    reply = tensorboard.request("GET", entry.lstrip("/") if entry[0] != "/" else entry)
    assert b"render" in reply.body
