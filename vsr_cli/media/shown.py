"""A frame as it is looked at: red, green and blue of 8 bits, turned as a player would."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from vsr_cli.frames import ClipInfo, Frame, PixelFormat
from vsr_cli.media.encoder import conversion_matrix
from vsr_cli.media.planes import PictureConverter, convert_gray, make_picture
from vsr_cli.media.tags import tag_picture

_BACKDROP = 128  # of 255; what is seen behind a transparent picture
_BLACK, _WHITE = 16, 235  # of limited range
_GRAY = PixelFormat("gray", "gray", 8)


def shown_rgb(frame: Frame, info: ClipInfo) -> NDArray[np.uint8]:
    """The frame as samples (H, W, 3) of sRGB, for a screen.

    YUV is converted by the clip's own matrix and range, without tone mapping. What is transparent
    is laid over grey. The picture is turned and mirrored as the display matrix says, if that is by
    quarter turns; the shape of its pixels is left alone.
    """
    rgb = _gray_rgb(frame, info) if info.pixel_format.family == "gray" else _rgb(frame, info)
    if info.pixel_format.has_alpha:
        opacity = frame.planes[-1].numpy()[..., None] / info.pixel_format.max_code
        rgb = (rgb * opacity + _BACKDROP * (1 - opacity)).round().astype(np.uint8)
    return np.ascontiguousarray(_turned(rgb, info.display_matrix))


def _rgb(frame: Frame, info: ClipInfo) -> NDArray[np.uint8]:
    source = info.pixel_format
    picture = make_picture(frame.planes, source, width=info.width, height=info.height)
    tag_picture(picture, info.color)
    converted = PictureConverter().convert(picture, "rgb24", matrix=conversion_matrix(info))
    samples: NDArray[np.uint8] = converted.to_ndarray().astype(np.uint8)
    return samples


def _gray_rgb(frame: Frame, info: ClipInfo) -> NDArray[np.uint8]:
    """Gray without a tag is of full range."""
    is_limited = info.color.range == "limited"
    (plane,) = convert_gray(frame.planes[0], info.pixel_format, _GRAY, full_range=not is_limited)
    gray = plane.numpy()
    if is_limited:
        stretched = (gray.astype(np.float64) - _BLACK) * 255 / (_WHITE - _BLACK)
        gray = stretched.round().clip(0, 255).astype(np.uint8)
    return np.stack([gray] * 3, axis=-1)


def _turned(samples: NDArray[Any], matrix: tuple[int, ...] | None) -> NDArray[Any]:
    """Rows to columns if the matrix says so, then each axis reversed if it says so."""
    if matrix is None:
        return samples
    across, down = matrix[0:2], matrix[3:5]  # where one step to the right and one down lead
    if across[1] == 0 and down[0] == 0:
        x_sign, y_sign = across[0], down[1]
    elif across[0] == 0 and down[1] == 0:
        samples = samples.swapaxes(0, 1)
        x_sign, y_sign = down[0], across[1]
    else:
        return samples
    return samples[:: -1 if y_sign < 0 else 1, :: -1 if x_sign < 0 else 1]
