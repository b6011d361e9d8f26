"""FFmpeg's own scaler: the same clip, from file to file, with our encoder's settings."""

from __future__ import annotations

import re
import shutil
import subprocess
from typing import NoReturn

from vsr_cli.bench.peers import MissingPeerError
from vsr_cli.bench.setting import Setting
from vsr_cli.errors import VsrError
from vsr_cli.media.video.codecs import check_encoding
from vsr_cli.pipeline.size import output_info
from vsr_cli.pipeline.verify import count_frames

SECONDS = re.compile(r"\brtime=(\d+(?:\.\d+)?)s")  # of -benchmark: from the first packet to the end


class FfmpegFile:
    """A ``Contender``: ``ffmpeg -vf scale=W:H:flags=bicubic``."""

    def __init__(self, setting: Setting) -> None:
        program = shutil.which("ffmpeg")
        if program is None:
            raise MissingPeerError("ffmpeg", "ffmpeg")
        shown = subprocess.run([program, "-version"], capture_output=True, text=True, check=False)
        words = shown.stdout.split()[:3]  # ffmpeg version N
        self.title = f"FFmpeg {words[-1] if words else ''}, scale=bicubic".strip()
        self.setting, self.target = setting, setting.folder / "ffmpeg.mkv"
        self.command = [program, *self._arguments()]

    def warm_up(self) -> None:
        """A whole run, whose frames are counted.

        Raises:
            VsrError: they are not as many as ours.
        """
        self.round()
        found, expected = count_frames(self.target), self.setting.clip.num_frames
        if found != expected:
            raise VsrError(f"{self.title} wrote {found} frames of {expected}")

    def round(self) -> float:
        """Seconds from the opened input to the complete file, as ``-benchmark`` tells them."""
        done = subprocess.run(self.command, capture_output=True, text=True, check=False)
        seconds = SECONDS.search(done.stderr)
        if done.returncode or seconds is None:
            _fail(self.title, done.stderr)
        return float(seconds[1])

    def picture(self) -> None:
        """None: it is in the file."""

    def _arguments(self) -> list[str]:
        setting, clip, size = self.setting, self.setting.clip, self.setting.size
        plan = check_encoding(self.target, setting.encoding, output_info(clip.info, size))
        options = [text for name, value in plan.options.items() for text in (f"-{name}", value)]
        filters = ["-vf", f"scale={plan.width}:{plan.height}:flags=bicubic"]
        return [
            *("-nostdin", "-hide_banner", "-benchmark", "-y"),
            *("-i", str(clip.path), "-map", "0:v:0", "-map", "0:a?"),
            *("-frames:v", str(clip.num_frames), *filters, "-fps_mode", "passthrough"),
            *("-c:v", plan.codec, *options, "-pix_fmt", plan.pix_fmt, "-c:a", "copy"),
            str(self.target),
        ]


def _fail(title: str, log: str) -> NoReturn:
    lines = [line for line in log.splitlines() if line.strip() and not line.startswith("bench:")]
    raise VsrError(f"{title} failed: {lines[-1].strip() if lines else 'it said nothing'}")
