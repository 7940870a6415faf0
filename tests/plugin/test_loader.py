"""The entry point: light, guarded, and modest about flags."""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
from types import SimpleNamespace
from typing import Any

import pytest

from tensorboard_plugin_epochline.loader import Loader

# TensorBoard has imported the first line by the time it imports plugins.
MEASURE = """
import argparse, json, logging, sys, time, typing
from tensorboard.plugins import base_plugin
before = set(sys.modules)
started = time.process_time()
import {module}
seconds = time.process_time() - started
print(json.dumps([seconds, sorted(set(sys.modules) - before)]))
"""


def _import(module: str) -> tuple[float, set[str]]:
    """Imports a module in a fresh process; returns its CPU seconds and what it brought in."""
    command = [sys.executable, "-c", MEASURE.format(module=module)]
    done = subprocess.run(command, stdout=subprocess.PIPE, check=True)
    seconds, modules = json.loads(done.stdout)
    return seconds, set(modules)


def test_entry_module_is_light() -> None:
    """TensorBoard's start takes less than 10 ms longer, whoever has Epochline installed."""
    measured = [_import("tensorboard_plugin_epochline.loader") for _ in range(5)]

    assert min(seconds for seconds, _ in measured) < 0.010
    assert {name for name in measured[0][1] if "epochline" in name} == {
        "tensorboard_plugin_epochline",
        "tensorboard_plugin_epochline.loader",
    }


def test_plugin_needs_no_training_library() -> None:
    """The whole plugin runs without Keras, TensorFlow and HDF5."""
    _, modules = _import("tensorboard_plugin_epochline.plugin")

    roots = {name.partition(".")[0] for name in modules}
    assert not roots & {"keras", "tensorflow", "h5py", "jax", "torch"}
    assert "epochline.callbacks" not in modules


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ({}, {"epochline": 0}),
        ({"scalars": 7}, {"scalars": 7, "epochline": 0}),
        ({"epochline": 7}, {"epochline": 7}),
        ("epochline=7", "epochline=7"),
        (None, None),
    ],
)
def test_every_event_is_kept_unless_the_user_says_otherwise(given: Any, expected: Any) -> None:
    """`samples_per_plugin` is completed in place; the user's own value wins."""
    flags = SimpleNamespace(samples_per_plugin=given)

    Loader().fix_flags(flags)

    assert flags.samples_per_plugin is given
    assert flags.samples_per_plugin == expected


def test_flag_hooks_never_raise(caplog: pytest.LogCaptureFixture) -> None:
    """Flags that are not what we think they are end up in the log, not in a crash."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--epochline_allow_restore")

    Loader().define_flags(parser)
    Loader().fix_flags(SimpleNamespace())

    assert [record.levelname for record in caplog.records] == ["ERROR", "ERROR"]


def test_restore_flag_is_off_by_default() -> None:
    """Without the flag, nothing is allowed beyond loopback."""
    parser = argparse.ArgumentParser()
    Loader().define_flags(parser)

    assert parser.parse_args([]).epochline_allow_restore is False
    assert parser.parse_args(["--epochline_allow_restore"]).epochline_allow_restore is True
