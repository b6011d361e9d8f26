"""Levitated drops of molten metal as a high-speed camera sees them, with their true outlines.

A stand-in for the pictures of Ning et al. (2021), which are not public: single drops in front of a
dark chamber, 280 by 280 pixels. A drop of 2 mm glows, turns about its axis with the oxide on it,
oscillates in the modes l = 2 and 3 with Rayleigh's frequencies and Lamb's damping, and drifts in
its trap; small satellites fly by, none of them in front of the drop. Area and diameter of each
frame are known without rendering.

References:
    Ning, Zhang, Han, Han, Zhang, "Single-core multiscale residual network for the super resolution
    of liquid metal specimen images", Machine Learning and Knowledge Extraction 3 (2021),
    doi:10.3390/make3020023.
    Paradis, Ishikawa, Yoda, "Non-contact measurements of surface tension and viscosity of niobium,
    zirconium, and titanium using an electrostatic levitation furnace", International Journal of
    Thermophysics 23 (2002), doi:10.1023/A:1015459222027: tension and viscosity of zirconium.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple, Self

import numpy as np

from vsr_cli.simulation.droplet_camera import add_noise, render
from vsr_cli.simulation.droplet_shape import DropletShape, mode_damping, mode_frequency
from vsr_cli.simulation.droplet_surface import Surface
from vsr_cli.specs import DropletSpec

if TYPE_CHECKING:
    from numpy.typing import NDArray

RADIUS_M = 1e-3
DENSITY = 6210.0  # kg/m^3; zirconium at its melting point, 2128 K, and so are the next two
TENSION = 1.500  # N/m
VISCOSITY = 4.74e-3  # Pa s
MODES = (2, 3)
THIRD_SHARE = 0.35  # amplitude of l = 3 at most, as a share of that of l = 2
NUM_DIRECTIONS = 180  # in which the largest extent is looked for: too small by 1e-5 at most
MAX_SPECKS = 9
CLEARANCE = 1.12  # radii (and 6 pixels) that stay free of satellites


@dataclass(frozen=True, slots=True)
class DropletTruth:
    """What is known of one frame. Lengths in pixels; pixel centres have whole coordinates."""

    frame: int
    time_s: float
    area: float  # within the outline
    diameter: float  # of the disc of that area
    max_feret: float  # the longest distance between two parallel tangents
    width: float  # between upright tangents
    height: float  # between level tangents
    center_x: float  # of the outline's polar coordinates; x goes right
    center_y: float  # y goes down
    radius: float  # of the sphere of the drop's volume
    tilt_deg: float  # of the axis from upright, clockwise
    legendre: tuple[float, float, float, float]  # r(theta) / radius, theta from the axis

    @classmethod
    def of(cls, frame: int, time_s: float, shape: DropletShape) -> Self:
        area = shape.area()
        extents = shape.extents(np.arange(NUM_DIRECTIONS) * (np.pi / NUM_DIRECTIONS))
        return cls(
            frame=frame,
            time_s=time_s,
            area=area,
            diameter=float(np.sqrt(4 * area / np.pi)),
            max_feret=float(extents.max()),
            width=float(extents[0]),
            height=float(extents[NUM_DIRECTIONS // 2]),
            center_x=shape.center_x,
            center_y=shape.center_y,
            radius=shape.radius,
            tilt_deg=float(np.degrees(shape.tilt)),
            legendre=shape.coefficients,
        )


class DropletFrame(NamedTuple):
    """One frame and what is known of it."""

    values: NDArray[np.float32]  # (H, W) in [0, 1]
    truth: DropletTruth


def simulate_droplets(spec: DropletSpec) -> Iterator[DropletFrame]:
    """Yield the frames of one drop in motion, or with ``spec.stills`` one frame each of many drops.

    Two seeds share no drop, and neither do the clip and the stills of one seed.
    """
    if spec.stills:
        for number in range(spec.frames):
            draw = np.random.default_rng([spec.seed, 1, number])
            yield _Drop(spec, draw).frame(number, 0.0)
        return
    drop = _Drop(spec, np.random.default_rng([spec.seed, 0]))
    for number in range(spec.frames):
        yield drop.frame(number, number / spec.camera_rate)


class _Drop:
    """One drop, drawn from a generator, which goes on to draw the noise."""

    def __init__(self, spec: DropletSpec, draw: np.random.Generator) -> None:
        self.spec, self._draw = spec, draw
        self.radius = draw.uniform(*spec.diameters) / 2
        self.tilt = draw.normal(0, np.radians(6))
        self.spin_rate = 2 * np.pi * draw.uniform(5, 40) * draw.choice([-1, 1])
        self.flattening = -draw.uniform(0, 0.01)  # by the spin and the field that carries it
        self.amplitudes = spec.amplitude * np.array([1.0, THIRD_SHARE * draw.uniform(0.2, 1)])
        self.phases = draw.uniform(0, 2 * np.pi, len(MODES))
        middle = np.array([spec.width - 1, spec.height - 1]) / 2
        room = (np.array([spec.width, spec.height]) - 2.2 * self.radius) / 2
        self.middle = middle + draw.uniform(-0.3, 0.3, 2) * np.maximum(room, 0)
        self.drift = draw.uniform(0, 0.02, 2) * self.radius
        self.drift_rate = 2 * np.pi * draw.uniform(5, 30, 2)
        self.drift_phase = draw.uniform(0, 2 * np.pi, 2)
        self.surface = Surface.draw(draw)
        self.background = draw.uniform(0.02, 0.05), draw.uniform(-0.01, 0.01, 2)
        self.glare = draw.uniform(0.01, 0.04)
        self.specks = self._draw_specks()

    def shape(self, time_s: float) -> DropletShape:
        """The drop's shape and place at a time."""
        a2, a3 = (
            amplitude
            * np.exp(-mode_damping(mode, RADIUS_M, VISCOSITY, DENSITY) * time_s)
            * np.cos(mode_frequency(mode, RADIUS_M, TENSION, DENSITY) * time_s + phase)
            for mode, amplitude, phase in zip(MODES, self.amplitudes, self.phases, strict=True)
        )
        x, y = self.middle + self.drift * np.sin(self.drift_rate * time_s + self.drift_phase)
        return DropletShape(
            center_x=float(x),
            center_y=float(y),
            radius=float(self.radius),
            tilt=float(self.tilt),
            a2=float(a2 + self.flattening),
            a3=float(a3),
        )

    def frame(self, number: int, time_s: float) -> DropletFrame:
        shape = self.shape(time_s)
        values = render(
            shape,
            self.surface,
            self._chamber(shape, number),
            spin=self.spin_rate * time_s,
            blur=self.spec.blur,
            supersample=self.spec.supersample,
        )
        values = add_noise(values, self.spec.noise, self._draw)
        return DropletFrame(
            np.clip(values, 0, 1).astype(np.float32), DropletTruth.of(number, time_s, shape)
        )

    def _chamber(self, shape: DropletShape, number: int) -> NDArray[np.float64]:
        """What is behind the drop: a dark wall, glare around the drop, satellites."""
        spec = self.spec
        y, x = np.mgrid[: spec.height, : spec.width].astype(np.float64)
        level, slope = self.background
        away = np.hypot(x - shape.center_x, y - shape.center_y) / shape.radius
        light: NDArray[np.float64] = (
            level
            + slope[0] * (x / spec.width - 0.5)
            + slope[1] * (y / spec.height - 0.5)
            + self.glare * np.exp(-np.maximum(away - 1, 0) / 0.4)
        )
        for start, speed, size, peak in self.specks:
            sigma = float(np.hypot(size, spec.blur))
            at = start + speed * number
            gap = (x - at[0]) ** 2 + (y - at[1]) ** 2
            light += peak * (size / sigma) ** 2 * np.exp(-gap / (2 * sigma**2))
        return light

    def _draw_specks(self) -> list[tuple[NDArray[np.float64], NDArray[np.float64], float, float]]:
        """Satellites: start and speed per frame (x, y), size and peak; none crosses the drop."""
        draw, spec = self._draw, self.spec
        times = np.arange(1 if spec.stills else spec.frames)[:, None]
        specks = []
        for _ in range(draw.integers(2, MAX_SPECKS + 1)):
            start = draw.uniform(0, 1, 2) * (spec.width, spec.height)
            speed = draw.normal(0, 0.25, 2)
            size = 0.45 + draw.gamma(2.0, 0.3)
            peak = draw.uniform(0.08, 0.6)
            gap = np.linalg.norm(start + speed * times - self.middle, axis=1).min()
            if gap > CLEARANCE * self.radius + 6 + 3 * size:
                specks.append((start, speed, float(size), float(peak)))
        return specks
