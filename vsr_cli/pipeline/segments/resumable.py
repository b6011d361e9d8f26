"""What can be upscaled in segments."""

from __future__ import annotations

from pathlib import Path

from vsr_cli.media.pictures.sequence import find_sequence
from vsr_cli.media.pipes import is_pipe
from vsr_cli.media.target import target_kind
from vsr_cli.media.video.codecs import EncoderPlan
from vsr_cli.specs import EncodingSpec

_TWO_PASS = ("pass1", "pass2", "pass=", "stats")


class UnjoinableError(ValueError):
    """A clip that cannot be made in segments."""


def check_resumable(source: Path, target: Path, encoding: EncodingSpec) -> None:
    """Refuse what has no frames to go back to, or no packets to join.

    Raises:
        UnjoinableError: says what.
    """
    is_file = not is_pipe(source) and (source.is_file() or not source.exists())
    if not is_file or find_sequence(source) is not None:
        raise UnjoinableError(f"--resume needs a video file as input, not {source}; leave it out")
    if target_kind(target, source) != "video":
        raise UnjoinableError(
            f"--resume writes video files, not {target}; leave it out, or give an .mp4 or .mkv file"
        )
    if encoding.keep_partial:
        raise UnjoinableError(
            "--keep-partial is not for --resume, which keeps what is complete by itself; give one"
        )
    for name, value in encoding.codec_options:
        if name == "passlogfile" or any(word in f"{name}={value}" for word in _TWO_PASS):
            raise UnjoinableError(
                f"--codec-option {name}={value} needs the whole clip in one encoder; "
                "leave it or --resume out"
            )


def check_joinable(plan: EncoderPlan) -> None:
    """Refuse an encoder whose packets cannot be kept one by one.

    Raises:
        UnjoinableError: says which.
    """
    if plan.codec.startswith("libvpx") and plan.pix_fmt.startswith("yuva"):
        raise UnjoinableError(
            f"{plan.codec} keeps alpha beside its packets, where --resume cannot; leave it out, "
            "or try --codec ffv1 and an .mkv file"
        )
