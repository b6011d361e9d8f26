"""What a network learns from: videos, cut into their shots, stills, fields, and simulations."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from fractions import Fraction
from itertools import groupby
from pathlib import Path
from typing import Literal

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from vsr_cli.errors import InputError
from vsr_cli.fields import FIELD_SUFFIXES, read_fields
from vsr_cli.frames import ClipInfo, ColorInfo, Frame, PixelFormat
from vsr_cli.imaging.color import rgb_to_luma
from vsr_cli.imaging.degradation import crop_to_multiple, degrade_bicubic
from vsr_cli.imaging.resample import resize
from vsr_cli.media import open_reader, read_still
from vsr_cli.media.pictures.sequence import STILL_EXTENSIONS
from vsr_cli.pipeline.degrade import degrade_clip
from vsr_cli.pipeline.shots import mark_shots
from vsr_cli.pipeline.simulate.grey_video import encode_values
from vsr_cli.simulation.droplet import simulate_droplets
from vsr_cli.simulation.shallow_water import simulate_shallow_water
from vsr_cli.specs import (
    BICUBIC,
    MAX_PIXELS,
    SCENE_THRESHOLD,
    DecodingSpec,
    DegradationSpec,
    DropletSpec,
    SimulatedRun,
)
from vsr_cli.training.motion import moving_clip
from vsr_cli.training.pairs import GRAY, ClipPair, degraded_luma, fine_codes, make_pair

Color = Literal["luma", "rgb"]
RGB = PixelFormat("gbrp", "gbr", 8)


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceSettings:
    """How files become pairs."""

    scale: int
    color: Color = "luma"
    window: int = 1  # frames; a still becomes a moving clip where it is more than one
    sizes: tuple[float, ...] = (1.0,)  # of the copies of a still, as parts of its own
    patch: int = 0  # pixels of a side of the network's input; what is smaller is left out
    enlarged: int = 1  # what the network gets is this much larger than the degraded frame
    seed: int = 0  # of the motion
    variable: str | None = None  # of files with fields; None: the only one
    simulated: tuple[SimulatedRun, ...] = ()  # made here, beside the files
    degradation: DegradationSpec = BICUBIC  # from the truth to the network's input
    max_pixels: int = MAX_PIXELS  # of a frame, as a file states its size


def load_pairs(paths: Sequence[Path], settings: SourceSettings) -> list[ClipPair]:
    """All clips and stills in memory; of a video one pair for each shot.

    Raises:
        InputError: a file cannot be read or used.
        ValueError: all are smaller than a patch.
    """
    generator = torch.Generator().manual_seed(settings.seed)
    pairs: list[ClipPair] = []
    for path in paths:
        if path.suffix.lower() in STILL_EXTENSIONS:
            pairs += _still_pairs(path, settings, generator)
        elif path.suffix.lower() in FIELD_SUFFIXES:
            pairs += [
                field_pair(values, settings, name=f"{path.name} {number}")
                for number, values in enumerate(_whole_fields(path, settings))
            ]
        else:
            pairs += _video_pairs(path, settings)
    for run in settings.simulated:
        pairs.append(_simulated_pair(run, settings))
    sides = [settings.enlarged * min(pair.lr.shape[-2:]) for pair in pairs]
    usable = [pair for pair, side in zip(pairs, sides, strict=True) if side >= settings.patch]
    if not usable and pairs:
        raise ValueError(f"patch must be at most {max(sides)} for these data, got {settings.patch}")
    return usable


def _video_pairs(path: Path, settings: SourceSettings) -> list[ClipPair]:
    _refuse_rgb(path, settings)
    with open_reader(path, DecodingSpec(max_pixels=settings.max_pixels)) as reader:
        marked = mark_shots(reader, reader.info.pixel_format, SCENE_THRESHOLD)
        frames = degraded_luma(
            marked, reader.info, settings.scale, settings.degradation, name=path.name
        )
        shots = [list(shot) for _, shot in groupby(frames, key=lambda pair: pair[0].shot)]
    return [_stacked(shot, settings.scale) for shot in shots]


def _stacked(shot: list[tuple[Frame, Frame]], scale: int) -> ClipPair:
    hr, lr = (torch.stack([pair[n].planes[0] for pair in shot])[:, None] for n in (0, 1))
    return ClipPair(crop_to_multiple(hr, scale).contiguous(), lr)


def field_pair(
    values: NDArray[np.float32], settings: SourceSettings, *, name: str = ""
) -> ClipPair:
    """A series (T, H, W) between its own extremes, in 16 bits, truth and input."""
    low, high = float(values.min()), float(values.max())
    if not low < high:
        raise InputError(f"a field has the value {low:g} everywhere: there is nothing to learn")
    hr = torch.from_numpy((values - low) / (high - low))[:, None]
    hr = crop_to_multiple(hr, settings.scale).contiguous()
    if settings.degradation != BICUBIC:
        return make_pair(fine_codes(hr), settings.scale, settings.degradation, name=name)
    return ClipPair(fine_codes(hr), fine_codes(degrade_bicubic(hr, settings.scale, bits=None)))


def _whole_fields(path: Path, settings: SourceSettings) -> list[NDArray[np.float32]]:
    _refuse_rgb(path, settings)
    fields = read_fields(path, settings.variable)
    if not all(np.isfinite(values).all() for values in fields):
        raise InputError(f"{path} has missing values: training takes fields that are whole")
    return fields


def _simulated_pair(run: SimulatedRun, settings: SourceSettings) -> ClipPair:
    """A simulated run in 8 bits, as the videos of ``vsr simulate``."""
    frames: Iterable[NDArray[np.float32]]
    if isinstance(run.spec, DropletSpec):
        frames = (drop.values for drop in simulate_droplets(run.spec))
    else:
        frames = simulate_shallow_water(run.spec)
    codes = np.stack([encode_values(values, run.spec.value_range) for values in frames])
    hr = torch.from_numpy(codes)[:, None]
    return make_pair(hr, settings.scale, settings.degradation, name=run.name)


def _refuse_rgb(path: Path, settings: SourceSettings) -> None:
    if settings.color == "rgb":
        raise InputError(f"{path} is no still: networks that see RGB are trained on stills here")


def _still_pairs(
    path: Path, settings: SourceSettings, generator: torch.Generator
) -> list[ClipPair]:
    """A still at each of the sizes, rounded to 8 bits there, as the stills of a camera are."""
    frame, info = read_still(path, max_pixels=settings.max_pixels)
    top = info.pixel_format.max_code
    planes = torch.stack([plane.float() / top for plane in frame.planes])[None]
    if info.pixel_format.family == "gbr":
        planes = planes[:, [2, 0, 1]]  # red, green, blue
    elif settings.color == "rgb":
        planes = planes.expand(-1, 3, -1, -1)
    pairs = []
    for size in settings.sizes:
        hr = _rounded(_resized(planes, size))
        if min(hr.shape[-2:]) < max(settings.scale, 8):
            continue
        if settings.window > 1:
            moving = _codes(moving_clip(_one_plane(hr), generator))
            pairs.append(make_pair(moving, settings.scale, settings.degradation, name=path.name))
        else:
            pairs.append(_still_pair(hr, settings, path.name))
    return pairs


def _still_pair(hr: Tensor, settings: SourceSettings, name: str) -> ClipPair:
    """(1, 1 or 3, H, W) in [0, 1]; colours are degraded before luma is taken, as in eval."""
    hr = crop_to_multiple(hr, settings.scale)
    lr = _degraded_still(hr, settings, name)
    if settings.color == "rgb" or hr.shape[1] == 1:
        return ClipPair(_codes(hr), _codes(lr))
    return ClipPair(fine_codes(_one_plane(hr)), fine_codes(_one_plane(lr)))


def _degraded_still(hr: Tensor, settings: SourceSettings, name: str) -> Tensor:
    """(1, 1 or 3, H, W) in [0, 1] as a still of 8 bits, gray or RGB, is degraded in eval."""
    order = [1, 2, 0] if hr.shape[1] > 1 else [0]  # the planes are G, B and R
    planes = tuple(_codes(hr[0, index]) for index in order)
    layout = RGB if hr.shape[1] > 1 else GRAY
    info = ClipInfo(hr.shape[-1], hr.shape[-2], layout, Fraction(1), ColorInfo("full"))
    (low,) = degrade_clip(
        [Frame(planes, pts=0)],
        info,
        settings.scale,
        settings.degradation,
        name=name,
        each_axis=True,
    )
    codes = torch.stack([low.planes[order.index(number)] for number in range(len(order))])[None]
    return (codes.double() / 255).float()


def _resized(planes: Tensor, size: float) -> Tensor:
    if size == 1:
        return planes
    height, width = (round(side * size) for side in planes.shape[-2:])
    return resize(planes, height=max(1, height), width=max(1, width)).clamp(0, 1)


def _one_plane(planes: Tensor) -> Tensor:
    """Gray as it is, of colours the luma that the networks see in a still."""
    if planes.shape[1] == 1:
        return planes
    return rgb_to_luma(*planes.split(1, dim=1)).float()


def _rounded(planes: Tensor) -> Tensor:
    return (planes * 255).round() / 255


def _codes(values: Tensor) -> Tensor:
    return (values * 255).round().to(torch.uint8)
