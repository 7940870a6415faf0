"""Where the training is in its data, and how to get there again.

Keras keeps the position in an iterator of its own (`EpochIterator`) and tells nobody. What can be
had is how that iterator came to be where it is: which random state it began with, how many
iterators of a `tf.data` pipeline were made before it (each shuffles anew), how many batches were
drawn from it. Doing the same again, without training, leads to the same place, for every data
source whose order follows from that.

Knows Keras's data adapters by name. Where a source gives no promise, `Position` says so in words.

Invariant: while a training runs, the iterators that Keras makes are only counted.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Mapping
from enum import StrEnum
from types import CodeType, FrameType
from typing import Any, Final

import keras

from epochline.callbacks.resuming.attributes import Baseline
from epochline.callbacks.resuming.randomness import is_seeded

__all__ = ["Kind", "Position", "find_loop"]

_FRAMES: Final = 16
_LOCAL: Final = "epoch_iterator"
_NEEDED: Final = (
    "_enumerate_iterator",
    "_get_iterator",
    "_current_iterator",
    "_steps_seen",
    "_num_batches",
    "data_adapter",
    "steps_per_epoch",
    "steps_per_execution",
)


class Kind(StrEnum):
    """What `fit` was given."""

    ARRAYS = "arrays"
    TF_DATA = "tf.data"
    PY_DATASET = "PyDataset"
    TORCH = "torch DataLoader"
    GENERATOR = "generator"
    UNKNOWN = "unknown"


_KINDS: Final = {
    "ArrayDataAdapter": Kind.ARRAYS,
    "TFDatasetAdapter": Kind.TF_DATA,
    "PyDatasetAdapter": Kind.PY_DATASET,
    "TorchDataLoaderAdapter": Kind.TORCH,
    "GeneratorDataAdapter": Kind.GENERATOR,
}


def find_loop() -> tuple[CodeType | None, Any]:
    """Returns the code that runs the training loop that is calling, and Keras's iterator in it.

    Each is None when it cannot be found: the loop is none of Keras's then.
    """
    frame: FrameType | None = sys._getframe(1)  # noqa: SLF001 – the one way to it
    for _ in range(_FRAMES):
        if frame is None:
            break
        found = frame.f_locals.get(_LOCAL)
        if found is not None:
            known = all(hasattr(found, name) for name in _NEEDED)
            return frame.f_code, found if known else None
        frame = frame.f_back
    return None, None


class Position:
    """The place of one `EpochIterator` in its data.

    Args:
        iterator: Keras's iterator; None when it could not be had.

    Attributes:
        kind: What the data is.
    """

    def __init__(self, iterator: Any) -> None:
        self._iterator = iterator
        adapter = None if iterator is None else iterator.data_adapter
        self.kind = _KINDS.get(type(adapter).__name__, Kind.UNKNOWN)
        self._adapter: Any = adapter
        self._made = 0
        self._source = self._baseline()
        dataset = getattr(adapter, "_dataset", None) if self.kind is Kind.TF_DATA else None
        self._pipeline = [] if dataset is None else _captured(dataset)
        if self.kind is Kind.TF_DATA:  # each iterator of it may shuffle anew
            epochs: Any = iterator
            self._get_iterator: Callable[[], Any] = epochs._get_iterator  # noqa: SLF001
            epochs._get_iterator = lambda: _Counted(self._get_iterator(), self._count)  # noqa: SLF001

    def _baseline(self) -> Baseline | None:
        return Baseline(self._adapter.py_dataset) if self.kind is Kind.PY_DATASET else None

    @property
    def made(self) -> int:
        """How many iterators were made of the data, those before this process included."""
        return self._made

    @property
    def reads_ahead(self) -> bool:
        """Whether another thread calls the user's code for batches that are still to come."""
        if self.kind is not Kind.PY_DATASET:
            return False
        return self._adapter.enqueuer is not None or keras.backend.backend() == "tensorflow"

    def _count(self) -> None:
        self._made += 1

    def describe(self) -> dict[str, Any]:
        """Returns what must be the same when the training is continued."""
        if self._iterator is None:
            return {"kind": str(self.kind)}
        told = {
            "kind": str(self.kind),
            "steps_per_epoch": self._iterator.steps_per_epoch,
            "steps_per_execution": self._iterator.steps_per_execution,
        }
        names = {
            "batches": "num_batches",
            "batch_size": "_batch_size",
            "rows": "_num_samples",
            "shuffle": "shuffle" if self.kind is Kind.PY_DATASET else "_shuffle",
        }
        for name, attribute in names.items():
            value = getattr(self._adapter, attribute, None)
            told[name] = value if isinstance(value, int | str) else None
        return told

    def not_promised(self) -> list[str]:
        """Returns in sentences why a continued training may see other data; empty when not."""
        if self._iterator is None:
            return ["The data of this training cannot be seen from here."]
        told = []
        if self.kind is Kind.GENERATOR:
            told.append("A Python generator is read anew; it may yield other batches.")
        if self.kind is Kind.UNKNOWN:
            told.append(f"{type(self._adapter).__name__} is no data source that is known.")
        if self._shuffles_unseeded():
            told.append(
                "TensorFlow shuffles the data by a seed that is another one in each process: call "
                "keras.utils.set_random_seed before the data is made."
            )
        if self.kind is Kind.PY_DATASET and self._adapter.py_dataset.use_multiprocessing:
            told.append("The random state of worker processes cannot be seen.")
        if self.kind is Kind.TORCH and self._adapter._dataloader.generator is not None:  # noqa: SLF001
            told.append("The DataLoader has a random generator of its own.")
        if self._source is not None and self._source.lost():
            told.append(f"The dataset has changed {', '.join(self._source.lost())} meanwhile.")
        within = self._iterator.steps_per_epoch and self._iterator._steps_seen  # noqa: SLF001
        if within and self.kind not in {Kind.TF_DATA, Kind.GENERATOR}:
            told.append("steps_per_epoch ends an epoch in the middle of the data.")
        return told

    def _shuffles_unseeded(self) -> bool:
        if self.kind is Kind.TF_DATA:
            return _has_unseeded(self._adapter._dataset)  # noqa: SLF001
        on_tensorflow = keras.backend.backend() == "tensorflow"
        return (
            self.kind is Kind.ARRAYS
            and on_tensorflow
            and self._adapter._shuffle  # noqa: SLF001
            and not is_seeded()
        )

    def capture(self) -> dict[str, Any]:
        """Returns the position between two epochs."""
        if self._iterator is None:
            return {}
        return {
            "iterators": self._made,
            "steps_seen": self._iterator._steps_seen,  # noqa: SLF001
            "num_batches": self._iterator._num_batches,  # noqa: SLF001
            "current": self._iterator._current_iterator is not None,  # noqa: SLF001
            "source": None if self._source is None else self._source.capture(),
            "pipeline": [variable.numpy() for variable in self._pipeline],
        }

    def restore(self, saved: Mapping[str, Any]) -> None:
        """Puts the source into the state that it had at the beginning of the epoch to come."""
        if self._source is not None and saved.get("source") is not None:
            self._source.restore(saved["source"])
        for variable, value in zip(self._pipeline, saved.get("pipeline", ()), strict=True):
            variable.assign(value)

    def replay(self, saved: Mapping[str, Any]) -> None:
        """Leads to the beginning of an epoch, without training; draws from the data.

        Args:
            saved: What `capture` returned at the beginning of that epoch.
        """
        iterator = self._iterator
        if iterator is None or not saved:
            return
        if self._adapter.num_batches is None:  # Keras learns it in the first epoch
            iterator._num_batches = saved["num_batches"]  # noqa: SLF001
        lasting = bool(iterator.steps_per_epoch and saved["current"])
        self.catch_up(saved["iterators"] - lasting)
        if lasting:
            current = iter(iterator._get_iterator())  # noqa: SLF001
            for _ in range(saved["steps_seen"]):
                next(current)
            iterator._current_iterator = current  # noqa: SLF001
            iterator._steps_seen = saved["steps_seen"]  # noqa: SLF001

    def catch_up(self, iterators: int) -> None:
        """Makes as many iterators of a `tf.data` pipeline as were made before: each shuffles."""
        while self.kind is Kind.TF_DATA and self._made < iterators:
            iter(self._adapter._dataset)  # noqa: SLF001 – shuffles, though nothing is drawn
            self._made += 1

    def leave_out(self, batches: int) -> None:
        """Makes the epoch that is about to begin draw its first batches without training."""
        iterator = self._iterator
        if iterator is None:
            return
        enumerate_all: Callable[[], Iterator[Any]] = iterator._enumerate_iterator  # noqa: SLF001
        steps = iterator.steps_per_execution

        def enumerate_rest() -> Iterator[Any]:
            iterator._enumerate_iterator = enumerate_all  # noqa: SLF001 – once only
            every = enumerate_all()
            for _ in range(0, batches, steps):
                _, _, data = next(every)
                for _ in range(steps):
                    if next(data, _END) is _END:
                        message = f"The data ended before the {batches} batches that were done."
                        raise ValueError(message)
            yield from every

        iterator._enumerate_iterator = enumerate_rest  # noqa: SLF001

    def specification(self) -> Any:
        """Returns what one batch is, as `keras.KerasTensor`s; None when that is not known."""
        dataset = getattr(self._iterator, "_distributed_dataset", None)
        spec = getattr(dataset, "element_spec", None)
        if spec is None:
            return None
        return keras.tree.map_structure(
            lambda item: keras.KerasTensor(tuple(item.shape), item.dtype.name), spec
        )

    def release(self) -> None:
        """Lets Keras's iterator be as it was."""
        if self.kind is Kind.TF_DATA:
            self._iterator._get_iterator = self._get_iterator  # noqa: SLF001


