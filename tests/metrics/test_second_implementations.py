"""Each metric beside another implementation: scikit-image, SciPy, NumPy, or a sum written out."""

from __future__ import annotations

import math

import numpy as np
import pytest
import scipy.ndimage
import scipy.signal
import scipy.stats
import skimage.metrics
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from vsr_cli.metrics import (
    AnomalyCorrelation,
    DifferencePsnr,
    Flicker,
    FlowError,
    LatLonGrid,
    SpectrumAccumulator,
    VorticityError,
    bias,
    gradient_error,
    mae,
    mean_error,
    mse,
    multiscale_similarity,
    psnr,
    quantile_error,
    relative_vorticity,
    rmse,
    structural_similarity,
)
from vsr_cli.metrics.vorticity import EARTH_RADIUS_M

# float64 on both sides, sums in another order.
EXACT = 1e-12
SIMILARITY = 1e-8  # of SSIM; its variances are differences of nearly equal numbers
MS_WEIGHTS = (0.0448, 0.2856, 0.3001, 0.2363, 0.1333)

Pair = tuple[NDArray, NDArray]


def _pair(seed: int, height: int, width: int, noise: float = 0.05) -> Pair:
    draw = np.random.default_rng(seed)
    y, x = np.mgrid[:height, :width] / 7.0
    hr = 0.5 + 0.3 * np.sin(x + draw.uniform(0, 6)) * np.cos(y * draw.uniform(0.5, 2))
    return np.clip(hr + noise * draw.standard_normal(hr.shape), 0, 1), hr


pairs = st.builds(
    lambda seed, height, width, noise: _pair(seed, height, width, noise),
    st.integers(0, 2**16),
    st.integers(12, 40),
    st.integers(12, 40),
    st.floats(0.001, 0.5),
)


def _area(height: int) -> NDArray:
    """The area of each row of a globe's map, as cos(latitude), (H, 1)."""
    latitude = np.linspace(90, -90, 2 * height + 1)[1::2]
    return np.cos(np.deg2rad(latitude))[:, None]


@settings(max_examples=25, deadline=None)
@given(pairs)
def test_pixelwise_errors_equal_scikit_image_and_numpy(pair: Pair) -> None:
    sr, hr = pair
    assert mse(sr, hr) == pytest.approx(skimage.metrics.mean_squared_error(hr, sr), rel=EXACT)
    assert rmse(sr, hr) == pytest.approx(np.linalg.norm(sr - hr) / math.sqrt(sr.size), rel=EXACT)
    assert mae(sr, hr) == pytest.approx(np.abs(sr - hr).mean(), rel=EXACT)
    expected = skimage.metrics.peak_signal_noise_ratio(hr, sr, data_range=219 / 255)
    assert psnr(sr, hr, data_range=219 / 255) == pytest.approx(expected, rel=EXACT)


@settings(max_examples=25, deadline=None)
@given(pairs)
def test_means_on_the_sphere_equal_numpy_average(pair: Pair) -> None:
    sr, hr = pair
    weights = np.broadcast_to(_area(len(hr)), hr.shape)
    error = sr - hr
    expected = np.average(error**2, weights=weights)
    assert mse(sr, hr, grid="sphere") == pytest.approx(expected, rel=EXACT)
    assert mae(sr, hr, grid="sphere") == pytest.approx(
        np.average(np.abs(error), weights=weights), rel=EXACT
    )
    assert bias(sr, hr, grid="sphere") == pytest.approx(
        np.average(error, weights=weights), rel=1e-9, abs=EXACT
    )
    assert mean_error(sr, hr, grid="sphere") == pytest.approx(
        abs(np.average(error, weights=weights)) / np.average(hr, weights=weights), abs=EXACT
    )


def test_bias_has_the_sign_of_the_result() -> None:
    hr = _pair(0, 20, 30)[1]
    assert bias(hr + 0.02, hr) == pytest.approx(0.02)
    assert bias(hr - 0.02, hr) == pytest.approx(-0.02)
    assert mean_error(hr * 0.9, hr) == pytest.approx(0.1)
    assert mean_error(np.zeros((4, 4)), np.zeros((4, 4))) == 0
    assert mean_error(np.ones((4, 4)), np.zeros((4, 4))) == math.inf


@settings(max_examples=15, deadline=None)
@given(pairs, st.sampled_from([0.5, 219 / 255]))
def test_ssim_of_another_peak_equals_scikit_image(pair: Pair, peak: float) -> None:
    expected = skimage.metrics.structural_similarity(
        *pair, gaussian_weights=True, sigma=1.5, use_sample_covariance=False, data_range=peak
    )
    found = structural_similarity(*pair, data_range=peak)
    assert found == pytest.approx(expected, abs=SIMILARITY)


