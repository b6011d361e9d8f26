"""Chains of degradations from their text, and in the records of weight files."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from types import MappingProxyType
from typing import Any, get_args

from vsr_cli.specs.degradation import (
    BICUBIC,
    Blur,
    DegradationSpec,
    Downscale,
    Downscaler,
    Jpeg,
    Motion,
    Noise,
    Round,
    Step,
    VideoCoding,
    VideoFormat,
)

# What weight files say that were trained on the plain chain, before there were others and since.
PLAIN_RECORD = "bicubic, antialiased, 8 bits"


def parse_degradation(text: str) -> DegradationSpec:
    """The chain of a text: ``NAME`` or ``NAME:PARAMETER=VALUE,...``, joined by ``+``.

    A chain without a downscaler gets ``bicubic`` behind the blur and motion that it begins with: in
    front of the first noise, rounding or coding, which are the sensor's and what comes after it.

    Raises:
        ValueError: a name, parameter or value is not known; says which are.
    """
    steps = [_parse_step(part.strip(), text) for part in text.split("+")]
    if not any(isinstance(step, Downscale) for step in steps):
        optical = [isinstance(step, Blur | Motion) for step in steps]
        steps.insert([*optical, False].index(False), Downscale())
    return DegradationSpec(tuple(steps))


def degradation_record(spec: DegradationSpec) -> str:
    """What a weight file says that its network was trained on."""
    return PLAIN_RECORD if spec == BICUBIC else str(spec)


def recorded_degradation(record: object) -> DegradationSpec | None:
    """What ``degradation_record`` was given; None for what is no such record."""
    if record == PLAIN_RECORD:
        return BICUBIC
    try:
        return parse_degradation(record) if isinstance(record, str) else None
    except ValueError:
        return None


def _whole(text: str) -> int:
    return int(text)


def _number(text: str) -> float:
    if not math.isfinite(value := float(text)):
        raise ValueError(text)
    return value


def _pair(text: str) -> tuple[float, float]:
    first, slash, second = text.partition("/")
    return _number(first), _number(second if slash else first)


@dataclass(frozen=True, slots=True)
class _Form:
    """How a step is written; ``needed`` must be there."""

    make: Callable[..., Step]
    parameters: Mapping[str, Callable[[str], Any]]
    needed: str = ""


_WORDS: Mapping[Callable[[str], Any], str] = MappingProxyType(
    {_whole: "a whole number", _number: "a number", _pair: "a number, or two as 2/0.7"}
)
_FORMS: Mapping[str, _Form] = MappingProxyType(
    {
        **{kernel: _Form(partial(Downscale, kernel), {}) for kernel in get_args(Downscaler)},
        "blur": _Form(Blur, {"sigma": _pair, "angle": _number}, "sigma"),
        "motion": _Form(Motion, {"length": _number, "angle": _number}, "length"),
        "noise": _Form(Noise, {"sigma": _number, "gain": _number, "seed": _whole}),
        "round": _Form(Round, {"bits": _whole}, "bits"),
        "jpeg": _Form(Jpeg, {"quality": _whole}, "quality"),
        **{
            codec: _Form(partial(VideoCoding, codec=codec), {"crf": _number}, "crf")
            for codec in get_args(VideoFormat)
        },
    }
)


def _parse_step(text: str, chain: str) -> Step:
    name, colon, rest = (part.strip() for part in text.partition(":"))
    if name not in _FORMS:
        raise ValueError(
            f"degradation {chain!r} has no step {name!r}: known are {', '.join(_FORMS)}, "
            "joined by +"
        )
    form = _FORMS[name]
    values: dict[str, Any] = {}
    for item in rest.split(",") if colon else ():
        key, equals, value = (part.strip() for part in item.partition("="))
        if key not in form.parameters or not equals:
            takes = ", ".join(f"{known}=" for known in form.parameters) or "no parameter"
            raise ValueError(f"degradation {name} takes {takes}, got {item!r}; steps join by +")
        if key in values:
            raise ValueError(f"degradation {name} has {key} twice; give it once")
        try:
            values[key] = form.parameters[key](value)
        except ValueError as error:
            words = _WORDS[form.parameters[key]]
            raise ValueError(f"{name}'s {key} must be {words}, got {value!r}") from error
    if form.needed and form.needed not in values:
        raise ValueError(f"degradation {name} needs a value: {name}:{form.needed}=NUMBER")
    return form.make(**values)
