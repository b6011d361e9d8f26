"""A look before the long run: a few frames of a clip, bicubic beside the model, as one picture."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path
from typing import Self

import numpy as np
from numpy.typing import NDArray

from vsr_cli.frames import ClipInfo, Frame
from vsr_cli.media import shown_rgb, write_png
from vsr_cli.media.limits import check_output_pixels
from vsr_cli.media.pending import PendingFile
from vsr_cli.media.target import check_png
from vsr_cli.models.load import LoadedChain, load_chain
from vsr_cli.pipeline.report import FileReport, Listener, Start
from vsr_cli.pipeline.seeking import SoughtClip
from vsr_cli.pipeline.settings import StageSettings
from vsr_cli.pipeline.shots import mark_shots
from vsr_cli.pipeline.size import OutputSize, choose_size, output_info
from vsr_cli.pipeline.stages import run_stages
from vsr_cli.specs import DecodingSpec, UpscaleSpec

GAP = 4  # pixels of white between two pictures


MOST_FRAMES = 100  # of one picture; each is sought and decoded by itself


@dataclass(frozen=True, slots=True, kw_only=True)
class PreviewReport(FileReport):
    """One preview: what it shows, and how it was made."""

    times_s: list[float]  # of the frames from top to bottom, from the first frame of the clip
    width: int  # of the picture
    height: int
    seconds: float
    fps: float
    warnings: list[str]

    @classmethod
    def of(
        cls, start: Start, times_s: list[float], picture: NDArray[np.uint8], *, seconds: float
    ) -> Self:
        """``start.frames`` is the number that was asked for."""
        warnings, number = [*start.warnings], len(times_s)
        if number != start.frames:
            warnings.append(
                f"the preview has {number} frames, not {start.frames}: at its other times the clip "
                "shows the same ones"
            )
        return cls(
            **start.facts,
            frames=number,
            times_s=times_s,
            width=picture.shape[1],
            height=picture.shape[0],
            seconds=round(seconds, 3),
            fps=round(number / seconds, 3),
            warnings=warnings,
        )


def preview_video(
    source: Path,
    target: Path,
    num_frames: int,
    spec: UpscaleSpec | None = None,
    decoding: DecodingSpec | None = None,
    *,
    overwrite: bool = False,
    listener: Listener | None = None,
) -> PreviewReport:
    """Write a PNG with a row for each of ``num_frames`` frames: bicubic left, the model right.

    They are spread evenly over the clip, or over its cut; each is what the whole run would make of
    it. Only they and their neighbours are decoded where the file can be sought in. The pictures are
    turned as the clip says, their pixels are taken for square.

    Raises:
        ValueError: settings that cannot be, or a target that is no PNG.
        VsrError: the file, the weights, the device or the disk does not play along.
    """
    if num_frames < 1:
        raise ValueError(f"a preview has at least 1 frame, got {num_frames}")
    if num_frames > MOST_FRAMES:
        raise ValueError(f"a preview has at most {MOST_FRAMES} frames, got {num_frames}")
    spec, decoding = spec or UpscaleSpec(), decoding or DecodingSpec()
    listener, started = listener or Listener(), time.perf_counter()
    check_png(target, overwrite=overwrite, input_path=source)
    clip = SoughtClip.of(source, decoding)
    comparison = _Comparison.of(spec, clip.info, decoding.max_pixels)
    start = Start.of(
        comparison.chain,
        comparison.settings,
        source,
        target,
        frames=num_frames,
        warnings=clip.warnings,
    )
    listener.on_start(start)
    rows: list[NDArray[np.uint8]] = []
    times: list[float] = []
    for frames, middle in clip.places(num_frames, comparison.chain.reach):
        rows.append(comparison.row(frames, middle))
        times.append(round(clip.time_s(frames[middle]), 6))
        listener.on_frame(len(rows))
    picture = _stack(rows, axis=0)
    with PendingFile(target, overwrite=overwrite) as pending:
        write_png(pending.path, picture)
    return PreviewReport.of(start, times, picture, seconds=time.perf_counter() - started)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Comparison:
    """The model and bicubic interpolation, each to the size of the output."""

    chain: LoadedChain
    bicubic: LoadedChain
    settings: StageSettings
    info: ClipInfo
    size: OutputSize

    @classmethod
    def of(cls, spec: UpscaleSpec, info: ClipInfo, max_pixels: int) -> Self:
        size = choose_size(spec, info)
        check_output_pixels(width=size.width, height=size.height, limit=max_pixels)
        chain = load_chain(spec.model, size.scale, domain=spec.domain, weights=spec.weights)
        return cls(
            chain=chain,
            bicubic=load_chain("bicubic", size.scale),
            settings=StageSettings.of(spec, info, chain),
            info=info,
            size=size,
        )

    def row(self, frames: list[Frame], middle: int) -> NDArray[np.uint8]:
        """Bicubic beside the model, for one of some frames that follow each other."""
        settings = self.settings
        shots = [*mark_shots(frames, settings.pixel_format, settings.scene_threshold)]
        plain = replace(settings, kernel="bicubic", consistency=0)
        pair = (
            self._shown(shots[middle : middle + 1], 0, self.bicubic, plain),
            self._shown(shots, middle, self.chain, settings),
        )
        return _stack(pair, axis=1)

    def _shown(
        self, frames: list[Frame], middle: int, chain: LoadedChain, settings: StageSettings
    ) -> NDArray[np.uint8]:
        finished = run_stages(frames, chain, settings, self.info, self.size)
        frame = next(islice(finished, middle, None))
        return shown_rgb(frame, output_info(self.info, self.size))


def _stack(pictures: Sequence[NDArray[np.uint8]], *, axis: int) -> NDArray[np.uint8]:
    """Pictures (H, W, 3) of one size below each other (axis 0) or side by side (1)."""
    widths = [(0, 0)] * 3
    widths[axis] = (GAP, 0)
    parts = [pictures[0], *(np.pad(p, widths, constant_values=255) for p in pictures[1:])]
    return np.concatenate(parts, axis=axis)