def _parts(x: NDArray, y: NDArray) -> tuple[float, float]:
    """Mean SSIM, and its mean contrast and structure, by SciPy's 2D convolution."""
    line = scipy.signal.windows.gaussian(11, 1.5)
    window = np.outer(line, line) / line.sum() ** 2

    def mean(image: NDArray) -> NDArray:
        return scipy.signal.convolve2d(image, window, mode="valid")

    mx, my = mean(x), mean(y)
    vx, vy, vxy = mean(x * x) - mx**2, mean(y * y) - my**2, mean(x * y) - mx * my
    structure = (2 * vxy + 9e-4) / (vx + vy + 9e-4)
    luminance = (2 * mx * my + 1e-4) / (mx**2 + my**2 + 1e-4)
    return float((luminance * structure).mean()), float(structure.mean())


@pytest.mark.parametrize("size", [(176, 176), (177, 190), (161, 203)])
def test_ms_ssim_equals_the_authors_form_by_scipy(size: tuple[int, int]) -> None:
    """imfilter(ones(2) / 4, 'symmetric') and every second pixel: its origin is the upper left."""
    sr, hr = x, y = _pair(7, *size, 0.08)
    expected = 1.0
    for scale, weight in enumerate(MS_WEIGHTS):
        whole, structure = _parts(x, y)
        expected *= (whole if scale == 4 else structure) ** weight
        x, y = (
            scipy.ndimage.uniform_filter(image, 2, mode="reflect", origin=-1)[::2, ::2]
            for image in (x, y)
        )
    assert multiscale_similarity(sr, hr) == pytest.approx(expected, abs=SIMILARITY)


def test_ms_ssim_is_symmetric_and_refuses_what_is_small() -> None:
    sr, hr = _pair(8, 170, 180)
    assert multiscale_similarity(sr, hr) == pytest.approx(multiscale_similarity(hr, sr), abs=EXACT)
    assert multiscale_similarity(1 - hr, hr) == 0
    with pytest.raises(ValueError, match=r"at least 161x161 .* got 170x160 with border = 5"):
        multiscale_similarity(hr, hr, border=5)


@settings(max_examples=25, deadline=None)
@given(pairs)
def test_gradient_error_equals_numpy_gradient(pair: Pair) -> None:
    error, truth = (
        np.hypot(*np.gradient(image))[1:-1, 1:-1] for image in (pair[0] - pair[1], pair[1])
    )
    expected = np.linalg.norm(error) / np.linalg.norm(truth)
    assert gradient_error(*pair) == pytest.approx(expected, rel=1e-9)


@settings(max_examples=15, deadline=None)
@given(pairs)
def test_gradient_error_on_the_sphere_equals_numpy_gradient(pair: Pair) -> None:
    height, width = pair[1].shape
    latitude = np.deg2rad(np.linspace(90, -90, 2 * height + 1)[1::2])
    squares = []
    for image in (pair[0] - pair[1], pair[1]):
        along_y, along_x = np.gradient(image, latitude, 2 * np.pi / width)
        square = along_y**2 + (along_x / np.cos(latitude)[:, None]) ** 2
        squares.append((square * np.cos(latitude)[:, None])[1:-1, 1:-1].sum())
    expected = math.sqrt(squares[0] / squares[1])
    assert gradient_error(*pair, grid="sphere") == pytest.approx(expected, rel=1e-9)


def test_gradient_error_of_known_results() -> None:
    hr = _pair(1, 20, 30)[1]
    assert gradient_error(np.full_like(hr, 0.3), hr) == pytest.approx(1)
    assert gradient_error(hr * 0.5 + 0.1, hr) == pytest.approx(0.5)
    flat = np.full((5, 5), 0.5)
    assert gradient_error(flat, flat) == 0
    assert gradient_error(hr[:5, :5], flat) == math.inf
    with pytest.raises(ValueError, match="at least 3x3 pixels, got 2x5"):
        gradient_error(flat[:, :2], flat[:, :2])


@settings(max_examples=25, deadline=None)
@given(pairs, st.sampled_from([0.0, 0.001, 0.3, 0.999, 1.0]))
def test_quantiles_equal_scipy(pair: Pair, level: float) -> None:
    found, truth = (
        float(scipy.stats.mstats.mquantiles(image, level, alphap=1, betap=1)[0]) for image in pair
    )
    assert quantile_error(*pair, level) == pytest.approx(found - truth, abs=EXACT)


