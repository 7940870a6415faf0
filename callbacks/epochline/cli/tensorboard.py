"""Start TensorBoard on a log directory and stay until it, or the user, ends it."""

from __future__ import annotations

import contextlib
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path
from typing import Final

from epochline.cli.command import CommandError
from epochline.cli.output import emit, styled

__all__ = ["choose_port", "serve"]

_HOST: Final = "127.0.0.1"
_USUAL_PORT: Final = 6006
_START_SECONDS: Final = 120.0
_STOP_SECONDS: Final = 10.0
_PAUSE_SECONDS: Final = 0.1
_LOG_NAME: Final = "tensorboard.log"
_LOG_LINES: Final = 5


def serve(logdir: Path, port: int) -> int:
    """Runs TensorBoard until Ctrl-C (or SIGTERM) and returns the exit status.

    Args:
        logdir: What to show. What TensorBoard prints goes into a file there.
        port: Port to listen on, on this machine only.

    Raises:
        CommandError: If TensorBoard does not start, or ends.
    """
    log = logdir / _LOG_NAME
    # A supervisor ends us with SIGTERM; TensorBoard must not outlive us then.
    before = signal.signal(signal.SIGTERM, signal.default_int_handler)
    command = [sys.executable, "-m", "tensorboard.main", "--logdir", str(logdir)]
    command += ["--host", _HOST, "--port", str(port)]
    with log.open("wb") as output:
        process = subprocess.Popen(command, stdout=output, stderr=subprocess.STDOUT)
    try:
        _wait_until_up(process, port, log)
        emit(
            styled(f"Checkpoints tab: http://localhost:{port}/#epochline", "bold"),
            styled("Ctrl-C ends TensorBoard."),
        )
        sys.stdout.flush()
        process.wait()
        raise CommandError(_ended(process, log))
    except KeyboardInterrupt:
        return 0
    finally:
        _stop(process)
        signal.signal(signal.SIGTERM, before)


def choose_port(wanted: int | None) -> int:
    """Returns a port that can be listened on.

    Args:
        wanted: This one; None for TensorBoard's usual one if it is free, else any.

    Raises:
        CommandError: If the wanted one cannot be used.
    """
    for port in (_USUAL_PORT, 0) if wanted is None else (wanted,):
        with socket.socket() as probe, contextlib.suppress(OSError, OverflowError):
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind((_HOST, port))
            chosen: int = probe.getsockname()[1]
            return chosen
    message = f"Port {wanted} is taken, or not allowed. Leave --port out for a free one."
    raise CommandError(message)


def _wait_until_up(process: subprocess.Popen[bytes], port: int, log: Path) -> None:
    deadline = time.monotonic() + _START_SECONDS
    while time.monotonic() < deadline:
        if process.poll() is not None:
            raise CommandError(_ended(process, log))
        with socket.socket() as probe:
            probe.settimeout(_PAUSE_SECONDS)
            if probe.connect_ex((_HOST, port)) == 0:
                return
        time.sleep(_PAUSE_SECONDS)
    message = f"TensorBoard does not answer after {_START_SECONDS:.0f} s. What it printed: {log}."
    raise CommandError(message)


def _ended(process: subprocess.Popen[bytes], log: Path) -> str:
    last = log.read_text(errors="replace").strip().splitlines()[-_LOG_LINES:]
    return (
        f"TensorBoard ended with status {process.returncode}: {' '.join(last)} (all of it: {log})"
    )


def _stop(process: subprocess.Popen[bytes]) -> None:
    # Ctrl-C reaches it as well, and it may take a moment.
    if process.poll() is None:
        process.terminate()
    try:
        process.wait(_STOP_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
