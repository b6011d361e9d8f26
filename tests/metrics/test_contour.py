"""Outlines: shapes whose area is known, and other ways to the same figures."""

from __future__ import annotations

import sys

import numpy as np
import pytest
import scipy.ndimage
import skimage.feature
import skimage.measure
import torch
from numpy.typing import NDArray

from vsr_cli.errors import MissingExtraError
from vsr_cli.metrics.contour import HIGH, LOW, SIGMA, compare_outlines, find_outline

METHODS = ("level", "canny", "canny-filled")
DARK, BRIGHT = 0.1, 0.7
# Pixels, of shapes up to 90 pixels across, blurred by 0.7 pixels. Blur draws every round edge
# inwards, by pi (0.7^2 + 1/12) = 1.8 pixels of area; level was off by -2.4 to -2.2, canny by
# 7 to 31.
AREA = {"level": 3.0, "canny": 40.0}
LENGTH = {"level": 0.1, "canny": 1.0}


def _ellipse(
    half_width: float, half_height: float, *, center: tuple[float, float] = (63.3, 58.8)
) -> NDArray[np.float64]:
    """An antialiased ellipse (H, W), blurred a little; 16 samples per pixel and axis."""
    fine = (np.arange(120 * 16) + 0.5) / 16 - 0.5
    x, y = (fine - center[0]) / half_width, (fine - center[1]) / half_height
    inside = (x[None, :] ** 2 + y[:, None] ** 2 < 1).reshape(120, 16, 120, 16).mean(axis=(1, 3))
    return DARK + (BRIGHT - DARK) * scipy.ndimage.gaussian_filter(inside, 0.7)


def _noisy(image: NDArray[np.float64], deviation: float, seed: int = 0) -> NDArray[np.float64]:
    return image + deviation * np.random.default_rng(seed).standard_normal(image.shape)


@pytest.mark.parametrize("method", sorted(AREA))
@pytest.mark.parametrize("radius", [20.0, 40.3])
def test_disc_has_its_area_and_diameter(method: str, radius: float) -> None:
    outline = find_outline(_ellipse(radius, radius), method=method)
    assert outline.area == pytest.approx(np.pi * radius**2, abs=AREA[method])
    assert outline.diameter == pytest.approx(2 * radius, abs=LENGTH[method])
    assert outline.diameter == pytest.approx(np.sqrt(4 * outline.area / np.pi))


@pytest.mark.parametrize("method", sorted(AREA))
def test_ellipse_has_its_area_and_longest_axis(method: str) -> None:
    outline = find_outline(_ellipse(45.2, 33.4), method=method)
    assert outline.area == pytest.approx(np.pi * 45.2 * 33.4, abs=AREA[method])
    assert outline.max_feret == pytest.approx(90.4, abs=LENGTH[method])


def test_filled_pixels_are_half_a_perimeter_more_than_canny() -> None:
    image = _ellipse(40.3, 40.3)
    filled, polygon = (find_outline(image, method=name).area for name in ("canny-filled", "canny"))
    # Pixels of a digital circle's outline: 8 r / sqrt(2).
    assert filled - polygon == pytest.approx(4 / np.sqrt(2) * 40.3 + 1, rel=0.05)


@pytest.mark.parametrize("half_height", [25.0, 40.3])
def test_canny_equals_regionprops_of_scipys_filling(half_height: float) -> None:
    image = _ellipse(40.3, half_height)
    stretched = (image - image.min()) / np.ptp(image)
    edges = skimage.feature.canny(stretched, SIGMA, LOW, HIGH, mode="nearest")
    closed = scipy.ndimage.binary_closing(edges, np.ones((3, 3)))
    filled_holes = scipy.ndimage.binary_fill_holes(closed)
    region = scipy.ndimage.binary_opening(filled_holes, np.ones((3, 3))).astype(int)
    (props,) = skimage.measure.regionprops(region)
    filled = find_outline(image, method="canny-filled")
    assert filled.area == props.area
    assert filled.diameter == pytest.approx(props.equivalent_diameter_area)
    assert filled.max_feret == pytest.approx(props.feret_diameter_max, abs=1)  # it takes corners
    # Pick's theorem: a polygon through whole coordinates.
    polygon = find_outline(image, method="canny")
    corners = {tuple(point) for point in np.round(polygon.points).astype(int)}
    assert polygon.area == pytest.approx(props.area - len(corners) / 2 - 1, abs=1e-4)


def test_areas_of_canny_are_halves_as_in_the_paper() -> None:
    for half_height in np.linspace(20, 40, 5):
        area = find_outline(_ellipse(40, half_height), method="canny").area
        assert 2 * area == pytest.approx(round(2 * area), abs=1e-3)
    # Table 3: the original's area and diameter.
    assert np.sqrt(4 * 12076.5 / np.pi) == pytest.approx(124.0011, abs=1e-4)


@pytest.mark.parametrize("method", METHODS)
def test_shift_by_whole_pixels_changes_nothing(method: str) -> None:
    image = _ellipse(38, 31)
    outline, shifted = (
        find_outline(picture, method=method) for picture in (image, np.roll(image, (5, -7), (0, 1)))
    )
    assert shifted.area == pytest.approx(outline.area, rel=1e-9)
    assert shifted.max_feret == pytest.approx(outline.max_feret, rel=1e-9)
    assert shifted.points.mean(axis=0) - outline.points.mean(axis=0) == pytest.approx([-7, 5])


