"""Still pictures: one frame from a file, one file from an array."""

from __future__ import annotations

import logging
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import imageio.v3 as iio
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from vsr_cli.errors import OutputError
from vsr_cli.frames import UNSPECIFIED, ClipInfo, Frame, PixelFormat
from vsr_cli.media.pictures.deep import Samples
from vsr_cli.media.pictures.pages import PictureFile
from vsr_cli.media.pictures.png import SRGB
from vsr_cli.media.pixels.tags import RGB_MATRIX
from vsr_cli.specs import MAX_PIXELS

_log = logging.getLogger(__name__)
_STILL_TIME_BASE = Fraction(1)  # a still is a clip of one frame that lasts one second
_NO_COLORS = 2  # channels of gray with alpha, and fewer


def read_still(path: str | Path, *, max_pixels: int = MAX_PIXELS) -> tuple[Frame, ClipInfo]:
    """Read a picture file: planes of gray, or of G, B and R, 8 or 16 bits deep.

    It is turned as its EXIF orientation says. Alpha is dropped, with a warning in the log; of
    several pages the first one is read.

    Raises:
        InputError: the file is missing, is no picture, states more than ``max_pixels``, or has
            samples other than 8 or 16 bits.
    """
    path = Path(path)
    with PictureFile(path, max_pixels=max_pixels) as file:
        samples = file.page(file.pages[0])
    if samples.shape[2] in (2, 4):
        _log.warning("%s: alpha is dropped", path)
        samples = samples[..., :-1]
    planes, pixel_format = to_planes(samples)
    matrix = RGB_MATRIX if pixel_format.family == "gbr" else UNSPECIFIED
    color = replace(SRGB, range="full", matrix=matrix)
    height, width = planes[0].shape
    info = ClipInfo(
        width, height, pixel_format, _STILL_TIME_BASE, color, num_frames=1, origin="pictures"
    )
    return Frame(planes, pts=0, duration=1), info


def write_png(path: str | Path, array: NDArray[np.uint8]) -> None:
    """Write an array (H, W) or (H, W, 3) of uint8 as a PNG file.

    Raises:
        ValueError: the array has another shape or dtype.
        OutputError: the file cannot be written.
    """
    is_picture = array.ndim == 2 or (array.ndim == 3 and array.shape[2] == 3)
    if array.dtype != np.uint8 or not is_picture:
        raise ValueError(
            f"array must be uint8 (H, W) or (H, W, 3), got {array.dtype} {array.shape}"
        )
    try:
        iio.imwrite(path, array, extension=".png")
    except OSError as error:
        raise OutputError(f"cannot write {path}: {error.strerror or error}") from error


def to_planes(samples: Samples) -> tuple[tuple[Tensor, ...], PixelFormat]:
    """Planes of gray, or of G, B, R and perhaps alpha, out of samples (H, W, C).

    No planar gray with alpha exists; three equal planes and alpha lose nothing.
    """
    channels, bits = samples.shape[2], samples.dtype.itemsize * 8
    depth = "" if bits == 8 else "16le"
    if channels == 1:
        pixel_format, order = PixelFormat(f"gray{depth}", "gray", bits), [0]
    elif channels == 3:
        pixel_format, order = PixelFormat(f"gbrp{depth}", "gbr", bits), [1, 2, 0]
    else:
        pixel_format = PixelFormat(f"gbrap{depth}", "gbr", bits, has_alpha=True)
        order = [0, 0, 0, 1] if channels == _NO_COLORS else [1, 2, 0, 3]
    planes = tuple(torch.from_numpy(samples[..., index].copy()) for index in order)
    return planes, pixel_format
