"""Convolutions that add to what is there, and rectify, in oneDNN's own pass over the result.

PyTorch's functions write a convolution's result, read it to add it, and read and write the sum to
rectify it; oneDNN can do all three while a pixel is in its registers. The operators that ask for it
are those that ``torch.compile`` uses. They are tried once, and where they are missing or give
anything else, PyTorch's functions do the same.
"""

from __future__ import annotations

from functools import cache

import torch
from torch import Tensor
from torch.nn import functional as F

TRIAL = 2, 4, 6, 5  # shape of the frames that the operators are tried on
CLOSE = 1e-5


def convolve(
    frames: Tensor,
    weight: Tensor,
    bias: Tensor | None,
    *,
    padding: list[int],
    dilation: int = 1,
    rectify: bool = False,
) -> Tensor:
    """A 2D convolution of (B, C, H, W), and ReLU of it where it is to ``rectify``."""
    if not rectify or not is_fused(frames):
        result = F.conv2d(frames, weight, bias, padding=padding, dilation=dilation)
        return F.relu_(result) if rectify else result
    return _convolve_and_rectify(frames, weight, bias, padding, dilation)


def add_convolution(
    result: Tensor,
    frames: Tensor,
    weight: Tensor,
    *,
    padding: list[int],
    dilation: int = 1,
    rectify: bool = False,
) -> None:
    """Add a 2D convolution to ``result`` (B, O, H', W'), in place, and rectify the sum."""
    if is_fused(frames):
        _add_convolution(result, frames, weight, padding, dilation, rectify)
        return
    result += F.conv2d(frames, weight, None, padding=padding, dilation=dilation)
    if rectify:
        F.relu_(result)


def is_fused(frames: Tensor) -> bool:
    """True if oneDNN takes these frames: fp32 on a CPU, as they are, with nothing to learn."""
    return (
        frames.device.type == "cpu"
        and frames.dtype == torch.float32
        and bool(torch.backends.mkldnn.enabled)
        and not torch.compiler.is_compiling()
        and not torch.is_autocast_enabled("cpu")
        and not (torch.is_grad_enabled() and frames.requires_grad)
        and _works()
    )


def _convolve_and_rectify(
    frames: Tensor, weight: Tensor, bias: Tensor | None, padding: list[int], dilation: int
) -> Tensor:
    operator = torch.ops.mkldnn._convolution_pointwise
    spaced = [dilation, dilation]
    result: Tensor = operator(frames, weight, bias, padding, [1, 1], spaced, 1, "relu", [], None)
    return result


def _add_convolution(
    result: Tensor,
    frames: Tensor,
    weight: Tensor,
    padding: list[int],
    dilation: int,
    rectify: bool,
) -> None:
    operator = torch.ops.mkldnn._convolution_pointwise_
    spaced, after = [dilation, dilation], "relu" if rectify else None
    operator(result, frames, weight, None, padding, [1, 1], spaced, 1, "add", 1.0, after, [], None)


@cache
def _works() -> bool:
    """Whether both operators are there and give what PyTorch's functions do."""
    if not torch.backends.mkldnn.is_available():
        return False
    generator = torch.Generator().manual_seed(0)

    def random(*shape: int) -> Tensor:
        made = torch.randn(shape, generator=generator, dtype=torch.float32, device="cpu")
        return made.contiguous(memory_format=torch.channels_last) if len(shape) > 1 else made

    with torch.inference_mode():
        frames, bias = random(*TRIAL), random(3)
        weight, point = random(3, TRIAL[1], 3, 3), random(3, TRIAL[1], 1, 1)
        plain = F.conv2d(frames, weight, bias, padding=1)
        added = plain[:1] + F.conv2d(frames[1:], point)
        try:
            rectified = _convolve_and_rectify(frames, weight, bias, [1, 1], 1)
            total = plain.clone()
            _add_convolution(total[:1], frames[1:], point, [0, 0], 2, rectify=True)
        except (RuntimeError, AttributeError, TypeError):
            return False
    expected = (rectified, plain.relu()), (total[:1], added.relu()), (total[1:], plain[1:])
    return all(torch.allclose(a, b, rtol=CLOSE, atol=CLOSE) for a, b in expected)
