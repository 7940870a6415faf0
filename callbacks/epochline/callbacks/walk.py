"""What a model gives to its weights file, found by walking it as Keras does.

The walk is Keras's own, with a store that keeps what it is given instead of writing it. That takes
two names that are not public, `saving_lib.H5IOStore` and `_save_state`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import keras
import numpy as np

from epochline.callbacks.saving_lib import saving_lib_or_none
from epochline.callbacks.snapshot import Source

__all__ = ["PlanError", "Walk"]


class PlanError(RuntimeError):
    """A model's files have to be made by Keras itself; the message says why."""


class Walk:
    """What a model gives to its weights file.

    Attributes:
        values: Path in the file to the variable, or the value where that was given.
        groups: The same paths to the objects that gave them, in the order in which Keras saves.
        fixed: Whether it would give the same variables every time: only code of Keras chose them.
    """

    def __init__(self, model: keras.Model) -> None:
        self.values: dict[str, Source] = {}
        self.groups: dict[str, str] = {}
        self._moving: set[str] = set()
        self.fixed = True
        self._optimizers = {id(item): item for item in _optimizers(model)}
        layers = {id(item): item for item in model._flatten_layers()}  # noqa: SLF001 – see above
        self._owners: Mapping[int, Any] = layers | self._optimizers
        self._visited = _Visited()
        saving_lib = saving_lib_or_none()
        if saving_lib is None:
            msg = f"Keras {keras.__version__} has moved what it takes to do without it"
            raise PlanError(msg)
        try:
            store = _recording_store(saving_lib.H5IOStore, self)
            saving_lib._save_state(  # noqa: SLF001 – see above
                model,
                weights_store=store,
                assets_store=None,
                inner_path="",
                visited_saveables=self._visited,
            )
        except (AttributeError, TypeError) as error:
            msg = f"Keras {keras.__version__} does it in another way ({error})"
            raise PlanError(msg) from error

    def add(self, group: str, key: str, value: Any) -> None:
        """Called by the store for each value that it is given."""
        owner = self._owners.get(self._visited.current)
        own_rule = getattr(type(owner), "save_own_variables", None)
        if own_rule is None or not str(own_rule.__module__).startswith("keras."):
            self.fixed = False
        if self._visited.current in self._optimizers and key.isdecimal():
            # Optimizers hand out copies of their variables, in this order.
            value = self._optimizers[self._visited.current].variables[int(key)]
        if not isinstance(value, keras.Variable):
            self.fixed = False
            value = np.array(keras.ops.convert_to_numpy(value))
        path = f"{group}/vars/{key}".lstrip("/")
        self.values[path], self.groups[path] = value, group
        if self._visited.current in self._optimizers or not _still(value):
            self._moving.add(group)

    @property
    def frozen(self) -> frozenset[str]:
        """Those of the objects that training does not change."""
        return frozenset(self.groups.values()) - self._moving


class _Visited(set[int]):
    """The objects that were saved; the last one that was asked for is being saved now."""

    current = 0

    def __contains__(self, key: Any) -> bool:
        self.current = key
        return super().__contains__(key)


def _recording_store(base: type[Any], walk: Walk) -> Any:
    """Returns what Keras takes for a file that is being written."""

    class RecordingStore(base):
        def __init__(self) -> None:
            self._group = ""
            self._keys: dict[str, Any] = {}

        def __bool__(self) -> bool:
            return True

        def make(self, path: str, metadata: Any = None) -> RecordingStore:
            self._group, self._keys = path, {}
            return self

        def __setitem__(self, key: str, value: Any) -> None:
            self._keys[key] = value
            walk.add(self._group, key, value)

        def __getitem__(self, key: str) -> Any:
            return self._keys[key]

        def __delitem__(self, key: str) -> None:
            msg = "a layer deletes what it has saved"
            raise PlanError(msg)

        def __contains__(self, key: object) -> bool:
            return key in self._keys

        def __len__(self) -> int:
            return len(self._keys)

        def keys(self) -> Any:
            return self._keys.keys()

    return RecordingStore()


def _optimizers(model: keras.Model) -> Iterator[Any]:
    waiting = [getattr(model, "optimizer", None)]
    while waiting:
        optimizer = waiting.pop()
        if optimizer is not None:
            yield optimizer
            waiting += [getattr(optimizer, "inner_optimizer", None)]
            waiting += getattr(optimizer, "optimizers", None) or []


def _still(value: Source) -> bool:
    """Returns whether a value is a variable that training does not change."""
    return isinstance(value, keras.Variable) and not value.trainable
