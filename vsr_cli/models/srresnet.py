"""SRResNet and SRGAN: sixteen residual blocks in RGB, and the discriminator that trains them."""

from __future__ import annotations

from dataclasses import replace

from torch import Tensor, nn
from torch.nn import functional as F

from vsr_cli.imaging.resample import enlarge
from vsr_cli.models.layers import LINEAR, PRELU, centred, conv, near_zero, zero_bias
from vsr_cli.models.spec import ModelSpec

FEATURES, BLOCKS = 64, 16
PATCH = 96  # side of what the discriminator judges
LEAK = 0.2

SPEC = ModelSpec(
    name="srresnet",
    kind="frame",
    color="rgb",
    scales=(2, 3, 4),
    window=1,
    # conv9, conv3 in the blocks, after them, before each shuffle
    radius=4 + 2 * BLOCKS + 1 + 1 + 2,
    paper="Ledig 2017, arXiv:1609.04802",
    build=lambda scale, residual: SRResNet(scale, residual),
    features=FEATURES,
    of_width=lambda scale, residual, features: SRResNet(scale, residual, features=features),
)
SPEC_GAN = replace(SPEC, name="srgan")


class SRResNet(nn.Module):
    """Upscale each frame. frames: (B, 3, H, W), RGB in [0, 1]; returns (B, 3, s*H, s*W).

    Feature conv9(64) with PReLU, 16 residual blocks, conv3(64) with batch normalisation and a skip
    from the feature layer, conv3(256) with a pixel shuffle by 2 and PReLU per octave (conv3(576)
    and a shuffle by 3 at x3), reconstruct conv9(3). 1,549,443 parameters at x4, those of batch
    normalisation included. SRGAN's generator is the same network, trained against
    ``Discriminator`` with a perceptual loss and 0.001 of the adversarial one.

    Differences from the paper: its results lie in [-1, 1], ours in [0, 1] as the input does. It has
    x4 alone. With ``residual`` the network predicts the difference to the bicubic enlargement;
    without it, the result itself, as in the paper.

    References:
        Ledig et al., "Photo-Realistic Single Image Super-Resolution Using a Generative Adversarial
        Network", CVPR 2017, arXiv:1609.04802.
    """

    def __init__(self, scale: int, residual: bool = True, *, features: int = FEATURES) -> None:
        super().__init__()
        self.scale = scale
        self.residual = residual
        self.steps = (2, 2) if scale == 4 else (scale,)
        self.feature = conv(3, features, 9, slope=PRELU)
        self.feature_slope = nn.PReLU(features)
        self.block = nn.ModuleList(ResidualBlock(features) for _ in range(BLOCKS))
        self.fuse = conv(features, features, 3, slope=LINEAR)
        self.fuse_norm = nn.BatchNorm2d(features)
        self.upsample = nn.ModuleList(
            conv(features, features * step * step, 3, slope=PRELU) for step in self.steps
        )
        self.upsample_slope = nn.ModuleList(nn.PReLU(features) for _ in self.steps)
        self.reconstruct = conv(features, 3, 9, slope=LINEAR)
        if residual:
            near_zero(self.reconstruct)

    def forward(self, frames: Tensor) -> Tensor:
        start = self.feature_slope(self.feature(centred(frames, self.residual)))  # (B, 64, H, W)
        x = start
        for block in self.block:
            x = block(x)
        x = start + self.fuse_norm(self.fuse(x))
        for step, layer, slope in zip(self.steps, self.upsample, self.upsample_slope, strict=True):
            x = slope(F.pixel_shuffle(layer(x), step))  # (B, 64, step*H, step*W)
        x = self.reconstruct(x)  # (B, 3, s*H, s*W)
        return enlarge(frames, self.scale) + x if self.residual else x


class ResidualBlock(nn.Module):
    """Add what two normalised conv3 find: (B, 64, H, W), same size."""

    def __init__(self, features: int) -> None:
        super().__init__()
        self.first = conv(features, features, 3, slope=PRELU)
        self.first_norm = nn.BatchNorm2d(features)
        self.first_slope = nn.PReLU(features)
        self.second = conv(features, features, 3, slope=LINEAR)
        self.second_norm = nn.BatchNorm2d(features)
        # Sixteen blocks add up: together they start with about the variance of what they add to.
        nn.init.constant_(self.second_norm.weight, BLOCKS**-0.5)

    def forward(self, x: Tensor) -> Tensor:
        y = self.first_slope(self.first_norm(self.first(x)))
        return x + self.second_norm(self.second(y))


class Discriminator(nn.Module):
    """Judge patches, for training SRGAN. frames: (B, 3, 96, 96), RGB in [0, 1]; returns (B, 1).

    Eight conv3 of 64, 64, 128, 128, 256, 256, 512 and 512 channels, every second one of stride 2,
    with batch normalisation after all but the first; dense 1024, dense 1; LeakyReLU 0.2.

    Difference from the paper: what comes out is the logit; the sigmoid belongs to the loss.

    Raises:
        ValueError: the frames are not of the side that the dense layer was made for.

    References:
        Ledig et al. 2017, arXiv:1609.04802, Fig. 4.
    """

    def __init__(self, *, features: int = FEATURES, patch: int = PATCH) -> None:
        super().__init__()
        if patch < 1 or patch % 16:
            raise ValueError(f"patch must be a positive multiple of 16, got {patch}")
        self.patch = patch
        widths = [features * factor for factor in (1, 1, 2, 2, 4, 4, 8, 8)]
        self.map = nn.ModuleList(
            conv(inputs, outputs, 3, slope=LEAK, stride=1 + number % 2)
            for number, (inputs, outputs) in enumerate(zip([3, *widths], widths, strict=False))
        )
        self.norm = nn.ModuleList(nn.BatchNorm2d(width) for width in widths[1:])
        self.dense = zero_bias(nn.Linear(widths[-1] * (patch // 16) ** 2, 16 * features))
        self.judge = zero_bias(nn.Linear(16 * features, 1))

    def forward(self, frames: Tensor) -> Tensor:
        if frames.shape[-2:] != (self.patch, self.patch):
            height, width = frames.shape[-2:]
            raise ValueError(f"patches must be {self.patch}x{self.patch}, got {width}x{height}")
        x = self.maps(frames)[-1]  # (B, 512, 6, 6)
        x = F.leaky_relu(self.dense(x.flatten(1)), LEAK)  # (B, 1024)
        return self.judge(x)

    def maps(self, frames: Tensor) -> list[Tensor]:
        """What each of the eight convolutions finds, (B, 64, 96, 96) to (B, 512, 6, 6)."""
        maps = [F.leaky_relu(self.map[0](frames), LEAK)]
        for layer, norm in zip(list(self.map)[1:], self.norm, strict=True):
            maps.append(F.leaky_relu(norm(layer(maps[-1])), LEAK))
        return maps
