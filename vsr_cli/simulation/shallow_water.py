"""Shallow-water flow on the rotating sphere, integrated with dinosaur (extra ``[simulate]``).

Two kinds of initial state, each drawn from a seed, so that two runs with different seeds share no
trajectory:

- ``jet``: the barotropically unstable mid-latitude jet of Galewsky et al. (2004). Amplitude and
  latitude of the jet and size and place of the height bump are drawn from the seed; the paper has
  one fixed state.
- ``turbulence``: a random field of vortices with the energy around total wavenumber 14, in
  nonlinear balance with its height field, which decays freely.

References:
    Galewsky, Scott, Polvani, "An initial-value problem for testing numerical models of the global
    shallow-water equations", Tellus A 56 (2004), doi:10.3402/tellusa.v56i5.14436.
    Polvani, McWilliams, Spall, Ford, "The coherent structures of shallow-water turbulence",
    Chaos 4 (1994), doi:10.1063/1.166002.
"""

from __future__ import annotations

import math
import os
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

import numpy as np

from vsr_cli.errors import MissingExtraError
from vsr_cli.specs import FIELD_UNITS, ShallowWaterSpec

if TYPE_CHECKING:
    from numpy.typing import NDArray

STEP_S = 300  # dt of the semi-implicit leapfrog at T213, where the gravity waves are implicit
STEP_GRID_HEIGHT = 320  # finer grids take proportionally shorter steps (advective CFL)
MEAN_HEIGHT_M = 10_000.0
TURBULENCE_WAVENUMBER = 14  # total wavenumber with the most energy
ROBERT_ASSELIN = 0.05


def simulate_shallow_water(spec: ShallowWaterSpec) -> Iterator[NDArray[np.float32]]:
    """Yield one field of one run, frame by frame.

    Yields:
        float32 (H, W) in the unit of ``FIELD_UNITS[spec.field]``, north at the top, longitude from
        0 degrees eastwards; Gaussian latitudes.

    Raises:
        MissingExtraError: dinosaur is not installed.
        FloatingPointError: the run became unstable.
    """
    solver = _Solver(spec)
    state = solver.initial_state()
    state = solver.advance(state, round(spec.spinup_hours * 3600 / solver.step_s))
    for number in range(spec.frames):
        if number:
            state = solver.advance(state, round(spec.interval_min * 60 / solver.step_s))
        values = solver.field(state)
        if not np.isfinite(values).all():
            raise FloatingPointError(f"the run is unstable at frame {number}: try another seed")
        yield values


def gaussian_latitudes(height: int) -> NDArray[np.float64]:
    """Latitudes of the rows in degrees, north first."""
    nodes, _ = np.polynomial.legendre.leggauss(height)
    return np.degrees(np.arcsin(nodes))[::-1].copy()


