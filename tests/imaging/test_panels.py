"""Planes cut, magnified, compared and drawn on."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import Tensor

from vsr_cli.frames import PixelFormat
from vsr_cli.imaging.panels import (
    Overlay,
    black_planes,
    cut_columns,
    difference,
    draw,
    magnify,
    pad_to_step,
    paste,
)
from vsr_cli.imaging.siting import CENTERED, Siting, chroma_siting

GRAY = PixelFormat("gray", "gray", 8)
YUV420 = PixelFormat("yuv420p", "yuv", 8, 1, 1)
YUV444 = PixelFormat("yuv444p", "yuv", 8)
DEEP = PixelFormat("yuv420p10le", "yuv", 10, 1, 1)
GBR = PixelFormat("gbrp", "gbr", 8)
LEFT = chroma_siting(YUV420, "left")
# Red, green and blue of BT.709 in limited range, by the formulas of the recommendation.
KR, KB = 0.2126, 0.0722


def _noise(form: PixelFormat, *, width: int, height: int, seed: int = 0) -> tuple[Tensor, ...]:
    draw_codes = np.random.default_rng(seed)
    planes = []
    for number in range(form.num_planes):
        size = form.plane_size(number, width=width, height=height)
        codes = draw_codes.integers(0, form.max_code + 1, size)
        planes.append(torch.from_numpy(codes.astype(np.uint8 if form.bits == 8 else np.uint16)))
    return tuple(planes)


@pytest.mark.parametrize("form", [YUV420, DEEP, YUV444, GBR, GRAY], ids=lambda form: form.name)
def test_pictures_stand_beside_each_other(form: PixelFormat) -> None:
    first, second = (_noise(form, width=16, height=8, seed=seed) for seed in (1, 2))
    canvas = black_planes(form, width=36, height=8, is_full=False)
    paste(canvas, first, form, x=0, y=0)
    paste(canvas, second, form, x=20, y=0)
    for number, plane in enumerate(canvas):
        pair = [first[number].numpy(), second[number].numpy()]
        gap = 4 * pair[0].shape[1] // 16
        black = 0 if form is GBR else 16 if number == 0 else 1 << (form.bits - 1)
        black = black << (form.bits - 8) if number == 0 else black
        between = np.full((pair[0].shape[0], gap), black, pair[0].dtype)
        assert np.array_equal(plane.numpy(), np.hstack([pair[0], between, pair[1]]))


def test_columns_are_cut_on_the_grid_of_chroma() -> None:
    planes = _noise(YUV420, width=16, height=8)
    luma, *chroma = cut_columns(planes, YUV420, 4, 10)
    assert torch.equal(luma, planes[0][:, 4:10])
    assert torch.equal(chroma[0], planes[1][:, 2:5])


def test_odd_picture_gets_its_last_row_and_column_twice() -> None:
    planes = _noise(DEEP, width=5, height=3)
    luma, *chroma = pad_to_step(planes, DEEP)
    assert np.array_equal(luma.numpy(), np.pad(planes[0].numpy(), ((0, 1), (0, 1)), mode="edge"))
    assert chroma[0].shape == (2, 3)


@pytest.mark.parametrize("form", [YUV444, GBR, GRAY], ids=lambda form: form.name)
def test_pixels_become_squares(form: PixelFormat) -> None:
    planes = _noise(form, width=9, height=7)
    large = magnify(planes, form, CENTERED, box=(3, 1, 4, 5), zoom=3)
    for plane, whole in zip(large, planes, strict=True):
        expected = np.kron(whole.numpy()[1:6, 3:7], np.ones((3, 3), np.uint8))
        assert np.array_equal(plane.numpy(), expected)


def test_part_on_the_grid_keeps_its_samples() -> None:
    planes = _noise(DEEP, width=16, height=12)
    part = magnify(planes, DEEP, LEFT, box=(4, 2, 6, 8), zoom=1)
    assert torch.equal(part[0], planes[0][2:10, 4:10])
    assert torch.equal(part[2], planes[2][1:5, 2:5])


@pytest.mark.parametrize("zoom", [1, 2, 3])
@pytest.mark.parametrize("siting", [LEFT, CENTERED], ids=["left", "centre"])
def test_chroma_off_the_grid_is_where_it_belongs(zoom: int, siting: Siting) -> None:
    # A ramp, which bicubic interpolation continues exactly: 4 codes for each column of luma.
    columns = torch.arange(24, dtype=torch.float32)
    place = 2 * (columns + siting.across) - 0.5  # of chroma's samples, in pixels of luma
    ramp = (20 + 4 * place).round().to(torch.uint8).expand(12, 24).contiguous()
    planes = (torch.zeros(24, 48, dtype=torch.uint8), ramp, ramp)
    x, width = 13, 10
    _, chroma, _ = magnify(planes, YUV420, siting, box=(x, 7, width, 6), zoom=zoom)
    pixels = np.repeat(20 + 4 * np.arange(x, x + width), zoom)
    expected = pixels.reshape(-1, 2).mean(1) if pixels.size % 2 == 0 else None
    assert expected is not None
    assert chroma.shape == (3 * zoom, 5 * zoom)
    assert np.abs(chroma.numpy() - expected).max() <= 1  # codes: the ramp was rounded, as is this


def _to_rgb(planes: tuple[Tensor, ...]) -> np.ndarray:
    y, u, v = (plane.numpy().astype(np.float64) for plane in planes)
    y, u, v = (y - 16) / 219, (u - 128) / 224, (v - 128) / 224
    red, blue = y + 2 * (1 - KR) * v, y + 2 * (1 - KB) * u
    return np.stack([red, (y - KR * red - KB * blue) / (1 - KR - KB), blue])


def test_difference_is_that_of_the_colours() -> None:
    shape = (4, 6)
    pair = [
        tuple(torch.full(shape, code, dtype=torch.uint8) for code in codes)
        for codes in ((120, 120, 140), (110, 128, 128))
    ]
    shown = difference(pair[0], pair[1], YUV444, is_full=False, matrix=1, gain=3.0)
    expected = np.abs(_to_rgb(pair[0]) - _to_rgb(pair[1])) * 3
    assert np.abs(_to_rgb(shown) - expected).max() < 0.01  # two rounded codes of 8 bits
    assert expected.max() < 1


@pytest.mark.parametrize("form", [YUV420, DEEP, GBR, GRAY], ids=lambda form: form.name)
def test_no_difference_is_black(form: PixelFormat) -> None:
    planes = _noise(form, width=7, height=5)
    shown = difference(planes, planes, form, is_full=False, matrix=1, gain=10.0)
    black = black_planes(form, width=7, height=5, is_full=False)
    assert all(torch.equal(a, b) for a, b in zip(shown, black, strict=True))


def test_difference_of_gray_and_rgb_is_amplified() -> None:
    for form in (GRAY, GBR):
        first = tuple(torch.full((2, 2), 40, dtype=torch.uint8) for _ in range(form.num_planes))
        second = tuple(torch.full((2, 2), 50, dtype=torch.uint8) for _ in range(form.num_planes))
        for gain, code in ((2.0, 20), (100.0, 255)):
            shown = difference(first, second, form, is_full=True, matrix=1, gain=gain)
            assert {int(value) for plane in shown for value in plane.flatten()} == {code}


def test_overlay_mixes_by_its_opacity() -> None:
    canvas = tuple(torch.full_like(plane, 100) for plane in _noise(YUV420, width=8, height=8))
    opacity = torch.zeros(4, 4)
    opacity[:2] = 0.5
    draw(canvas, Overlay(2, 4, opacity, torch.ones(4, 4)), YUV420, is_full=False)
    luma = np.full((8, 8), 100)
    luma[4:6, 2:6] = round((100 + 235) / 2 + 0.01)
    assert np.array_equal(canvas[0].numpy(), luma)
    chroma = np.full((4, 4), 100)
    chroma[2:3, 1:3] = 114  # half-way to no colour
    assert np.array_equal(canvas[1].numpy(), chroma)


def test_overlay_beyond_the_edge_is_cut() -> None:
    canvas = black_planes(DEEP, width=8, height=8, is_full=False)
    white = torch.ones(6, 6)
    draw(canvas, Overlay(4, 6, white, white), DEEP, is_full=False)
    assert canvas[0][6:, 4:].eq(940).all()
    assert canvas[0][:6].eq(64).all()
