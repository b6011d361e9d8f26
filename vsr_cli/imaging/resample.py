"""Resampling in the form of MATLAB's ``imresize``.

Pixel centres are aligned, beyond a border the edge pixel goes on, and a kernel that shrinks is
stretched by the factor, which is ``imresize``'s antialiasing. That is the ``imresize`` with which
the low-resolution images of the literature were made: rounded as ``imaging.degradation`` does,
those of Set5 and Set14 come out equal to the last code (newer releases of MATLAB mirror the border
instead). ``torch.nn.functional.interpolate`` differs: a = -0.75 in the bicubic kernel without
antialias, and renormalised borders with it.

The kernel is bicubic (Keys, a = -0.5) where no other is named; see ``imaging.kernels``.
"""

from __future__ import annotations

import math
from functools import lru_cache

import torch
from torch import Tensor

from vsr_cli.imaging.borders import replicate_pad
from vsr_cli.imaging.graph import enlarge_as_graph
from vsr_cli.imaging.kernels import KERNELS, KernelName
from vsr_cli.imaging.siting import CENTERED, Siting


def resize(
    image: Tensor,
    *,
    height: int,
    width: int,
    antialias: bool = True,
    siting: Siting = CENTERED,
    factors: tuple[float, float] | None = None,
    kernel: KernelName = "bicubic",
) -> Tensor:
    """Resample to any size.

    Args:
        image: (..., H, W), float.
        height: rows of the result.
        width: columns of the result.
        antialias: stretch the kernel where the image shrinks, as ``imresize`` does.
        siting: the place of the samples, which stays.
        factors: the enlargement down and across, where it is not exactly that of the size.
        kernel: how samples are weighed; ``nearest`` is never antialiased.

    Returns:
        (..., height, width), same dtype and device; may exceed the input's range (bicubic
        overshoots), so clamp before rounding to code values.

    Raises:
        ValueError: the size is not at least 1x1.
    """
    if min(height, width) < 1:
        raise ValueError(f"size must be at least 1x1, got {width}x{height}")
    down, across = factors or (height / image.shape[-2], width / image.shape[-1])
    for dim, length, factor, place in (
        (-2, height, down, siting.down),
        (-1, width, across, siting.across),
    ):
        image = _resize_axis(
            image, length, antialias, dim=dim, factor=factor, place=place, kernel=kernel
        )
    return image


def shrink(image: Tensor, scale: int) -> Tensor:
    """Antialiased bicubic shrink by ``scale``: (..., H, W) to (..., ceil(H/s), ceil(W/s)).

    The factor is exactly ``1 / scale`` also where it does not divide the size.
    """
    return shrink_axis(shrink_axis(image, scale, dim=-2), scale, dim=-1)