def test_level_of_a_quantile_is_a_share() -> None:
    with pytest.raises(ValueError, match=r"a quantile must be in 0\.\.1, got 50"):
        quantile_error(*_pair(0, 20, 30), 50)


def _clip(seed: int, frames: int = 6, size: tuple[int, int] = (14, 18)) -> Pair:
    """Results and truth of a clip that drifts: (T, H, W) twice."""
    draw = np.random.default_rng(seed)
    hr = 0.5 + 0.05 * draw.standard_normal((frames, *size)).cumsum(0)
    return hr * 0.9 + 0.03 + 0.02 * draw.standard_normal(hr.shape), hr


@pytest.mark.parametrize("grid", ["plane", "sphere"])
def test_anomaly_correlation_equals_a_weighted_correlation(grid: str) -> None:
    sr, hr = _clip(1)
    metric = AnomalyCorrelation(grid=grid)  # type: ignore[arg-type]
    for pair in zip(sr, hr, strict=True):
        metric.add(*pair)
    x, y = sr - hr.mean(0), hr - hr.mean(0)
    weights = _area(14) if grid == "sphere" else np.ones((14, 1))
    expected = (weights * x * y).sum() / math.sqrt((weights * x**2).sum() * (weights * y**2).sum())
    assert metric.result() == pytest.approx(expected, rel=1e-10)


def test_anomaly_correlation_of_known_results() -> None:
    _, hr = _clip(2)
    inverse, still = AnomalyCorrelation(), AnomalyCorrelation()
    for frame in hr:
        inverse.add(2 * hr.mean(0) - frame, frame)
        still.add(hr[0], hr[0])
    assert inverse.result() == pytest.approx(-1)
    assert still.result() is None


def test_flicker_equals_numpy_variance_over_time() -> None:
    sr, hr = _clip(3)
    plane, sphere = Flicker(), Flicker(grid="sphere")
    for pair in zip(sr, hr, strict=True):
        plane.add(*pair)
        sphere.add(*pair)
    variance = np.var(sr - hr, axis=0)
    assert plane.result() == pytest.approx(variance.mean(), rel=1e-10)
    expected = np.average(variance, weights=np.broadcast_to(_area(14), variance.shape))
    assert sphere.result() == pytest.approx(expected, rel=1e-10)


def test_constant_error_does_not_flicker_but_alternating_does() -> None:
    _, hr = _clip(4)
    constant, alternating = Flicker(), Flicker()
    for number, frame in enumerate(hr):
        constant.add(frame + 0.1, frame)
        alternating.add(frame + 0.1 * (-1) ** number, frame)
    assert constant.result() == pytest.approx(0, abs=EXACT)
    assert alternating.result() == pytest.approx(0.01)


def test_psnr_of_changes_equals_scikit_image() -> None:
    sr, hr = _clip(5)
    metric = DifferencePsnr()
    found = [metric.add(*pair) for pair in zip(sr, hr, strict=True)]
    expected = [
        skimage.metrics.peak_signal_noise_ratio(true, change, data_range=1)
        for change, true in zip(np.diff(sr, axis=0), np.diff(hr, axis=0), strict=True)
    ]
    assert found[0] is None
    assert found[1:] == pytest.approx(expected, rel=EXACT)
    assert metric.result() == pytest.approx(np.mean(expected), rel=EXACT)


def test_flow_error_of_a_still_result_is_the_motion() -> None:
    """Texture that moves by one pixel to the right, and a result that stands still."""
    draw = np.random.default_rng(6)
    texture = scipy.ndimage.gaussian_filter(draw.standard_normal((80, 96)), 2, mode="wrap")
    texture = 0.5 + texture / 4 / np.abs(texture).max()
    metric = FlowError(border=12)
    assert metric.add(texture, texture) is None
    moved = np.roll(texture, 1, axis=1)
    # The estimate of a known motion is right to a few hundredths of a pixel.
    assert metric.add(texture, moved) == pytest.approx(1, abs=0.1)
    assert metric.add(texture, moved) == pytest.approx(0, abs=1e-6)


