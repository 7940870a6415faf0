"""Ask a run: its history, checkpoints and decisions, from the files alone.

Reads event files and looks at the checkpoint files; works while the run is being trained, and when
neither TensorBoard nor Keras is installed or running. Asking writes nothing; what is done to the
checkpoints (pin, prune, recover) is done by `upkeep.py`.

Invariant: a `Run` shows one moment; it changes only by `refresh`.
"""

from __future__ import annotations

import gc
import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from epochline.errors import CheckpointMissingError, CheckpointNotFoundError, RunNotFoundError
from epochline.events import ACTIONS, Mode, Record
from epochline.reader import Damage, find_runs, read_records
from epochline.session import lock_path
from epochline.store import (
    FileState,
    VerifyResult,
    export_sharded,
    export_verified,
    is_locked,
    records_of,
    verify_all,
)
from epochline.timeline import (
    Branch,
    CheckpointEntry,
    DecisionEntry,
    Gap,
    NoticeEntry,
    RequestEntry,
    RestoreEntry,
    RunState,
    SessionEntry,
    Status,
    Timeline,
    build_timeline,
)

if TYPE_CHECKING:
    from epochline.layout import Layout
    from epochline.restore.live import Live
    from epochline.restore.load import RestoreResult
    from epochline.restore.requests import Answer, Counters, LearningRate
    from epochline.retention import RetentionPolicy
    from epochline.statistics import Measurements
    from epochline.upkeep import PruneResult

__all__ = ["Checkpoint", "Run", "open_run"]


