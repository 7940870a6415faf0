"""What is done by hand reaches the panel: read when it has grown, and bounded."""

from __future__ import annotations

import logging
from pathlib import Path

import pytest

from epochline.actions import ActionLog
from epochline.events import CheckpointAnnotated
from epochline.reader import actions_path
from tensorboard_plugin_epochline.action_watch import ActionWatch

NOTE = CheckpointAnnotated(id="a" * 16, pinned=True)


def _append(run_dir: Path) -> None:
    with ActionLog(run_dir) as log:
        log.append(NOTE)


def test_log_is_read_only_when_it_has_grown(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A look at a log that is what it was costs one system call."""
    watch = ActionWatch(tmp_path)
    assert (watch.look(), watch.records, watch.fingerprint) == (False, (), "")
    _append(tmp_path)
    assert watch.look()
    fingerprint = watch.fingerprint
    assert [record.events for record in watch.records] == [(NOTE,)]
    with monkeypatch.context() as patch:
        patch.setattr("tensorboard_plugin_epochline.action_watch.read_actions", None)
        assert not watch.look()
    _append(tmp_path)
    assert watch.look()
    assert len(watch.records) == 2
    assert watch.fingerprint != fingerprint


def test_log_that_vanishes_is_forgotten(tmp_path: Path) -> None:
    """The run was deleted, or copied without its control directory."""
    _append(tmp_path)
    watch = ActionWatch(tmp_path)
    watch.look()
    actions_path(tmp_path).unlink()
    assert watch.look()
    assert watch.records == ()


def test_what_is_no_log_is_told_and_not_read(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """A link to elsewhere, or junk: a warning, and nothing else."""
    _append(tmp_path / "other")
    path = actions_path(tmp_path)
    path.parent.mkdir(parents=True)
    path.symlink_to(actions_path(tmp_path / "other"))
    watch = ActionWatch(tmp_path)
    with caplog.at_level(logging.WARNING, "tensorboard"):
        assert watch.look()
        assert not watch.look()
    assert watch.records == ()
    assert caplog.text.count("symbolic link") == 1
    path.unlink()
    path.write_bytes(b"junk" * 1000)
    assert watch.look()
    assert watch.records == ()
