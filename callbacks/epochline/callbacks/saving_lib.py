"""What is taken from Keras's `saving_lib`, which is not public: to know what goes into a file.

Without it Keras makes every file itself, while the training waits.
"""

from __future__ import annotations

from typing import Any, Final

__all__ = ["saving_lib_or_none"]

_WANTED: Final = (
    "DiskIOStore",
    "H5IOStore",
    "_save_state",
    "_serialize_model_as_json",
    "save_model",
)


def saving_lib_or_none() -> Any:
    """Returns the module; None on a Keras that has moved something of it."""
    try:
        from keras.src.saving import saving_lib
    except ImportError:
        return None
    return saving_lib if all(hasattr(saving_lib, name) for name in _WANTED) else None
