"""Fields to be compared: opened, checked against each other, and mapped to what networks know.

Networks know values in [0, 1]. A field's are mapped there by ``(value - low) / (high - low)``, the
same for all of a series and both components of a flow, and back by its inverse; nothing is rounded
or cut.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor

from vsr_cli.errors import InputError
from vsr_cli.fields import FieldStream, open_fields
from vsr_cli.metrics import FieldUnits, LatLonGrid
from vsr_cli.pipeline.evaluate.truth import holds_values
from vsr_cli.specs import Downscale, EvaluateSpec

if TYPE_CHECKING:
    from vsr_cli.metrics import GridLike
    from vsr_cli.specs.degradation import Downscaler

ONE_SIDE = "videos and fields are scored apart: give TRUTH of one kind"


@dataclass(frozen=True, slots=True)
class FieldClip:
    """One series of the truth, and those that are given beside it."""

    truth: FieldStream
    given: tuple[FieldStream, ...]

    @property
    def name(self) -> str:
        return self.truth.name


def are_fields(paths: Sequence[Path], spec: EvaluateSpec) -> bool:
    """True if fields are to be scored, False if videos or stills. ``paths`` are truths and others.

    Raises:
        ValueError: there are both, or settings that the kind does not have.
    """
    kinds = {holds_values(path) for path in paths}
    if len(kinds) > 1:
        raise ValueError(ONE_SIDE)
    if kinds != {True}:
        for option, value in (("variable", spec.variables), ("value-range", spec.value_range)):
            if value:
                raise ValueError(f"--{option} belongs to fields (.nc, .zarr), TRUTH is none")
        return False
    if spec.channel != "luma":
        raise ValueError(f"a field has no colour: leave --channel {spec.channel} out")
    if spec.model is not None and spec.lr is None:
        field_kernel(spec)
    return True


def field_kernel(spec: EvaluateSpec) -> Downscaler:
    """How a field is made smaller.

    Raises:
        ValueError: the degradation is more than that.
    """
    match spec.degradation.steps:
        case (Downscale(kernel),):
            return kernel
    raise ValueError(
        "a field is made smaller and nothing else: give one of bicubic, area, bilinear, lanczos "
        f"and nearest as --degradation, got {spec.degradation}"
    )


@contextmanager
def open_field_clips(
    path: Path, given: Sequence[Path], scale: int, variables: Sequence[str]
) -> Iterator[tuple[FieldClip, ...]]:
    """Open a file of truth and the files given for it; one clip for each series.

    Raises:
        InputError: a file cannot be read, or one does not fit the truth ``scale`` times smaller.
        MissingExtraError: xarray, or what it reads the file with, is not installed.
    """
    with ExitStack() as stack:
        truths = stack.enter_context(open_fields(path, variables))
        others = [stack.enter_context(open_fields(other, variables)) for other in given]
        for other, streams in zip(given, others, strict=True):
            if len(streams) != len(truths):
                raise InputError(f"{path} holds {len(truths)} series, but {other} {len(streams)}")
        rows = zip(*others, strict=True) if others else [()] * len(truths)
        clips = tuple(FieldClip(*pair) for pair in zip(truths, rows, strict=True))
        for clip in clips:
            for stream in clip.given:
                _check(clip.truth, stream, scale)
        yield clips


def _check(truth: FieldStream, given: FieldStream, scale: int) -> None:
    if truth.num_frames != given.num_frames:
        raise InputError(
            f"{truth.path} has {truth.num_frames} steps, but {given.path} has {given.num_frames}"
        )
    sides = ((truth.height, given.height), (truth.width, given.width))
    if not all(found in (whole // scale, -(-whole // scale)) for whole, found in sides):
        raise InputError(
            f"{given.path} is {given.width}x{given.height}, but {truth.path} is "
            f"{truth.width}x{truth.height}: at scale {scale} that does not fit"
        )
    if truth.rows_ascend != given.rows_ascend:
        raise InputError(
            f"the rows of {truth.path} and {given.path} go opposite ways: turn one of them"
        )
    if truth.units != given.units:
        raise InputError(
            f"{truth.path} is in {truth.units or 'no unit'}, but {given.path} is in "
            f"{given.units or 'no unit'}"
        )


def count_steps(paths: Sequence[Path], variables: Sequence[str]) -> int:
    """The steps of all series of some files together, for progress."""
    total = 0
    for path in paths:
        with open_fields(path, variables) as streams:
            total += sum(stream.num_frames for stream in streams)
    return total


def find_range(stream: FieldStream) -> tuple[float, float]:
    """The smallest and the largest value of a series; it is read once for that.

    Raises:
        InputError: it cannot be read, has infinite values, none at all, or one only.
    """
    low, high = np.inf, -np.inf
    for number, frame in enumerate(stream.frames()):
        if np.isinf(frame).any():
            raise InputError(f"{stream.name} has infinite values in step {number}")
        if not np.isnan(frame).all():
            low, high = min(low, float(np.nanmin(frame))), max(high, float(np.nanmax(frame)))
    if not low < high:
        what = "no value" if low > high else f"no value but {low:g}"
        raise InputError(f"{stream.name} holds {what}: name a range with --value-range LOW,HIGH")
    return low, high


def tensors(stream: FieldStream) -> Iterator[Tensor]:
    """The steps of a series, (C, H, W) float64; missing values are NaN."""
    for frame in stream.frames():
        yield torch.from_numpy(np.ascontiguousarray(frame)).to(torch.float64)


def field_grid(stream: FieldStream, spec: EvaluateSpec, rows: int, columns: int) -> GridLike:
    """Where the first rows and columns lie: by the file's coordinates, if on the sphere.

    Raises:
        InputError: the file has no latitudes and longitudes, or none that can be.
    """
    if spec.grid == "plane":
        return "plane"
    if stream.latitude is None or stream.longitude is None:
        raise InputError(
            f"{stream.path} has no coordinates of latitude and longitude: --grid sphere needs them"
        )
    try:
        latitude, longitude = stream.latitude[:rows], stream.longitude[:columns]
        return LatLonGrid(tuple(latitude.tolist()), tuple(longitude.tolist()))
    except ValueError as error:
        raise InputError(f"{stream.path}: {error}") from error


def field_units(stream: FieldStream, spec: EvaluateSpec) -> FieldUnits:
    """In what the scores of a series are measured."""
    return FieldUnits(stream.units, "m" if spec.grid == "sphere" else "px")
