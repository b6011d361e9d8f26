"""Power spectra of result, truth and error: which details are there, and from which size on.

On the plane: the picture less its mean, times a Hann window along both axes, then the 2D Fourier
transform; its power is averaged over rings of one wavenumber each, from 1 to half of the shorter
side. On the sphere: the Fourier transform along each circle of latitude, which needs no window; the
power of a zonal wavenumber is the mean over the latitudes, weighted by area. Both are means over
all frames, and sums of power over all modes are variances.

Pixels without a truth (NaN) are filled with the frame's mean of it in both pictures, so that the
error has none there; the edge of a coast has power at all waves. Frames without any do not count.
Of a part of the globe in latitude and longitude there is no zonal spectrum, but that of the plane.

The effective resolution is the wavelength at which the power of the error reaches half of the
truth's, on the way from the waves that have the most of it to finer ones. The ratio of the powers
of result and truth alone does not tell that: noise has power too.

References:
    Skamarock, "Evaluating mesoscale NWP models using kinetic energy spectra", Monthly Weather
    Review 132 (2004), doi:10.1175/MWR2830.1, for spectra as a test of models.
    Ballarotta et al., "On the resolutions of ocean altimetry maps", Ocean Science 15 (2019),
    doi:10.5194/os-15-1091-2019, for the threshold of 0.5 on error over signal.
    Welch, "The use of fast Fourier transform for the estimation of power spectra", IEEE
    Transactions on Audio and Electroacoustics 15 (1967), doi:10.1109/TAU.1967.1161901, for the
    normalisation with a window.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch
from torch.fft import fftfreq, rfftfreq

from vsr_cli.metrics.grids import row_weights, zonal_waves
from vsr_cli.metrics.pair import fill_missing, image_pair

if TYPE_CHECKING:
    from vsr_cli.metrics.grids import GridLike
    from vsr_cli.metrics.pair import Image

THRESHOLD = 0.5  # of the error's power over the truth's
MIN_SIDE = 4  # pixels


@dataclass(frozen=True, slots=True)
class Spectra:
    """Power at each wavenumber: of result and truth, and of their difference."""

    wavenumber: tuple[float, ...]  # waves per pixel, up to 0.5; along a circle on the sphere
    sr: tuple[float, ...]  # squares of values
    hr: tuple[float, ...]
    error: tuple[float, ...]

    @property
    def ratio(self) -> tuple[float, ...]:
        """Power of the result over that of the truth; infinite where the truth has none."""
        return _ratios(self.sr, self.hr, without=1.0)

    @property
    def noise(self) -> tuple[float, ...]:
        """Power of the error over that of the truth."""
        return _ratios(self.error, self.hr, without=0.0)

    @property
    def resolution(self) -> float:
        """The effective resolution, a wavelength in pixels; 2 or a little more where all is there.

        It is sought from the wavenumber at which the truth has the most power on, and interpolated
        between two wavenumbers. Infinite where that one is not resolved itself.
        """
        noise = self.noise
        peak = max(range(len(noise)), key=self.hr.__getitem__)
        if noise[peak] >= THRESHOLD:
            return math.inf
        for index in range(peak + 1, len(noise)):
            if noise[index] >= THRESHOLD:
                step = noise[index] - noise[index - 1]
                share = (THRESHOLD - noise[index - 1]) / step  # 0 after an infinite step
                last, found = self.wavenumber[index - 1 : index + 1]
                return 1 / (last + share * (found - last))
        return 1 / self.wavenumber[-1]

    @property
    def distance(self) -> float:
        """Log-spectral distance in dB: root mean square of the ratio over all wavenumbers.

        Wavenumbers at which the truth has no power do not count; infinite where the result has
        none, but the truth.
        """
        ratios = [ratio for ratio, hr in zip(self.ratio, self.hr, strict=True) if hr > 0]
        if not all(ratios):
            return math.inf
        squares = [(10 * math.log10(ratio)) ** 2 for ratio in ratios]
        return math.sqrt(sum(squares) / len(squares)) if squares else 0.0


class SpectrumAccumulator:
    """Spectra of a clip from its frames; keeps one number for each wavenumber."""

    def __init__(self, *, border: int = 0, grid: GridLike = "plane") -> None:
        self.border, self.grid = border, grid
        self.is_zonal = zonal_waves(grid)
        self.num_frames = 0  # that hold a truth
        self._width = 0
        self._power = torch.zeros(3, 0, dtype=torch.float64)

    def add(self, sr: Image, hr: Image) -> None:
        """Take one frame. sr, hr: (H, W) float in [0, 1]; (3, H, W) counts as three frames.

        ``border`` pixels at each side do not count; on the sphere rows alone are cut.

        Raises:
            ValueError: the images do not fit each other (see ``image_pair``), are below 4 x 4
                pixels, or have another size than those before.
        """
        first, second = image_pair(sr, hr)
        cut = self.border
        rows = slice(cut, first.shape[-2] - cut)
        columns = slice(None) if self.is_zonal else slice(cut, first.shape[-1] - cut)
        first, second = fill_missing(first[..., rows, columns], second[..., rows, columns])
        height, width = first.shape[-2:]
        if min(height, width) < MIN_SIDE:
            raise ValueError(f"a spectrum needs at least 4x4 pixels, got {width}x{height}")
        if second.isnan().all():
            return
        images = (image.reshape(-1, height, width) for image in (first, second))
        transform = zonal_modes if self.is_zonal else radial_modes
        sr_modes, hr_modes = (transform(image) for image in images)
        powers = (
            zonal_power(modes, width, border=cut, grid=self.grid)
            if self.is_zonal
            else radial_power(modes, width)
            for modes in (sr_modes, hr_modes, sr_modes - hr_modes)
        )
        power = torch.stack([one.mean(0) for one in powers])
        if not self.num_frames:
            self._power = torch.zeros_like(power)
            self._width = width if self.is_zonal else min(height, width)
        elif power.shape != self._power.shape:
            raise ValueError("a spectrum needs frames of one size, got another size on the way")
        self._power = self._power + power
        self.num_frames += 1

    def spectra(self) -> Spectra:
        """The mean over the frames so far.

        Raises:
            ValueError: there are none.
        """
        if not self.num_frames:
            raise ValueError("a spectrum needs at least one frame, got none")
        sr, hr, error = (tuple(row) for row in (self._power / self.num_frames).tolist())
        wavenumbers = tuple(number / self._width for number in range(1, len(hr) + 1))
        return Spectra(wavenumbers, sr, hr, error)


def radial_modes(images: torch.Tensor) -> torch.Tensor:
    """Modes of windowed pictures without their mean: (N, H, W) to (N, H, W // 2 + 1) complex.

    They are scaled so that the squares of all add up to the variance in the window.
    """
    height, width = images.shape[-2:]
    hann = [
        torch.hann_window(side, periodic=True, dtype=images.dtype, device=images.device)
        for side in (height, width)
    ]
    window = hann[0][:, None] * hann[1]
    mean = (images * window).sum((-2, -1), keepdim=True) / window.sum()
    scale = math.sqrt(height * width * float(window.square().sum()))
    modes: torch.Tensor = torch.fft.rfft2((images - mean) * (window / scale))
    return modes


def radial_power(modes: torch.Tensor, width: int) -> torch.Tensor:
    """Mean power of a mode in each ring: (N, H, W // 2 + 1) complex to (N, min(H, W) // 2).

    Ring n holds the modes whose wavenumber in waves per pixel, times min(H, W), rounds to n.
    """
    height, side = modes.shape[-2], min(modes.shape[-2], width)
    y, x = (fft(n, dtype=torch.float64) for fft, n in ((fftfreq, height), (rfftfreq, width)))
    ring = (torch.hypot(y[:, None], x) * side).round().long().to(modes.device)
    # Each column stands for its mirror image too, but the first, and the last of an even width.
    count = torch.full(ring.shape, 2.0, dtype=torch.float64, device=modes.device)
    count[:, 0] = 1
    if width % 2 == 0:
        count[:, -1] = 1
    power = torch.view_as_real(modes).square().sum(-1) * count
    sums = count.new_zeros(len(modes), int(ring.max()) + 1)
    sums.index_add_(1, ring.flatten(), power.flatten(1))
    means: torch.Tensor = sums / torch.bincount(ring.flatten(), weights=count.flatten())
    return means[:, 1 : side // 2 + 1].cpu()


def zonal_modes(images: torch.Tensor) -> torch.Tensor:
    """Modes along each row: (N, H, W) to (N, H, W // 2 + 1) complex."""
    modes: torch.Tensor = torch.fft.rfft(images, norm="forward")
    return modes


def zonal_power(
    modes: torch.Tensor, width: int, *, border: int = 0, grid: GridLike = "sphere"
) -> torch.Tensor:
    """Power of each zonal wavenumber on the globe: (N, H, W // 2 + 1) complex to (N, W // 2).

    Rows are circles of latitude from pole to pole, ``border`` of which were cut at each pole.
    """
    power = (modes.abs().square() * 2)[..., 1:]
    if width % 2 == 0:
        power[..., -1] /= 2  # the shortest wave stands for itself alone
    weights = row_weights(modes.shape[-2], border=border, grid=grid).to(modes.device)
    mean: torch.Tensor = weights @ power
    return mean.cpu()


def _ratios(
    powers: tuple[float, ...], truth: tuple[float, ...], *, without: float
) -> tuple[float, ...]:
    """Power over that of the truth; ``without`` where neither has any."""
    return tuple(
        power / hr if hr > 0 else (math.inf if power > 0 else without)
        for power, hr in zip(powers, truth, strict=True)
    )
