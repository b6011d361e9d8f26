"""Planes as tensors that own their memory, out of decoded pictures and into ones to be encoded."""

from __future__ import annotations

import av
import numpy as np
import torch
from av.video.reformatter import Interpolation, VideoReformatter
from torch import Tensor

from vsr_cli.errors import InputError
from vsr_cli.frames import ClipInfo, Frame, PixelFormat
from vsr_cli.imaging.ranges import sample_dtype
from vsr_cli.media.pixels.formats import require_planar

# The exact paths of the scaler; without them full chroma and rounding are traded for speed.
_EXACT = Interpolation.BICUBIC | Interpolation.ACCURATE_RND | Interpolation.FULL_CHR_H_INP


class PictureConverter:
    """Converts pictures between pixel formats of one size, with one scaler for the whole clip."""

    def __init__(self) -> None:
        # A scaler per picture costs about 15 MB each until it is collected (PyAV #2320).
        self._reformatter = VideoReformatter()

    def convert(self, picture: av.VideoFrame, name: str, *, matrix: int = 5) -> av.VideoFrame:
        """The picture in format ``name``: same range, same matrix, no scaling.

        Between RGB, whose range is full, and YUV, which is taken for limited unless it says that
        it is full, ``matrix`` is the code point of the conversion (5: BT.601).
        """
        if picture.format.name == name:
            return picture
        from_rgb, to_rgb = picture.format.is_rgb, av.VideoFormat(name).is_rgb
        source_range = 2 if from_rgb else picture.color_range or 1
        target_range = 2 if to_rgb else 1 if from_rgb else source_range
        return self._reformatter.reformat(
            picture,
            format=name,
            src_colorspace=matrix,
            dst_colorspace=matrix,
            src_color_range=source_range,
            dst_color_range=target_range,
            interpolation=_EXACT,
        )


def check_planes(frame: Frame, info: ClipInfo) -> None:
    """Refuse a frame that is not one of the clip.

    Raises:
        ValueError: its planes have another number, size or dtype.
    """
    expected = [
        info.pixel_format.plane_size(index, width=info.width, height=info.height)
        for index in range(info.pixel_format.num_planes)
    ]
    got = [tuple(plane.shape) for plane in frame.planes]
    dtype = sample_dtype(info.pixel_format)
    if got != expected or any(plane.dtype != dtype for plane in frame.planes):
        raise ValueError(
            f"planes must be {dtype} of sizes {expected} for {info.pixel_format.name}, "
            f"got {[plane.dtype for plane in frame.planes]} of sizes {got}"
        )


def read_planes(
    picture: av.VideoFrame, pixel_format: PixelFormat, converter: PictureConverter
) -> tuple[Tensor, ...]:
    """Copy the planes out of a decoded picture: each (H, W), contiguous, without line padding.

    Raises:
        InputError: the picture is stored upside down.
    """
    if picture.format.name.replace("yuvj", "yuv") != pixel_format.name:
        picture = converter.convert(picture, pixel_format.name)
    views = _plane_views(picture, pixel_format)
    return tuple(torch.from_numpy(view.copy()) for view in views)


def make_picture(
    planes: tuple[Tensor, ...], pixel_format: PixelFormat, *, width: int, height: int
) -> av.VideoFrame:
    """A new picture of ``width`` x ``height`` that holds copies of the planes.

    A plane that is smaller than the picture asks for is continued by its last row and column.
    """
    picture = av.VideoFrame(width, height, pixel_format.name)
    fill_picture(picture, planes, pixel_format)
    return picture


def fill_picture(
    picture: av.VideoFrame, planes: tuple[Tensor, ...], pixel_format: PixelFormat
) -> None:
    """Overwrite the samples of a picture of this format; see ``make_picture``."""
    for view, plane in zip(_plane_views(picture, pixel_format), planes, strict=True):
        samples = plane.numpy()
        height_in, width_in = samples.shape
        view[:height_in, :width_in] = samples
        view[:height_in, width_in:] = samples[:, -1:]
        view[height_in:] = view[height_in - 1 : height_in]


def convert_gray(
    plane: Tensor, source: PixelFormat, target: PixelFormat, *, full_range: bool
) -> tuple[Tensor, ...]:
    """Planes of gray or YUV format ``target`` that show the gray ``plane`` (H, W).

    The scaler takes gray for full range and would stretch it on the way to YUV.
    """
    height, width = plane.shape
    luma = plane.numpy().astype(np.uint64)
    if full_range:
        luma *= np.uint64(target.max_code)
        luma += np.uint64(source.max_code // 2)
        luma //= np.uint64(source.max_code)
    else:
        half = (1 << source.bits) >> (target.bits + 1)  # 0 where the depth does not shrink
        luma = ((luma + np.uint64(half)) << np.uint64(target.bits)) >> np.uint64(source.bits)
    dtype = np.uint8 if target.bits <= 8 else np.uint16
    planes = [luma.clip(max=target.max_code).astype(dtype)]
    if target.family == "yuv":
        neutral = 1 << (target.bits - 1)
        chroma_size = target.plane_size(1, width=width, height=height)
        planes += [np.full(chroma_size, neutral, dtype)] * 2
    if target.has_alpha:
        planes.append(np.full((height, width), target.max_code, dtype))
    return tuple(torch.from_numpy(samples) for samples in planes)


def _plane_views(picture: av.VideoFrame, pixel_format: PixelFormat) -> list[np.ndarray]:
    """One writable view (H, W) per plane into the picture's own memory."""
    dtype = np.dtype(np.uint8 if pixel_format.bits <= 8 else np.uint16)
    views = []
    for index, plane in enumerate(picture.planes):
        height, width = pixel_format.plane_size(index, width=picture.width, height=picture.height)
        if plane.line_size < 0:
            raise InputError("the clip is stored upside down; try converting it to another format")
        samples = np.frombuffer(plane, dtype)  # type: ignore[call-overload]
        views.append(samples.reshape(-1, plane.line_size // dtype.itemsize)[:height, :width])
    return views


def matches(picture: av.VideoFrame, *, width: int, height: int, pixel_format: PixelFormat) -> bool:
    """True if the picture has this size and planes of this format."""
    return (picture.width, picture.height) == (width, height) and (
        require_planar(picture.format.name) == pixel_format
    )
