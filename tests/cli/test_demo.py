"""`epochline demo`: trains for real, writes below its log directory only, serves and ends."""

from __future__ import annotations

import os
import re
import signal
import socket
import subprocess
import sys
import urllib.request
from pathlib import Path

import numpy as np
import pytest

import epochline

DEMO = [sys.executable, "-m", "epochline", "demo"]


@pytest.fixture
def table(tmp_path: Path) -> Path:
    """A table of the form of the Pima table: numbers, the last column 0 or 1."""
    random = np.random.default_rng(0)
    features = random.normal(100, 30, (60, 8)).round(1)
    label = (features[:, 0] > 100).astype(float)
    path = tmp_path / "table.csv"
    np.savetxt(path, np.column_stack([features, label]), delimiter=",", fmt="%g")
    return path


def _demo(home: Path, *arguments: str | Path, status: int = 0) -> subprocess.CompletedProcess[str]:
    # HOME shows where a program would write if it wrote elsewhere. The log level of TensorFlow is
    # set for good by whoever imports JAX in this process.
    ours = ("KERAS_HOME", "TF_CPP_MIN_LOG_LEVEL")
    environment = {key: value for key, value in os.environ.items() if key not in ours}
    home.mkdir(exist_ok=True)
    done = subprocess.run(
        [*DEMO, *arguments],
        env={**environment, "HOME": str(home)},
        cwd=home.parent,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == status, done.stderr
    return done


def test_trains_two_runs_and_says_what_happened(tmp_path: Path, table: Path) -> None:
    """The bundled table, then a CSV file; the second demo leaves the first alone."""
    home = tmp_path / "home"
    options = ("--logdir", "logs", "--epochs", "2", "--no-serve")
    first = _demo(home, *options)
    runs = [tmp_path / "logs" / name for name in ("plateau", "step-decay")]
    before = {path: path.read_bytes() for run in runs for path in run.rglob("*.*")}
    second = _demo(home, *options, "--data", table)
    assert epochline.find_runs(tmp_path / "logs") == [
        "plateau",
        "plateau-2",
        "step-decay",
        "step-decay-2",
    ]
    assert all(path.read_bytes() == data for path, data in before.items())
    assert "569 rows, 8 features" in first.stdout
    assert "table.csv: 60 rows, 8 features" in second.stdout
    for stdout in (first.stdout, second.stdout):
        pairs = re.findall(r"val_accuracy (\S+); restored and evaluated again: (\S+)\.", stdout)
        assert len(pairs) == 2
        assert all(recorded == again for recorded, again in pairs)
    assert "decisions recorded" in first.stdout
    assert "epochline why logs/plateau\n" in first.stdout
    assert "epochline why logs/plateau-2\n" in second.stdout
    assert "epochline ls logs" in first.stdout
    assert first.stderr == ""
    assert not list(home.rglob("*"))
    assert {path.name for path in tmp_path.iterdir()} == {"home", "logs", "table.csv"}


@pytest.mark.parametrize(
    ("content", "told"),
    [
        ("a,b,c\n1,2,1\n", "needs commas, and no header"),
        ("1,0\n" * 5, "has 5 rows"),
        ("1,2\n" * 50, "must be 0 or 1"),
        ("nan,1\n" * 50, "no value empty or infinite"),
        (None, "not found"),
    ],
)
def test_table_that_cannot_be_used_is_told(tmp_path: Path, content: str | None, told: str) -> None:
    """In one line, before anything is trained."""
    path = tmp_path / "bad.csv"
    if content is not None:
        path.write_text(content)
    done = _demo(tmp_path / "home", "--logdir", "logs", "--data", path, status=1)
    assert told in done.stderr
    assert done.stderr.count("\n") == 1


def test_serves_the_tab_until_ctrl_c(tmp_path: Path, table: Path) -> None:
    """The address that is printed answers; TensorBoard does not outlive the demo."""
    logdir = tmp_path / "logs"
    command = [*DEMO, "--logdir", str(logdir), "--epochs", "1", "--data", str(table)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        address = next(line for line in process.stdout if "#epochline" in line)
        match = re.search(r"http://localhost:(\d+)/#epochline", address)
        assert match
        with urllib.request.urlopen(f"http://127.0.0.1:{match[1]}/data/runs") as answer:
            assert b"plateau" in answer.read()
        process.send_signal(signal.SIGINT)
        assert process.wait(30) == 0
    with socket.socket() as probe:
        assert probe.connect_ex(("127.0.0.1", int(match[1]))) != 0


def test_port_in_use_is_told_with_what_to_do(tmp_path: Path, table: Path) -> None:
    """Instead of TensorBoard's own words in a log file."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        done = _demo(
            tmp_path / "home", "--logdir", "logs", "--epochs", "1", "--data", table,
            "--port", str(port), status=1,
        )  # fmt: skip
    assert f"Port {port} is taken" in done.stderr


def _without(module: str) -> str:
    return f"import sys; sys.modules[{module!r}] = None; import epochline.cli as c; "


@pytest.mark.parametrize(
    ("prepare", "arguments", "told"),
    [
        (_without("sklearn"), [], "pip install 'epochline[demo]'"),
        (_without("keras"), [], "pip install 'epochline[tensorflow]'"),
        ("import epochline.cli as c; ", ["--backend", "torch"], "pip install 'epochline[torch]'"),
        ("import epochline.cli as c; ", ["--epochs", "0"], "--epochs got 0"),
    ],
)
def test_what_is_not_installed_is_told_with_how_to_get_it(
    tmp_path: Path, prepare: str, arguments: list[str], told: str
) -> None:
    """The extra of the package that brings it."""
    call = f"sys.exit(c.main(['demo', '--logdir', {str(tmp_path)!r}, *{arguments!r}]))"
    done = subprocess.run(
        [sys.executable, "-c", f"import sys; {prepare}{call}"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1
    assert told in done.stderr
    assert done.stderr.count("\n") == 1
