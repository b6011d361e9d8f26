"""The last stage: results that degrade to the frames that they were made from."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import replace
from functools import partial

from torch import Tensor

from vsr_cli.frames import Frame
from vsr_cli.imaging.backprojection import back_project
from vsr_cli.pipeline.settings import StageSettings, batched


class Consistency:
    """Keep the frames that go in until their results come out, and then bring both together.

    Only planes that a network sees are changed: luma, all three of GBR, or all with
    ``--chroma model``; behind a network that sees RGB the luma of YUV, too.
    """

    def __init__(self, settings: StageSettings, factors: tuple[float, float]) -> None:
        """``factors`` are the enlargement down and across, from the first frames to the last."""
        self.settings = settings
        self.factors = factors
        self._held: deque[tuple[Tensor, ...]] = deque()

    def remember(self, frames: Iterable[Frame]) -> Iterator[Frame]:
        """Pass frames on to the networks."""
        for frame in frames:
            if self.settings.consistency:
                self._held.append(frame.planes)
            yield frame

    def restore(self, frames: Iterable[Frame]) -> Iterator[Frame]:
        """Back-project what became of them, one for each and in their order."""
        for frame in frames:
            if self.settings.consistency:
                frame = self._restored(frame, self._held.popleft())
            yield frame

    def _restored(self, frame: Frame, source: tuple[Tensor, ...]) -> Frame:
        planes = list(frame.planes)
        for number in self.settings.model_planes:
            project = partial(
                back_project,
                low=source[number][None, None],
                iterations=self.settings.consistency,
                siting=self.settings.plane_siting(number),
                factors=self.factors,
            )
            planes[number] = batched(
                project, [planes[number]], is_bounded=self.settings.is_bounded
            )[0]
        return replace(frame, planes=tuple(planes))
