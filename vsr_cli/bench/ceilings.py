"""What the machine can do at most: a matrix product, a copy, and on a GPU the way there and back.

They are measured in the same run as what is held against them, with its threads and its precision.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from vsr_cli.bench.timing import seconds_of

FIRST_SIDE, LAST_SIDE = 256, 8192  # rows and columns of the matrices
LONG_ENOUGH_S = 0.05  # a product that takes so long is the last one
COPIED_BYTES = {"cpu": 1 << 27, "cuda": 1 << 30}  # far beyond what a cache holds
PASSES = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class Ceilings:
    """The best of several passes, each."""

    flops_per_s: float  # of a square matrix product in the precision of the run
    copy_bytes_per_s: float  # in the memory of the device; what is read and what is written
    upload_bytes_per_s: float | None = None  # from pinned memory to the GPU
    download_bytes_per_s: float | None = None  # and back


def measure_ceilings(device: torch.device, precision: torch.dtype) -> Ceilings:
    """Measure them; a second or so."""
    size = COPIED_BYTES[device.type]
    block = torch.zeros(size, dtype=torch.uint8, device=device)
    copy = _best(lambda: block.clone(memory_format=torch.preserve_format), device)
    if device.type == "cpu":
        other = torch.zeros_like(block)
        copy = min(copy, _best(lambda: other.copy_(block), device))
    links = {}
    if device.type == "cuda":
        host = torch.zeros(size, dtype=torch.uint8, pin_memory=True)
        links = {
            "upload_bytes_per_s": size / _best(lambda: block.copy_(host), device),
            "download_bytes_per_s": size / _best(lambda: host.copy_(block), device),
        }
    return Ceilings(
        flops_per_s=_matrix_rate(device, precision), copy_bytes_per_s=2 * size / copy, **links
    )


def _matrix_rate(device: torch.device, precision: torch.dtype) -> float:
    """Operations per second of the fastest product among sizes that double."""
    best, side, seconds = 0.0, FIRST_SIDE, 0.0
    while side <= LAST_SIDE and seconds < LONG_ENOUGH_S:
        left, right = (_matrix(side, device, precision) for _ in range(2))
        product = torch.empty_like(left)
        seconds = _best(lambda a=left, b=right, c=product: torch.mm(a, b, out=c), device)  # type: ignore[misc]
        best = max(best, 2 * side**3 / seconds)
        side *= 2
    return best


def _matrix(side: int, device: torch.device, precision: torch.dtype) -> Tensor:
    return torch.full((side, side), 0.5, dtype=precision, device=device)


def _best(run: Callable[[], object], device: torch.device) -> float:
    """The shortest of a few passes in seconds, after one that does not count."""
    with torch.inference_mode():
        run()
        return min(seconds_of(run, device) for _ in range(PASSES))
