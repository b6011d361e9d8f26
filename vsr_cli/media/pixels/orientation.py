"""Frames turned and mirrored as a player would, for files that cannot say it themselves."""

from __future__ import annotations

from dataclasses import replace

from torch import Tensor

from vsr_cli.frames import ClipInfo, Frame
from vsr_cli.media.pixels.formats import turned_format


def upright_info(info: ClipInfo) -> ClipInfo:
    """The clip after ``turn_upright``: width and height may have changed places.

    Raises:
        ValueError: the rotation is not a multiple of 90 degrees.
    """
    if info.display_matrix is None:
        return info
    if not is_quarter_turn(info.display_matrix):
        raise ValueError(
            f"a rotation of {info.rotation} degrees cannot be kept here; write an .mp4 file"
        )
    upright = replace(info, display_matrix=None)
    if info.display_matrix[0]:
        return upright
    aspect = info.sample_aspect_ratio
    return replace(
        upright,
        width=info.height,
        height=info.width,
        pixel_format=turned_format(info.pixel_format),
        sample_aspect_ratio=aspect and 1 / aspect,
    )


def is_quarter_turn(display_matrix: tuple[int, ...]) -> bool:
    """True for a turn by a multiple of 90 degrees, mirrored or not."""
    m = display_matrix
    return [bool(m[k]) for k in (0, 1, 3, 4)] in (
        [True, False, False, True],
        [False, True, True, False],
    )


def turn_upright(frame: Frame, display_matrix: tuple[int, ...] | None) -> Frame:
    """The frame as a player would show it; ``display_matrix`` is that of the clip."""
    if display_matrix is None:
        return frame
    return replace(frame, planes=tuple(_turn(plane, display_matrix) for plane in frame.planes))


def _turn(plane: Tensor, matrix: tuple[int, ...]) -> Tensor:
    """Rows to columns if the matrix says so, then each axis reversed if it says so."""
    x_of_x, y_of_x, x_of_y, y_of_y = *matrix[0:2], *matrix[3:5]
    if not x_of_x:
        plane, x_sign, y_sign = plane.T, x_of_y, y_of_x
    else:
        x_sign, y_sign = x_of_x, y_of_y
    reversed_axes = [axis for axis, sign in ((0, y_sign), (1, x_sign)) if sign < 0]
    return plane.flip(reversed_axes).contiguous()
