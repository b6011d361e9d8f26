"""Pictures of frames and errors, as bytes of PNG files for the page."""

from __future__ import annotations

import base64
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from vsr_cli.frames import ColorInfo
from vsr_cli.media.pictures.png import encode_png
from vsr_cli.report.keep import TOP, KeptFrame

if TYPE_CHECKING:
    from numpy.typing import NDArray

LONGEST = 1280  # pixels of a picture on the page; larger ones are shown smaller by a whole factor
ERROR_MAP = "inferno"
BRIGHTEST = 0.999  # quantile of the errors that gets the brightest colour


@dataclass(frozen=True, slots=True)
class FramePictures:
    """One frame for the page: PNG bytes of the truth, of each result and of each error."""

    truth: bytes
    results: tuple[bytes, ...]
    errors: tuple[bytes, ...]
    top: float  # the absolute error that has the brightest colour; black is 0
    size: tuple[int, int]  # width and height of the pictures


def frame_pictures(frame: KeptFrame, *, stretch: bool = False) -> FramePictures:
    """Draw a frame; all errors share one scale.

    With ``stretch`` the darkest and brightest value of the truth become black and white in all.
    """
    truth, *results = (_reduced(codes) for codes in (frame.truth, *frame.results))
    low, high = (float(truth.min()), float(truth.max())) if stretch else (0.0, 1.0)
    errors = [np.abs(result - truth) for result in results]
    top = brightest(errors)
    span = max(high - low, 1 / TOP)
    shown = [_gray_png((image - low) / span) for image in (truth, *results)]
    return FramePictures(
        truth=shown[0],
        results=tuple(shown[1:]),
        errors=tuple(_map_png(error / top) for error in errors),
        top=top,
        size=(truth.shape[1], truth.shape[0]),
    )


def brightest(errors: Sequence[NDArray[np.float64]]) -> float:
    """The absolute error that has the brightest colour in all pictures of a frame."""
    return max(float(np.quantile(error, BRIGHTEST)) for error in errors) or 1 / TOP


def data_uri(png: bytes) -> str:
    """The bytes of a PNG as an address that holds them."""
    return "data:image/png;base64," + base64.b64encode(png).decode("ascii")


def _reduced(codes: NDArray[np.uint16]) -> NDArray[np.float64]:
    """Values in [0, 1], averaged over whole squares where a side is longer than ``LONGEST``."""
    factor = min(-(-max(codes.shape) // LONGEST), *codes.shape)
    height, width = (side // factor * factor for side in codes.shape)
    blocks = codes[:height, :width].reshape(height // factor, factor, width // factor, factor)
    mean: NDArray[np.float64] = blocks.mean((1, 3)) / TOP
    return mean


def _gray_png(image: NDArray[np.float64]) -> bytes:
    return _png(np.round(image.clip(0, 1) * 255).astype(np.uint8)[..., None])


def _map_png(image: NDArray[np.float64]) -> bytes:
    from matplotlib import colormaps

    return _png(colormaps[ERROR_MAP](image.clip(0, 1), bytes=True)[..., :3])


def _png(picture: NDArray[np.uint8]) -> bytes:
    return encode_png(np.ascontiguousarray(picture), color=ColorInfo(), icc_profile=None)
