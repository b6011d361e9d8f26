"""TIFF files: pages that Pillow cannot keep whole, and writing them at 8 and 16 bits."""

from __future__ import annotations

import struct
import zlib
from pathlib import Path

from PIL import Image, TiffImagePlugin

from vsr_cli.errors import InputError
from vsr_cli.media.pictures.deep import Samples, decode_deep

# Tags.
_SUBFILE, _BITS, _PHOTOMETRIC, _CHANNELS, _SAMPLE_FORMAT = 254, 258, 262, 277, 339
_WHITE_IS_ZERO = 0
_DEPTHS = frozenset({1, 2, 4, 8, 16})


def is_thumbnail(image: Image.Image, page: int) -> bool:
    """True for a page that is a smaller version of another one."""
    image.seek(page)
    return bool(_tags(image).get(_SUBFILE, 0) & 1)


def check_samples(image: Image.Image, path: Path) -> None:
    """Refuse samples that Pillow would hand over as something else.

    Raises:
        InputError: they are signed or floats, or of an odd depth.
    """
    tags = _tags(image)
    formats, depths = {*tags.get(_SAMPLE_FORMAT, (1,))}, {*tags.get(_BITS, (1,))}
    is_inverted = tags.get(_PHOTOMETRIC) == _WHITE_IS_ZERO and depths == {16}
    if formats != {1} or len(depths) != 1 or not depths <= _DEPTHS or is_inverted:
        kind = {2: "signed ", 3: "floating-point "}.get(min(formats), "")
        inverted = ", white at 0," if is_inverted else ""
        raise InputError(
            f"{path}: {kind}samples of {max(depths)} bits{inverted} are not supported; "
            "accepted are 8 or 16-bit gray or RGB, try converting it to PNG"
        )


def deep_page(image: Image.Image, path: Path) -> Samples | None:
    """The samples of the current page if it is 16-bit RGB, which Pillow cuts to 8 bits."""
    tags = _tags(image)
    channels = tags.get(_CHANNELS, 1)
    if tags.get(_BITS, (1,))[0] != 16 or channels == 1:
        return None
    data = path.read_bytes()
    order = "<" if data[:2] == b"II" else ">"
    start = _page_starts(data, order)[image.tell()]
    # The decoder shows the page that the file begins with.
    return decode_deep("tiff", data[:4] + struct.pack(f"{order}I", start) + data[8:])


def encode_tiff(samples: Samples, *, icc_profile: bytes | None) -> bytes:
    """A TIFF file of uint8 or uint16 samples (H, W, C): deflate, horizontal differences."""
    height, width, channels = samples.shape
    little = samples.astype(samples.dtype.newbyteorder("<"), copy=False)
    differences = little.copy()
    differences[:, 1:] -= little[:, :-1]  # modulo the depth
    strip = zlib.compress(differences.tobytes(), 3)
    bits = samples.dtype.itemsize * 8
    entries: list[tuple[int, str, tuple[int, ...] | bytes]] = [
        (256, "I", (width,)),
        (257, "I", (height,)),
        (_BITS, "H", (bits,) * channels),
        (259, "H", (8,)),  # compression: deflate
        (_PHOTOMETRIC, "H", (2 if channels > 1 else 1,)),  # RGB, or black is zero
        (273, "I", (8,)),  # where the only strip begins
        (_CHANNELS, "H", (channels,)),
        (278, "I", (height,)),  # rows of the strip
        (279, "I", (len(strip),)),
        (317, "H", (2,)),  # predictor: horizontal differences
    ]
    if channels == 4:
        entries.append((338, "H", (2,)))  # alpha that the colours are not multiplied with
    if icc_profile is not None:
        entries.append((34675, "B", icc_profile))
    strip += bytes(len(strip) % 2)
    directory = 8 + len(strip)
    return struct.pack("<2sHI", b"II", 42, directory) + strip + _directory(entries, directory)


def _directory(entries: list[tuple[int, str, tuple[int, ...] | bytes]], start: int) -> bytes:
    """A TIFF directory at ``start``, followed by the values that do not fit into it."""
    codes = {"B": 7, "H": 3, "I": 4}
    table, beyond = struct.pack("<H", len(entries)), b""
    beyond_start = start + 2 + 12 * len(entries) + 4
    for tag, kind, values in entries:
        data = (
            values if isinstance(values, bytes) else struct.pack(f"<{len(values)}{kind}", *values)
        )
        if len(data) > 4:
            offset, data = beyond_start + len(beyond), data + bytes(len(data) % 2)
            beyond += data
            data = struct.pack("<I", offset)
        table += struct.pack("<HHI", tag, codes[kind], len(values)) + data.ljust(4, b"\0")
    return table + bytes(4) + beyond


def _page_starts(data: bytes, order: str) -> list[int]:
    """Where the directory of each page begins."""
    (magic, start) = struct.unpack_from(f"{order}HI", data, 2)
    if magic != 42:
        raise ValueError("BigTIFF of 16-bit RGB is not supported")
    starts: list[int] = []
    while start and start not in starts:
        starts.append(start)
        (count,) = struct.unpack_from(f"{order}H", data, start)
        (start,) = struct.unpack_from(f"{order}I", data, start + 2 + 12 * count)
    return starts


def _tags(image: Image.Image) -> TiffImagePlugin.ImageFileDirectory_v2:
    if not isinstance(image, TiffImagePlugin.TiffImageFile):
        raise ValueError(f"{image.format} is not TIFF")
    return image.tag_v2
