"""What a network says of itself; everything that lists or checks networks derives from it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from torch import nn

ModelKind = Literal["frame", "clip"]
FEATURES_STEP = 16  # channel attention has a sixteenth of the channels, FSTRN's tail a fourth


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelSpec:
    """One network of the table ``MODELS``."""

    name: str
    # frame: (B, C, H, W) to (B, C, s*H, s*W); clip: (B, C, T, H, W) to (B, C, H, W)
    kind: ModelKind
    color: Literal["luma", "rgb"]
    scales: tuple[int, ...]  # a clip model that keeps the size has (1,)
    window: int  # frames that go in for one that comes out
    # pixels of the input on each side that an output pixel depends on, at the smallest scale (where
    # they are most: what a network does to enlarged pixels reaches less far at the larger ones);
    # None: the whole frame, however large, so that tiles would give another result
    radius: int | None
    paper: str
    build: Callable[[int, bool], nn.Module]  # (scale, residual)
    features: int | None = None  # channels, where ``of_width`` can build it with others
    of_width: Callable[[int, bool, int], nn.Module] | None = None  # (scale, residual, features)
    has_weights: bool = True
    pads_itself: bool = False  # continues a frame beyond its border of its own accord
    unit: int = 1  # pixels that the frame's upper left corner and a tile's are apart, or a multiple

    def __post_init__(self) -> None:
        if self.window % 2 == 0:
            raise ValueError(f"window must be odd, to have a middle frame, got {self.window}")
        if self.kind == "clip" and self.color == "rgb":
            raise ValueError(f"a clip model sees luma, but {self.name} is for RGB")
        if self.kind == "clip" and self.radius is None:
            raise ValueError(f"a clip model must have a radius, but {self.name} sees whole frames")
        if (self.features is None) != (self.of_width is None):
            raise ValueError(f"features and of_width go together, but not in {self.name}")

    def with_features(self, features: int | None) -> ModelSpec:
        """The network with that many channels in the place of the paper's; None: as it is.

        Raises:
            ValueError: it has no other width, or that is none.
        """
        of_width = self.of_width
        if features is None or features == self.features:
            return self
        if of_width is None:
            raise ValueError(f"{self.name} has one width: its features cannot be chosen")
        if features < 1 or features % FEATURES_STEP:
            raise ValueError(f"features must be a multiple of {FEATURES_STEP}, got {features}")
        return replace(
            self,
            features=features,
            build=lambda scale, residual: of_width(scale, residual, features),
        )

    @property
    def enlarges(self) -> bool:
        """False for a network that refines what is enlarged already."""
        return self.scales != (1,)

    def own_scale(self, scale: int) -> int:
        """By how much the network itself enlarges where the whole enlarges by ``scale``."""
        return scale if self.enlarges else 1

    @property
    def margin(self) -> int:
        """Pixels of mirrored frame that go in on each side: all that a border's result depends on.

        None where a network sees the whole frame, which a margin would change.
        """
        return 0 if self.pads_itself else self.radius or 0
