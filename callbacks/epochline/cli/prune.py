"""`epochline prune`: let checkpoints go that are not worth their space."""

from __future__ import annotations

import argparse
import shlex
import sys
from collections.abc import Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any, Final

from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn
from rich.text import Text

from epochline.adoption import (
    ForeignFile,
    adopt_entries,
    adopt_files,
    find_files,
    foreign_entries,
    run_around,
)
from epochline.cli.command import CommandError, add_json, checkpoint_at, open_runs
from epochline.cli.keeping import add_keep, best_policy, kept_parts
from epochline.cli.output import console, emit, emit_json, styled, table
from epochline.errors import CheckpointMissingError, RunNotFoundError
from epochline.events import Tier
from epochline.matching import Confidence
from epochline.planning import Fate, PrunePlan, PruneStep, plan_prune
from epochline.pruning import trash_of
from epochline.reader import find_runs
from epochline.restore import parse_reference
from epochline.retention import (
    AnyOf,
    KeepAll,
    KeepAllBut,
    KeepLast,
    Retention,
    RetentionPolicy,
)
from epochline.run import Checkpoint, Run
from epochline.sentences import size
from epochline.upkeep import PruneResult, plan_run, prune_run

HELP = "let checkpoints go that are not worth their space"
DESCRIPTION = """\
Lets go the checkpoints below LOGDIR that no --keep option keeps, makes smaller those that it is
told to, and tells what that frees and why. It asks first in a terminal, does it at once with --yes,
and else only tells. A training may run meanwhile.

What goes stays in the trash of its run for up to a week, as long as the disk has room: --undo takes
back what the last prune removed, or the one CHECKPOINT (named as in `epochline show`), also when it
was the training that removed it. Pinned checkpoints, the newest, and the newest that is not known
to be bad always stay. Only files that Epochline wrote, and that still are what was recorded, are
touched. In a folder that it did not record, files are told by what their names and times say;
--adopt takes them over, and only then can they go.

With --json: {done, runs: [{run, policy, deleted, demoted, freed_bytes, left_bytes, within_budget,
problems, steps: [{id, printed_epoch, path, fate, why, tier, size_bytes, frees_bytes}]}]}; `fate` is
keep, demote or delete. With --undo: {runs: [{run, recovered}]}; with --empty-trash: {runs: [{run,
freed_bytes}]}."""

