"""One simulated run into one file: video, NumPy or NetCDF, after the file's ending."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from vsr_cli.fields import FieldSeries, write_field_series, write_npz
from vsr_cli.media import check_output
from vsr_cli.media.pending import PendingFile
from vsr_cli.pipeline.simulate.grey_video import (
    CODECS,
    GRAY,
    check_file_output,
    write_grey_video,
)
from vsr_cli.simulation.shallow_water import gaussian_latitudes, simulate_shallow_water
from vsr_cli.specs import EncodingSpec, ShallowWaterSpec, SimulatedField

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Values = NDArray[np.float32]

ACCEPTED = (*CODECS, ".npz", ".nc")


class FieldNames(NamedTuple):
    """What the CF conventions call a field."""

    units: str  # as UDUNITS writes them
    long_name: str
    standard_name: str | None  # None: the CF table has no name for it


CF_NAMES: Mapping[SimulatedField, FieldNames] = MappingProxyType(
    {
        "vorticity": FieldNames(
            "s-1", "relative vorticity", "atmosphere_upward_relative_vorticity"
        ),
        "height": FieldNames("m", "height of the fluid's surface", None),
        "divergence": FieldNames("s-1", "divergence of the wind", "divergence_of_wind"),
        "speed": FieldNames("m s-1", "wind speed", "wind_speed"),
    }
)


@dataclass(frozen=True, slots=True)
class SimulationReport:
    """What was written."""

    output: str
    frames: int
    width: int
    height: int
    field: str
    units: str
    value_range: tuple[float, float]  # at code 0 and at the largest code of a video
    minimum: float  # of all frames, in ``units``
    maximum: float
    clipped: float  # fraction of the values that lie outside ``value_range``


def simulate_to_file(
    spec: ShallowWaterSpec,
    output: Path,
    *,
    crf: float | None = None,
    overwrite: bool = False,
    on_frame: Callable[[], object] | None = None,
) -> SimulationReport:
    """Integrate one run and write its frames to ``output``.

    ``.mkv`` is lossless grey video (FFV1), ``.mp4`` grey H.264 with quality ``crf``; both map
    ``spec.value_range`` to the codes 0 to 255. ``.npz`` and ``.nc`` hold physical values as
    float32, and keep the whole run in memory: 4 W H bytes per frame.

    Raises:
        ValueError: the ending is none of these, or ``crf`` is given for a lossless file.
        OutputError: the output exists or cannot be written.
        MissingExtraError: dinosaur, or for ``.nc`` xarray, is not installed.
        FloatingPointError: the run became unstable.
    """
    output = Path(output)
    kind = output.suffix.lower()
    if kind not in ACCEPTED:
        raise ValueError(f"output must end in one of {', '.join(ACCEPTED)}, got {output.name!r}")
    if crf is not None and kind != ".mp4":
        raise ValueError(f"crf is for .mp4; {kind} is lossless, got {crf = }")
    if kind in CODECS:
        check_output(output, overwrite=overwrite)
    else:
        check_file_output(output, overwrite=overwrite)
    tally = _Tally(spec.value_range, on_frame)
    frames = tally.watch(simulate_shallow_water(spec))
    if kind in CODECS:
        encoding = EncodingSpec(codec=CODECS[kind], crf=crf, pix_fmt=GRAY.name)
        write_grey_video(output, spec, frames, describe(spec), encoding, overwrite=overwrite)
    elif kind == ".npz":
        series = _collect(spec, frames)
        with PendingFile(output, overwrite=overwrite) as pending:
            write_npz(pending.path, series, value_range=spec.value_range, spec=asdict(spec))
    else:
        series = _collect(spec, frames)
        history = f"simulate shallow-water {json.dumps(asdict(spec))}"
        with PendingFile(output, overwrite=overwrite) as pending:
            write_field_series(pending.path, series, history=history)
    return tally.report(spec, output)


class _Tally:
    """Watches the values go by."""

    def __init__(
        self, value_range: tuple[float, float], on_frame: Callable[[], object] | None
    ) -> None:
        self.low, self.high = value_range
        self.on_frame = on_frame
        self.frames = self.clipped = self.total = 0
        self.minimum, self.maximum = np.inf, -np.inf

    def watch(self, frames: Iterable[Values]) -> Iterator[Values]:
        """Hand on each frame; it is counted when the next one is asked for."""
        for values in frames:
            yield values
            self.frames += 1
            self.total += values.size
            self.clipped += int(np.count_nonzero((values < self.low) | (values > self.high)))
            self.minimum = min(self.minimum, float(values.min()))
            self.maximum = max(self.maximum, float(values.max()))
            if self.on_frame is not None:
                self.on_frame()

    def report(self, spec: ShallowWaterSpec, output: Path) -> SimulationReport:
        return SimulationReport(
            output=str(output),
            frames=self.frames,
            width=spec.width,
            height=spec.height,
            field=spec.field,
            units=CF_NAMES[spec.field].units,
            value_range=spec.value_range,
            minimum=self.minimum,
            maximum=self.maximum,
            clipped=self.clipped / self.total,
        )


def describe(spec: ShallowWaterSpec) -> dict[str, Any]:
    """What a reader of the video needs to get back to physical values."""
    low, high = spec.value_range
    units = CF_NAMES[spec.field].units
    return {"field": spec.field, "units": units, "value_range": [low, high], "spec": asdict(spec)}


def _collect(spec: ShallowWaterSpec, frames: Iterable[Values]) -> FieldSeries:
    """All frames with their axes."""
    values = np.empty((spec.frames, spec.height, spec.width), np.float32)
    for number, frame in enumerate(frames):
        values[number] = frame
    names = CF_NAMES[spec.field]
    return FieldSeries(
        name=spec.field,
        values=values,
        time_min=np.arange(spec.frames, dtype=np.float64) * spec.interval_min,
        latitude=gaussian_latitudes(spec.height),
        longitude=np.arange(spec.width, dtype=np.float64) * (360 / spec.width),
        units=names.units,
        long_name=names.long_name,
        standard_name=names.standard_name,
        attributes={"title": "Shallow-water flow on the rotating sphere"},
    )
