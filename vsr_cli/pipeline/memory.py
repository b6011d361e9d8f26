"""How much memory there is, and how the C library hands it out."""

from __future__ import annotations

import ctypes
from collections.abc import Callable
from pathlib import Path

import torch

# Names and numbers of malloc.h of the GNU C library.
M_TRIM_THRESHOLD, M_MMAP_MAX, M_ARENA_MAX = -1, -4, -8
NEVER = -1
MEMORY_INFO = Path("/proc/meminfo")  # of Linux
GROUP = Path("/sys/fs/cgroup")  # of containers and jobs: what they may have, and have


def keep_freed_memory() -> bool:
    """Keep freed memory for the next frame, in one arena; says whether the C library could.

    The layers of a network ask for the same large blocks for every frame. By default each comes
    fresh from the kernel, page by page, and goes back at once. Kept instead, 300 frames of 64x32
    through ``2d3d`` took 12.2 s in the place of 16.1 s (bf16, one core, one run after the other);
    where only blocks of up to 32 MiB were kept, a frame of 1920x1080 took ``fsrcnn`` 1.80 s and
    takes 0.64 s (fp32, two cores). The threads no longer fill an arena each either. It changes the
    whole process, so a command or a script calls it, never the library.
    """
    mallopt = _function_of_c("mallopt")
    if mallopt is None:
        return False
    settings = {M_ARENA_MAX: 1, M_MMAP_MAX: 0, M_TRIM_THRESHOLD: NEVER}
    taken = [mallopt(name, value) for name, value in settings.items()]
    return all(taken)


def give_back_freed_memory() -> bool:
    """Give what this process keeps of freed memory to others; says whether there was any."""
    trim = _function_of_c("malloc_trim")
    return trim is not None and bool(trim(0))


def has_free_memory(device: torch.device, size: int) -> bool:
    """Whether a device has more than ``size`` bytes left; True where that is not known.

    What this process keeps of freed memory counts.
    """
    free = free_memory(device)
    if device.type == "cpu" and free is not None and free <= size and give_back_freed_memory():
        free = free_memory(device)
    return free is None or free > size


def free_memory(device: torch.device) -> int | None:
    """Bytes that a device still has for this process; None: not known."""
    if device.type == "cuda":
        free, _ = torch.cuda.mem_get_info(device)
        kept = torch.cuda.memory_reserved(device) - torch.cuda.memory_allocated(device)
        return free + kept
    known = [size for size in (_available(), _left_in_group()) if size is not None]
    return min(known, default=None)


def _function_of_c(name: str) -> Callable[..., int] | None:
    """A function of the GNU C library; None: this is another one."""
    try:
        function: Callable[..., int] = getattr(ctypes.CDLL(None), name)
    except (OSError, AttributeError, TypeError):  # TypeError: on Windows
        return None
    return function


def _available() -> int | None:
    try:
        lines = MEMORY_INFO.read_text(encoding="ascii").splitlines()
    except OSError:
        return None
    sizes = [line.split()[1] for line in lines if line.startswith("MemAvailable:")]
    return 1024 * int(sizes[0]) if sizes else None


def _left_in_group() -> int | None:
    try:
        most = (GROUP / "memory.max").read_text(encoding="ascii").strip()
        used = (GROUP / "memory.current").read_text(encoding="ascii").strip()
    except OSError:
        return None
    return max(0, int(most) - int(used)) if most.isdecimal() and used.isdecimal() else None
