"""vsr info"""

from __future__ import annotations

import json
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING

import click
from rich import box
from rich.table import Table
from rich.text import Text

from vsr_cli.cli.console import show
from vsr_cli.cli.examples import examples
from vsr_cli.cli.options import json_option, max_pixels_option
from vsr_cli.cli.param_types import ClipPath

if TYPE_CHECKING:
    from vsr_cli.media.probing.probe import FileProbe, PicturesProbe
    from vsr_cli.media.probing.stream_probe import StreamProbe
    from vsr_cli.media.probing.timing import Timing
    from vsr_cli.media.probing.video_probe import VideoProbe

LONGEST_TAG = 100  # characters of a tag that are shown


@click.command(epilog=examples("info"))
@click.argument("files", metavar="FILE...", nargs=-1, required=True, type=ClipPath())
@click.option("--count", is_flag=True, help="Read the whole file and count its frames.")
@max_pixels_option
@json_option
@click.pass_context
def info(
    ctx: click.Context, files: tuple[Path, ...], count: bool, max_pixels: int, as_json: bool
) -> None:
    """Show what is in each FILE, folder of pictures or pattern (f_%05d.png), as vsr sees it.

    Streams, size, rotation, shape of the pixels, colour, times, chapters, and what vsr upscale
    would say. Whether the frame rate is constant is told from the first packets, with --count from
    all of them. The exit code is 1 if a file is damaged or holds no video.
    """
    from vsr_cli.media import probe_file

    probes = [probe_file(path, count=count, max_pixels=max_pixels) for path in files]
    if as_json:
        click.echo(json.dumps([probe.to_json() for probe in probes]))
    else:
        for probe in probes:
            click.echo(str(probe.path))
            show(*tables(probe))
    for probe in probes:
        for fault in probe.faults:
            click.echo(f"Error: {' '.join(fault.split())}", err=True)
    ctx.exit(1 if any(probe.faults for probe in probes) else 0)


def tables(probe: FileProbe) -> Iterator[Table]:
    """A table of facts, one of the streams, and one of the chapters if there are any."""
    facts = Table(box=None, show_header=False)
    facts.add_column(style="bold", no_wrap=True)
    facts.add_column(overflow="fold")
    for name, value in _facts(probe):
        if value:
            facts.add_row(name, Text(value))
    yield facts
    if probe.streams:
        yield _stream_table(probe.streams)
    if probe.chapters:
        chapters = Table("start", "end", "chapter", box=box.SIMPLE)
        for chapter in probe.chapters:
            chapters.add_row(f"{chapter.start_s:.3f} s", f"{chapter.end_s:.3f} s", chapter.title)
        yield chapters


def _facts(probe: FileProbe) -> Iterator[tuple[str, str]]:
    yield "container", probe.container or ""
    yield "size", "" if probe.size_bytes is None else f"{probe.size_bytes:,} bytes"
    yield "duration", _seconds(probe.duration_s)
    if probe.pictures is not None:
        yield "pictures", _pictures(probe.pictures)
    if probe.video is not None:
        yield from _video_facts(probe.video)
    if probe.timing is not None:
        yield "times", _times(probe.timing)
        yield "counted", f"{probe.timing.num_packets} frames" if probe.timing.is_complete else ""
    for name, value in probe.tags.items():
        yield f"tag {name}", value if len(value) <= LONGEST_TAG else f"{value[:LONGEST_TAG]}..."
    for warning in probe.warnings:
        yield "warning", warning
    for fault in probe.faults:
        yield "fault", fault


