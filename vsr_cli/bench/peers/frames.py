"""Contenders that make larger frames of frames in memory, code values to code values."""

from __future__ import annotations

import time
from abc import ABC, abstractmethod
from collections.abc import Iterable
from itertools import zip_longest

import numpy as np

from vsr_cli.bench.setting import Setting
from vsr_cli.errors import VsrError
from vsr_cli.frames import Frame

WARM_UP_FRAMES = 2  # for a contender that computes one after the other


class FrameContender(ABC):
    """A ``Contender`` that gets the luma of the clip, decoded and in memory."""

    warm_up_frames = WARM_UP_FRAMES

    def __init__(self, setting: Setting, title: str) -> None:
        self.setting, self.title = setting, title
        self.frames = setting.clip.read_luma()
        self._middle: np.ndarray | None = None

    @abstractmethod
    def upscale(self, frames: list[Frame]) -> Iterable[np.ndarray]:
        """Code values (H, W) of each frame's result, in order.

        What is done before the first one is asked for is not in the time.
        """

    def warm_up(self) -> None:
        """The first frames, which does not count."""
        for _ in self.upscale(self.frames[: self.warm_up_frames]):
            pass

    def round(self) -> float:
        """All frames; seconds.

        Raises:
            VsrError: a result is missing, or has another size than ours.
        """
        size = self.setting.size
        before = time.perf_counter()
        for number, (frame, codes) in enumerate(
            zip_longest(self.frames, self.upscale(self.frames))
        ):
            if frame is None or codes is None:
                raise VsrError(f"{self.title} gave another number of frames than it got")
            if codes.shape != (size.height, size.width):
                raise VsrError(
                    f"{self.title} gave {codes.shape[1]}x{codes.shape[0]} pixels, asked for were "
                    f"{size.width}x{size.height}"
                )
            if number == len(self.frames) // 2:
                self._middle = codes
        return time.perf_counter() - before

    def picture(self) -> np.ndarray | None:
        """What the middle frame became, (H, W) float32 in [0, 1]; None before the first round."""
        top = self.setting.clip.info.pixel_format.max_code
        return None if self._middle is None else self._middle.astype(np.float32) / top
