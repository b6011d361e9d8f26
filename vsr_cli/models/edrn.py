"""EDRN: residual groups at a quarter, half and all of the resolution, with channel attention."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from vsr_cli.imaging.resample import enlarge
from vsr_cli.models.layers import CENTRE, LINEAR, RELU, conv, near_zero
from vsr_cli.models.spec import ModelSpec

FEATURES = 64  # at all of the resolution; twice and four times as many at a half and a quarter
GROUPS = 4, 2, 1  # at a quarter, a half, and all of the resolution
BLOCKS = 10  # in each group
SQUEEZE = 16  # by which channel attention narrows
MULTIPLE = 4  # of which sides must be to be halved twice
MEAN = 0.4313, 0.4162, 0.3861  # red, green and blue of the challenge's training data

SPEC = ModelSpec(
    name="edrn",
    kind="frame",
    color="rgb",
    scales=(2, 3, 4),
    window=1,
    radius=None,
    paper="Cheng 2019, NTIRE at CVPR",
    build=lambda scale, residual: EDRN(scale, residual),
    features=FEATURES,
    of_width=lambda scale, residual, features: EDRN(scale, residual, features=features),
)


class EDRN(nn.Module):
    """Upscale each frame. frames: (B, 3, H, W), RGB in [0, 1]; returns (B, 3, s*H, s*W).

    The bicubic enlargement goes through conv3(64), is halved twice to 128 and 256 channels, and
    doubled twice on its way back; at each of the three sizes residual groups (four, two, one) of
    ten blocks correct what came down, to which the encoder's features of that size are added; at
    last conv3(3). Batch normalisation is where the size changes, and there alone. 58,445,899
    parameters, those of batch normalisation included.

    Channel attention weighs features by their averages over the frame, so a result depends on every
    pixel, and tiles would change it. Sides that are no multiple of four are continued by their last
    pixels, and the result is cut.

    Differences from the paper: the challenge's input has the size of its output, so the network is
    1:1, and what enlarges is the bicubic interpolation before it. Weight normalisation, a device of
    training, is left out: the same functions have plain weights. With ``residual`` the network
    predicts the difference to the bicubic enlargement, which it sees about 0.5; without it, the
    result itself, about the mean colour of the challenge's data, as in the paper.

    References:
        Cheng, Matsune, Li, Zhu, Zang, Zhan, "Encoder-Decoder Residual Network for Real
        Super-Resolution", CVPR Workshops 2019. What it leaves open is as in the authors'
        repository, github.com/yyknight/NTIRE2019_EDRN: widths, numbers of blocks, the mean.
    """

    def __init__(
        self,
        scale: int,
        residual: bool = True,
        *,
        features: int = FEATURES,
        blocks: int = BLOCKS,
        squeeze: int = SQUEEZE,
    ) -> None:
        super().__init__()
        self.scale = scale
        self.residual = residual
        widths = 4 * features, 2 * features, features
        self.feature = conv(3, features, 3, slope=LINEAR)
        self.encoder = nn.ModuleList(Halve(width) for width in (widths[2], widths[1]))
        self.level = nn.ModuleList(
            Level(width, groups, blocks, squeeze)
            for width, groups in zip(widths, GROUPS, strict=True)
        )
        self.decoder = nn.ModuleList(Double(width) for width in widths[:2])
        self.reconstruct = conv(features, 3, 3, slope=LINEAR)
        if residual:
            near_zero(self.reconstruct)

    def forward(self, frames: Tensor) -> Tensor:
        bicubic = enlarge(frames, self.scale)  # (B, 3, s*H, s*W)
        height, width = bicubic.shape[-2:]
        mean = CENTRE if self.residual else bicubic.new_tensor(MEAN)[:, None, None]
        whole = self.feature(_to_multiple(bicubic - mean))  # (B, 64, H', W')
        half = self.encoder[0](whole)  # (B, 128, H'/2, W'/2)
        quarter = self.encoder[1](half)  # (B, 256, H'/4, W'/4)
        x = self.decoder[0](self.level[0](quarter) + quarter)
        x = self.decoder[1](self.level[1](x) + half)
        x = self.reconstruct(self.level[2](x) + whole)  # (B, 3, H', W')
        x = x[..., :height, :width]
        return bicubic + x if self.residual else x + mean


class Level(nn.Module):
    """Residual groups and a conv3, all at one size: (B, C, H, W), same size."""

    def __init__(self, features: int, groups: int, blocks: int, squeeze: int) -> None:
        super().__init__()
        self.group = nn.ModuleList(
            ResidualGroup(features, groups, blocks, squeeze) for _ in range(groups)
        )
        self.fuse = conv(features, features, 3, slope=LINEAR)

    def forward(self, x: Tensor) -> Tensor:
        for group in self.group:
            x = group(x)
        return self.fuse(x)


class ResidualGroup(nn.Module):
    """Add what residual blocks and a conv3 find: (B, C, H, W), same size."""

    def __init__(self, features: int, groups: int, blocks: int, squeeze: int) -> None:
        super().__init__()
        self.block = nn.ModuleList(AttentionBlock(features, blocks, squeeze) for _ in range(blocks))
        # Groups add up: together they start with about the variance of what they add to.
        self.fuse = conv(features, features, 3, slope=LINEAR, gain=groups**-0.5)

    def forward(self, x: Tensor) -> Tensor:
        y = x
        for block in self.block:
            y = block(y)
        return x + self.fuse(y)


class AttentionBlock(nn.Module):
    """Add what two conv3 find, each channel as strongly as the whole frame says: same size."""

    def __init__(self, features: int, blocks: int, squeeze: int) -> None:
        super().__init__()
        self.first = conv(features, features, 3, slope=RELU)
        self.second = conv(features, features, 3, slope=LINEAR, gain=blocks**-0.5)
        self.squeeze = conv(features, features // squeeze, 1, slope=RELU)
        self.excite = conv(features // squeeze, features, 1, slope=LINEAR)

    def forward(self, x: Tensor) -> Tensor:
        y = self.second(F.relu(self.first(x)))
        average = y.mean((-2, -1), keepdim=True)  # (B, C, 1, 1)
        return x + y * self.excite(F.relu(self.squeeze(average))).sigmoid()


class Halve(nn.Module):
    """(B, C, H, W), even sides, to (B, 2*C, H/2, W/2): conv3 of stride 2, normalised, ReLU."""

    def __init__(self, features: int) -> None:
        super().__init__()
        self.conv = conv(features, 2 * features, 3, slope=RELU, stride=2)
        self.norm = nn.BatchNorm2d(2 * features)

    def forward(self, x: Tensor) -> Tensor:
        return F.relu(self.norm(self.conv(x)))


class Double(nn.Module):
    """(B, C, H, W) to (B, C/2, 2*H, 2*W): transposed conv3 of stride 2, normalised, ReLU."""

    def __init__(self, features: int) -> None:
        super().__init__()
        self.conv = nn.ConvTranspose2d(
            features, features // 2, 3, stride=2, padding=1, output_padding=1
        )
        near_zero(self.conv, std=(2 / (features * 9 / 4)) ** 0.5)  # 9/4 taps for a pixel, then ReLU
        self.norm = nn.BatchNorm2d(features // 2)

    def forward(self, x: Tensor) -> Tensor:
        return F.relu(self.norm(self.conv(x)))


def _to_multiple(x: Tensor) -> Tensor:
    """Continue (..., H, W) by its last row and column to sides that can be halved twice."""
    for dim in (-2, -1):
        length = x.shape[dim]
        longer = (length + MULTIPLE - 1) // MULTIPLE * MULTIPLE  # ONNX divides towards zero
        x = x.index_select(dim, torch.arange(longer, device=x.device).clamp(max=length - 1))
    return x
