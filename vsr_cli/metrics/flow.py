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

import math
from itertools import pairwise
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import torch

from vsr_cli.errors import MissingExtraError
from vsr_cli.metrics.metric import FrameMetric

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable, Iterator

    from numpy.typing import NDArray

    from vsr_cli.metrics.batch import FramePairs, FrameParts

RADIUS = 7  # pixels of a window on each side of its middle


class _Pictures(NamedTuple):
    """One frame: the values of both, and where there is a truth. (H, W) each."""

    sr: NDArray[np.float64]
    hr: NDArray[np.float64]
    is_there: NDArray[np.bool_]


class FlowError(FrameMetric):
    """tOF in pixels per frame, 0 at best; keeps two pictures, in memory of the CPU.

    It is that of (H, W); of (3, H, W) the mean over the planes is what moves. The first frame of a
    clip has no motion, and no score.
    """

    def __init__(self, *, border: int = 0) -> None:
        super().__init__()
        self.border = border
        self._before: _Pictures | None = None

    def per_frame(self, frames: FramePairs) -> torch.Tensor:
        """The error of the motion from the frame before to each frame.

        Raises:
            MissingExtraError: scikit-image is not installed.
        """
        steps = [self._before, *self._pictures(frames.on_host())]
        self._before = steps[-1]
        scores = [
            self._score(before, after, ("flow", self.border, number), frames.truth.parts)
            for number, (before, after) in enumerate(pairwise(steps))
        ]
        return torch.tensor(scores, dtype=torch.float64, device=frames.device)

    def _pictures(self, frames: FramePairs) -> Iterator[_Pictures]:
        _, truth = frames.inside(self.border)
        there = ~truth.isnan().any(1)  # (B, H, W)
        sr, hr = (images.mean(1) for images in frames.filled(self.border))
        return (_Pictures(*row) for row in zip(sr.numpy(), hr.numpy(), there.numpy(), strict=True))

    def _score(
        self, before: _Pictures | None, after: _Pictures | None, name: Hashable, truth: FrameParts
    ) -> float:
        """NaN where there is no motion; the truth's flow is kept by its name for other results."""
        if before is None or after is None:
            return math.nan
        is_there = before.is_there & after.is_there
        if not is_there.any():
            return math.nan
        found = _flow(before.sr, after.sr)
        expected = truth.once(name, lambda: _flow(before.hr, after.hr))
        return float(np.hypot(*(found - expected))[is_there].mean())


def _flow(first: NDArray[np.float64], second: NDArray[np.float64]) -> NDArray[np.float64]:
    """Motion from one picture to the next, (2, H, W) rows and columns in pixels."""
    try:
        from skimage import registration
    except ImportError:
        raise MissingExtraError("scikit-image", "report") from None
    estimate: Callable[..., NDArray[np.float64]] = registration.optical_flow_ilk
    return estimate(first, second, radius=RADIUS, dtype=np.float64)
