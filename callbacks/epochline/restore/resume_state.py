"""What a killed training continues from, and where it lies.

`resume/` of a run directory holds the newest two states, each one file whose name carries its
number and the digest of its bytes: the name proves the content, and one that was damaged falls back
on the one before it. What the parts of a state mean is known by `epochline.callbacks`.

Invariant: a state that was written is whole under its name and on the disk (`store.atomic`), and
what is read is byte for byte what was written.
"""

from __future__ import annotations

import io
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from epochline.errors import EpochlineError
from epochline.restore.plain import decode, encode
from epochline.store import WrittenFile, digest_bytes, remove_leftovers, write_atomic
from epochline.store.digest import Digester
from epochline.store.files import open_regular

__all__ = [
    "RESUME_DIR",
    "ResumeMismatchError",
    "ResumeState",
    "ResumeStateError",
    "ResumeStates",
    "StateFile",
]

RESUME_DIR: Final = "resume"
"""Below a run directory."""

_VERSION: Final = 1
_GENERATIONS: Final = 2
_NAME: Final = re.compile(r"state-(\d{6,})-([0-9a-f]{32})\.safetensors")


class ResumeStateError(EpochlineError, ValueError):
    """There are states to continue from, and none can be used.

    Attributes:
        directory: Where they lie.
        reasons: One sentence for each.
    """

    def __init__(self, directory: str, reasons: tuple[str, ...]) -> None:
        self.directory = directory
        self.reasons = reasons
        super().__init__(
            f"This training cannot be continued: {' '.join(reasons)} Nothing was trained. Delete "
            f"{directory!r} to begin anew."
        )


class ResumeMismatchError(EpochlineError, ValueError):
    """The script is not the one whose training should be continued.

    Attributes:
        file: The state.
        differences: One sentence for each thing that is different.
    """

    def __init__(self, file: str, differences: tuple[str, ...]) -> None:
        self.file = file
        self.differences = differences
        super().__init__(
            f"This script is not the one that saved {file!r}: {' '.join(differences)} Nothing was "
            "trained, and the model is as the script made it. Run the script as it was, or give "
            "this training a log directory of its own, or delete the directory of that file to "
            "begin anew."
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class ResumeState:
    """A moment of a training, complete.

    Attributes:
        fit: How many trainings of the same process and run directory had ended before this one.
        epoch: Zero-based epoch to go on with.
        batch: Batches of that epoch that are done; 0 at its beginning.
        stopped: Whether a callback had stopped the training at that moment.
        session: Id of the session that saved it.
        wall_time: When, in seconds since the Unix epoch.
        parts: Everything else, by name: plain values and arrays.
    """

    fit: int
    epoch: int
    batch: int = 0
    stopped: bool = False
    session: str = ""
    wall_time: float = 0.0
    parts: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class StateFile:
    """A state and where it was read from.

    Attributes:
        path: The file.
        state: Its content.
        damages: What is wrong with newer files, one sentence each.
    """

    path: Path
    state: ResumeState
    damages: tuple[str, ...] = ()


class ResumeStates:
    """The states of one run directory.

    Args:
        run_dir: The run directory.

    Attributes:
        directory: Where they lie.
    """

    def __init__(self, run_dir: Path) -> None:
        self.directory = run_dir / RESUME_DIR

    def newest(self) -> StateFile | None:
        """Returns the newest state that is intact; None when there are no states at all.

        Raises:
            ResumeStateError: If there are states, but none can be used.
        """
        damages: list[str] = []
        for path in self._paths():
            try:
                state = _read(path)
            except (OSError, ValueError) as error:
                damages.append(f"{path.name} cannot be used: {_told(error)}")
            else:
                return StateFile(path=path, state=state, damages=tuple(damages))
        if damages:
            raise ResumeStateError(str(self.directory), tuple(damages))
        return None

    def save(self, state: ResumeState) -> WrittenFile:
        """Writes a state, durably, and removes those that are older than the one before it.

        Raises:
            OSError: If it could not be written; the states before it are as they were.
        """
        before = self._paths()
        buffers = encode(
            {
                "version": _VERSION,
                "fit": state.fit,
                "epoch": state.epoch,
                "batch": state.batch,
                "stopped": state.stopped,
                "session": state.session,
                "wall_time": state.wall_time,
                "parts": dict(state.parts),
            }
        )
        digester = Digester()
        for buffer in buffers:
            digester.update(buffer)
        number = _number(before[0]) + 1 if before else 1
        digits = digester.digest().rpartition(":")[2]
        path = self.directory / f"state-{number:06d}-{digits}.safetensors"
        written = write_atomic(path, buffers, replace=False)
        for old in before[_GENERATIONS - 1 :]:
            old.unlink(missing_ok=True)
        return written

    def remove_leftovers(self) -> None:
        """Removes what killed writers left; to be called when a training starts."""
        remove_leftovers(self.directory)

    def _paths(self) -> list[Path]:
        """Returns the files, newest first."""
        try:
            found = [path for path in self.directory.iterdir() if _NAME.fullmatch(path.name)]
        except FileNotFoundError:
            return []
        return sorted(found, key=_number, reverse=True)


def _number(path: Path) -> int:
    match = _NAME.fullmatch(path.name)
    return int(match[1]) if match else 0


def _read(path: Path) -> ResumeState:
    with io.FileIO(open_regular(path)) as file:
        data = bytearray(file.readall())
    digits = digest_bytes(data).rpartition(":")[2]
    if f"-{digits}." not in path.name:
        message = f"its bytes are not those that were saved (digest {digits})."
        raise ValueError(message)
    saved = decode(data)
    version = saved.pop("version")
    if version != _VERSION:
        message = f"it has format version {version}, and this Epochline reads {_VERSION}."
        raise ValueError(message)
    return ResumeState(**saved)


def _told(error: Exception) -> str:
    return (error.strerror or str(error)) + "." if isinstance(error, OSError) else str(error)
