"""Draw the curves of a run with its checkpoints, learning-rate changes and early stop into a file.

Uses matplotlib without pyplot, so that no figure, backend or setting of the caller is touched.
Epochs are drawn as Keras prints them, from 1. The background is opaque: the picture reads the same
on a light and on a dark page.
"""

from __future__ import annotations

import math
import os
from pathlib import Path
from typing import TYPE_CHECKING, Final

from epochline.errors import CheckpointNotFoundError, MetricNotFoundError
from epochline.events import Verdict
from epochline.sentences import number, rate

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from epochline.run import Checkpoint, Run
    from epochline.timeline import DecisionEntry

__all__ = ["plot_run"]

_RATE: Final = "learning_rate"
_INK: Final = "#1f2937"
_QUIET: Final = "#6b7280"
_GRID: Final = "#e5e7eb"
# Told apart also by people who do not see red and green as different, and in grey (Okabe and Ito).
_TRAIN: Final = "#8a94a6"
_VALIDATION: Final = "#0072b2"
_BEST: Final = "#e69f00"
_STOP: Final = "#d55e00"
_RATE_COLOR: Final = "#009e73"
_MANY_CHANGES: Final = 10
_WIDTH_INCHES: Final = 8.0
_PANEL_INCHES: Final = 2.5
_RATE_INCHES: Final = 1.1
_MARGIN_INCHES: Final = 0.9
_DPI: Final = 160
# Beyond this ratio small rates would lie on the axis.
_LOG_FROM: Final = 20

_Points = tuple[list[int], list[float]]


def plot_run(run: Run, path: str | os.PathLike[str], *, metrics: tuple[str, ...] = ()) -> Path:
    """Draws `run` into a file and returns its path; see `Run.plot`."""
    try:
        from matplotlib import rc_context
        from matplotlib.figure import Figure
    except ModuleNotFoundError as error:
        message = "Plots need matplotlib. Install it: pip install 'epochline[plot]'."
        raise ModuleNotFoundError(message, name=error.name) from error
    target = Path(path)
    if not target.suffix:
        target = target.with_suffix(".png")
    names = _panels(run, metrics)
    with rc_context({"font.size": 9, "svg.fonttype": "none"}):
        heights = [_PANEL_INCHES] * len(names)
        if _RATE in run.metric_names:
            heights.append(_RATE_INCHES)
        size = (_WIDTH_INCHES, sum(heights) + _MARGIN_INCHES)
        figure = Figure(figsize=size, dpi=_DPI, facecolor="white", layout="constrained")
        _draw(run, figure, names, heights)
        figure.savefig(target)
    return target


def _panels(run: Run, wanted: tuple[str, ...]) -> list[str]:
    rates = {name for name in run.metric_names if name.startswith(_RATE)}
    known = dict.fromkeys(
        name.removeprefix("val_") for name in run.metric_names if name not in rates
    )
    names = list(dict.fromkeys(name.removeprefix("val_") for name in wanted)) or list(known)
    for name in names:
        if name not in known:
            raise MetricNotFoundError(name, known)
    if not names:
        raise CheckpointNotFoundError(
            "a plot", "No epoch of this run has ended yet, so there is nothing to draw."
        )
    # The loss first: it is what every run has.
    return sorted(names, key=lambda name: name != "loss")


def _draw(run: Run, figure: Figure, names: list[str], heights: list[float]) -> None:
    from matplotlib.ticker import MaxNLocator

    axes: list[Axes] = list(
        figure.subplots(
            len(heights), 1, sharex=True, squeeze=False, gridspec_kw={"height_ratios": heights}
        )[:, 0]
    )
    best = _best(run)
    for axis, name in zip(axes, names, strict=False):
        _style(axis, name)
        _curves(run, axis, name, best)
    if len(axes) > len(names):
        _style(axes[-1], "learning rate")
        _learning_rate(run, axes[-1])
    for axis in axes:
        _events(run, axis)
    _stop_label(run, axes[0])
    axes[0].set_xlim(0.5, max(row.epoch for row in run.timeline.epochs) + 1.5)
    axes[-1].set_xlabel("epoch", color=_QUIET)
    axes[-1].xaxis.set_major_locator(MaxNLocator(nbins="auto", integer=True))
    figure.suptitle(run.name, x=0.01, ha="left", color=_INK, fontweight="bold", fontsize=11)
    _legend(figure, axes[: len(names)])


