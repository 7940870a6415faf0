"""A training without Keras.

It writes what a real one writes, at a pace that the test dictates; epoch 5 is the best. Run as
`python -m tests.end_to_end.live_training RUN_DIR EPOCHS PAUSE AT_ONCE`.
"""

from __future__ import annotations

import sys
import time
from pathlib import Path

from epochline.events import (
    CheckpointSaved,
    EndReason,
    EpochEnded,
    MetricsDescribed,
    Mode,
    SessionStarted,
)
from epochline.session import Session, new_id
from epochline.store import digest_bytes

__all__ = ["checkpoint_path", "train"]

STEPS = 10


def checkpoint_path(epoch: int) -> str:
    """Returns where the checkpoint of an epoch, counted from one, is below the run directory."""
    return f"checkpoints/epoch-{epoch:04d}.weights.h5"


def train(run_dir: Path, epochs: int, pause: float = 0.0, at_once: int = 0) -> None:
    """Writes a run with a checkpoint for each epoch.

    Args:
        run_dir: The run directory.
        epochs: How many.
        pause: Seconds after each epoch.
        at_once: So many epochs come before the first pause.
    """
    session = Session(run_dir)
    session.start()
    session.record(SessionStarted(planned_epochs=epochs, monitor="val_loss", mode=Mode.MIN))
    session.record(MetricsDescribed(directions={"loss": Mode.MIN, "val_loss": Mode.MIN}))
    for epoch in range(1, epochs + 1):
        session.epoch, session.step = epoch - 1, STEPS * epoch
        metrics = {"loss": 0.9 / epoch, "val_loss": 0.3 + 0.01 * abs(epoch - 5)}
        session.record(EpochEnded(metrics=metrics))
        session.record(_save(run_dir, epoch, metrics))
        if epoch >= at_once:
            time.sleep(pause)
    session.end(EndReason.COMPLETED)


def _save(run_dir: Path, epoch: int, metrics: dict[str, float]) -> CheckpointSaved:
    data = f"weights of epoch {epoch} ".encode() * 1_000
    path = checkpoint_path(epoch)
    file = run_dir / path
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(data)
    return CheckpointSaved(
        id=new_id(), path=path, size_bytes=len(data), digest=digest_bytes(data), metrics=metrics
    )


if __name__ == "__main__":
    train(Path(sys.argv[1]), int(sys.argv[2]), float(sys.argv[3]), int(sys.argv[4]))
