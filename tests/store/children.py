"""Children to be killed: a server that forks one in about a millisecond, and what they do.

`Children` starts `python -m tests.store.children` once; each job is a fork of it, with everything
imported.
"""

from __future__ import annotations

import itertools
import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

from epochline.store import PendingFile, RunLock
from tests.store.faults import Faults, Watch, kill
from tests.store.life import Life, weights
from tests.store.scenarios import SCENARIOS

FLOATS: Final = 20_000
_ROOT: Final = Path(__file__).parents[2]


def live(directory: str, phase: str, skip: int, seconds: float) -> None:
    """Live, and be killed so long after a phase has begun for the time number `skip`."""
    left = iter(range(skip + 1))

    def enter(name: str) -> None:
        if name == phase and next(left, None) == skip:
            # A thread can do that also while the kernel writes or syncs.
            threading.Timer(seconds, os.kill, (os.getpid(), signal.SIGKILL)).start()

    life = Life(Path(directory), floats=FLOATS, phase=enter)
    for number in itertools.count(life.begin()):
        life.turn(number)


def live_a_turn(directory: str, at: int) -> None:
    """Begin and live for one turn, and die before the operation number `at`, if there is one."""
    with Faults(at, kill):
        life = Life(Path(directory), floats=FLOATS)
        life.turn(life.begin())
        life.end()


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


JOBS: Final[dict[str, Callable[..., None]]] = {
    job.__name__: job for job in (live, live_a_turn, be_killed, be_watched, write_slowly, hold_lock)
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
    weights(FLOATS)  # for all children
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
