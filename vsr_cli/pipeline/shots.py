"""Scene cuts, found on luma between adjacent frames."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace

import torch
from torch import Tensor
from torch.nn import functional as F

from vsr_cli.frames import Frame, PixelFormat

THUMBNAIL = 48  # pixels of the longer side: motion is small on it, a new picture is not
C1, C2 = 0.01**2, 0.01**2  # of SSIM, for values in [0, 1]; C2 smaller than usual: means are quiet
STILL = 1.5 / 255  # rows and columns that change less are bars or overlays
SMALLEST_PART = 1 / 3  # of the picture; if less of it moves, the whole is compared


def mark_shots(
    frames: Iterable[Frame], pixel_format: PixelFormat, threshold: float
) -> Iterator[Frame]:
    """Number the shots: ``Frame.shot`` grows by one at each cut.

    A cut is where the dissimilarity of two adjacent frames exceeds ``threshold`` per cent; with 0
    all frames are one shot. Only adjacent frames are compared, so a part of a clip has the cuts
    that the whole clip has there.
    """
    before: Tensor | None = None
    shot = 0
    for frame in frames:
        if threshold > 0:
            now = _thumbnail(frame.planes[0], pixel_format)
            if before is not None and dissimilarity(before, now) > threshold:
                shot += 1
            before = now
        yield replace(frame, shot=shot)


def dissimilarity(first: Tensor, second: Tensor) -> float:
    """100 (1 - SSIM) over two whole thumbnails: 0 for the same picture, about 100 for unrelated.

    The SSIM of Wang et al. (2004) with one window, the picture without the rows and columns that
    stand still in both: black bars hide no cut. Noise around a flat grey is no cut, thanks to the
    constants.
    """
    first, second = _moving_part(first, second)
    mean_1, mean_2 = first.mean(), second.mean()
    var_1, var_2 = first.var(correction=0), second.var(correction=0)
    covariance = ((first - mean_1) * (second - mean_2)).mean()
    luminance = (2 * mean_1 * mean_2 + C1) / (mean_1**2 + mean_2**2 + C1)
    structure = (2 * covariance + C2) / (var_1 + var_2 + C2)
    return float(100 * (1 - luminance * structure))


def _moving_part(first: Tensor, second: Tensor) -> tuple[Tensor, Tensor]:
    """Both thumbnails without the rows and columns in which nothing changed."""
    moved = (first - second).abs() > STILL
    rows, columns = moved.any(1), moved.any(0)
    if rows.sum() * columns.sum() < SMALLEST_PART * moved.numel():
        return first, second
    return first[rows][:, columns], second[rows][:, columns]


def _thumbnail(plane: Tensor, pixel_format: PixelFormat) -> Tensor:
    """Area means of the luma (of green, where there is none) on a grid of at most 48 pixels."""
    height, width = plane.shape
    longer = max(height, width)
    shrink = min(1.0, THUMBNAIL / longer)
    size = (max(1, round(height * shrink)), max(1, round(width * shrink)))
    step = max(1, longer // (4 * THUMBNAIL))  # a quarter of the pixels of a cell tell its mean
    sample = plane[::step, ::step].to(torch.float32) / pixel_format.max_code
    return F.adaptive_avg_pool2d(sample[None, None], size)[0, 0]
