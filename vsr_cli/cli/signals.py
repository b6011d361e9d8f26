"""Signals that end a run: the first one lets it clean up, and none disturbs the cleaning."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from types import FrameType
from typing import Any, NoReturn

ENDING = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
WORDS = {signal.SIGINT: "interrupted", signal.SIGTERM: "terminated", signal.SIGHUP: "hung up"}


class EndingSignal(KeyboardInterrupt):
    """A signal wants the run to end."""

    def __init__(self, number: int) -> None:
        self.number = signal.Signals(number)
        super().__init__(WORDS[self.number])


@contextmanager
def ending_signals() -> Iterator[None]:
    """Raise ``EndingSignal`` for the first signal, and ignore those that come after it for good.

    For good, since the end of a process takes its time too. A signal that is ignored already, as
    under ``nohup``, stays so. Outside of the main thread, which alone receives signals, nothing is
    changed.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = {number: signal.getsignal(number) for number in ENDING}

    def end(number: int, frame: FrameType | None) -> NoReturn:
        del frame
        for other in ENDING:
            signal.signal(other, signal.SIG_IGN)
        raise EndingSignal(number)

    for number, handler in before.items():
        if handler is not signal.SIG_IGN:
            signal.signal(number, end)
    try:
        yield
    except EndingSignal:
        raise
    except BaseException:
        _restore(before)
        raise
    _restore(before)


def _restore(handlers: Mapping[signal.Signals, Any]) -> None:
    for number, handler in handlers.items():
        signal.signal(number, handler)
