"""Frames in, frames out: one file per paper, and the table of their names.

``MODELS`` maps a name on the command line to the module that holds the network and its ``SPEC``; a
paper's further forms name their own after a colon.
Names joined by a plus are stages in the order in which frames pass; ``ALIASES`` are short for such
chains.
"""

from __future__ import annotations

from collections.abc import Mapping
from difflib import get_close_matches
from importlib import import_module
from types import MappingProxyType
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from vsr_cli.models.spec import ModelSpec

MODELS: Mapping[str, str] = MappingProxyType(
    {
        "nearest": "vsr_cli.models.interpolation:NEAREST",
        "bilinear": "vsr_cli.models.interpolation:BILINEAR",
        "bicubic": "vsr_cli.models.interpolation:BICUBIC",
        "lanczos": "vsr_cli.models.interpolation:LANCZOS",
        "ibp": "vsr_cli.models.ibp",
        "srcnn": "vsr_cli.models.srcnn",
        "srcnn-915": "vsr_cli.models.srcnn:SPEC_915",
        "fsrcnn": "vsr_cli.models.fsrcnn",
        "fsrcnn-s": "vsr_cli.models.fsrcnn:SPEC_SMALL",
        "espcn": "vsr_cli.models.espcn",
        "vdsr": "vsr_cli.models.vdsr",
        "drcn": "vsr_cli.models.drcn",
        "msrn": "vsr_cli.models.msrn",
        "mcmsrn": "vsr_cli.models.scmsrn:SPEC_MULTICORE",
        "scmsrn": "vsr_cli.models.scmsrn",
        "srresnet": "vsr_cli.models.srresnet",
        "srgan": "vsr_cli.models.srresnet:SPEC_GAN",
        "edrn": "vsr_cli.models.edrn",
        "emtcm": "vsr_cli.models.emtcm",
        "srnet3d": "vsr_cli.models.srnet3d",
        "2d3d-joint": "vsr_cli.models.joint",
        "fstrn": "vsr_cli.models.fstrn",
        "plain": "vsr_cli.models.plain",
        "plain-s": "vsr_cli.models.plain:SPEC_SMALL",
        "2d3d-fast": "vsr_cli.models.fast",
        "refine3d": "vsr_cli.models.refine3d",
    }
)
# Names whose network is in the file that is given with --weights.
OUTSIDE = ("spandrel",)
ALIASES: Mapping[str, str] = MappingProxyType({"2d3d": "fsrcnn+srnet3d", "3d2d": "srnet3d+fsrcnn"})


def get_spec(name: str) -> ModelSpec:
    """The ``SPEC`` of one network; a ``ValueError`` names the known ones."""
    if name in OUTSIDE:
        raise ValueError(f"{name} is known by its file alone: give --weights FILE to vsr upscale")
    if name not in MODELS:
        raise ValueError(_unknown(name))
    module, _, form = MODELS[name].partition(":")
    spec: ModelSpec = getattr(import_module(module), form or "SPEC")
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
            raise ValueError(f"{_unknown(name)}, and chains of them such as bicubic+srnet3d")
    return names


def _unknown(name: str) -> str:
    """What is said of a name that is none: those like it, and all."""
    known = [*MODELS, *ALIASES]
    near = get_close_matches(name, known)
    guess = f"try {' or '.join(near)}; " if near else ""
    return f"unknown model {name!r}: {guess}known are {', '.join(known)}"


__all__ = ["ALIASES", "MODELS", "OUTSIDE", "get_spec", "parse_chain"]
