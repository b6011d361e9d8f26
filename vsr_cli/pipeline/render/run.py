"""A field as a video or a picture: colours for eyes, or grey codes from which values come back."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch

from vsr_cli.fields import FieldStream, open_fields
from vsr_cli.fields.times import time_labels
from vsr_cli.frames import Frame, FrameWriter
from vsr_cli.media import check_output, open_writer
from vsr_cli.media.target import target_kind
from vsr_cli.pipeline.render.colors import Limits, Palette, choose_limits, find_colors
from vsr_cli.pipeline.render.look import ColorLook, GrayLook, Look
from vsr_cli.pipeline.report import Listener, Report, Start
from vsr_cli.pipeline.stopwatch import Stopwatch
from vsr_cli.specs import EncodingSpec, RenderSpec

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

LOSSLESS = ("ffv1",)


@dataclass(frozen=True, slots=True, kw_only=True)
class RenderReport(Report):
    """One field as it is shown."""

    input: str
    output: str
    variable: str
    units: str
    cmap: str
    value_range: tuple[float, float]
    frames: int
    width: int
    height: int
    scale: int
    minimum: float | None  # of the values, all of them; what lies beyond the range is at its ends
    maximum: float | None
    has_missing: bool
    seconds: float
    fps: float
    warnings: list[str]


def render_field(
    source: Path,
    target: Path,
    spec: RenderSpec | None = None,
    encoding: EncodingSpec | None = None,
    *,
    overwrite: bool = False,
    listener: Listener | None = None,
) -> RenderReport:
    """Show a variable of a file of fields, north at the top, in the same colours at all times.

    Raises:
        ValueError: settings that cannot be.
        VsrError: the file cannot be read, the output not be written.
        MissingExtraError: xarray or matplotlib is not installed.
    """
    spec, encoding = spec or RenderSpec(), encoding or EncodingSpec()
    listener, watch = listener or Listener(), Stopwatch()
    check_output(target, overwrite=overwrite)
    colors = None if spec.is_gray else find_colors(spec.cmap)
    names = () if spec.variable is None else (spec.variable,)
    with ExitStack() as stack:
        stream = _choose_series(stack.enter_context(open_fields(source, names)), spec)
        steps = _choose_steps(stream, spec, target)
        limits = choose_limits((step[0] for step in stream.frames()), spec)
        look = _choose_look(stream, spec, limits, colors, time_labels(source, names))
        encoding, told = _keep_codes(target, encoding) if spec.is_gray else (encoding, [])
        info = look.info(len(steps))
        writer = stack.enter_context(open_writer(target, info, encoding, overwrite=overwrite))
        told = [*look.warnings, *told, *writer.warnings]
        listener.on_start(_start(source, target, stream, len(steps), told))
        _write(writer, look, _values(stream, steps), listener)
    return RenderReport(
        input=str(source),
        output=str(target),
        variable=look.name,
        units=stream.units,
        cmap=spec.cmap,
        value_range=limits.value_range,
        frames=len(steps),
        width=info.width,
        height=info.height,
        scale=look.scale,
        minimum=limits.minimum,
        maximum=limits.maximum,
        has_missing=limits.has_missing,
        seconds=round(watch.elapsed(), 3),
        fps=round(len(steps) / watch.elapsed(), 3),
        warnings=list(dict.fromkeys(told)),
    )


def _write(
    writer: FrameWriter,
    look: Look,
    values: Iterator[tuple[int, NDArray[Any]]],
    listener: Listener,
) -> None:
    for pts, (step, field) in enumerate(values):
        planes = tuple(torch.from_numpy(plane) for plane in look.planes(field[0], step))
        writer.write(Frame(planes, pts=pts, duration=1))
        listener.on_frame(pts + 1)


def _choose_series(streams: tuple[FieldStream, ...], spec: RenderSpec) -> FieldStream:
    number, first = len(streams), streams[0]
    if spec.series is None and number == 1:
        return first
    if spec.series is not None and spec.series < number:
        return streams[spec.series]
    if number == 1:
        raise ValueError(f"{first.variables[0]} has one series alone; leave --series out")
    places = ", ".join(stream.place for stream in streams[:3])
    raise ValueError(
        f"{first.variables[0]} has {number} series ({places}{', ...' if number > 3 else ''}); "
        f"choose one with --series 0 to {number - 1}"
    )


def _choose_steps(stream: FieldStream, spec: RenderSpec, target: Path) -> range:
    """The steps that are shown."""
    is_picture, number = target_kind(target) == "still", stream.num_frames
    if spec.at is not None and not is_picture:
        raise ValueError(f"--at is for one picture (.png), {target} is none; leave it out")
    if spec.at is None and is_picture and number > 1:
        raise ValueError(f"{target} is one picture of {number} steps: choose one with --at")
    if spec.at is None:
        return range(number)
    if not -number <= spec.at < number:
        raise ValueError(f"--at is one of the steps 0 to {number - 1}, got {spec.at}")
    return range(spec.at % number, spec.at % number + 1)


def _values(stream: FieldStream, steps: range) -> Iterator[tuple[int, NDArray[Any]]]:
    """The steps with their numbers; a single one is read alone."""
    if len(steps) < stream.num_frames:
        yield steps.start, stream.read(steps.start, steps.stop)[0]
        return
    yield from enumerate(stream.frames())


def _choose_look(
    stream: FieldStream,
    spec: RenderSpec,
    limits: Limits,
    colors: NDArray[np.uint8] | None,
    times: tuple[str, ...] | None,
) -> Look:
    if colors is None:
        return GrayLook(stream, spec, limits)
    return ColorLook(stream, spec, Palette(colors, limits.value_range), times)


def _keep_codes(target: Path, encoding: EncodingSpec) -> tuple[EncodingSpec, list[str]]:
    """A codec that keeps every code where the container has one, else a warning."""
    if target_kind(target) != "video":
        return encoding, []
    if encoding.codec is None and target.suffix.lower() == ".mkv":
        encoding = replace(encoding, codec=LOSSLESS[0])
    if encoding.codec in LOSSLESS:
        return encoding, []
    return encoding, ["this codec changes codes a little: an .mkv file (ffv1) keeps every value"]


def _start(source: Path, target: Path, stream: FieldStream, frames: int, told: list[str]) -> Start:
    return Start(
        input=source,
        output=target,
        frame_pixels=stream.height * stream.width,
        frames=frames,
        warnings=tuple(told),
    )
