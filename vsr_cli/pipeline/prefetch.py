"""The only place with threads: run a chain of generators ahead of its consumer, bounded."""

from __future__ import annotations

import queue
import threading
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from typing import TypeVar

T = TypeVar("T")

POLL_S = 0.1  # how often a waiting thread looks whether the other side is gone


class _End:
    """Marks the end of the queue; carries the error that ended the producer, if any."""

    def __init__(self, error: BaseException | None) -> None:
        self.error = error


@contextmanager
def prefetch(items: Iterable[T], depth: int) -> Iterator[Iterator[T]]:
    """Iterate ``items`` in a thread of its own, at most ``depth`` of them ahead.

    An error of the producer is raised in the consumer. Leaving the context stops the producer,
    waits for it, and closes ``items`` if it is a generator; so contexts that ``items`` reads from
    may be left afterwards.
    """
    if depth < 1:
        raise ValueError(f"depth must be at least 1, got {depth}")
    ahead: queue.Queue[T | _End] = queue.Queue(maxsize=depth)
    stop, running, done = threading.Event(), threading.Event(), threading.Event()
    gate = threading.Lock()

    def work() -> None:
        with gate:  # Ctrl-C may come while the thread is born: then it touches nothing
            if stop.is_set():
                return
            running.set()
        try:
            _produce(items, ahead, stop)
        finally:
            done.set()

    thread = threading.Thread(target=work, daemon=True)
    try:
        thread.start()
        yield _consume(ahead)
    finally:
        with gate:
            stop.set()
        if running.is_set():
            wait_patiently(done)
            thread.join()


def _produce(items: Iterable[T], ahead: queue.Queue[T | _End], stop: threading.Event) -> None:
    error: BaseException | None = None
    iterator: Iterator[T] | None = None
    try:
        iterator = iter(items)
        for item in iterator:
            if not _put(ahead, item, stop):
                break
    except BaseException as caught:  # handed to the consumer, which raises it
        error = caught
    close = getattr(iterator, "close", None)
    if close is not None:
        try:
            close()
        except BaseException as caught:
            error = error or caught
    _put(ahead, _End(error), stop)


def wait_patiently(done: threading.Event) -> None:
    """Wait for a thread's last item, whatever the user types: left alone it would crash later.

    ``Thread.join`` will not do: interrupted, it takes the thread for ended.
    """
    while not done.is_set():
        with suppress(KeyboardInterrupt):
            done.wait(POLL_S)


def _put(ahead: queue.Queue[T | _End], item: T | _End, stop: threading.Event) -> bool:
    """Wait for room, but not for a consumer that is gone; says whether the item was taken."""
    while not stop.is_set():
        try:
            ahead.put(item, timeout=POLL_S)
        except queue.Full:
            continue
        return True
    return False


def _consume(ahead: queue.Queue[T | _End]) -> Iterator[T]:
    while True:
        item = ahead.get()
        if isinstance(item, _End):
            if item.error is not None:
                raise item.error
            return
        yield item
