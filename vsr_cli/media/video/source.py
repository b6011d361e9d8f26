"""Open a file and take its main video stream apart into pictures, one packet at a time."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path

import av
from av.codec.codec import Capabilities
from av.packet import Packet
from av.video.stream import VideoStream

from vsr_cli.media.faults.damage import Damage
from vsr_cli.media.faults.ledger import PictureLedger
from vsr_cli.media.faults.replay import replay_end
from vsr_cli.media.faults.truncation import find_truncation
from vsr_cli.media.limits import check_input_pixels
from vsr_cli.media.pipes import is_pipe
from vsr_cli.media.video.acceleration import choose_device, hardware
from vsr_cli.media.video.alpha import alpha_decoder
from vsr_cli.media.video.packets import PacketSource

_WITHOUT_PTS = frozenset({"avi"})  # FFmpeg 8.1 makes them up: that of decoding plus one
_BROADCAST = frozenset({"mpegts", "mpeg"})  # may begin in the middle of a group of pictures
_SEEK_MARGIN_S = 2  # a broadcast file has no index: seeking in it may end behind its goal
_MAX_THREADS = 64  # more than FFmpeg starts by itself


class PictureSource:
    """The decoded pictures of a file's main video, once, in order of presentation.

    A damaged packet gives no picture or a damaged one; up to ``tolerate`` of them are skipped.

    Attributes:
        packets_read: packets that hold a picture to be shown.
        packets_skipped: broadcast packets before the first key frame that cannot be decoded.
        has_pts: False for a container that states times of decoding alone.
        device: that of hardware that decodes; None: the CPU does.
        device_notes: what there is to say of it, one line each.
        end_tick: where the last packet ends that was read, in presentation; None: not known.
    """

    def __init__(
        self,
        path: Path,
        *,
        tolerate: int = 0,
        max_pixels: int | None = None,
        hwaccel: str = "none",
    ) -> None:
        """``max_pixels``: of a picture, by what the file states; None: it was looked at before.

        ``hwaccel`` is as in ``choose_device``.
        """
        self.path = path
        self.tolerate = tolerate
        truncation = None if is_pipe(path) else find_truncation(path)
        self.damage = Damage(path, tolerate, truncation)
        self.device, self.device_notes = choose_device(path, hwaccel)
        self._source = PacketSource(path, truncation, hardware(self.device))
        self.container, self.stream = self._source.container, self._source.stream
        try:
            if max_pixels is not None:
                size = self.stream.codec_context
                check_input_pixels(path, width=size.width, height=size.height, limit=max_pixels)
            self._decoder = alpha_decoder(self.stream) or self.stream.codec_context
            self._restart()
        except BaseException:
            self.close()
            raise
        # Where damage is known of, it is worth the time to see exactly which packets have it. A
        # device gains nothing by threads.
        is_damaged = truncation is not None or is_pipe(path) or not path.is_file()
        self._is_exact = is_damaged or self.device is not None
        self.stream.thread_type = "SLICE" if self._is_exact else "AUTO"
        self._is_whole = True
        self.has_pts = self.container.format.name not in _WITHOUT_PTS

    def seek(self, tick: int) -> bool:
        """Go to the last key frame at or before a tick; False if the file cannot do that."""
        try:
            self.container.seek(tick, stream=self.stream)
        except (av.error.FFmpegError, OverflowError):
            return False
        self._decoder.flush_buffers()
        self._is_whole = False
        self._restart()
        return True

    def pictures(self) -> Iterator[av.VideoFrame]:
        """Decode from here to the end.

        Raises:
            InputError: more is damaged than is tolerated, or the file ends too early.
        """
        damaged: int | None = None
        for picture in self._decode():
            yield picture
            # Late by a picture: a change of size looks like damage, and is the caller's to tell.
            if damaged is not None:
                self._note(damaged)
            damaged = picture.pts if picture.is_corrupt else None
        if damaged is not None:
            self._note(damaged)

    def notes(self) -> list[str]:
        """What was damaged and put up with, one line each; complete after the last picture."""
        if not self.packets_skipped:
            return self.damage.notes()
        skipped = f"{self.packets_skipped} packets before the first key frame were left out"
        return [f"{skipped}; the file begins in the middle of a scene", *self.damage.notes()]

    def close(self) -> None:
        self._source.close()

    def _restart(self) -> None:
        self.packets_read = self.packets_skipped = 0
        self.end_tick: int | None = None
        self.damage = Damage(self.path, self.tolerate, self._source.truncation)
        self._source.restart()
        self._num_pictures = self._num_failed = 0
        self._last_pts: int | None = None
        self._key_pts: deque[int] = deque()  # the last one that is shown, and those to come
        self._has_key = False
        self._latest: deque[int | None] = deque(maxlen=_MAX_THREADS)  # pts of packets
        codec = self.stream.codec_context.codec.canonical_name
        self._ledger = PictureLedger(self.container.format.name, codec)

    def _decode(self) -> Iterator[av.VideoFrame]:
        for packet in self._source.read(is_whole=self._is_whole):
            self._note_gaps()
            self._enter(packet)
            try:
                pictures = self._decoder.decode(packet)
            except av.error.FFmpegError:
                self._fail()
                continue
            if packet.is_corrupt and self._has_key:
                self._note(packet.pts)
            yield from map(self._leave, pictures)
        self._note_gaps()
        self._note_truncation()
        if self._source.ends_early:
            self.damage.note_early_end(self._source.num_packets)
        yield from map(self._leave, self._flush())
        for pts in self._ledger.settle():
            self._note(pts)
        self.damage.settle()

    def _note_gaps(self) -> None:
        for gap in self._source.take_gaps():
            if gap.is_checksum:
                self.damage.note_checksum(gap.time_s)
            else:
                self._note(self._latest[-1] if self._latest else None)

    def _note_truncation(self) -> None:
        if self._source.truncation is not None:
            self.damage.note_truncation(self._source.truncation)

    def _enter(self, packet: Packet[VideoStream]) -> None:
        self.damage.next_packet()
        if not packet.is_discard:
            self.packets_read += 1
            if (missing := self._ledger.enter(packet.pts)) is not None:
                self._note(missing)
        if packet.is_keyframe:
            self._has_key = True
            if packet.pts is not None:
                self._key_pts.append(packet.pts)
        self._latest.append(packet.pts)
        if packet.pts is not None:
            self.end_tick = max(self.end_tick or packet.pts, packet.pts + (packet.duration or 0))

    def _leave(self, picture: av.VideoFrame) -> av.VideoFrame:
        self._num_pictures += 1
        self._ledger.leave(picture)
        self._last_pts = picture.pts
        if picture.pts is not None:
            while len(self._key_pts) > 1 and self._key_pts[1] <= picture.pts:
                self._key_pts.popleft()
        return picture

    def _fail(self) -> None:
        """A packet cannot be decoded; or an earlier one, for threads say so when they are asked."""
        self._num_failed += 1
        if self._has_key or self.container.format.name not in _BROADCAST:
            self._note(self._latest[max(-1 - self._num_hidden(), -len(self._latest))])
        else:
            self.packets_skipped += 1

    def _note(self, pts: int | None) -> None:
        self._source.look_at_end()
        self._note_truncation()
        time_s = None
        if pts is not None and self.stream.time_base:
            time_s = (pts - (self.stream.start_time or 0)) * Fraction(self.stream.time_base)
        self._ledger.forgive(pts)
        self.damage.note(pts, time_s)

    def _flush(self) -> Iterator[av.VideoFrame]:
        """What the decoder still holds.

        Its threads give up at the first damaged packet and do not always say so. Where the number
        is not the expected one, the last packets are decoded once more, one at a time.
        """
        expected = self.packets_read - self._num_failed - self._num_pictures
        try:
            pictures = self._decoder.decode(None)
        except av.error.FFmpegError:
            pictures = []
        hidden = self._num_hidden()
        if hidden and len(pictures) != expected:
            pictures = max(self._replay(hidden), pictures, key=len)
        for picture in pictures:
            picture.time_base = self.stream.time_base or picture.time_base
            yield picture

    def _num_hidden(self) -> int:
        """How many of the last packets are in the hands of threads that told nothing of them."""
        context = self._decoder
        has_threads = context.codec.capabilities & Capabilities.frame_threads
        return context.thread_count - 1 if has_threads and not self._is_exact else 0

    def _replay(self, num_hidden: int) -> list[av.VideoFrame]:
        """The pictures that are still to come, without threads; notes what is damaged at the end.

        From the last key frame that was shown; from the start of the file where there are no times.
        """
        found = replay_end(
            self.path,
            self.stream.index,
            start=self._last_key(),
            after=self._last_pts,
            num_shown=self._num_pictures,
            num_hidden=num_hidden,
        )
        for pts in found.failed_pts:
            self._note(pts)
        return found.pictures

    def _last_key(self) -> int | None:
        """The pts of the last key frame that was shown; None: not known."""
        if not self._key_pts or self._last_pts is None or self._key_pts[0] > self._last_pts:
            return None
        if self.container.format.name in _BROADCAST and self.stream.time_base:
            return self._key_pts[0] - round(_SEEK_MARGIN_S / self.stream.time_base)
        return self._key_pts[0]
