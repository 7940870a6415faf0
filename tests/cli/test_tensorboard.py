"""TensorBoard as a child: it is up when the address is printed, and never outlives us."""

from __future__ import annotations

import re
import signal
import socket
import subprocess
import sys
import urllib.request
from pathlib import Path

import pytest

from epochline.cli.command import CommandError
from epochline.cli.tensorboard import choose_port, serve

SERVE = (
    "import sys; from pathlib import Path\n"
    "from epochline.cli.tensorboard import choose_port, serve\n"
    "sys.exit(serve(Path(sys.argv[1]), choose_port(None)))"
)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def test_serves_until_it_is_terminated(logs: Path) -> None:
    """A supervisor's SIGTERM ends both processes; what TensorBoard says is below the logs."""
    with subprocess.Popen(
        [sys.executable, "-c", SERVE, logs], stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        match = re.search(r"http://localhost:(\d+)/#epochline", process.stdout.readline())
        assert match
        with urllib.request.urlopen(f"http://127.0.0.1:{match[1]}/data/runs") as answer:
            assert answer.status == 200
        process.send_signal(signal.SIGTERM)
        assert process.wait(30) == 0
    with socket.socket() as probe:
        assert probe.connect_ex(("127.0.0.1", int(match[1]))) != 0
    assert (logs / "tensorboard.log").is_file()


def test_tensorboard_that_does_not_start_is_told_with_its_words(
    logs: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The last lines of its log, its status, and where the rest is."""
    monkeypatch.setattr(sys, "executable", "/bin/false")
    with pytest.raises(CommandError, match=r"ended with status 1.*tensorboard\.log"):
        serve(logs, _free_port())


def test_wanted_port_is_used_or_refused() -> None:
    """A free one is taken as it is; one in use, or that cannot be, is an error."""
    port = _free_port()
    assert choose_port(port) == port
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", port))
        taken.listen()
        with pytest.raises(CommandError, match=f"Port {port} is taken"):
            choose_port(port)
    with pytest.raises(CommandError, match="Port 99999"):
        choose_port(99999)
    assert 0 < choose_port(None) < 65536
