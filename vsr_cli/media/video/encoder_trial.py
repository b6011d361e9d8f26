"""Try an encoder's settings before the first frame, and say which of them it does not take."""

from __future__ import annotations

import contextlib
import os
import re
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from types import MappingProxyType

import av
import av.logging
from av.codec import Codec
from av.codec.context import CodecOption, OptionFlags, OptionType
from av.video.codeccontext import VideoCodecContext

from vsr_cli.media.video.scheduling import ordinary_scheduling

_SIDE = 256  # pixels; encoders refuse pictures that are very small
_WHOLE = frozenset({OptionType.INT, OptionType.INT64, OptionType.UINT, OptionType.UINT64})
_UNBOUNDED = 1 << 30  # no encoder means a limit as large as this
# Values beyond these become the nearest that there is, without a word.
_CLAMPED: Mapping[str, Mapping[str, tuple[int, int]]] = MappingProxyType(
    {
        "libx264": {"crf": (0, 51), "bf": (0, 16), "refs": (0, 16)},
        "libx265": {"crf": (0, 51), "bf": (0, 16), "refs": (1, 16)},
    }
)
# What encoders say of parameters that they go on without.
_IGNORED = re.compile(r"error parsing option|unknown option|invalid value", re.IGNORECASE)
_ERROR = re.compile(r"^(?:x26[45] |Svt)\[error\]: (.*)", re.MULTILINE)  # on stderr
_LIST = re.compile(r"Possible (\w+)s:")  # heads the names of tunes or profiles, one on each line


@dataclass(frozen=True, slots=True)
class Setting:
    """One option of the encoder as the user gave it."""

    given: str  # on the command line, such as "--crf 20"
    name: str  # FFmpeg's
    value: str


@dataclass(frozen=True, slots=True)
class Complaint:
    """What an encoder says of the options that it is given."""

    reason: str
    lists: Mapping[str, str]  # of names that it takes, by option, where it tells


def merge_settings(options: Mapping[str, str], settings: Sequence[Setting]) -> dict[str, str]:
    """Options with the user's own, which win. Lists of parameters are joined instead."""
    merged = dict(options)
    for setting in settings:
        is_list = setting.name.endswith("-params") and setting.name in merged
        before = f"{merged[setting.name]}:" if is_list else ""
        merged[setting.name] = before + setting.value
    return merged


def check_settings(
    codec: Codec, options: Mapping[str, str], settings: Sequence[Setting], pix_fmt: str
) -> None:
    """Refuse settings that the encoder does not take, or would pass over without a word.

    ``options`` are those that do not come from the user.

    Raises:
        ValueError: names the setting, and what is accepted.
    """
    known = known_options(codec)
    for setting in settings:
        _check_clamped(codec.name, setting, known[setting.name])
    if not settings or _complaint(codec.name, merge_settings(options, settings), pix_fmt) is None:
        return
    usual = _complaint(codec.name, options, pix_fmt)
    for setting in settings:
        complaint = _complaint(codec.name, merge_settings(options, [setting]), pix_fmt)
        if complaint is not None and complaint != usual:
            option = known[setting.name]
            accepted = _accepted(option, setting.value) or complaint.lists.get(setting.name, "")
            is_among = setting.value.lstrip("+-") in accepted.split(", ")
            why = f"; it takes {accepted}" if accepted and not is_among else f": {complaint.reason}"
            raise ValueError(f"{codec.name} does not take {setting.given}{why}")
    if usual is None:
        together = " with ".join(setting.given for setting in settings)
        raise ValueError(f"{codec.name} does not take {together}; leave one of them out")


def known_options(codec: Codec) -> Mapping[str, CodecOption]:
    """The options of an encoder by name, its own first; without those that the caller sets."""
    known = av.CodecContext.create(codec.name, "w").supported_options
    asked = OptionFlags.ENCODING_PARAM | OptionFlags.VIDEO_PARAM
    options = {option.name: option for option in known.private}
    for option in known.generic:
        if option.flags & asked == asked:
            options.setdefault(option.name, option)
    return options


