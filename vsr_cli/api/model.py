"""A network for a loop of one's own: frames in, frames out, windows and scene cuts as they are."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from vsr_cli.frames import ClipInfo, Frame, PixelFormat
from vsr_cli.media.pixels.formats import require_planar
from vsr_cli.media.pixels.planes import check_planes
from vsr_cli.models.load import LoadedChain
from vsr_cli.pipeline.loaded import copy_chain, load_chain_once
from vsr_cli.pipeline.report import chain_name, chain_warnings
from vsr_cli.pipeline.settings import StageSettings
from vsr_cli.pipeline.shots import mark_shots
from vsr_cli.pipeline.size import OutputSize, choose_size, output_info
from vsr_cli.pipeline.stages import run_networks, run_stages
from vsr_cli.pipeline.transfer import require_numbers, to_codes, to_planes
from vsr_cli.specs import Precision, UpscaleSpec

USUAL = UpscaleSpec()
GREEN_BLUE_RED = [1, 2, 0]  # the order of planes, in that of samples
RED_GREEN_BLUE = [2, 0, 1]  # and back


def load_model(
    model: str = USUAL.model,
    *,
    scale: float | Fraction | None = USUAL.scale,
    domain: str | None = USUAL.domain,
    weights: Sequence[str | Path] = USUAL.weights,
    device: str = USUAL.device,
    precision: Precision = USUAL.precision,
    chroma: str = USUAL.chroma,
    scene_threshold: float = USUAL.scene_threshold,
) -> UpscalingModel:
    """The networks of a ``--model`` with their weights, ready for frames of any size.

    The names are the options of ``vsr upscale``.

    >>> model = vsr_cli.load_model("2d3d-fast", scale=2, domain="climate")
    >>> model.name, model.scale, model.domain, model.reach
    ('2d3d-fast', 2, 'climate', 2)

    Raises:
        ValueError: unknown name, or settings that cannot be.
        WeightsError: weights are missing, damaged or do not fit.
        DeviceError: the device that was named is not there.
    """
    spec = UpscaleSpec(
        model=model,
        scale=None if scale is None else exact(scale),
        domain=domain,
        weights=tuple(map(Path, weights)),
        device=device,
        precision=precision,
        chroma=chroma,  # type: ignore[arg-type]  # it is checked
        scene_threshold=scene_threshold,
    )
    return UpscalingModel(spec)


class UpscalingModel:
    """Networks that are loaded once and used often; made by ``load_model``.

    Attributes:
        spec: the settings.
        warnings: what there is to say of the weights, one line each.
    """

    def __init__(self, spec: UpscaleSpec) -> None:
        """Load what ``spec`` names; its width and height must be None.

        Raises:
            ValueError, VsrError: as ``load_model``.
        """
        if spec.width is not None or spec.height is not None:
            raise ValueError("a model has a scale; width and height are those of one file")
        self.spec = spec
        any_clip = _clip_info(16, 16, "gray")
        self._chain: LoadedChain = load_chain_once(
            spec.model,
            choose_size(spec, any_clip).scale,
            domain=spec.domain,
            weights=spec.weights,
        )
        self.warnings = chain_warnings(self._chain, spec.tile)
        StageSettings.of(spec, any_clip, self._chain)  # the device is there

    @property
    def name(self) -> str:
        """The names of the networks joined by a plus, in the order in which frames pass."""
        return chain_name(self._chain)

    @property
    def scale(self) -> int:
        """By how much the networks enlarge; a scale of 1.5 is reached from 2."""
        return self._chain.scale

    @property
    def domain(self) -> str | None:
        """That of the released weights; None where there are none."""
        return self._chain.domain

    @property
    def reach(self) -> int:
        """How many frames before and after a frame its result depends on."""
        return self._chain.reach

    def output_info(self, info: ClipInfo) -> ClipInfo:
        """What a writer has to know of the clip that ``upscale_frames`` gives."""
        return output_info(info, choose_size(self.spec, info))

    def _prepare(self, info: ClipInfo) -> tuple[OutputSize, StageSettings]:
        size = choose_size(self.spec, info)
        return size, StageSettings.of(self.spec, info, self._chain)

    def upscale_frames(self, frames: Iterable[Frame], info: ClipInfo) -> Iterator[Frame]:
        """Frames of a clip, each enlarged, with its pts, in the format that it came in.

        One frame comes out for each that goes in, ``reach`` frames and a batch later: a window ends
        at a scene cut and at the end of ``frames``. Planes are tensors (H, W) of code values on the
        CPU, uint8 or uint16. Memory does not grow with the clip.

        >>> model = vsr_cli.load_model("fsrcnn", scale=2)
        >>> with vsr_cli.open_reader("in.mp4") as clip:
        ...     larger = model.output_info(clip.info)
        ...     with vsr_cli.open_writer("out.mp4", larger, copy_from=clip.path) as writer:
        ...         for frame in model.upscale_frames(clip, clip.info):
        ...             writer.write(frame)  # or frame.planes[0].numpy(), (H, W)
        >>> larger.width, larger.height
        (128, 96)

        Args:
            frames: one clip in order of presentation, such as a ``FrameReader``.
            info: that of the frames that go in.

        Raises:
            ValueError: a frame is not of that clip.
        """
        size, settings = self._prepare(info)
        clip = mark_shots(_checked(frames, info), info.pixel_format, settings.scene_threshold)
        return run_stages(clip, copy_chain(self._chain), settings, info, size)

    def upscale_array(self, clip: NDArray[Any]) -> NDArray[Any]:
        """One clip as an array: (T, H, W) as (T, s*H, s*W), (T, H, W, 3) as (T, s*H, s*W, 3).

        Float arrays hold values in [0, 1], and so do their results, as float32; uint8 and uint16
        are codes and stay so. Three channels are red, green and blue. The array is one clip: scene
        cuts are looked for, and windows end there.

        >>> import numpy as np
        >>> model = vsr_cli.load_model("bicubic", scale=2)
        >>> model.upscale_array(np.zeros((5, 24, 32))).shape
        (5, 48, 64)
        >>> model.upscale_array(np.zeros((1, 24, 32, 3), np.uint8)).dtype
        dtype('uint8')

        Raises:
            ValueError: another shape or type, or values that are not in [0, 1].
        """
        _check_array(clip)
        bits = 8 if clip.dtype == np.uint8 else 16
        has_color = clip.ndim == 4
        names = ("gray", "gbrp") if bits == 8 else ("gray16le", "gbrp16le")
        info = _clip_info(clip.shape[2], clip.shape[1], names[has_color])
        form = info.pixel_format
        size, settings = self._prepare(info)
        shots = mark_shots(_array_frames(clip, form), form, settings.scene_threshold)
        chain = copy_chain(self._chain)
        frames = run_networks(to_planes(shots, settings), chain, settings, info, size)
        if clip.dtype.kind == "u":
            frames = to_codes(frames, form)
        return np.stack([_samples(frame) for frame in frames])


def exact(scale: float | Fraction) -> int | Fraction:
    """A scale as it is written: 1.1 as 11/10, whole numbers as such."""
    fraction = Fraction(str(scale))
    return fraction.numerator if fraction.denominator == 1 else fraction


def _checked(frames: Iterable[Frame], info: ClipInfo) -> Iterator[Frame]:
    for frame in frames:
        check_planes(frame, info)
        yield frame


def _clip_info(width: int, height: int, pixel_format: str) -> ClipInfo:
    """That of pictures without a file."""
    return ClipInfo(
        width=width,
        height=height,
        pixel_format=require_planar(pixel_format),
        time_base=Fraction(1, 25),
    )


def _check_array(clip: NDArray[Any]) -> None:
    is_clip = clip.ndim == 3 or (clip.ndim == 4 and clip.shape[-1] == 3)
    if not is_clip or not clip.size:
        raise ValueError(
            f"a clip is an array (T, H, W), or (T, H, W, 3) of red, green and blue, with something "
            f"in it; got {clip.shape}; one picture is clip[None]"
        )
    if clip.dtype.kind != "f" and clip.dtype not in (np.uint8, np.uint16):
        raise ValueError(f"a clip is of uint8, uint16 or floats, got {clip.dtype}")
    if clip.dtype.kind == "f" and not (clip.min() >= 0 and clip.max() <= 1):  # NaN fails too
        raise ValueError(
            f"values of a float clip lie in [0, 1], got {clip.min():g} to {clip.max():g}; "
            "physical values go by vsr_cli.accessor or NetCDF"
        )


def _array_frames(clip: NDArray[Any], form: PixelFormat) -> Iterator[Frame]:
    """Frames of code values; floats become codes that are not rounded."""
    for number, picture in enumerate(clip):
        if picture.dtype.kind == "f":
            picture = picture.astype(np.float32) * form.max_code
        planes = [picture] if picture.ndim == 2 else [picture[..., k] for k in GREEN_BLUE_RED]
        tensors = tuple(torch.from_numpy(np.ascontiguousarray(plane)) for plane in planes)
        yield Frame(tensors, pts=number, duration=1)


def _samples(frame: Frame) -> NDArray[Any]:
    """The planes of a frame as (H, W), or (H, W, 3) of red, green and blue."""
    require_numbers(plane for plane in frame.planes if plane.is_floating_point())
    planes = [plane.cpu().numpy() for plane in frame.planes]
    if len(planes) == 1:
        return planes[0]
    return np.stack([planes[k] for k in RED_GREEN_BLUE], axis=-1)
