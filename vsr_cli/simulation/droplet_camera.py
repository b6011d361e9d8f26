"""A drop as a sensor sees it: coverage of the samples, optics, pixels, noise.

The drop is sampled several times per pixel. A sample at the outline counts by the share of it that
lies inside, so the summed coverage is the outline's area; samples are gathered into pixels by the
area of each pixel, blurred by the optics' Gaussian, without loss.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np
import torch

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from vsr_cli.simulation.droplet_shape import DropletShape
    from vsr_cli.simulation.droplet_surface import Surface

    Floats = NDArray[np.float64]

REACH = 6.0  # standard deviations of the optics around the drop
READ_SHARE = 0.2  # of the noise's variance at white that is there at black


def render(
    shape: DropletShape,
    surface: Surface,
    behind: Floats,
    *,
    spin: float,
    blur: float,
    supersample: int,
) -> Floats:
    """A drop in front of ``behind`` (H, W), without noise: (H, W), 1 is white.

    ``spin`` is in radians, ``blur`` a standard deviation in pixels.
    """
    height, width = behind.shape
    columns = _span(shape.center_x, shape.radius, blur, width)
    rows = _span(shape.center_y, shape.radius, blur, height)
    xs, ys = (_samples(span, supersample) for span in (columns, rows))
    inside, points, cosine = sample_surface(shape, xs, ys, supersample)
    light = np.zeros(inside.shape, np.float32)
    light[inside > 0] = surface.light(points, cosine, spin)
    gather = _gathering(xs, columns, blur).T  # (samples, pixels)
    gather_rows = _gathering(ys, rows, blur)
    covered = gather_rows @ inside @ gather
    drop = gather_rows @ (inside * light) @ gather
    picture = behind.copy()
    place = slice(rows[0], rows[1]), slice(columns[0], columns[1])
    picture[place] = behind[place] * (1 - covered) + drop
    return picture


def coverage(shape: DropletShape, height: int, width: int, *, supersample: int) -> Floats:
    """The share of each pixel that the drop covers, without optics: (H, W) in [0, 1].

    Its sum is the outline's area, to 2e-5 of it at 4 samples per pixel and a diameter of 100.
    """
    spans = (0, height), (0, width)
    ys, xs = (_samples(span, supersample) for span in spans)
    inside, _, _ = sample_surface(shape, xs, ys, supersample)
    return _gathering(ys, spans[0], 0.0) @ inside @ _gathering(xs, spans[1], 0.0).T


def add_noise(values: Floats, noise: float, draw: np.random.Generator) -> Floats:
    """Shot and read noise. values: (H, W), 1 is white; ``noise``: codes of 8 bits at white."""
    if not noise:
        return values
    variance = READ_SHARE + (1 - READ_SHARE) * np.clip(values, 0, 1)
    noisy: Floats = values + noise / 255 * np.sqrt(variance) * draw.standard_normal(values.shape)
    return noisy


def sample_surface(
    shape: DropletShape, xs: Floats, ys: Floats, supersample: int
) -> tuple[Floats, NDArray[np.float32], NDArray[np.float32]]:
    """Coverage (H, W) of the samples; and of those that count, points (N, 3) and cosine (N,).

    The drop is the body of revolution w^2(h): a sample at a from its axis and at height h lies
    inside where w^2 - a^2 > 0, and its depth is the root of that.
    """
    right, down = (xs - shape.center_x) / shape.radius, (ys - shape.center_y) / shape.radius
    cos_t, sin_t = math.cos(shape.tilt), math.sin(shape.tilt)
    across = right[None, :] * cos_t + down[:, None] * sin_t  # (H, W), in radii
    along = right[None, :] * sin_t - down[:, None] * cos_t
    heights, squares, slopes = shape.meridian()
    slope = np.interp(along, heights, slopes)
    square = np.interp(along, heights, squares)
    # Beyond the poles the squared half width goes on in a straight line, below 0.
    square += slope * (along - np.clip(along, heights[0], heights[-1]))
    level = square - across**2
    steepness = np.hypot(2 * across, slope)
    distance = level / np.maximum(steepness, 1e-6) * shape.radius * supersample  # in samples
    # A straight edge covers a sample in its middle by a half; a quarter turn of it hardly differs.
    inside = np.clip(distance + 0.5, 0, 1)
    seen = inside > 0
    # Where the middle of a sample is at the edge or beyond, its light leaves from a quarter inside.
    least = 0.25 * steepness[seen] / (shape.radius * supersample)
    depth = np.sqrt(np.maximum(level[seen], least))
    cosine = depth / np.maximum(np.sqrt(across[seen] ** 2 + slope[seen] ** 2 / 4 + depth**2), 1e-6)
    points = np.stack([across[seen], along[seen], depth], axis=-1)
    return inside, points.astype(np.float32), cosine.astype(np.float32)


def _span(center: float, radius: float, blur: float, length: int) -> tuple[int, int]:
    """The first pixel that a drop can reach, and the one after the last."""
    reach = 1.12 * radius + REACH * blur + 2
    return max(0, math.floor(center - reach)), min(length, math.ceil(center + reach) + 1)


def _samples(span: tuple[int, int], supersample: int) -> Floats:
    """Coordinates of the samples of pixels, whose centres are whole numbers."""
    count = (span[1] - span[0]) * supersample
    return span[0] - 0.5 + (np.arange(count) + 0.5) / supersample


def _gathering(samples: Floats, span: tuple[int, int], blur: float) -> Floats:
    """What each sample gives to each pixel: (pixels, samples). Nothing is lost: columns sum to 1/s.

    The weight is the part of the Gaussian around the sample that falls on the pixel.
    """
    edges = np.arange(span[0], span[1] + 1) - 0.5
    beyond = edges[:, None] - samples[None, :]  # (pixels + 1, samples)
    if blur:
        below = torch.special.ndtr(torch.from_numpy(beyond / blur)).numpy()
    else:
        below = (beyond > 0).astype(np.float64)
    weights = np.diff(below, axis=0)
    per_pixel = len(samples) / (span[1] - span[0])
    gathering: Floats = weights / weights.sum(axis=0) / per_pixel
    return gathering
