"""`epochline diff`: how far two checkpoints are apart."""

from __future__ import annotations

import argparse
from dataclasses import asdict
from pathlib import Path
from typing import Any, Final

from epochline.changes import Diff, LayerChange, VariableChange, cosine, percent
from epochline.cli.command import add_json, checkpoint_at
from epochline.cli.output import emit, emit_json, styled, table
from epochline.cli.progress import bytes_bar
from epochline.comparison import diff
from epochline.run import Checkpoint
from epochline.sentences import number

HELP = "compare the weights of two checkpoints"
DESCRIPTION = """\
Compares two checkpoints variable by variable and layer by layer: relative change |B - A| / |A|,
cosine of the angle between them, largest absolute difference. The state of an optimizer is compared
as one layer of its own.

A and B are checkpoints as in `show` (RUN@epoch=N, RUN@best=METRIC, RUN@latest, RUN@ID, or an id
below --logdir), or paths of `.weights.h5`, legacy `.h5` or `.keras` files. Variables whose recorded
digests are equal are not read. Where a file is gone, or is not the one that was recorded, the
recorded statistics tell what they can: equal or not, and what the change is at least (≥).

With --json: {a, b, sentence, weights: CHANGE, layers: [CHANGE], variables: [VARIABLE], only_in_a,
only_in_b, notes}. CHANGE is {norm_a, norm_b, difference, at_least, max_abs, relative_change,
relative_at_least, cosine, layer, variables, unchanged, of_optimizer}; VARIABLE has the first eight
and {name, dataset, layer, shape, dtype, of_optimizer, basis, equal, mean_a, mean_b, std_a, std_b,
min_a, min_b, max_a, max_b, not_finite, note}. `basis` is digests, bytes, statistics or nothing;
what is not known is null."""

_COLUMNS: Final = (("change", True), ("cosine", True), ("largest |B - A|", True))


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declares the arguments."""
    parser.add_argument("a", metavar="A", help="a checkpoint, such as logs/pima@epoch=3, or a file")
    parser.add_argument("b", metavar="B", help="the other one")
    parser.add_argument(
        "--logdir", metavar="DIR", default=".", help="where to look an id up (default: here)"
    )
    add_json(parser)


def run(args: argparse.Namespace) -> int:
    """Prints the comparison."""
    found = _compared(_named(args.a, args.logdir), _named(args.b, args.logdir))
    if args.json:
        emit_json(_value(found))
        return 0
    emit(styled(f"{found.a} → {found.b}", "bold"), styled(found.sentence))
    emit(*(styled(note, "yellow") for note in found.notes))
    layers = [(layer.layer, str(layer.variables), *_cells(layer)) for layer in found.layers]
    emit("", table([("layer", False), ("variables", True), *_COLUMNS], layers))
    rows = [(item.name, _shape(item), *_cells(item), item.note) for item in found.variables]
    columns = [("variable", False), ("values", False), *_COLUMNS, ("", False)]
    emit("", table(columns, rows))
    for side, names in (("A", found.only_in_a), ("B", found.only_in_b)):
        if names:
            emit("", styled(f"Only in {side}: {', '.join(names)}"))
    return 0


def _named(text: str, logdir: str) -> Checkpoint | Path:
    path = Path(text)
    return path if path.is_file() else checkpoint_at(text, logdir)[1]


def _compared(a: Checkpoint | Path, b: Checkpoint | Path) -> Diff:
    with bytes_bar() as bar:
        task = bar.add_task("comparing", total=None)
        return diff(
            a, b, progress=lambda done, total: bar.update(task, completed=done, total=total)
        )


def _cells(item: LayerChange | VariableChange) -> tuple[str, str, str]:
    if item.relative_change is None:
        least = item.relative_at_least
        return ("unknown" if least is None else f"≥ {percent(least)}"), "", ""
    return percent(item.relative_change), cosine(item.cosine), number(item.max_abs)


def _shape(item: VariableChange) -> str:
    return f"{item.dtype} {'×'.join(map(str, item.shape))}".rstrip()


def _value(found: Diff) -> dict[str, Any]:
    return {
        "a": found.a,
        "b": found.b,
        "sentence": found.sentence,
        "weights": _change(found.weights),
        "layers": [_change(layer) for layer in found.layers],
        "variables": [_change(item) for item in found.variables],
        "only_in_a": found.only_in_a,
        "only_in_b": found.only_in_b,
        "notes": found.notes,
    }


def _change(item: LayerChange | VariableChange) -> dict[str, Any]:
    known = asdict(item)
    numbers = ("norm_a", "norm_b", "difference", "at_least", "max_abs")
    return {
        **{name: known.pop(name) for name in numbers},
        "relative_change": item.relative_change,
        "relative_at_least": item.relative_at_least,
        "cosine": item.cosine,
        **known,
    }
