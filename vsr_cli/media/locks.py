"""Locks of the system, which end with the process that holds them, however it ends."""

from __future__ import annotations

import errno
import fcntl
from typing import Literal

# What flock says on file systems that are mounted without locks, as Lustre often is.
WITHOUT_LOCKS = (errno.ENOSYS, errno.EOPNOTSUPP, errno.ENOLCK)

LockState = Literal["held", "taken", "unknown"]


def try_lock(descriptor: int, *, shared: bool = False) -> LockState:
    """Lock an open file without waiting: "held" now, "taken" by another process, or "unknown".

    The last is said by file systems that know no locks. Any number hold a ``shared`` lock at once.

    Raises:
        OSError: something else is wrong.
    """
    try:
        fcntl.flock(descriptor, (fcntl.LOCK_SH if shared else fcntl.LOCK_EX) | fcntl.LOCK_NB)
    except BlockingIOError:
        return "taken"
    except OSError as error:
        if error.errno not in WITHOUT_LOCKS:
            raise
        return "unknown"
    return "held"
