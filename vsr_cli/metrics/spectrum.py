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

from vsr_cli.metrics.batch import FramePairs
from vsr_cli.metrics.grids import zonal_waves
from vsr_cli.metrics.modes import radial_modes, radial_power, zonal_modes, zonal_power

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
    """The spectra of some frames."""

    power: torch.Tensor  # (B, 3, K): of result, truth and error at each wavenumber
    is_there: torch.Tensor  # (B,): True for those that hold a truth
    width: int  # pixels in which wavenumber 1 has one wave


class SpectrumAccumulator:
    """Spectra of a clip from its frames; keeps one number for each wavenumber."""

    def __init__(self, *, border: int = 0, grid: GridLike = "plane") -> None:
        self.border, self.grid = border, grid
        self.is_zonal = zonal_waves(grid)
        self._width = 0
        self._frames = torch.zeros(0)  # that hold a truth
        self._power = torch.zeros(0)

    @property
    def num_frames(self) -> int:
        """How many frames held a truth so far."""
        return int(self._frames.sum())

    def add(self, sr: Image, hr: Image) -> None:
        """Take one frame. sr, hr: (H, W) float in [0, 1]; (3, H, W) counts as three frames.

        ``border`` pixels at each side do not count; on the sphere rows alone are cut.

        Raises:
            ValueError: the images do not fit each other (see ``FramePairs``), are below 4 x 4
                pixels, or have another size than those before.
        """
        self.add_batch(FramePairs.of(sr, hr))

    def add_batch(self, frames: FramePairs) -> None:
        """Take the next frames; errors are those of ``add``."""
        found = frames.parts.once(("powers", self.border, self.grid), lambda: self._powers(frames))
        power = torch.where(found.is_there[:, None, None], found.power, 0.0).sum(0)
        if not self._frames.numel():
            self._width = found.width
            self._power, self._frames = power, found.is_there.sum()[None]
            return
        if power.shape != self._power.shape:
            raise ValueError("a spectrum needs frames of one size, got another size on the way")
        self._power, self._frames = self._power + power, self._frames + found.is_there.sum()

    def spectra(self) -> Spectra:
        """The mean over the frames so far.

        Raises:
            ValueError: there are none.
        """
        if not self.num_frames:
            raise ValueError("a spectrum needs at least one frame, got none")
        sr, hr, error = (tuple(row) for row in (self._power / self._frames).tolist())
        wavenumbers = tuple(number / self._width for number in range(1, len(hr) + 1))
        return Spectra(wavenumbers, sr, hr, error)

    def _powers(self, frames: FramePairs) -> FramePowers:
        sr, hr = frames.filled(self.border, is_ring=self.is_zonal)
        height, width = sr.shape[-2:]
        if min(height, width) < MIN_SIDE:
            raise ValueError(f"a spectrum needs at least 4x4 pixels, got {width}x{height}")
        hr_modes, hr_power = frames.truth.parts.once(
            ("modes", self.border, self.grid), lambda: self._modes(hr)
        )
        sr_modes, sr_power = self._modes(sr)
        power = [sr_power, hr_power, self._power_of(sr_modes - hr_modes, width)]
        is_there = ~hr[:, 0, 0, 0].isnan()  # once filled, a frame is there as a whole or not at all
        side = width if self.is_zonal else min(height, width)
        return FramePowers(torch.stack(power, 1), is_there, side)

    def _modes(self, images: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """The modes of (B, C, H, W), and their power (B, K)."""
        modes = zonal_modes(images) if self.is_zonal else radial_modes(images)
        return modes, self._power_of(modes, images.shape[-1])

    def _power_of(self, modes: torch.Tensor, width: int) -> torch.Tensor:
        """The power of modes at each wavenumber, mean over the planes: (B, K)."""
        flat = modes.flatten(0, 1)  # (B*C, H, W // 2 + 1)
        if self.is_zonal:
            power = zonal_power(flat, width, border=self.border, grid=self.grid)
        else:
            power = radial_power(flat, width)
        mean: torch.Tensor = power.unflatten(0, modes.shape[:2]).mean(1)
        return mean


def _ratios(
    powers: tuple[float, ...], truth: tuple[float, ...], *, without: float
) -> tuple[float, ...]:
    """Power over that of the truth; ``without`` where neither has any."""
    return tuple(
        power / hr if hr > 0 else (math.inf if power > 0 else without)
        for power, hr in zip(powers, truth, strict=True)
    )
