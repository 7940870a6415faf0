"""`epochline why`: the story of a run, or of one of its epochs."""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

from rich.table import Table

from epochline.cli.command import CommandError, add_json, add_logdir, run_at
from epochline.cli.output import emit, emit_json, styled
from epochline.cli.values import decision_value, moment_value
from epochline.events import SaveReason, Topic, Verdict
from epochline.run import Checkpoint, Run
from epochline.sentences import size
from epochline.timeline import DecisionEntry, Moment, RunState, SessionEntry, Status

NAME = "why"
HELP = "tell what was decided, and why"
DESCRIPTION = """\
Tells a run as a story: what was saved because it was better, each change of the learning rate, the
early stop, restores, failures, each with its numbers. With EPOCH (as Keras prints it, from 1), all
of that epoch, also what was decided against. With --all, all of every epoch.

With --json: {run, story: [{session, epoch, printed_epoch, step, batch, wall_time, kind, verdict,
sentence, decision}]}; `kind` is session, restore, notice, checkpoint or decision, `verdict` the
word of the second column, `decision` null or a DECISION: {session, epoch, printed_epoch, step,
batch, wall_time, acted, sentence, callback, topic, verdict, position, monitor, mode, observed,
best, best_epoch, min_delta, baseline, wait, patience, cooldown, start_from_epoch, lr_before,
lr_after, min_lr, optimizer, path, detail}."""

_WORDS: Final = {
    Verdict.SAVED: "saved",
    Verdict.NOT_SAVED: "not saved",
    Verdict.IMPROVED: "improved",
    Verdict.WAITING: "waiting",
    Verdict.CHANGED: "LR changed",
    Verdict.AT_FLOOR: "at floor",
    Verdict.COOLING_DOWN: "cooldown",
    Verdict.WARMING_UP: "warm-up",
    Verdict.STOPPED: "stopped",
    Verdict.WEIGHTS_RESTORED: "restored",
    Verdict.RESTORED: "restored",
    Verdict.METRIC_MISSING: "no metric",
    Verdict.SKIPPED: "skipped",
    Verdict.BACKED_UP: "backed up",
    Verdict.BACKUP_REMOVED: "removed",
    Verdict.SWAPPED_IN: "EMA in",
    Verdict.SWAPPED_BACK: "EMA out",
    Verdict.EMA_VALIDATED: "EMA tested",
}
_STYLES: Final = {
    "saved": "green",
    "failed": "red",
    "LR cut": "cyan",
    "LR raised": "cyan",
    "stopped": "yellow",
    "restored": "magenta",
    "note": "yellow",
    "no metric": "red",
    "at floor": "yellow",
}
# Told when they begin, not again in every epoch that they last.
_LASTING: Final = frozenset({Verdict.AT_FLOOR, Verdict.METRIC_MISSING})


