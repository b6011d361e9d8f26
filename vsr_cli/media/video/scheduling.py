"""Encoders that would have this process go before all others on the machine."""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Iterator

from av.container import OutputContainer


@contextlib.contextmanager
def ordinary_scheduling() -> Iterator[None]:
    """Open an encoder, and leave every thread of this process scheduled as it was before.

    SVT-AV1 asks for real-time threads of the highest priority, the one that opens it among them,
    and as root, so in most containers, gets them: all that this thread starts from there on is a
    real-time thread or process too, and nothing else on the machine runs until they sleep.
    """
    if sys.platform != "linux":
        yield
        return
    policy, parameters = os.sched_getscheduler(0), os.sched_getparam(0)
    before = _threads()
    try:
        yield
    finally:
        os.sched_setscheduler(0, policy, parameters)
        for thread in _threads() - before:
            with contextlib.suppress(ProcessLookupError):  # it has ended meanwhile
                if os.sched_getscheduler(thread) != policy:
                    os.sched_setscheduler(thread, policy, parameters)


def open_encoders(container: OutputContainer) -> None:
    """Open the encoders of a file's streams, and write its header."""
    with ordinary_scheduling():
        container.start_encoding()


def _threads() -> set[int]:
    return {int(name) for name in os.listdir("/proc/self/task")}
