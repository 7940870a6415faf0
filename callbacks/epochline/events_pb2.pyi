from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from typing import ClassVar as _ClassVar, Iterable as _Iterable, Mapping as _Mapping, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class Mode(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    MODE_UNSPECIFIED: _ClassVar[Mode]
    MODE_MIN: _ClassVar[Mode]
    MODE_MAX: _ClassVar[Mode]

class EndReason(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    END_REASON_UNSPECIFIED: _ClassVar[EndReason]
    END_REASON_COMPLETED: _ClassVar[EndReason]
    END_REASON_EARLY_STOPPING: _ClassVar[EndReason]
    END_REASON_NAN: _ClassVar[EndReason]
    END_REASON_STOPPED: _ClassVar[EndReason]
    END_REASON_INTERRUPTED: _ClassVar[EndReason]
    END_REASON_FAILED: _ClassVar[EndReason]

class Topic(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    TOPIC_UNSPECIFIED: _ClassVar[Topic]
    TOPIC_CHECKPOINT: _ClassVar[Topic]
    TOPIC_LEARNING_RATE: _ClassVar[Topic]
    TOPIC_STOP: _ClassVar[Topic]
    TOPIC_RESTORE: _ClassVar[Topic]
    TOPIC_WEIGHTS: _ClassVar[Topic]

class Verdict(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    VERDICT_UNSPECIFIED: _ClassVar[Verdict]
    VERDICT_SAVED: _ClassVar[Verdict]
    VERDICT_NOT_SAVED: _ClassVar[Verdict]
    VERDICT_IMPROVED: _ClassVar[Verdict]
    VERDICT_WAITING: _ClassVar[Verdict]
    VERDICT_CHANGED: _ClassVar[Verdict]
    VERDICT_AT_FLOOR: _ClassVar[Verdict]
    VERDICT_COOLING_DOWN: _ClassVar[Verdict]
    VERDICT_WARMING_UP: _ClassVar[Verdict]
    VERDICT_STOPPED: _ClassVar[Verdict]
    VERDICT_WEIGHTS_RESTORED: _ClassVar[Verdict]
    VERDICT_METRIC_MISSING: _ClassVar[Verdict]
    VERDICT_RESTORED: _ClassVar[Verdict]
    VERDICT_SKIPPED: _ClassVar[Verdict]
    VERDICT_BACKED_UP: _ClassVar[Verdict]
    VERDICT_BACKUP_REMOVED: _ClassVar[Verdict]
    VERDICT_SWAPPED_IN: _ClassVar[Verdict]
    VERDICT_SWAPPED_BACK: _ClassVar[Verdict]
    VERDICT_EMA_VALIDATED: _ClassVar[Verdict]

class SaveReason(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    SAVE_REASON_UNSPECIFIED: _ClassVar[SaveReason]
    SAVE_REASON_BEST: _ClassVar[SaveReason]
    SAVE_REASON_SCHEDULED: _ClassVar[SaveReason]
    SAVE_REASON_MANUAL: _ClassVar[SaveReason]
    SAVE_REASON_ADOPTED: _ClassVar[SaveReason]
    SAVE_REASON_AVERAGE: _ClassVar[SaveReason]

class Health(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    HEALTH_UNSPECIFIED: _ClassVar[Health]
    HEALTH_HEALTHY: _ClassVar[Health]
    HEALTH_NOT_FINITE: _ClassVar[Health]
    HEALTH_NORM_JUMP: _ClassVar[Health]
    HEALTH_DEAD_LAYER: _ClassVar[Health]

class WeightsKind(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    WEIGHTS_KIND_UNSPECIFIED: _ClassVar[WeightsKind]
    WEIGHTS_KIND_RAW: _ClassVar[WeightsKind]
    WEIGHTS_KIND_EMA: _ClassVar[WeightsKind]

class Tier(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    TIER_UNSPECIFIED: _ClassVar[Tier]
    TIER_FULL: _ClassVar[Tier]
    TIER_WITHOUT_OPTIMIZER: _ClassVar[Tier]
    TIER_BFLOAT16: _ClassVar[Tier]

class Outcome(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    OUTCOME_UNSPECIFIED: _ClassVar[Outcome]
    OUTCOME_WORKING: _ClassVar[Outcome]
    OUTCOME_DONE: _ClassVar[Outcome]
    OUTCOME_REFUSED: _ClassVar[Outcome]
    OUTCOME_FAILED: _ClassVar[Outcome]
    OUTCOME_EXPIRED: _ClassVar[Outcome]
    OUTCOME_NOBODY: _ClassVar[Outcome]
MODE_UNSPECIFIED: Mode
MODE_MIN: Mode
MODE_MAX: Mode
END_REASON_UNSPECIFIED: EndReason
END_REASON_COMPLETED: EndReason
END_REASON_EARLY_STOPPING: EndReason
END_REASON_NAN: EndReason
END_REASON_STOPPED: EndReason
END_REASON_INTERRUPTED: EndReason
END_REASON_FAILED: EndReason
TOPIC_UNSPECIFIED: Topic
TOPIC_CHECKPOINT: Topic
TOPIC_LEARNING_RATE: Topic
TOPIC_STOP: Topic
TOPIC_RESTORE: Topic
TOPIC_WEIGHTS: Topic
VERDICT_UNSPECIFIED: Verdict
VERDICT_SAVED: Verdict
VERDICT_NOT_SAVED: Verdict
VERDICT_IMPROVED: Verdict
VERDICT_WAITING: Verdict
VERDICT_CHANGED: Verdict
VERDICT_AT_FLOOR: Verdict
VERDICT_COOLING_DOWN: Verdict
VERDICT_WARMING_UP: Verdict
VERDICT_STOPPED: Verdict
VERDICT_WEIGHTS_RESTORED: Verdict
VERDICT_METRIC_MISSING: Verdict
VERDICT_RESTORED: Verdict
VERDICT_SKIPPED: Verdict
VERDICT_BACKED_UP: Verdict
VERDICT_BACKUP_REMOVED: Verdict
VERDICT_SWAPPED_IN: Verdict
VERDICT_SWAPPED_BACK: Verdict
VERDICT_EMA_VALIDATED: Verdict
SAVE_REASON_UNSPECIFIED: SaveReason
SAVE_REASON_BEST: SaveReason
SAVE_REASON_SCHEDULED: SaveReason
SAVE_REASON_MANUAL: SaveReason
SAVE_REASON_ADOPTED: SaveReason
SAVE_REASON_AVERAGE: SaveReason
HEALTH_UNSPECIFIED: Health
HEALTH_HEALTHY: Health
HEALTH_NOT_FINITE: Health
HEALTH_NORM_JUMP: Health
HEALTH_DEAD_LAYER: Health
WEIGHTS_KIND_UNSPECIFIED: WeightsKind
WEIGHTS_KIND_RAW: WeightsKind
WEIGHTS_KIND_EMA: WeightsKind
TIER_UNSPECIFIED: Tier
TIER_FULL: Tier
TIER_WITHOUT_OPTIMIZER: Tier
TIER_BFLOAT16: Tier
OUTCOME_UNSPECIFIED: Outcome
OUTCOME_WORKING: Outcome
OUTCOME_DONE: Outcome
OUTCOME_REFUSED: Outcome
OUTCOME_FAILED: Outcome
OUTCOME_EXPIRED: Outcome
OUTCOME_NOBODY: Outcome

class Record(_message.Message):
    __slots__ = ("schema", "seq", "epoch", "step", "batch", "events")
    SCHEMA_FIELD_NUMBER: _ClassVar[int]
    SEQ_FIELD_NUMBER: _ClassVar[int]
    EPOCH_FIELD_NUMBER: _ClassVar[int]
    STEP_FIELD_NUMBER: _ClassVar[int]
    BATCH_FIELD_NUMBER: _ClassVar[int]
    EVENTS_FIELD_NUMBER: _ClassVar[int]
    schema: int
    seq: int
    epoch: int
    step: int
    batch: int
    events: _containers.RepeatedCompositeFieldContainer[Event]
    def __init__(self, schema: _Optional[int] = ..., seq: _Optional[int] = ..., epoch: _Optional[int] = ..., step: _Optional[int] = ..., batch: _Optional[int] = ..., events: _Optional[_Iterable[_Union[Event, _Mapping]]] = ...) -> None: ...

class Event(_message.Message):
    __slots__ = ("session_started", "session_ended", "epoch_ended", "metrics_described", "decision", "checkpoint_saved", "checkpoint_failed", "checkpoint_pruned", "restored", "notice", "variables_described", "checkpoint_measured", "checkpoint_demoted", "checkpoint_recovered", "checkpoint_annotated", "request_answered")
    SESSION_STARTED_FIELD_NUMBER: _ClassVar[int]
    SESSION_ENDED_FIELD_NUMBER: _ClassVar[int]
    EPOCH_ENDED_FIELD_NUMBER: _ClassVar[int]
    METRICS_DESCRIBED_FIELD_NUMBER: _ClassVar[int]
    DECISION_FIELD_NUMBER: _ClassVar[int]
    CHECKPOINT_SAVED_FIELD_NUMBER: _ClassVar[int]
    CHECKPOINT_FAILED_FIELD_NUMBER: _ClassVar[int]
    CHECKPOINT_PRUNED_FIELD_NUMBER: _ClassVar[int]
    RESTORED_FIELD_NUMBER: _ClassVar[int]
    NOTICE_FIELD_NUMBER: _ClassVar[int]
    VARIABLES_DESCRIBED_FIELD_NUMBER: _ClassVar[int]
    CHECKPOINT_MEASURED_FIELD_NUMBER: _ClassVar[int]
    CHECKPOINT_DEMOTED_FIELD_NUMBER: _ClassVar[int]
    CHECKPOINT_RECOVERED_FIELD_NUMBER: _ClassVar[int]
    CHECKPOINT_ANNOTATED_FIELD_NUMBER: _ClassVar[int]
    REQUEST_ANSWERED_FIELD_NUMBER: _ClassVar[int]
    session_started: SessionStarted
    session_ended: SessionEnded
    epoch_ended: EpochEnded
    metrics_described: MetricsDescribed
    decision: Decision
    checkpoint_saved: CheckpointSaved
    checkpoint_failed: CheckpointFailed
    checkpoint_pruned: CheckpointPruned
    restored: Restored
    notice: Notice
    variables_described: VariablesDescribed
    checkpoint_measured: CheckpointMeasured
    checkpoint_demoted: CheckpointDemoted
    checkpoint_recovered: CheckpointRecovered
    checkpoint_annotated: CheckpointAnnotated
    request_answered: RequestAnswered
    def __init__(self, session_started: _Optional[_Union[SessionStarted, _Mapping]] = ..., session_ended: _Optional[_Union[SessionEnded, _Mapping]] = ..., epoch_ended: _Optional[_Union[EpochEnded, _Mapping]] = ..., metrics_described: _Optional[_Union[MetricsDescribed, _Mapping]] = ..., decision: _Optional[_Union[Decision, _Mapping]] = ..., checkpoint_saved: _Optional[_Union[CheckpointSaved, _Mapping]] = ..., checkpoint_failed: _Optional[_Union[CheckpointFailed, _Mapping]] = ..., checkpoint_pruned: _Optional[_Union[CheckpointPruned, _Mapping]] = ..., restored: _Optional[_Union[Restored, _Mapping]] = ..., notice: _Optional[_Union[Notice, _Mapping]] = ..., variables_described: _Optional[_Union[VariablesDescribed, _Mapping]] = ..., checkpoint_measured: _Optional[_Union[CheckpointMeasured, _Mapping]] = ..., checkpoint_demoted: _Optional[_Union[CheckpointDemoted, _Mapping]] = ..., checkpoint_recovered: _Optional[_Union[CheckpointRecovered, _Mapping]] = ..., checkpoint_annotated: _Optional[_Union[CheckpointAnnotated, _Mapping]] = ..., request_answered: _Optional[_Union[RequestAnswered, _Mapping]] = ...) -> None: ...

class Metric(_message.Message):
    __slots__ = ("name", "value", "validation")
    NAME_FIELD_NUMBER: _ClassVar[int]
    VALUE_FIELD_NUMBER: _ClassVar[int]
    VALIDATION_FIELD_NUMBER: _ClassVar[int]
    name: str
    value: float
    validation: float
    def __init__(self, name: _Optional[str] = ..., value: _Optional[float] = ..., validation: _Optional[float] = ...) -> None: ...

class Direction(_message.Message):
    __slots__ = ("metric", "mode")
    METRIC_FIELD_NUMBER: _ClassVar[int]
    MODE_FIELD_NUMBER: _ClassVar[int]
    metric: str
    mode: Mode
    def __init__(self, metric: _Optional[str] = ..., mode: _Optional[_Union[Mode, str]] = ...) -> None: ...

class SessionStarted(_message.Message):
    __slots__ = ("parent", "initial_epoch", "planned_epochs", "steps_per_epoch", "backend", "keras_version", "model_name", "host", "pid", "callbacks", "monitor", "mode", "save", "keep")
    PARENT_FIELD_NUMBER: _ClassVar[int]
    INITIAL_EPOCH_FIELD_NUMBER: _ClassVar[int]
    PLANNED_EPOCHS_FIELD_NUMBER: _ClassVar[int]
    STEPS_PER_EPOCH_FIELD_NUMBER: _ClassVar[int]
    BACKEND_FIELD_NUMBER: _ClassVar[int]
    KERAS_VERSION_FIELD_NUMBER: _ClassVar[int]
    MODEL_NAME_FIELD_NUMBER: _ClassVar[int]
    HOST_FIELD_NUMBER: _ClassVar[int]
    PID_FIELD_NUMBER: _ClassVar[int]
    CALLBACKS_FIELD_NUMBER: _ClassVar[int]
    MONITOR_FIELD_NUMBER: _ClassVar[int]
    MODE_FIELD_NUMBER: _ClassVar[int]
    SAVE_FIELD_NUMBER: _ClassVar[int]
    KEEP_FIELD_NUMBER: _ClassVar[int]
    parent: str
    initial_epoch: int
    planned_epochs: int
    steps_per_epoch: int
    backend: str
    keras_version: str
    model_name: str
    host: str
    pid: int
    callbacks: _containers.RepeatedScalarFieldContainer[str]
    monitor: str
    mode: Mode
    save: str
    keep: str
    def __init__(self, parent: _Optional[str] = ..., initial_epoch: _Optional[int] = ..., planned_epochs: _Optional[int] = ..., steps_per_epoch: _Optional[int] = ..., backend: _Optional[str] = ..., keras_version: _Optional[str] = ..., model_name: _Optional[str] = ..., host: _Optional[str] = ..., pid: _Optional[int] = ..., callbacks: _Optional[_Iterable[str]] = ..., monitor: _Optional[str] = ..., mode: _Optional[_Union[Mode, str]] = ..., save: _Optional[str] = ..., keep: _Optional[str] = ...) -> None: ...

class SessionEnded(_message.Message):
    __slots__ = ("reason", "callback", "message", "position")
    REASON_FIELD_NUMBER: _ClassVar[int]
    CALLBACK_FIELD_NUMBER: _ClassVar[int]
    MESSAGE_FIELD_NUMBER: _ClassVar[int]
    POSITION_FIELD_NUMBER: _ClassVar[int]
    reason: EndReason
    callback: str
    message: str
    position: int
    def __init__(self, reason: _Optional[_Union[EndReason, str]] = ..., callback: _Optional[str] = ..., message: _Optional[str] = ..., position: _Optional[int] = ...) -> None: ...

class EpochEnded(_message.Message):
    __slots__ = ("metrics", "duration_seconds")
    METRICS_FIELD_NUMBER: _ClassVar[int]
    DURATION_SECONDS_FIELD_NUMBER: _ClassVar[int]
    metrics: _containers.RepeatedCompositeFieldContainer[Metric]
    duration_seconds: float
    def __init__(self, metrics: _Optional[_Iterable[_Union[Metric, _Mapping]]] = ..., duration_seconds: _Optional[float] = ...) -> None: ...

class MetricsDescribed(_message.Message):
    __slots__ = ("directions",)
    DIRECTIONS_FIELD_NUMBER: _ClassVar[int]
    directions: _containers.RepeatedCompositeFieldContainer[Direction]
    def __init__(self, directions: _Optional[_Iterable[_Union[Direction, _Mapping]]] = ...) -> None: ...

class Decision(_message.Message):
    __slots__ = ("callback", "position", "topic", "verdict", "monitor", "mode", "observed", "best", "best_epoch", "min_delta", "baseline", "wait", "patience", "cooldown", "start_from_epoch", "lr_before", "lr_after", "min_lr", "optimizer", "path", "detail", "metric")
    CALLBACK_FIELD_NUMBER: _ClassVar[int]
    POSITION_FIELD_NUMBER: _ClassVar[int]
    TOPIC_FIELD_NUMBER: _ClassVar[int]
    VERDICT_FIELD_NUMBER: _ClassVar[int]
    MONITOR_FIELD_NUMBER: _ClassVar[int]
    MODE_FIELD_NUMBER: _ClassVar[int]
    OBSERVED_FIELD_NUMBER: _ClassVar[int]
    BEST_FIELD_NUMBER: _ClassVar[int]
    BEST_EPOCH_FIELD_NUMBER: _ClassVar[int]
    MIN_DELTA_FIELD_NUMBER: _ClassVar[int]
    BASELINE_FIELD_NUMBER: _ClassVar[int]
    WAIT_FIELD_NUMBER: _ClassVar[int]
    PATIENCE_FIELD_NUMBER: _ClassVar[int]
    COOLDOWN_FIELD_NUMBER: _ClassVar[int]
    START_FROM_EPOCH_FIELD_NUMBER: _ClassVar[int]
    LR_BEFORE_FIELD_NUMBER: _ClassVar[int]
    LR_AFTER_FIELD_NUMBER: _ClassVar[int]
    MIN_LR_FIELD_NUMBER: _ClassVar[int]
    OPTIMIZER_FIELD_NUMBER: _ClassVar[int]
    PATH_FIELD_NUMBER: _ClassVar[int]
    DETAIL_FIELD_NUMBER: _ClassVar[int]
    METRIC_FIELD_NUMBER: _ClassVar[int]
    callback: str
    position: int
    topic: Topic
    verdict: Verdict
    monitor: str
    mode: Mode
    observed: float
    best: float
    best_epoch: int
    min_delta: float
    baseline: float
    wait: int
    patience: int
    cooldown: int
    start_from_epoch: int
    lr_before: float
    lr_after: float
    min_lr: float
    optimizer: str
    path: str
    detail: str
    metric: int
    def __init__(self, callback: _Optional[str] = ..., position: _Optional[int] = ..., topic: _Optional[_Union[Topic, str]] = ..., verdict: _Optional[_Union[Verdict, str]] = ..., monitor: _Optional[str] = ..., mode: _Optional[_Union[Mode, str]] = ..., observed: _Optional[float] = ..., best: _Optional[float] = ..., best_epoch: _Optional[int] = ..., min_delta: _Optional[float] = ..., baseline: _Optional[float] = ..., wait: _Optional[int] = ..., patience: _Optional[int] = ..., cooldown: _Optional[int] = ..., start_from_epoch: _Optional[int] = ..., lr_before: _Optional[float] = ..., lr_after: _Optional[float] = ..., min_lr: _Optional[float] = ..., optimizer: _Optional[str] = ..., path: _Optional[str] = ..., detail: _Optional[str] = ..., metric: _Optional[int] = ...) -> None: ...

class CheckpointSaved(_message.Message):
    __slots__ = ("id", "path", "size_bytes", "digest", "metrics", "reason", "weights_kind", "has_optimizer", "save_seconds", "callback", "owned", "monitor", "mode", "observed", "best", "best_epoch", "optimizer", "held_seconds", "health", "health_detail", "parts", "parents")
    ID_FIELD_NUMBER: _ClassVar[int]
    PATH_FIELD_NUMBER: _ClassVar[int]
    SIZE_BYTES_FIELD_NUMBER: _ClassVar[int]
    DIGEST_FIELD_NUMBER: _ClassVar[int]
    METRICS_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    WEIGHTS_KIND_FIELD_NUMBER: _ClassVar[int]
    HAS_OPTIMIZER_FIELD_NUMBER: _ClassVar[int]
    SAVE_SECONDS_FIELD_NUMBER: _ClassVar[int]
    CALLBACK_FIELD_NUMBER: _ClassVar[int]
    OWNED_FIELD_NUMBER: _ClassVar[int]
    MONITOR_FIELD_NUMBER: _ClassVar[int]
    MODE_FIELD_NUMBER: _ClassVar[int]
    OBSERVED_FIELD_NUMBER: _ClassVar[int]
    BEST_FIELD_NUMBER: _ClassVar[int]
    BEST_EPOCH_FIELD_NUMBER: _ClassVar[int]
    OPTIMIZER_FIELD_NUMBER: _ClassVar[int]
    HELD_SECONDS_FIELD_NUMBER: _ClassVar[int]
    HEALTH_FIELD_NUMBER: _ClassVar[int]
    HEALTH_DETAIL_FIELD_NUMBER: _ClassVar[int]
    PARTS_FIELD_NUMBER: _ClassVar[int]
    PARENTS_FIELD_NUMBER: _ClassVar[int]
    id: str
    path: str
    size_bytes: int
    digest: str
    metrics: _containers.RepeatedCompositeFieldContainer[Metric]
    reason: SaveReason
    weights_kind: WeightsKind
    has_optimizer: bool
    save_seconds: float
    callback: str
    owned: bool
    monitor: str
    mode: Mode
    observed: float
    best: float
    best_epoch: int
    optimizer: str
    held_seconds: float
    health: Health
    health_detail: str
    parts: _containers.RepeatedCompositeFieldContainer[FilePart]
    parents: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, id: _Optional[str] = ..., path: _Optional[str] = ..., size_bytes: _Optional[int] = ..., digest: _Optional[str] = ..., metrics: _Optional[_Iterable[_Union[Metric, _Mapping]]] = ..., reason: _Optional[_Union[SaveReason, str]] = ..., weights_kind: _Optional[_Union[WeightsKind, str]] = ..., has_optimizer: bool = ..., save_seconds: _Optional[float] = ..., callback: _Optional[str] = ..., owned: bool = ..., monitor: _Optional[str] = ..., mode: _Optional[_Union[Mode, str]] = ..., observed: _Optional[float] = ..., best: _Optional[float] = ..., best_epoch: _Optional[int] = ..., optimizer: _Optional[str] = ..., held_seconds: _Optional[float] = ..., health: _Optional[_Union[Health, str]] = ..., health_detail: _Optional[str] = ..., parts: _Optional[_Iterable[_Union[FilePart, _Mapping]]] = ..., parents: _Optional[_Iterable[str]] = ...) -> None: ...

class FilePart(_message.Message):
    __slots__ = ("path", "size_bytes", "digest", "shared")
    PATH_FIELD_NUMBER: _ClassVar[int]
    SIZE_BYTES_FIELD_NUMBER: _ClassVar[int]
    DIGEST_FIELD_NUMBER: _ClassVar[int]
    SHARED_FIELD_NUMBER: _ClassVar[int]
    path: str
    size_bytes: int
    digest: str
    shared: bool
    def __init__(self, path: _Optional[str] = ..., size_bytes: _Optional[int] = ..., digest: _Optional[str] = ..., shared: bool = ...) -> None: ...

class VariablesDescribed(_message.Message):
    __slots__ = ("layout", "dataset", "name", "dtype", "shape", "offset", "size_bytes", "trainable")
    LAYOUT_FIELD_NUMBER: _ClassVar[int]
    DATASET_FIELD_NUMBER: _ClassVar[int]
    NAME_FIELD_NUMBER: _ClassVar[int]
    DTYPE_FIELD_NUMBER: _ClassVar[int]
    SHAPE_FIELD_NUMBER: _ClassVar[int]
    OFFSET_FIELD_NUMBER: _ClassVar[int]
    SIZE_BYTES_FIELD_NUMBER: _ClassVar[int]
    TRAINABLE_FIELD_NUMBER: _ClassVar[int]
    layout: str
    dataset: _containers.RepeatedScalarFieldContainer[str]
    name: _containers.RepeatedScalarFieldContainer[str]
    dtype: _containers.RepeatedScalarFieldContainer[str]
    shape: _containers.RepeatedScalarFieldContainer[str]
    offset: _containers.RepeatedScalarFieldContainer[int]
    size_bytes: _containers.RepeatedScalarFieldContainer[int]
    trainable: _containers.RepeatedScalarFieldContainer[bool]
    def __init__(self, layout: _Optional[str] = ..., dataset: _Optional[_Iterable[str]] = ..., name: _Optional[_Iterable[str]] = ..., dtype: _Optional[_Iterable[str]] = ..., shape: _Optional[_Iterable[str]] = ..., offset: _Optional[_Iterable[int]] = ..., size_bytes: _Optional[_Iterable[int]] = ..., trainable: _Optional[_Iterable[bool]] = ...) -> None: ...

class CheckpointMeasured(_message.Message):
    __slots__ = ("id", "layout", "numbers", "counts", "digests")
    ID_FIELD_NUMBER: _ClassVar[int]
    LAYOUT_FIELD_NUMBER: _ClassVar[int]
    NUMBERS_FIELD_NUMBER: _ClassVar[int]
    COUNTS_FIELD_NUMBER: _ClassVar[int]
    DIGESTS_FIELD_NUMBER: _ClassVar[int]
    id: str
    layout: str
    numbers: bytes
    counts: bytes
    digests: bytes
    def __init__(self, id: _Optional[str] = ..., layout: _Optional[str] = ..., numbers: _Optional[bytes] = ..., counts: _Optional[bytes] = ..., digests: _Optional[bytes] = ...) -> None: ...

class CheckpointDemoted(_message.Message):
    __slots__ = ("id", "tier", "path", "size_bytes", "digest", "policy", "freed_bytes")
    ID_FIELD_NUMBER: _ClassVar[int]
    TIER_FIELD_NUMBER: _ClassVar[int]
    PATH_FIELD_NUMBER: _ClassVar[int]
    SIZE_BYTES_FIELD_NUMBER: _ClassVar[int]
    DIGEST_FIELD_NUMBER: _ClassVar[int]
    POLICY_FIELD_NUMBER: _ClassVar[int]
    FREED_BYTES_FIELD_NUMBER: _ClassVar[int]
    id: str
    tier: Tier
    path: str
    size_bytes: int
    digest: str
    policy: str
    freed_bytes: int
    def __init__(self, id: _Optional[str] = ..., tier: _Optional[_Union[Tier, str]] = ..., path: _Optional[str] = ..., size_bytes: _Optional[int] = ..., digest: _Optional[str] = ..., policy: _Optional[str] = ..., freed_bytes: _Optional[int] = ...) -> None: ...

class CheckpointRecovered(_message.Message):
    __slots__ = ("id",)
    ID_FIELD_NUMBER: _ClassVar[int]
    id: str
    def __init__(self, id: _Optional[str] = ...) -> None: ...

class CheckpointAnnotated(_message.Message):
    __slots__ = ("id", "pinned", "note", "tags")
    ID_FIELD_NUMBER: _ClassVar[int]
    PINNED_FIELD_NUMBER: _ClassVar[int]
    NOTE_FIELD_NUMBER: _ClassVar[int]
    TAGS_FIELD_NUMBER: _ClassVar[int]
    id: str
    pinned: bool
    note: str
    tags: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, id: _Optional[str] = ..., pinned: bool = ..., note: _Optional[str] = ..., tags: _Optional[_Iterable[str]] = ...) -> None: ...

class CheckpointFailed(_message.Message):
    __slots__ = ("id", "path", "message", "errno", "metrics")
    ID_FIELD_NUMBER: _ClassVar[int]
    PATH_FIELD_NUMBER: _ClassVar[int]
    MESSAGE_FIELD_NUMBER: _ClassVar[int]
    ERRNO_FIELD_NUMBER: _ClassVar[int]
    METRICS_FIELD_NUMBER: _ClassVar[int]
    id: str
    path: str
    message: str
    errno: int
    metrics: _containers.RepeatedCompositeFieldContainer[Metric]
    def __init__(self, id: _Optional[str] = ..., path: _Optional[str] = ..., message: _Optional[str] = ..., errno: _Optional[int] = ..., metrics: _Optional[_Iterable[_Union[Metric, _Mapping]]] = ...) -> None: ...

class CheckpointPruned(_message.Message):
    __slots__ = ("id", "policy", "freed_bytes", "replaced_by", "trash", "operation")
    ID_FIELD_NUMBER: _ClassVar[int]
    POLICY_FIELD_NUMBER: _ClassVar[int]
    FREED_BYTES_FIELD_NUMBER: _ClassVar[int]
    REPLACED_BY_FIELD_NUMBER: _ClassVar[int]
    TRASH_FIELD_NUMBER: _ClassVar[int]
    OPERATION_FIELD_NUMBER: _ClassVar[int]
    id: str
    policy: str
    freed_bytes: int
    replaced_by: str
    trash: str
    operation: str
    def __init__(self, id: _Optional[str] = ..., policy: _Optional[str] = ..., freed_bytes: _Optional[int] = ..., replaced_by: _Optional[str] = ..., trash: _Optional[str] = ..., operation: _Optional[str] = ...) -> None: ...

class Restored(_message.Message):
    __slots__ = ("checkpoint", "session", "checkpoint_epoch", "what", "request", "undo", "restored", "before", "after", "lr_before", "lr_after", "counters", "because")
    CHECKPOINT_FIELD_NUMBER: _ClassVar[int]
    SESSION_FIELD_NUMBER: _ClassVar[int]
    CHECKPOINT_EPOCH_FIELD_NUMBER: _ClassVar[int]
    WHAT_FIELD_NUMBER: _ClassVar[int]
    REQUEST_FIELD_NUMBER: _ClassVar[int]
    UNDO_FIELD_NUMBER: _ClassVar[int]
    RESTORED_FIELD_NUMBER: _ClassVar[int]
    BEFORE_FIELD_NUMBER: _ClassVar[int]
    AFTER_FIELD_NUMBER: _ClassVar[int]
    LR_BEFORE_FIELD_NUMBER: _ClassVar[int]
    LR_AFTER_FIELD_NUMBER: _ClassVar[int]
    COUNTERS_FIELD_NUMBER: _ClassVar[int]
    BECAUSE_FIELD_NUMBER: _ClassVar[int]
    checkpoint: str
    session: str
    checkpoint_epoch: int
    what: str
    request: str
    undo: str
    restored: int
    before: str
    after: str
    lr_before: float
    lr_after: float
    counters: str
    because: str
    def __init__(self, checkpoint: _Optional[str] = ..., session: _Optional[str] = ..., checkpoint_epoch: _Optional[int] = ..., what: _Optional[str] = ..., request: _Optional[str] = ..., undo: _Optional[str] = ..., restored: _Optional[int] = ..., before: _Optional[str] = ..., after: _Optional[str] = ..., lr_before: _Optional[float] = ..., lr_after: _Optional[float] = ..., counters: _Optional[str] = ..., because: _Optional[str] = ...) -> None: ...

class RequestAnswered(_message.Message):
    __slots__ = ("request", "action", "outcome", "message", "by", "source", "host", "checkpoint")
    REQUEST_FIELD_NUMBER: _ClassVar[int]
    ACTION_FIELD_NUMBER: _ClassVar[int]
    OUTCOME_FIELD_NUMBER: _ClassVar[int]
    MESSAGE_FIELD_NUMBER: _ClassVar[int]
    BY_FIELD_NUMBER: _ClassVar[int]
    SOURCE_FIELD_NUMBER: _ClassVar[int]
    HOST_FIELD_NUMBER: _ClassVar[int]
    CHECKPOINT_FIELD_NUMBER: _ClassVar[int]
    request: str
    action: str
    outcome: Outcome
    message: str
    by: str
    source: str
    host: str
    checkpoint: str
    def __init__(self, request: _Optional[str] = ..., action: _Optional[str] = ..., outcome: _Optional[_Union[Outcome, str]] = ..., message: _Optional[str] = ..., by: _Optional[str] = ..., source: _Optional[str] = ..., host: _Optional[str] = ..., checkpoint: _Optional[str] = ...) -> None: ...

class Notice(_message.Message):
    __slots__ = ("code", "message", "hint")
    CODE_FIELD_NUMBER: _ClassVar[int]
    MESSAGE_FIELD_NUMBER: _ClassVar[int]
    HINT_FIELD_NUMBER: _ClassVar[int]
    code: str
    message: str
    hint: str
    def __init__(self, code: _Optional[str] = ..., message: _Optional[str] = ..., hint: _Optional[str] = ...) -> None: ...
