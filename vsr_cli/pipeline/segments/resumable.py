"""What can be upscaled in segments."""

from __future__ import annotations

from pathlib import Path

from vsr_cli.media.pictures.sequence import find_sequence
from vsr_cli.media.pipes import is_pipe
from vsr_cli.media.target import target_kind
from vsr_cli.media.video.codecs import EncoderPlan
from vsr_cli.specs import EncodingSpec

_TWO_PASS = ("pass1", "pass2", "pass=", "stats")


RESUME = "--resume"  # what asks for segments; or a --device


class UnjoinableError(ValueError):
    """A clip that cannot be made in segments."""


def check_resumable(
    source: Path, target: Path, encoding: EncodingSpec, option: str = RESUME
) -> None:
    """Refuse what has no frames to go back to, or no packets to join.

    ``option`` is the one that asks for segments.

    Raises:
        UnjoinableError: says what.
    """
    is_file = not is_pipe(source) and (source.is_file() or not source.exists())
    if not is_file or find_sequence(source) is not None:
        raise UnjoinableError(f"{option} needs a video file as input, not {source}; leave it out")
    if target_kind(target, source) != "video":
        raise UnjoinableError(
            f"{option} writes video files, not {target}; leave it out, or give an .mp4 or .mkv file"
        )
    if encoding.keep_partial:
        raise UnjoinableError(
            f"--keep-partial is not for {option}: of segments --resume keeps what is complete; "
            "leave it out"
        )
    for name, value in encoding.codec_options:
        if name == "passlogfile" or any(word in f"{name}={value}" for word in _TWO_PASS):
            raise UnjoinableError(
                f"--codec-option {name}={value} needs the whole clip in one encoder; "
                f"leave it or {option} out"
            )


def check_joinable(plan: EncoderPlan, option: str = RESUME) -> None:
    """Refuse an encoder whose packets cannot be kept one by one.

    Raises:
        UnjoinableError: says which.
    """
    if plan.codec.startswith("libvpx") and plan.pix_fmt.startswith("yuva"):
        raise UnjoinableError(
            f"{plan.codec} keeps alpha beside its packets, where {option} cannot; leave it out, "
            "or try --codec ffv1 and an .mkv file"
        )
