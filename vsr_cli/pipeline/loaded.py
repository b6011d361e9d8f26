"""Networks that stay loaded, for a process that upscales one clip after the other."""

from __future__ import annotations

from collections.abc import Iterable
from copy import deepcopy
from dataclasses import replace
from functools import lru_cache
from pathlib import Path
from typing import Protocol

from vsr_cli.models.foreign import split_name
from vsr_cli.models.load import LoadedChain, load_chain
from vsr_cli.models.weights import PREFERRED_DOMAIN

CHAINS = 4  # that are kept; clips of one batch seldom ask for more than one or two


class LoadChain(Protocol):
    """Gives the networks of a ``--model``, as ``load_chain`` does."""

    def __call__(
        self,
        model: str,
        scale: int,
        *,
        domain: str | None = None,
        weights: tuple[Path, ...] = (),
        preferred: str = PREFERRED_DOMAIN,
    ) -> LoadedChain: ...


def load_chain_once(
    model: str,
    scale: int,
    *,
    domain: str | None = None,
    weights: tuple[Path, ...] = (),
    preferred: str = PREFERRED_DOMAIN,
) -> LoadedChain:
    """As ``load_chain``, but a process reads and checks each file once, unless the file changes.

    Every call returns networks of its own: what one run does to them, the next one does not see.

    Raises:
        ValueError, VsrError: as ``load_chain``.
    """
    stamps = tuple(map(_stamp, weight_paths(weights)))
    return copy_chain(_load(model, scale, domain, weights, preferred, stamps))


def copy_chain(chain: LoadedChain) -> LoadedChain:
    """The same networks once more, for a run that changes the form of their layers."""
    stages = tuple(replace(stage, module=deepcopy(stage.module)) for stage in chain.stages)
    return replace(chain, stages=stages)


@lru_cache(maxsize=CHAINS)
def _load(
    model: str,
    scale: int,
    domain: str | None,
    weights: tuple[Path, ...],
    preferred: str,
    stamps: tuple[tuple[int, ...], ...],
) -> LoadedChain:
    del stamps  # a part of the key: a file that was written anew is another one
    return load_chain(model, scale, domain=domain, weights=weights, preferred=preferred)


def absolute_weights(weights: Iterable[Path]) -> tuple[Path, ...]:
    """The same files, each ``FILE`` or ``NAME=FILE``, for a process that runs elsewhere."""
    pairs = map(split_name, weights)
    return tuple(
        Path(f"{name}={path.absolute()}") if name else path.absolute() for name, path in pairs
    )


def weight_paths(weights: Iterable[Path]) -> tuple[Path, ...]:
    """The files alone, without the names of networks."""
    return tuple(split_name(argument)[1] for argument in weights)


def _stamp(path: Path) -> tuple[int, ...]:
    """By what a changed file is known; empty for one that is not there."""
    try:
        status = path.stat()
    except OSError:
        return ()
    return (status.st_ino, status.st_size, status.st_mtime_ns)
