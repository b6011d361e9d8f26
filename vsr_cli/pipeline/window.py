"""Windows of neighbouring frames around each frame of a clip."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator
from itertools import chain

from vsr_cli.frames import Frame

Window = tuple[Frame, ...]


def windows(frames: Iterable[Frame], size: int) -> Iterator[Window]:
    """Yield one window per frame, that frame in its middle.

    At both ends of the clip and on both sides of a scene cut (where ``Frame.shot`` changes) the
    nearest frame of the same shot stands in for those that are missing, so clips and shots of one
    frame work too.

    Raises:
        ValueError: ``size`` is even or less than 1.
    """
    if size < 1 or size % 2 == 0:
        raise ValueError(f"window size must be odd and at least 1, got {size}")
    reach = size // 2
    held: deque[Frame] = deque()  # up to ``reach`` frames, the middle one, and those after it
    middle = 0  # position of the middle frame in ``held``
    for frame in chain(frames, [None]):
        if frame is None or (held and frame.shot != held[-1].shot):
            for place in range(middle, len(held)):
                yield _window(held, place, reach)
            held.clear()
            middle = 0
        if frame is None:
            return
        held.append(frame)
        if len(held) - middle > reach:
            yield _window(held, middle, reach)
            middle += 1
            if middle > reach:
                held.popleft()
                middle -= 1


def _window(held: deque[Frame], middle: int, reach: int) -> Window:
    last = len(held) - 1
    return tuple(held[min(max(i, 0), last)] for i in range(middle - reach, middle + reach + 1))
