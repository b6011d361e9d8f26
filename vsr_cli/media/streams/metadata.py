"""Words about a file and its streams: tags, languages, dispositions, chapters."""

from __future__ import annotations

from collections.abc import Mapping
from fractions import Fraction
from io import BytesIO
from types import MappingProxyType
from typing import TYPE_CHECKING

import av
from av.container import InputContainer
from av.stream import Disposition, Stream

if TYPE_CHECKING:
    from av.container.core import Chapter  # is in the stubs only

from vsr_cli.media.streams.free_tags import append_free_tags
from vsr_cli.media.target import QUICKTIME
from vsr_cli.media.video.alpha import ALPHA_TAG

# Tags that describe the file they stand in, not the clip. FFmpeg writes the one for alpha itself.
_FILE_TAGS = frozenset({"major_brand", "minor_version", "compatible_brands", "encoder", ALPHA_TAG})
# Tags of a stream that are fields of their own in a QuickTime file, written whatever they are.
_OWN_FIELDS = frozenset({"language", "title", "name", "timecode", "creation_time", "vendor_id"})
_STATISTICS = ("DURATION", "NUMBER_OF_FRAMES", "NUMBER_OF_BYTES", "BPS", "_STATISTICS")
# A QuickTime file knows these languages by another code of the same standard.
_MOV_LANGUAGES: Mapping[str, str] = MappingProxyType(
    {
        **{"deu": "ger", "fre": "fra", "nld": "dut", "swe": "sve", "ell": "gre", "isl": "ice"},
        **{"zho": "chi", "rum": "ron", "cze": "ces", "slo": "slk", "sqi": "alb", "mkd": "mac"},
    }
)
# What each container keeps of a stream's roles, measured by writing and reading every one.
_MP4_ROLES = Disposition.default | Disposition.dub | Disposition.comment | Disposition.forced
_MP4_ROLES |= Disposition.hearing_impaired | Disposition.visual_impaired
_MP4_ROLES |= Disposition.captions | Disposition.descriptions
_MATROSKA_ROLES = Disposition.default | Disposition.dub | Disposition.comment | Disposition.forced
_MATROSKA_ROLES |= Disposition.hearing_impaired | Disposition.visual_impaired
_MATROSKA_ROLES |= Disposition.original
_ROLES: Mapping[str, Disposition] = MappingProxyType(
    {
        "mp4": _MP4_ROLES,
        "mov": Disposition.default,
        "matroska": _MATROSKA_ROLES,
        "webm": Disposition.default | Disposition.forced,
    }
)
# More of a text's roles: in WebM they are part of the codec's name.
_TEXT_ROLES: Mapping[str, Disposition] = MappingProxyType(
    {
        "matroska": Disposition.descriptions,
        "webm": Disposition.captions | Disposition.descriptions | Disposition.metadata,
    }
)


def clean_tags(tags: Mapping[str, str], *, dropped: frozenset[str] = frozenset()) -> dict[str, str]:
    """The tags that still hold for a file that was written anew; ``dropped`` do not either."""
    return {
        name: value
        for name, value in tags.items()
        if name.lower() not in _FILE_TAGS | dropped and not name.upper().startswith(_STATISTICS)
    }


def copy_labels(
    source: Stream, target: Stream, container: str, *, dropped: frozenset[str] = frozenset()
) -> None:
    """Copy tags, language, title and disposition, as far as the container keeps them.

    Tags with a name among ``dropped`` are left out.
    """
    tags = clean_tags(source.metadata, dropped=dropped)
    if "name" in tags and "title" not in tags:  # what MP4 calls the title of a track
        tags["title"] = tags.pop("name")
    if container == "mov" and source.language not in (None, "und"):
        tags["language"] = _mov_language(source)
    target.metadata.update(tags)
    if not source.disposition & Disposition.attached_pic:
        target.disposition = source.disposition & _kept_roles(source, container)


def lost_labels(source: Stream, container: str) -> list[str]:
    """The language and the roles of a stream that a container does not keep."""
    lost = []
    language = source.language or "und"
    is_known = container != "mov" or _holds_language(_mov_language(source), container)
    if language != "und" and not is_known:
        lost.append(language)
    if not source.disposition & Disposition.attached_pic:
        lost += [role.name or "" for role in source.disposition & ~_kept_roles(source, container)]
    return lost


