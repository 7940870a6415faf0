"""How the files of a `ModelCheckpoint` are stored: one or several, and what they have in common.

What the file system can do is found out by trying, when the training begins.
"""

from __future__ import annotations

from pathlib import Path
from string import Formatter

from epochline.callbacks.sharding import GIGABYTE, Sharding
from epochline.session import Session
from epochline.shards import INDEX_ENDING, WEIGHTS_ENDING
from epochline.store.dedup import Dedup, probe_dedup

__all__ = ["Storage"]


class Storage:
    """How the files of one callback are stored.

    Args:
        filepath: Path of a file, with fields that are filled in.
        weights_only: Whether it holds weights only.
        max_shard_size: Gigabytes of values in one file; None for no limit.
        dedup: Whether frozen layers are to be stored once.

    Attributes:
        dedup: How that can be done; `NONE` before `begin`.

    Raises:
        ValueError: If these do not go together; the message says what does.
    """

    def __init__(
        self, filepath: str, *, weights_only: bool, max_shard_size: float | None, dedup: bool
    ) -> None:
        self.dedup = Dedup.NONE
        self._filepath = filepath
        self._size = max_shard_size
        self._wanted = dedup
        sharded = filepath.endswith(INDEX_ENDING)
        if max_shard_size is not None and not (sharded and max_shard_size > 0):
            msg = (
                f"ModelCheckpoint got max_shard_size={max_shard_size!r} with filepath="
                f"{filepath!r}. It is a positive number of gigabytes, for files that end in "
                f"{INDEX_ENDING}."
            )
            raise ValueError(msg)
        if sharded and max_shard_size is None and not dedup:
            msg = (
                f"ModelCheckpoint got filepath={filepath!r}, which is spread over several files. "
                "Say how with max_shard_size= (in gigabytes) or dedup=True."
            )
            raise ValueError(msg)
        if dedup and not weights_only:
            msg = "ModelCheckpoint got dedup=True, which needs save_weights_only=True."
            raise ValueError(msg)
        fields = {field for _, field, _, _ in Formatter().parse(filepath)}
        if (sharded or dedup) and not fields & {"epoch", "batch"}:
            msg = (
                f"ModelCheckpoint got filepath={filepath!r}. A checkpoint of several files cannot "
                "replace another one safely: give each a name with {epoch} or {batch}."
            )
            raise ValueError(msg)

    def begin(self, session: Session) -> None:
        """Finds out how frozen layers can be stored once; tells `session` when they cannot."""
        if not self._wanted:
            return
        directory = Path(self._filepath.split("{", 1)[0] + "_").parent
        try:
            self.dedup = probe_dedup(directory)
        except OSError:
            self.dedup = Dedup.NONE  # the saves will say what is wrong there
        if self.dedup is Dedup.NONE:
            session.notice(
                "dedup_not_possible",
                f"The file system of {directory} can neither clone nor link files: layers that are "
                "not trained are stored again with each checkpoint.",
                "Use another directory, or keep fewer checkpoints.",
            )
        elif self._filepath.endswith(INDEX_ENDING):
            self.dedup = Dedup.HARD_LINKS  # what can clone can link, too

    @property
    def filepath(self) -> str:
        """The path, with the ending that the way of storing needs."""
        if self.dedup is Dedup.HARD_LINKS:
            return (
                self._filepath.removesuffix(WEIGHTS_ENDING).removesuffix(INDEX_ENDING)
                + INDEX_ENDING
            )
        return self._filepath

    @property
    def sharded(self) -> bool:
        """Whether a checkpoint is several files, which replace no others."""
        return self.filepath.endswith(INDEX_ENDING)

    @property
    def sharding(self) -> Sharding:
        """How a checkpoint is spread over several files, if it is."""
        return Sharding(
            max_bytes=None if self._size is None else int(self._size * GIGABYTE),
            frozen_apart=self.dedup is Dedup.HARD_LINKS,
        )
