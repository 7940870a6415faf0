"""Save a checkpoint of a model and record it; delete what a policy lets go.

The one place where a file and its record come together, in the order that loses nothing: the file
is durable before it is recorded, and a name is taken from the old checkpoint before it is given to
the new one.

Invariant: no exception leaves `Saver.save` or `Saver.prune`. A save that fails is logged as an
error and recorded, and leaves the file that was there before.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import keras

from epochline.callbacks.catalog import Catalog, Kept
from epochline.callbacks.measure import has_optimizer_state, non_finite_weight
from epochline.callbacks.serialize import file_image
from epochline.events import CheckpointFailed, CheckpointPruned, CheckpointSaved, Event
from epochline.retention import ModeOf, RetentionPolicy
from epochline.session import Session, new_id
from epochline.store import (
    CheckpointStore,
    Deletion,
    FileDigest,
    PendingFile,
    WrittenFile,
    digest_file,
)

__all__ = ["Saver"]

_log = logging.getLogger("epochline")


class Saver:
    """Saves and deletes the checkpoints of one session.

    Args:
        session: Where it is recorded.
        catalog: The checkpoints of the run; kept up to date.
    """

    def __init__(self, session: Session, catalog: Catalog) -> None:
        self._session = session
        self.catalog = catalog

    def save(
        self,
        model: keras.Model,
        path: Path,
        metrics: Mapping[str, float],
        *,
        overwrite: bool,
        **recorded: Any,
    ) -> str | None:
        """Saves `model` and records it.

        Args:
            model: What to save; the ending of `path` says in which format.
            path: Where to.
            metrics: Metrics of this moment.
            overwrite: Whether a file of that name is replaced.
            **recorded: Further fields of `CheckpointSaved`, such as why it is saved.

        Returns:
            The id of the checkpoint; None when saving failed.
        """
        identity = new_id()
        relative = self._session.relative(path)
        try:
            self._look_at_weights(model)
            image = file_image(model, path.name)
            written = self._write(path, relative, identity, image, overwrite=overwrite)
        except Exception as error:  # noqa: BLE001 – whatever went wrong, training must go on
            self._failed(identity, relative, metrics, error)
            return None
        self._session.record(
            self._saved(
                identity,
                relative,
                FileDigest(digest=written.digest, size_bytes=written.size_bytes),
                metrics,
                has_optimizer=has_optimizer_state(model),
                save_seconds=written.seconds,
                **recorded,
            )
        )
        return identity

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
        relative, identity = self._session.relative(path), new_id()
        file = digest_file(path)
        events = self._replaced(relative, identity)
        saved = self._saved(
            identity,
            relative,
            file,
            metrics,
            has_optimizer=has_optimizer_state(model),
            owned=False,
            **recorded,
        )
        return [*events, saved]

    def prune(self, policy: RetentionPolicy, mode_of: ModeOf) -> None:
        """Deletes the checkpoints that `policy` lets go, and records each.

        Args:
            policy: Says what to keep.
            mode_of: Says which direction of a metric is better.
        """
        store = CheckpointStore(self._session.run_dir)
        for item in self.catalog.surplus(policy, mode_of):
            try:
                done = store.delete(item.path, size_bytes=item.size_bytes, digest=item.digest)
            except OSError as error:
                self._session.notice(
                    "prune_failed",
                    f"{item.path} could not be deleted: {error.strerror or error}.",
                    "It is kept; delete it by hand if the disk fills.",
                )
                continue
            self.catalog.remove(item)
            if done is Deletion.DELETED:
                self._session.record(
                    CheckpointPruned(id=item.id, policy=str(policy), freed_bytes=item.size_bytes)
                )

    def _look_at_weights(self, model: keras.Model) -> None:
        damaged = non_finite_weight(model)
        if damaged is not None:
            self._session.notice(
                "weights_not_finite",
                f"The weights that were saved at epoch {self._session.epoch + 1} are not finite "
                f"(first in {damaged!r}), whatever the loss says.",
                "Go back to an earlier checkpoint, lower the learning rate, or clip the gradients.",
            )

    def _write(
        self,
        path: Path,
        relative: str,
        identity: str,
        image: bytes | memoryview,
        *,
        overwrite: bool,
    ) -> WrittenFile:
        with PendingFile(path, replace=overwrite, size_bytes=len(image)) as pending:
            pending.write(image)
            # Said before the name changes hands: were we killed in between, the list would else
            # show the old checkpoint with the new one's weights.
            replaced = self._replaced(relative, identity)
            if replaced:
                self._session.record(*replaced)
            return pending.publish()

    def _replaced(self, relative: str, identity: str) -> list[Event]:
        replaced = self.catalog.at(relative)
        return [CheckpointPruned(id=replaced.id, replaced_by=identity)] if replaced else []

    def _saved(
        self,
        identity: str,
        relative: str,
        file: FileDigest,
        metrics: Mapping[str, float],
        **recorded: Any,
    ) -> CheckpointSaved:
        """Puts a file into the catalog, and returns what is to be recorded of it."""
        saved = CheckpointSaved(
            id=identity,
            path=relative,
            size_bytes=file.size_bytes,
            digest=file.digest,
            metrics=metrics,
            **recorded,
        )
        self.catalog.add(
            Kept(
                id=identity,
                epoch=self._session.epoch,
                wall_time=time.time(),
                metrics=metrics,
                path=relative,
                size_bytes=file.size_bytes,
                digest=file.digest,
                owned=saved.owned,
            )
        )
        return saved

    def _failed(
        self, identity: str, relative: str, metrics: Mapping[str, float], error: Exception
    ) -> None:
        message = f"{type(error).__name__}: {error}"
        _log.error("Epochline could not save %s. Training goes on. %s", relative, message)
        self._session.record(
            CheckpointFailed(
                id=identity,
                path=relative,
                message=message if message.endswith(".") else message + ".",
                errno=error.errno if isinstance(error, OSError) else None,
                metrics=metrics,
            )
        )
