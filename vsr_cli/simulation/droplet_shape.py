"""The shape of a drop that oscillates about a sphere, and what is exactly known of its outline.

The drop is a body of revolution, seen at a right angle to its axis, so its outline is its meridian:
r(theta) = R (1 + a0 + a2 P2(cos theta) + a3 P3(cos theta)), with the Legendre polynomials P and the
angle theta from the axis. r is a trigonometric polynomial, so area and volume are finite sums
without error: the trapezoidal rule for the one, Gauss' for the other.

References:
    Rayleigh, "On the capillary phenomena of jets", Proceedings of the Royal Society 29 (1879),
    doi:10.1098/rspl.1879.0015: the frequencies of the modes.
    Lamb, "Hydrodynamics", 6th edition (1932), sections 275 and 355: their damping.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]

NUM_ANGLES = 2048  # points of an outline: extents are then too small by 1.2e-6 at most
NUM_NODES = 16  # Gauss nodes: exact to degree 31; the volume has degree 9


@dataclass(frozen=True, slots=True)
class DropletShape:
    """One drop in one frame. Pixel centres have whole coordinates; x goes right, y goes down."""

    center_x: float  # pixels; of the polar coordinates, on the axis
    center_y: float
    radius: float  # pixels; of the sphere of the same volume
    tilt: float  # radians, of the axis from upright, clockwise
    a2: float  # radii; more than 0: longer along the axis
    a3: float

    @property
    def coefficients(self) -> tuple[float, float, float, float]:
        """r(theta) / radius in Legendre polynomials 0 to 3; the volume is that of the sphere."""
        nodes, weights = np.polynomial.legendre.leggauss(NUM_NODES)
        profile = np.polynomial.legendre.legval(nodes, (1.0, 0.0, self.a2, self.a3))
        factor = float(np.sum(weights * profile**3) / 2) ** (-1 / 3)
        return factor, 0.0, factor * self.a2, factor * self.a3

    def outline(self, num_points: int = NUM_ANGLES) -> Floats:
        """Points (N, 2) of x and y in pixels, at equal steps of the angle, clockwise."""
        theta = np.arange(num_points) * (2 * np.pi / num_points)
        r = self.radius * np.polynomial.legendre.legval(np.cos(theta), self.coefficients)
        angle = theta + self.tilt
        return np.stack(
            [self.center_x + r * np.sin(angle), self.center_y - r * np.cos(angle)], axis=-1
        )

    def area(self) -> float:
        """The area within the outline in pixels: half of the integral of r squared, exactly."""
        theta = np.arange(64) * (2 * np.pi / 64)  # exact from 7 points on
        r = self.radius * np.polynomial.legendre.legval(np.cos(theta), self.coefficients)
        return float(np.pi * np.mean(r**2))

    def extents(self, angles: NDArray[np.floating]) -> Floats:
        """Distances between two parallel tangents in pixels, across directions in radians (N,)."""
        directions = np.stack([np.cos(angles), np.sin(angles)])  # (2, N)
        reach: Floats = self.outline() @ directions  # (points, N)
        return np.asarray(reach.max(axis=0) - reach.min(axis=0))

    def meridian(self) -> tuple[Floats, Floats, Floats]:
        """Height along the axis, squared half width and its derivative by height, all in radii.

        Heights increase; the squared half width is 0 at both ends.
        """
        theta = np.linspace(np.pi, 0, NUM_ANGLES + 1)
        cosine, sine = np.cos(theta), np.sin(theta)
        series = np.polynomial.legendre.Legendre(self.coefficients)
        r, slope = series(cosine), series.deriv()(cosine)  # slope: by the cosine
        # By the cosine, so that the poles are no special case: h = r c, w^2 = r^2 (1 - c^2).
        height_step = slope * cosine + r
        width_step = 2 * r * slope * sine**2 - 2 * r**2 * cosine
        return r * cosine, (r * sine) ** 2, width_step / height_step


def mode_frequency(mode: int, radius_m: float, tension: float, density: float) -> float:
    """Rayleigh's frequency of a mode l >= 2 in radians per second; N/m and kg/m^3."""
    return math.sqrt(mode * (mode - 1) * (mode + 2) * tension / (density * radius_m**3))


def mode_damping(mode: int, radius_m: float, viscosity: float, density: float) -> float:
    """Lamb's decay rate of the amplitude of a mode in 1/s; Pa s and kg/m^3."""
    return (mode - 1) * (2 * mode + 1) * viscosity / (density * radius_m**2)
