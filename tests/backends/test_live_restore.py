"""Restoring into a running training, on every backend; see docs/live.md."""

from __future__ import annotations

import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest

from epochline import open_run
from epochline.callbacks import LiveRestore, ModelCheckpoint
from epochline.callbacks.living import desk
from epochline.callbacks.resuming.randomness import capture_random, restore_random
from epochline.restore.requests import Action
from tests.callbacks.asking import Asks

RESTORES = 100
SIZES = (3, 5, 6)
_numbers = np.random.default_rng(3)


@pytest.fixture(autouse=True)
def _looks_before_each_batch(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(desk, "_LOOK_EVERY_SECONDS", 0.0)


def new_model(*, jit: bool = False, steps: int = 1) -> keras.Model:
    """Returns a compiled model with random state, batch statistics and slots."""
    keras.utils.set_random_seed(9)
    model = keras.Sequential(
        [
            keras.layers.Input((4,)),
            keras.layers.Dense(6, activation="relu"),
            keras.layers.BatchNormalization(),
            keras.layers.Dropout(0.3),
            keras.layers.Dense(1),
        ]
    )
    model.compile("adam", "mse", jit_compile=jit, steps_per_execution=steps)
    return model


class Batches(keras.utils.PyDataset):
    """Given batches, in their order."""

    def __init__(self, batches: list[Any]) -> None:
        super().__init__()
        self.batches = batches

    @classmethod
    def of(cls, sizes: list[int]) -> Batches:
        """Returns random batches of these sizes."""
        shapes = [((size, 4), (size, 1)) for size in sizes]
        return cls(
            [tuple(_numbers.normal(size=it).astype("float32") for it in pair) for pair in shapes]
        )

    def __len__(self) -> int:
        return len(self.batches)

    def __getitem__(self, index: int) -> Any:
        return self.batches[index]


def values(model: keras.Model) -> list[Any]:
    """Returns copies of all variables: weights, seeds, optimizer."""
    variables = [*model.variables, *model.optimizer.variables]
    return [np.array(keras.ops.convert_to_numpy(item.value)) for item in variables]


class _AsThen(keras.callbacks.Callback):
    """Puts the random state back: torch draws masks of dropout there, and `fit` as it begins."""

    def __init__(self, state: dict[str, Any]) -> None:
        super().__init__()
        self._state = state

    def on_train_batch_begin(self, batch: int, logs: Any = None) -> None:
        """Called by Keras."""
        if not batch:
            restore_random(self._state)


class ByHand(Asks):
    """Asks for restores, and computes what the batches after each must lead to.

    Args:
        run_dir: The run.
        data: What is trained on.
        twin: A model of the same kind, to compute with.
        restores: How many to ask for, each after a random number of batches.
        steps: Batches that are executed at once.
    """

    def __init__(
        self, run_dir: Path, data: Batches, twin: keras.Model, restores: int, steps: int
    ) -> None:
        super().__init__(run_dir, {})
        self.compared = 0
        self._data = data
        self._twin = twin
        self._restores = restores
        self._steps = steps
        self._path = ""
        self._random: dict[str, Any] = {}

    def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
        """Called by Keras, with the last of the batches that were executed."""
        if self._path:
            self._compare(batch)
        wanted = len(self.requests) < self._restores and random.random() < 0.7  # noqa: S311
        if wanted and batch + 1 < len(self._data):
            self._go_back()

    def _go_back(self) -> None:
        saved = [item for item in open_run(self.run_dir).checkpoints if item.restorable]
        if not saved:
            return
        item = random.choice(saved)  # noqa: S311
        self._path = str(item.file)
        self._twin.load_weights(self._path)
        seeds = zip(self._twin.variables, self.model.variables, strict=True)
        for own, living in seeds:
            if "seed" in living.path:
                own.assign(np.array(keras.ops.convert_to_numpy(living.value)))
        self._random = capture_random()
        self.ask(Action.RESTORE, checkpoint=item.id)

    def _compare(self, batch: int) -> None:
        part = Batches(self._data.batches[batch + 1 - self._steps : batch + 1])
        now = capture_random()
        self._twin.fit(part, verbose=0, shuffle=False, callbacks=[_AsThen(self._random)])
        restore_random(now)
        for own, living in zip(values(self._twin), values(self.model), strict=True):
            np.testing.assert_array_equal(own, living)
        self._path = ""
        self.compared += 1


def _sizes(steps: int) -> Iterator[int]:
    for _ in range(20):
        yield from [random.choice(SIZES)] * steps  # noqa: S311


VARIANTS = [(False, 1, RESTORES)]
if keras.backend.backend() != "torch":  # which executes one batch at a time
    VARIANTS += [(False, 4, 6), (True, 1, 6)]


@pytest.mark.parametrize(("jit", "steps", "restores"), VARIANTS)
def test_next_step_is_that_of_the_checkpoint(
    tmp_path: Path, jit: bool, steps: int, restores: int
) -> None:
    """At random moments, under random batch sizes: bit for bit what is computed by hand."""
    random.seed(steps)
    data = Batches.of([4] * 20 if jit else list(_sizes(steps)))
    twin = new_model(jit=jit, steps=steps)
    twin.optimizer.build(twin.trainable_variables)
    asks = ByHand(tmp_path, data, twin, restores, steps)
    saving = ModelCheckpoint(tmp_path / "{epoch}.weights.h5", save_weights_only=True)
    model = new_model(jit=jit, steps=steps)
    model.fit(
        data,
        epochs=2 + -(-restores * steps * 2 // len(data)),
        verbose=0,
        shuffle=False,
        callbacks=[asks, saving, LiveRestore(tmp_path)],
    )
    answers = [item for item in asks.answers if item is not None]
    assert [item.message for item in answers if not item.ok] == []
    assert len(answers) == len(asks.requests) == asks.compared == restores
    assert {(item.restored, item.total) for item in answers} == {(22, 22)}
    assert len(open_run(tmp_path).restores) == len(answers)
