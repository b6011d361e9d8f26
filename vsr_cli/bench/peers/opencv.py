"""OpenCV's ``dnn_superres``, on the CPU: one frame after the other, 8 bits to 8 bits."""

from __future__ import annotations

from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np

from vsr_cli.bench.peers import MissingPeerError
from vsr_cli.bench.peers.frames import FrameContender
from vsr_cli.bench.setting import Setting
from vsr_cli.errors import InputError
from vsr_cli.frames import Frame

ALGORITHMS = ("edsr", "espcn", "fsrcnn", "lapsrn")  # the names that setModel takes


class OpencvFrames(FrameContender):
    """Luma in memory through ``DnnSuperResImpl.upsample``, which takes and gives code values."""

    def __init__(self, setting: Setting) -> None:
        path, scale = setting.bench.peer_model, setting.size.scale
        if path is None:
            raise ValueError("--against opencv needs --peer-model FILE")
        if setting.clip.info.pixel_format.bits != 8:
            raise ValueError("OpenCV's networks take 8 bits; give another --input")
        cv2: Any = import_module("cv2")
        if not hasattr(cv2, "dnn_superres"):
            raise MissingPeerError("opencv", "cv2.dnn_superres of the contributed modules")
        super().__init__(setting, f"OpenCV {cv2.__version__}, {path.name}")
        cv2.setNumThreads(setting.num_threads)
        self._network: Any = cv2.dnn_superres.DnnSuperResImpl_create()
        try:
            self._network.readModel(str(path))
            self._network.setModel(_algorithm(path), scale)
            self._network.upsample(self.frames[0].planes[0].numpy()[..., None])
        except cv2.error as error:
            reason = str(error).strip().splitlines()[-1]
            raise InputError(f"OpenCV cannot use {path} for x{scale}: {reason}") from None

    def upscale(self, frames: list[Frame]) -> Iterator[np.ndarray]:
        """See ``FrameContender``."""
        for frame in frames:
            codes: np.ndarray = self._network.upsample(frame.planes[0].numpy()[..., None])
            yield codes.reshape(codes.shape[:2])


def _algorithm(path: Path) -> str:
    """Which of OpenCV's networks a file holds, by its name."""
    found = [name for name in ALGORITHMS if name in path.stem.lower()]
    if not found:
        names = ", ".join(ALGORITHMS)
        raise ValueError(f"--peer-model says by its name which it is ({names}), got {path.name}")
    return found[0]