@pytest.mark.parametrize("turn", [1, 2, 3])
@pytest.mark.parametrize("method", METHODS)
def test_quarter_turns_change_nothing(method: str, turn: int) -> None:
    image = _ellipse(38, 31)
    outline, turned = (
        find_outline(picture, method=method) for picture in (image, np.rot90(image, turn).copy())
    )
    assert turned.area == pytest.approx(outline.area, rel=1e-9)
    assert turned.max_feret == pytest.approx(outline.max_feret, rel=1e-9)


def test_level_follows_shifts_of_parts_of_a_pixel() -> None:
    areas = []
    for part in np.linspace(0, 1, 6):
        outline = find_outline(_ellipse(35, 35, center=(60 + part, 58 - part / 3)))
        areas.append(outline.area)
        box = (outline.points.min(axis=0) + outline.points.max(axis=0)) / 2
        assert box == pytest.approx([60 + part, 58 - part / 3], abs=0.05)
    assert np.ptp(areas) < 4e-4 * np.mean(areas)  # 2.1e-4 measured


@pytest.mark.parametrize("method", METHODS)
def test_brightness_and_contrast_do_not_matter(method: str) -> None:
    image = _ellipse(38, 31)
    outline, dim = (find_outline(values, method=method) for values in (image, 0.2 + image / 2))
    assert dim.area == pytest.approx(outline.area, rel=1e-6)


@pytest.mark.parametrize("method", METHODS)
def test_noise_changes_little(method: str) -> None:
    image = _ellipse(40.3, 36)
    area = find_outline(image, method=method).area
    areas = [find_outline(_noisy(image, 0.01, seed), method=method).area for seed in range(5)]
    # A hundredth of white of noise: level 1.6e-4, canny 6.5e-4 at most were measured.
    assert areas == pytest.approx([area] * 5, rel=2e-3)


def test_level_is_nearer_to_the_truth_than_canny_and_scatters_less() -> None:
    errors = {}
    for method in METHODS:
        outlines = [
            find_outline(_noisy(_ellipse(r, r - 3), 0.004), method=method).area
            - np.pi * r * (r - 3)
            for r in np.linspace(30, 40, 8)
        ]
        errors[method] = np.abs(outlines).mean(), np.std(outlines)
    assert errors["level"][0] < errors["canny"][0] / 5
    assert errors["canny"][0] < errors["canny-filled"][0] / 2
    assert errors["level"][1] < errors["canny"][1] / 3


@pytest.mark.parametrize("method", METHODS)
def test_smaller_objects_and_texture_are_left_out(method: str) -> None:
    image = _ellipse(38, 36)
    area = find_outline(image, method=method).area
    y, x = np.mgrid[:120, :120]
    busy = image.copy()
    for left, top, size, height in ((5, 8, 1.5, 0.5), (110, 100, 2.0, 0.6), (60, 55, 6.0, 0.25)):
        busy += height * np.exp(-((x - left) ** 2 + (y - top) ** 2) / (2 * size**2))
    assert find_outline(busy, method=method).area == pytest.approx(area, rel=4e-3)


@pytest.mark.parametrize("method", METHODS)
def test_same_picture_has_no_error(method: str) -> None:
    image = _noisy(_ellipse(30, 36), 0.01)
    scores = compare_outlines(image, image.copy(), method=method)
    assert (scores.area_error, scores.diameter_error, scores.max_feret_error) == (0, 0, 0)
    assert scores.area == find_outline(image, method=method).area


def test_errors_are_absolute_differences_of_tensors_too() -> None:
    hr, sr = _ellipse(36, 36), _ellipse(35.5, 35.5)
    errors = compare_outlines(torch.from_numpy(sr), torch.from_numpy(hr))
    turned = compare_outlines(hr, find_outline(sr))
    assert errors.area_error == turned.area_error
    assert errors.area + errors.area_error == pytest.approx(turned.area)
    assert errors.area_error == pytest.approx(np.pi * (36**2 - 35.5**2), rel=0.02)
    assert errors.diameter_error == pytest.approx(1, rel=0.02)
    assert errors.max_feret_error == pytest.approx(1, rel=0.03)


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize(
    ("image", "complaint"),
    [
        (np.full((40, 40), 0.3), "no outline: it is of one grey"),
        (np.ones((1, 30)), "no outline: it is of one grey"),
        (_noisy(np.full((64, 64), 0.5), 0.02), "outline"),
        (np.tile(np.linspace(0, 1, 40), (40, 1)), "outline"),
        (_ellipse(40, 40, center=(20.0, 60.0)), "outline"),
        (np.full((4, 4, 3), 0.5), r"must be \(H, W\)"),
        (np.full((4, 4), np.nan), "without missing values"),
        (np.full((4, 4), np.inf), "must be finite"),
        (np.zeros((4, 4), np.uint8), "must be float"),
    ],
)
def test_picture_without_a_whole_outline_is_refused(
    method: str, image: NDArray[np.float64], complaint: str
) -> None:
    with pytest.raises(ValueError, match=complaint):
        find_outline(image, method=method)


def test_pictures_of_two_sizes_are_refused() -> None:
    with pytest.raises(ValueError, match="must have the same size"):
        compare_outlines(_ellipse(30, 30)[:100], _ellipse(30, 30))


def test_unknown_method_is_refused() -> None:
    with pytest.raises(ValueError, match="method must be one of"):
        find_outline(_ellipse(30, 30), method="guess")


def test_missing_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "skimage", None)
    with pytest.raises(MissingExtraError, match=r"vsr-cli\[report\]"):
        find_outline(_ellipse(30, 30))
