"""Chains on frames: downscalers, where values are rounded, planes, and what draws depend on."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace
from fractions import Fraction

import numpy as np
import pytest
import torch
from scipy import ndimage
from torch import Tensor

from vsr_cli.frames import ClipInfo, ColorInfo, Frame, PixelFormat
from vsr_cli.imaging.degradation import degrade_bicubic, degrade_frames
from vsr_cli.imaging.resample import resize
from vsr_cli.specs import Jpeg, VideoCoding, parse_degradation

GRAY, DEEP = PixelFormat("gray", "gray", 8), PixelFormat("gray10le", "gray", 10)
YUV = PixelFormat("yuv420p", "yuv", 8, 1, 1)


def _plane(height: int, width: int, top: int = 255, seed: int = 0) -> Tensor:
    codes = torch.from_numpy(np.random.default_rng(seed).integers(0, top + 1, (height, width)))
    return codes.to(torch.uint8 if top == 255 else torch.uint16)


def _info(layout: PixelFormat, height: int = 24, width: int = 36) -> ClipInfo:
    return ClipInfo(width, height, layout, Fraction(1, 25))


def _no_coder(
    frames: Iterable[Frame], pixel_format: PixelFormat, step: Jpeg | VideoCoding
) -> Iterator[Frame]:
    raise AssertionError(f"nothing is to be coded here, got {step}")


def _degraded(
    chain: str, frames: Iterable[Frame], info: ClipInfo, scale: int = 2, **options: object
) -> list[Frame]:
    settings = {"recode": _no_coder, **options}
    return list(degrade_frames(frames, info, scale, parse_degradation(chain), **settings))  # type: ignore[arg-type]


def _one(chain: str, plane: Tensor, layout: PixelFormat = GRAY, scale: int = 2) -> Tensor:
    info = _info(layout, *plane.shape)
    return _degraded(chain, [Frame((plane,), pts=0)], info, scale)[0].planes[0]


@pytest.mark.parametrize("layout", [GRAY, DEEP])
@pytest.mark.parametrize("scale", [2, 3])
@pytest.mark.parametrize("each_axis", [False, True])
def test_plain_chain_is_degrade_bicubic(layout: PixelFormat, scale: int, each_axis: bool) -> None:
    plane, top = _plane(25, 37, layout.max_code), layout.max_code
    frames = _degraded(
        "bicubic", [Frame((plane,), pts=5)], _info(layout, 25, 37), scale, each_axis=each_axis
    )
    unit = plane.to(torch.float32) / top
    expected = degrade_bicubic(unit, scale, bits=layout.bits, each_axis=each_axis) * top
    assert frames[0].pts == 5
    assert frames[0].planes[0].dtype == plane.dtype
    assert torch.equal(frames[0].planes[0].int(), expected.round().int())


@pytest.mark.parametrize("scale", [2, 3, 4])
def test_area_is_the_mean_of_a_block(scale: int) -> None:
    plane = _plane(24, 36)
    blocks = plane.numpy().reshape(24 // scale, scale, 36 // scale, scale).astype(float)
    expected = np.floor(blocks.mean((1, 3)) + 0.5)
    assert np.array_equal(_one("area", plane, scale=scale).numpy(), expected)


def test_nearest_takes_samples() -> None:
    plane = _plane(24, 36)
    assert torch.equal(_one("nearest", plane, scale=3), plane[1::3, 1::3])
    assert torch.equal(_one("nearest", plane, scale=2), plane[1::2, 1::2])


@pytest.mark.parametrize(("kernel", "support"), [("bilinear", 1), ("lanczos", 3)])
def test_other_kernels_are_antialiased(kernel: str, support: int) -> None:
    """Against the weighted mean of one pixel's surroundings, written out."""
    plane, scale, place = _plane(48, 60), 3, (8, 9)
    offsets = np.arange(48)[:, None], np.arange(60)[None]
    weights = np.ones((48, 60))
    for axis in (0, 1):
        x = (offsets[axis] - (place[axis] * scale + 1)) / scale
        weigh = (1 - abs(x)) if kernel == "bilinear" else np.sinc(x) * np.sinc(x / 3)
        weights = weights * np.where(abs(x) < support, weigh, 0)
    expected = (weights * plane.numpy()).sum() / weights.sum()
    assert int(_one(kernel, plane, scale=scale)[place]) == np.floor(expected.clip(0, 255) + 0.5)


def test_blur_is_not_rounded_before_the_downscaler() -> None:
    plane = _plane(48, 60)
    blurred = ndimage.gaussian_filter(plane.numpy() * 1.0, 1.2, mode="nearest", radius=5)
    low = resize(torch.from_numpy(blurred), height=24, width=30)
    expected = low.add(0.5).floor().clamp(0, 255).to(torch.uint8)
    assert torch.equal(_one("blur:sigma=1.2", plane), expected)
    assert torch.equal(_one("blur:sigma=1.2+bicubic", plane), expected)


def test_order_of_the_steps_counts() -> None:
    plane = _plane(48, 60)
    found = [_one(c, plane) for c in ("blur:sigma=1+area", "area+blur:sigma=1", "area")]
    deviations = [float(low.double().std()) for low in found]
    assert deviations[1] < deviations[0] < deviations[2]  # a pixel of low resolution is larger


def test_noise_behind_the_downscaler_is_rounded_once() -> None:
    """sigma^2 + 1/12 of one rounding; with a second one before the noise it would be 2/12."""
    plane = torch.arange(256).repeat(400, 4).to(torch.uint8)  # means of two neighbours: x.5
    low = _one("area+noise:sigma=0.5,seed=3", plane).double()
    exact = plane.double().reshape(200, 2, 512, 2).mean((1, 3))
    inside = (exact > 5) & (exact < 250)
    variance = float((low - exact)[inside].var())
    assert variance == pytest.approx(0.25 + 1 / 12, rel=0.03)
    assert abs(float((low - exact)[inside].mean())) < 0.01


