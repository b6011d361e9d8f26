"""How much of a batch is done, and how long the rest takes: counted in pixels of the inputs."""

from __future__ import annotations

from collections.abc import Mapping


class PixelEstimate:
    """Pixels of all files, as far as they are known.

    A file's pixels are known when its work begins. Until then they are taken from its bytes, at the
    pixels per byte of the files that are known; opening thousands of files beforehand would cost
    minutes on a shared file system.
    """

    def __init__(self, sizes: Mapping[int, int]) -> None:
        """``sizes`` are the bytes of the files by their numbers."""
        self._bytes = dict(sizes)
        self._open = set(sizes)  # files that have not ended
        self._total: dict[int, int] = {}  # pixels, of files that have begun
        self._frame: dict[int, int] = {}  # pixels of one frame
        self._done: dict[int, int] = {}  # pixels
        self._computed = 0  # pixels, also of attempts that failed
        self._began: float | None = None

    def start(self, index: int, num_frames: int | None, frame_pixels: int, now: float) -> None:
        """A file begins, or begins again. ``now`` is in seconds, from anywhere."""
        self._began = now if self._began is None else self._began
        self._frame[index], self._done[index] = frame_pixels, 0
        if num_frames:
            self._total[index] = num_frames * frame_pixels

    def advance(self, index: int, frames: int) -> None:
        """So many frames of a file are written."""
        done = frames * self._frame.get(index, 0)
        self._computed += max(0, done - self._done.get(index, 0))
        self._done[index] = done

    def end(self, index: int) -> None:
        """Nothing is left to do for a file."""
        done = self._done.get(index, 0)
        if done:
            self._total[index] = done
        self._open.discard(index)

    def pixels_left(self) -> float | None:
        """Pixels that are still to be computed; None while nothing tells."""
        known = {index: total for index, total in self._total.items() if index in self._open}
        left = sum(max(0, total - self._done.get(index, 0)) for index, total in known.items())
        unknown = sum(self._bytes[index] for index in self._open - known.keys())
        if not unknown:
            return float(left)
        per_byte = self._pixels_per_byte()
        return None if per_byte is None else left + unknown * per_byte

    def seconds_left(self, now: float) -> float | None:
        """At the speed so far; None while nothing tells."""
        left = self.pixels_left()
        if left == 0:
            return 0.0
        if left is None or not self._computed or self._began is None or now <= self._began:
            return None
        return left * (now - self._began) / self._computed

    def share_done(self) -> float:
        """Between 0 and 1."""
        left = self.pixels_left()
        done = sum(self._done.values())
        return 0.0 if left is None or not done + left else done / (done + left)

    def _pixels_per_byte(self) -> float | None:
        num_bytes = sum(self._bytes[index] for index in self._total)
        return sum(self._total.values()) / num_bytes if num_bytes else None
