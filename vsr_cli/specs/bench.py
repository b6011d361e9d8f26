"""What is measured, on which frames, and against whom."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal, get_args

from vsr_cli.specs.media import MAX_PIXELS, check_max_pixels

Peer = Literal["opencv", "onnxruntime", "ffmpeg", "plain"]
SMALLEST_SIDE = 16  # pixels; below it codecs refuse, and nothing is learnt
MAX_FRAMES = 10_000
DEFAULT_SIZE = (320, 160)


@dataclass(frozen=True, slots=True, kw_only=True)
class BenchSpec:
    """How a benchmark measures; what it measures is an ``UpscaleSpec`` and an ``EncodingSpec``."""

    size: tuple[int, int] | None = (
        None  # width, height of the input; None: DEFAULT_SIZE, or the clip's
    )
    source: Path | None = None  # a clip; None: a moving picture that is made for the purpose
    frames: int = 32  # of the clip
    repeats: int = 3  # of each measurement, after one that does not count
    threads: int | None = None  # of the networks and of a peer; None: as many as torch takes
    layers: bool = False  # time every layer of the networks, too
    max_pixels: int = MAX_PIXELS  # of a frame, in and out
    peer: Peer | None = None  # who runs in turn with us
    peer_model: Path | None = None  # the network of OpenCV: a frozen TensorFlow graph

    def __post_init__(self) -> None:
        if self.size is not None and self.source is not None:
            raise ValueError("the size is that of the input clip: leave --size out, or --input")
        if self.source == Path("-"):
            raise ValueError("a pipe can be read once, and it takes several passes: give a file")
        if self.size is not None and min(self.size) < SMALLEST_SIDE:
            width, height = self.size
            least = f"{SMALLEST_SIDE}x{SMALLEST_SIDE}"
            raise ValueError(f"size must be at least {least}, got {width}x{height}")
        if not 1 <= self.frames <= MAX_FRAMES:
            raise ValueError(f"frames must be in 1..{MAX_FRAMES}, got {self.frames}")
        for name in ("repeats", "threads"):
            value = getattr(self, name)
            if value is not None and not 1 <= value <= 1024:
                raise ValueError(f"{name} must be in 1..1024, got {value}")
        if self.peer is not None and self.peer not in get_args(Peer):
            raise ValueError(f"a peer is one of {', '.join(get_args(Peer))}, got {self.peer!r}")
        check_max_pixels(self.max_pixels)
        self._check_peer_model()

    def _check_peer_model(self) -> None:
        """OpenCV has no network of its own, and the other peers take none."""
        if self.peer == "opencv" and self.peer_model is None:
            raise ValueError(
                "--against opencv needs --peer-model FILE, a network for its dnn_superres such as "
                "FSRCNN_x2.pb"
            )
        if self.peer_model is not None and self.peer != "opencv":
            raise ValueError("--peer-model is the network of --against opencv; leave it out")
