"""Nothing of ours can keep a real TensorBoard from starting."""

from __future__ import annotations

import shutil
from pathlib import Path

import tensorboard_plugin_epochline
from epochline.writer import EventWriter
from tests.end_to_end.conftest import StartTensorBoard

PACKAGE = Path(tensorboard_plugin_epochline.__file__).parent


def test_broken_installation_is_one_line_in_the_log(
    start_tensorboard: StartTensorBoard, tmp_path: Path
) -> None:
    """When our code fails to import, TensorBoard serves, and says what is wrong."""
    broken = tmp_path / "site"
    shutil.copytree(PACKAGE, broken / PACKAGE.name, ignore=shutil.ignore_patterns("__pycache__"))
    (broken / PACKAGE.name / "plugin.py").write_text("import a_module_that_is_not_there\n")
    writer = EventWriter(tmp_path / "logs" / "train")
    writer.append_scalars(0, {"epoch_loss": 0.5})
    writer.close()

    server = start_tensorboard(tmp_path / "logs", env={"PYTHONPATH": str(broken)})

    server.wait_until_loaded(lambda server: server.request("GET", "data/runs").json == ["train"])
    plugins = server.request("GET", "data/plugins_listing").json
    assert "scalars" in plugins
    assert "epochline" not in plugins
    lines = [line for line in server.output().splitlines() if "Checkpoints panel" in line]
    assert len(lines) == 1
    assert "a_module_that_is_not_there" in lines[0]
    assert "pip install" in lines[0]
    assert "Traceback" not in server.output()
