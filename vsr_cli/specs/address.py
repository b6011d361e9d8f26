"""Addresses of files on servers, such as those of OPeNDAP: left to the library that reads them."""

from __future__ import annotations

import re
from pathlib import Path, PosixPath
from typing import Any, Self

PATTERN = re.compile(r"(https?|dods|dap[24]?|s3|gs)://", re.IGNORECASE)


class Address(PosixPath):
    """An address that is kept as it was typed; a plain path would drop one of its slashes."""

    _text: str

    def __new__(cls, text: str, *more: Any) -> Self:
        made = super().__new__(cls, text, *more)
        made._text = str(text) if not more else ""
        return made

    def __str__(self) -> str:
        return getattr(self, "_text", "") or super().__str__()

    def __fspath__(self) -> str:
        return str(self)

    def __reduce__(self) -> Any:
        return Address, (str(self),)

    def exists(self, **_: Any) -> bool:
        """True: only opening it tells."""
        return True


def as_path(text: str) -> Path:
    """A path, or an address."""
    return Address(text) if PATTERN.match(text) else Path(text)


def ending(path: Any) -> str:
    """The ending of a path in small letters; of an address without what is asked of the server."""
    text = str(path)
    return PosixPath(re.split("[?#]", text)[0] if PATTERN.match(text) else text).suffix.lower()
