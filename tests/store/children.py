"""Children to be killed: a server that forks one in about a millisecond, and what they do.

`Children` starts `python -m tests.store.children` once; each job is a fork of it, with everything
imported.
"""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from epochline.store import CheckpointStore, PendingFile, RunLock, digest_bytes
from tests.store.faults import Faults, Watch, kill
from tests.store.scenarios import SCENARIOS

KEEP = 3
_ROOT = Path(__file__).parents[2]
_POOL_SIZE = 8
_random = random.Random(0)  # noqa: S311 - repeatable bytes, no secrets
_POOL = [_random.randbytes(_random.randint(1_000_000, 5_000_000)) for _ in range(_POOL_SIZE)]


def payload(index: int) -> tuple[bytes, bytes]:
    """Return the bytes of checkpoint number `index`, as two pieces; all differ."""
    return f"{index:020d}".encode(), _POOL[index % _POOL_SIZE]


def payload_digest(index: int) -> str:
    """Return the digest of those bytes."""
    return digest_bytes(b"".join(payload(index)))


class Listing:
    """What was saved and deleted: one JSON line each, appended after the fact, as events are."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.last_index = 0
        self.last: str | None = None
        self.kept: dict[str, tuple[int, str]] = {}
        lines = path.read_text().splitlines() if path.exists() else []
        for line in lines:
            self._take(json.loads(line))

    def _take(self, entry: dict[str, Any]) -> None:
        if entry["what"] == "saved":
            self.last_index = entry["index"]
            self.kept[entry["name"]] = (entry["size"], entry["digest"])
        elif entry["what"] == "last":
            self.last = entry["digest"]
        else:
            del self.kept[entry["name"]]

    def append(self, **entry: Any) -> None:
        """Record something that has happened."""
        self._take(entry)
        descriptor = os.open(self.path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o666)
        os.write(descriptor, json.dumps(entry).encode() + b"\n")
        os.close(descriptor)


def keep_saving(directory: str) -> None:
    """Save, list, overwrite, list, rotate, list, until killed."""
    store = CheckpointStore(Path(directory))
    listing = Listing(Path(directory) / "listing")
    store.remove_leftovers()
    while True:
        index = listing.last_index + 1
        saved = store.save(store.free_name(f"epoch-{index:06d}", ".weights.h5"), payload(index))
        listing.append(
            what="saved",
            index=index,
            name=saved.path.name,
            size=saved.size_bytes,
            digest=saved.digest,
        )
        last = store.save("last.weights.h5", payload(index), replace=True)
        listing.append(what="last", digest=last.digest)
        while len(listing.kept) > KEEP:
            name, (size, digest) = next(iter(listing.kept.items()))
            store.delete(name, size_bytes=size, digest=digest)
            listing.append(what="deleted", name=name)


def be_killed(directory: str, scenario: str, at: int) -> None:
    """Die before the operation number `at` of a scenario; return when it has fewer."""
    with Faults(at, kill):
        SCENARIOS[scenario].act(Path(directory))


def be_watched(directory: str, scenario: str, answer: str) -> None:
    """Go through a scenario and write down what went past the shim."""
    with Watch(Path(directory)) as watch:
        SCENARIOS[scenario].act(Path(directory))
    noted = {"seen": watch.seen, "past": watch.past, "silent_writes": watch.silent_writes}
    Path(answer).write_text(json.dumps(noted))


def write_slowly(path: str) -> None:
    """Leave a file half written for as long as the process lives."""
    with PendingFile(path, replace=False) as pending:
        pending.write(b"half")
        time.sleep(60)


def hold_lock(path: str, *, with_child: bool = False) -> None:
    """Hold a run lock for as long as the process lives, perhaps with a worker that outlives it."""
    RunLock(Path(path)).acquire()
    if with_child and os.fork() == 0:
        Path(path).with_suffix(".child").write_text(str(os.getpid()))
    time.sleep(60)


JOBS: dict[str, Callable[..., None]] = {
    job.__name__: job for job in (keep_saving, be_killed, be_watched, write_slowly, hold_lock)
}


class Child:
    """A running job."""

    def __init__(self, server: Children, pid: int) -> None:
        self._server = server
        self.pid = pid

    def kill(self) -> int:
        """Kill it with SIGKILL and return its exit code."""
        os.kill(self.pid, signal.SIGKILL)
        return self.wait()

    def wait(self) -> int:
        """Return its exit code, negative for a signal."""
        return int(self._server.ask({"wait": self.pid}))


class Children:
    """The server; a context manager."""

    def __init__(self) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.store.children"],
            cwd=_ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def ask(self, request: dict[str, Any]) -> str:
        """Send one line, return the answer."""
        if self._process.stdin is None or self._process.stdout is None:
            raise RuntimeError("the server has no pipes")
        self._process.stdin.write(json.dumps(request) + "\n")
        self._process.stdin.flush()
        return self._process.stdout.readline()

    def start(self, job: Callable[..., None], **arguments: Any) -> Child:
        """Fork a child that does the job."""
        return Child(self, int(self.ask({"job": job.__name__, "arguments": arguments})))

    def close(self) -> None:
        """End the server."""
        self._process.communicate()


def _serve() -> None:
    for line in sys.stdin:
        request = json.loads(line)
        if "wait" in request:
            _, status = os.waitpid(request["wait"], 0)
            print(os.waitstatus_to_exitcode(status), flush=True)  # noqa: T201 - the answer
        elif (pid := os.fork()) == 0:
            signal.alarm(60)  # nobody is left to kill it when the tests are killed
            JOBS[request["job"]](**request["arguments"])
            os._exit(0)
        else:
            print(pid, flush=True)  # noqa: T201 - the answer


if __name__ == "__main__":
    _serve()
