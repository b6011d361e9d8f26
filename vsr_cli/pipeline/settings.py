"""What all stages of a run share, and how planes go through a network."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Self

import torch
from torch import Tensor

from vsr_cli.errors import NumericalError
from vsr_cli.frames import UNSPECIFIED, ClipInfo, PixelFormat
from vsr_cli.imaging.kernels import KernelName, kernel_name
from vsr_cli.imaging.ranges import is_full_range
from vsr_cli.imaging.siting import CENTERED, Siting, chroma_siting
from vsr_cli.media.pixels.tags import conversion_matrix
from vsr_cli.models.load import LoadedChain
from vsr_cli.pipeline.device import choose_device, choose_precision
from vsr_cli.specs import Chroma, UpscaleSpec

NOT_FINITE = "the network gave values that are not finite: try --precision fp32 or other weights"


@dataclass(frozen=True, slots=True, kw_only=True)
class StageSettings:
    """What all stages of a run share."""

    device: torch.device
    precision: torch.dtype
    pixel_format: PixelFormat
    siting: Siting = CENTERED  # of the chroma planes
    chroma: Chroma = "bicubic"
    kernel: KernelName = "bicubic"  # of what no network enlarges
    consistency: int = 0  # rounds of back-projection at the end
    matrix: int = UNSPECIFIED  # between YUV and RGB, for networks that see RGB
    is_full: bool = False  # the range of the code values
    batch_size: int | None = None
    tile: int | None = None
    # Of scene cuts, where windows end; 0: none are looked for, and no network sees two frames.
    scene_threshold: float = 0.0
    is_bounded: bool = True  # results of networks are held in [0, 1]; those of fields are not

    @classmethod
    def of(cls, spec: UpscaleSpec, info: ClipInfo, chain: LoadedChain) -> Self:
        """What the stages of ``chain`` need of the user's settings.

        Raises:
            ValueError: not a device or a precision.
            DeviceError: the device that was named is not there.
        """
        device = choose_device(spec.device)
        return cls(
            device=device,
            precision=choose_precision(spec.precision, device, bf16_loss=chain.bf16_loss),
            pixel_format=info.pixel_format,
            siting=chroma_siting(info.pixel_format, info.color.chroma_location),
            chroma=spec.chroma,
            kernel=chain_kernel(spec.model),
            consistency=spec.consistency,
            matrix=conversion_matrix(info),
            is_full=is_full_range(info),
            batch_size=spec.batch_size,
            tile=spec.tile,
            scene_threshold=spec.scene_threshold if chain.reach else 0.0,
        )

    def batch(self, pixels: int, limits: Mapping[str, int]) -> int:
        """How many frames (or windows) of ``pixels`` go into one call of a network."""
        return self.batch_size or max(1, min(16, limits[self.device.type] // pixels))

    def autocast(self) -> torch.autocast:
        """The precision in which networks compute; fp32 as it is."""
        half = self.precision != torch.float32
        return torch.autocast(self.device.type, dtype=self.precision, enabled=half)

    def plane_siting(self, plane: int) -> Siting:
        """The place of the samples of one plane."""
        is_chroma = self.pixel_format.family == "yuv" and plane in (1, 2)
        return self.siting if is_chroma else CENTERED

    @property
    def model_planes(self) -> tuple[int, ...]:
        """Planes that go through the network: luma, all three of GBR, or all with ``model``."""
        colors = self.pixel_format.num_planes - self.pixel_format.has_alpha
        if self.pixel_format.family == "yuv" and self.chroma == "bicubic":
            return (0,)
        return tuple(range(colors))


def chain_kernel(model: str) -> KernelName:
    """The kernel of the interpolation that a ``--model`` names, else bicubic."""
    names = (kernel_name(name.strip()) for name in model.split("+"))
    return next(filter(None, names), "bicubic")


def batched(
    network: Callable[[Tensor], Tensor], planes: list[Tensor], *, is_bounded: bool = True
) -> Tensor:
    """(H, W) or (T, H, W) planes of one size through a network at once: (B, s*H, s*W).

    The result is in [0, 1], unless that is not asked for.
    """
    with torch.inference_mode():
        stacked = torch.stack(planes) if len(planes) > 1 else planes[0][None]
        stacked = stacked[:, None]  # (B, 1, [T,] H, W)
        return checked(network(stacked)[:, 0], is_bounded=is_bounded)


def checked(result: Tensor, *, is_bounded: bool = True) -> Tensor:
    """What a network gave, held in [0, 1] in place if it ``is_bounded``.

    To look at a value of a GPU would mean to wait for it. There a bounded result of which any value
    is not finite becomes NaN as a whole, which no stage can hide: ``transfer`` finds it.

    Raises:
        NumericalError: a value is not finite.
    """
    # One value that is not finite makes the sum so; looking at each takes 40 times as long.
    total = result.sum()
    if is_bounded and result.device.type != "cpu":
        return result.clamp_(0, 1).add_(total * 0)
    if not total.isfinite():
        raise NumericalError(NOT_FINITE)
    return result.clamp_(0, 1) if is_bounded else result
