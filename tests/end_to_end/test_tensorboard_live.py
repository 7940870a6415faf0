"""A real TensorBoard while things happen: a training goes on, files vanish, restores are asked for.

Every test has a run of its own.
"""

from __future__ import annotations

import json
import random
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from epochline.events import CheckpointSaved, EndReason, EpochEnded, SessionEnded, SessionStarted
from epochline.session import lock_path
from epochline.store import RunLock, digest_bytes
from tests.end_to_end.sample_logs import LIVE_REQUEST, SessionLog
from tests.end_to_end.tensorboard import Reply, TensorBoard

START = 1_770_000_000.0
ID = "feed000000000001"
DATA = b"weights" * 1000


@pytest.fixture
def run(tensorboard: TensorBoard, request: pytest.FixtureRequest) -> str:
    """Name of a run that TensorBoard has loaded, with one checkpoint and an open session."""
    name = f"live/{request.node.originalname}"
    _write(tensorboard.logdir / name, "checkpoints/one.weights.h5")
    tensorboard.wait_until_loaded(lambda server: server.get("timeline", run=name).status == 200)
    return name


def _write(run_dir: Path, path: str) -> SessionLog:
    file = run_dir / path
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(DATA)
    log = SessionLog(run_dir, digest_bytes(run_dir.name.encode())[-16:], START)
    log.add(0, SessionStarted(planned_epochs=5))
    log.add(0, EpochEnded(metrics={"loss": 0.5}))
    log.add(0, _saved(path))
    return log


def _saved(path: str) -> CheckpointSaved:
    return CheckpointSaved(id=ID, path=path, size_bytes=len(DATA), digest=digest_bytes(DATA))


def _status(tensorboard: TensorBoard, run: str) -> str:
    (status,) = tensorboard.get("timeline", run=run).json["checkpoints"]["status"]
    return str(status)


def _restore(tensorboard: TensorBoard, run: str, **headers: str) -> Reply:
    return tensorboard.post("restore", {"run": run, "id": ID, "to": "file"}, **headers)


def _audit(tensorboard: TensorBoard, run: str) -> list[dict[str, Any]]:
    path = lock_path(tensorboard.logdir / run).with_name("audit.jsonl")
    return [json.loads(line) for line in path.read_text().splitlines()]


def test_running_training_is_followed(tensorboard: TensorBoard) -> None:
    """New records come up without a restart, each time under a new revision."""
    run = "live/followed"
    log = _write(tensorboard.logdir / run, "checkpoints/one.weights.h5")
    tensorboard.wait_until_loaded(lambda server: server.get("timeline", run=run).status == 200)
    revisions = {tensorboard.get("timeline", run=run).json["revision"]}

    for epoch in (1, 2, 3):
        log.add(epoch, EpochEnded(metrics={"loss": 0.1}))
        tensorboard.wait_until_loaded(
            lambda server, wanted=epoch + 1: (  # type: ignore[misc]
                len(server.get("timeline", run=run).json["history"]["epoch"]) == wanted
            )
        )
        timeline = tensorboard.get("timeline", run=run).json
        (listed,) = (r for r in tensorboard.get("runs").json["runs"] if r["run"] == run)
        assert listed["revision"] == timeline["revision"]
        revisions.add(timeline["revision"])
    log.add(3, SessionEnded(reason=EndReason.COMPLETED))
    tensorboard.wait_until_loaded(
        lambda server: server.get("timeline", run=run).json["state"] == "ended"
    )

    assert len(revisions) == 4


def test_file_that_vanishes_is_told_without_an_event(tensorboard: TensorBoard, run: str) -> None:
    """Deleting, truncating and bringing back a file changes status and revision."""
    file = tensorboard.logdir / run / "checkpoints" / "one.weights.h5"
    steps: list[tuple[Callable[[], object], str]] = [
        (file.touch, "saved"),
        (file.unlink, "missing"),
        (lambda: file.write_bytes(DATA[:10]), "corrupt"),
        (lambda: file.write_bytes(DATA), "saved"),
    ]
    revisions: list[str] = []
    for change, expected in steps:
        change()
        tensorboard.wait_until_loaded(
            lambda server, wanted=expected: _status(server, run) == wanted  # type: ignore[misc]
        )
        revisions.append(tensorboard.get("timeline", run=run).json["revision"])

    assert len(set(revisions)) == 3
    assert revisions[0] == revisions[3]


def test_state_follows_the_lock(tensorboard: TensorBoard, run: str) -> None:
    """A run is running while its writer holds the lock, and unknown once it died without a word."""
    with RunLock(lock_path(tensorboard.logdir / run)):
        running = tensorboard.get("timeline", run=run).json
    dead = tensorboard.get("timeline", run=run).json

    assert running["state"] == "running"
    assert running["sessions"][0]["message"] == "Training epoch 2 of 5."
    assert dead["state"] == "unknown"
    assert "killed" in dead["sessions"][0]["message"]
    assert running["revision"] != dead["revision"]


def test_restore_copies_the_file_once(tensorboard: TensorBoard, run: str) -> None:
    """The first restore makes a copy, the second finds it; both are in the audit log."""
    first, second = _restore(tensorboard, run), _restore(tensorboard, run)

    target = tensorboard.logdir / run / "restored" / f"one-{ID[:8]}.weights.h5"
    assert (first.status, second.status) == (200, 200)
    assert (first.json["created"], second.json["created"]) == (True, False)
    assert first.json["path"] == second.json["path"] == str(target)
    assert target.read_bytes() == DATA
    assert [line["outcome"] for line in _audit(tensorboard, run)] == ["created", "found"]


