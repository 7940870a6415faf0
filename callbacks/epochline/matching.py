"""Which epoch a checkpoint file is of that nobody recorded, and how sure that is.

What can be known of it: the numbers in its name, what the logs of stock callbacks say of each
epoch, and when the file was written.

Pure: names, times and logged values in, matches out; no files, clock, Keras or TensorBoard.

Invariant: a match never says more than its basis; where two pieces of evidence contradict each
other, it is a guess and says both.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from itertools import pairwise
from types import MappingProxyType
from typing import Final

__all__ = ["Confidence", "LoggedEpoch", "Match", "match_files"]

_ENDINGS: Final = (".weights.h5", ".weights.json", ".keras", ".h5", ".hdf5")
_LABELLED: Final = re.compile(r"(?<![a-z])(?:epoch|ep|e)[-_=. ]*(\d+)(?!\.?\d)", re.IGNORECASE)
# A number of its own: not a part of a word such as vgg16, nor of a decimal such as 0.84.
_NUMBER: Final = re.compile(r"(?<![A-Za-z\d])(?<!\d\.)(\d+)(?!\.?\d)")
_DECIMAL: Final = re.compile(r"(?<![\d.])(\d+\.\d+)(?!\.?\d)")
_NAMED_VALUE: Final = re.compile(r"(?<![A-Za-z_])([A-Za-z_]+)=(-?\d+\.\d+)(?!\.?\d)")
_ONE_EPOCH_SECONDS: Final = 60.0
"""How far from the end of an epoch a file may have been written when only one epoch was logged."""


class Confidence(StrEnum):
    """How sure it is which epoch a file is of."""

    CONFIRMED = "confirmed"
    """Its name and a log say the same."""
    LIKELY = "likely"
    """Its name or a log says it clearly."""
    GUESS = "guess"
    """A number in its name may be the epoch, or name and log contradict each other."""
    UNKNOWN = "unknown"
    """Nothing says it; the file has its place by its time."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LoggedEpoch:
    """What a log of a stock callback says of one epoch.

    Attributes:
        log: Name of the log.
        metrics: Its metrics.
        wall_time: When it ended, in seconds since the Unix epoch; None when the log does not say.
    """

    log: str
    metrics: Mapping[str, float]
    wall_time: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Match:
    """Which epoch a file is of.

    Attributes:
        epoch: Zero-based epoch; -1 when it is not known.
        confidence: How sure that is.
        basis: What it rests on, in words.
        metrics: The metrics of that epoch, as logs or the name tell them.
    """

    epoch: int
    confidence: Confidence
    basis: str
    metrics: Mapping[str, float] = field(default_factory=lambda: MappingProxyType({}))


@dataclass(frozen=True, slots=True, kw_only=True)
class _Claim:
    """One piece of evidence: an epoch, how it was found in words, and whether it counts alone."""

    epoch: int
    words: str
    clear: bool = True


def match_files(files: Mapping[str, float], logged: Mapping[int, LoggedEpoch]) -> dict[str, Match]:
    """Returns name of each file to its match.

    Args:
        files: Name to the time when the file was last written, in seconds since the Unix epoch.
        logged: Zero-based epoch to what a log says of it.
    """
    named = _named_epochs(files)
    matches: dict[str, Match] = {}
    for name, wall_time in files.items():
        by_name = named.get(name)
        found = [by_name, _by_time(wall_time, logged), _by_value(name, by_name, logged)]
        matches[name] = _match(name, [claim for claim in found if claim is not None], logged)
    return matches


def _match(name: str, claims: Sequence[_Claim], logged: Mapping[int, LoggedEpoch]) -> Match:
    given = {metric: float(value) for metric, value in _NAMED_VALUE.findall(_stem(name))}
    if not claims:
        basis = "only the time of the file is known"
        return Match(epoch=-1, confidence=Confidence.UNKNOWN, basis=basis, metrics=given)
    best = next((claim for claim in claims if claim.clear), claims[0])
    agreeing = [claim for claim in claims if claim.epoch == best.epoch]
    others = [claim for claim in claims if claim.epoch != best.epoch]
    basis = " and ".join(claim.words for claim in agreeing)
    if others:
        basis += f", but {' and '.join(claim.words for claim in others)}"
    confidence = Confidence.LIKELY if best.clear else Confidence.GUESS
    if others:
        confidence = Confidence.GUESS
    elif len(agreeing) > 1:
        confidence = Confidence.CONFIRMED
    row = logged.get(best.epoch)
    metrics = given if row is None else row.metrics
    return Match(epoch=best.epoch, confidence=confidence, basis=basis, metrics=metrics)


def _stem(name: str) -> str:
    for ending in _ENDINGS:
        name = name.removesuffix(ending)
    return name


def _named_epochs(names: Iterable[str]) -> dict[str, _Claim]:
    """Returns what the names say of those that say something; epochs count from 1 in names.

    Of several numbers in names that are alike otherwise, the epoch is the first that differs from
    file to file.
    """
    alike: dict[str, list[str]] = {}
    for name in names:
        alike.setdefault(_NUMBER.sub("#", _DECIMAL.sub("#.#", _stem(name))), []).append(name)
    claims: dict[str, _Claim] = {}
    for series in alike.values():
        columns = list(zip(*(_NUMBER.findall(_stem(name)) for name in series), strict=True))
        place = next((i for i, one in enumerate(columns) if len(set(one)) == len(series)), 0)
        for name in series:
            if labelled := _LABELLED.search(_stem(name)):
                words = f"its name says epoch {int(labelled[1])}"
                claims[name] = _Claim(epoch=int(labelled[1]) - 1, words=words)
            elif columns:
                number = int(_NUMBER.findall(_stem(name))[place])
                words = f"the number {number} in its name may be the epoch"
                claims[name] = _Claim(epoch=number - 1, words=words, clear=False)
    return claims


def _by_time(wall_time: float, logged: Mapping[int, LoggedEpoch]) -> _Claim | None:
    """Returns the epoch at whose end a file was written: nearer than half of an epoch."""
    ends = sorted((row.wall_time, epoch) for epoch, row in logged.items() if row.wall_time)
    if not ends:
        return None
    lengths = [later - earlier for (earlier, _), (later, _) in pairwise(ends)]
    away, epoch = min((abs(wall_time - end), epoch) for end, epoch in ends)
    if away > min(lengths, default=2 * _ONE_EPOCH_SECONDS) / 2:
        return None
    words = f"it was written when epoch {epoch + 1} ended ({logged[epoch].log})"
    return _Claim(epoch=epoch, words=words)


def _by_value(
    name: str, by_name: _Claim | None, logged: Mapping[int, LoggedEpoch]
) -> _Claim | None:
    """Returns the epoch whose metrics have a value that stands in a name, if that tells one."""
    for text in _DECIMAL.findall(_stem(name)):
        digits = len(text.partition(".")[2])
        having = [
            epoch
            for epoch, row in logged.items()
            if any(f"{abs(value):.{digits}f}" == text for value in row.metrics.values())
        ]
        told = by_name is not None and by_name.epoch in having
        if told or len(having) == 1:
            epoch = by_name.epoch if by_name is not None and told else having[0]
            words = f"{text} in its name is of epoch {epoch + 1} ({logged[epoch].log})"
            return _Claim(epoch=epoch, words=words)
    return None
