"""What is simulated of a levitated drop: the picture, the motion, the camera."""

from __future__ import annotations

import math
from dataclasses import dataclass

DIAMETER_SHARE = (0.35, 0.65)  # of the shorter side, where no diameters are given
MAX_AMPLITUDE = 0.08  # above it the third mode could fold the outline
MARGIN = 1.25  # what a drop of a diameter may need of a picture's side, at the largest amplitude


@dataclass(frozen=True, slots=True, kw_only=True)
class DropletSpec:
    """Pictures of levitated drops of molten metal: one drop in motion, or many stills."""

    width: int = 280
    height: int = 280
    frames: int = 120
    stills: bool = False  # True: each frame is another drop
    seed: int = 0
    diameter: tuple[float, float] | None = None  # pixels, drawn between; None: DIAMETER_SHARE
    amplitude: float = 0.04  # of the mode l = 2 at the start, in radii
    camera_rate: float = 2000.0  # frames per second of the camera
    blur: float = 0.6  # standard deviation of the optics' Gaussian, pixels
    noise: float = 1.0  # standard deviation at white, in codes of 8 bits
    supersample: int = 4  # samples per pixel and axis

    def __post_init__(self) -> None:
        if min(self.width, self.height) < 32:
            raise ValueError(f"size must be at least 32x32, got {self.width}x{self.height}")
        if self.frames < 1:
            raise ValueError(f"frames must be at least 1, got {self.frames}")
        if self.seed < 0:
            raise ValueError(f"seed must be 0 or more, got {self.seed}")
        if self.diameter is None:
            shares = (share * min(self.width, self.height) for share in DIAMETER_SHARE)
            object.__setattr__(self, "diameter", tuple(shares))
        self._check_diameter()
        if not 0 <= self.amplitude <= MAX_AMPLITUDE:
            raise ValueError(f"amplitude must be in 0..{MAX_AMPLITUDE}, got {self.amplitude}")
        if not (math.isfinite(self.camera_rate) and self.camera_rate > 0):
            raise ValueError(f"camera rate must be more than 0 per second, got {self.camera_rate}")
        if not 0 <= self.blur <= 10:
            raise ValueError(f"blur must be in 0..10 pixels, got {self.blur}")
        if not 0 <= self.noise <= 64:
            raise ValueError(f"noise must be in 0..64 codes, got {self.noise}")
        if not 1 <= self.supersample <= 16:
            raise ValueError(f"supersample must be in 1..16, got {self.supersample}")

    @property
    def value_range(self) -> tuple[float, float]:
        """Values at code 0 and at the largest code."""
        return (0.0, 1.0)

    def _check_diameter(self) -> None:
        smallest, largest = self.diameters
        top = min(self.width, self.height) / MARGIN
        if not 8 <= smallest <= largest <= top:
            raise ValueError(
                f"diameter must be two numbers of pixels in 8..{top:g} for "
                f"{self.width}x{self.height}, the smaller one first, got {smallest:g} {largest:g}"
            )

    @property
    def diameters(self) -> tuple[float, float]:
        """The smallest and the largest diameter in pixels."""
        if self.diameter is None:
            raise ValueError("a spec that was made has diameters")
        return self.diameter
