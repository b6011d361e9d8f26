"""Still pictures: one frame from a file, one file from an array."""

from __future__ import annotations

import logging
from fractions import Fraction
from pathlib import Path
from typing import Any

import imageio.v3 as iio
import numpy as np
import torch
from numpy.typing import NDArray

from vsr_cli.errors import InputError, OutputError
from vsr_cli.frames import ClipInfo, ColorInfo, Frame, PixelFormat
from vsr_cli.media.video_reader import VideoReader
from vsr_cli.specs import DecodingSpec

STILL_EXTENSIONS = frozenset({".png", ".jpg", ".jpeg", ".tif", ".tiff", ".bmp"})

_log = logging.getLogger(__name__)
_SRGB_PRIMARIES, _SRGB_TRANSFER, _RGB_MATRIX = 1, 13, 0  # code points
_STILL_TIME_BASE = Fraction(1)  # a still is a clip of one frame that lasts one second


def list_stills(folder: str | Path) -> list[Path]:
    """The still pictures of a folder, in order of their names.

    Raises:
        InputError: the folder is missing or holds none.
    """
    folder = Path(folder)
    if not folder.is_dir():
        raise InputError(f"{folder} is not a folder; give one with PNG, JPEG, TIFF or BMP files")
    stills = [p for p in folder.iterdir() if p.suffix.lower() in STILL_EXTENSIONS and p.is_file()]
    if not stills:
        raise InputError(f"folder {folder} holds no PNG, JPEG, TIFF or BMP files")
    return sorted(stills, key=lambda path: path.name)


def read_still(path: str | Path) -> tuple[Frame, ClipInfo]:
    """Read a PNG, JPEG, TIFF or BMP file: planes of gray, or of G, B and R, 8 or 16 bits deep.

    Alpha is dropped, with a warning in the log.

    Raises:
        InputError: the file is missing, is no picture, or has samples other than 8 or 16 bits.
    """
    path = Path(path)
    if _is_deep_png(path):
        return _read_deep_png(path)
    pixels = _read_pixels(path)
    if pixels.dtype == np.bool_:
        pixels = pixels.astype(np.uint8) * np.uint8(255)
    if pixels.dtype not in (np.uint8, np.uint16) or pixels.ndim not in (2, 3):
        raise InputError(
            f"{path}: samples of {pixels.dtype} and shape {pixels.shape} are not supported; "
            "accepted are 8 or 16-bit gray or RGB, try converting it to PNG"
        )
    channels = pixels[..., None] if pixels.ndim == 2 else pixels  # (H, W, C)
    if channels.shape[2] not in (1, 2, 3, 4):
        raise InputError(f"{path}: {channels.shape[2]} channels are not supported; try an RGB PNG")
    if channels.shape[2] in (2, 4):
        _log.warning("%s: alpha is dropped", path)
        channels = channels[..., :-1]
    return _as_clip(channels)


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


def _read_pixels(path: Path) -> NDArray[Any]:
    """The samples as they are stored: a palette is resolved, nothing else is changed."""
    if not path.is_file():
        raise InputError(f"{path} does not exist or is not a file; check the name")
    try:
        return np.asarray(iio.imread(path, index=0))
    except (OSError, ValueError, SyntaxError) as error:
        raise InputError(f"{path} is not a picture that can be read; try a PNG file") from error


def _is_deep_png(path: Path) -> bool:
    """True for a PNG of 16-bit RGB, which imageio cuts to 8 bits without a word."""
    if not path.is_file():
        return False
    with path.open("rb") as file:
        header = file.read(26)
    is_rgb = len(header) == 26 and header[25] in (2, 6)  # colour types: RGB, RGB with alpha
    return header.startswith(b"\x89PNG") and is_rgb and header[24] == 16


def _read_deep_png(path: Path) -> tuple[Frame, ClipInfo]:
    with VideoReader(path, DecodingSpec()) as reader:
        frame = next(iter(reader))
    if reader.info.pixel_format.has_alpha:
        _log.warning("%s: alpha is dropped", path)
    samples = [plane.numpy() for plane in frame.planes]  # G, B, R and perhaps alpha
    return _as_clip(np.stack([samples[2], samples[0], samples[1]], axis=2))


def _as_clip(channels: NDArray[Any]) -> tuple[Frame, ClipInfo]:
    """A frame and its clip from (H, W, 1) gray or (H, W, 3) RGB samples."""
    height, width, num_channels = channels.shape
    bits = channels.dtype.itemsize * 8
    depth = "" if bits == 8 else "16le"
    color = ColorInfo("full", primaries=_SRGB_PRIMARIES, transfer=_SRGB_TRANSFER)
    pixel_format, order = PixelFormat(f"gray{depth}", "gray", bits), [0]
    if num_channels == 3:
        pixel_format, order = PixelFormat(f"gbrp{depth}", "gbr", bits), [1, 2, 0]
        color = ColorInfo("full", _RGB_MATRIX, _SRGB_PRIMARIES, _SRGB_TRANSFER)
    planes = tuple(torch.from_numpy(channels[..., c].copy()) for c in order)
    info = ClipInfo(width, height, pixel_format, _STILL_TIME_BASE, color, num_frames=1)
    return Frame(planes, pts=0, duration=1), info
