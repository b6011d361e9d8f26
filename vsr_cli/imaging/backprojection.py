"""Results brought into agreement with what they were made from."""

from __future__ import annotations

from torch import Tensor

from vsr_cli.imaging.resample import enlarge, resize, shrink
from vsr_cli.imaging.siting import CENTERED, Siting


def back_project(
    high: Tensor,
    low: Tensor,
    iterations: int,
    *,
    siting: Siting = CENTERED,
    factors: tuple[float, float] | None = None,
) -> Tensor:
    """Move a result towards those that degrade to ``low``: degrade it, add back the error.

    The degradation is the antialiased bicubic shrink, not rounded; its error comes back by bicubic
    enlargement. Each round cuts what lies beyond black and white, so that a result still agrees
    when it is stored.

    Args:
        high: (B, C, H, W), what was made of ``low``.
        low: (B, C, h, w), float of the same range.
        iterations: how often.
        siting: the place of the samples, which is the same in both.
        factors: the enlargement down and across, where it is not exactly that of the size.

    Returns:
        (B, C, H, W) in [0, 1]; ``high`` itself where there are no iterations.

    References:
        Irani, Peleg, "Improving Resolution by Image Registration", CVGIP: Graphical Models and
        Image Processing 53 (1991), doi:10.1016/1049-9652(91)90045-L.
    """
    (height, width), (low_height, low_width) = high.shape[-2:], low.shape[-2:]
    scale = height // low_height
    is_whole = (height, width) == (scale * low_height, scale * low_width) and siting == CENTERED
    down, across = factors or (height / low_height, width / low_width)
    for _ in range(iterations):
        if is_whole:
            error = enlarge(low - shrink(high, scale), scale)
            high = error.add_(high).clamp_(0, 1)
            continue
        degraded = resize(
            high,
            height=low_height,
            width=low_width,
            siting=siting,
            factors=(1 / down, 1 / across),
        )
        error = resize(
            low - degraded, height=height, width=width, siting=siting, factors=(down, across)
        )
        high = error.add_(high).clamp_(0, 1)
    return high
