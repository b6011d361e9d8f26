"""The threads: order, bounds, errors in both directions, and that none stays behind."""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Iterator

import pytest

from vsr_cli.pipeline.prefetch import prefetch, wait_patiently


@pytest.fixture(autouse=True)
def no_thread_stays() -> Iterator[None]:
    before = threading.active_count()
    yield
    assert threading.active_count() == before


def test_items_come_in_order() -> None:
    with prefetch(range(100), 3) as items:
        assert list(items) == list(range(100))


def test_none_is_an_item_like_others() -> None:
    with prefetch([None, None], 1) as items:
        assert list(items) == [None, None]


def test_producer_is_at_most_depth_ahead() -> None:
    made: list[int] = []

    def produce() -> Iterator[int]:
        for number in range(50):
            made.append(number)
            yield number

    with prefetch(produce(), 4) as items:
        for number in items:
            time.sleep(0.002)
            assert len(made) <= number + 1 + 4 + 1  # taken, in the queue, and in the hand


def test_error_of_the_producer_is_raised_where_it_happened() -> None:
    def produce() -> Iterator[int]:
        yield 1
        raise OSError("disk on fire")

    seen = []
    with prefetch(produce(), 2) as items:
        seen.append(next(items))
        with pytest.raises(OSError, match="disk on fire"):
            next(items)
    assert seen == [1]


def test_consumer_that_fails_stops_and_closes_the_producer() -> None:
    closed = threading.Event()

    def produce() -> Iterator[int]:
        try:
            number = 0
            while True:
                yield number
                number += 1
        finally:
            closed.set()

    def consume() -> None:
        with prefetch(produce(), 2) as items:
            next(items)
            raise RuntimeError("enough")

    with pytest.raises(RuntimeError, match="enough"):
        consume()
    assert closed.is_set()


def test_chained_prefetches_end_together() -> None:
    with prefetch(iter(range(1000)), 2) as first, prefetch((2 * x for x in first), 2) as second:
        assert next(second) == 0
        assert next(second) == 2


def test_items_that_cannot_be_iterated_are_an_error_not_a_wait() -> None:
    class Broken:
        def __iter__(self) -> Iterator[int]:
            raise OSError("no such thing")

    with prefetch(Broken(), 1) as items, pytest.raises(OSError, match="no such thing"):
        next(items)


def test_interrupt_while_the_thread_ends_is_waited_out() -> None:
    """The second Ctrl-C comes while the first one's clean-up waits for the producer."""
    done = threading.Event()
    timers = [
        threading.Timer(0.1, os.kill, (os.getpid(), signal.SIGINT)),
        threading.Timer(0.3, done.set),
    ]
    for timer in timers:
        timer.start()
    wait_patiently(done)
    assert done.is_set()
    for timer in timers:
        timer.join()


def test_depth_below_one_is_refused() -> None:
    with pytest.raises(ValueError, match="at least 1"), prefetch([1], 0):
        pass


@pytest.mark.parametrize("is_born", [True, False])
def test_interrupt_while_the_thread_is_born_leaves_nothing_running(
    monkeypatch: pytest.MonkeyPatch, is_born: bool
) -> None:
    start = threading.Thread.start
    closed: list[bool] = []

    def interrupted(thread: threading.Thread) -> None:
        if is_born:
            start(thread)
        raise KeyboardInterrupt

    def produce() -> Iterator[int]:
        assert not closed, "read after the context was left"
        yield 1

    monkeypatch.setattr(threading.Thread, "start", interrupted)
    with pytest.raises(KeyboardInterrupt), prefetch(produce(), 1):
        pass
    closed.append(True)
    time.sleep(0.05)