def shrink_axis(image: Tensor, scale: int, *, dim: int) -> Tensor:
    """``shrink`` along one axis: every output is the same mixture of its surroundings."""
    if scale == 1:
        return image
    source = image.shape[dim]
    length, margin = -(-source // scale), 3 * scale
    index = torch.arange(-margin, source + margin, device=image.device).clamp_(0, source - 1)
    padded = image.index_select(dim, index)
    taps = _shrink_taps(scale)
    shape = list(image.shape)
    shape[dim] = length
    return _mix(padded, taps, padded.new_empty(shape), dim=dim, step=scale)


def enlarge(
    image: Tensor, scale: int, siting: Siting = CENTERED, *, kernel: KernelName = "bicubic"
) -> Tensor:
    """Enlargement by a whole number: (B, C, H, W) to (B, C, s*H, s*W).

    The same values as ``resize`` to rounding: each of ``scale`` interleaved grids is a fixed
    mixture of shifted copies of the image. 720x1280 by 2 takes 4.0 ms this way, 78 ms as two
    convolutions of PyTorch (fp32, one core of an EPYC with AVX-512, measured in one run).
    """
    if scale == 1:
        return image
    if torch.compiler.is_compiling():
        places = siting.across, siting.down
        across, down = (_phase_taps(scale, place, kernel) for place in places)
        return enlarge_as_graph(image, across, down)
    batch, channels, height, width = image.shape
    padded = replicate_pad(image.reshape(batch * channels, height, width), KERNELS[kernel].reach)
    columns = padded.new_empty((*padded.shape[:2], width, scale))  # (B*C, H+2r, W, s)
    for phase, taps in enumerate(_phase_taps(scale, siting.across, kernel)):
        mixed = padded.new_empty(columns.shape[:3])
        columns[..., phase] = _mix(padded, taps, mixed, dim=-1)
    wide = columns.flatten(-2)  # (B*C, H+2r, s*W)
    rows = wide.new_empty((batch * channels, height, scale, width * scale))
    for phase, taps in enumerate(_phase_taps(scale, siting.down, kernel)):
        _mix(wide, taps, rows[:, :, phase], dim=-2)
    return rows.view(batch, channels, height * scale, width * scale)


def keep_siting(enlarged: Tensor, scale: int, siting: Siting) -> Tensor:
    """Move an image (B, C, H, W) that was enlarged as if centred to where its samples belong.

    A network takes every grid for a centred one; chroma that is not comes out (s - 1)(0.5 - o) of
    its own samples off, for the place o.
    """
    if siting == CENTERED or scale == 1:
        return enlarged
    for dim, place in ((-2, siting.down), (-1, siting.across)):
        length = enlarged.shape[dim]
        shift = (scale - 1) * (0.5 - place)
        enlarged = _resize_axis(enlarged, length, False, dim=dim, factor=1.0, shift=shift)
    return enlarged


def resample_chroma(
    chroma: Tensor,
    *,
    size: tuple[int, int],
    factors: tuple[float, float],
    source: Siting,
    target: Siting,
) -> Tensor:
    """Bring chroma to another grid over the same picture: (..., h, w) to (..., *size).

    Bicubic, antialiased along an axis that shrinks. ``factors`` are the samples of the new grid per
    sample of the old one, down and across; ``source`` and ``target`` are the places of both.
    """
    axes = zip((-2, -1), size, factors, source, target, strict=True)
    for dim, length, factor, old, new in axes:
        chroma = _resize_axis(
            chroma, length, True, dim=dim, factor=factor, place=new, shift=new - old
        )
    return chroma


def _resize_axis(
    image: Tensor,
    length: int,
    antialias: bool,
    *,
    dim: int,
    factor: float,
    place: float = 0.5,
    shift: float = 0.0,
    kernel: KernelName = "bicubic",
) -> Tensor:
    """Resample one axis to ``length`` samples; ``factor`` is the enlargement (below 1: shrink).

    ``place`` is that of the samples (see ``imaging.siting``), ``shift`` what is added to it in
    samples of the input. Whole rows are gathered, one tap at a time, columns as rows of the
    transposed image: 4 to 18 times as fast as all taps of each sample at once (fp32, one core of a
    Xeon with AVX-512, 481x321 to 1920x1080, factors 0.5 to 1.5, measured in one run).
    """
    source = image.shape[dim]
    if length == source and factor == 1 and not shift:
        return image
    index, weight = _taps(source, length, factor, antialias, place, shift, kernel)
    rows = image if dim == -2 else image.mT.contiguous()
    indices, weights = index.to(image.device).unbind(1), weight.to(image)[..., None].unbind(1)
    resampled = rows.index_select(-2, indices[0]) * weights[0]  # (..., length, W)
    for tap_index, tap_weight in zip(indices[1:], weights[1:], strict=True):
        resampled.addcmul_(rows.index_select(-2, tap_index), tap_weight)
    return resampled if dim == -2 else resampled.mT.contiguous()


@lru_cache(maxsize=64)
@torch.inference_mode(False)  # else what is kept could not be differentiated through
def _taps(
    source: int,
    length: int,
    factor: float,
    antialias: bool,
    place: float,
    shift: float,
    kernel: KernelName,
) -> tuple[Tensor, Tensor]:
    """Indices and float64 weights of the input samples behind each output sample, (length, K)."""
    form = KERNELS[kernel]
    stretch = 1 / factor if antialias and form.antialias and factor < 1 else 1.0
    centre = (torch.arange(length, dtype=torch.float64) + place) / factor - place + shift
    num_taps = math.ceil(2 * form.support * stretch) + 2
    first = torch.floor(centre - form.support * stretch).long()
    index = first[:, None] + torch.arange(num_taps)
    weight = form.weigh((centre[:, None] - index) / stretch)
    weight = weight / weight.sum(1, keepdim=True)
    return index.clamp(0, source - 1), weight


def _mix(
    image: Tensor, taps: tuple[float, ...], mixed: Tensor, *, dim: int, step: int = 1
) -> Tensor:
    """Fill ``mixed`` with the weighted sum of the samples at each offset, ``step`` apart."""
    length = mixed.shape[dim]

    def samples(offset: int) -> Tensor:
        if step == 1:
            return image.narrow(dim, offset, length)
        part = slice(offset, offset + step * (length - 1) + 1, step)
        return image[..., part, :] if dim == -2 else image[..., part]

    first, *others = (number for number, weight in enumerate(taps) if weight)
    if torch.is_grad_enabled() and image.requires_grad:  # which out= does not know
        mixed.copy_(samples(first) * taps[first])
    else:
        torch.mul(samples(first), taps[first], out=mixed)
    for offset in others:
        mixed.add_(samples(offset), alpha=taps[offset])
    return mixed


@lru_cache(maxsize=64)
def _phase_taps(scale: int, place: float, kernel: KernelName) -> tuple[tuple[float, ...], ...]:
    """Weights of the inputs n-r ... n+r behind the outputs s*n ... s*n + s-1: s of 2r + 1."""
    form = KERNELS[kernel]
    offset = (torch.arange(scale, dtype=torch.float64) + place) / scale - place
    taps = form.weigh(offset[:, None] - torch.arange(-form.reach, form.reach + 1))
    taps = taps / taps.sum(1, keepdim=True)
    return tuple(tuple(phase) for phase in taps.tolist())


@lru_cache(maxsize=16)
def _shrink_taps(scale: int) -> tuple[float, ...]:
    """Weights of the inputs s*n - 3s ... s*n + 3s behind the output n."""
    index = torch.arange(-3 * scale, 3 * scale + 1, dtype=torch.float64)
    taps = KERNELS["bicubic"].weigh(((scale - 1) / 2 - index) / scale)
    return tuple((taps / taps.sum()).tolist())
