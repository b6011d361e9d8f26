"""What is known of a source before its segments are made: where each one begins."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from typing import Any, Self

from vsr_cli.media.segments.packets import FrameMark


@dataclass(frozen=True, slots=True, kw_only=True)
class Border:
    """Where a segment begins in the source."""

    head: FrameMark  # its first frame
    context: tuple[FrameMark, ...]  # the frames before it that it has to see


@dataclass(frozen=True, slots=True, kw_only=True)
class Survey:
    """A source that was decoded once, from end to end."""

    frames: int
    borders: tuple[Border, ...]  # of all segments, in their order

    @classmethod
    def parse(cls, text: bytes) -> Self:
        """Read what ``to_json`` wrote.

        Raises:
            KeyError, TypeError, ValueError: it is something else.
        """
        document: dict[str, Any] = json.loads(text)
        borders = tuple(
            Border(
                head=FrameMark(**border["head"]),
                context=tuple(FrameMark(**mark) for mark in border["context"]),
            )
            for border in document["borders"]
        )
        return cls(frames=int(document["frames"]), borders=borders)

    def to_json(self) -> str:
        """What ``parse`` reads."""
        return json.dumps(asdict(self))