def _kept_roles(stream: Stream, container: str) -> Disposition:
    if stream.type == "subtitle" and container in _TEXT_ROLES:
        return _ROLES[container] | _TEXT_ROLES[container]
    return _ROLES[container]


def _mov_language(stream: Stream) -> str:
    language = stream.language or "und"
    return _MOV_LANGUAGES.get(language, language)


class TagPlan:
    """How the tags of a file are kept in another one, found by writing them into a tiny clip.

    Attributes:
        tags: those that the muxer writes.
        free: those of them that must be appended to the complete file.
        lost: names of the tags that the container cannot hold.
    """

    def __init__(self, tags: Mapping[str, str], container: str, *, rate: Fraction) -> None:
        self.tags = clean_tags(tags)
        self.free: dict[str, str] = {}
        self.lost: list[str] = []
        # A timecode is a track of its own there, and may not fit: see holds_timecode.
        tried = clean_tags(tags, dropped=frozenset({"timecode"}))
        # Others take any name.
        if container not in QUICKTIME or not tried:
            return
        kept = _kept(tried, _tiny_clip(container, rate, tried))
        free = {name: tried[name] for name in sorted(tried.keys() - kept)}
        if not free:
            return
        clip = _tiny_clip(container, rate, tried)
        append_free_tags(clip, free, container)
        clip.seek(0)
        kept = _kept(tried, clip)
        self.lost = sorted(tried.keys() - kept)
        self.free = {name: value for name, value in free.items() if name in kept}


def lost_stream_tags(stream: Stream, container: str) -> list[str]:
    """Names of the tags of a stream that a container cannot hold."""
    tags = clean_tags(stream.metadata, dropped=_OWN_FIELDS)
    if container not in QUICKTIME or not tags:
        return []
    with av.open(_tiny_clip(container, Fraction(25), {}, tags), metadata_errors="replace") as clip:
        found = {name.lower() for name in clip.streams[0].metadata}
    return sorted(name for name in tags if name.lower() not in found)


def holds_timecode(timecode: str, container: str, *, rate: Fraction) -> bool:
    """True if a clip of this rate may start at this timecode in this container.

    Frame numbers are dropped at 29.97 and 59.94 frames/s only.
    """
    if container not in QUICKTIME:
        return True
    with av.open(_tiny_clip(container, rate, {"timecode": timecode})) as clip:
        return any("timecode" in stream.metadata for stream in clip.streams)


def _holds_language(language: str, container: str) -> bool:
    with av.open(_tiny_clip(container, Fraction(25), {}, {"language": language})) as clip:
        return clip.streams[0].language == language


def _kept(tags: Mapping[str, str], clip: BytesIO) -> set[str]:
    """Names of the tags that are found again in a clip."""
    with av.open(clip, metadata_errors="replace") as container:
        found = {name.lower() for name in container.metadata}
    return {name for name in tags if name.lower() in found}


def _tiny_clip(
    container: str,
    rate: Fraction,
    tags: Mapping[str, str],
    stream_tags: Mapping[str, str] = MappingProxyType({}),
) -> BytesIO:
    """A file of one picture with these tags, to see what becomes of them."""
    file = BytesIO()
    with av.open(file, "w", format=container) as output:
        stream = output.add_stream("png", rate=rate, width=16, height=16, pix_fmt="rgb24")
        output.metadata.update(tags)
        stream.metadata.update(stream_tags)
        output.mux(stream.encode(av.VideoFrame(16, 16, "rgb24")))
        output.mux(stream.encode(None))
    file.seek(0)
    return file


def chapters_within(
    container: InputContainer,
    *,
    zero_s: Fraction,
    first_s: Fraction | None,
    last_s: Fraction | None,
) -> list[Chapter]:
    """The chapters on a timeline that starts at ``zero_s``.

    Those of a cut from ``first_s`` to ``last_s`` are shortened to it and moved with it; None: the
    file's own start or end.
    """
    chapters = []
    for chapter in container.chapters():
        time_base = chapter["time_base"] or Fraction(1)
        start = max(chapter["start"] * time_base - zero_s, first_s or Fraction(0))
        end = chapter["end"] * time_base - zero_s
        end = end if last_s is None else min(end, last_s)
        if start < end:
            chapter["start"] = round((start - (first_s or 0)) / time_base)
            chapter["end"] = round((end - (first_s or 0)) / time_base)
            chapters.append(chapter)
    return chapters