def _style(axis: Axes, label: str) -> None:
    axis.set_title(label, loc="left", color=_INK, fontsize=9, fontweight="bold")
    axis.grid(visible=True, color=_GRID, linewidth=0.7)
    axis.set_axisbelow(True)
    axis.tick_params(colors=_QUIET, length=0)
    for spine in axis.spines.values():
        spine.set_visible(False)


def _points(run: Run, name: str) -> _Points:
    # An epoch that was trained again counts as its last session left it, as in `Run.history`.
    rows = {row.epoch: row.metrics for row in run.timeline.epochs}
    epochs = [epoch for epoch in sorted(rows) if name in rows[epoch]]
    return [epoch + 1 for epoch in epochs], [rows[epoch][name] for epoch in epochs]


def _best(run: Run) -> Checkpoint | None:
    try:
        return run.best()
    except CheckpointNotFoundError:
        return None


def _curves(run: Run, axis: Axes, name: str, best: Checkpoint | None) -> None:
    validation = f"val_{name}" in run.metric_names
    if name in run.metric_names:
        axis.plot(*_points(run, name), color=_TRAIN, linewidth=1.3, label="train")
    shown = f"val_{name}" if validation else name
    if validation:
        axis.plot(*_points(run, shown), color=_VALIDATION, linewidth=1.6, label="validation")
    kept = [item for item in run.checkpoints if item.restorable and shown in item.metrics]
    axis.plot(
        [item.epoch + 1 for item in kept],
        [item.metrics[shown] for item in kept],
        linestyle="none",
        marker="o",
        markersize=5,
        markerfacecolor="white",
        markeredgecolor=_VALIDATION if validation else _TRAIN,
        markeredgewidth=1.4,
        label="checkpoint on disk",
        clip_on=False,
        zorder=4,
    )
    # The star stands where the checkpoint is best: on the curve of the monitor.
    if best is not None and run.monitor == shown:
        _star(axis, best, shown)


def _star(axis: Axes, best: Checkpoint, metric: str) -> None:
    value = best.metrics[metric]
    if not math.isfinite(value):
        return
    axis.plot(
        [best.epoch + 1],
        [value],
        linestyle="none",
        marker="*",
        markersize=15,
        markerfacecolor=_BEST,
        markeredgecolor="white",
        label="best",
        clip_on=False,
        zorder=6,
    )
    axis.set_title(f"best {number(value)} at epoch {best.epoch + 1}", color=_INK, fontsize=8)


def _learning_rate(run: Run, axis: Axes) -> None:
    epochs, values = _points(run, _RATE)
    axis.step(epochs, values, where="mid", color=_RATE_COLOR, linewidth=1.4)
    positive = [value for value in values if value > 0]
    if positive and max(positive) > _LOG_FROM * min(positive):
        axis.set_yscale("log")
        axis.minorticks_off()
    else:
        axis.set_ylim(bottom=0)
        axis.locator_params(axis="y", nbins=3)
    axis.yaxis.set_major_formatter(lambda value, _: rate(value))


def _events(run: Run, axis: Axes) -> None:
    epochs, rates = _points(run, _RATE)
    places = [
        epoch - 0.5
        for epoch, before, after in zip(epochs[1:], rates, rates[1:], strict=False)
        if before != after
    ]
    # A schedule that changes it every epoch is seen in its own curve.
    if len(places) <= _MANY_CHANGES:
        for place in places:
            axis.axvline(place, color=_RATE_COLOR, linewidth=0.8, linestyle=":", zorder=1)
    for session in run.sessions[1:]:
        place = session.start.initial_epoch + 0.5
        axis.axvline(place, color=_QUIET, linewidth=0.8, linestyle="--", zorder=1)
    for stop in _stops(run):
        axis.axvline(stop.epoch + 1, color=_STOP, linewidth=1.2, zorder=1)


def _stops(run: Run) -> list[DecisionEntry]:
    return [item for item in run.decisions if item.verdict is Verdict.STOPPED]


def _stop_label(run: Run, axis: Axes) -> None:
    for stop in _stops(run)[-1:]:
        text = f"stopped by {stop.callback} after epoch {stop.epoch + 1}"
        axis.set_title(text, loc="right", color=_STOP, fontsize=8)


def _legend(figure: Figure, axes: list[Axes]) -> None:
    handles = {
        label: handle
        for axis in axes
        for handle, label in zip(*axis.get_legend_handles_labels(), strict=True)
    }
    figure.legend(
        handles.values(),
        handles.keys(),
        loc="upper right",
        ncols=len(handles),
        frameon=False,
        labelcolor=_INK,
        fontsize=8,
    )
