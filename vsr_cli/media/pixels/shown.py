"""A frame as it is looked at: red, green and blue of 8 bits, turned as a player would."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from vsr_cli.frames import ClipInfo, Frame
from vsr_cli.media.pixels.conversion import to_rgb
from vsr_cli.media.pixels.orientation import is_quarter_turn, turn_upright, upright_info

_BACKDROP = 128  # of 255; what is seen behind a transparent picture


def shown_rgb(frame: Frame, info: ClipInfo) -> NDArray[np.uint8]:
    """The frame as samples (H, W, 3) of sRGB, for a screen.

    YUV is converted by the clip's own matrix and range, without tone mapping. What is transparent
    is laid over grey. The picture is turned and mirrored as the display matrix says, if that is by
    quarter turns; the shape of its pixels is left alone.
    """
    matrix = info.display_matrix
    if matrix is not None and is_quarter_turn(matrix):
        frame, info = turn_upright(frame, matrix), upright_info(info)
    samples = to_rgb(frame, info, bits=8)
    colors = samples[..., :3] if samples.shape[-1] >= 3 else samples[..., :1].repeat(3, axis=-1)
    if info.pixel_format.has_alpha:
        opacity = samples[..., -1:] / 255
        colors = (colors * opacity + _BACKDROP * (1 - opacity)).round()
    shown: NDArray[np.uint8] = np.ascontiguousarray(colors, dtype=np.uint8)
    return shown
