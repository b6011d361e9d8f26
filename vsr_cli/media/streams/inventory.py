"""What a file holds beside the pictures of its main video, found out without decoding it."""

from __future__ import annotations

import math
from collections import Counter
from fractions import Fraction
from pathlib import Path

from av.container import InputContainer
from av.stream import Stream
from PIL import Image

from vsr_cli.errors import OutputError
from vsr_cli.media.clock import DEFAULT_RATE, cut_tick
from vsr_cli.media.containers import main_video, open_container
from vsr_cli.media.pipes import is_pipe
from vsr_cli.media.streams.metadata import clean_tags
from vsr_cli.media.video.y4m import JITTER, irregular_times
from vsr_cli.specs import DecodingSpec

_LOOPED = ("gif", "apng")  # FFmpeg's names
_ROUNDING_S = Fraction(3, 2000)  # containers that keep whole milliseconds are off by one at most


def list_other_streams(container: InputContainer, video: Stream) -> str:
    """The kinds and numbers of the streams beside ``video``, such as "1 audio, 2 subtitle"."""
    kinds = Counter(stream.type for stream in container.streams if stream.index != video.index)
    return ", ".join(f"{count} {kind}" for kind, count in sorted(kinds.items()))


def lost_streams(path: Path, target: Path) -> list[str]:
    """A warning if a file has streams or chapters that a target has no place for."""
    with open_container(path) as container:
        others = _list_others(container, main_video(container, path))
    kind = "standard output" if target.name == "-" else f"a {target.suffix or 'picture'} file"
    return [f"not carried over: {others} ({kind} holds pictures alone)"] if others else []


def lost_tags(path: Path, target: Path) -> list[str]:
    """A warning if a file has tags of its own, a title say, and pictures have no place for them."""
    with open_container(path) as container:
        tags = clean_tags(container.metadata, dropped=frozenset({"creation_time"}))
    kind = "y4m" if target.suffix in ("", ".y4m") else f"a {target.suffix} file"
    return [f"{kind} holds no tags: {', '.join(sorted(tags))} left out"] if tags else []


def lost_from_pipe(path: Path, container: InputContainer, video: Stream) -> tuple[str, ...]:
    """A warning if standard input has other streams or chapters: it cannot be read once more."""
    if not is_pipe(path):
        return ()
    others = _list_others(container, video)
    return (f"not carried over from standard input: {others}; give a file",) if others else ()


def _list_others(container: InputContainer, video: Stream) -> str:
    """The other streams and the chapters, such as "1 audio, 2 chapters"."""
    num_chapters = len(container.chapters())
    chapters = f"{num_chapters} chapter{'s' if num_chapters > 1 else ''}" if num_chapters else ""
    return ", ".join(filter(None, [list_other_streams(container, video), chapters]))


def read_loop(path: Path, container: InputContainer) -> int | None:
    """How often a GIF or an APNG is repeated; 0: for ever, None: it does not say, or is no file.

    An APNG that says 1 is shown once, as is a GIF that says nothing.
    """
    if is_pipe(path) or container.format.name not in _LOOPED:
        return None
    with Image.open(path) as image:
        loop: int | None = image.info.get("loop")
        return None if image.format == "PNG" and loop == 1 else loop


def find_constant_rate(path: Path, guess: Fraction | None, decoding: DecodingSpec) -> Fraction:
    """The one rate at which a file's frames are shown; of a cut, the frames in it count.

    A container's guess may be twice that, so the times decide, without decoding.

    Raises:
        OutputError: with any rate, a frame's time differs by more than half a frame.
    """
    times = _shown_times(path, decoding)
    measured = (len(times) - 1) / times[-1] if len(times) > 1 else None
    if measured is None:
        return guess or DEFAULT_RATE
    whole = Fraction(round(measured))
    film = Fraction(round(measured * Fraction(1001, 1000)) * 1000, 1001)
    rates = [rate for rate in (guess, whole, film, measured.limit_denominator(1001)) if rate]
    for tolerance in (_ROUNDING_S, None):
        for rate in rates:
            if _first_off(times, rate, tolerance or JITTER / rate) is None:
                return rate
    number = _first_off(times, rates[0], JITTER / rates[0]) or 0
    raise OutputError(irregular_times(number, times[number], rates[0]))


def _shown_times(path: Path, decoding: DecodingSpec) -> list[Fraction]:
    """When each frame is shown, in seconds from the first one."""
    with open_container(path) as container:
        video = main_video(container, path)
        packets = container.demux(video)
        ticks = sorted(packet.pts for packet in packets if packet.size and packet.pts is not None)
        time_base = Fraction(video.time_base or 0)
    start = cut_tick(decoding.start_s or 0, time_base=time_base)
    end = math.inf if decoding.end_s is None else cut_tick(decoding.end_s, time_base=time_base)
    shown = [tick for tick in ticks if start <= tick - ticks[0] < end]
    return [(tick - shown[0]) * time_base for tick in shown]


def _first_off(times: list[Fraction], rate: Fraction, tolerance_s: Fraction) -> int | None:
    """The first frame that is not shown when its number says."""
    shown = enumerate(times)
    return next((n for n, time in shown if abs(time - n / rate) > tolerance_s), None)
