"""VMAF, by an external FFmpeg that was built with libvmaf.

References:
    Li, Aaron, Katsavounidis, Moorthy, Manohara, "Toward a practical perceptual video quality
    metric", Netflix Technology Blog (2016); the library: https://github.com/Netflix/vmaf.

Both pictures go through one pipe, the truth above the result, as luma of 8 bits in neutral colour,
so that nothing is stored and memory stays as it is. The model is libvmaf's default, made from
viewers of films and series in 8 bits; it says nothing about fields. Scores are from 0 to 100.
"""

from __future__ import annotations

import json
import math
import shutil
import subprocess
from contextlib import suppress
from pathlib import Path
from statistics import fmean
from tempfile import TemporaryDirectory
from typing import IO, TYPE_CHECKING

import torch

from vsr_cli.errors import MissingProgramError, NumericalError
from vsr_cli.metrics.metric import ClipMetric

if TYPE_CHECKING:
    from vsr_cli.metrics.batch import FramePairs

LOG, ERRORS = "vmaf.json", "errors.txt"
LIBVMAF = f"libvmaf=log_fmt=json:log_path={LOG}"
NEUTRAL = 128  # the code of no colour


class Vmaf(ClipMetric):
    """The mean VMAF of a clip; FFmpeg runs from the first frame to ``result``."""

    def __init__(self, *, border: int = 0) -> None:
        """Look for the program.

        Raises:
            MissingProgramError: there is no FFmpeg with libvmaf on the PATH.
        """
        self.border = border
        self.program = find_ffmpeg()
        self._frames = 0
        self._score: float | None = None
        self._size = (0, 0)
        self._process: subprocess.Popen[bytes] | None = None
        self._folder: TemporaryDirectory[str] | None = None

    def add_batch(self, frames: FramePairs) -> None:
        """Take the next frames: one plane in [0, 1] each, rounded to 8 bits here.

        Raises:
            ValueError: the frames are no single planes, have missing values, or another size than
                those before.
            NumericalError: FFmpeg has ended.
        """
        sr, hr = frames.inside(self.border)
        if hr.shape[1] != 1 or (frames.has_gaps and hr.isnan().any()):
            what = "missing values" if hr.shape[1] == 1 else "three planes"
            raise ValueError(f"VMAF is of luma, all of it there; got a picture with {what}")
        if self._process is None:
            if self._frames:
                raise ValueError("VMAF has been given out: begin another one")
            self._size = (hr.shape[-2], hr.shape[-1])
            self._start()
        elif hr.shape[-2:] != self._size:
            raise ValueError("VMAF needs frames of one size, got another size on the way")
        luma = (torch.cat([hr, sr], -2).clamp(0, 1) * 255).round().to(torch.uint8).cpu()
        color = bytes([NEUTRAL]) * (2 * luma[0].numel())
        for picture in luma:
            self._frames += 1
            try:
                self._pipe.write(picture.numpy().tobytes() + color)
            except BrokenPipeError:
                raise self._failure() from None

    def result(self) -> float | None:
        """The mean over the frames; None where there is none.

        Raises:
            NumericalError: FFmpeg fails.
        """
        if self._process is None:
            return self._score
        try:
            self._pipe.close()
        except BrokenPipeError:
            raise self._failure() from None
        if self._process.wait():
            raise self._failure()
        try:
            scores = read_log(self._path(LOG).read_text("utf-8"))
        except (OSError, ValueError) as error:
            raise NumericalError(f"VMAF: {self.program} left no log to be read: {error}") from None
        if len(scores) != self._frames:
            raise NumericalError(f"VMAF: {len(scores)} scores for {self._frames} frames")
        self._score = fmean(scores)
        self.close()
        return self._score

    def close(self) -> None:
        """End FFmpeg if it still runs, and remove its files."""
        process, self._process = self._process, None
        if process is not None:
            process.kill()
            process.wait()
            if process.stdin and not process.stdin.closed:
                with suppress(BrokenPipeError):  # what it has not read is of no use
                    process.stdin.close()
        if self._folder is not None:
            self._folder.cleanup()
            self._folder = None

    @property
    def _pipe(self) -> IO[bytes]:
        if self._process is None or self._process.stdin is None:
            raise ValueError("VMAF has not begun")
        return self._process.stdin

    def _path(self, name: str) -> Path:
        return Path(self._folder.name if self._folder else "") / name

    def _start(self) -> None:
        self._folder = TemporaryDirectory(prefix="vsr-vmaf-")
        height, width = self._size
        with self._path(ERRORS).open("wb") as errors:
            self._process = subprocess.Popen(
                vmaf_command(self.program, width, height),
                stdin=subprocess.PIPE,
                stdout=subprocess.DEVNULL,
                stderr=errors,
                cwd=self._folder.name,
            )

    def _failure(self) -> NumericalError:
        """The error line of an FFmpeg that failed; it is closed then."""
        if self._process is not None:
            self._process.wait()
        lines = self._path(ERRORS).read_text("utf-8", errors="replace").strip().splitlines()
        self.close()
        return NumericalError(f"VMAF: {self.program} failed: {lines[-1] if lines else 'no reason'}")


def find_ffmpeg() -> str:
    """The FFmpeg on the PATH, which has libvmaf.

    Raises:
        MissingProgramError: there is none, or it has not.
    """
    program = shutil.which("ffmpeg")
    known = ""
    if program is not None:
        listing = [program, "-hide_banner", "-filters"]
        known = subprocess.run(listing, capture_output=True, text=True, check=False).stdout
    if program is None or "libvmaf" not in known.split():
        found = "there is none" if program is None else f"{program} has not"
        raise MissingProgramError(
            f"VMAF needs an ffmpeg with libvmaf on the PATH, {found}: get a static build from "
            "https://ffmpeg.org/download.html, or build it with --enable-libvmaf"
        )
    return program


def vmaf_command(program: str, width: int, height: int, measure: str = LIBVMAF) -> list[str]:
    """The command that measures pictures of the truth above the result, from standard input."""
    graph = (
        f"[0:v]split=2[a][b];[a]crop={width}:{height}:0:0[truth];"
        f"[b]crop={width}:{height}:0:{height}[result];[result][truth]{measure}"
    )
    source = ["-f", "rawvideo", "-pix_fmt", "yuv444p", "-s", f"{width}x{2 * height}", "-r", "25"]
    quiet = [program, "-hide_banner", "-loglevel", "error", "-y"]
    return [*quiet, *source, "-i", "pipe:0", "-filter_complex", graph, "-f", "null", "-"]


def read_log(text: str) -> list[float]:
    """The score of each frame in a log of libvmaf.

    Raises:
        ValueError: it is none.
    """
    try:
        scores = [float(frame["metrics"]["vmaf"]) for frame in json.loads(text)["frames"]]
    except (KeyError, TypeError) as error:
        raise ValueError(f"it lacks {error}") from error
    if not all(map(math.isfinite, scores)):
        raise ValueError("it has scores that are not finite")
    return scores
