"""What training minimises, in squared 8-bit code values so that Adam's epsilon stays small.

A rate of SGD is for one size of the loss: those of the papers are for ``euclidean`` and
``unit-mse``, whose values lie in [0, 1].
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType

from torch import Tensor, nn

from vsr_cli.metrics.ssim import ssim_map

CODE = 255.0
ROUNDING_FLOOR = 0.05  # squared code values; the rounding of a truth alone makes 1/12
CHARBONNIER_EPSILON = 0.25  # code values; below it the loss is quadratic
CROSS_ENTROPY_SHARE = 1e-4  # beta of Yang 2021
DARKEST = 1e-3  # smallest value of a pixel in a distribution, so that its logarithm exists

Loss = Callable[[Tensor, Tensor], Tensor]


def squared_error(sr: Tensor, hr: Tensor) -> Tensor:
    """Mean squared error of two tensors in [0, 1], in squared code values."""
    return ((sr - hr) * CODE).square().mean()


def unit_squared_error(sr: Tensor, hr: Tensor) -> Tensor:
    """Mean squared error of two tensors in [0, 1], as it is.

    References:
        Shi et al., CVPR 2016, arXiv:1609.05158, Eq. 5.
    """
    return (sr - hr).square().mean()


def euclidean(sr: Tensor, hr: Tensor) -> Tensor:
    """Half the squared distance of two patches, summed over their pixels, mean over the patches.

    (B, C, H, W) in [0, 1]. It is the loss of the papers from SRCNN to DRCN, and of the programs
    that they were trained with; their learning rates of SGD are for its gradient.

    References:
        Kim, Lee, Lee, CVPR 2016, arXiv:1511.04491, Eq. 7 and 8.
    """
    return 0.5 * (sr - hr).square().flatten(1).sum(1).mean()


def absolute_error(sr: Tensor, hr: Tensor) -> Tensor:
    """Mean absolute error of two tensors in [0, 1], in code values."""
    return ((sr - hr) * CODE).abs().mean()


def charbonnier(sr: Tensor, hr: Tensor) -> Tensor:
    """Mean of sqrt(error^2 + epsilon^2), in code values: robust, smooth at zero.

    References:
        Charbonnier et al., "Two deterministic half-quadratic regularization algorithms for
        computed imaging", ICIP 1994, doi:10.1109/ICIP.1994.413553.
    """
    return (((sr - hr) * CODE).square() + CHARBONNIER_EPSILON**2).sqrt().mean()


def log_squared_error(sr: Tensor, hr: Tensor) -> Tensor:
    """Mean over the patches of log10 of their squared error: minus their PSNR in bels, shifted.

    Tables average the PSNR of frames, not their error; with this loss a calm patch counts as much
    as a wild one.
    """
    per_patch = ((sr - hr) * CODE).square().flatten(1).mean(1)  # (B,)
    return (per_patch + ROUNDING_FLOOR).log10().mean()


def dissimilarity(sr: Tensor, hr: Tensor) -> Tensor:
    """1 - SSIM, the mean over the patches; (B, C, H, W) in [0, 1], at least 11x11 pixels.

    References:
        Wang et al., "Image Quality Assessment: From Error Visibility to Structural Similarity",
        IEEE TIP 13 (2004), doi:10.1109/TIP.2003.819861.
    """
    return 1 - ssim_map(sr.flatten(0, 1), hr.flatten(0, 1)).mean()


def cross_entropy(sr: Tensor, hr: Tensor) -> Tensor:
    """-sum p log q of two pictures, each divided by its sum so that its pixels are a distribution.

    The paper calls p and q the probability distributions of the images and does not say how a
    picture becomes one; this is our reading.

    References:
        Yang et al. 2021 (EMTCM), Eq. 7.
    """
    p, q = (image.clamp(min=DARKEST).flatten(1) for image in (hr, sr))
    p, q = p / p.sum(1, keepdim=True), q / q.sum(1, keepdim=True)
    return -(p * q.log()).sum(1).mean()


def dissimilarity_and_cross_entropy(sr: Tensor, hr: Tensor) -> Tensor:
    """(1 - SSIM) + 1e-4 cross-entropy (Yang et al. 2021, EMTCM, Eq. 8)."""
    return dissimilarity(sr, hr) + CROSS_ENTROPY_SHARE * cross_entropy(sr, hr)


LOSSES: Mapping[str, Loss] = MappingProxyType(
    {
        "mse": squared_error,
        "unit-mse": unit_squared_error,
        "euclidean": euclidean,
        "l1": absolute_error,
        "charbonnier": charbonnier,
        "psnr": log_squared_error,
        "ssim": dissimilarity,
        "ssim+cross-entropy": dissimilarity_and_cross_entropy,
    }
)


class Criterion(nn.Module):
    """A loss with all that it needs to remember between steps; a plain one remembers nothing."""

    def __init__(self, loss: Loss) -> None:
        super().__init__()
        self.loss = loss

    def forward(self, sr: Tensor, hr: Tensor) -> Tensor:
        """The loss of patches (B, C, H, W) in [0, 1]."""
        return self.loss(sr, hr)

    def learn(self, sr: Tensor, hr: Tensor, rate: float) -> None:
        """What a criterion that learns itself does after a step; patches as in the loss."""

    def figures(self) -> dict[str, float]:
        """What the log shows beside the loss."""
        return {}
