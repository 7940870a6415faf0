"""Code to paste."""

from __future__ import annotations

import ast
import shlex
from dataclasses import replace

import pytest

from epochline.restore.requests import Counters
from epochline.retention import KeepAllBut, KeepBest, KeepLast
from epochline.timeline import CheckpointEntry
from tensorboard_plugin_epochline.snippets import (
    commands,
    copy_name,
    live_commands,
    live_restore_commands,
    prune_commands,
    snippets,
)

HOSTILE = ["it's", 'a "b"', "$(rm -rf ~)", "`id`", "a\nimport os", "x'); import os #", "\\'", "–"]


def test_snippets_name_run_file_and_id(entry: CheckpointEntry) -> None:
    """Each way to restore is complete, and the optimizer is built where its state is saved."""
    code = snippets(entry, directory="/logs/pima", path="/logs/pima/checkpoints/e.weights.h5")

    assert code["python"].splitlines() == [
        "import epochline",
        "run = epochline.open_run('/logs/pima')",
        "run.checkpoint('0123456789abcdef').restore(model)",
    ]
    assert code["keras"].splitlines() == [
        "model.optimizer.build(model.trainable_variables)",
        "model.load_weights('/logs/pima/checkpoints/e.weights.h5')",
    ]
    assert code["cli"] == (
        "epochline restore /logs/pima --id 0123456789abcdef --to epoch-4-01234567.weights.h5"
    )


def test_whole_model_is_loaded_as_one(entry: CheckpointEntry) -> None:
    """A `.keras` file holds a model, not only weights."""
    whole = replace(entry, path="m.keras")

    code = snippets(whole, directory="/logs", path="/logs/m.keras")

    assert code["keras"] == "import keras\nmodel = keras.saving.load_model('/logs/m.keras')"
    assert copy_name(whole) == "m-01234567.keras"


@pytest.mark.parametrize("text", HOSTILE)
def test_hostile_names_stay_text(entry: CheckpointEntry, text: str) -> None:
    """A path or id from a stranger's event file cannot become code or another word."""
    hostile = replace(entry, id=text, path=f"{text}.weights.h5")

    code = snippets(hostile, directory=f"/{text}", path=f"/{text}/a.weights.h5")

    for language in ("python", "keras"):
        tree = ast.parse(code[language])
        literals = [node.value for node in ast.walk(tree) if isinstance(node, ast.Constant)]
        assert any(text in str(literal) for literal in literals)
        assert not any("os" in ast.dump(node) for node in tree.body if isinstance(node, ast.Import))
    words = shlex.split(code["cli"])
    assert words[:2] == ["epochline", "restore"]
    assert words[2:6] == [f"/{text}", "--id", text, "--to"]
    assert len(words) == 7


def test_name_that_looks_like_an_option_is_none(entry: CheckpointEntry) -> None:
    """A file called `-f.weights.h5` does not become a flag."""
    code = snippets(replace(entry, path="-f.weights.h5"), directory="/logs", path="/logs/x")

    assert shlex.split(code["cli"])[-1].startswith("./-f")


@pytest.mark.parametrize("text", HOSTILE)
def test_commands_of_the_buttons_stay_text(entry: CheckpointEntry, text: str) -> None:
    """Whatever a path, an id or a note holds, there is one call and one command."""
    hostile = replace(entry, id=text, note=text, tags=(text,))

    for code in commands(hostile, directory=f"/{text}").values():
        imported, call = ast.parse(code["python"]).body
        assert ast.unparse(imported) == "import epochline"
        assert isinstance(call, ast.Expr)
        words = shlex.split(code["cli"])
        assert words[0] == "epochline"
        assert words[2] == f"/{text}@{text}"


def test_prune_is_written_as_it_was_chosen() -> None:
    """By rule or by name, in Python and in a shell."""
    rule = prune_commands(KeepLast(2) | KeepBest("val_loss", 3), directory="/logs/a b")
    assert rule["cli"] == "epochline prune '/logs/a b' --keep-last=2 --keep-best=val_loss:3 --yes"
    assert rule["python"].endswith(
        "run.prune(epochline.KeepLast(2) | epochline.KeepBest('val_loss', 3), dry_run=False)"
    )
    named = prune_commands(KeepAllBut("b", "a"), directory="/logs")
    assert named["cli"] == "epochline prune /logs --drop=a --drop=b --yes"
    assert named["python"].endswith("run.prune(epochline.KeepAllBut('a', 'b'), dry_run=False)")


@pytest.mark.parametrize("text", HOSTILE)
def test_commands_to_a_training_stay_text(text: str) -> None:
    """Whatever a path or an id holds, there is one call and one command."""
    directory = f"/{text}"
    restore = live_restore_commands(
        text, directory=directory, optimizer=False, learning_rate=1e-4, counters=Counters.KEEP
    )
    asking = live_commands(directory=directory, learning_rate="keep")

    assert shlex.split(restore["cli"])[:6] == [
        "epochline",
        "restore",
        directory,
        "--id",
        text,
        "--live",
    ]
    assert len(ast.parse(restore["python"]).body) == 3
    for code in asking.values():
        assert shlex.split(code["cli"])[:3] == ["epochline", "live", directory]
        imported, call = ast.parse(code["python"]).body
        assert ast.unparse(imported) == "import epochline"
        assert isinstance(call, ast.Expr)
