"""What the weights alone tell of a checkpoint: faults are found, learning is none."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from epochline.events import Health
from epochline.health import JUMP, HealthReport, Weights, examine
from tests.core.variables import Values, measured

KERNEL = np.tile([0.5, -0.5], 48).reshape(8, 12)
BIAS = np.full(12, 0.1)
FRESH = np.zeros(12)
MODEL: Values = {"dense/kernel": KERNEL, "dense/bias": BIAS, "out/kernel": KERNEL.T}


def _weights(values: Values, step: int) -> Weights:
    layout, measurements = measured(values)
    return Weights(layout=layout, measurements=measurements, step=step)


def _examined(
    now: Values, before: Values | None = None, *, steps: tuple[int, int] = (90, 100)
) -> HealthReport:
    last = None if before is None else _weights(before, steps[0])
    return examine(_weights(now, steps[1]), last)


def test_finite_weights_are_healthy_and_told_in_numbers() -> None:
    """The first checkpoint of a run, and one like the last."""
    first = _examined(MODEL)
    assert first.health is Health.HEALTHY
    assert first.detail == "All 3 variables are finite; norm of the trainable ones 6.937."
    assert _examined(MODEL, MODEL) == first


@pytest.mark.parametrize(
    ("name", "value", "told"),
    [
        ("dense/bias", np.nan, "'dense/bias' holds 12 NaN among 12 values."),
        ("dense/bias", -np.inf, "'dense/bias' holds 12 infinities among 12 values."),
        ("-norm/moving_variance", [1, np.inf, 3], "1 infinities among 3 values"),
        ("-norm/moving_mean", [np.nan, 0], "'norm/moving_mean' holds 1 NaN"),
        ("-optimizer/vars/7", [0, np.inf], "'optimizer/vars/7' holds 1 infinities"),
    ],
)
def test_values_that_are_not_finite_are_a_fault_anywhere(
    name: str, value: object, told: str
) -> None:
    """Weights, averages and the state of the optimizer; the first variable is named."""
    array = np.full(12, value) if np.isscalar(value) else np.array(value)
    report = _examined({**MODEL, name: array})
    assert report.health is Health.NOT_FINITE
    assert told in report.detail


def test_all_variables_with_such_values_are_counted() -> None:
    """The first is named, the others are counted."""
    values = {**MODEL, "dense/bias": [np.nan, np.inf], "out/kernel": [np.nan]}
    assert _examined(values).detail == (
        "'dense/bias' holds 1 NaN and 1 infinities among 2 values. "
        "2 of 3 variables hold such values."
    )


def test_a_mask_of_infinities_is_no_fault() -> None:
    """Attention masks are made of them; with NaN, or when it is trained, it is one."""
    mask = np.triu(np.full((4, 4), -np.inf), 1)
    assert _examined({**MODEL, "-attention/mask": mask}).health is Health.HEALTHY
    assert _examined({**MODEL, "attention/mask": mask}).health is Health.NOT_FINITE


def test_weights_that_blew_up_are_a_norm_jump() -> None:
    """Also in one small layer beside large ones; the worst is named, with its numbers."""
    embedding = {"embedding/table": np.ones((1000, 50))}
    report = _examined(
        {**MODEL, **embedding, "out/kernel": KERNEL.T * 1000},
        {**MODEL, **embedding, "out/kernel": KERNEL.T},
    )
    assert report.health is Health.NORM_JUMP
    assert report.detail == (
        "The norm of layer 'out' went from 4.899 to 4899 since the last healthy checkpoint; 108.7 "
        "is the most that learning explains."
    )


def test_biases_that_start_at_zero_may_grow() -> None:
    """To the size of their neighbours and a good deal beyond; not without end."""
    before = {**MODEL, "out/bias": FRESH}
    assert _examined({**MODEL, "out/bias": FRESH + 5}, before).health is Health.HEALTHY
    alone_before = {"dense/kernel": KERNEL, "scale/bias": FRESH}
    alone_now = {"dense/kernel": KERNEL, "scale/bias": FRESH + 500}
    assert _examined(alone_now, alone_before).health is Health.NORM_JUMP


def test_weights_may_grow_as_the_steps_do() -> None:
    """What is a jump from step 90 to step 100 is none from step 2."""
    now = {name: np.asarray(value) * (JUMP * 2) for name, value in MODEL.items()}
    assert _examined(now, MODEL, steps=(90, 100)).health is Health.NORM_JUMP
    assert _examined(now, MODEL, steps=(2, 100)).health is Health.HEALTHY
    assert _examined(now, MODEL, steps=(100, 0)).health is Health.NORM_JUMP
    assert _examined(now, MODEL, steps=(0, 100)).health is Health.HEALTHY


@pytest.mark.parametrize("name", ["-norm/moving_variance", "-optimizer/vars/3"])
def test_what_is_not_trained_may_jump(name: str) -> None:
    """Averages of unscaled data and slots of optimizers start anywhere."""
    before, now = {**MODEL, name: np.ones(9)}, {**MODEL, name: np.full(9, 1e9)}
    assert _examined(now, before).health is Health.HEALTHY


def test_a_layer_that_became_zero_is_dead() -> None:
    """All of its trainable variables; one that is left, or was always zero, is no fault."""
    dead = {**MODEL, "dense/kernel": KERNEL * 0, "dense/bias": BIAS * 0}
    report = _examined(dead, MODEL)
    assert report.health is Health.DEAD_LAYER
    assert report.detail == (
        "All 108 trained values of layer 'dense' have become zero; their norm was 4.911 in the "
        "last healthy checkpoint."
    )
    assert _examined({**MODEL, "dense/kernel": KERNEL * 0}, MODEL).health is Health.HEALTHY
    fresh = {**MODEL, "new/bias": FRESH}
    assert _examined(fresh, fresh).health is Health.HEALTHY
    assert _examined(dead).health is Health.HEALTHY


def test_what_has_another_shape_or_is_new_is_compared_with_nothing() -> None:
    """A head that was replaced for fine-tuning, frozen layers that came in, empty variables."""
    now = {**MODEL, "out/kernel": np.full((12, 3), 1e6), "head/kernel": np.full(3, 1e6)}
    assert _examined(now, {**MODEL, "none/kernel": np.zeros((0, 3))}).health is Health.HEALTHY
    assert _examined({"none/kernel": np.zeros(0)}, {"none/kernel": np.zeros(0)}).health is (
        Health.HEALTHY
    )


def test_all_weights_at_zero_tell_no_jump() -> None:
    """A linear model may start at zero: nothing is infinitely larger than nothing."""
    zero = {"dense/kernel": KERNEL * 0}
    assert _examined({"dense/kernel": KERNEL}, zero).health is Health.HEALTHY


factors = st.floats(0.2, JUMP / 2)


@settings(deadline=None)  # the machine may be busy
@given(st.tuples(factors, factors, factors))
def test_growth_below_the_limit_is_never_a_fault(growth: tuple[float, ...]) -> None:
    """Whatever the layers do to each other."""
    now = {
        name: np.asarray(MODEL[name]) * factor for name, factor in zip(MODEL, growth, strict=True)
    }
    assert _examined(now, MODEL).health is Health.HEALTHY
