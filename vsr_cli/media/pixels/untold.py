"""What a clip says of its colours and a file of pictures alone cannot say."""

from __future__ import annotations

from pathlib import Path

from vsr_cli.frames import UNSPECIFIED, ClipInfo
from vsr_cli.media.pixels.color_names import matrix_name, primaries_name, transfer_name
from vsr_cli.media.pixels.tags import RGB_MATRIX
from vsr_cli.media.video.hdr import lost_hdr

_NO_MATRIX = frozenset({UNSPECIFIED, RGB_MATRIX})
# Code points near enough to sRGB, for which every picture without tags is taken.
_USUAL_PRIMARIES = frozenset({UNSPECIFIED, 1, 5, 6, 7})
_USUAL_TRANSFERS = frozenset({UNSPECIFIED, 1, 4, 5, 6, 7, 13, 14, 15})


def untold_color(path: Path, info: ClipInfo, *, is_y4m: bool) -> list[str]:
    """A warning for each kind of colour tag that is lost in y4m, a GIF or pictures; often none.

    Pictures are RGB, so that a matrix is applied and not lost; PNG keeps primaries and transfer.
    A folder (a path without an ending) gets PNG files.
    """
    color, suffix = info.color, path.suffix.lower() or ".png"
    is_tagged = suffix == ".png" or info.icc_profile is not None
    primaries, transfer = color.primaries, color.transfer
    if is_y4m:
        lost = {
            f"matrix {matrix_name(color.matrix)}": color.matrix not in _NO_MATRIX,
            f"primaries {primaries_name(primaries)}": primaries != UNSPECIFIED,
            f"transfer {transfer_name(transfer)}": transfer != UNSPECIFIED,
        }
    else:
        lost = {
            f"primaries {primaries_name(primaries)}": primaries not in _USUAL_PRIMARIES,
            f"transfer {transfer_name(transfer)}": transfer not in _USUAL_TRANSFERS,
        }
    kind = "y4m" if is_y4m else f"a {suffix} file"
    warnings = []
    names = [name for name, is_lost in lost.items() if is_lost]
    if names and (is_y4m or not is_tagged):
        warnings.append(f"{kind} says nothing of colours: {', '.join(names)} left out")
    if metadata := lost_hdr("", info.hdr):
        warnings.append(f"{kind} stores no {' and no '.join(metadata)} metadata: left out")
    return warnings
