"""The errors that Epochline raises, each a subclass of the builtin one would already catch.

Every message says what happened, with which value, and what to do. This module knows nothing of
files, Keras or TensorBoard.
"""

from __future__ import annotations

from collections.abc import Iterable

__all__ = [
    "AverageError",
    "CheckpointCorruptError",
    "CheckpointFormatError",
    "CheckpointMismatchError",
    "CheckpointMissingError",
    "CheckpointNotFoundError",
    "EpochlineError",
    "EventFormatError",
    "MetricNotFoundError",
    "ModelFileError",
    "PruneBusyError",
    "RunBusyError",
    "RunNotFoundError",
    "WhatIfError",
]


class EpochlineError(Exception):
    """Base class of all errors that Epochline raises on purpose."""


class RunNotFoundError(EpochlineError, LookupError):
    """There is no Epochline run at that place.

    Attributes:
        path: The directory that was asked for.
        available: Names of the runs that exist there.
    """

    def __init__(self, path: str, available: Iterable[str] = ()) -> None:
        self.path = path
        self.available = tuple(available)
        hint = (
            f"Runs found there: {', '.join(self.available)}."
            if self.available
            else "Give the directory that was passed to Timeline(...), or one above it."
        )
        super().__init__(f"No Epochline run in {path!r}. {hint}")


class CheckpointNotFoundError(EpochlineError, LookupError):
    """No checkpoint of the run fits the question.

    Attributes:
        wanted: What was asked for, in words.
        available: What exists instead, in words.
    """

    def __init__(self, wanted: str, available: str) -> None:
        self.wanted = wanted
        self.available = available
        super().__init__(f"No checkpoint for {wanted}. {available}")


class MetricNotFoundError(CheckpointNotFoundError, KeyError):
    """The run has no metric of that name.

    Attributes:
        metric: The name that was asked for.
        metrics: The names that the run has.
    """

    def __init__(self, metric: str, metrics: Iterable[str]) -> None:
        self.metric = metric
        self.metrics = tuple(metrics)
        known = ", ".join(self.metrics) or "none yet"
        super().__init__(f"metric {metric!r}", f"Metrics of this run: {known}.")

    def __str__(self) -> str:
        # KeyError would print the repr of the message.
        return str(self.args[0])


class CheckpointMissingError(EpochlineError, FileNotFoundError):
    """The file of a listed checkpoint is not there any more.

    Attributes:
        path: Where the file was.
    """

    def __init__(self, path: str, message: str | None = None) -> None:
        self.path = path
        super().__init__(
            message
            or f"The checkpoint file {path!r} is gone: it was deleted or moved after it was saved."
        )


class CheckpointCorruptError(EpochlineError, ValueError):
    """The bytes of a checkpoint file are not those that were saved.

    Attributes:
        path: The file.
        expected: Digest (or size) that was recorded when it was saved.
        found: Digest (or size) of what is there now.
    """

    def __init__(self, path: str, expected: str, found: str) -> None:
        self.path = path
        self.expected = expected
        self.found = found
        super().__init__(
            f"The checkpoint file {path!r} is not what was saved: expected {expected}, found "
            f"{found}. It was not used. Choose another checkpoint of this run."
        )


class CheckpointFormatError(EpochlineError, ValueError):
    """A file is not a plain Keras weights file, so its variables cannot be read one by one.

    Attributes:
        path: The file.
        reason: What is the matter with it, in one sentence.
    """

    def __init__(self, path: str, reason: str) -> None:
        self.path = path
        self.reason = reason
        super().__init__(
            f"The variables in {path!r} cannot be read: {reason} Give a `.weights.h5` or `.keras` "
            "file as Keras writes it."
        )


class CheckpointMismatchError(EpochlineError, ValueError):
    """A checkpoint does not fit the model that it should be loaded into.

    Attributes:
        path: The checkpoint file.
        differences: One line for each variable that does not fit.
    """

    def __init__(self, path: str, differences: Iterable[str]) -> None:
        self.path = path
        self.differences = tuple(differences)
        shown = "; ".join(self.differences[:5])
        more = len(self.differences) - 5
        super().__init__(
            f"The checkpoint {path!r} does not fit this model: {shown}"
            + (f"; and {more} more" if more > 0 else "")
            + ". The model was left as it was. Build the model as it was when the checkpoint "
            "was saved."
        )


class AverageError(EpochlineError, ValueError):
    """Checkpoints have no mean: they are too few, or of different kinds, or one is damaged."""


class ModelFileError(EpochlineError, ValueError):
    """A `.keras` file cannot be made of a checkpoint, for want of the model itself.

    Attributes:
        path: The `.keras` file that should give all but the weights.
        reason: What is the matter with it; a sentence without its end.
    """

    def __init__(self, path: str, reason: str) -> None:
        self.path = path
        self.reason = reason
        super().__init__(
            f"All but the weights of a .keras file comes from {path!r}, and {reason}. Export the "
            "weights, load them into the model that your code makes, and save that."
        )


class RunBusyError(EpochlineError, RuntimeError):
    """Another living process writes to the same run directory.

    Attributes:
        path: The lock file.
        owner: Who holds it, in words.
    """

    def __init__(self, path: str, owner: str) -> None:
        self.path = path
        self.owner = owner
        super().__init__(
            f"Another training is writing to this run ({owner}; lock {path!r}). Give each "
            "training a log directory of its own, or wait until the other one has ended."
        )


class PruneBusyError(EpochlineError, RuntimeError):
    """Somebody else is pruning the same run at this moment.

    Attributes:
        path: The run directory.
    """

    def __init__(self, path: str) -> None:
        self.path = path
        super().__init__(
            f"Another process is pruning the run {path!r} at this moment. Nothing was done; try "
            "again when it has finished."
        )


class EventFormatError(EpochlineError, ValueError):
    """Bytes that should be an Epochline event are not one."""


class WhatIfError(EpochlineError, ValueError):
    """What was asked for cannot be replayed; the message says why and what can."""