def _check_clamped(codec: str, setting: Setting, option: CodecOption) -> None:
    value = _number(setting.value)
    if value is None:
        if option.type == OptionType.FLAGS and setting.value[0] not in "+-":
            # All others would be switched off, also those that keep the times of the frames.
            raise ValueError(
                f"{codec} does not take {setting.given}; give {option.name}=+{setting.value}"
            )
        return  # a word, which the encoder is asked about
    low, high = _CLAMPED.get(codec, {}).get(setting.name, (value, value))
    if not low <= value <= high and setting.value != option.default:
        raise ValueError(f"{codec} does not take {setting.given}; it takes {low} to {high}")
    if option.type in _WHOLE and not value.is_integer():
        raise ValueError(f"{codec} does not take {setting.given}; it takes whole numbers")


def _complaint(codec: str, options: Mapping[str, str], pix_fmt: str) -> Complaint | None:
    """Why an encoder cannot be opened with these options, or which it ignores; None: all is well.

    It is opened for a small picture. Other causes than the options, such as hardware that is not
    there, are among the reasons.
    """
    context = av.CodecContext.create(codec, "w")
    if not isinstance(context, VideoCodecContext):
        raise ValueError(f"codec {codec} is no video encoder")
    context.width = context.height = _SIDE
    context.pix_fmt = pix_fmt
    context.time_base, context.framerate = Fraction(1, 25), Fraction(25)
    context.options = dict(options)
    with hearing_log() as log, hearing_stderr() as said, ordinary_scheduling():
        try:
            context.open()
        except av.error.FFmpegError as error:
            reason = error.strerror or "unknown error"
        else:
            reason = ""
    words = [
        (level, text.strip().rstrip("."))
        for level, name, text in log
        if name == codec and text.strip()
    ]
    if not reason:
        ignored = [text for _, text in words if _IGNORED.search(text)]
        return Complaint("; ".join(ignored), {}) if ignored else None
    lists: dict[str, list[str]] = {}
    told = _ERROR.findall("".join(said))
    for level, word in words:
        if head := _LIST.fullmatch(word):
            lists[head[1]] = []
        elif lists:
            lists[[*lists][-1]].append(word)
        elif level <= av.logging.WARNING:
            told.append(word)
    names = {option: ", ".join(values) for option, values in lists.items()}
    return Complaint("; ".join(told) or reason.lower(), names)


@contextlib.contextmanager
def hearing_log() -> Iterator[list[tuple[int, str, str]]]:
    """What FFmpeg says meanwhile: (level, who, text)."""
    level, skips = av.logging.get_level(), av.logging.get_skip_repeated()
    with av.logging.Capture(local=False) as log:
        av.logging.set_level(av.logging.INFO)
        av.logging.set_skip_repeated(False)
        try:
            yield log
        finally:
            av.logging.set_skip_repeated(skips)
            av.logging.set_level(level)


@contextlib.contextmanager
def hearing_stderr() -> Iterator[list[str]]:
    """What encoders themselves write to stderr meanwhile; filled in at the end."""
    said: list[str] = []
    try:
        stderr = os.dup(2)
    except OSError:  # it is closed
        yield said
        return
    with tempfile.TemporaryFile() as file:
        os.dup2(file.fileno(), 2)
        try:
            yield said
        finally:
            os.dup2(stderr, 2)
            os.close(stderr)
            file.seek(0)
            said.append(file.read().decode(errors="replace"))


def _accepted(option: CodecOption, value: str) -> str:
    """What an option takes in the place of a value, as far as its description tells."""
    names = [choice.name for choice in option.choices or ()]
    low, high = option.min, option.max
    is_bounded = low < high and low > -_UNBOUNDED and high < _UNBOUNDED
    numbers = f"{low:g} to {high:g}" if is_bounded and option.type != OptionType.BOOL else ""
    if _number(value) is not None and not numbers:
        return ""
    return " or ".join(filter(None, (numbers, ", ".join(names))))


def _number(value: str) -> float | None:
    try:
        return float(value)
    except ValueError:
        return None
