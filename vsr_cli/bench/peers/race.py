"""Rounds by turns: we and a peer, one after the other, so that noise hits both."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from importlib import import_module
from statistics import median
from types import MappingProxyType
from typing import Any, NamedTuple

import numpy as np
import torch

from vsr_cli.bench.peers.contender import Contender
from vsr_cli.bench.peers.process import ContenderProcess
from vsr_cli.bench.setting import Setting
from vsr_cli.bench.stages import OnStep
from vsr_cli.metrics.pixel import psnr
from vsr_cli.models.load import LoadedChain
from vsr_cli.pipeline.device import limit_threads
from vsr_cli.specs import Peer


class Course(NamedTuple):
    """What is raced over, and the two contenders, each ``module:class``."""

    name: str
    own: str
    other: str


HOME = "vsr_cli.bench.peers"
COURSES: Mapping[Peer, tuple[Course, ...]] = MappingProxyType(
    {
        "opencv": (Course("model", f"{HOME}.own:OwnFrames", f"{HOME}.opencv:OpencvFrames"),),
        "onnxruntime": (Course("model", f"{HOME}.own:OwnFrames", f"{HOME}.onnx:OnnxFrames"),),
        "ffmpeg": (Course("end_to_end", f"{HOME}.own:OwnFile", f"{HOME}.ffmpeg:FfmpegFile"),),
        "plain": (
            Course("model", f"{HOME}.own:OwnFrames", f"{HOME}.plain:PlainFrames"),
            Course("end_to_end", f"{HOME}.own:OwnFile", f"{HOME}.plain:PlainFile"),
        ),
    }
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Race:
    """Rounds of both on the same frames; ``seconds`` of round n belong together."""

    course: str  # model: luma in memory, codes to codes; end_to_end: from file to file
    peer: Peer
    title: str  # what the peer is, with its version
    num_frames: int
    own_seconds: tuple[float, ...]
    peer_seconds: tuple[float, ...]
    psnr: float | None  # dB of the peer's picture against ours, away from the border

    @property
    def ratios(self) -> tuple[float, ...]:
        """The peer's time for a round by ours: above 1 we are the faster ones."""
        pairs = zip(self.peer_seconds, self.own_seconds, strict=True)
        return tuple(peer / own for peer, own in pairs)

    @property
    def ratio(self) -> float:
        """The median over the rounds."""
        return median(self.ratios)

    @property
    def own_fps(self) -> float:
        """Our frames per second, the median over the rounds."""
        return self.num_frames / median(self.own_seconds)

    @property
    def peer_fps(self) -> float:
        """The peer's."""
        return self.num_frames / median(self.peer_seconds)

    def to_json(self) -> dict[str, Any]:
        """One race; ``psnr_db`` is null where there is no picture, or the two are the same."""
        is_same = self.psnr == math.inf
        return {
            "course": self.course,
            "peer": self.peer,
            "title": self.title,
            "frames": self.num_frames,
            "rounds": len(self.own_seconds),
            "ratio": round(self.ratio, 3),
            "ratio_min": round(min(self.ratios), 3),
            "ratio_max": round(max(self.ratios), 3),
            "own_fps": round(self.own_fps, 3),
            "peer_fps": round(self.peer_fps, 3),
            "own_seconds": [round(seconds, 5) for seconds in self.own_seconds],
            "peer_seconds": [round(seconds, 5) for seconds in self.peer_seconds],
            "psnr_db": None if self.psnr is None or is_same else round(self.psnr, 2),
            "is_same_picture": is_same,
        }


def run_races(setting: Setting, chain: LoadedChain, on_step: OnStep) -> Iterator[Race]:
    """Every course on which the named peer can run; none without a peer.

    Raises:
        ValueError: the peer cannot do this.
        VsrError: it fails.
    """
    peer = setting.bench.peer
    if peer is None:
        return
    for course in COURSES[peer]:
        on_step(f"{course.name.replace('_', ' ')} against {peer}")
        other = ContenderProcess(peer, partial(make_contender, course.other, setting))
        own = ContenderProcess("vsr", partial(make_contender, course.own, setting))
        seconds: dict[ContenderProcess, list[float]] = {own: [], other: []}
        with other, own:  # the peer first: it is the one that may be missing something
            for number in range(setting.bench.repeats):
                for side in (own, other) if number % 2 == 0 else (other, own):
                    seconds[side].append(side.round())
            agreement = _agreement(other.picture(), own.picture(), chain)
        yield Race(
            course=course.name,
            peer=peer,
            title=other.title,
            num_frames=setting.clip.num_frames,
            own_seconds=tuple(seconds[own]),
            peer_seconds=tuple(seconds[other]),
            psnr=agreement,
        )


def make_contender(place: str, setting: Setting) -> Contender:
    """The contender of ``module:class``, with the threads of the setting."""
    limit_threads(setting.num_threads)
    module, _, name = place.partition(":")
    contender: Contender = getattr(import_module(module), name)(setting)
    return contender


def _agreement(
    theirs: np.ndarray | None, ours: np.ndarray | None, chain: LoadedChain
) -> float | None:
    """PSNR in dB where no padding of a border is felt, as far as that leaves something."""
    if theirs is None or ours is None:
        return None
    reach = chain.scale * sum(stage.spec.radius or 0 for stage in chain.stages)
    border = min(reach, (min(ours.shape) - 1) // 4)
    return psnr(torch.from_numpy(theirs), torch.from_numpy(ours), border=border)
