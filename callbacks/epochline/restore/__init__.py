"""Choose a checkpoint, check its file, and load it into a model.

It works on the model object it is given and imports neither Keras nor a backend, so that the
command line stays light; `load.py` is imported when something is loaded.

Invariant: a model is either restored whole from bytes that match their digest, or left as it was.
"""

from epochline.restore.choose import Choice, ChoiceBy, choose, parse_choice, parse_reference
from epochline.restore.lineage import Origin, forget_restored, restored_from

__all__ = [
    "Choice",
    "ChoiceBy",
    "Origin",
    "choose",
    "forget_restored",
    "parse_choice",
    "parse_reference",
    "restored_from",
]
