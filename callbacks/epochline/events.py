"""What can happen in a run: frozen values.

A class here mirrors each message of `events.proto` field by field; `codec.py` turns one into the
other. It knows neither files nor TensorBoard nor Keras.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from types import MappingProxyType
from typing import Any, Final, overload

__all__ = [
    "ACTIONS",
    "CheckpointAnnotated",
    "CheckpointDemoted",
    "CheckpointFailed",
    "CheckpointMeasured",
    "CheckpointPruned",
    "CheckpointRecovered",
    "CheckpointSaved",
    "Decision",
    "EndReason",
    "EpochEnded",
    "Event",
    "FilePart",
    "Health",
    "MetricsDescribed",
    "Mode",
    "Notice",
    "Outcome",
    "Record",
    "RequestAnswered",
    "Restored",
    "SaveReason",
    "SessionEnded",
    "SessionStarted",
    "Tier",
    "Topic",
    "UnreadEvents",
    "VariablesDescribed",
    "Verdict",
    "WeightsKind",
]

ACTIONS: Final = "0" * 16
"""In place of a session: what was done by hand, outside of any training."""

_NOTHING: Final[Mapping[str, Any]] = MappingProxyType({})


class Mode(StrEnum):
    """Which direction of a metric is better."""

    MIN = "min"
    MAX = "max"


class Topic(StrEnum):
    """What a decision is about."""

    CHECKPOINT = "checkpoint"
    LEARNING_RATE = "learning_rate"
    STOP = "stop"
    RESTORE = "restore"
    WEIGHTS = "weights"


class Verdict(StrEnum):
    """What was decided."""

    SAVED = "saved"
    NOT_SAVED = "not_saved"
    IMPROVED = "improved"
    WAITING = "waiting"
    CHANGED = "changed"
    AT_FLOOR = "at_floor"
    COOLING_DOWN = "cooling_down"
    WARMING_UP = "warming_up"
    STOPPED = "stopped"
    WEIGHTS_RESTORED = "weights_restored"
    METRIC_MISSING = "metric_missing"
    RESTORED = "restored"
    SKIPPED = "skipped"
    BACKED_UP = "backed_up"
    BACKUP_REMOVED = "backup_removed"
    SWAPPED_IN = "swapped_in"
    SWAPPED_BACK = "swapped_back"
    EMA_VALIDATED = "ema_validated"


class EndReason(StrEnum):
    """Why a session ended."""

    COMPLETED = "completed"
    EARLY_STOPPING = "early_stopping"
    NAN = "nan"
    STOPPED = "stopped"
    INTERRUPTED = "interrupted"
    FAILED = "failed"


class SaveReason(StrEnum):
    """Why a checkpoint was saved."""

    BEST = "best"
    SCHEDULED = "scheduled"
    MANUAL = "manual"
    ADOPTED = "adopted"
    AVERAGE = "average"


class WeightsKind(StrEnum):
    """Which weights were in the model when it was saved."""

    RAW = "raw"
    EMA = "ema"


class Health(StrEnum):
    """What a look at the weights of a checkpoint showed."""

    HEALTHY = "healthy"
    NOT_FINITE = "not_finite"
    NORM_JUMP = "norm_jump"
    DEAD_LAYER = "dead_layer"


class Tier(StrEnum):
    """How much of a checkpoint its file still holds."""

    FULL = "full"
    WITHOUT_OPTIMIZER = "without_optimizer"
    BFLOAT16 = "bfloat16"


class Outcome(StrEnum):
    """What became of a request to a running training."""

    WORKING = "working"
    DONE = "done"
    REFUSED = "refused"
    FAILED = "failed"
    EXPIRED = "expired"
    NOBODY = "nobody"


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionStarted:
    """One `fit` call of one process began."""

    parent: str = ""
    initial_epoch: int = 0
    planned_epochs: int | None = None
    steps_per_epoch: int | None = None
    backend: str = ""
    keras_version: str = ""
    model_name: str = ""
    host: str = ""
    pid: int = 0
    callbacks: tuple[str, ...] = ()
    monitor: str | None = None
    mode: Mode | None = None
    save: str = ""
    keep: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionEnded:
    """A session ended and could still say so."""

    reason: EndReason
    callback: str = ""
    message: str = ""
    position: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class EpochEnded:
    """An epoch ended with these metrics (`learning_rate` among them)."""

    metrics: Mapping[str, float] = field(default_factory=lambda: _NOTHING)
    duration_seconds: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class MetricsDescribed:
    """Which direction of each metric is better, as Keras knows it."""

    directions: Mapping[str, Mode] = field(default_factory=lambda: _NOTHING)


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """A verdict of one callback, with the numbers behind it; also when the verdict is "no".

    Attributes:
        callback: Class name of the cause.
        position: Its place in the list given to `fit`, counted from 0.
        topic: What was decided about.
        verdict: What was decided.
        monitor: Name of the metric that was looked at.
        mode: Which direction of it is better.
        observed: Its value.
        best: The value that had to be beaten (before this decision).
        best_epoch: Zero-based epoch of `best`.
        min_delta: Smallest change that counts, never negative.
        baseline: Value that must be beaten before waiting starts anew.
        wait: Epochs without improvement so far.
        patience: Epochs without improvement that are put up with.
        cooldown: Epochs of cooldown still to come.
        start_from_epoch: First zero-based epoch that counts.
        lr_before: Learning rate before the hook.
        lr_after: Learning rate after it.
        min_lr: Lower bound of the learning rate.
        optimizer: Which optimizer, when the model has several.
        path: File in question.
        detail: More, in words.
    """

    callback: str
    topic: Topic
    verdict: Verdict
    position: int | None = None
    monitor: str | None = None
    mode: Mode | None = None
    observed: float | None = None
    best: float | None = None
    best_epoch: int | None = None
    min_delta: float | None = None
    baseline: float | None = None
    wait: int | None = None
    patience: int | None = None
    cooldown: int | None = None
    start_from_epoch: int | None = None
    lr_before: float | None = None
    lr_after: float | None = None
    min_lr: float | None = None
    optimizer: str = ""
    path: str = ""
    detail: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class FilePart:
    """One of the further files that a sharded checkpoint consists of.

    Attributes:
        path: As that of the checkpoint.
        size_bytes: Its size.
        digest: Its digest.
        shared: Whether it is one file with the parts of other checkpoints that have that digest and
            are shared, so that it takes its bytes only once.
    """

    path: str
    size_bytes: int
    digest: str
    shared: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckpointSaved:
    """A checkpoint file is complete and durable under its final name."""

    id: str
    path: str
    size_bytes: int
    digest: str
    metrics: Mapping[str, float] = field(default_factory=lambda: _NOTHING)
    reason: SaveReason = SaveReason.SCHEDULED
    weights_kind: WeightsKind = WeightsKind.RAW
    has_optimizer: bool = False
    save_seconds: float = 0.0
    callback: str = ""
    owned: bool = True
    monitor: str | None = None
    mode: Mode | None = None
    observed: float | None = None
    best: float | None = None
    best_epoch: int | None = None
    optimizer: str = ""
    held_seconds: float = 0.0
    health: Health | None = None
    health_detail: str = ""
    parts: tuple[FilePart, ...] = ()
    parents: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class VariablesDescribed:
    """Where the variables lie in the files of one layout: columns of one length."""

    layout: str
    dataset: tuple[str, ...] = ()
    name: tuple[str, ...] = ()
    dtype: tuple[str, ...] = ()
    shape: tuple[str, ...] = ()
    offset: tuple[int, ...] = ()
    size_bytes: tuple[int, ...] = ()
    trainable: tuple[bool, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckpointMeasured:
    """Statistics and digests of the variables of a checkpoint, as little-endian columns."""

    id: str
    layout: str
    numbers: bytes = b""
    counts: bytes = b""
    digests: bytes = b""


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckpointDemoted:
    """The file of a checkpoint was replaced by a smaller one that holds less."""

    id: str
    tier: Tier
    path: str
    size_bytes: int
    digest: str
    policy: str = ""
    freed_bytes: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckpointRecovered:
    """A pruned checkpoint was taken out of the trash again."""

    id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckpointAnnotated:
    """What a person says of a checkpoint; the newest counts."""

    id: str
    pinned: bool = False
    note: str = ""
    tags: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckpointFailed:
    """A save failed; the file that was there before, if any, is untouched."""

    id: str
    path: str
    message: str
    errno: int | None = None
    metrics: Mapping[str, float] = field(default_factory=lambda: _NOTHING)


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckpointPruned:
    """The file of a checkpoint was deleted by a retention policy, or replaced by a newer one."""

    id: str
    policy: str = ""
    freed_bytes: int = 0
    replaced_by: str = ""
    trash: str = ""
    operation: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Restored:
    """The weights of an earlier checkpoint were loaded into the model of this session."""

    checkpoint: str
    session: str = ""
    checkpoint_epoch: int = 0
    what: str = ""
    request: str = ""
    undo: str = ""
    restored: int = 0
    before: str = ""
    after: str = ""
    lr_before: float | None = None
    lr_after: float | None = None
    counters: str = ""
    because: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class RequestAnswered:
    """A running training was asked for something, and answered."""

    request: str
    action: str
    outcome: Outcome
    message: str = ""
    by: str = ""
    source: str = ""
    host: str = ""
    checkpoint: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Notice:
    """Something the user should know, told once a session."""

    code: str
    message: str
    hint: str = ""


Event = (
    SessionStarted
    | SessionEnded
    | EpochEnded
    | MetricsDescribed
    | Decision
    | CheckpointSaved
    | CheckpointFailed
    | CheckpointPruned
    | Restored
    | Notice
    | VariablesDescribed
    | CheckpointMeasured
    | CheckpointDemoted
    | CheckpointRecovered
    | CheckpointAnnotated
    | RequestAnswered
)


class UnreadEvents(Sequence[Event]):
    """The events of a record that was read from a file; decoded when one of them is looked at.

    A long run is mostly records of epochs in which callbacks waited, and most questions are not
    about these. Equal to a tuple of the same events.

    Args:
        decode: Returns the events.
    """

    __slots__ = ("_decode", "_events")

    def __init__(self, decode: Callable[[], tuple[Event, ...]]) -> None:
        self._decode = decode
        self._events: tuple[Event, ...] | None = None

    def _all(self) -> tuple[Event, ...]:
        if self._events is None:
            self._events = self._decode()
        return self._events

    @overload
    def __getitem__(self, index: int) -> Event: ...
    @overload
    def __getitem__(self, index: slice) -> tuple[Event, ...]: ...
    def __getitem__(self, index: int | slice) -> Event | tuple[Event, ...]:
        return self._all()[index]

    def __len__(self) -> int:
        return len(self._all())

    def __iter__(self) -> Iterator[Event]:
        return iter(self._all())

    def __eq__(self, other: object) -> bool:
        return self._all() == (other._all() if isinstance(other, UnreadEvents) else other)

    def __hash__(self) -> int:
        return hash(self._all())

    def __repr__(self) -> str:
        return repr(self._all())


@dataclass(frozen=True, slots=True, kw_only=True)
class Record:
    """What happened at one moment of a session: the unit of writing and of loss.

    Attributes:
        session: Id of the session, 16 hexadecimal digits.
        seq: Number of the record in its session, from 0 without holes.
        wall_time: Seconds since the Unix epoch.
        epoch: Zero-based epoch, as Keras hooks count.
        step: Optimizer updates done (`optimizer.iterations`).
        batch: Training batches seen in this `fit`.
        events: What happened, in order.
        kinds: The kinds of its events, each once; known without decoding them.
    """

    session: str
    seq: int
    wall_time: float
    epoch: int
    step: int
    batch: int
    events: Sequence[Event]
    kinds: tuple[type[Event], ...] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        """Takes the kinds from the events."""
        object.__setattr__(self, "kinds", tuple(dict.fromkeys(map(type, self.events))))
