"""Noise of a sensor, the same for the same clip, frame and seed."""

from __future__ import annotations

import hashlib

import torch
from torch import Tensor

from vsr_cli.specs import Noise

BITS = 8  # of the codes that a Noise speaks of


def add_noise(codes: Tensor, noise: Noise, *, bits: int, black: int | None, key: str) -> Tensor:
    """A plane with shot noise and read noise.

    Light above black arrives as photons: their number is drawn from Poisson's distribution. Read
    noise is Gaussian, and the same everywhere. Code values are taken for proportional to light,
    though in most clips they have been through a transfer function.

    Args:
        codes: (H, W), float64 code values.
        noise: how much, in code values of 8 bits; one of them is ``2**(bits - 8)`` of these.
        bits: depth of the codes.
        black: the code of no light; None for chroma, which is no light and has read noise alone.
        key: names the plane; together with the seed it decides every draw, in whatever order
            planes are asked for.

    Returns:
        (H, W), float64, neither rounded nor clipped.
    """
    generator = torch.Generator().manual_seed(_seed(noise.seed, key))
    code = 2.0 ** (bits - BITS)
    if noise.gain and black is not None:
        electron = noise.gain * code
        electrons = ((codes - black) / electron).clamp(min=0)
        codes = codes + (torch.poisson(electrons, generator=generator) - electrons) * electron
    if noise.sigma:
        drawn = torch.randn(codes.shape, dtype=torch.float64, generator=generator)
        codes = codes + drawn * (noise.sigma * code)
    return codes


def _seed(seed: int, key: str) -> int:
    """63 bits; a name of a file need not be text."""
    text = f"{seed}\0{key}".encode(errors="surrogateescape")
    return int.from_bytes(hashlib.blake2b(text, digest_size=8).digest()) >> 1
