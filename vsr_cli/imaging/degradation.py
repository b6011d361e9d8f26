"""How high-resolution frames become the low-resolution ones that a network is given.

Training and evaluation use the same function, so that a score speaks of the degradation that the
network was trained for.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from typing import Protocol, TypeAlias

import torch
from torch import Tensor

from vsr_cli.frames import ClipInfo, Frame, PixelFormat
from vsr_cli.imaging.blur import filter_plane, gaussian_kernel, motion_kernel
from vsr_cli.imaging.missing import resample_present
from vsr_cli.imaging.noise import add_noise
from vsr_cli.imaging.ranges import is_full_range, luma_range
from vsr_cli.imaging.resample import resize, shrink, shrink_axis
from vsr_cli.specs import (
    Blur,
    DegradationSpec,
    Downscale,
    Jpeg,
    Motion,
    Noise,
    Round,
    VideoCoding,
)
from vsr_cli.specs.degradation import Downscaler

FrameStep: TypeAlias = Downscale | Blur | Motion | Noise | Round  # of one frame by itself

WHOLE = 0.01  # codes; a value this near to a code is that code (float32 at 16 bits: 0.004)


def degrade_bicubic(
    image: Tensor, scale: int, *, bits: int | None = 8, each_axis: bool = False
) -> Tensor:
    """Antialiased bicubic shrink, rounded to code values, half upwards.

    With ``each_axis`` it rounds after the rows and again after the columns, as MATLAB's
    ``imresize`` does with pictures of whole numbers: the low-resolution images of Set5 and Set14
    that MATLAB made come out equal. That adds a fifth to the rounding noise of the input (0.229
    codes rms in the place of 0.190 on a climate clip) and nothing to the task, so it is for
    comparison with published figures alone.

    Args:
        image: (..., H, W) in [0, 1].
        scale: whole factor; where it does not divide H or W, the last rows and columns are cut
            (the usual "modcrop"), so that truth and result have the same size.
        bits: depth of the rounding; None keeps float.
        each_axis: round between the axes too.

    Returns:
        (..., H // scale, W // scale) in [0, 1], of the input's dtype.

    Raises:
        ValueError: the image is smaller than ``scale`` pixels.
    """
    image = crop_to_multiple(image, scale)
    if bits is None:
        return shrink(image, scale).clamp(0, 1)
    top = (1 << bits) - 1
    codes = image.to(torch.float64) * top
    whole = codes.round()
    codes = torch.where((codes - whole).abs() < WHOLE, whole, codes)  # ties stay ties
    codes = _round(_shrink(codes, scale, top if each_axis else None), top)
    return (codes / top).to(image.dtype)


class Recoder(Protocol):
    """Encodes and decodes frames of code values; they keep their number, size and format."""

    def __call__(
        self, frames: Iterable[Frame], pixel_format: PixelFormat, step: Jpeg | VideoCoding
    ) -> Iterator[Frame]: ...


def degrade_frames(
    frames: Iterable[Frame],
    info: ClipInfo,
    scale: int,
    spec: DegradationSpec,
    *,
    recode: Recoder,
    name: str = "",
    first_number: int = 0,
    each_axis: bool = False,
) -> Iterator[Frame]:
    """Frames of code values through a chain of degradations, to code values of the same depth.

    ``spec`` says where values are rounded. Each plane is degraded by itself, of a frame that has
    only the first ones too. The last rows and columns of a plane are cut or repeated to ``scale``
    times the size that it comes out with. Noise depends on its seed, the clip's name, the frame's
    number, the step's place in the chain and the plane, and on nothing else.

    Args:
        frames: of one clip, in order; the whole clip where a video codec is among the steps.
        info: the clip that they are of.
        scale: whole factor of the downscaler.
        spec: the steps.
        recode: what encodes and decodes, for no coder is known here.
        name: of the clip; clips of other names get other noise.
        first_number: of the first of the frames, counted from the clip's start.
        each_axis: round between the axes too, as ``degrade_bicubic`` does, in a chain that begins
            with bicubic and does not stay unrounded behind it.

    Raises:
        ValueError: the frames are smaller than ``scale`` pixels.
    """
    first, *others = spec.steps
    is_rounded = not others or isinstance(others[0], Jpeg | VideoCoding | Round)
    per_axis = each_axis and first == Downscale("bicubic") and is_rounded
    run = _Run(info, scale, name, first_number, per_axis)
    for place, step in enumerate(spec.steps):
        if isinstance(step, Jpeg | VideoCoding):
            frames = recode(run.apply(frames), info.pixel_format, step)
            run = replace(run, steps=())
        else:
            run = replace(run, steps=(*run.steps, (place, step)))
    return run.apply(frames)


def degrade_field(plane: Tensor, scale: int, kernel: Downscaler) -> Tensor:
    """A plane of values, not rounded: (H, W) float to (H // scale, W // scale).

    The last rows and columns are cut where ``scale`` does not divide H or W. Missing values are NaN
    and do not spread: see ``resample_present``.

    Raises:
        ValueError: the plane is smaller than ``scale`` pixels.
    """
    plane = crop_to_multiple(plane, scale)
    return resample_present(plane, lambda one: _downscale_plane(one, scale, kernel, None))


@dataclass(frozen=True, slots=True)
class _Run:
    """Steps between which nothing is rounded, each with its place in the chain."""

    info: ClipInfo
    scale: int
    name: str
    first_number: int
    each_axis: bool
    steps: tuple[tuple[int, FrameStep], ...] = ()

    def apply(self, frames: Iterable[Frame]) -> Iterator[Frame]:
        """Code values to code values."""
        if not self.steps:
            yield from frames
            return
        top = self.info.pixel_format.max_code
        for number, frame in enumerate(frames, self.first_number):
            planes = [plane.to(torch.float64) for plane in frame.planes]
            for place, step in self.steps:
                planes = self._step(planes, step, f"{self.name}\0{number}\0{place}")
            dtype = frame.planes[0].dtype
            codes = (_round(plane, top).to(torch.int32).to(dtype) for plane in planes)
            yield replace(frame, planes=tuple(codes))

    def _step(self, planes: list[Tensor], step: FrameStep, key: str) -> list[Tensor]:
        match step:
            case Downscale():
                return self._downscale(planes, step)
            case Blur():
                kernel = gaussian_kernel(step.sigma, step.angle)
                return [filter_plane(plane, kernel) for plane in planes]
            case Motion():
                kernel = motion_kernel(step.length, step.angle)
                return [filter_plane(plane, kernel) for plane in planes]
            case Round():
                level = 2.0 ** max(0, self.info.pixel_format.bits - step.bits)
                highest = (1 << min(step.bits, self.info.pixel_format.bits)) - 1
                return [_round(plane / level, highest) * level for plane in planes]
            case Noise():
                return [
                    self._add_noise(plane, step, number, key) for number, plane in enumerate(planes)
                ]

    def _add_noise(self, plane: Tensor, noise: Noise, number: int, key: str) -> Tensor:
        layout = self.info.pixel_format
        black: int | None = luma_range(layout, is_full_range(self.info))[0]
        if layout.family == "gbr":
            black = 0
        elif number:
            black = None
        return add_noise(plane, noise, bits=layout.bits, black=black, key=f"{key}\0{number}")

    def _downscale(self, planes: list[Tensor], step: Downscale) -> list[Tensor]:
        scale, layout = self.scale, self.info.pixel_format
        height, width = (side // scale for side in planes[0].shape)
        _check_size(planes[0], scale)
        top = layout.max_code if self.each_axis else None
        shrunk = []
        for number, plane in enumerate(planes):
            size = layout.plane_size(number, width=width, height=height)
            fitting = _fit(plane, size[0] * scale, size[1] * scale)
            shrunk.append(_downscale_plane(fitting, scale, step.kernel, top))
        return shrunk


def _downscale_plane(codes: Tensor, scale: int, kernel: Downscaler, top: int | None) -> Tensor:
    """A plane (s*H, s*W) as (H, W). ``top`` is for bicubic, as in ``_shrink``."""
    height, width = (side // scale for side in codes.shape)
    if kernel == "bicubic":
        return _shrink(codes, scale, top)
    if kernel == "area":
        return codes.reshape(height, scale, width, scale).mean((1, 3))
    return resize(codes, height=height, width=width, kernel=kernel)


def _shrink(codes: Tensor, scale: int, top: int | None) -> Tensor:
    """Antialiased bicubic, rounded between the axes to codes up to ``top``, if that is given."""
    codes = shrink_axis(codes, scale, dim=-2)
    if top is not None:
        codes = _round(codes, top)
    return shrink_axis(codes, scale, dim=-1)


def _round(codes: Tensor, top: int) -> Tensor:
    """Whole codes, half upwards."""
    return codes.add(0.5).floor_().clamp_(0, top)


def _fit(plane: Tensor, height: int, width: int) -> Tensor:
    """A plane without its last rows and columns, or with them repeated, so that it has the size."""
    for dim, length in ((0, height), (1, width)):
        index = torch.arange(length).clamp_(max=plane.shape[dim] - 1)
        plane = plane if plane.shape[dim] == length else plane.index_select(dim, index)
    return plane


def crop_to_multiple(image: Tensor, scale: int) -> Tensor:
    """Cut the last rows and columns so that ``scale`` divides both sizes of (..., H, W)."""
    height, width = image.shape[-2:]
    _check_size(image, scale)
    return image[..., : height // scale * scale, : width // scale * scale]


def _check_size(image: Tensor, scale: int) -> None:
    height, width = image.shape[-2:]
    if min(height, width) < scale:
        raise ValueError(f"image must be at least {scale}x{scale} pixels, got {width}x{height}")