_STYLES: Final = {Fate.KEEP: "", Fate.DEMOTE: "yellow", Fate.DELETE: "red"}
_FLOOR: Final = "what is left is pinned, the newest, or the newest that is not known to be bad."


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declares the arguments."""
    parser.add_argument(
        "logdir",
        metavar="LOGDIR",
        help="a run directory, or one with runs below it; with --undo also a CHECKPOINT",
    )
    keep = parser.add_argument_group("what to keep: all that any of these keeps")
    add_keep(keep)
    keep.add_argument(
        "--drop",
        metavar="ID",
        action="append",
        default=[],
        help="all but this one, and others so named",
    )
    parser.add_argument(
        "--without-optimizer-after",
        metavar="N",
        type=int,
        help="take the optimizer's state out of all but the newest N; the weights stay exact",
    )
    parser.add_argument(
        "--bfloat16-after",
        metavar="N",
        type=int,
        help="round the weights of all but the newest N to two bytes each; lossy",
    )
    parser.add_argument(
        "--max-bytes", metavar="SIZE", help="what all may take together, such as 20GB"
    )
    how = parser.add_mutually_exclusive_group()
    how.add_argument("--dry-run", action="store_true", help="only tell what would go, and why")
    how.add_argument("--yes", action="store_true", help="do it without asking")
    how.add_argument("--undo", action="store_true", help="take back what the last prune removed")
    how.add_argument("--empty-trash", action="store_true", help="delete what is in the trash")
    parser.add_argument("--no-trash", action="store_true", help="delete at once; cannot be undone")
    parser.add_argument("--adopt", action="store_true", help="take over files that others wrote")
    add_json(parser)


def run(args: argparse.Namespace) -> int:
    """Prunes, or takes back."""
    if args.undo:
        return _undo(args)
    if args.empty_trash:
        return _empty(args)
    policy = _policy(args)
    targets = _targets(args, policy)
    if not args.json:
        for target in targets:
            emit(*_listed(target), "")
    changes = any(step.fate is not Fate.KEEP for one in targets for step in one.plan.steps)
    foreign = any(target.run is None for target in targets) and not args.adopt
    done = changes and not foreign and (args.yes or _agreed(args))
    results: dict[str, PruneResult] = {}
    if done:
        results = _carry_out(targets, policy, adopt=args.adopt, trash=not args.no_trash)
    problems = [problem for result in results.values() for problem in result.problems]
    if args.json:
        rows = [_value(target, results.get(target.name)) for target in targets]
        emit_json({"done": done, "runs": rows})
    elif foreign:
        emit("Epochline did not write these files: nothing is deleted without --adopt.")
    elif done:
        emit(*_told(results, args))
    else:
        emit("Nothing was changed. Add --yes to do it." if changes else "There is nothing to do.")
    return 1 if problems else 0


@dataclass(frozen=True, slots=True, kw_only=True)
class _Target:
    """A run, or a folder that nobody recorded, and what would happen there."""

    name: str
    path: Path
    plan: PrunePlan
    shown: Mapping[str, tuple[int, str]]  # id to zero-based epoch, -1 if not known, and file
    run: Run | None = None
    files: tuple[ForeignFile, ...] = ()


def _policy(args: argparse.Namespace) -> RetentionPolicy:
    given = (args.without_optimizer_after, args.bfloat16_after, args.max_bytes)
    try:
        parts = _parts(args)
        if not parts and given == (None, None, None):
            message = "What is to be kept? Add --keep-last 2, say, or --max-bytes 20GB."
            raise CommandError(message)
        retention = Retention(AnyOf(*parts) if parts else KeepAll())
        for tier, after in ((Tier.WITHOUT_OPTIMIZER, given[0]), (Tier.BFLOAT16, given[1])):
            if after is not None:
                retention = retention.demote(tier, after=KeepLast(after))
        return retention if args.max_bytes is None else retention.within(args.max_bytes)
    except ValueError as error:
        raise CommandError(str(error)) from error


def _parts(args: argparse.Namespace) -> list[RetentionPolicy]:
    parts = kept_parts(args)
    if args.drop:
        parts.append(KeepAllBut(*args.drop))
    return parts


def _targets(args: argparse.Namespace, policy: RetentionPolicy) -> list[_Target]:
    if find_runs(args.logdir):
        return [
            _Target(
                name=name,
                path=one.path,
                run=one,
                plan=plan_run(one, policy, adopt=args.adopt),
                shown={item.id: (item.epoch, item.path) for item in one.checkpoints},
            )
            for name, one in open_runs(args.logdir)
        ]
    return [_foreign(Path(args.logdir), args, policy)]


def _foreign(folder: Path, args: argparse.Namespace, policy: RetentionPolicy) -> _Target:
    owner = run_around(folder)
    if owner is not None:
        raise CommandError(f"{folder} belongs to the run {owner}. Prune that.")
    files = find_files(folder) if folder.is_dir() else []
    if not files:
        raise RunNotFoundError(str(folder))
    unknown = [file.path for file in files if file.epoch < 0]
    if args.keep_every is not None and unknown:
        message = f"--keep-every needs the epoch, and nothing tells that of {unknown[0]}."
        raise CommandError(message)
    for metric in (best_policy(text).metric for text in args.keep_best):
        unsure = (file for file in files if file.confidence is Confidence.GUESS)
        without = (file for file in files if metric not in file.metrics)
        for file in (*without, *unsure):
            message = f"--keep-best: nobody recorded {metric} of {file.path}; {file.basis}."
            raise CommandError(message)
    return _Target(
        name=folder.resolve().name,
        path=folder,
        plan=plan_prune(policy, files),
        shown={file.id: (file.epoch, file.path) for file in files},
        files=tuple(files),
    )


def _listed(target: _Target) -> list[Any]:
    plan = target.plan
    rows: list[list[str | Text]] = []
    for step in plan.steps:
        epoch, path = target.shown[step.id]
        fate = styled(step.fate, _STYLES[step.fate])
        printed = str(epoch + 1) if epoch >= 0 else ""
        frees = size(step.frees_bytes) if step.frees_bytes else ""
        rows.append([fate, printed, path, size(step.size_bytes), frees, step.why])
    columns = [("", False), ("epoch", True), ("file", False), ("size", True), ("frees", True)]
    gone, less = len(plan.of(Fate.DELETE)), len(plan.of(Fate.DEMOTE))
    smaller = f" and {less} become smaller" if less else ""
    told = (
        f"To keep {plan.policy}, {gone} of {len(plan.steps)} go{smaller}: "
        f"{size(plan.frees_bytes)} freed, {size(plan.left_bytes)} left."
    )
    parts: list[Any] = [styled(target.name, "bold"), table([*columns, ("why", False)], rows), told]
    if not plan.within_budget:
        parts.append(styled(f"The budget is exceeded: {_FLOOR}", "yellow"))
    return parts


def _agreed(args: argparse.Namespace) -> bool:
    if args.dry_run or args.json or not (sys.stdin.isatty() and sys.stdout.isatty()):
        return False
    return input("Do it? [y/N] ").strip().lower() in ("y", "yes")


def _carry_out(
    targets: list[_Target], policy: RetentionPolicy, *, adopt: bool, trash: bool
) -> dict[str, PruneResult]:
    results = {}
    steps = sum(step.fate is not Fate.KEEP for one in targets for step in one.plan.steps)
    steps += sum(len(target.files) for target in targets)
    with _progress() as progress:
        task = progress.add_task("pruning", total=steps)
        for target in targets:
            if target.run is None:
                adopt_files(target.path, target.files, lambda _: progress.advance(task))
            elif adopt:
                adopt_entries(target.path, foreign_entries(target.run.timeline))
            results[target.name] = prune_run(
                target.run or Run(target.path),
                policy,
                dry_run=False,
                trash=trash,
                progress=lambda _: progress.advance(task),
            )
    return results


def _progress() -> Progress:
    return Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        console=console(sys.stderr),
        disable=not sys.stderr.isatty(),
        transient=True,
    )


def _told(results: dict[str, PruneResult], args: argparse.Namespace) -> list[Any]:
    deleted = sum(len(result.deleted) for result in results.values())
    trashed = sum(len(result.trashed) for result in results.values())
    demoted = sum(len(result.demoted) for result in results.values())
    freed = size(sum(result.freed_bytes for result in results.values()))
    smaller = f", {demoted} made smaller" if demoted else ""
    told = [f"{deleted} removed{smaller}: {freed} freed."]
    if trashed:
        told = [
            f"{deleted} removed{smaller}: {freed} freed once the trash is emptied (--empty-trash).",
            f"Take them back: epochline prune {shlex.quote(args.logdir)} --undo",
        ]
    problems = [problem for result in results.values() for problem in result.problems]
    return [
        styled(told[0], "bold"),
        *told[1:],
        *(styled(f"{problem.message} {problem.hint}", "red") for problem in problems),
    ]


def _value(target: _Target, result: PruneResult | None) -> dict[str, Any]:
    plan = target.plan
    steps = []
    for step in plan.steps:
        epoch, path = target.shown[step.id]
        values = {spec.name: getattr(step, spec.name) for spec in fields(PruneStep)}
        steps.append({"printed_epoch": epoch + 1 if epoch >= 0 else None, "path": path, **values})
    return {
        "run": target.name,
        "policy": plan.policy,
        "deleted": list(result.deleted) if result else [],
        "demoted": list(result.demoted) if result else [],
        "freed_bytes": result.freed_bytes if result else 0,
        "left_bytes": plan.left_bytes,
        "within_budget": plan.within_budget,
        "problems": [problem.message for problem in result.problems] if result else [],
        "steps": steps,
    }


def _undo(args: argparse.Namespace) -> int:
    back: dict[str, tuple[Checkpoint, ...]] = {}
    missing = None
    if parse_reference(args.logdir)[1] is not None:
        _, item = checkpoint_at(args.logdir, ".")
        return _told_back(args, {item.run_dir.name: (item.recover(),)})
    for name, one in open_runs(args.logdir):
        try:
            back[name] = one.undo_prune()
        except CheckpointMissingError as error:
            missing = error
    if not back and missing is not None:
        raise missing
    return _told_back(args, back)


def _told_back(args: argparse.Namespace, back: Mapping[str, tuple[Checkpoint, ...]]) -> int:
    if args.json:
        rows = [{"run": name, "recovered": [i.id for i in items]} for name, items in back.items()]
        emit_json({"runs": rows})
        return 0
    for name, items in back.items():
        epochs = ", ".join(str(item.epoch + 1) for item in items)
        emit(f"{name}: {len(items)} taken back out of the trash (epoch {epochs}).")
    return 0


def _empty(args: argparse.Namespace) -> int:
    rows = []
    for name, one in open_runs(args.logdir):
        freed = trash_of(one.path).empty()
        rows.append({"run": name, "freed_bytes": freed})
        if not args.json:
            emit(f"{name}: {size(freed)} freed.")
    if args.json:
        emit_json({"runs": rows})
    return 0
