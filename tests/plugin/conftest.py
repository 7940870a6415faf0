"""A checkpoint entry to change."""

from __future__ import annotations

import pytest

from epochline.events import SaveReason, WeightsKind
from epochline.store import digest_bytes
from epochline.timeline import CheckpointEntry, Status

DATA = b"weights" * 100


@pytest.fixture
def entry() -> CheckpointEntry:
    """A saved checkpoint whose file holds `DATA`."""
    return CheckpointEntry(
        session="a" * 16,
        epoch=3,
        step=208,
        batch=208,
        wall_time=1_760_000_000.0,
        id="0123456789abcdef",
        path="checkpoints/epoch-4.weights.h5",
        size_bytes=len(DATA),
        digest=digest_bytes(DATA),
        metrics={"loss": 0.5},
        reason=SaveReason.BEST,
        fate="Saved.",
        weights_kind=WeightsKind.RAW,
        has_optimizer=True,
        save_seconds=0.01,
        callback="Timeline",
        owned=True,
        status=Status.SAVED,
    )
