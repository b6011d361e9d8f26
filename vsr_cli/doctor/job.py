"""The main job, done once on a small clip: what ``vsr upscale in.mp4 out.mp4`` does."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

from vsr_cli.doctor.finding import Finding
from vsr_cli.errors import VsrError, typed_message
from vsr_cli.media.codec_trial import moving_picture, write_clip
from vsr_cli.pipeline.video import upscale_video

WIDTH, HEIGHT, NUM_FRAMES = 64, 48, 6
CAUSES = (
    "one of the findings above that are marked as needed",
    "the memory or the disk is full",
    "packages of versions that do not fit each other",
)


def find_job() -> Iterator[Finding]:
    """Upscale a clip with the default model, device and codec, and count what came out."""
    try:
        detail, fault = _run(), ""
    except (VsrError, ValueError, OSError, RuntimeError) as error:
        detail, fault = "", typed_message(error)
    yield Finding(
        area="job",
        name="vsr upscale",
        is_ok=not fault,
        detail=detail or fault,
        is_needed=True,
        causes=CAUSES,
        remedy="vsr --debug upscale IN OUT shows where; pip check",
    )


def _run() -> str:
    with TemporaryDirectory(prefix="vsr-doctor-") as folder:
        source, target = Path(folder) / "in.mp4", Path(folder) / "out.mp4"
        write_clip(source, list(moving_picture(WIDTH, HEIGHT, NUM_FRAMES)))
        report = upscale_video(source, target)
        return (
            f"{report.frames} frames of {WIDTH}x{HEIGHT} x{report.scale} with {report.model} "
            f"on {report.device} {report.precision} in {report.seconds:.1f} s"
        )
