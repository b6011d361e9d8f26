"""Error of the relative vorticity: do eddies and shear of a flow turn as the truth's do.

References:
    Holton, Hakim, "An Introduction to Dynamic Meteorology", 5th edition (2013), sections 4.2 and
    8.5 (the vertical component, in spherical coordinates).

zeta = dv/dx - du/dy; on the sphere (dv/dlon - d(u cos lat)/dlat) / (a cos lat), with a = 6371 km.
Differences are central, so the outermost pixels have none, nor those beside one without a truth; a
wave of n pixels comes out smaller by sin(2 pi / n) / (2 pi / n), in result and truth. Their unit is
that of the flow per metre on the sphere, and per pixel on the plane.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch

from vsr_cli.metrics.batch import FramePairs
from vsr_cli.metrics.grids import radians
from vsr_cli.metrics.metric import FrameMetric, known_score

if TYPE_CHECKING:
    from vsr_cli.metrics.grids import GridLike
    from vsr_cli.metrics.pair import Image

EARTH_RADIUS_M = 6.371e6  # the mean


def relative_vorticity(
    u: torch.Tensor,
    v: torch.Tensor,
    *,
    border: int = 0,
    grid: GridLike = "plane",
    rows_ascend: bool = False,
) -> torch.Tensor:
    """The vorticity of a flow, u to the right (east) and v up (north).

    Args:
        u, v: (..., H, W) to (..., H - 2, W - 2), of which ``border`` rows and columns were cut.
        border: how many.
        grid: where the pixels lie before they were cut.
        rows_ascend: on the plane, v points to higher rows; in pictures it does not.
    """
    dv_dx = (v[..., 1:-1, 2:] - v[..., 1:-1, :-2]) / 2
    if grid == "plane":
        du_dy = (u[..., 2:, 1:-1] - u[..., :-2, 1:-1]) / 2
        return dv_dx - du_dy if rows_ascend else dv_dx + du_dy
    height, width = (side + 2 * border for side in u.shape[-2:])
    rows, step = radians(grid, height, width)
    rows = rows[border : height - border].to(u.device)
    circle = torch.cos(rows)[:, None]
    turned = u * circle
    along_y = (turned[..., 2:, 1:-1] - turned[..., :-2, 1:-1]) / (rows[2:] - rows[:-2])[:, None]
    zeta: torch.Tensor = (dv_dx / step - along_y) / (EARTH_RADIUS_M * circle[1:-1])
    return zeta


class VorticityError(FrameMetric):
    """Root mean squared error of the vorticity: of each frame, and their mean."""

    def __init__(
        self, *, border: int = 0, grid: GridLike = "plane", rows_ascend: bool = False
    ) -> None:
        super().__init__()
        self.border, self.grid, self.rows_ascend = border, grid, rows_ascend

    def add(self, sr: Image, hr: Image) -> float | None:
        """Take one frame. sr, hr: (2, H, W) float, u and v in their own unit; NaN as elsewhere.

        Raises:
            ValueError: the images do not have these two components of 3 x 3 pixels at least, or do
                not fit each other (see ``FramePairs``).
        """
        if not (len(sr.shape) == len(hr.shape) == 3 and sr.shape[0] == hr.shape[0] == 2):
            raise ValueError(
                f"vorticity needs the two components of a flow, (2, H, W): a field with "
                f"--variable U,V; got {tuple(sr.shape)} and {tuple(hr.shape)}"
            )
        return known_score(float(self.add_batch(FramePairs.of(sr, hr, planes=2))))

    def per_frame(self, frames: FramePairs) -> torch.Tensor:
        """The error of each frame, of two planes."""
        sr, hr = frames.inside(self.border)
        if min(sr.shape[-2:]) < 3:
            raise ValueError(f"vorticity needs at least 3x3 pixels, got {tuple(sr.shape[-2:])}")
        name = ("vorticity", self.border, self.grid, self.rows_ascend)
        truth = frames.truth.parts.once(name, lambda: self._vorticity(hr))
        square = (self._vorticity(sr) - truth).square()
        return frames.mean(square, border=self.border + 1, grid=self.grid).sqrt()

    def _vorticity(self, flow: torch.Tensor) -> torch.Tensor:
        """(B, 2, H, W) to (B, 1, H - 2, W - 2)."""
        u, v = flow[:, :1], flow[:, 1:]
        return relative_vorticity(
            u, v, border=self.border, grid=self.grid, rows_ascend=self.rows_ascend
        )