@dataclass(frozen=True, kw_only=True)
class Checkpoint(CheckpointEntry):
    """A checkpoint of a run, and what can be done with its file.

    Attributes:
        run_dir: The run directory, absolute.
    """

    run_dir: Path

    @property
    def file(self) -> Path:
        """Its file, as an absolute path."""
        return self.run_dir / self.path

    @cached_property
    def layout(self) -> Layout | None:
        """Where its variables lie in its file; None when that was not recorded.

        Raises:
            EventFormatError: If the record is damaged.
        """
        from epochline.layout import Layout

        return None if self.described is None else Layout.from_event(self.described)

    @cached_property
    def measurements(self) -> Measurements | None:
        """Statistics and digests of its variables, in the order of `layout`; None without one.

        They were recorded when it was saved, and stay when its file goes.

        Raises:
            EventFormatError: If the record is damaged.
        """
        from epochline.statistics import Measurements

        if self.measured is None or self.described is None:
            return None
        return Measurements.from_event(self.measured)

    def restore(self, model: Any, *, optimizer: bool = True) -> RestoreResult:
        """Loads it into `model`: all of it, or nothing.

        Args:
            model: A built Keras model of the same architecture.
            optimizer: Whether to load the state of the optimizer as well (moments, step, learning
                rate), if there is one; the optimizer is built for it. With False the optimizer
                stays as it is.

        Returns:
            What was restored; print its `message`.

        Raises:
            CheckpointMissingError: If the file is gone, or was never saved.
            CheckpointCorruptError: If its bytes are not those that were saved; the model was not
                touched.
            CheckpointMismatchError: If it does not fit the model, which is left as it was.
        """
        from epochline.restore.load import restore_into

        return restore_into(model, self, self.file, optimizer=optimizer)

    def restore_live(
        self,
        *,
        optimizer: bool | None = None,
        learning_rate: LearningRate | None = None,
        counters: Counters | str = "reset",
        dry_run: bool = False,
        timeout: float = 60.0,
    ) -> Answer:
        """Takes the training of its run, which must be running, back to it.

        It is loaded before the next batch, all of it or nothing; the state before is saved first,
        so that `run.live.undo()` brings it back. The epoch counter of `fit` goes on.

        Args:
            optimizer: Whether the state of the optimizer is restored as well; if the checkpoint
                holds it when None.
            learning_rate: Afterwards: `"keep"` for the present one, `"checkpoint"`, or a number.
                When None, the checkpoint's with the optimizer, else the present one.
            counters: Of `EarlyStopping` and `ReduceLROnPlateau`: `"reset"` or `"keep"`.
            dry_run: Whether to tell only what would happen; see `Answer.plan`.
            timeout: Seconds to wait until the training takes the request.

        Returns:
            The answer: true when it was done; else its `message` says why not.

        Raises:
            RequestError: If that is no learning rate.

        Example:
            >>> answer = run.best("val_loss").restore_live()  # doctest: +SKIP
            >>> print(answer.message)  # doctest: +SKIP
        """
        from epochline.restore.live import Live

        return Live(self.run_dir, timeout=timeout).restore(
            self.id,
            optimizer=self.has_optimizer if optimizer is None else optimizer,
            learning_rate=learning_rate,
            counters=counters,
            dry_run=dry_run,
        )

    def verify(self) -> VerifyResult:
        """Reads the file again; the answer is true only when it is there and matches its digest.

        Of a sharded checkpoint, all files are read.
        """
        if self.size_bytes is None or self.digest is None or self.status is Status.PRUNED:
            return VerifyResult(
                state=FileState.MISSING,
                message=f"{self.file.name} is not there. {self.why}",
                path=self.file,
                expected_size_bytes=self.size_bytes or 0,
                expected_digest=self.digest or "",
            )
        return verify_all(records_of(self.file, self.stored))

    def export(self, path: str | os.PathLike[str], *, replace: bool = False) -> Path:
        """Copies the file to `path`, checked against its digest on the way, and returns the path.

        With a `path` that ends in `.keras`, a checkpoint of weights becomes a whole model: all but
        the weights come from the run's `model.keras`. Nothing is deserialized for it.

        Args:
            path: Where the copy goes; a directory for the same name there. Else the ending should
                be that of the original, since Keras looks at it, or `.keras`. The shards of a
                `.weights.json` go beside it and are named after it.
            replace: Whether a file that is there may be replaced; those of a sharded checkpoint
                never are, because several files cannot be replaced as one.

        Raises:
            CheckpointMissingError: If the file is gone, or was never saved.
            CheckpointCorruptError: If its bytes are not those that were saved; nothing was written.
            FileExistsError: If `path` exists and is not replaced.
            ModelFileError: If a `.keras` file is asked for, and there is no `model.keras`, or it is
                of another model.
        """
        if self.size_bytes is None or self.digest is None or self.status is Status.PRUNED:
            raise CheckpointMissingError(
                str(self.file), f"{self.file.name} cannot be copied. {self.why}"
            )
        target = Path(path)
        if target.is_dir():
            target /= self.file.name
        files = records_of(self.file, self.stored)
        if target.suffix == ".keras" != self.file.suffix:
            from epochline.archive import MODEL_FILE, export_archive

            model_file = self.run_dir / MODEL_FILE
            return export_archive(
                files, model_file, target, layout=self.layout, replace=replace
            ).path
        if self.parts:
            return export_sharded(files, target).path
        return export_verified(
            self.file, target, size_bytes=self.size_bytes, digest=self.digest, replace=replace
        ).path

    def pin(self, note: str | None = None) -> Checkpoint:
        """Makes it stay whatever a retention policy says, and returns it as it is then.

        A training that runs sees the pin before it prunes the next time.

        Args:
            note: What to note, up to 4000 characters; None leaves what was noted.

        Raises:
            CheckpointMissingError: If its file is not there.
            ValueError: If the note is longer.
        """
        if not self.restorable:
            raise CheckpointMissingError(
                str(self.file), f"{self.file.name} cannot be pinned. {self.why}"
            )
        return self._annotated(pinned=True, note=note)

    def unpin(self) -> Checkpoint:
        """Leaves it to the retention policies again, and returns it as it is then."""
        return self._annotated(pinned=False)

    def annotate(self, *, note: str | None = None, tags: Sequence[str] | None = None) -> Checkpoint:
        """Notes something, or tags it, and returns it as it is then.

        Args:
            note: Text for people, up to 4000 characters; None leaves what was noted.
            tags: Up to 30 words of up to 60 characters, in place of those before; None leaves them.

        Raises:
            ValueError: If note or tags are longer.
        """
        return self._annotated(note=note, tags=tags)

    def recover(self) -> Checkpoint:
        """Takes it out of the trash, and returns it as it is then.

        No training prunes it again; a prune by hand may.

        Raises:
            CheckpointMissingError: If it is not in the trash (any more).
            FileExistsError: If another file is at its place.
        """
        from epochline.upkeep import undo_prune

        run = Run(self.run_dir)
        undo_prune(run, (self.id,))
        return run.checkpoint(self.id)

    def _annotated(self, **said: Any) -> Checkpoint:
        from epochline.upkeep import annotate

        event = annotate(self.run_dir, self.id, **said)
        status = self.status
        if self.restorable:
            status = Status.PINNED if event.pinned else Status.SAVED
        return replace(self, pinned=event.pinned, note=event.note, tags=event.tags, status=status)


