"""Save checkpoints of a model while it is trained.

The training is held while the values of the variables are taken. A thread then writes the file and
does all the rest. There is one such thread at a time. It is no daemon: a process that ends waits
for it.

Invariant: no exception leaves `Saver.save`.
"""

from __future__ import annotations

import contextlib
import os
import sys
import threading
import time
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

import keras

from epochline.callbacks.catalog import Catalog, Kept
from epochline.callbacks.keras_archive import archive_members
from epochline.callbacks.limits import not_in_file
from epochline.callbacks.measure import has_optimizer_state, non_finite_weight, optimizer_class
from epochline.callbacks.serialize import Serializer
from epochline.callbacks.sharding import Sharding
from epochline.callbacks.writing import ModelFile, Order, Pruning, Then, Writer
from epochline.events import CheckpointSaved, Event, Health
from epochline.session import Session, new_id
from epochline.store import digest_file
from epochline.store.dedup import Dedup

__all__ = ["CHECKPOINTS_DIR", "Saver"]

CHECKPOINTS_DIR: Final = "checkpoints"
"""Below a run directory: where the files go that have no place of the user's."""

# A step of the training goes first; a write that is waited for has the processor to itself anyway.
_NICENESS: Final = 10


class Saver:
    """Saves and deletes the checkpoints of one session.

    Args:
        session: Where it is recorded.
        catalog: The checkpoints of the run; kept up to date.
    """

    def __init__(self, session: Session, catalog: Catalog) -> None:
        self._session = session
        self._writer = Writer(session, catalog)
        self._serializer = Serializer(session)
        self._looked = False
        self._writing: threading.Thread | None = None
        session.before_end = self.finish

    @property
    def catalog(self) -> Catalog:
        """The checkpoints of the run."""
        return self._writer.catalog

    @catalog.setter
    def catalog(self, catalog: Catalog) -> None:
        self._writer.catalog = catalog

    @property
    def busy(self) -> bool:
        """Whether a file is still being written."""
        return self._writing is not None and self._writing.is_alive()

    def finish(self) -> None:
        """Waits until nothing is being written any more."""
        if self._writing is not None:
            self._writing.join()
            self._writing = None

    def save(
        self,
        model: keras.Model,
        path: Path,
        metrics: Mapping[str, float],
        *,
        overwrite: bool,
        background: bool = True,
        pruning: Pruning | None = None,
        then: Then | None = None,
        model_file: Path | None = None,
        sharding: Sharding | None = None,
        dedup: Dedup = Dedup.NONE,
        **recorded: Any,
    ) -> str | None:
        """Takes what there is to save of `model`, and has it written and recorded.

        Waits for the save before, if that is still being written.

        Args:
            model: What to save; the ending of `path` says in which format.
            path: Where to.
            metrics: Metrics of this moment.
            overwrite: Whether a file of that name is replaced.
            background: Whether the training goes on while the file is written.
            pruning: What is done with older checkpoints once this one is safe.
            then: Called at the end, by the thread that wrote the file.
            model_file: Where to keep the model itself, for a file that holds weights only: written
                once a session, when it is not there already.
            sharding: How the weights are spread over several files, for `.weights.json`.
            dedup: How bytes that were written before may be stored once.
            **recorded: Further fields of `CheckpointSaved`, such as why it is saved.

        Returns:
            The id that the checkpoint will have; None when it is known already that it has failed.
        """
        started = time.perf_counter()
        at = self._session.position
        saved = CheckpointSaved(
            id=new_id(),
            path=self._session.relative(path),
            size_bytes=0,
            digest="",
            metrics=dict(metrics),
            **_optimizer(model),
            **recorded,
        )
        try:
            self.finish()
            members = self._look_at(model, path.name)
            image = self._serializer.image(model, path.name, sharding)
            if image.layout is None:  # it cannot be looked into while it is written
                saved = replace(saved, **_health(model))
            order = Order(
                image=image,
                path=path,
                overwrite=overwrite,
                at=at,
                saved=replace(saved, held_seconds=time.perf_counter() - started),
                pruning=pruning,
                then=then,
                model_file=ModelFile(model_file, members) if model_file and members else None,
                dedup=dedup,
            )
            if not background:
                return saved.id if self._writer.carry_out(order) else None
            self._writing = threading.Thread(
                target=self._carry_out_behind, args=(order,), name="epochline-save"
            )
            self._writing.start()
        except Exception as error:  # noqa: BLE001 – whatever went wrong, training must go on
            self._writer.failed(saved, at, error, then)
            return None
        return saved.id

    def _carry_out_behind(self, order: Order) -> None:
        _let_training_go_first()
        self._writer.carry_out(order)

    def adopt(
        self, model: keras.Model, path: Path, metrics: Mapping[str, float], **recorded: Any
    ) -> list[Event]:
        """Takes a file that somebody else just saved into the catalog; it is not ours to delete.

        Args:
            model: What was saved.
            path: The file.
            metrics: Metrics of this moment.
            **recorded: Further fields of `CheckpointSaved`.

        Returns:
            What is to be recorded of it.

        Raises:
            OSError: If the file is gone again, or is not a regular file.
        """
        file = digest_file(path)
        saved = CheckpointSaved(
            id=new_id(),
            path=self._session.relative(path),
            size_bytes=file.size_bytes,
            digest=file.digest,
            metrics=metrics,
            owned=False,
            **_health(model),
            **_optimizer(model),
            **recorded,
        )
        self._writer.warn_of(saved, self._session.epoch)
        events = [*self._writer.replaced(saved), saved]
        self.catalog.add(Kept.of(saved, epoch=self._session.epoch, wall_time=time.time()))
        return events

    def _look_at(self, model: keras.Model, name: str) -> Mapping[str, bytes] | None:
        """Tells, at the first save, what the file will not hold; returns what a model file needs.

        None when it was told before, or when Keras cannot write down this model.
        """
        if self._looked:
            return None
        self._looked = True
        try:
            members = archive_members(model)
        except Exception as error:  # noqa: BLE001 – whatever a layer without configuration raises
            self._session.notice(
                "model_not_stored",
                f"Keras cannot write down this model ({type(error).__name__}: {error}), so that "
                "only its weights are kept.",
                "To load them, make the model with the code that made it now.",
            )
            return None
        assets = [member for member in members if member.startswith("assets/")]
        for notice in not_in_file(model, name, assets):
            self._session.notice(notice.code, notice.message, notice.hint)
        return members


def _let_training_go_first() -> None:
    """Lowers the priority of this thread; only Linux has one for each thread."""
    if sys.platform == "linux":
        with contextlib.suppress(OSError):  # not everywhere allowed, and never needed
            os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), _NICENESS)


def _optimizer(model: keras.Model) -> dict[str, Any]:
    return {"has_optimizer": has_optimizer_state(model), "optimizer": optimizer_class(model)}


def _health(model: keras.Model) -> dict[str, Any]:
    damaged = non_finite_weight(model)
    if damaged is None:
        return {"health": Health.HEALTHY}
    return {
        "health": Health.NOT_FINITE,
        "health_detail": f"{damaged} is the first variable with NaN or infinities.",
    }
