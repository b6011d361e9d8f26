"""What the tests of training learn from."""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path

import av
import numpy as np
import pytest


@pytest.fixture
def clip(tmp_path: Path) -> Callable[[str, int], Path]:
    """Writes eight frames of moving waves, with edges that bicubic interpolation blurs."""

    def make(name: str, seed: int) -> Path:
        draw = np.random.default_rng(seed)
        rows, columns = np.mgrid[0:64, 0:64]
        path = tmp_path / name
        with av.open(str(path), "w") as output:
            stream = output.add_stream("ffv1", rate=25)
            assert isinstance(stream, av.VideoStream)
            stream.pix_fmt, stream.width, stream.height = "gray", 64, 64
            angle = draw.uniform(0, math.pi)
            for time in range(8):
                phase = 0.7 * (columns * math.cos(angle) + rows * math.sin(angle) + 2 * time)
                luma = 128 + 90 * np.sign(np.sin(phase / 3)) * np.abs(np.sin(phase / 3)) ** 0.3
                picture = av.VideoFrame.from_ndarray(luma.astype(np.uint8), format="gray")
                output.mux(stream.encode(picture))
            output.mux(stream.encode(None))
        return path

    return make
