"""The light of a drop's surface: a glowing melt, and rafts of oxide that turn with the drop.

Everything is black-body light of about one temperature, times the emissivity: that of the melt is
Fresnel's for a metal, which grows towards the limb; that of the oxide is higher, and the same in
all directions.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Self

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Values = NDArray[np.float32]

# A refractive index that gives a normal emissivity of 0.32, that of liquid zirconium in red light.
REFRACTIVE_INDEX = 3.0 + 4.64j
# Wavenumbers of the three random fields in 1 / radius: where the rafts lie, their cracks, grain.
BANDS = ((2.0, 7.0), (8.0, 22.0), (30.0, 90.0))
WAVES = 24  # of each field
EDGE = 0.12  # how softly a raft ends, in standard deviations of its field
CRACK_WIDTH = 0.16
CRACK_DEPTH = 0.3


def metal_emissivity(cosine: NDArray[np.floating]) -> Values:
    """Emissivity of a smooth metal at angles of emission given by their cosine in [0, 1].

    Fresnel's equations, the mean of both polarisations; 0 at a cosine of 0.
    """
    index = np.complex64(REFRACTIVE_INDEX)
    mu = np.asarray(cosine, np.float32)
    inner = np.sqrt(index**2 - (1 - mu**2))  # index times the cosine inside
    upright = np.abs((mu - inner) / (mu + inner)) ** 2
    parallel = np.abs((index**2 * mu - inner) / (index**2 * mu + inner)) ** 2
    emissivity: Values = 1 - (upright + parallel) / 2
    return emissivity


@dataclass(frozen=True, slots=True)
class RandomField:
    """A sum of plane waves in space: smooth, of mean 0 and variance 1, alike in all directions."""

    waves: Values  # (N, 3), 1 / radius
    phases: Values  # (N,)

    @classmethod
    def draw(cls, draw: np.random.Generator, band: tuple[float, float]) -> Self:
        """``band``: the shortest and the longest wave vector in 1 / radius."""
        directions = draw.standard_normal((WAVES, 3))
        directions /= np.linalg.norm(directions, axis=1, keepdims=True)
        lengths = draw.uniform(*band, (WAVES, 1))
        phases = draw.uniform(0, 2 * np.pi, WAVES)
        return cls((directions * lengths).astype(np.float32), phases.astype(np.float32))

    def __call__(self, points: Values) -> Values:
        """The field at points (N, 3) in radii: (N,)."""
        total = np.zeros(len(points), np.float32)
        for wave, phase in zip(self.waves, self.phases, strict=True):
            total += np.cos(points @ wave + phase)
        return total * np.float32((2 / WAVES) ** 0.5)


@dataclass(frozen=True, slots=True)
class Surface:
    """What a drop's surface looks like, in the drop's own frame."""

    rafts: RandomField
    cracks: RandomField
    grain: RandomField
    threshold: float  # standard deviations; rafts lie where their field is above
    melt: float  # light of the melt seen from above, 1 is white
    oxide: float  # light of a raft
    roughness: float  # share of the oxide's light by which the grain varies
    hot_side: tuple[float, float, float]  # towards the heating laser, as seen; length: its share

    @classmethod
    def draw(cls, draw: np.random.Generator) -> Self:
        rafts, cracks, grain = (RandomField.draw(draw, band) for band in BANDS)
        melt = draw.uniform(0.40, 0.54)
        toward = draw.standard_normal(3)
        toward *= draw.uniform(0.02, 0.10) / np.linalg.norm(toward)
        return cls(
            rafts=rafts,
            cracks=cracks,
            grain=grain,
            threshold=draw.uniform(0.4, 1.3),
            melt=melt,
            oxide=melt * draw.uniform(1.3, 1.65),
            roughness=draw.uniform(0.02, 0.06),
            hot_side=(float(toward[0]), float(toward[1]), float(toward[2])),
        )

    def light(self, points: Values, cosine: Values, spin: float) -> Values:
        """Light that reaches the camera from points of the surface.

        Args:
            points: (N, 3) in radii: across the axis, along it, towards the camera.
            cosine: (N,), of the angle between the surface's normal and the camera.
            spin: radians by which the drop has turned about its axis.

        Returns:
            (N,), 1 is white.
        """
        c, s = np.cos(spin), np.sin(spin)
        turn = np.array([[c, 0, -s], [0, 1, 0], [s, 0, c]], np.float32)
        own = points @ turn
        cracks, grain = self.cracks(own), self.grain(own)
        height = (self.rafts(own) + 0.35 * cracks - self.threshold) / EDGE
        raft = 0.5 + 0.5 * np.tanh(height)
        crack = CRACK_DEPTH * np.exp(-((cracks / CRACK_WIDTH) ** 2))
        oxide = self.oxide * (1 - crack + self.roughness * grain)
        normal = metal_emissivity(np.ones(1, np.float32))
        melt = self.melt * metal_emissivity(cosine) / normal
        warm = 1 + points @ np.asarray(self.hot_side, np.float32)
        light: Values = warm * (melt + raft * (oxide - melt))
        return light