class Run:
    """A run that Epochline recorded; made by `open_run`.

    Args:
        path: The run directory.

    Attributes:
        path: The run directory, absolute.
        name: Name of that directory.
        timeline: All that is known of the run, as one value.
        damages: Parts of the event files that could not be read.
        state: What the run is doing.
        actions_seen: Number of the last record of what was done by hand, -1 when there is none.
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self.path = Path(path).resolve()
        self.name = self.path.name
        self.refresh()

    def refresh(self) -> None:
        """Reads the run again."""
        # First: a training that ends in between has then written its last record already.
        alive = is_locked(lock_path(self.path))
        with _without_collection():
            result = read_records(self.path)
            self.timeline: Timeline = _timeline(self.path, result.records)
        self.damages: tuple[Damage, ...] = result.damages
        self.actions_seen = max((r.seq for r in result.records if r.session == ACTIONS), default=-1)
        self.state: RunState = self.timeline.state(alive=alive)

    @property
    def history(self) -> dict[str, list[float]]:
        """Metric name to values per epoch, like `History.history`."""
        return self.timeline.history()

    @property
    def metric_names(self) -> tuple[str, ...]:
        """Names of all metrics, in the order in which they first came up."""
        return self.timeline.metric_names

    @property
    def monitor(self) -> str | None:
        """The metric that checkpoints are ranked by."""
        return self.timeline.monitor

    @property
    def checkpoints(self) -> tuple[Checkpoint, ...]:
        """All checkpoints, oldest first, also those that are gone."""
        return tuple(_own(entry) for entry in self.timeline.checkpoints)

    @property
    def decisions(self) -> tuple[DecisionEntry, ...]:
        """Every verdict with its reason and numbers, oldest first."""
        return self.timeline.decisions

    @property
    def sessions(self) -> tuple[SessionEntry, ...]:
        """The `fit` calls of the run, oldest first."""
        return self.timeline.sessions

    @property
    def restores(self) -> tuple[RestoreEntry, ...]:
        """Checkpoints that were loaded before or while training."""
        return self.timeline.restores

    @property
    def live(self) -> Live:
        """The training of this run while it is running: pause, stop, save, learning rate, undo."""
        from epochline.restore.live import Live

        return Live(self.path)

    @property
    def lineage(self) -> tuple[Branch, ...]:
        """The way from the first batch to the present state; what is not on it was left behind."""
        return self.timeline.lineage

    @property
    def requests(self) -> tuple[RequestEntry, ...]:
        """What the trainings of the run were asked for while they ran, and what became of that."""
        return self.timeline.requests

    @property
    def notices(self) -> tuple[NoticeEntry, ...]:
        """What the user should know."""
        return self.timeline.notices

    @property
    def gaps(self) -> tuple[Gap, ...]:
        """Records that are missing between others."""
        return self.timeline.gaps

    def best(self, metric: str | None = None, mode: Mode | str | None = None) -> Checkpoint:
        """Returns the restorable checkpoint with the best value of a metric.

        Of equal ones it is the later.

        Args:
            metric: Name as in `history`; the `monitor` of the run when None.
            mode: `"min"` or `"max"`; as Keras knows the metric when None.

        Raises:
            MetricNotFoundError: If no checkpoint has that metric; the message names those that
                exist.
            CheckpointNotFoundError: If none can be restored, or the run has no monitor to go by.
        """
        return _own(self.timeline.best(*self._ranking(metric, mode)))

    def ranked(
        self, metric: str | None = None, mode: Mode | str | None = None
    ) -> tuple[Checkpoint, ...]:
        """Returns the restorable checkpoints that have a metric, the best first.

        Args:
            metric: As for `best`.
            mode: Likewise.

        Raises:
            MetricNotFoundError: If no checkpoint has that metric; the message names those that
                exist.
            CheckpointNotFoundError: If the run has no monitor to go by.
        """
        return tuple(map(_own, self.timeline.ranked(*self._ranking(metric, mode))))

    def _ranking(self, metric: str | None, mode: Mode | str | None) -> tuple[str, Mode | None]:
        wanted = metric or self.monitor
        if wanted is None:
            names = ", ".join(self.metric_names) or "none yet"
            raise CheckpointNotFoundError(
                "best", f"This run has no monitor: name a metric. Metrics of this run: {names}."
            )
        return wanted, None if mode is None else Mode(mode)

    def latest(self) -> Checkpoint:
        """Returns the newest restorable checkpoint.

        Raises:
            CheckpointNotFoundError: If there is none.
        """
        return _own(self.timeline.latest())

    def at(self, *, epoch: int) -> Checkpoint:
        """Returns the newest restorable checkpoint of an epoch.

        Args:
            epoch: Zero-based, as Keras hooks count; Keras prints one more.

        Raises:
            CheckpointNotFoundError: If there is none; the message names the epochs that have one.
        """
        return _own(self.timeline.at(epoch))

    def checkpoint(self, checkpoint_id: str) -> Checkpoint:
        """Returns the checkpoint whose id is, or alone begins with, `checkpoint_id`.

        Raises:
            CheckpointNotFoundError: If there is none, or more than one.
        """
        return _own(self.timeline.by_id(checkpoint_id))

    def prune(
        self, policy: RetentionPolicy, *, dry_run: bool = True, trash: bool = True
    ) -> PruneResult:
        """Lets go the checkpoints that a retention policy does not keep.

        Only files that Epochline wrote, and that still are what was recorded, are touched. The run
        may be trained meanwhile.

        Args:
            policy: What to keep, such as `KeepLast(2) | KeepBest("val_loss", 3)`, perhaps with
                `.demote(...)` and `.within("20 GB")`.
            dry_run: True, the default, only tells what would go, what it frees and why.
            trash: Whether what goes stays in the trash for a while, from where `undo_prune` takes
                it back.

        Returns:
            The plan, with what was done of it.

        Raises:
            PruneBusyError: If somebody else is pruning the run.

        Example:
            >>> for step in run.prune(KeepLast(2)).plan.steps:  # doctest: +SKIP
            ...     print(step.id, step.fate, step.frees_bytes, step.why)
        """
        from epochline.upkeep import prune_run

        return prune_run(self, policy, dry_run=dry_run, trash=trash)

    def undo_prune(self, *checkpoint_ids: str) -> tuple[Checkpoint, ...]:
        """Takes checkpoints out of the trash, and returns them.

        Args:
            *checkpoint_ids: Which ones; those that the newest prune by hand removed when none is
                given.

        Raises:
            CheckpointMissingError: If there is nothing to take out, or one is not in the trash any
                more.
            FileExistsError: If another file is at the place of one; the others were taken out.
            PruneBusyError: If somebody else is pruning the run.
        """
        from epochline.upkeep import undo_prune

        return tuple(self.checkpoint(name) for name in undo_prune(self, checkpoint_ids))

    def plot(self, path: str | os.PathLike[str], *, metrics: tuple[str, ...] = ()) -> Path:
        """Draws train and validation curves with the markers into a file, and returns its path.

        Args:
            path: The file; its ending chooses the format (`.png`, `.svg`, `.pdf`).
            metrics: Which metrics, without `val_`; all but the learning rate when empty.

        Raises:
            ImportError: If matplotlib is not installed.
            MetricNotFoundError: If the run has no metric of that name.
        """
        from epochline.plot import plot_run

        return plot_run(self, path, metrics=metrics)

    def __repr__(self) -> str:
        return (
            f"<Run {self.name!r}: {self.state}, {len(self.timeline.epochs)} epochs, "
            f"{sum(item.restorable for item in self.timeline.checkpoints)} checkpoints>"
        )


def open_run(path: str | os.PathLike[str]) -> Run:
    """Opens a run for reading.

    Args:
        path: The directory that was passed to `Timeline`, or one above it that holds exactly one
            run.

    Raises:
        RunNotFoundError: If there is none, or more than one; the message names them.

    Example:
        >>> run = open_run("logs/pima")  # doctest: +SKIP
        >>> run.best("val_accuracy").restore(model)  # doctest: +SKIP
    """
    runs = find_runs(path)
    if "." in runs:
        return Run(path)
    if len(runs) == 1:
        return Run(Path(path, runs[0]))
    raise RunNotFoundError(os.fspath(path), runs)


@contextmanager
def _without_collection() -> Iterator[None]:
    """Puts the search for cycles off: many thousand new values without any would be searched."""
    collecting = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if collecting:
            gc.enable()


def _timeline(run_dir: Path, records: Sequence[Record]) -> Timeline:
    timeline = build_timeline(records)
    entries = timeline.with_files(_sizes(run_dir, timeline)).checkpoints
    return replace(timeline, checkpoints=tuple(_checkpoint(run_dir, entry) for entry in entries))


def _sizes(run_dir: Path, timeline: Timeline) -> Mapping[str, int | None]:
    sizes: dict[str, int | None] = {}
    root = os.path.join(run_dir, "")
    for path in timeline.files():
        try:
            sizes[path] = os.stat(path if os.path.isabs(path) else root + path).st_size
        except (FileNotFoundError, NotADirectoryError):
            sizes[path] = None
    return sizes


def _checkpoint(run_dir: Path, entry: CheckpointEntry) -> Checkpoint:
    # A constructor of as many arguments takes ten times as long; there may be ten thousand of them.
    values = vars(entry).copy()
    values["run_dir"] = run_dir
    checkpoint = object.__new__(Checkpoint)
    object.__setattr__(checkpoint, "__dict__", values)
    return checkpoint


def _own(entry: CheckpointEntry) -> Checkpoint:
    return cast("Checkpoint", entry)  # refresh() made all of them so