def test_concurrent_restores_make_one_copy(tensorboard: TensorBoard, run: str) -> None:
    """Of restores at the same time, one makes the copy and the others find it."""
    replies: list[Reply] = []
    threads = [
        threading.Thread(target=lambda: replies.append(_restore(tensorboard, run)))
        for _ in range(6)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert [reply.status for reply in replies] == [200] * 6
    assert sum(reply.json["created"] for reply in replies) == 1


def test_damaged_file_is_not_restored(tensorboard: TensorBoard, run: str) -> None:
    """One wrong bit is found by *Verify*, and refused by *Restore*."""
    file = tensorboard.logdir / run / "checkpoints" / "one.weights.h5"
    file.write_bytes(bytes([DATA[0] ^ 1]) + DATA[1:])

    detail = tensorboard.get("checkpoint", run=run, id=ID, verify="1").json
    reply = _restore(tensorboard, run)

    assert detail["verify"]["ok"] is False
    assert (reply.status, reply.json["error"]["code"]) == (409, "conflict")
    assert not any((tensorboard.logdir / run / "restored").iterdir())
    assert _audit(tensorboard, run)[0]["outcome"] == "conflict"


def test_refused_restore_is_noted(tensorboard: TensorBoard, run: str) -> None:
    """A request from another site is refused, does nothing, and is in the audit log."""
    reply = _restore(tensorboard, run, Sec_Fetch_Site="cross-site")

    assert (reply.status, reply.json["error"]["code"]) == (403, "forbidden")
    assert not (tensorboard.logdir / run / "restored").exists()
    (line,) = _audit(tensorboard, run)
    assert (line["outcome"], line["refused"], line["id"]) == ("forbidden", True, ID)


def test_unknown_checkpoint_is_not_found(tensorboard: TensorBoard, run: str) -> None:
    """A restore of what is not there says what is."""
    reply = tensorboard.post("restore", {"run": run, "id": "0" * 16, "to": "file"})

    assert (reply.status, reply.json["error"]["code"]) == (404, "not_found")
    assert "epoch=0" in reply.json["error"]["message"]
    (line,) = _audit(tensorboard, run)
    assert (line["action"], line["outcome"], line["id"]) == ("copy", "not_found", "0" * 16)


def test_request_that_says_nothing_is_noted(tensorboard: TensorBoard, run: str) -> None:
    """What is of the right form and makes no sense is refused, and in the audit log."""
    reply = tensorboard.post("live", LIVE_REQUEST | {"run": run, "action": "format" * 20})

    assert (reply.status, reply.json["error"]["code"]) == (400, "bad_request")
    (line,) = _audit(tensorboard, run)
    assert (line["action"], line["outcome"]) == (("format" * 20)[:40], "bad_request")


def test_hostile_requests_do_nothing(tensorboard: TensorBoard, run: str) -> None:
    """Of 250 malformed or foreign requests none acts, and none is a fault of ours."""
    chance = random.Random(20)  # noqa: S311 - repeatable, no secrets
    statuses = [_attack(tensorboard, run, chance) for _ in range(250)]

    assert all(400 <= status < 500 for status in statuses), sorted(set(statuses))
    assert not (tensorboard.logdir / run / "restored").exists()
    assert _restore(tensorboard, run).status == 200


def _attack(tensorboard: TensorBoard, run: str, chance: random.Random) -> int:
    """Sends a right request with at least one thing wrong; returns the status."""
    body: Any = {"run": run, "id": ID, "to": "file"}
    data = json.dumps(body).encode()
    headers = {"Content-Type": "application/json", "X-XSRF-Protected": "1"}
    method = "POST"
    wrong = chance.sample(range(8), chance.randint(1, 3))
    if 0 in wrong:
        method = chance.choice(["GET", "PUT", "DELETE", "OPTIONS", "PATCH", "TRACE", "BREW"])
    if 1 in wrong:
        headers["X-XSRF-Protected"] = chance.choice(["", "0", "true", "11"])
    if 2 in wrong:
        kinds = ["text/plain", "multipart/form-data", "application/x-www-form-urlencoded", ""]
        headers["Content-Type"] = chance.choice(kinds)
    if 3 in wrong:
        headers["Origin"] = chance.choice(
            ["null", "https://evil.example", "http://[::1", "file://"]
        )
    if 4 in wrong:
        headers["Sec-Fetch-Site"] = chance.choice(
            ["cross-site", "same-site", "none", "Same-Origin"]
        )
    if 5 in wrong:
        hosts = ["evil.example", "localhost.evil.example", "127.0.0.1.evil.example", "a@127.0.0.1"]
        headers["Host"] = chance.choice(hosts)
    if 6 in wrong:
        junk = [b"", b"[]", b"{", b"null", b"[" * 9999, b"\xff\xfe", data[:-1], data + data]
        twice = data[:-1] + b', "to": "file"}'
        extra = json.dumps(body | {"path": "/etc/passwd"}).encode()
        data = chance.choice([*junk, twice, extra, chance.randbytes(99), b'"' + b"a" * 70_000])
    if 7 in wrong:
        values = ["../..", "/etc/passwd", "\x00", "x" * 999, 7, None, [], {"a": 1}]
        data = json.dumps(body | {chance.choice(list(body)): chance.choice(values)}).encode()
    reply = tensorboard.request(method, "data/plugin/epochline/restore", data, headers)
    return reply.status
