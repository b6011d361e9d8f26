"""A benchmark as tables for people."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from rich import box
from rich.table import Table

from vsr_cli.bench.report import BenchReport, shares
from vsr_cli.cli.console import show

if TYPE_CHECKING:
    from vsr_cli.bench.ceilings import Ceilings
    from vsr_cli.bench.layers import LayerTime
    from vsr_cli.bench.peers.race import Race
    from vsr_cli.bench.stages import StageTime


def print_report(report: BenchReport) -> None:
    """Print all tables on standard output."""
    show(headline(report), stage_table(report), ceiling_line(report))
    if report.races:
        show(race_table(report.races))


def headline(report: BenchReport) -> str:
    """What was measured on what."""
    (width, height), (larger, higher) = report.size, report.output_size
    domain = f" ({report.domain})" if report.domain else ""
    threads = f"{report.threads} thread{'s' if report.threads > 1 else ''}"
    return (
        f"{report.model}{domain} x{report.scale}, {width}x{height} to {larger}x{higher} "
        f"{report.pixel_format}, {report.frames} frames, {report.device} {report.precision}, "
        f"{threads}"
    )


def stage_table(report: BenchReport) -> Table:
    """One row for each stage, then the networks alone, and the runs from end to end."""
    rows = Table(box=box.SIMPLE)
    rows.add_column("stage", no_wrap=True)
    titles = ("ms per frame", "min to max", "fps", "MFLOP", "MB", "% of product", "% of copy")
    for title in titles:
        rows.add_column(title, justify="right", no_wrap=True)
    for stage in report.stages:
        name = f"{stage.name} ({stage.kind})" if stage.is_network else stage.name
        rows.add_row(name, *_figures(stage, report.ceilings))
        for layer in stage.layers:
            rows.add_row(f"  {layer.name}", *_figures(layer, report.ceilings))
    rows.add_section()
    rows.add_row("networks", f"{1000 / report.model_fps:.3f}", "", f"{report.model_fps:.1f}")
    for name, run in (("end to end", report.end_to_end), ("without encoder", report.null_sink)):
        timing = run.timing
        spread = "{:.3f} to {:.3f}".format(*timing.spread_ms)
        rows.add_row(name, f"{timing.ms_per_frame:.3f}", spread, f"{timing.fps:.1f}")
    return rows


def _figures(part: StageTime | LayerTime, ceilings: Ceilings) -> list[str]:
    """Time, rate, work and shares of a stage or of a layer."""
    timing, work = part.timing, part.work
    share = shares(timing, work, ceilings)
    return [
        f"{timing.ms_per_frame:.3f}",
        "{:.3f} to {:.3f}".format(*timing.spread_ms),
        f"{timing.fps:.1f}",
        *(_number(value, 1e6) for value in (work.flops, work.bytes)),
        *(_number(share[name]) for name in ("matmul", "copy")),
    ]


def ceiling_line(report: BenchReport) -> str:
    """What the shares are of."""
    ceilings, first = report.ceilings, report.end_to_end.first_frame_s
    line = (
        f"product {ceilings.flops_per_s / 1e9:.1f} GFLOP/s in {report.precision}, "
        f"copy {ceilings.copy_bytes_per_s / 1e9:.1f} GB/s"
    )
    if ceilings.upload_bytes_per_s and ceilings.download_bytes_per_s:
        up, down = ceilings.upload_bytes_per_s / 1e9, ceilings.download_bytes_per_s / 1e9
        line += f", to the GPU {up:.1f} GB/s, back {down:.1f} GB/s"
    return f"{line}; first frame {first:.2f} s after the call"


def race_table(races: Iterable[Race]) -> Table:
    """One row for each race."""
    rows = Table(box=box.SIMPLE)
    rows.add_column("against", no_wrap=True)
    rows.add_column("what")
    for title in ("our fps", "their fps", "ratio", "min to max", "PSNR to ours, dB"):
        rows.add_column(title, justify="right", no_wrap=True)
    for race in races:
        rows.add_row(
            race.title,
            race.course.replace("_", " "),
            f"{race.own_fps:.2f}",
            f"{race.peer_fps:.2f}",
            f"{race.ratio:.2f}",
            f"{min(race.ratios):.2f} to {max(race.ratios):.2f}",
            _number(race.psnr),
        )
    return rows


def _number(value: float | None, unit: float = 1.0) -> str:
    """With one decimal, in units; nothing for what is not known."""
    return "" if value is None else f"{value / unit:,.1f}"
