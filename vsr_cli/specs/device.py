"""The words of ``--device`` and ``--precision``; what is there is asked where they are used."""

from __future__ import annotations

import re
from typing import Literal, get_args

Precision = Literal["auto", "fp32", "bf16", "fp16"]
EVERY_GPU = "cuda:all"
_ONE = re.compile(r"cpu|cuda(:\d+)?", re.ASCII)


def parse_devices(text: str) -> tuple[str, ...]:
    """The names in ``auto``, ``cpu``, ``cuda``, ``cuda:1``, ``cuda:all``, or ``cuda:0,cuda:1``.

    ``auto`` and ``cuda`` are one device, ``cuda:all`` is every GPU there is. The CPU may come
    several times: its cores are shared out.

    Raises:
        ValueError: another word, a GPU twice, or devices of two kinds.
    """
    names = tuple(name.strip() for name in text.split(","))
    if names in (("auto",), (EVERY_GPU,)):
        return names
    for name in names:
        if not _ONE.fullmatch(name):
            raise ValueError(
                f"device must be auto, cpu, cuda or cuda:N, got {name!r}; several of a kind go "
                f"with commas (cuda:0,cuda:1), every GPU is {EVERY_GPU}"
            )
    if len({name.partition(":")[0] for name in names}) > 1:
        raise ValueError(f"devices must be of one kind, which compute alike, got {text!r}")
    gpus = [gpu_index(name) for name in names if name != "cpu"]
    twice = {index for index in gpus if gpus.count(index) > 1}
    if twice:
        raise ValueError(f"a GPU can be given once, got cuda:{min(twice)} twice in {text!r}")
    return names


def check_precision(name: str) -> None:
    """Raise ValueError if ``--precision`` knows no such word."""
    if name not in get_args(Precision):
        raise ValueError(f"precision must be {', '.join(get_args(Precision))}, got {name!r}")


def gpu_index(name: str) -> int:
    """The number of ``cuda`` or ``cuda:N``."""
    return int(name.partition(":")[2] or 0)


def is_several(text: str) -> bool:
    """True if there may be more than one device in it.

    Raises:
        ValueError: as ``parse_devices``.
    """
    names = parse_devices(text)
    return len(names) > 1 or names == (EVERY_GPU,)
