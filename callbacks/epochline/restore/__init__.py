"""Choose a checkpoint, check its file, and load it into a model.

It works on the model object it is given and imports neither Keras nor a backend, so that the
command line stays light.

Invariant: a model is either restored whole from bytes that match their digest, or left as it was.
"""

from epochline.restore.choose import Choice, ChoiceBy, choose, parse_choice, parse_reference
from epochline.restore.lineage import Origin, forget_restored, restored_from
from epochline.restore.load import RestoreResult, restore_into

__all__ = [
    "Choice",
    "ChoiceBy",
    "Origin",
    "RestoreResult",
    "choose",
    "forget_restored",
    "parse_choice",
    "parse_reference",
    "restore_into",
    "restored_from",
]