_END: Final = object()
_RANDOM_OPERATIONS: Final = ("Random", "TruncatedNormal", "Multinomial")


class _Counted:
    """Something to iterate over that tells when an iterator of it is used."""

    def __init__(self, source: Any, count: Callable[[], None]) -> None:
        self._source = source
        self._count = count

    def __iter__(self) -> Any:
        iterator = iter(self._source)
        if keras.backend.backend() == "tensorflow":
            self._count()
            return iterator  # Keras wants the very object; and a tf.data one shuffles when made
        return self._counting(iterator)

    def _counting(self, iterator: Iterator[Any]) -> Iterator[Any]:
        self._count()  # with the first batch: a generator of Keras's begins only then
        yield from iterator


def _pipeline(dataset: Any) -> Iterator[Any]:
    """Yields a `tf.data` dataset and all those that it reads from."""
    yield dataset
    for item in getattr(dataset, "_inputs", tuple)():
        yield from _pipeline(item)


def _graphs(dataset: Any) -> Iterator[Any]:
    """Yields the graphs of the functions that a pipeline maps over its elements."""
    for item in _pipeline(dataset):
        for function in getattr(item, "_functions", tuple)():
            graph = getattr(getattr(function, "function", None), "graph", None)
            if graph is not None:
                yield graph


def _captured(dataset: Any) -> list[Any]:
    """Returns the variables that functions of a pipeline use, such as their random state."""
    found = {id(item): item for graph in _graphs(dataset) for item in graph.variables}
    return list(found.values())


def _has_unseeded(dataset: Any) -> bool:
    """Returns whether something in a pipeline is random in another way in each process."""
    seeds = [
        (int(item._seed), int(item._seed2))  # noqa: SLF001
        for item in _pipeline(dataset)
        if hasattr(item, "_seed") and hasattr(item, "_seed2")
    ]
    seeds += [
        (operation.get_attr("seed"), operation.get_attr("seed2"))
        for graph in _graphs(dataset)
        for operation in graph.get_operations()
        if operation.type.startswith(_RANDOM_OPERATIONS)
    ]
    return (0, 0) in seeds
