"""Carry out the saving of a checkpoint: write the file, look into it, record it, tidy up.

This is the one place where a file and its record come together, in the order that loses nothing:
the file is durable before it is recorded, a name is taken from the old checkpoint before it is
given to the new one, and an old checkpoint goes only when a new one is there.

It runs in any thread and touches neither the model nor Keras.

Invariant: no exception leaves `Writer.carry_out`. A save that fails is logged as an error and
recorded, and leaves the file that was there before. Weights that are not healthy never take the
name of a checkpoint whose weights are.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath
from typing import NamedTuple

from epochline.callbacks.catalog import Catalog, Kept
from epochline.callbacks.keras_archive import write_model_file
from epochline.callbacks.serialize import Image
from epochline.events import (
    CheckpointFailed,
    CheckpointPruned,
    CheckpointSaved,
    Event,
    FilePart,
    Health,
    VariablesDescribed,
)
from epochline.health import Weights, examine
from epochline.pruning import Problem
from epochline.retention import ModeOf, RetentionPolicy
from epochline.session import Position, Session
from epochline.store import PendingFile, WrittenFile
from epochline.store.dedup import ClonedFile, Dedup, Originals
from epochline.store.parts import PendingParts

__all__ = ["ModelFile", "Order", "Pruning", "Then", "Writer"]

_log = logging.getLogger("epochline")

Then = Callable[[CheckpointSaved | None], None]
"""Called with what was recorded, with None when the save failed; by the thread that wrote."""


class Pruning(NamedTuple):
    """What is done with older checkpoints when a new one is safe.

    Attributes:
        policy: Says what to keep.
        mode_of: Says which direction of a metric is better; called from another thread.
    """

    policy: RetentionPolicy
    mode_of: ModeOf


class ModelFile(NamedTuple):
    """The `.keras` file that keeps the model itself, beside files that hold weights only.

    Attributes:
        path: Where it is.
        members: Name to content of all members but the weights.
    """

    path: Path
    members: Mapping[str, bytes]


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """A checkpoint that is to be written.

    Attributes:
        image: Its bytes.
        path: Where to.
        overwrite: Whether a file of that name is replaced.
        at: Where the training was when the image was taken.
        saved: What will be recorded, as far as it is known before the file is there.
        pruning: What is done with older checkpoints then.
        then: Called at the end.
        model_file: Written as well, unless it is there.
        dedup: How bytes that were written before may be stored once.
    """

    image: Image
    path: Path
    overwrite: bool
    at: Position
    saved: CheckpointSaved
    pruning: Pruning | None
    then: Then | None
    model_file: ModelFile | None
    dedup: Dedup = Dedup.NONE


class Writer:
    """Writes the checkpoints of one session.

    Args:
        session: Where it is recorded.
        catalog: The checkpoints of the run; kept up to date.
    """

    def __init__(self, session: Session, catalog: Catalog) -> None:
        self.catalog = catalog
        self._session = session
        self._healthy: Weights | None = None
        self._originals = Originals()
        self._described: dict[str, VariablesDescribed] = {}

    def carry_out(self, order: Order) -> bool:
        """Writes a checkpoint and does all that follows; returns whether it is there."""
        try:
            saved, weights = self._write(order)
        except Exception as error:  # noqa: BLE001 – whatever went wrong, training must go on
            self.failed(order.saved, order.at, error, order.then)
            return False
        try:
            self._record(order, saved, weights)
            if order.model_file is not None:
                self._write_model_file(*order.model_file, order.path)
            if order.pruning is not None:
                self._tell(
                    self.catalog.prune(
                        *order.pruning,
                        folder=PurePosixPath(saved.path).parent,
                        session=self._session,
                    )
                )
            if order.then is not None:
                order.then(saved)
        except Exception:  # noqa: BLE001 – as above
            _log.exception("Epochline failed after %s was saved. Training goes on.", saved.path)
        return True

    def replaced(self, saved: CheckpointSaved) -> list[Event]:
        """Returns what is to be recorded of the checkpoint whose name `saved` takes."""
        before = self.catalog.at(saved.path)
        return [CheckpointPruned(id=before.id, replaced_by=saved.id)] if before else []

    def failed(
        self, saved: CheckpointSaved, at: Position, error: Exception, then: Then | None
    ) -> None:
        """Says and records that `saved` could not be saved."""
        message = f"{type(error).__name__}: {error}"
        _log.error("Epochline could not save %s. Training goes on. %s", saved.path, message)
        self._session.record(
            CheckpointFailed(
                id=saved.id,
                path=saved.path,
                message=message if message.endswith(".") else message + ".",
                errno=error.errno if isinstance(error, OSError) else None,
                metrics=saved.metrics,
            ),
            at=at,
        )
        if then is not None:
            then(None)

    def warn_of(self, saved: CheckpointSaved, epoch: int) -> None:
        """Tells the user when the weights of zero-based `epoch`, just saved, are not healthy."""
        if saved.health is not Health.HEALTHY:
            self._session.notice(
                "weights_not_healthy",
                f"The weights that {saved.callback} saved at epoch {epoch + 1} are not healthy, "
                f"whatever the loss says. {saved.health_detail}",
                "Go back to an earlier checkpoint, lower the learning rate, or clip the gradients.",
            )

    def _write(self, order: Order) -> tuple[CheckpointSaved, Weights | None]:
        image, saved = order.image, order.saved
        weights = None
        self._make_room(image.size_bytes or 0)
        with self._pending(order) as pending:
            measured = image.write(pending.write, pending.reuse)
            if measured is not None and image.layout is not None:
                weights = Weights(layout=image.layout, measurements=measured, step=order.at.step)
                report = examine(weights, self._healthy)
                saved = replace(saved, health=report.health, health_detail=report.detail)
            name = order.path.name
            before = self.catalog.at(saved.path)
            if before is not None and before.healthy and saved.health is not Health.HEALTHY:
                name = _set_aside(name, order.at)
                saved = replace(saved, path=self._session.relative(order.path.with_name(name)))
            # Said before the name changes hands: were we killed in between, or the power lost, the
            # list would else show the old checkpoint with the new one's weights.
            replaced = self.replaced(saved)
            if replaced:
                self._session.record(*replaced, at=order.at)
                self._session.sync()
            written = pending.publish(name)
        saved = replace(
            saved,
            size_bytes=written.size_bytes,
            digest=written.digest,
            save_seconds=written.seconds,
            parts=self._parts(pending.parts),
        )
        return saved, weights

    def _make_room(self, size_bytes: int) -> None:
        try:
            self.catalog.trash.make_room(size_bytes)
        except OSError as error:  # there may be room enough; if not, the save says so
            problem = Problem(
                message=f"The trash could not be emptied: {error.strerror or error}.",
                hint="It takes room; delete it by hand if the disk fills.",
            )
            self._tell([problem])

    def _pending(self, order: Order) -> PendingFile | PendingParts:
        size_bytes = order.image.size_bytes
        if order.image.division is not None:
            return PendingParts(order.path, order.image.division, self._original)
        if order.dedup is Dedup.CLONES and size_bytes is not None:
            alike = (one for one in self.catalog.newest_first() if one.size_bytes == size_bytes)
            newest = next(alike, None)
            if newest is not None:
                with suppress(OSError):  # it has gone, say: then the file is written whole
                    return ClonedFile(
                        order.path,
                        self._session.run_dir / newest.path,
                        replace=order.overwrite,
                        size_bytes=size_bytes,
                    )
        return PendingFile(order.path, replace=order.overwrite, size_bytes=size_bytes)

    def _original(self, size_bytes: int, digest: str) -> Path | None:
        """Returns a shard that has these bytes, of the newest checkpoint that has one."""
        candidates = (
            self._session.run_dir / part.path
            for item in self.catalog.newest_first()
            for part in item.parts
            if part.shared and part.digest == digest
        )
        return self._originals.find(candidates, size_bytes=size_bytes, digest=digest)

    def _parts(self, written: Iterable[tuple[WrittenFile, bool]]) -> tuple[FilePart, ...]:
        for file, shared in written:
            if shared:
                self._originals.add(file.path, size_bytes=file.size_bytes, digest=file.digest)
        return tuple(
            FilePart(
                path=self._session.relative(file.path),
                size_bytes=file.size_bytes,
                digest=file.digest,
                shared=shared,
            )
            for file, shared in written
        )

    def _record(self, order: Order, saved: CheckpointSaved, weights: Weights | None) -> None:
        events: list[Event] = [saved]
        described = None
        if weights is not None:
            layout = weights.layout
            described = self._described.get(layout.id)
            if described is None:
                described = self._described[layout.id] = layout.to_event()
                events.insert(0, described)
            events.append(weights.measurements.to_event(id=saved.id, layout=layout.id))
            if saved.health is Health.HEALTHY:
                self._healthy = weights
        epoch = order.at.epoch
        wall_time = self._session.record(*events, at=order.at)
        self.catalog.add(Kept.of(saved, epoch=epoch, wall_time=wall_time, described=described))
        self.warn_of(saved, epoch)

    def _write_model_file(self, path: Path, members: Mapping[str, bytes], weights: Path) -> None:
        try:
            write_model_file(path, members, weights)
        except OSError as error:
            self._session.notice(
                "model_not_stored",
                f"{path.name} could not be written: {error.strerror or error}.",
                "The checkpoints are not concerned. It is tried again in the next session.",
            )

    def _tell(self, problems: list[Problem]) -> None:
        for problem in problems:
            self._session.notice("prune_failed", problem.message, problem.hint)


def _set_aside(name: str, at: Position) -> str:
    """Returns another name for a file that must not take the place of a good one."""
    stem, dot, suffix = name.partition(".")
    return f"{stem}-unhealthy-epoch-{at.epoch + 1:04d}-step-{at.step}{dot}{suffix}"
