"""Write frames as pictures: one file, a numbered sequence, or a folder of files with old names."""

from __future__ import annotations

import io
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from types import MappingProxyType

from PIL import Image

from vsr_cli.errors import OutputError
from vsr_cli.frames import ClipInfo, ColorInfo, Frame
from vsr_cli.media.completion import CompletingWriter
from vsr_cli.media.pending import PendingFile, PendingFolder
from vsr_cli.media.pictures.deep import Samples
from vsr_cli.media.pictures.numbering import NumberPattern
from vsr_cli.media.pictures.png import encode_png
from vsr_cli.media.pictures.sequence import PictureSequence
from vsr_cli.media.pictures.tiff import encode_tiff
from vsr_cli.media.pixels.conversion import to_rgb
from vsr_cli.media.pixels.orientation import turn_upright, upright_info
from vsr_cli.media.pixels.planes import check_planes
from vsr_cli.media.target import picture_targets
from vsr_cli.specs import EncodingSpec

JPEG_QUALITY = 95  # of 100, with a chroma sample for every pixel
_DEEP = frozenset({".png", ".tif", ".tiff"})  # formats of 16 bits
_OPAQUE = frozenset({".jpg", ".jpeg"})  # formats without alpha
_MAX_SIDE: Mapping[str, int] = MappingProxyType({".jpg": 65_535, ".jpeg": 65_535, ".webp": 16_383})


class StillsWriter(CompletingWriter):
    """Writes each frame as a picture into a hidden place; all appear when all are complete.

    A ``FrameWriter``. YUV becomes RGB by the clip's own matrix and range, and the picture is turned
    upright. PNG and TIFF keep up to 16 bits, alpha and the ICC profile, WebP is lossless, JPEG is
    written at quality 95 with full chroma. More than 8 bits become 16.

    Attributes:
        warnings: what is not kept; complete before the first frame.
        frames_written: pictures that are complete.
    """

    def __init__(
        self,
        path: Path,
        info: ClipInfo,
        encoding: EncodingSpec,
        *,
        sequence: PictureSequence | None,
        is_cut: bool,
        overwrite: bool,
    ) -> None:
        """``sequence`` are the files of the input, if they give the output's numbers or names.

        Raises:
            ValueError: the settings or the clip do not fit the format.
            OutputError: the folder cannot be written.
        """
        refuse_settings(path, encoding)
        self.path = path
        self._clip, self.info = info, upright_info(info)
        self.frames_written = 0
        self._display_matrix = info.display_matrix
        self._pattern = NumberPattern.parse(path)
        self._targets = picture_targets(path, sequence)
        self._suffix = ".png" if self._targets else path.suffix.lower()
        if self._pattern is not None:
            self._suffix = path.suffix.lower()
        self.warnings = self._losses()
        self._pending: PendingFile | PendingFolder
        if self._pattern is None and self._targets is None:
            if not is_cut and (info.num_frames or 1) > 1:
                raise ValueError(_too_many(path))
            self._pending = PendingFile(path, overwrite=overwrite)
        else:
            folder = path if self._pattern is None else path.parent
            self._pending = PendingFolder(path, folder=folder, overwrite=overwrite)

    def write(self, frame: Frame) -> None:
        """Write one picture.

        Raises:
            OutputError: the disk is full, or the clip has more frames than files.
        """
        check_planes(frame, self._clip)
        data = self._encode(turn_upright(frame, self._display_matrix))
        if isinstance(self._pending, PendingFolder):
            self._pending.write(self._name(frame.pts), data)
        elif self.frames_written:
            raise OutputError(_too_many(self.path))
        else:
            try:
                self._pending.path.write_bytes(data)
            except OSError as error:
                raise OutputError(f"cannot write {self.path}: {error.strerror}") from error
        self.frames_written += 1

    def _complete(self) -> None:
        if not self.frames_written:
            raise OutputError(f"no frame was given to write to {self.path}")
        self._pending.commit()
        self._pending.discard()  # what is left of a hidden folder

    def _abort(self, error: BaseException | None = None) -> None:
        del error
        self._pending.discard()

    def _name(self, index: int) -> str:
        """The file of a frame; the pts of a sequence's frame is its index."""
        if self._targets is not None:
            return self._targets[index].name
        if self._pattern is None:
            raise ValueError(f"{self.path} is no pattern")
        return self._pattern.path(self.frames_written + 1).name

    def _encode(self, frame: Frame) -> bytes:
        deep = self.info.pixel_format.bits > 8 and self._suffix in _DEEP
        samples = to_rgb(frame, self.info, bits=16 if deep else 8)
        icc_profile = self.info.icc_profile
        if self._suffix == ".png":
            return encode_png(samples, color=_picture_color(self.info), icc_profile=icc_profile)
        if self._suffix in (".tif", ".tiff"):
            return encode_tiff(samples, icc_profile=icc_profile)
        return _encode_pillow(samples, self._suffix, icc_profile)

    def _losses(self) -> list[str]:
        """What the format does not keep of the clip.

        Raises:
            ValueError: the pictures are too large for the format.
        """
        info, suffix = self.info, self._suffix
        if max(info.width, info.height) > _MAX_SIDE.get(suffix, info.width + info.height):
            raise ValueError(
                f"{info.width}x{info.height} is too large for a {suffix} file, whose sides have at "
                f"most {_MAX_SIDE[suffix]} pixels; try .png"
            )
        losses = []
        if info.pixel_format.has_alpha and suffix in _OPAQUE:
            losses.append(f"alpha is dropped: a {suffix} file has none; .png keeps it")
        if info.pixel_format.bits > 8 and suffix not in _DEEP:
            losses.append(
                f"{info.pixel_format.bits} bits are rounded to 8, all that a {suffix} file has; "
                ".png and .tif keep them"
            )
        if info.sample_aspect_ratio not in (None, 1):
            losses.append(f"the pixel aspect ratio {info.sample_aspect_ratio} is not kept")
        return losses


def refuse_settings(path: Path, encoding: EncodingSpec, *allowed: str) -> None:
    """Refuse settings of a video encoder for a file that has none.

    Raises:
        ValueError: one was given that is not among ``allowed``.
    """
    default = EncodingSpec()
    for name in encoding.__slots__:
        if name not in allowed and getattr(encoding, name) != getattr(default, name):
            option = name.replace("_", "-")
            raise ValueError(f"{path.name} takes no --{option}, it is for videos; leave it out")


def _picture_color(info: ClipInfo) -> ColorInfo:
    """The tags of RGB pictures; a profile says more than they do."""
    if info.icc_profile is not None:
        return ColorInfo()
    return replace(ColorInfo(), primaries=info.color.primaries, transfer=info.color.transfer)


def _too_many(path: Path) -> str:
    pattern = path.with_name(f"{path.stem}_%05d{path.suffix}")
    return f"{path} holds one picture, but the clip has more frames; give a pattern: {pattern}"


def _encode_pillow(samples: Samples, suffix: str, icc_profile: bytes | None) -> bytes:
    if suffix in _OPAQUE and samples.shape[2] == 4:
        samples = samples[..., :3]
    image = Image.fromarray(samples[..., 0] if samples.shape[2] == 1 else samples)
    file = io.BytesIO()
    if suffix == ".webp":
        image.save(file, "WEBP", lossless=True, exact=True, quality=50, icc_profile=icc_profile)
    else:
        image.save(file, "JPEG", quality=JPEG_QUALITY, subsampling=0, icc_profile=icc_profile)
    return file.getvalue()
