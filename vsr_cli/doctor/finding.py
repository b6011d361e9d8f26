"""One thing that was looked at."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, Literal

Area = Literal[
    "version", "device", "encoder", "decoder", "weights", "extra", "program", "disk", "job"
]


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One thing that was looked at, and what to do where it does not work."""

    area: Area
    name: str
    is_ok: bool
    detail: str  # one line
    is_needed: bool = False  # without it ``vsr upscale IN OUT`` cannot do its work
    causes: tuple[str, ...] = ()  # of a fault, the likeliest first, three at most
    remedy: str = ""  # of a fault: a command, or a few words
    facts: Mapping[str, Any] = field(default_factory=dict)  # the detail for programs

    def __post_init__(self) -> None:
        """What works has no causes, and nothing to mend."""
        if self.is_ok:
            object.__setattr__(self, "causes", ())
            object.__setattr__(self, "remedy", "")

    def to_json(self) -> dict[str, Any]:
        """The entry of ``--json``."""
        shown = asdict(self)
        return {
            "area": self.area,
            "name": self.name,
            "ok": shown.pop("is_ok"),
            "needed": shown.pop("is_needed"),
        } | shown