def test_fewer_levels_are_multiples_of_a_step() -> None:
    plane = _plane(24, 36)
    low, exact = _one("area+round:bits=3", plane).int(), _one("area", plane).int()
    mean = plane.double().reshape(12, 2, 18, 2).mean((1, 3))
    assert torch.equal(low.double(), ((mean / 32 + 0.5).floor() * 32).clamp(max=224))
    deep = _one("area+round:bits=8", _plane(24, 36, 1023), DEEP).int()
    assert set((deep % 4).unique().tolist()) == {0}
    assert deep.max() <= 1020
    assert torch.equal(_one("area+round:bits=12", plane).int(), exact)


def test_noise_of_ten_bits_is_as_strong_as_of_eight() -> None:
    flat = torch.full((400, 400), 128, dtype=torch.uint8)
    shallow = _one("noise:sigma=4", flat).double().std()
    deep = _one("noise:sigma=4", (flat.int() * 4).to(torch.uint16), DEEP).double().std()
    assert float(deep / shallow) == pytest.approx(4, rel=0.01)


def test_shot_noise_starts_at_black_of_the_range() -> None:
    black = Frame((torch.full((40, 40), 16, dtype=torch.uint8),), pts=0)
    info = replace(_info(YUV, 40, 40), color=ColorInfo(range="limited"))
    low = _degraded("noise:gain=1", [black], info)[0].planes[0]
    assert low.unique().tolist() == [16]
    full = replace(info, color=ColorInfo(range="full"))
    assert len(_degraded("noise:gain=1", [black], full)[0].planes[0].unique()) > 5


@pytest.mark.parametrize("size", [(24, 36), (25, 37), (27, 33), (26, 35)])
@pytest.mark.parametrize("scale", [2, 3])
def test_chroma_fits_the_smaller_luma(size: tuple[int, int], scale: int) -> None:
    planes = [_plane(*YUV.plane_size(n, width=size[1], height=size[0]), seed=n) for n in range(3)]
    low = _degraded("area", [Frame(tuple(planes), pts=0)], _info(YUV, *size), scale)[0]
    height, width = (side // scale for side in size)
    for number, plane in enumerate(low.planes):
        assert plane.shape == YUV.plane_size(number, width=width, height=height)


def test_noise_differs_between_planes_frames_and_clips() -> None:
    flat = Frame((torch.full((64, 64), 128, dtype=torch.uint8),) * 3, pts=0)
    info = _info(PixelFormat("gbrp", "gbr", 8), 64, 64)
    chain = "noise:sigma=6"
    clips = [_degraded(chain, [flat] * 3, info, name=name) for name in ("a", "b")]
    drawn = [p.double().flatten() - 128 for clip in clips for f in clip for p in f.planes]
    assert len(drawn) == 18
    table = np.corrcoef(torch.stack(drawn).numpy()) - np.eye(18)
    assert np.abs(table).max() < 5 / 32  # of 1024 pixels each
    again = _degraded(chain, [flat] * 3, info, name="a")
    for first, second in zip(clips[0], again, strict=True):
        assert all(map(torch.equal, first.planes, second.planes))


def test_frames_may_be_read_in_any_order_and_number() -> None:
    frames = [Frame((_plane(24, 36, seed=n),), pts=n) for n in range(6)]
    chain, info = "blur:sigma=1+area+noise:sigma=6,gain=0.5", _info(GRAY)
    whole = _degraded(chain, frames, info, name="a")
    for first in (4, 2, 0):
        part = _degraded(chain, frames[first : first + 2], info, name="a", first_number=first)
        for found, expected in zip(part, whole[first:], strict=False):
            assert torch.equal(found.planes[0], expected.planes[0])


def test_luma_has_the_same_noise_without_the_other_planes() -> None:
    planes = tuple(_plane(*YUV.plane_size(n, width=36, height=24), seed=n) for n in range(3))
    whole = _degraded("noise:sigma=6", [Frame(planes, pts=0)], _info(YUV))
    alone = _degraded("noise:sigma=6", [Frame(planes[:1], pts=0)], _info(YUV))
    assert torch.equal(whole[0].planes[0], alone[0].planes[0])


def test_coder_is_given_whole_codes_in_its_place_of_the_chain() -> None:
    seen: list[tuple[str, torch.dtype, tuple[int, ...]]] = []

    def recode(
        frames: Iterable[Frame], pixel_format: PixelFormat, step: Jpeg | VideoCoding
    ) -> Iterator[Frame]:
        for frame in frames:
            seen.append((str(step), frame.planes[0].dtype, tuple(frame.planes[0].shape)))
            yield frame

    chain = "blur:sigma=1+jpeg:quality=90+area+noise:sigma=1+h264:crf=20+jpeg:quality=50"
    _degraded(chain, [Frame((_plane(24, 36),), pts=0)], _info(GRAY), recode=recode)
    assert seen == [
        ("jpeg:quality=90", torch.uint8, (24, 36)),
        ("h264:crf=20", torch.uint8, (12, 18)),
        ("jpeg:quality=50", torch.uint8, (12, 18)),
    ]


def test_frame_smaller_than_the_scale_is_refused() -> None:
    with pytest.raises(ValueError, match="image must be at least 4x4 pixels, got 9x3"):
        _one("area", _plane(3, 9), scale=4)
