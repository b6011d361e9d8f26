"""DRCN: one convolution applied sixteen times to the bicubic enlargement."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from vsr_cli.imaging.resample import enlarge
from vsr_cli.models.layers import LINEAR, RELU, centred, conv, near_zero
from vsr_cli.models.spec import ModelSpec

FEATURES, RECURSIONS = 256, 16

SPEC = ModelSpec(
    name="drcn",
    kind="frame",
    color="luma",
    scales=(2, 3, 4),
    window=1,
    radius=(2 + RECURSIONS + 2) // 2 + 2,  # enlarged pixels, and two of the bicubic kernel
    paper="Kim 2016, arXiv:1511.04491",
    build=lambda scale, residual: DRCN(scale, residual),
    features=FEATURES,
    of_width=lambda scale, residual, features: DRCN(scale, residual, features=features),
)


class DRCN(nn.Module):
    """Upscale each frame. frames: (B, 1, H, W) in [0, 1]; returns (B, 1, s*H, s*W).

    Embedding conv3(256) twice, one conv3(256) that is applied 16 times, and reconstruction
    conv3(256), conv3(1), which turns the features of each recursion into a prediction; the result
    is their sum with learned weights. 1,775,105 parameters and the 16 weights.

    Differences from the paper: the last layer has no ReLU, since with the skip from the input it
    predicts a signed difference. Without ``residual`` every prediction holds the skip, as in the
    paper: sum of w (bicubic + r). With it, bicubic + sum of w r: what is added to stays exact
    whatever the weights sum to, the layers see the enlargement about zero, and the last one starts
    near zero. The recursive layer of the plain form starts as the paper's does, as the
    identity; that of the residual form as He et al. propose. Training can supervise each of
    ``predict_each`` beside the result.

    References:
        Kim, Lee, Lee, "Deeply-Recursive Convolutional Network for Image Super-Resolution",
        CVPR 2016, arXiv:1511.04491.
    """

    def __init__(self, scale: int, residual: bool = True, *, features: int = FEATURES) -> None:
        super().__init__()
        self.scale = scale
        self.residual = residual
        self.embed = nn.ModuleList(
            conv(inputs, features, 3, slope=RELU) for inputs in (1, features)
        )
        self.recur = conv(features, features, 3, slope=RELU)
        self.map = conv(features, features, 3, slope=RELU)
        self.reconstruct = conv(features, 1, 3, slope=LINEAR)
        self.share = nn.Parameter(torch.full((RECURSIONS,), 1 / RECURSIONS))
        if residual:
            near_zero(self.reconstruct)
        else:
            nn.init.dirac_(self.recur.weight)

    def forward(self, frames: Tensor) -> Tensor:
        bicubic = enlarge(frames, self.scale)  # (B, 1, s*H, s*W)
        return self._mixed(bicubic, self._differences(bicubic))

    def predict_each(self, frames: Tensor) -> tuple[Tensor, Tensor]:
        """What ``forward`` gives, and the prediction of every recursion, (16, B, 1, s*H, s*W)."""
        bicubic = enlarge(frames, self.scale)
        differences = list(self._differences(bicubic))
        each = torch.stack([bicubic + r for r in differences])
        return self._mixed(bicubic, differences), each

    def _mixed(self, bicubic: Tensor, differences: Iterable[Tensor]) -> Tensor:
        start = torch.zeros_like(bicubic)
        mixed = sum((w * r for w, r in zip(self.share, differences, strict=True)), start)
        return mixed + (bicubic if self.residual else bicubic * self.share.sum())

    def _differences(self, bicubic: Tensor) -> Iterator[Tensor]:
        x = centred(bicubic, self.residual)
        for layer in self.embed:
            x = F.relu(layer(x))  # (B, 256, s*H, s*W)
        for _ in range(RECURSIONS):
            x = F.relu(self.recur(x))
            yield self.reconstruct(F.relu(self.map(x)))  # (B, 1, s*H, s*W)
