"""Frames of one clip to scores: in batches on their device, by all contenders side by side."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from vsr_cli.metrics import TruthFrames

if TYPE_CHECKING:
    from vsr_cli.metrics import FrameScores, PlaneAccumulator
    from vsr_cli.pipeline.evaluate.channels import Pictures
    from vsr_cli.specs import MetricName

# Pixels of the truth that are scored together. A GPU needs many to be busy; metrics hold a few
# dozen pictures of float64 at once, so that is about 1 GB. On a CPU a batch saves overhead on small
# pictures alone, and large ones leave the cache: SSIM of 640x320 takes 14.5 ms a frame by itself,
# 15.9 in batches of two and 22.0 in eight (one core with AVX-512, measured in one run).
GPU_PIXELS, CPU_PIXELS = 1 << 22, 1 << 17
LPIPS_SHARE = 16  # of which part is left where a network's features are held too
MOST_FRAMES = 32


@dataclass(frozen=True, slots=True)
class ScoredRow:
    """One frame of the truth and of each contender, with the scores."""

    number: int  # from 0
    truth: Pictures
    results: tuple[Pictures, ...]
    scores: tuple[FrameScores, ...]


def score_rows(
    rows: Iterable[Sequence[Pictures]],
    accumulators: Sequence[PlaneAccumulator],
    *,
    device: torch.device,
    told: Callable[[int, int], str],
    metrics: Sequence[MetricName],
) -> Iterator[ScoredRow]:
    """Score the frames of a clip in order; at most one batch is held.

    Args:
        rows: of each frame the pictures of the truth, then of each contender, of any size; they are
            cut to what all pictures of a plane have.
        accumulators: one for each contender.
        device: where they are scored.
        told: what an error begins with, of the first and the last frame of a batch.
        metrics: those of the accumulators.

    Raises:
        ValueError: pictures that cannot be scored.
    """
    for first, batch in _batches((_cut(row, device) for row in rows), device, metrics):
        try:
            columns = _score_batch(batch, accumulators)
        except ValueError as error:
            raise ValueError(f"{told(first, first + len(batch) - 1)}: {error}") from error
        for index, (row, scores) in enumerate(zip(batch, zip(*columns, strict=True), strict=True)):
            truth, *results = row
            yield ScoredRow(first + index, truth, tuple(results), scores)


def _score_batch(
    batch: Sequence[Sequence[Pictures]], accumulators: Sequence[PlaneAccumulator]
) -> list[list[FrameScores]]:
    """The scores of each contender; what depends on the truth alone is computed once."""
    truth, *results = (
        {plane: _stacked([row[column][plane] for row in batch]) for plane in batch[0][0]}
        for column in range(len(batch[0]))
    )
    checked = {plane: TruthFrames(images) for plane, images in truth.items()}
    pairs = zip(accumulators, results, strict=True)
    return [accumulator.add_batch(result, checked) for accumulator, result in pairs]


def _stacked(images: Sequence[Tensor]) -> Tensor:
    """(H, W) or (C, H, W) each, together (B, C, H, W)."""
    batch = torch.stack(list(images)) if len(images) > 1 else images[0][None]
    return batch if batch.ndim == 4 else batch[:, None]


def _batches(
    rows: Iterable[list[Pictures]], device: torch.device, metrics: Sequence[MetricName]
) -> Iterator[tuple[int, list[list[Pictures]]]]:
    """Frames of one size, as many as are scored together, with the number of the first."""
    number = 0
    batch: list[list[Pictures]] = []
    for row in rows:
        if batch and _sizes(row) != _sizes(batch[0]):
            yield number, batch
            number, batch = number + len(batch), []
        batch.append(row)
        pixels = sum(size.numel() for size in _sizes(row))
        if len(batch) == batch_length(pixels, device, metrics):
            yield number, batch
            number, batch = number + len(batch), []
    if batch:
        yield number, batch


def _sizes(row: Sequence[Pictures]) -> list[torch.Size]:
    """Those of the planes."""
    return [image.shape for image in row[0].values()]


def batch_length(pixels: int, device: torch.device, metrics: Sequence[MetricName]) -> int:
    """How many frames of so many pixels in all planes are scored together."""
    most = CPU_PIXELS if device.type == "cpu" else GPU_PIXELS
    if "lpips" in metrics:
        most //= LPIPS_SHARE
    return min(max(most // pixels, 1), MOST_FRAMES)


def _cut(row: Sequence[Pictures], device: torch.device) -> list[Pictures]:
    """The pictures on the device, cut to what all of a plane have."""
    cut: list[Pictures] = [{} for _ in row]
    for plane in row[0]:
        images = [pictures[plane].to(device) for pictures in row]
        sides = zip(*(image.shape[-2:] for image in images), strict=True)
        height, width = (min(sizes) for sizes in sides)
        for pictures, image in zip(cut, images, strict=True):
            pictures[plane] = image[..., :height, :width]
    return cut
