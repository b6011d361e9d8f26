"""Where a worker's process begins: what comes before torch is loaded, which takes seconds."""

from __future__ import annotations

import ctypes
import os
import signal
import sys
from contextlib import suppress
from multiprocessing.connection import Connection

PR_SET_PDEATHSIG = 1  # of Linux's prctl.h


def main() -> None:
    """Serve the connection of the first argument; the second one is the process that started it."""
    _end_with(int(sys.argv[2]))
    from vsr_cli.pipeline.segments.worker import serve

    with Connection(int(sys.argv[1])) as line:
        serve(line)


def _end_with(parent: int) -> None:
    """Be killed when another process ends, however it does; elsewhere the next frame notices."""
    with suppress(OSError, AttributeError):  # not Linux
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:
        sys.exit()


if __name__ == "__main__":
    main()
