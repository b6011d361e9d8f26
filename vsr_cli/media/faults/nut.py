"""NUT: where a file ends.

References:
    "NUT Open Container Format", version 4 (2008).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from vsr_cli.media.faults.walk import Ending, Walk

NUT_HEAD = b"nut/multimedia container\0"
_MAIN = b"NMz\x56\x1f\x5f\x04\xad"
_STARTS = ord("N")  # the first byte of what is no frame
_LARGE_PACKET = 4096  # bytes, above which the header of a packet has a checksum of its own
_LONGEST_HEADER = 128  # bytes of a frame; far more than any writer needs
_NUM_CODES = 256
_CODED_PTS, _STREAM, _SIZE, _CHECKSUM, _RESERVED = 8, 16, 32, 64, 128
_HEADER_INDEX, _MATCH_TIME, _CODED, _INVALID = 1024, 2048, 4096, 8192


@dataclass(frozen=True, slots=True)
class _Code:
    """What the first byte of a frame stands for."""

    flags: int
    multiple: int = 1
    rest: int = 0
    num_reserved: int = 0
    header: int = 0


@dataclass(frozen=True, slots=True)
class _Frames:
    """How frames are written in a file."""

    codes: tuple[_Code, ...]
    elided: tuple[int, ...]  # bytes that are left out at the start of a frame, by number

    @classmethod
    def read(cls, data: bytes) -> _Frames:
        """Read it from the body of the main header.

        Raises:
            StopIteration: it is not whole.
        """
        rest = iter(data)
        if _number(rest) > 3:
            _number(rest)
        _number(rest), _number(rest)
        for _ in range(2 * _number(rest)):
            _number(rest)
        codes: list[_Code] = []
        multiple = header = 0
        while len(codes) < _NUM_CODES:
            flags, num_fields = _number(rest), _number(rest)
            fields = dict(enumerate([_number(rest) for _ in range(num_fields)]))
            multiple, header = fields.get(1, multiple or 1), fields.get(7, header)
            size, reserved = fields.get(3, 0), fields.get(4, 0)
            for number in range(min(fields.get(5, multiple - size), _NUM_CODES)):
                if len(codes) == _STARTS:
                    codes.append(_Code(_INVALID))
                codes.append(_Code(flags, multiple, size + number, reserved, header))
        elided = [0]
        for _ in range(_number(rest)):
            elided.append(_number(rest))
            for _ in range(elided[-1]):
                next(rest)
        return cls(tuple(codes[:_NUM_CODES]), tuple(elided))

    def length(self, head: bytes) -> int | None:
        """Bytes of the frame that begins with ``head``, as a whole; None: it is none.

        Raises:
            StopIteration: its header is not whole.
        """
        rest = iter(head)
        code = self.codes[next(rest)]
        flags, reserved, header, size = code.flags, code.num_reserved, code.header, code.rest
        if flags & _CODED:
            flags ^= _number(rest)
        if flags & _INVALID:
            return None
        for flag in (_STREAM, _CODED_PTS):
            if flags & flag:
                _number(rest)
        if flags & _SIZE:
            size += _number(rest) * code.multiple
        if flags & _MATCH_TIME:
            _number(rest)
        if flags & _HEADER_INDEX:
            header = _number(rest)
        if flags & _RESERVED:
            reserved = _number(rest)
        for _ in range(reserved):
            _number(rest)
        if header < len(self.elided) and size <= _LARGE_PACKET:
            size -= self.elided[header]
        return len(head) - len(bytes(rest)) + (4 if flags & _CHECKSUM else 0) + size


def walk_nut() -> Walk:
    """The walk through the packets and the frames of a NUT file.

    A file that ends exactly between two frames is as good as a shorter one.
    """
    at, frames = len(NUT_HEAD), None
    while head := (yield at, _LONGEST_HEADER):
        try:
            if head[0] != _STARTS:
                length = None if frames is None else frames.length(head)
                if length is None or length <= 0:
                    return None  # not what the standard says: no statement
                at += length
                continue
            rest = iter(head[8:])
            length = _number(rest)
        except StopIteration:
            return Ending(at + len(head) + 1)
        start = at + len(head) - len(bytes(rest)) + (4 if length > _LARGE_PACKET else 0)
        if head.startswith(_MAIN) and frames is None:
            body = yield start, length
            if len(body) < length:
                return Ending(start + length, is_readable=False)
            try:
                frames = _Frames.read(body)
            except StopIteration:
                return None
        at = start + length
    return Ending(at)


def _number(data: Iterator[int]) -> int:
    """An unsigned number of variable length: seven bits of each byte."""
    value = 0
    while True:
        byte = next(data)
        value = value << 7 | byte & 0x7F
        if byte < 0x80:
            return value
