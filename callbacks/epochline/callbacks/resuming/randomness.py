"""The random state of the process: Python, NumPy, Keras, and the backend's own.

Seed generators that belong to layers are variables of the model, and no business of this module.
What is not loaded is left alone: nothing is imported here but what every Keras imports.

Invariant: `restore_random(capture_random())` changes nothing, and looking draws nothing.
"""

from __future__ import annotations

import random
import sys
from typing import Any, Final

import keras
import numpy as np

from epochline.restore.plain import encode

__all__ = ["capture_random", "is_seeded", "restore_random", "same_random"]

_GENERATOR: Final = "global_seed_generator"


def capture_random() -> dict[str, Any]:
    """Returns the random state of the process as plain values and arrays."""
    version, words, gauss = random.getstate()
    return {
        "python": (version, np.array(words, dtype="uint32"), gauss),
        "numpy": np.random.get_state(legacy=False),  # noqa: NPY002 – the global one is the point
        "keras": _keras_state(),
        "tensorflow": _tensorflow_state(),
        "torch": _torch_state(),
    }


def restore_random(saved: dict[str, Any]) -> None:
    """Puts back what `capture_random` returned."""
    _restore_keras(saved["keras"])
    _restore_tensorflow(saved["tensorflow"])
    _restore_torch(saved["torch"])
    np.random.set_state(saved["numpy"])  # noqa: NPY002 – the global one is the point
    version, words, gauss = saved["python"]
    random.setstate((version, tuple(words.tolist()), gauss))


def same_random(one: dict[str, Any], other: dict[str, Any]) -> bool:
    """Returns whether nothing was drawn between two moments."""
    return b"".join(encode(one)) == b"".join(encode(other))


def is_seeded() -> bool:
    """Returns whether random operations of TensorFlow come out the same in each process."""
    from keras.src.utils.rng_utils import get_random_seed

    context = _tensorflow_context()
    seed = get_random_seed() if context is None else context._seed  # noqa: SLF001
    return seed is not None


def _keras_state() -> Any:
    from keras.src.backend.common import global_state

    generator = global_state.get_global_attribute(_GENERATOR)
    return None if generator is None else np.array(keras.ops.convert_to_numpy(generator.state))


def _restore_keras(saved: Any) -> None:
    from keras.src.backend.common import global_state
    from keras.src.random.seed_generator import global_seed_generator

    if saved is None:
        global_state.set_global_attribute(_GENERATOR, None)
    else:
        global_seed_generator().state.assign(saved)


def _tensorflow_context() -> Any:
    module = sys.modules.get("tensorflow.python.eager.context")
    return None if module is None else module.context()


def _tensorflow_state() -> dict[str, Any] | None:
    """The seeds that eager operations are given, and `tf.random.get_global_generator()`."""
    context = _tensorflow_context()
    if context is None:
        return None
    drawn = getattr(context, "_rng", None)
    words = None if drawn is None else drawn.getstate()
    generator = _tensorflow_generator()
    return {
        "seeds": None if words is None else (words[0], np.array(words[1], "uint32"), words[2]),
        "generator": None if generator is None else np.array(generator.state.numpy()),
    }


def _restore_tensorflow(saved: dict[str, Any] | None) -> None:
    context = _tensorflow_context()
    if saved is None or context is None:
        return
    drawn = getattr(context, "_rng", None)
    if saved["seeds"] is not None and drawn is not None:
        version, words, gauss = saved["seeds"]
        drawn.setstate((version, tuple(words.tolist()), gauss))
    generator = _tensorflow_generator()
    if saved["generator"] is not None and generator is not None:
        generator.state.assign(saved["generator"])


def _tensorflow_generator() -> Any:
    # Not tf.random.get_global_generator(): that makes one, with a seed from the system.
    module = sys.modules.get("tensorflow.python.ops.stateful_random_ops")
    return getattr(module, "global_generator", None)


def _torch_state() -> dict[str, Any] | None:
    torch = sys.modules.get("torch")
    if torch is None:
        return None
    devices = torch.cuda.get_rng_state_all() if torch.cuda.is_initialized() else []
    return {
        "cpu": np.array(torch.get_rng_state().numpy()),
        "cuda": [np.array(state.cpu().numpy()) for state in devices],
    }


def _restore_torch(saved: dict[str, Any] | None) -> None:
    torch = sys.modules.get("torch")
    if saved is None or torch is None:
        return
    torch.set_rng_state(torch.from_numpy(np.array(saved["cpu"])))
    if saved["cuda"] and torch.cuda.is_available():
        torch.cuda.set_rng_state_all([torch.from_numpy(np.array(s)) for s in saved["cuda"]])
