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
from typing import TYPE_CHECKING, NamedTuple

import torch

from vsr_cli.metrics.grids import zonal_waves
from vsr_cli.metrics.modes import radial_modes, radial_power, zonal_modes, zonal_power
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


class FramePowers(NamedTuple):
    """The spectra of one frame."""

    power: torch.Tensor  # (3, K): of result, truth and error at each wavenumber
    width: int  # pixels in which wavenumber 1 has one wave


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
        self.add_powers(self.powers(sr, hr))

    def powers(self, sr: Image, hr: Image) -> FramePowers | None:
        """What ``add`` adds; None of a frame without a truth. Errors are those of ``add``."""
        first, second = image_pair(sr, hr)
        cut = self.border
        rows = slice(cut, first.shape[-2] - cut)
        columns = slice(None) if self.is_zonal else slice(cut, first.shape[-1] - cut)
        first, second = fill_missing(first[..., rows, columns], second[..., rows, columns])
        height, width = first.shape[-2:]
        if min(height, width) < MIN_SIDE:
            raise ValueError(f"a spectrum needs at least 4x4 pixels, got {width}x{height}")
        if second.isnan().all():
            return None
        images = (image.reshape(-1, height, width) for image in (first, second))
        transform = zonal_modes if self.is_zonal else radial_modes
        sr_modes, hr_modes = (transform(image) for image in images)
        powers = (
            zonal_power(modes, width, border=cut, grid=self.grid)
            if self.is_zonal
            else radial_power(modes, width)
            for modes in (sr_modes, hr_modes, sr_modes - hr_modes)
        )
        side = width if self.is_zonal else min(height, width)
        return FramePowers(torch.stack([one.mean(0) for one in powers]), side)

    def add_powers(self, powers: FramePowers | None) -> None:
        """Take one frame of which ``powers`` is known.

        Raises:
            ValueError: it has another size than those before.
        """
        if powers is None:
            return
        if not self.num_frames:
            self._power, self._width = torch.zeros_like(powers.power), powers.width
        elif powers.power.shape != self._power.shape:
            raise ValueError("a spectrum needs frames of one size, got another size on the way")
        self._power = self._power + powers.power
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


def _ratios(
    powers: tuple[float, ...], truth: tuple[float, ...], *, without: float
) -> tuple[float, ...]:
    """Power over that of the truth; ``without`` where neither has any."""
    return tuple(
        power / hr if hr > 0 else (math.inf if power > 0 else without)
        for power, hr in zip(powers, truth, strict=True)
    )