def _video_facts(video: VideoProbe) -> Iterator[tuple[str, str]]:
    size, shown = (video.width, video.height), (video.display_width, video.display_height)
    stream = "" if video.stream is None else f"stream {video.stream}, "
    yield "video", f"{stream}{size[0]}x{size[1]}"
    yield "coded as", _size(video.coded_width, video.coded_height, unlike=size)
    yield "shown as", _size(*shown, unlike=size)
    yield "pixel shape", _ratio(video.sample_aspect_ratio) if shown[0] != size[0] else ""
    turned = f"{video.rotation} degrees" if video.rotation else ""
    yield "turned by", f"{turned} mirrored" if video.is_mirrored else turned
    alpha = ", with alpha" if video.has_alpha else ""
    chroma = f", {video.chroma}" if video.chroma else ""
    yield "pixels", f"{video.pixel_format} ({video.bits} bits{chroma}{alpha})"
    yield "range", _tag(video.range, video.range_used)
    yield "matrix", _tag(video.matrix, video.matrix_used)
    yield "primaries", video.primaries
    yield "transfer", video.transfer
    if video.chroma not in (None, "4:4:4"):
        yield "chroma location", video.chroma_location
    if video.hdr is not None:
        yield "HDR", _hdr(video)
    yield "fields", video.field_order if video.field_order != "progressive" else ""
    yield "frame rate", _ratio(video.frame_rate, " per second")
    yield "time base", f"{video.time_base} s"
    yield "promised", f"{video.frames_promised} frames" if video.frames_promised else ""


def _pictures(pictures: PicturesProbe) -> str:
    if pictures.num_files == 1:
        return pictures.first
    names = f"{pictures.first} to {pictures.last}"
    return f"{pictures.num_files} files, {names}, as many per second as --rate says"


def _hdr(video: VideoProbe) -> str:
    hdr = video.hdr
    parts = []
    if hdr is not None and hdr.mastering is not None:
        low, high = hdr.mastering.min_luminance, hdr.mastering.max_luminance
        parts.append(f"mastered for {float(low):g} to {float(high):g} cd/m2")
    if hdr is not None and hdr.light is not None:
        parts.append(f"MaxCLL {hdr.light.max_cll}, MaxFALL {hdr.light.max_fall} cd/m2")
    return ", ".join([*parts, *(hdr.dynamic if hdr is not None else ())])


def _times(timing: Timing) -> str:
    if timing.median_s is None or timing.min_s is None or timing.max_s is None:
        return "not stated"
    of = "all" if timing.is_complete else "the first"
    spread = f"{timing.median_s * 1000:.3f} ms"
    if timing.min_s != timing.max_s:
        spread += f" ({timing.min_s * 1000:.3f} to {timing.max_s * 1000:.3f})"
    return f"{timing.rate_kind}, a frame lasts {spread}; from {of} {timing.num_packets} packets"


def _stream_table(streams: tuple[StreamProbe, ...]) -> Table:
    rows = Table("stream", "kind", "codec", "details", box=box.SIMPLE)
    for name in ("language", "title", "disposition", "start"):
        rows.add_column(name)
    for stream in streams:
        profile = f" ({stream.profile})" if stream.profile else ""
        offset = "" if not stream.offset_s else f" ({stream.offset_s:+.3f} s)"
        rows.add_row(
            str(stream.index),
            stream.kind,
            Text(f"{stream.codec or 'unknown'}{profile}"),
            Text(stream.details),
            stream.language or "",
            Text(stream.title or ""),
            ", ".join(stream.dispositions),
            f"{_seconds(stream.start_s)}{offset}",
        )
    return rows


def _seconds(value: float | None) -> str:
    return "" if value is None else f"{value:.3f} s"


def _size(width: int | None, height: int | None, *, unlike: tuple[int, int]) -> str:
    return "" if width is None or (width, height) == unlike else f"{width}x{height}"


def _ratio(value: Fraction | None, unit: str = "") -> str:
    if value is None:
        return ""
    decimal = "" if value.denominator == 1 else f" ({float(value):.3f})"
    return f"{value}{decimal}{unit}"


def _tag(tag: str, used: str) -> str:
    return tag if tag == used else f"{tag}, taken for {used}"
