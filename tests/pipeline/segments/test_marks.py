"""Marks: those at the borders of segments, and nothing else in their place."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from vsr_cli.errors import InputError
from vsr_cli.frames import Frame
from vsr_cli.pipeline.segments.marks import MarkBook, mark
from vsr_cli.pipeline.segments.plan import Stretch

ALL = Stretch(first=0, end=None, context=(), head=None)


def _frames(count: int) -> list[Frame]:
    return [Frame((torch.full((2, 3), n, dtype=torch.uint8),), pts=10 * n) for n in range(count)]


def test_marks_are_those_at_the_borders() -> None:
    frames, book = _frames(12), MarkBook(5, 2)
    assert [*book.watch(iter(frames), 0, ALL)] == frames
    first = book.take(0, 5)
    assert (first.head, first.tail) == (mark(frames[0]), (mark(frames[3]), mark(frames[4])))
    book.take(5, 10)
    assert book.take(10, 12).head == mark(frames[10])


def test_frame_that_is_not_the_one_that_followed_is_refused() -> None:
    frames = _frames(7)
    stretch = Stretch(first=0, end=1, context=(), head=mark(frames[5]))
    assert len([*MarkBook(5, 2).watch(iter(frames), 0, stretch)]) == 7
    for other in (replace(frames[5], pts=51), replace(frames[5], planes=frames[4].planes)):
        wrong = [*frames[:5], other, frames[6]]
        with pytest.raises(InputError, match="is not the one that was there before"):
            list(MarkBook(5, 2).watch(iter(wrong), 0, stretch))


@pytest.mark.parametrize("dtype", [torch.uint8, torch.uint16])
def test_mark_depends_on_every_sample(dtype: torch.dtype) -> None:
    plane = torch.arange(24).to(dtype).reshape(4, 6)
    frame = Frame((plane, plane[::2, ::2]), pts=3)
    changed = plane.clone()
    changed[3, 5] = 99
    assert mark(frame) == mark(Frame((plane.clone(), plane[::2, ::2].clone()), pts=3))
    assert mark(frame).digest != mark(Frame((changed, plane[::2, ::2]), pts=3)).digest
