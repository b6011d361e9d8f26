"""Tell from a file's structure that its end is missing, before anything of it is decoded.

Standard library only. A few bytes are read for each part of the file, not the parts themselves.
"""

from __future__ import annotations

import os
from pathlib import Path

from vsr_cli.media.faults.boxes import BOXES, walk_boxes
from vsr_cli.media.faults.chunks import walk_avi, walk_flv
from vsr_cli.media.faults.endings import walk_gif, walk_y4m
from vsr_cli.media.faults.matroska import MatroskaWalk
from vsr_cli.media.faults.nut import NUT_HEAD, walk_nut
from vsr_cli.media.faults.packets import HEAD, transport_layout, walk_ogg, walk_transport_stream
from vsr_cli.media.faults.walk import FileWalk, Truncation, Walk


def find_truncation(path: Path) -> Truncation | None:
    """What is missing at the end of a file, as far as its structure tells; None: nothing.

    ISO BMFF (MP4, MOV, M4V), Matroska, WebM, AVI, FLV, MPEG-TS, Ogg, NUT, GIF and YUV4MPEG2 are
    looked at. A file that was cut exactly between two packets of a transport stream, two fragments
    of an MP4, two tags of an FLV, two pages of Ogg, two frames of NUT or YUV4MPEG2 or two blocks of
    a Matroska file or an AVI of unknown size is as good as a shorter one, and nobody can tell. Nor
    of an elementary stream, such as bare H.264.
    """
    if not (path.is_file() and os.access(path, os.R_OK)):
        return None  # opening it says why
    with path.open("rb") as file:
        walk = FileWalk(walk_structure(deep=False), file)
        walk.advance()
        return None if walk.ending is None else walk.ending.truncation(path.stat().st_size)


def walk_structure(*, deep: bool, first: int = 0) -> Walk:
    """The walk through a file of any format, which is told from its first bytes.

    Of a format that is not known, nothing is told. ``deep``, every packet is stepped over by itself
    and gaps are found; what ends before the position ``first`` may be left out.
    """
    head = yield 0, HEAD
    if head[4:8].decode("latin-1") in BOXES:
        return (yield from walk_boxes(deep=deep))
    if head.startswith(b"\x1a\x45\xdf\xa3"):
        return (yield from MatroskaWalk(deep=deep, first=first).run())
    if head.startswith((b"GIF87a", b"GIF89a")):
        return (yield from walk_gif(deep=deep))
    if head.startswith(b"YUV4MPEG2 "):
        return (yield from walk_y4m())
    if head.startswith(b"RIFF") and head[8:12] == b"AVI ":
        return (yield from walk_avi(deep=deep))
    if head.startswith(b"FLV\x01"):
        return (yield from walk_flv())
    if head.startswith(b"OggS"):
        return (yield from walk_ogg())
    if head.startswith(NUT_HEAD):
        return (yield from walk_nut())
    if (layout := transport_layout(head)) is not None:
        return (yield from walk_transport_stream(*layout, deep=deep))
    return None
