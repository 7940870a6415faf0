"""What exact resume takes from Keras beyond its public interface: who moves it fails here.

Where one of these goes, a killed training can no longer be continued within an epoch, or at all;
`Resume` then refuses, or says what it cannot promise.
"""

from __future__ import annotations

import inspect
import sys
from typing import Any

import keras
import numpy as np
import pytest
from keras.src.backend.common import global_state
from keras.src.random.seed_generator import global_seed_generator
from keras.src.trainers import data_adapters
from keras.src.trainers.epoch_iterator import EpochIterator
from keras.src.utils.rng_utils import get_random_seed

from epochline.callbacks.resuming.data import Kind, Position, find_loop
from tests.callbacks.training import FEATURES, TARGETS, new_model, train


class Look(keras.callbacks.Callback):
    """Looks at the training from inside, once."""

    def __init__(self) -> None:
        super().__init__()
        self.iterator: Any = None
        self.code: Any = None
        self.validation: Any = None

    def on_train_begin(self, logs: Any = None) -> None:
        """Called by Keras."""
        self.code, self.iterator = find_loop()

    def on_test_begin(self, logs: Any = None) -> None:
        """Called by Keras."""
        self.validation = self.model._eval_epoch_iterator  # noqa: SLF001


@pytest.fixture(scope="module")
def look() -> Look:
    """What was seen in a training with validation."""
    found = Look()
    train(new_model(), found, epochs=1, validation_data=(FEATURES, TARGETS))
    return found


def test_iterator_is_in_the_frame_of_fit(look: Look) -> None:
    """`fit` has it in its variable `epoch_iterator` while callbacks are called."""
    assert isinstance(look.iterator, EpochIterator)
    assert look.code.co_name == "fit"


def test_validation_has_an_iterator_of_its_own(look: Look) -> None:
    """`model._eval_epoch_iterator`, made before `on_test_begin`."""
    assert isinstance(look.validation, EpochIterator)
    assert look.validation is not look.iterator


def test_epoch_begins_with_what_enumerates_it(look: Look) -> None:
    """`__iter__` calls `_enumerate_iterator`, which yields begin, end and an iterator."""
    assert "self._enumerate_iterator()" in inspect.getsource(EpochIterator.__iter__)
    assert "iter(self._get_iterator())" in inspect.getsource(EpochIterator._enumerate_iterator)  # noqa: SLF001
    look.iterator.reset()
    begin, end, batches = next(look.iterator._enumerate_iterator())  # noqa: SLF001
    assert (begin, end) == (0, 0)
    assert len(next(batches)) == 2


def test_what_one_batch_is_can_be_known_without_drawing_it(look: Look) -> None:
    """TensorFlow builds with the first batch; `element_spec` says what that will be."""
    x, y = Position(look.iterator).specification()
    assert (x.shape[1:], y.shape[1:]) == ((4,), ())
    assert "data_batch" in inspect.signature(keras.Model._symbolic_build).parameters  # noqa: SLF001


def test_model_begins_with_the_epoch_that_it_is_told() -> None:
    """`_initial_epoch`, read once, after `on_train_begin`."""

    class Set(keras.callbacks.Callback):
        def on_train_begin(self, logs: Any = None) -> None:
            self.model._initial_epoch = 2  # noqa: SLF001

    assert new_model()._initial_epoch is None  # noqa: SLF001
    assert train(new_model(), Set(), epochs=4).epoch == [2, 3]


class Rows(keras.utils.PyDataset):
    """A dataset of one batch."""

    def __len__(self) -> int:
        return 1

    def __getitem__(self, index: int) -> tuple[Any, Any]:
        return FEATURES, TARGETS


def pipeline() -> Any:
    """Returns a `tf.data` pipeline."""
    import tensorflow as tf

    return tf.data.Dataset.from_tensor_slices((FEATURES, TARGETS)).shuffle(12).batch(4)


@pytest.mark.parametrize(
    ("source", "kind", "names"),
    [
        (lambda: FEATURES, Kind.ARRAYS, ("_shuffle", "_batch_size", "_num_samples", "_inputs")),
        (lambda: Rows(), Kind.PY_DATASET, ("py_dataset", "enqueuer", "shuffle")),  # noqa: PLW0108
        (pipeline, Kind.TF_DATA, ("_dataset",)),
        (lambda: (pair for pair in [(FEATURES, TARGETS)]), Kind.GENERATOR, ("generator",)),
    ],
)
def test_adapters_are_known_by_name(source: Any, kind: Kind, names: tuple[str, ...]) -> None:
    """And so are the attributes that say how the data is read."""
    given = source()
    adapter = data_adapters.get_data_adapter(x=given, y=FEATURES if given is FEATURES else None)
    iterator: Any = EpochIterator.__new__(EpochIterator)
    iterator.data_adapter = adapter
    assert Position(iterator).kind is kind
    assert not [name for name in (*names, "num_batches") if not hasattr(adapter, name)]


def test_shuffles_of_a_pipeline_have_their_seeds() -> None:
    """`_inputs`, `_functions`, `_seed` and `_seed2` of `tf.data` datasets."""
    import tensorflow as tf

    counter = tf.Variable(tf.constant(0))
    dataset = pipeline().map(lambda x, y: (x, y + tf.cast(counter.assign_add(1), "float32")))
    (batched,) = dataset._inputs()  # noqa: SLF001
    (shuffled,) = batched._inputs()  # noqa: SLF001
    assert {"_seed", "_seed2"} <= vars(shuffled).keys()
    (function,) = dataset._functions()  # noqa: SLF001
    assert function.function.graph.variables[0] is counter


def test_global_random_state_is_where_it_was() -> None:
    """Keras's own generator, its seed, and the seeds of TensorFlow's eager operations."""
    keras.utils.set_random_seed(3)
    assert get_random_seed() == 3
    assert global_state.get_global_attribute("global_seed_generator") is None
    generator = global_seed_generator()
    assert global_state.get_global_attribute("global_seed_generator") is generator
    assert np.shape(keras.ops.convert_to_numpy(generator.state)) == (2,)
    context = sys.modules["tensorflow.python.eager.context"].context()
    assert context._seed == 3  # noqa: SLF001
    assert context._rng.getstate()  # noqa: SLF001


@pytest.mark.parametrize(
    ("callback", "names"),
    [
        (keras.callbacks.EarlyStopping(), ("wait", "best", "stopped_epoch", "best_weights")),
        (keras.callbacks.ReduceLROnPlateau(), ("wait", "best", "cooldown_counter")),
        (
            keras.callbacks.ModelCheckpoint("a.keras"),
            ("best", "_last_batch_seen", "_batches_seen_since_last_saving"),
        ),
        (keras.callbacks.TensorBoard(), ("_global_train_batch", "_global_test_batch")),
        (keras.callbacks.SwapEMAWeights(), ("_ema_weights_in_model",)),
        (keras.callbacks.History(), ("history",)),
        (keras.callbacks.CSVLogger("a.csv"), ("append",)),
    ],
)
def test_state_of_stock_callbacks_has_its_names(
    callback: keras.callbacks.Callback, names: tuple[str, ...]
) -> None:
    """The counters that are saved and put back."""
    gone = [name for name in names if not hasattr(callback, name)]
    assert not gone, f"Keras {keras.__version__}: {type(callback).__name__} has no {gone}"


def test_callbacks_in_other_threads_can_be_waited_for() -> None:
    """`CallbackList._flush_futures`, on backends where batch hooks run in threads."""
    assert callable(keras.callbacks.CallbackList([])._flush_futures)  # noqa: SLF001