class _Solver:
    """dinosaur's equations on one grid, in its own non-dimensional units."""

    def __init__(self, spec: ShallowWaterSpec) -> None:
        # XLA's compiler writes alarms of many lines about nothing that a user could mend.
        os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
        try:
            from dinosaur import (
                coordinate_systems,
                layer_coordinates,
                shallow_water,
                spherical_harmonic,
                time_integration,
                units,
            )
        except ImportError:
            raise MissingExtraError("dinosaur", "simulate") from None
        self.spec = spec
        self.units = units.SimUnits.from_si()
        self.grid = spherical_harmonic.Grid.construct(
            max_wavenumber=(spec.width - 1) // 3,  # quadratic terms are alias-free up to W / 3
            gaussian_nodes=spec.height // 2,
            radius=self.units.radius,
        )
        coords = coordinate_systems.CoordinateSystem(
            self.grid, layer_coordinates.LayerCoordinates(1)
        )
        self.state_type = shallow_water.State
        self.step_s = _step_s(spec)
        dt = self.units.nondimensionalize(self.step_s * _unit("second"))
        self.mean_potential = self._nondimensional(MEAN_HEIGHT_M, "meter") * self.units.g
        self.equations = shallow_water.ShallowWaterEquations(
            coords, self.units, None, np.array([self.mean_potential])
        )
        step = time_integration.semi_implicit_leapfrog(self.equations, dt)
        filters = (
            time_integration.exponential_leapfrog_step_filter(self.grid, dt),
            time_integration.robert_asselin_leapfrog_filter(ROBERT_ASSELIN),
        )
        self.step = time_integration.step_with_filters(step, filters)
        self._advance: dict[int, Callable[[Any], Any]] = {}

    def initial_state(self) -> Any:
        """Two equal snapshots, as the leapfrog scheme starts from."""
        draw = np.random.default_rng(
            [self.spec.seed, {"jet": 1, "turbulence": 2}[self.spec.initial]]
        )
        if self.spec.initial == "jet":
            vorticity, bump_m = self._jet(draw)
        else:
            vorticity, bump_m = self._turbulence(draw), 0.0
        potential = self._balanced_potential(vorticity)
        if np.ndim(bump_m):
            gravity = self.units.g * self._nondimensional(1.0, "meter")
            potential = potential + self.grid.to_modal(gravity * bump_m)[None]
        state = self.state_type(vorticity[None], 0 * vorticity[None], potential)
        return state, state

    def advance(self, state: Any, num_steps: int) -> Any:
        """The state after ``num_steps`` steps; compiled once per number of steps."""
        if num_steps == 0:
            return state
        if num_steps not in self._advance:
            import jax
            from dinosaur import time_integration

            self._advance[num_steps] = jax.jit(time_integration.repeated(self.step, num_steps))
        return self._advance[num_steps](state)

    def field(self, state: Any) -> NDArray[np.float32]:
        """The field that was asked for, float32 (H, W) in its physical unit, north at the top."""
        current = state[0]
        unit = FIELD_UNITS[self.spec.field]
        if self.spec.field == "vorticity":
            nodal = self.grid.to_nodal(current.vorticity)
        elif self.spec.field == "divergence":
            nodal = self.grid.to_nodal(current.divergence)
        elif self.spec.field == "height":
            nodal = (self.grid.to_nodal(current.potential) + self.mean_potential) / self.units.g
        else:
            u, v = self._wind(current.vorticity, current.divergence)
            nodal = (u**2 + v**2) ** 0.5
        scale = float(self.units.dimensionalize(1.0, _unit(unit)).magnitude)
        values: NDArray[np.float64] = np.asarray(nodal, dtype=np.float64)[0].T * scale  # (H, W)
        return np.flipud(values).astype(np.float32)

    def _jet(self, draw: np.random.Generator) -> tuple[Any, Any]:
        """Modal vorticity of the jet and its height bump in metres (lon, lat)."""
        lon, sin_lat = self.grid.nodal_mesh
        lat = np.arcsin(sin_lat)
        shift = draw.uniform(-1, 1) * math.radians(6)
        south, north = math.pi / 7 + shift, math.pi / 2 - math.pi / 7 + shift
        speed = draw.uniform(70, 90)
        inside = (lat > south) & (lat < north)
        gap = np.where(inside, (lat - south) * (lat - north), -1.0)
        u = np.where(inside, speed * np.exp(1 / gap + 4 / (north - south) ** 2), 0.0)
        u = u * self._nondimensional(1.0, "meter / second")
        vorticity = -self.grid.sec_lat_d_dlat_cos2(self.grid.to_modal(u / self.grid.cos_lat))
        away = (lon - draw.uniform(0, 2 * np.pi) + np.pi) % (2 * np.pi) - np.pi
        centre = south + draw.beta(4, 4) * (north - south)
        bump_m = draw.uniform(80, 160) * np.cos(lat)
        bump_m = bump_m * np.exp(-((3 * away) ** 2) - (15 * (lat - centre)) ** 2)
        return vorticity / self.units.radius, bump_m

    def _turbulence(self, draw: np.random.Generator) -> Any:
        """Modal vorticity of random vortices whose wind is 18 to 26 m/s in the root mean square."""
        shape = self.grid.modal_shape
        _, wavenumber = self.grid.modal_axes
        peak = TURBULENCE_WAVENUMBER
        envelope = (wavenumber / peak) ** 3 / (1 + (wavenumber / peak) ** 2) ** 4
        modal = draw.standard_normal(shape) * envelope * self.grid.mask
        modal[0, 0] = 0
        u, v = self._wind(modal[None], 0 * modal[None])
        rms = float(np.sqrt(np.mean(np.asarray(u) ** 2 + np.asarray(v) ** 2)))
        return modal * (draw.uniform(18, 26) * self._nondimensional(1.0, "meter / second") / rms)

    def _wind(self, vorticity: Any, divergence: Any) -> tuple[Any, Any]:
        from dinosaur import spherical_harmonic

        u, v = spherical_harmonic.vor_div_to_uv_nodal(self.grid, vorticity, divergence, clip=False)
        return u, v

    def _balanced_potential(self, vorticity: Any) -> Any:
        """The potential for which the divergence does not change at first, (1, m, l) modal."""
        still = self.state_type(vorticity[None], 0 * vorticity[None], 0 * vorticity[None])
        tendency = self.equations.explicit_terms(still).divergence
        return self.grid.inverse_laplacian(tendency)

    def _nondimensional(self, value: float, unit: str) -> float:
        return float(self.units.nondimensionalize(value * _unit(unit)))


def _step_s(spec: ShallowWaterSpec) -> float:
    """The time step in seconds: at most 300 s at 640x320, and a whole number of them per frame."""
    longest = STEP_S * min(1.0, STEP_GRID_HEIGHT / spec.height)
    return spec.interval_min * 60 / math.ceil(spec.interval_min * 60 / longest)


def _unit(name: str) -> Any:
    from dinosaur import scales

    return scales.units(name)
