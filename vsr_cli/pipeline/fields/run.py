"""The street for fields: a NetCDF file or Zarr store comes in, a finer one goes out."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from itertools import product
from pathlib import Path

import torch
from torch import Tensor

from vsr_cli.fields import FieldStream, open_fields
from vsr_cli.fields.copying import look_into, split_copies
from vsr_cli.fields.dims import find_dims
from vsr_cli.fields.grid import FieldGrid, is_uneven
from vsr_cli.fields.output import FieldOutput, common_dims, plan_variable
from vsr_cli.fields.raw import open_raw
from vsr_cli.fields.skeleton import make_skeleton
from vsr_cli.fields.stores import FieldStore
from vsr_cli.models.load import LoadedChain
from vsr_cli.pipeline.fields.networks import field_chain, field_settings
from vsr_cli.pipeline.fields.output import check_target, writing
from vsr_cli.pipeline.fields.provenance import describe_run
from vsr_cli.pipeline.fields.report import FieldReport, VariableReport
from vsr_cli.pipeline.fields.steps import (
    ONE_STEP,
    UNEVEN_STEPS,
    choose_mapping,
    enlarge_steps,
)
from vsr_cli.pipeline.fields.values import (
    FieldMapping,
    FieldSummary,
    HeldStep,
    choose_summary,
    summarise,
)
from vsr_cli.pipeline.loaded import LoadChain
from vsr_cli.pipeline.report import Listener, Start
from vsr_cli.pipeline.settings import StageSettings
from vsr_cli.specs import FieldSpec, UpscaleSpec


def upscale_fields(
    source: Path,
    target: Path,
    spec: UpscaleSpec | None = None,
    fields: FieldSpec | None = None,
    *,
    overwrite: bool = False,
    listener: Listener | None = None,
    load: LoadChain | None = None,
) -> FieldReport:
    """Upscale variables of one file; the target appears when it is complete, or not at all.

    Time, levels, attributes and what does not lie on the grid stay as they are. ``load`` gives the
    networks, ``load_chain`` by default.

    Raises:
        ValueError: settings that cannot be.
        VsrError: the file, the weights, the device or the disk does not play along.
        MissingExtraError: xarray, or what it reads the file with, is not installed.
    """
    spec, fields, listener = spec or UpscaleSpec(), fields or FieldSpec(), listener or Listener()
    started = time.perf_counter()
    check_target(source, target, overwrite=overwrite)
    chain, settings = field_chain(spec, fields, load=load), field_settings(spec)
    contents = look_into(source)
    with ExitStack() as stack:
        run = _Run(source, chain, settings, fields, stack)
        command = describe_run(chain, settings, spec, fields, run.names)
        skeleton = make_skeleton(run.raw, run.names, run.dims, chain.scale, history=command)
        skeleton = split_copies(skeleton, contents, source, target)
        store = stack.enter_context(writing(target, skeleton, run.outputs, overwrite=overwrite))
        warnings = list(run.warnings)
        if skeleton.left_out:
            warnings.append(f"not in the output: {', '.join(skeleton.left_out)}")
        if contents.groups:
            warnings.append(f"groups are not copied: {', '.join(contents.groups)}")
        listener.on_start(start := run.start(target, warnings))
        variables = run.write(store, listener)
    return FieldReport.of(
        start,
        variables,
        seconds=time.perf_counter() - started,
        left_out=skeleton.left_out,
        boundary=run.grids[0].edges.across,
        told=run.told,
    )


class _Run:
    """What is known of a file before its first step is computed, and the way of all steps."""

    def __init__(
        self,
        source: Path,
        chain: LoadedChain,
        settings: StageSettings,
        fields: FieldSpec,
        stack: ExitStack,
    ) -> None:
        self.source, self.chain, self.settings, self.fields = source, chain, settings, fields
        self.raw = stack.enter_context(open_raw(source))
        chosen: list[tuple[str, ...]] = [(name,) for name in fields.variables] or [()]
        self.streams: list[tuple[FieldStream, ...]] = [
            stack.enter_context(open_fields(source, names)) for names in chosen
        ]
        self.names = [streams[0].variables[0] for streams in self.streams]
        self.dims = common_dims(self.raw, self.names, source)
        self.grids = [
            FieldGrid.of(self.raw, name, self.dims, chain.scale, fields.boundary)
            for name in self.names
        ]
        self.summaries = [self._summary(streams) for streams in self.streams]
        self.warnings: list[str] = list(self.grids[0].warnings)
        if fields.conserve == "mean":
            self.warnings += self.grids[0].area_warnings
        self.told: list[str] = []
        self.outputs: list[FieldOutput] = []
        for name, summary in zip(self.names, self.summaries, strict=True):
            output, warnings = plan_variable(
                self.raw, name, chain.scale, summary.value_range, summary.deviation, fields
            )
            self.outputs.append(output)
            self.warnings += warnings
        if chain.reach and is_uneven(self.raw, self.dims.time):
            self.warnings.append(UNEVEN_STEPS)
        if chain.reach and self.streams[0][0].num_frames == 1:
            self.warnings.append(ONE_STEP)

    @property
    def num_frames(self) -> int:
        return sum(stream.num_frames for streams in self.streams for stream in streams)

    def start(self, target: Path, warnings: Sequence[str]) -> Start:
        """What is told before the first step."""
        stream = self.streams[0][0]
        return Start.of(
            self.chain,
            self.settings,
            self.source,
            target,
            frames=self.num_frames,
            frame_pixels=stream.height * stream.width,
            warnings=warnings,
        )

    def write(self, store: FieldStore, listener: Listener) -> tuple[VariableReport, ...]:
        """Compute and store all steps of all series of all variables."""
        reports, done = [], 0
        for number, (name, streams) in enumerate(zip(self.names, self.streams, strict=True)):
            output, error, infinite = self.outputs[number], 0.0, 0
            for place, stream in zip(self._places(name), streams, strict=True):
                mapping = self._mapping(number)
                for step, (values, held) in enumerate(self._enlarged(stream, mapping)):
                    packed = output.packing.pack(values.numpy())
                    store.write(name, output.place(place, step), packed)
                    stored = torch.from_numpy(output.packing.unpack(packed))
                    error = max(error, mapping.mean_error(stored, held))
                    infinite += int(held.values.isinf().sum())
                    done += 1
                    listener.on_frame(done)
            if infinite:
                self.told.append(f"{infinite} infinite values of {name} count as missing")
            reports.append(self._report(number, streams, error))
        return tuple(reports)

    def _places(self, name: str) -> list[dict[str, int]]:
        """The series of a variable in the order of its streams."""
        array = self.raw[name]
        others = find_dims(self.raw, array).others
        indices = product(*(range(array.sizes[dim]) for dim in others))
        return [dict(zip(others, index, strict=True)) for index in indices]

    def _summary(self, streams: tuple[FieldStream, ...]) -> FieldSummary:
        return choose_summary(
            self.fields,
            lambda: summarise(step[0] for stream in streams for step in stream.frames()),
        )

    def _mapping(self, number: int) -> FieldMapping:
        return choose_mapping(
            self.chain,
            self.grids[number],
            self.fields,
            value_range=self.summaries[number].value_range,
            consistency=self.settings.consistency,
        )

    def _enlarged(
        self, stream: FieldStream, mapping: FieldMapping
    ) -> Iterator[tuple[Tensor, HeldStep]]:
        """Each step of a series, (s*H, s*W) float64 with NaN, and what it was made of."""
        steps = (values[0] for values in stream.frames())
        size = stream.height, stream.width
        return enlarge_steps(steps, size, self.chain, self.settings, mapping)

    def _report(
        self, number: int, streams: tuple[FieldStream, ...], error: float
    ) -> VariableReport:
        name, packing = self.names[number], self.outputs[number].packing
        if packing.lowest > packing.highest:
            self.told.append(f"{name} holds no value: all of it is missing")
        if packing.clipped:
            self.told.append(
                f"{packing.clipped} values of {name} lie beyond what its packing holds; they are "
                "at its ends now"
            )
        return VariableReport(
            name=name,
            units=streams[0].units,
            series=len(streams),
            value_range=self.summaries[number].value_range,
            clipped=packing.clipped,
            mean_error=error if self.fields.conserve == "mean" else None,
        )
