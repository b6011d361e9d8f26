"""Any image network that the optional package spandrel knows, as a 2D stage.

spandrel tells from the names of a file's tensors which of its many networks it is for. What such a
network is trained on and for is the user's to know; here it is asked for its scale and channels.
"""

from __future__ import annotations

from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any

from torch import Tensor, nn

from vsr_cli.errors import MissingExtraError, VsrError, WeightsError
from vsr_cli.models.spec import ModelSpec
from vsr_cli.models.weights import file_sha256

NAME = "spandrel"
# Pixels by which tiles overlap. Networks with attention or deep stacks see further; their tiles
# differ near their borders, whole frames (--tile 0) do not.
RADIUS = 32


@dataclass(frozen=True, slots=True, kw_only=True)
class OutsideModel:
    """A network that its file describes."""

    spec: ModelSpec
    module: nn.Module
    sha256: str
    warnings: tuple[str, ...]


class SpandrelStage(nn.Module):
    """Upscale each frame. frames: (B, C, H, W) in [0, 1]; returns (B, C, s*H, s*W) in [0, 1].

    C is 3 (RGB) or 1 (luma), as the network says. Sizes that the network does not take are padded
    by spandrel, and the padding is cut off again.
    """

    def __init__(self, descriptor: Any) -> None:
        super().__init__()
        self.network = descriptor.model  # so that .to() and the rewrites reach it
        self.descriptor = descriptor

    def forward(self, frames: Tensor) -> Tensor:
        result: Tensor = self.descriptor(frames)
        return result


def load_outside(path: Path) -> OutsideModel:
    """The network and weights of one file, as spandrel finds them.

    Raises:
        MissingExtraError: spandrel is not installed.
        WeightsError: the file is missing, or spandrel knows no such image network.
    """
    if not path.is_file():
        raise WeightsError(f"weight file {path} does not exist; check the name")
    descriptor = _load(path)
    given, out = descriptor.input_channels, descriptor.output_channels
    if given != out or given not in (1, 3):
        raise WeightsError(
            f"{path} maps {given} channels to {out}; vsr takes networks of luma (1) or RGB (3)"
        )
    descriptor.eval()
    architecture = str(descriptor.architecture.name)
    module = SpandrelStage(descriptor).eval().requires_grad_(False)
    spec = ModelSpec(
        name=NAME,
        kind="frame",
        color="rgb" if given == 3 else "luma",
        scales=(int(descriptor.scale),),
        window=1,
        radius=RADIUS,
        paper=f"{architecture}, by spandrel",
        build=lambda scale, residual: module,
    )
    return OutsideModel(
        spec=spec,
        module=module,
        sha256=file_sha256(path),
        warnings=(
            f"nothing is known of how {path} was trained; it runs as {architecture} "
            f"x{descriptor.scale}, {spec.color}",
        ),
    )


def _load(path: Path) -> Any:
    """The descriptor of the network in a file."""
    try:
        spandrel = import_module(NAME)
    except ModuleNotFoundError as error:
        raise MissingExtraError(error.name or NAME, NAME) from None
    # A package built for another torch can fail in any way while it is loaded.
    except Exception as error:
        raise VsrError(
            f'spandrel is broken: {error}; try: pip install "vsr-cli[{NAME}]"'
        ) from error
    try:
        descriptor = spandrel.ModelLoader(device="cpu").load_from_file(str(path))
    # Its networks are built from what the file holds, which may be anything.
    except Exception as error:
        raise WeightsError(f"spandrel cannot load {path}: {error}") from error
    if not isinstance(descriptor, spandrel.ImageModelDescriptor):
        raise WeightsError(f"{path} is not of a network from image to image")
    return descriptor
