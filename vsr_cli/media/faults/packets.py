"""The packets of a transport stream, the pages of Ogg: where a file ends, and where it is broken.

References:
    ISO/IEC 13818-1, "Generic coding of moving pictures and associated audio information: Systems".
    RFC 3533, "The Ogg Encapsulation Format Version 0" (2003).
"""

from __future__ import annotations

from vsr_cli.media.faults.walk import Ending, Gap, Walk

_LAYOUTS = ((188, 0), (192, 4), (204, 0))  # bytes of a packet, and of what precedes its sync
_SYNC = 0x47
_PROBED = 5  # packets whose sync byte must be in its place
HEAD = _PROBED * 204  # bytes in which a transport stream is recognised
_AT_ONCE = 64  # packets
_SCANNED = 1 << 16  # bytes at a time, in search of the next packet or page
_PAGE = 27  # bytes of a page's header before its table
_SERIAL, _NUMBER = slice(14, 18), slice(18, 22)


def transport_layout(head: bytes) -> tuple[int, int] | None:
    """Bytes of a packet, and of what precedes its sync byte; None: no transport stream."""
    for length, sync in _LAYOUTS:
        marks = head[sync : length * _PROBED : length]
        if len(marks) == _PROBED and set(marks) == {_SYNC}:
            return length, sync
    return None


def walk_transport_stream(length: int, sync: int, *, deep: bool) -> Walk:
    """The walk through packets of ``length`` bytes, ``sync`` before their first sync byte.

    Where a packet does not begin with it there is a gap. A file that ends exactly between two
    packets is as good as a shorter one.
    """
    if not deep:
        return Ending(0, multiple=length)
    at = 0
    while data := (yield at, length * _AT_ONCE):
        marks = data[sync::length]
        wrong = next((number for number, mark in enumerate(marks) if mark != _SYNC), None)
        if wrong is None:
            at += length * -(-len(data) // length)
            continue
        at += wrong * length
        yield Gap(at)
        while True:
            data = yield at, _SCANNED
            found = _find_packet(data, length, sync)
            if found is not None:
                at += found
                break
            if len(data) < _SCANNED:
                return Ending(at + len(data))
            at += _SCANNED - 2 * length - sync
    return Ending(at)


def _find_packet(data: bytes, length: int, sync: int) -> int | None:
    """Where a packet begins that is followed by others, or by the end; None: nowhere."""
    at = data.find(_SYNC, sync)
    while at >= 0:
        if set(data[at : at + 2 * length + 1 : length]) == {_SYNC}:
            return at - sync
        at = data.find(_SYNC, at + 1)
    return None


def walk_ogg() -> Walk:
    """The walk through the pages of an Ogg file; a page that is missing is a gap.

    A file that ends exactly between two pages is as good as a shorter one.
    """
    at, last = 0, dict[bytes, int]()
    while header := (yield at, _PAGE):
        if len(header) < _PAGE:
            return Ending(at + _PAGE)
        if not header.startswith(b"OggS"):
            yield Gap(at)
            while (found := (data := (yield at, _SCANNED)).find(b"OggS", 1)) < 0:
                if len(data) < _SCANNED:
                    return None
                at += _SCANNED - 4
            at += found
            last.clear()
            continue
        number = int.from_bytes(header[_NUMBER], "little")
        if number > last.get(header[_SERIAL], number) + 1:
            yield Gap(at)
        last[header[_SERIAL]] = number
        table = yield at + _PAGE, header[_PAGE - 1]
        at += _PAGE + header[_PAGE - 1] + sum(table)
    return Ending(at)
