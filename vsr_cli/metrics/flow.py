"""Does the picture move as the truth does: difference of their optical flows.

References:
    Chu, Xie, Mayer, Leal-Taixé, Thuerey, "Learning temporal coherence via self-supervision for
    GAN-based video generation", ACM Transactions on Graphics 39 (2020), doi:10.1145/3386569.3392457
    (tOF: the mean length of the difference of the two flows).
    Le Besnerais, Champagnat, "Dense optical flow by iterative local window registration", IEEE
    International Conference on Image Processing (2005), doi:10.1109/ICIP.2005.1529706.

We differ in the flow: the paper takes Farnebäck's, which OpenCV has; ours is that of the second
reference, by scikit-image, in windows of 15 x 15 pixels. So the figures compare with each other and
not with published ones. Pixels without a truth (NaN) are filled with its mean in both pictures,
and count in no mean.
"""

from __future__ import annotations

from statistics import fmean
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from vsr_cli.errors import MissingExtraError
from vsr_cli.metrics.pair import fill_missing, image_pair

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from vsr_cli.metrics.pair import Image

RADIUS = 7  # pixels of a window on each side of its middle


class _Pictures(NamedTuple):
    """One frame: the values of both, and where there is a truth. (H, W) each."""

    sr: NDArray[np.float64]
    hr: NDArray[np.float64]
    is_there: NDArray[np.bool_]


class FlowError:
    """tOF in pixels per frame, 0 at best; keeps two pictures."""

    def __init__(self, *, border: int = 0) -> None:
        self.border = border
        self._before: _Pictures | None = None
        self._scores: list[float] = []

    def add(self, sr: Image, hr: Image) -> float | None:
        """Take one frame; returns the error of its motion, which the first one has not.

        sr, hr: (H, W) float in [0, 1]; of (3, H, W) the mean over the planes is what moves.

        Raises:
            ValueError: the images do not fit each other (see ``image_pair``).
            MissingExtraError: scikit-image is not installed.
        """
        pair = image_pair(sr, hr, border=self.border)
        height, width = pair[0].shape[-2:]
        is_there = ~pair[1].reshape(-1, height, width).isnan().any(0).cpu().numpy()
        first, second = (
            image.reshape(-1, height, width).mean(0).cpu().numpy() for image in fill_missing(*pair)
        )
        before, self._before = self._before, _Pictures(first, second, is_there)
        if before is None:
            return None
        is_there = is_there & before.is_there
        if not is_there.any():
            return None
        flows = [_flow(before.sr, first), _flow(before.hr, second)]
        self._scores.append(float(np.hypot(*(flows[0] - flows[1]))[is_there].mean()))
        return self._scores[-1]

    def result(self) -> float | None:
        """The mean over all changes so far; None where there is none."""
        return fmean(self._scores) if self._scores else None


def _flow(first: NDArray[np.float64], second: NDArray[np.float64]) -> NDArray[np.float64]:
    """Motion from one picture to the next, (2, H, W) rows and columns in pixels."""
    try:
        from skimage import registration
    except ImportError:
        raise MissingExtraError("scikit-image", "report") from None
    estimate: Callable[..., NDArray[np.float64]] = registration.optical_flow_ilk
    return estimate(first, second, radius=RADIUS, dtype=np.float64)
