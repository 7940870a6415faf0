"""Keras callbacks that record a training: the only part of Epochline that imports Keras."""

from epochline.callbacks.early_stopping_recorder import EarlyStoppingRecorder
from epochline.callbacks.learning_rate_recorder import LearningRateRecorder
from epochline.callbacks.live_restore import LiveRestore, RestoreOnNaN
from epochline.callbacks.model_checkpoint import ModelCheckpoint
from epochline.callbacks.resume import Resume
from epochline.callbacks.timeline import Timeline

__all__ = [
    "EarlyStoppingRecorder",
    "LearningRateRecorder",
    "LiveRestore",
    "ModelCheckpoint",
    "RestoreOnNaN",
    "Resume",
    "Timeline",
]