def _rings(image: NDArray) -> list[float]:
    """Windowed power in rings, one mode after the other."""
    height, width = image.shape
    side = min(height, width)
    window = np.outer(*(scipy.signal.windows.hann(n, sym=False) for n in (height, width)))
    centred = (image - (image * window).sum() / window.sum()) * window
    power = np.abs(np.fft.fft2(centred)) ** 2 / (image.size * (window**2).sum())
    rings: list[list[float]] = [[] for _ in range(side // 2 + 1)]
    for row in range(height):
        for column in range(width):
            y, x = np.fft.fftfreq(height)[row], np.fft.fftfreq(width)[column]
            ring = round(float(np.hypot(y, x)) * side)
            if ring <= side // 2:
                rings[ring].append(power[row, column])
    return [float(np.mean(ring)) for ring in rings[1:]]


@pytest.mark.parametrize("size", [(16, 16), (17, 24), (22, 15)])
def test_radial_spectrum_equals_numpy_mode_by_mode(size: tuple[int, int]) -> None:
    sr, hr = _pair(9, *size)
    accumulator = SpectrumAccumulator()
    accumulator.add(sr, hr)
    spectra = accumulator.spectra()
    for found, image in ((spectra.sr, sr), (spectra.hr, hr), (spectra.error, sr - hr)):
        assert found == pytest.approx(_rings(image), rel=1e-9, abs=1e-18)
    assert spectra.wavenumber[0] == 1 / min(size)


@pytest.mark.parametrize("width", [24, 25])
def test_zonal_spectrum_adds_up_to_the_variance_along_longitude(width: int) -> None:
    """Parseval, by NumPy's variance of each row; no transform is involved."""
    sr, hr = _pair(10, 16, width)
    accumulator = SpectrumAccumulator(grid="sphere")
    accumulator.add(sr, hr)
    expected = np.average(np.var(hr, axis=1), weights=_area(16)[:, 0])
    assert sum(accumulator.spectra().hr) == pytest.approx(expected, rel=1e-10)


def test_zonal_spectrum_equals_scipy_periodogram() -> None:
    _, hr = _pair(11, 16, 32)
    accumulator = SpectrumAccumulator(grid="sphere")
    accumulator.add(hr, hr)
    _, rows = scipy.signal.periodogram(hr, scaling="spectrum", axis=1, detrend=False)
    expected = np.average(rows, axis=0, weights=_area(16)[:, 0])[1:]
    assert accumulator.spectra().hr == pytest.approx(expected, rel=1e-10)


@pytest.mark.parametrize("grid", ["plane", "sphere"])
def test_wave_stands_at_its_wavenumber(grid: str) -> None:
    x = np.arange(64)
    hr = np.tile(0.5 + 0.2 * np.cos(2 * np.pi * 8 * x / 64), (64, 1))
    accumulator = SpectrumAccumulator(grid=grid)  # type: ignore[arg-type]
    accumulator.add(hr, hr)
    spectra = accumulator.spectra()
    assert spectra.wavenumber[int(np.argmax(spectra.hr))] == pytest.approx(1 / 8)
    if grid == "sphere":
        assert max(spectra.hr) == pytest.approx(0.02)  # the variance of the wave


@pytest.mark.parametrize("grid", ["plane", "sphere"])
def test_effective_resolution_is_where_a_low_pass_cuts(grid: str) -> None:
    """White noise without its waves shorter than 5 pixels resolves 5 pixels."""
    draw = np.random.default_rng(12)
    accumulator = SpectrumAccumulator(grid=grid)  # type: ignore[arg-type]
    y, x = np.fft.fftfreq(100)[:, None], np.fft.fftfreq(100)
    kept = (np.hypot(y, x) if grid == "plane" else np.abs(x) + 0 * y) <= 0.2
    for _ in range(4):
        hr = 0.5 + 0.1 * draw.standard_normal((100, 100))
        accumulator.add(np.fft.ifft2(np.fft.fft2(hr) * kept).real, hr)
    spectra = accumulator.spectra()
    assert spectra.resolution == pytest.approx(5, rel=0.05)
    noise = spectra.noise
    assert max(noise[:15]) < 0.05
    assert min(noise[25:]) == pytest.approx(1, abs=0.05)


def test_halved_amplitude_is_a_quarter_of_the_power() -> None:
    _, hr = _pair(13, 32, 40)
    accumulator = SpectrumAccumulator()
    accumulator.add(hr / 2, hr)
    spectra = accumulator.spectra()
    assert spectra.ratio == pytest.approx([0.25] * 16)
    assert spectra.noise == pytest.approx([0.25] * 16)
    assert spectra.distance == pytest.approx(10 * math.log10(4))
    assert spectra.resolution == 2


def test_spectra_that_cannot_be_are_refused() -> None:
    accumulator = SpectrumAccumulator()
    with pytest.raises(ValueError, match="at least one frame"):
        accumulator.spectra()
    accumulator.add(*_pair(14, 20, 30))
    with pytest.raises(ValueError, match="frames of one size"):
        accumulator.add(*_pair(14, 26, 30))
    with pytest.raises(ValueError, match="at least 4x4 pixels, got 3x30"):
        SpectrumAccumulator().add(np.zeros((30, 3)), np.zeros((30, 3)))


def _globe(height: int, width: int) -> LatLonGrid:
    latitude = 90 - (np.arange(height) + 0.5) * 180 / height
    return LatLonGrid(tuple(latitude), tuple(np.arange(width) * 360 / width))


def test_vorticity_of_solid_rotation_is_twice_its_rate_times_the_sine_of_latitude() -> None:
    height, width, rate = 320, 640, 3e-6  # radians per second
    grid = _globe(height, width)
    latitude = np.deg2rad(np.array(grid.latitude))[:, None]
    u = np.broadcast_to(rate * EARTH_RADIUS_M * np.cos(latitude), (height, width))
    zeta = relative_vorticity(
        torch.from_numpy(u.copy()), torch.zeros(height, width, dtype=torch.float64), grid=grid
    )
    expected = np.broadcast_to(2 * rate * np.sin(latitude[1:-1]), (height - 2, width - 2))
    # Differences over two rows of pi / 320: short by (2 pi / 320)^2 / 6 = 6.4e-5.
    assert np.abs(zeta.numpy() - expected).max() < 7e-5 * 2 * rate
    score = VorticityError(grid=grid)
    score.add(np.stack([u, 0 * u]), np.zeros((2, height, width)))
    weights = np.cos(latitude[1:-1, 0])
    size = np.sqrt(np.average((expected**2).mean(1), weights=weights))
    assert score.result() == pytest.approx(size, rel=1e-4)


@pytest.mark.parametrize("turned", [False, True])
def test_vorticity_equals_numpy_on_the_globe(turned: bool) -> None:
    draw = np.random.default_rng(4)
    u, v = draw.standard_normal((2, 24, 48))
    grid = _globe(24, 48)
    if turned:
        grid = LatLonGrid(grid.latitude[::-1], grid.longitude)
    latitude = np.deg2rad(np.array(grid.latitude))
    circle = np.cos(latitude)[:, None]
    along_x = np.gradient(v, np.deg2rad(7.5), axis=1)
    along_y = np.gradient(u * circle, latitude, axis=0)
    expected = ((along_x - along_y) / (EARTH_RADIUS_M * circle))[1:-1, 1:-1]
    found = relative_vorticity(*map(torch.from_numpy, (u, v)), grid=grid).numpy()
    assert found == pytest.approx(expected, rel=1e-9, abs=1e-18)
    cut = relative_vorticity(
        *(torch.from_numpy(one[3:-3, 3:-3]) for one in (u, v)), grid=grid, border=3
    )
    assert cut.numpy() == pytest.approx(expected[3:-3, 3:-3], rel=1e-9, abs=1e-18)


def test_vorticity_of_the_plane_has_the_sign_of_its_rows() -> None:
    draw = np.random.default_rng(5)
    u, v, x, y = draw.standard_normal((4, 20, 30))
    for rows_ascend, sign in ((True, 1), (False, -1)):
        turns = [
            np.gradient(b, axis=1) - sign * np.gradient(a, axis=0) for a, b in ((u, v), (x, y))
        ]
        expected = math.sqrt(((turns[0] - turns[1])[1:-1, 1:-1] ** 2).mean())
        score = VorticityError(rows_ascend=rows_ascend)
        assert score.add(np.stack([u, v]), np.stack([x, y])) == pytest.approx(expected, rel=EXACT)
        assert score.result() == pytest.approx(expected, rel=EXACT)


def test_vorticity_leaves_out_differences_that_touch_a_gap() -> None:
    draw = np.random.default_rng(6)
    sr, hr = draw.standard_normal((2, 2, 20, 30))
    hr[0, 8, 9] = np.nan
    score = VorticityError(rows_ascend=True)
    found = score.add(sr, hr)
    error = sr - hr
    zeta = np.gradient(error[1], axis=1) - np.gradient(error[0], axis=0)
    assert found == pytest.approx(math.sqrt(np.nanmean(zeta[1:-1, 1:-1] ** 2)), rel=EXACT)
    assert score.add(sr, np.full_like(hr, np.nan)) is None
    assert score.result() == found


def test_vorticity_of_one_component_is_not_defined() -> None:
    for image in (np.zeros((20, 20)), np.zeros((3, 20, 20)), np.zeros((2, 2, 20))):
        with pytest.raises(ValueError, match="vorticity needs"):
            VorticityError().add(image, image)
