"""Our own networks in ONNX Runtime: one frame after the other, or one window.

They are exported by ``models.export``, so borders are padded with zeros. Frames become floats and
the results code values again with NumPy, the way a program around ONNX Runtime would do it; what a
3D network sees of its neighbours is kept, not computed again.
"""

from __future__ import annotations

from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np

from vsr_cli.bench.peers.frames import FrameContender
from vsr_cli.bench.setting import Setting
from vsr_cli.errors import VsrError
from vsr_cli.frames import Frame
from vsr_cli.models.export import INPUT, OUTPUT, write_onnx
from vsr_cli.models.load import LoadedModel
from vsr_cli.pipeline.device import choose_device

PROVIDERS = {"cpu": "CPUExecutionProvider", "cuda": "CUDAExecutionProvider"}


class OnnxFrames(FrameContender):
    """Luma in memory through one session for each network."""

    def __init__(self, setting: Setting) -> None:
        onnxruntime: Any = import_module("onnxruntime")
        provider = PROVIDERS[choose_device(setting.upscale.device).type]
        if provider not in onnxruntime.get_available_providers():
            raise VsrError(f"this onnxruntime has no {provider}; try: pip install onnxruntime-gpu")
        super().__init__(setting, f"ONNX Runtime {onnxruntime.__version__}, {provider}")
        chain = setting.load()
        if chain.scale * setting.clip.info.width != setting.size.width:
            raise ValueError("--against onnxruntime is for a whole --scale of the networks")
        self._stages = [
            (stage, self._session(stage, setting.folder / f"{number}.onnx", provider))
            for number, stage in enumerate(chain.stages)
        ]

    def _session(self, model: LoadedModel, path: Path, provider: str) -> Any:
        if model.spec.color == "rgb":
            raise ValueError(
                f"--against onnxruntime is for networks that see luma, {model.spec.name} sees RGB"
            )
        write_onnx(model, path)
        onnxruntime: Any = import_module("onnxruntime")
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = self.setting.num_threads
        options.inter_op_num_threads = 1
        return onnxruntime.InferenceSession(str(path), options, providers=[provider])

    def upscale(self, frames: list[Frame]) -> Iterator[np.ndarray]:
        """See ``FrameContender``."""
        top = self.setting.clip.info.pixel_format.max_code
        planes: Iterator[np.ndarray] = (
            frame.planes[0].numpy().astype(np.float32) / top for frame in frames
        )
        for model, session in self._stages:
            planes = _run(planes, model, session)
        dtype = np.uint8 if top <= 255 else np.uint16
        for plane in planes:
            yield (plane * top).round().astype(dtype)


def _run(planes: Iterator[np.ndarray], model: LoadedModel, session: Any) -> Iterator[np.ndarray]:
    """Planes (H, W) through one network; before the first and after the last they are repeated."""
    reach = model.spec.window // 2
    held = planes if model.spec.kind == "frame" else list(planes)
    for number, plane in enumerate(held):
        given = plane[None, None]  # (1, 1, H, W)
        if isinstance(held, list):
            places = range(number - reach, number + reach + 1)
            window = [held[min(max(place, 0), len(held) - 1)] for place in places]
            given = np.stack(window)[None, None]  # (1, 1, T, H, W)
        result: np.ndarray = session.run([OUTPUT], {INPUT: given})[0]
        yield result[0, 0].clip(0, 1)
