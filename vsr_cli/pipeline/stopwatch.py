"""How long what takes: time inside iterators and blocks, by name."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TypeVar

T = TypeVar("T")


@dataclass
class Stopwatch:
    """Seconds spent inside the iterators and blocks that it watches, by name."""

    seconds: dict[str, float] = field(default_factory=dict)
    started: float = field(default_factory=time.perf_counter)

    def each(self, name: str, items: Iterable[T]) -> Iterator[T]:
        """Pass items on; what producing each one takes counts for ``name``."""
        iterator = iter(items)
        try:
            while True:
                with self.block(name):
                    try:
                        item = next(iterator)
                    except StopIteration:
                        return
                yield item
        finally:
            close = getattr(iterator, "close", None)
            if close is not None:
                close()

    @contextmanager
    def block(self, name: str) -> Iterator[None]:
        """Count the time of a ``with`` block for ``name``."""
        before = time.perf_counter()
        try:
            yield
        finally:
            self.seconds[name] = self.total(name) + time.perf_counter() - before

    def total(self, name: str) -> float:
        return self.seconds.get(name, 0.0)

    def elapsed(self) -> float:
        return time.perf_counter() - self.started
