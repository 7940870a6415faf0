"""Who may import whom, read from the sources; and what must not be imported at run time."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

import epochline
import tensorboard_plugin_epochline
from tests.core.recorded import record_run

PACKAGE = Path(epochline.__file__).parent
PLUGIN = Path(tensorboard_plugin_epochline.__file__).parent
STANDARD = sys.stdlib_module_names
PURE = {"errors", "events", "monitor", "sentences", "shards", "tiers"}
CORE = PURE | {
    "actions",
    "branches",
    "checkpoints",
    "dtypes",
    "health",
    "interventions",
    "inventory",
    "layout",
    "logs",
    "matching",
    "planning",
    "pruning",
    "reader",
    "records",
    "retention",
    "session",
    "statistics",
    "store",
    "template",
    "timeline",
    "writer",
}
TOP = CORE | {
    "adoption",
    "archive",
    "averaging",
    "changes",
    "cli",
    "comparison",
    "contrast",
    "plot",
    "report",
    "restore",
    "run",
    "story",
    "upkeep",
    "what_if_replay",
    "what_if_values",
    "what_if_words",
}

# Module or sub-package of epochline -> the siblings and the packages of others that it may import.
ALLOWED: dict[str, tuple[set[str], set[str]]] = {
    "errors": (set(), set()),
    "events_pb2": (set(), {"google"}),
    "events": (set(), set()),
    "codec": ({"errors", "events", "events_pb2"}, {"google"}),
    "monitor": ({"events"}, set()),
    "shards": (set(), set()),
    "sentences": ({"events"}, set()),
    "matching": (set(), set()),
    "tiers": ({"events", "shards"}, set()),
    "logs": ({"matching", "reader"}, set()),
    "inventory": (PURE, set()),
    "retention": (PURE | {"inventory"}, set()),
    "planning": (PURE | {"inventory", "retention"}, set()),
    "checkpoints": (PURE, set()),
    "interventions": (PURE | {"checkpoints"}, set()),
    "branches": (PURE | {"checkpoints", "interventions"}, set()),
    "timeline": (PURE | {"branches", "checkpoints", "interventions"}, set()),
    "story": (PURE | {"timeline"}, set()),
    "store": (PURE | {"dtypes", "retention"}, {"h5py", "numpy", "typing_extensions", "xxhash"}),
    "records": (set(), {"google_crc32c"}),
    "dtypes": (set(), {"numpy"}),
    "layout": (
        {"dtypes", "errors", "events", "shards", "store"},
        {"h5py", "typing_extensions", "xxhash"},
    ),
    "statistics": ({"dtypes", "errors", "events"}, {"numpy", "typing_extensions", "xxhash"}),
    "health": (PURE | {"layout", "statistics"}, {"numpy"}),
    "changes": ({"sentences"}, set()),
    "contrast": ({"dtypes", "errors", "layout", "statistics", "store"}, {"numpy", "xxhash"}),
    "sides": (CORE | {"contrast"}, set()),
    "comparison": (CORE | {"changes", "contrast", "run", "sides"}, set()),
    "averaging": (CORE | {"contrast", "run"}, {"numpy"}),
    "template": ({"errors", "layout"}, {"h5py"}),
    "archive": (CORE | {"contrast"}, {"typing_extensions"}),
    "writer": ({"codec", "events", "records", "store"}, {"tensorboard"}),
    "reader": (
        {"codec", "errors", "events", "records", "store", "writer"},
        {"google", "tensorboard"},
    ),
    "actions": ({"events", "reader", "records", "store", "writer"}, set()),
    "pruning": (CORE, set()),
    "adoption": (CORE, set()),
    "upkeep": (CORE, set()),
    "session": ({"errors", "events", "reader", "store", "writer"}, set()),
    "restore": (CORE, {"h5py", "ml_dtypes", "numpy"}),
    "plot": (CORE | {"run"}, {"matplotlib"}),
    "report_style": (set(), set()),
    "report_chart": ({"sentences"}, set()),
    "report": (PURE | {"checkpoints", "report_chart", "report_style", "story", "timeline"}, set()),
    "replay": ({"events"}, set()),
    "recorded_rules": (PURE | {"replay", "timeline"}, set()),
    "what_if_values": (PURE | {"planning", "replay", "timeline"}, set()),
    "what_if_words": (PURE | {"recorded_rules", "replay", "timeline", "what_if_values"}, set()),
    "what_if_replay": (
        PURE
        | {"planning", "recorded_rules", "replay", "retention", "run", "timeline"}
        | {"what_if_values", "what_if_words"},
        set(),
    ),
    "run": (CORE | {"archive", "plot", "restore", "upkeep"}, set()),
    "cli": (TOP, {"numpy", "rich"}),
    "__init__": (TOP, set()),
    "__main__": ({"cli"}, set()),
    "callbacks": (TOP, {"h5py", "keras", "numpy"}),
}
# The demo trains, so it needs Keras and the callbacks; it imports them when it runs, not before.
DEMO = PACKAGE / "cli" / "demo.py"
DEMO_EXTRA = {"epochline.callbacks", "keras", "sklearn.datasets"}
# `epochline.record` is for training loops, and imported when it is first used.
EXTRA = {
    DEMO: DEMO_EXTRA,
    PACKAGE / "__init__.py": {"epochline.callbacks.recorder"},
    # The fastest way to a value depends on the backend.
    PACKAGE / "callbacks" / "snapshot.py": {"tensorflow"},
}
HEAVY = ("keras", "tensorflow", "jax", "torch", "matplotlib", "h5py", "sklearn")


def _imports(tree: ast.AST) -> set[str]:
    """Returns dotted names of all imports in `tree`, at any depth."""
    names: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, "relative imports hide who imports whom"
            base = node.module or ""
            names |= {f"{base}.{a.name}" if base == "epochline" else base for a in node.names}
    return names


def _modules() -> list[Path]:
    return sorted(PACKAGE.rglob("*.py"))


def _part(path: Path) -> str:
    return path.relative_to(PACKAGE).parts[0].removesuffix(".py")


@pytest.mark.parametrize("path", _modules(), ids=lambda path: str(path.relative_to(PACKAGE)))
def test_module_imports_only_what_its_layer_may(path: Path) -> None:
    """The table of the design holds for every module, lazy imports included."""
    siblings, others = ALLOWED[_part(path)]
    for name in _imports(ast.parse(path.read_text())) - EXTRA.get(path, set()):
        top, _, rest = name.partition(".")
        if top == "epochline":
            assert rest.split(".")[0] in siblings | {_part(path)}, f"{path} imports {name}"
        else:
            assert top in STANDARD | others, f"{path} imports {name}"


# What makes objects out of bytes that somebody else may have written, or runs them.
DESERIALIZING = {"pickle", "marshal", "shelve", "dill", "cloudpickle", "joblib"}
DESERIALIZING_CALLS = {
    *("load_model", "model_from_json", "from_config", "deserialize_keras_object"),
    *("enable_unsafe_deserialization", "eval", "exec"),
}


def _calls(tree: ast.AST) -> set[str]:
    """Returns the last names of all that is called in `tree`."""
    called = [node.func for node in ast.walk(tree) if isinstance(node, ast.Call)]
    return {one.id for one in called if isinstance(one, ast.Name)} | {
        one.attr for one in called if isinstance(one, ast.Attribute)
    }


@pytest.mark.parametrize("package", [PACKAGE, PLUGIN], ids=lambda path: path.name)
def test_nothing_that_is_read_is_ever_deserialized_into_objects(package: Path) -> None:
    """Neither a restore, nor TensorBoard, nor anything else unpickles or builds a foreign model."""
    paths = sorted(package.rglob("*.py"))
    assert paths
    for path in paths:
        tree = ast.parse(path.read_text())
        assert not {name.partition(".")[0] for name in _imports(tree)} & DESERIALIZING, path
        assert not _calls(tree) & DESERIALIZING_CALLS, path


def test_demo_imports_keras_only_when_it_runs() -> None:
    """At the top of the module there is neither Keras nor the callbacks."""
    top = ast.Module(
        [
            node
            for node in ast.parse(DEMO.read_text()).body
            if not isinstance(node, ast.FunctionDef)
        ],
        [],
    )
    assert not _imports(top) & DEMO_EXTRA


def _loaded(code: str) -> set[str]:
    told = subprocess.run(
        [sys.executable, "-c", f"{code}\nimport sys; print(*sys.modules)"],
        check=True,
        capture_output=True,
        text=True,
    ).stdout
    return set(told.split()) & set(HEAVY)


@pytest.mark.parametrize(
    "code",
    [
        "import epochline",
        "import epochline as e; [getattr(e, name) for name in e.__all__ if name != 'record']",
        "import epochline.cli; epochline.cli.main(['--version'])",
        "import epochline.reader, epochline.writer, epochline.timeline, epochline.session",
        "import epochline.restore, epochline.plot, epochline.run",
    ],
)
def test_reading_side_stays_light(code: str) -> None:
    """Neither importing the package, all of its names, nor the command line loads what trains."""
    assert _loaded(code) == set()


def test_importing_the_package_loads_nothing_of_it() -> None:
    """`import epochline` costs nothing before a name is used: `epochline.callbacks` pays for it."""
    told = subprocess.run(
        [sys.executable, "-c", "import sys, epochline; print(*sys.modules)"],
        check=True,
        capture_output=True,
        text=True,
    ).stdout
    assert [name for name in told.split() if name.startswith("epochline")] == ["epochline"]
    assert not {"tensorboard", "google.protobuf", "numpy"} & set(told.split())


@pytest.mark.parametrize("name", ["ls", "why"])
def test_listing_imports_no_other_command(tmp_path: Path, name: str) -> None:
    """Most of a listing was the import of commands that train and compare, and of numpy."""
    record_run(tmp_path)
    told = subprocess.run(
        [
            sys.executable,
            "-c",
            "import sys, epochline.cli as e; e.main(sys.argv[1:]); print(*sys.modules)",
            name,
            tmp_path,
        ],
        check=True,
        capture_output=True,
        text=True,
    ).stdout
    loaded = set(told.split())
    assert f"epochline.cli.{name}" in loaded
    assert not {"numpy", "epochline.cli.demo", "epochline.cli.diff"} & loaded


def test_every_public_name_is_there_and_others_are_not() -> None:
    """`__all__`, `dir` and the lazy lookup agree."""
    for name in set(epochline.__all__) - {"record"}:  # that one needs Keras
        assert getattr(epochline, name).__name__ == name
    assert set(epochline.__all__) <= set(dir(epochline))
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        _ = epochline.nothing
