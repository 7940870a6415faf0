"""From the parameters of a request to what would have happened, as the panel shows it.

The rules are those of the core, which `epochline.what_if` and `epochline whatif` use as well.

Invariant: nothing is changed. A parameter that is no number, or out of its range, is refused with
its name; what is left out is as it was in the training.
"""

from __future__ import annotations

import shlex
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, Final, cast

from werkzeug.wrappers import Request

from epochline.errors import WhatIfError
from epochline.retention import RetentionPolicy
from epochline.what_if_replay import replayed
from epochline.what_if_values import what_if_value
from tensorboard_plugin_epochline.actions import retention_rule
from tensorboard_plugin_epochline.answers import ApiError, ErrorCode, num, parameter
from tensorboard_plugin_epochline.library import Snapshot
from tensorboard_plugin_epochline.snippets import keep_calls

if TYPE_CHECKING:
    from epochline.what_if_replay import EarlyStoppingChanges, PlateauChanges

__all__ = ["what_if_view"]

View = dict[str, Any]
_LONGEST: Final = 32
_MOST: Final = 10**9


def what_if_view(snapshot: Snapshot, request: Request) -> View:
    """Returns a `WhatIf`.

    Args:
        snapshot: The run.
        request: Its parameters are the settings.

    Raises:
        ApiError: If one of them cannot be.
    """
    stop, cut = _read(request, _STOP), _read(request, _CUT)
    last, best, gpus = (_count(request, name) for name in ("last", "best", "gpus"))
    metric = parameter(request, "metric", default="")
    timeline = snapshot.timeline
    if best and metric not in timeline.metric_names:
        message = f"The run {snapshot.run!r} has no metric {metric!r}."
        raise ApiError(ErrorCode.BAD_REQUEST, message, "Choose one that its curves have.")
    keep = retention_rule(last or 0, best or 0, metric) if last or best else None
    try:
        answer = replayed(
            timeline,
            early_stopping=cast("EarlyStoppingChanges | None", stop or None),
            reduce_lr=cast("PlateauChanges | None", cut or None),
            keep=keep,
            gpus=1 if gpus is None else gpus,
        )
    except WhatIfError as error:
        raise ApiError(ErrorCode.BAD_REQUEST, str(error), "Change that setting.") from error
    index = {session.id: place for place, session in enumerate(timeline.sessions)}
    view: View = _finite({"run": snapshot.run} | what_if_value(answer), index)
    view["commands"] = _commands(snapshot.directory.shown, stop, cut, keep, gpus)
    return view


def _finite(value: Any, index: Mapping[str, int]) -> Any:
    """Returns a value with numbers as JSON has them, and sessions by their place."""
    if isinstance(value, dict):
        return {
            key: index[item] if key == "session" else _finite(item, index)
            for key, item in value.items()
        }
    if isinstance(value, list):
        return [_finite(item, index) for item in value]
    return num(value) if isinstance(value, float) else value


def _number(name: str, text: str) -> float:
    try:
        if len(text) <= _LONGEST:
            return float(text)
    except ValueError:
        pass
    message = f"The parameter {name!r} is {text[:_LONGEST]!r}; it must be a number."
    raise ApiError(ErrorCode.BAD_REQUEST, message)


def _whole(name: str, text: str) -> int:
    value = _number(name, text)
    if not (abs(value) <= _MOST and value == int(value)):
        message = f"The parameter {name!r} is {text!r}; it must be a whole number up to {_MOST:,}."
        raise ApiError(ErrorCode.BAD_REQUEST, message)
    return int(value)


def _number_or_none(name: str, text: str) -> float | None:
    return None if text == "none" else _number(name, text)


def _word(_name: str, text: str) -> str:
    return text


_Kind = Callable[[str, str], Any]
# Parameter to the setting and what it holds.
_STOP: Final[Mapping[str, tuple[str, _Kind]]] = {
    "monitor": ("monitor", _word),
    "mode": ("mode", _word),
    "patience": ("patience", _whole),
    "min_delta": ("min_delta", _number),
    "baseline": ("baseline", _number_or_none),
    "start_from_epoch": ("start_from_epoch", _whole),
}
_CUT: Final[Mapping[str, tuple[str, _Kind]]] = {
    "lr_monitor": ("monitor", _word),
    "lr_mode": ("mode", _word),
    "lr_patience": ("patience", _whole),
    "lr_min_delta": ("min_delta", _number),
    "factor": ("factor", _number),
    "cooldown": ("cooldown", _whole),
    "min_lr": ("min_lr", _number),
}


def _read(request: Request, names: Mapping[str, tuple[str, _Kind]]) -> dict[str, Any]:
    given = {name: parameter(request, name, default="") for name in names}
    return {
        setting: kind(name, given[name]) for name, (setting, kind) in names.items() if given[name]
    }


def _count(request: Request, name: str) -> int | None:
    text = parameter(request, name, default="")
    return _whole(name, text) if text else None


def _commands(
    directory: str,
    stop: Mapping[str, Any],
    cut: Mapping[str, Any],
    keep: RetentionPolicy | None,
    gpus: int | None,
) -> dict[str, str]:
    """Returns what asks the same, as `python` and `cli`."""
    words = ["epochline", "whatif", directory]
    arguments = [repr(directory)]
    for name, given, options in (("early_stopping", stop, _STOP), ("reduce_lr", cut, _CUT)):
        if given:
            arguments.append(f"{name}={dict(given)!r}")
        option = {setting: parameter_ for parameter_, (setting, _) in options.items()}
        words += [
            f"--{option[setting].replace('_', '-')}={'none' if value is None else value}"
            for setting, value in given.items()
        ]
    if keep is not None:
        calls, options_ = keep_calls(keep)
        arguments.append(f"keep={calls}")
        words += options_
    if gpus is not None:
        arguments.append(f"gpus={gpus}")
        words.append(f"--gpus={gpus}")
    python = f"import epochline\nprint(epochline.what_if({', '.join(arguments)}))"
    return {"python": python, "cli": shlex.join(words)}