@dataclass(frozen=True, slots=True, kw_only=True)
class _Line:
    """One line of the story.

    Attributes:
        moment: When.
        kind: What kind of thing it is.
        verdict: In one or two words.
        sentence: In one sentence.
        turning_point: Whether it belongs to the short story.
        decision: Its numbers.
    """

    moment: Moment
    kind: str
    verdict: str
    sentence: str
    turning_point: bool = True
    decision: DecisionEntry | None = None


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declares the arguments."""
    add_logdir(parser, several=False)
    parser.add_argument(
        "epoch", metavar="EPOCH", nargs="?", type=int, help="one epoch, as Keras prints it (from 1)"
    )
    parser.add_argument("--all", action="store_true", help="also what was decided against")
    add_json(parser)


def run(args: argparse.Namespace) -> int:
    """Prints the story."""
    item = run_at(args.logdir)
    lines = _story(item)
    if args.epoch is not None:
        lines = [line for line in lines if line.moment.epoch == args.epoch - 1]
        if not lines:
            raise CommandError(_no_such_epoch(item, args.epoch))
    elif not args.all:
        lines = [line for line in lines if line.turning_point]
    if args.json:
        emit_json({"run": item.name, "story": [_value(line) for line in lines]})
        return 0
    emit(_table(lines))
    if args.epoch is None:
        emit(*(styled(text, "dim") for text in _footer(item)))
    return 0


def _no_such_epoch(run: Run, epoch: int) -> str:
    epochs = [row.epoch + 1 for row in run.timeline.epochs]
    known = (
        f"It has epochs {min(epochs)} to {max(epochs)}." if epochs else "No epoch has ended yet."
    )
    return f"Nothing is recorded of epoch {epoch} of {run.name!r}. {known}"


def _story(run: Run) -> list[_Line]:
    lines = [
        *_sessions(run),
        *(
            _Line(moment=item, kind="restore", verdict="restored", sentence=item.sentence)
            for item in run.restores
        ),
        *(
            _Line(
                moment=item, kind="notice", verdict="note", sentence=f"{item.message} {item.hint}"
            )
            for item in run.notices
        ),
        *(_checkpoint(item) for item in run.checkpoints),
        *_decisions(run),
        *_ends(run),
    ]
    # Within one record the order above is the order of things.
    order = {session.id: place for place, session in enumerate(run.sessions)}
    return sorted(lines, key=lambda line: (order[line.moment.session], line.moment.wall_time))


def _sessions(run: Run) -> Iterator[_Line]:
    for session in run.sessions:
        start = session.start
        planned = f" to {start.planned_epochs}" if start.planned_epochs else ""
        parts = [f"training from epoch {start.initial_epoch + 1}{planned}"]
        parts += [text for text in (start.backend, ", ".join(start.callbacks)) if text]
        if start.save:
            parts.append(f"saves {start.save}" + (f", keeps {start.keep}" if start.keep else ""))
        moment = _at(session, session.started, start.initial_epoch)
        sentence = "; ".join(parts) + "."
        yield _Line(moment=moment, kind="session", verdict="started", sentence=sentence)


def _ends(run: Run) -> Iterator[_Line]:
    for session in run.sessions:
        running = run.state is RunState.RUNNING and session is run.sessions[-1]
        verdict = "running" if running else "ended"
        epoch = session.start.initial_epoch if session.last_epoch is None else session.last_epoch
        moment = _at(session, session.ended or session.last_wall_time, epoch)
        sentence = session.message(running=running)
        yield _Line(moment=moment, kind="session", verdict=verdict, sentence=sentence)


def _at(session: SessionEntry, wall_time: float, epoch: int) -> Moment:
    return Moment(session=session.id, epoch=epoch, step=0, batch=0, wall_time=wall_time)


def _checkpoint(item: Checkpoint) -> _Line:
    failed = item.status is Status.FAILED
    sentence = item.why.removeprefix("Saved: ").removeprefix("Saved ").removeprefix("Save failed: ")
    if item.restorable or item.status is Status.PRUNED:
        # The reason is its first sentence; what became of the file is told shorter here.
        sentence = sentence.partition(". ")[0].removesuffix(".")
        fate = size(item.size_bytes) if item.restorable else "removed since"
        sentence = f"{sentence}, {item.file.name}, {fate}"
    return _Line(
        moment=item,
        kind="checkpoint",
        verdict="failed" if failed else "saved",
        sentence=sentence,
        turning_point=failed or item.reason is not SaveReason.SCHEDULED,
    )


def _decisions(run: Run) -> Iterator[_Line]:
    saved = {(item.session, item.wall_time) for item in run.checkpoints}
    lasting: dict[tuple[str, str, Topic], Verdict] = {}
    for decision in run.decisions:
        cause = (decision.session, decision.callback, decision.topic)
        begins = decision.verdict in _LASTING and lasting.get(cause) is not decision.verdict
        lasting[cause] = decision.verdict
        if decision.verdict is Verdict.SAVED and (decision.session, decision.wall_time) in saved:
            continue  # told by the checkpoint itself
        yield _Line(
            moment=decision,
            kind="decision",
            verdict=_word(decision),
            sentence=decision.sentence.removeprefix("Not saved: "),
            turning_point=decision.acted or begins,
            decision=decision,
        )


def _word(decision: DecisionEntry) -> str:
    before, after = decision.lr_before, decision.lr_after
    if decision.verdict is Verdict.CHANGED and before is not None and after is not None:
        return "LR cut" if after < before else "LR raised"
    return _WORDS[decision.verdict]


def _table(lines: list[_Line]) -> Table:
    grid = Table.grid(padding=(0, 2, 0, 0))
    grid.add_column(no_wrap=True)
    grid.add_column(no_wrap=True)
    grid.add_column(overflow="fold")
    before: tuple[str, int] | None = None
    for line in lines:
        place = (line.moment.session, line.moment.epoch)
        label = "" if place == before else f"epoch {line.moment.epoch + 1}"
        before = place
        style = _STYLES.get(line.verdict, "dim")
        grid.add_row(styled(label, "bold"), styled(line.verdict, style), styled(line.sentence))
    return grid


def _footer(run: Run) -> list[str]:
    return [*(gap.message for gap in run.gaps), *(damage.message for damage in run.damages)]


def _value(line: _Line) -> dict[str, Any]:
    return {
        **moment_value(line.moment),
        "kind": line.kind,
        "verdict": line.verdict,
        "sentence": line.sentence,
        "decision": decision_value(line.decision) if line.decision else None,
    }
