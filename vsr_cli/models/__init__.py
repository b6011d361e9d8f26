"""Frames in, frames out: one file per paper, and the table of their names.

``MODELS`` maps a name on the command line to the module that holds the network and its ``SPEC``.
Names joined by a plus are stages in the order in which frames pass; ``ALIASES`` are short for such
chains.
"""

from __future__ import annotations

from collections.abc import Mapping
from importlib import import_module
from types import MappingProxyType
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from vsr_cli.models.spec import ModelSpec

MODELS: Mapping[str, str] = MappingProxyType(
    {
        "bicubic": "vsr_cli.models.bicubic",
        "fsrcnn": "vsr_cli.models.fsrcnn",
        "srnet3d": "vsr_cli.models.srnet3d",
    }
)
# Names whose network is in the file that is given with --weights.
OUTSIDE = ("spandrel",)
ALIASES: Mapping[str, str] = MappingProxyType({"2d3d": "fsrcnn+srnet3d"})


def get_spec(name: str) -> ModelSpec:
    """The ``SPEC`` of one network; a ``ValueError`` names the known ones."""
    if name in OUTSIDE:
        raise ValueError(f"{name} is known by its file alone: give --weights FILE to vsr upscale")
    if name not in MODELS:
        raise ValueError(f"unknown model {name!r}: known are {', '.join([*MODELS, *ALIASES])}")
    spec: ModelSpec = import_module(MODELS[name]).SPEC
    return spec


def parse_chain(text: str) -> tuple[str, ...]:
    """Split ``fsrcnn+srnet3d`` (or its alias ``2d3d``) into known names of stages."""
    names = tuple(
        name
        for part in text.split("+")
        for name in ALIASES.get(part.strip(), part.strip()).split("+")
    )
    for name in names:
        if name not in MODELS and name not in OUTSIDE:
            raise ValueError(
                f"unknown model {name!r}: known are {', '.join([*MODELS, *ALIASES])}, "
                "and chains of them such as bicubic+srnet3d"
            )
    return names


__all__ = ["ALIASES", "MODELS", "OUTSIDE", "get_spec", "parse_chain"]
