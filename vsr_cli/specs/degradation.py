"""How truth becomes what a network is given: a chain of steps, in a text that says all of it.

The model is ``L = D B M H + n``: motion and blur of the true frame H, a smaller grid, noise; and
what a camera or a web site does afterwards, JPEG or video coding. A chain is written in the order
in which the steps are applied, joined by ``+`` as networks are; a comma separates the parameters
of one step: ``blur:sigma=2/0.7,angle=30+bicubic+noise:sigma=2+h264:crf=28``.

References:
    An, Dai & An, "Image super-resolution reconstruction technology based on deep learning" (2020),
    equation 1. M displaces frames there; clips move by themselves, so here it is the blur of what
    moves during an exposure.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal, TypeAlias

Downscaler = Literal["bicubic", "area", "bilinear", "lanczos", "nearest"]
VideoFormat = Literal["h264", "h265"]
MAX_SIGMA, MAX_LENGTH = 50.0, 200.0  # pixels of the frame that a step is given
MAX_NOISE, MIN_GAIN = 128.0, 0.001  # codes of 8 bits
MAX_ANGLE, MAX_CRF, MAX_BITS = 360.0, 51.0, 16
MAX_SEED = (1 << 63) - 1


@dataclass(frozen=True, slots=True)
class Downscale:
    """Fewer pixels, by the scale that the networks enlarge by; all but ``nearest`` antialiased."""

    kernel: Downscaler = "bicubic"

    def __str__(self) -> str:
        return self.kernel


@dataclass(frozen=True, slots=True, kw_only=True)
class Blur:
    """A Gaussian, round or drawn out."""

    sigma: tuple[float, float]  # pixels: along the angle, and across it
    angle: float = 0.0  # degrees from the horizontal, counter-clockwise

    def __post_init__(self) -> None:
        for sigma in self.sigma:
            if not 0 < sigma <= MAX_SIGMA:
                raise ValueError(f"blur's sigma must be above 0 to {MAX_SIGMA:g}, got {sigma:g}")
        _check_angle("blur", self.angle)
        if self.angle and self.sigma[0] == self.sigma[1]:
            raise ValueError(
                f"blur of one sigma is round: an angle needs two, sigma={_decimal(self.sigma[0])}"
                f"/1 for example; got angle {self.angle:g}"
            )

    def __str__(self) -> str:
        sigma = "/".join(map(_decimal, dict.fromkeys(self.sigma)))
        return _step("blur", sigma=sigma, angle=_decimal(self.angle) if self.angle else "")


@dataclass(frozen=True, slots=True, kw_only=True)
class Motion:
    """What a straight, even movement of camera or scene leaves in one exposure."""

    length: float  # pixels
    angle: float = 0.0  # degrees from the horizontal, counter-clockwise

    def __post_init__(self) -> None:
        if not 0 < self.length <= MAX_LENGTH:
            raise ValueError(
                f"motion's length must be above 0 to {MAX_LENGTH:g}, got {self.length:g}"
            )
        _check_angle("motion", self.angle)

    def __str__(self) -> str:
        angle = _decimal(self.angle) if self.angle else ""
        return _step("motion", length=_decimal(self.length), angle=angle)


@dataclass(frozen=True, slots=True, kw_only=True)
class Noise:
    """Noise of a sensor: read noise, the same everywhere, and shot noise, which grows with light.

    In code values of 8 bits whatever the clip's depth, of which a code is ``2**(bits - 8)``.
    """

    sigma: float = 0.0  # standard deviation of the read noise
    gain: float = 0.0  # codes for one photoelectron: shot noise has a variance of gain * code
    seed: int = 0

    def __post_init__(self) -> None:
        if not 0 <= self.sigma <= MAX_NOISE:
            raise ValueError(f"noise's sigma must be in 0..{MAX_NOISE:g}, got {self.sigma:g}")
        if self.gain and not MIN_GAIN <= self.gain <= MAX_NOISE:
            raise ValueError(
                f"noise's gain must be 0 or in {MIN_GAIN:g}..{MAX_NOISE:g}, got {self.gain:g}"
            )
        if not (self.sigma or self.gain):
            raise ValueError("noise needs a sigma or a gain above 0")
        if not 0 <= self.seed <= MAX_SEED:
            raise ValueError(f"noise's seed must be in 0..2^63 - 1, got {self.seed}")

    def __str__(self) -> str:
        numbers = {"sigma": self.sigma, "gain": self.gain}
        texts = {name: _decimal(value) if value else "" for name, value in numbers.items()}
        return _step("noise", **texts, seed=str(self.seed) if self.seed else "")


@dataclass(frozen=True, slots=True, kw_only=True)
class Round:
    """Fewer levels: multiples of ``2**(depth - bits)``. Of depths of no more bits, whole codes."""

    bits: int

    def __post_init__(self) -> None:
        if not 1 <= self.bits <= MAX_BITS:
            raise ValueError(f"round's bits must be in 1..{MAX_BITS}, got {self.bits}")

    def __str__(self) -> str:
        return _step("round", bits=str(self.bits))


@dataclass(frozen=True, slots=True, kw_only=True)
class Jpeg:
    """JPEG, encoded and decoded."""

    quality: int  # libjpeg's

    def __post_init__(self) -> None:
        if not 1 <= self.quality <= 100:
            raise ValueError(f"jpeg's quality must be in 1..100, got {self.quality}")

    def __str__(self) -> str:
        return _step("jpeg", quality=str(self.quality))


@dataclass(frozen=True, slots=True, kw_only=True)
class VideoCoding:
    """A video codec, the whole clip encoded and decoded."""

    codec: VideoFormat
    crf: (
        float  # constant rate factor of x264 (without its macroblock tree) or x265: higher is worse
    )

    def __post_init__(self) -> None:
        if not 0 <= self.crf <= MAX_CRF:
            raise ValueError(f"{self.codec}'s crf must be in 0..{MAX_CRF:g}, got {self.crf:g}")

    def __str__(self) -> str:
        return _step(self.codec, crf=_decimal(self.crf))


Step: TypeAlias = Downscale | Blur | Motion | Noise | Round | Jpeg | VideoCoding


@dataclass(frozen=True, slots=True)
class DegradationSpec:
    """The steps from truth to low resolution, one of them a downscaler; ``str`` is their text.

    Values are not rounded between blur, motion, downscaler and noise: a frame becomes whole codes
    of the clip's depth, half upwards, where a coder is given it, and at the chain's end. So noise
    right behind the downscaler is that of a sensor, added before its converter.
    """

    steps: tuple[Step, ...] = (Downscale(),)

    def __post_init__(self) -> None:
        found = [str(step) for step in self.steps if isinstance(step, Downscale)]
        if len(found) != 1:
            names = " and ".join(found) or "none"
            raise ValueError(f"a degradation must have one downscaler, got {names}")

    def __str__(self) -> str:
        return "+".join(map(str, self.steps))

    @property
    def codes_video(self) -> bool:
        """True if frames depend on each other, and luma on the room that chroma takes."""
        return any(isinstance(step, VideoCoding) for step in self.steps)

    def is_like(self, other: DegradationSpec) -> bool:
        """True for the same steps, whatever the seeds of their noise."""
        return self._unseeded() == other._unseeded()

    def _unseeded(self) -> tuple[Step, ...]:
        return tuple(replace(s, seed=0) if isinstance(s, Noise) else s for s in self.steps)


BICUBIC = DegradationSpec()


def _step(name: str, **parameters: str) -> str:
    given = ",".join(f"{key}={value}" for key, value in parameters.items() if value)
    return f"{name}:{given}" if given else name


def _decimal(value: float) -> str:
    """The shortest text of a number that is read as the same number."""
    short = f"{value:g}"
    return short if float(short) == value else repr(value)


def _check_angle(name: str, angle: float) -> None:
    if not -MAX_ANGLE <= angle <= MAX_ANGLE:
        raise ValueError(f"{name}'s angle must be in -360..360 degrees, got {angle:g}")
