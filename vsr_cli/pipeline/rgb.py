"""The 2D stage of a network that sees RGB: frames in, larger frames of the same layout out."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from itertools import islice

import torch
from torch import Tensor

from vsr_cli.frames import Frame
from vsr_cli.imaging.color import rgb_to_yuv, yuv_to_rgb
from vsr_cli.imaging.ranges import chroma_range, luma_range
from vsr_cli.imaging.resample import enlarge, resample_chroma
from vsr_cli.imaging.siting import CENTERED
from vsr_cli.models.load import LoadedChain
from vsr_cli.pipeline.settings import StageSettings, checked
from vsr_cli.pipeline.upscale import FRAME_PIXELS


def upscale_rgb(
    frames: Iterable[Frame],
    network: Callable[[Tensor], Tensor],
    scale: int,
    settings: StageSettings,
) -> Iterator[Frame]:
    """Enlarge each frame, its red, green and blue together; alpha by interpolation.

    YUV becomes RGB by the clip's matrix and range, chroma interpolated from where it lies to each
    pixel; what the network gives goes the same way back. RGB outside [0, 1] is not cut: YUV has
    such values. Gray goes in as three equal channels and comes out as their mean.

    Raises:
        ValueError: the clip's matrix is one that is not known.
        NumericalError: the network gave values that are not finite.
    """
    frames = iter(frames)
    for first in frames:
        size = settings.batch(3 * first.planes[0].numel(), FRAME_PIXELS)
        batch = [first, *islice(frames, size - 1)]
        with torch.inference_mode():
            rgb = torch.stack([_to_rgb(frame.planes, settings) for frame in batch])
            enlarged = checked(network(rgb), is_bounded=False)  # (B, 3, s*H, s*W)
            for frame, picture in zip(batch, enlarged, strict=True):
                planes = _from_rgb(picture, settings)
                if settings.pixel_format.has_alpha:
                    alpha = frame.planes[-1][None, None]
                    planes.append(enlarge(alpha, scale, kernel=settings.kernel)[0, 0])
                if settings.is_bounded:
                    planes = [plane.clamp(0, 1) for plane in planes]
                yield replace(frame, planes=tuple(planes))


def sees_rgb(chain: LoadedChain) -> bool:
    """True if one of the networks takes red, green and blue together."""
    return any(stage.spec.color == "rgb" for stage in chain.stages)


def _to_rgb(planes: tuple[Tensor, ...], settings: StageSettings) -> Tensor:
    """Float planes of a frame as red, green and blue: (3, H, W), 0 for none and 1 for all."""
    layout = settings.pixel_format
    if layout.family == "gbr":
        green, blue, red = planes[:3]
        return torch.stack((red, green, blue))
    luma = _unit(planes[0], *_luma(settings))
    if layout.family == "gray":
        return luma.expand(3, -1, -1)
    height, width = luma.shape
    chroma = [
        resample_chroma(
            _unit(plane, *_chroma(settings)),
            size=(height, width),
            factors=(2.0**layout.chroma_shift_y, 2.0**layout.chroma_shift_x),
            source=settings.siting,
            target=CENTERED,
        )
        for plane in planes[1:3]
    ]
    return torch.stack(yuv_to_rgb(luma, *chroma, matrix=settings.matrix))


def _from_rgb(picture: Tensor, settings: StageSettings) -> list[Tensor]:
    """Red, green and blue (3, H, W) as float planes of the clip's layout."""
    layout = settings.pixel_format
    red, green, blue = picture
    if layout.family == "gbr":
        return [green, blue, red]
    if layout.family == "gray":
        return [_coded(picture.mean(0), *_luma(settings))]
    luma, *chroma = rgb_to_yuv(red, green, blue, matrix=settings.matrix)
    height, width = luma.shape
    size = layout.plane_size(1, width=width, height=height)
    factors = 0.5**layout.chroma_shift_y, 0.5**layout.chroma_shift_x
    planes = [_coded(luma, *_luma(settings))]
    for plane in chroma:
        subsampled = resample_chroma(
            plane, size=size, factors=factors, source=CENTERED, target=settings.siting
        )
        planes.append(_coded(subsampled, *_chroma(settings)))
    return planes


def _luma(settings: StageSettings) -> tuple[float, float]:
    """The values of black and white in a float plane."""
    layout = settings.pixel_format
    low, high = luma_range(layout, settings.is_full)
    return low / layout.max_code, high / layout.max_code


def _chroma(settings: StageSettings) -> tuple[float, float]:
    """The value of no colour in a float plane, and one that is a whole unit above it."""
    layout = settings.pixel_format
    low, high = chroma_range(layout, settings.is_full)
    return low / layout.max_code, high / layout.max_code


def _unit(plane: Tensor, low: float, high: float) -> Tensor:
    return (plane - low) / (high - low)


def _coded(plane: Tensor, low: float, high: float) -> Tensor:
    return plane * (high - low) + low
