"""Our side of a race: what ``vsr upscale`` runs."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from vsr_cli import __version__
from vsr_cli.bench.end_to_end import EndToEndBench
from vsr_cli.bench.peers.frames import FrameContender
from vsr_cli.bench.setting import Setting
from vsr_cli.frames import Frame
from vsr_cli.pipeline.memory import keep_freed_memory
from vsr_cli.pipeline.stages import run_stages

TITLE = f"vsr {__version__}"


class OwnFrames(FrameContender):
    """Luma in memory, from code values through every stage to code values."""

    warm_up_frames = 16  # as many as go into one call of a network at most

    def __init__(self, setting: Setting) -> None:
        super().__init__(setting, TITLE)
        keep_freed_memory()
        self.settings = setting.luma_stages(chain := setting.load())
        self.chain = chain

    def upscale(self, frames: list[Frame]) -> Iterator[np.ndarray]:
        """See ``FrameContender``."""
        info, size = self.setting.clip.luma_info, self.setting.size
        larger = run_stages(frames, self.chain, self.settings, info, size)
        return (frame.planes[0].numpy() for frame in larger)


class OwnFile:
    """A ``Contender`` from file to file."""

    title = TITLE

    def __init__(self, setting: Setting) -> None:
        keep_freed_memory()
        self.bench = EndToEndBench.of(setting)

    def warm_up(self) -> None:
        """A whole run."""
        self.bench.run_once()

    def round(self) -> float:
        """Seconds from the moment when all is opened and loaded to the complete file."""
        return self.bench.run_once()[0]

    def picture(self) -> None:
        """None: it is in the file."""
