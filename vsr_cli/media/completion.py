"""How writers end: completed when all went well, else as if they had never been there."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Self


class CompletingWriter(ABC):
    """The context of a writer: left without error it completes the output, else it aborts."""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, *_: object
    ) -> None:
        if kind is not None:
            self._abort(error)
            return
        try:
            self._complete()
        except BaseException as failure:
            self._abort(failure)
            raise

    def discard(self) -> None:
        """Leave no output behind, without an error; in the place of leaving the context."""
        self._abort()

    @abstractmethod
    def _complete(self) -> None:
        """Write what is held, check it, and give the output its name."""

    @abstractmethod
    def _abort(self, error: BaseException | None = None) -> None:
        """Remove what was written; ``error`` is why, and may be told what is left."""
