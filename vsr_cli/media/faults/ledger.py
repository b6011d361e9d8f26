"""Which packets still owe a picture: some decoders drop a damaged packet without a word."""

from __future__ import annotations

import av

from vsr_cli.media.containers import MATROSKA_DEMUXER, MP4_DEMUXER

# Formats whose packets have exact times, and codecs in which each packet is a picture to be shown.
# VP8, VP9 and AV1 have hidden pictures, MPEG-4 in AVI has empty ones.
_FORMATS = frozenset({MP4_DEMUXER, MATROSKA_DEMUXER, "mpegts"})
_CODECS = frozenset({"h264", "hevc"})
_LONGEST_DELAY = 64  # packets; far more than the 16 by which H.264 reorders, and any threads


class PictureLedger:
    """Times of packets against times of pictures.

    Packets that are shown before the first picture owe nothing: a file may begin in the middle of
    a scene. Nor do interlaced ones, two of which may be one picture.
    """

    def __init__(self, container: str, codec: str) -> None:
        self._is_open = container in _FORMATS and codec in _CODECS
        self._owed: dict[int, int] = {}  # pts -> number of the packet
        self._num_packets = 0
        self._first: int | None = None  # pts of the first picture

    def enter(self, pts: int | None) -> int | None:
        """A packet goes into the decoder; returns the pts of one that gave nothing, if any."""
        self._num_packets += 1
        if pts is not None and self._is_open:
            self._owed[pts] = self._num_packets
        for oldest, number in self._owed.items():
            if self._num_packets - number < _LONGEST_DELAY:
                return None
            del self._owed[oldest]
            return oldest if self._counts(oldest) else None
        return None

    def forgive(self, pts: int | None) -> None:
        """The packet is known to be damaged."""
        if pts is not None:
            self._owed.pop(pts, None)

    def leave(self, picture: av.VideoFrame) -> None:
        """A picture comes out of the decoder."""
        if picture.interlaced_frame:
            self._is_open = False
            self._owed.clear()
        if picture.pts is not None:
            self._owed.pop(picture.pts, None)
            if self._first is None:
                self._first = picture.pts

    def settle(self) -> list[int]:
        """The pts of all packets that gave nothing; to be asked after the last picture."""
        return [pts for pts in self._owed if self._counts(pts)]

    def _counts(self, pts: int) -> bool:
        return self._first is not None and pts > self._first
