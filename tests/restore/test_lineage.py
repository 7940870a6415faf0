"""What a model came from is remembered as long as the model lives."""

from __future__ import annotations

import gc
import weakref

from epochline.restore.lineage import Origin, forget_restored, remember_restored, restored_from


class Model:
    """Stands for a model: any object that can be referred to weakly."""


ORIGIN = Origin(checkpoint="c" * 16, session="a" * 16, epoch=3, what="weights")


def test_origin_is_remembered_per_model_and_forgotten_on_request() -> None:
    """Models do not share their origin; forgetting twice is no error."""
    one, other = Model(), Model()
    remember_restored(one, ORIGIN)
    assert restored_from(one) is ORIGIN
    assert restored_from(other) is None
    forget_restored(one)
    forget_restored(one)
    assert restored_from(one) is None


def test_remembering_keeps_no_model_alive() -> None:
    """A model that nobody holds any more is freed."""
    model = Model()
    remember_restored(model, ORIGIN)
    gone = weakref.ref(model)
    del model
    gc.collect()
    assert gone() is None
