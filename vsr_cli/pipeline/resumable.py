"""What can be upscaled in segments, and what these depend on."""

from __future__ import annotations

from pathlib import Path

import torch

from vsr_cli import __version__
from vsr_cli.media.pictures.sequence import find_sequence
from vsr_cli.media.pipes import is_pipe
from vsr_cli.media.segments.work_folder import file_digest
from vsr_cli.media.target import target_kind
from vsr_cli.media.video.codecs import EncoderPlan
from vsr_cli.pipeline.device import precision_name
from vsr_cli.pipeline.report import chain_name
from vsr_cli.pipeline.stretch import SegmentJob
from vsr_cli.specs import EncodingSpec

_TWO_PASS = ("pass1", "pass2", "pass=", "stats")


def check_resumable(source: Path, target: Path, encoding: EncodingSpec) -> None:
    """Refuse what has no frames to go back to, or no packets to join.

    Raises:
        ValueError: says what.
    """
    is_file = not is_pipe(source) and (source.is_file() or not source.exists())
    if not is_file or find_sequence(source) is not None:
        raise ValueError(f"--resume needs a video file as input, not {source}; leave it out")
    if target_kind(target, source) != "video":
        raise ValueError(
            f"--resume writes video files, not {target}; leave it out, or give an .mp4 or .mkv file"
        )
    if encoding.keep_partial:
        raise ValueError(
            "--keep-partial is not for --resume, which keeps what is complete by itself; give one"
        )
    for name, value in encoding.codec_options:
        if name == "passlogfile" or any(word in f"{name}={value}" for word in _TWO_PASS):
            raise ValueError(
                f"--codec-option {name}={value} needs the whole clip in one encoder; "
                "leave it or --resume out"
            )


def check_joinable(plan: EncoderPlan) -> None:
    """Refuse an encoder whose packets cannot be kept one by one.

    Raises:
        ValueError: says which.
    """
    if plan.codec.startswith("libvpx") and plan.pix_fmt.startswith("yuva"):
        raise ValueError(
            f"{plan.codec} keeps alpha beside its packets, where --resume cannot; leave it out, "
            "or try --codec ffv1 and an .mkv file"
        )


def fingerprint(job: SegmentJob) -> dict[str, str]:
    """All that the packets of segments depend on, by the words of the command line.

    What is written once, at the end, may change: other streams and tags. So may ``--tolerate``:
    segments that are complete had no more damage than was tolerated.
    """
    spec, plan = job.spec, job.plan
    options = {f"codec option {name}": value for name, value in plan.options.items()}
    return {
        "input": file_digest(job.source),
        "vsr": __version__,
        "torch": torch.__version__,
        "model": f"{chain_name(job.chain)} x{job.chain.scale}",
        "weights": " ".join(stage.sha256 or "none" for stage in job.chain.stages),
        "device": job.settings.device.type,
        "precision": precision_name(job.settings.precision),
        "size": f"{job.size.width}x{job.size.height}",
        "chroma": spec.chroma,
        "scene-threshold": str(spec.scene_threshold),
        "consistency": str(spec.consistency),
        "batch-size": str(spec.batch_size),
        "tile": str(spec.tile),
        "start": str(job.decoding.start_s),
        "end": str(job.decoding.end_s),
        "deinterlace": job.decoding.deinterlace,
        "codec": str(plan),
        **options,
        "segment-frames": str(job.length),
    }
