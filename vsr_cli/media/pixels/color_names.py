"""FFmpeg's names of the colour tags' code points (ISO/IEC 23091-2, H.273)."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from vsr_cli.frames import UNSPECIFIED

_MATRICES: Mapping[int, str] = MappingProxyType(
    {
        0: "gbr",
        1: "bt709",
        4: "fcc",
        5: "bt470bg",
        6: "smpte170m",
        7: "smpte240m",
        8: "ycgco",
        9: "bt2020nc",
        10: "bt2020c",
        11: "smpte2085",
        12: "chroma-derived-nc",
        13: "chroma-derived-c",
        14: "ictcp",
        15: "ipt-c2",
        16: "ycgco-re",
        17: "ycgco-ro",
    }
)
_PRIMARIES: Mapping[int, str] = MappingProxyType(
    {
        1: "bt709",
        4: "bt470m",
        5: "bt470bg",
        6: "smpte170m",
        7: "smpte240m",
        8: "film",
        9: "bt2020",
        10: "smpte428",
        11: "smpte431",
        12: "smpte432",
        22: "ebu3213",
    }
)
_TRANSFERS: Mapping[int, str] = MappingProxyType(
    {
        1: "bt709",
        4: "bt470m",
        5: "bt470bg",
        6: "smpte170m",
        7: "smpte240m",
        8: "linear",
        9: "log100",
        10: "log316",
        11: "iec61966-2-4",
        12: "bt1361e",
        13: "iec61966-2-1",
        14: "bt2020-10",
        15: "bt2020-12",
        16: "smpte2084",
        17: "smpte428",
        18: "arib-std-b67",
    }
)


def matrix_name(code: int) -> str:
    """The name of a matrix between YUV and RGB."""
    return _name(_MATRICES, code)


def primaries_name(code: int) -> str:
    """The name of the colours that red, green and blue are."""
    return _name(_PRIMARIES, code)


def transfer_name(code: int) -> str:
    """The name of the curve between code values and light."""
    return _name(_TRANSFERS, code)


def _name(names: Mapping[int, str], code: int) -> str:
    return "unspecified" if code == UNSPECIFIED else names.get(code, f"code point {code}")
