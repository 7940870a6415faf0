"""A data provider over lists in memory."""

from __future__ import annotations

from collections import defaultdict
from types import SimpleNamespace
from typing import Any

import numpy as np

from epochline.codec import encode_record
from epochline.events import Record

__all__ = ["RUN", "TAG", "Provider"]

RUN = "pima/timeline"
TAG = "epochline/" + "a" * 16


class Provider:
    """TensorBoard's data provider over lists in memory, which counts what is read."""

    def __init__(self) -> None:
        self.runs = [SimpleNamespace(run_name=RUN, start_time=1.0)]
        self.data: dict[str, dict[str, list[Any]]] = defaultdict(lambda: defaultdict(list))
        self.reads: list[str] = []
        self.hiccups = 0

    def add(
        self, payload: bytes, *, tag: str = TAG, wall_time: float = 1.0, run: str = RUN
    ) -> None:
        """Appends a datum."""
        series = self.data[run][tag]
        value = np.array(payload, dtype=object)
        series.append(SimpleNamespace(step=len(series), wall_time=wall_time, numpy=value))

    def record(self, seq: int, *events: Any, tag: str = TAG, run: str = RUN) -> None:
        """Appends a record."""
        record = Record(
            session=tag, seq=seq, wall_time=1.0, epoch=seq, step=seq, batch=seq, events=events
        )
        self.add(encode_record(record), tag=tag, run=run)

    def list_runs(self, _: Any, **__: Any) -> list[Any]:
        """As TensorBoard's."""
        return self.runs

    def list_tensors(self, _: Any, *, run_tag_filter: Any, **__: Any) -> Any:
        """As TensorBoard's; fails while it loads."""
        if self.hiccups:
            self.hiccups -= 1
            raise KeyError(TAG)
        return {
            run: {
                tag: SimpleNamespace(max_step=len(series) - 1, max_wall_time=series[-1].wall_time)
                for tag, series in tags.items()
            }
            for run, tags in self.data.items()
            if run_tag_filter.runs is None or run in run_tag_filter.runs
        }

    def read_tensors(self, _: Any, *, run_tag_filter: Any, **__: Any) -> Any:
        """As TensorBoard's."""
        self.reads += run_tag_filter.tags
        return {
            run: {tag: list(tags[tag]) for tag in run_tag_filter.tags if tag in tags}
            for run, tags in self.data.items()
            if run in run_tag_filter.runs
        }
