"""A real TensorBoard in a process of its own, and what it answers.

Knows how to start one and talk to it; nothing of what it shows.
"""

from __future__ import annotations

import contextlib
import functools
import http.client
import json
import os
import re
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlencode, urlsplit

import pytest

__all__ = ["Reply", "TensorBoard", "Variant", "start", "stop", "variants"]

START_SECONDS = 120.0
LOADED_SECONDS = 120.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    """What a server answered."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        """The body as JSON."""
        return json.loads(self.body)


@dataclass(frozen=True, slots=True, kw_only=True)
class TensorBoard:
    """A TensorBoard that serves.

    Attributes:
        url: Where, with a slash at the end.
        logdir: What it shows.
        loader: `rust` or `python`.
        log: File with all that it printed.
    """

    url: str
    logdir: Path
    loader: str
    log: Path

    def request(
        self,
        method: str,
        path: str,
        body: bytes | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> Reply:
        """Sends one request.

        Args:
            method: HTTP method.
            path: Below `url`; absolute when it begins with a slash.
            body: The body.
            headers: Sent as they are.
        """
        parts = urlsplit(self.url)
        connection = http.client.HTTPConnection(parts.hostname or "", parts.port, timeout=30)
        with contextlib.closing(connection):
            target = path if path.startswith("/") else parts.path + path
            connection.request(method, target, body, dict(headers or {}))
            answer = connection.getresponse()
            lower = {name.lower(): value for name, value in answer.getheaders()}
            return Reply(status=answer.status, headers=lower, body=answer.read())

    def get(self, route: str, **parameters: str) -> Reply:
        """Asks a route of the plugin."""
        query = f"?{urlencode(parameters)}" if parameters else ""
        return self.request("GET", f"data/plugin/epochline/{route}{query}")

    def post(self, route: str, value: object, **headers: str) -> Reply:
        """Posts to a route of the plugin as the panel does; `headers` (with `_`) replace or add."""
        own = {"Content-Type": "application/json", "X-XSRF-Protected": "1"}
        own |= {"Sec-Fetch-Site": "same-origin"}
        own |= {name.replace("_", "-"): text for name, text in headers.items()}
        path = f"data/plugin/epochline/{route}"
        return self.request("POST", path, json.dumps(value).encode(), own)

    def wait_until_loaded(self, check: Callable[[TensorBoard], bool]) -> None:
        """Waits until TensorBoard has read what `check` looks for."""
        end = time.monotonic() + LOADED_SECONDS
        while not check(self):
            assert time.monotonic() < end, f"not loaded after {LOADED_SECONDS} s:\n{self.output()}"
            time.sleep(0.2)

    def wait_for_checkpoints(self, run: str, count: int) -> None:
        """Waits until TensorBoard has read so many checkpoints of a run."""
        self.wait_until_loaded(
            lambda server: (
                (reply := server.get("timeline", run=run)).status == 200
                and len(reply.json["checkpoints"]["id"]) == count
            )
        )

    def output(self) -> str:
        """Returns what it printed."""
        return self.log.read_text("utf-8", "replace")


@dataclass(frozen=True, slots=True, kw_only=True)
class Variant:
    """A way of running TensorBoard in which everything must work.

    Attributes:
        loader: `rust` or `python`.
        python: Interpreter of the environment.
        args: Further flags.
    """

    loader: str
    python: str
    args: tuple[str, ...]

    def __str__(self) -> str:
        """Its name in the names of tests."""
        return self.loader if self.python == sys.executable else f"{self.loader}-plain"


@functools.cache  # pytest keeps a server for as long as its parameter is the same object
def variants() -> list[Variant]:
    """Returns what this machine has: both loaders, and an environment without TensorFlow.

    The Rust loader is not made for all machines. `EPOCHLINE_PLAIN_PYTHON` names the interpreter of
    the other environment.
    """
    import tensorboard_data_server

    prefix = ("--path_prefix=/some/prefix",)
    found = [Variant(loader="python", python=sys.executable, args=prefix)]
    if tensorboard_data_server.server_binary():
        found.append(Variant(loader="rust", python=sys.executable, args=()))
    if plain := os.environ.get("EPOCHLINE_PLAIN_PYTHON"):
        found.append(Variant(loader="python", python=plain, args=()))
    return found


def start(
    logdir: Path, log: Path, *args: str, loader: str, env: Mapping[str, str], python: str
) -> tuple[subprocess.Popen[bytes], TensorBoard]:
    """Starts TensorBoard on a free loopback port and returns when it serves.

    `--host` may be among the flags, as long as it is another spelling of loopback.

    Args:
        logdir: What it shows.
        log: Where its output goes.
        args: Further flags.
        loader: `rust` or `python`.
        env: Further environment variables.
        python: Interpreter of the environment to run in.
    """
    command = [python, "-m", "tensorboard.main", f"--logdir={logdir}", "--port=0"]
    command += ["--host=127.0.0.1", "--reload_interval=1"]
    command += [f"--load_fast={'true' if loader == 'rust' else 'false'}", *args]
    quiet = {"TF_CPP_MIN_LOG_LEVEL": "3", "CUDA_VISIBLE_DEVICES": "-1"}
    with log.open("wb") as output:
        process = subprocess.Popen(
            command, stdout=output, stderr=output, env={**os.environ, **quiet, **env}
        )
    try:
        url = _url(process, log)
    except BaseException:
        stop(process)
        raise
    return process, TensorBoard(url=url, logdir=logdir, loader=loader, log=log)


def stop(process: subprocess.Popen[bytes]) -> None:
    """Ends a TensorBoard, and with it its data server."""
    process.terminate()
    try:
        process.wait(10)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def _url(process: subprocess.Popen[bytes], log: Path) -> str:
    end = time.monotonic() + START_SECONDS
    while time.monotonic() < end:
        text = log.read_text("utf-8", "replace")
        if match := re.search(r"at (http://127\.[\d.]+:\d+/\S*) \(Press", text):
            return match[1].rstrip("/") + "/"
        assert process.poll() is None, f"TensorBoard ended with {process.returncode}:\n{text}"
        time.sleep(0.1)
    pytest.fail(f"TensorBoard did not serve after {START_SECONDS} s:\n{log.read_text()}")
