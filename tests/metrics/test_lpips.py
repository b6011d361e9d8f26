"""LPIPS with small random weights: another form of it by SciPy, properties, files as users have."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import scipy.signal
import torch
from numpy.typing import NDArray
from safetensors.torch import save_file

from vsr_cli.errors import WeightsError
from vsr_cli.metrics import METRICS, LearnedSimilarity, MetricSettings
from vsr_cli.pipeline.evaluate.perceptual import load_similarity

EXACT = 1e-10  # float64 on both sides; sums of some thousand products in another order
Tensors = dict[str, torch.Tensor]
# Number in torchvision's file: output channels, side of the kernel.
ALEX = {0: (5, 11), 3: (6, 5), 6: (7, 3), 8: (6, 3), 10: (4, 3)}
VGG = {n: (3 + n % 4, 3) for n in (0, 2, 5, 7, 10, 12, 14, 17, 19, 21, 24, 26, 28)}
VGG_ENDS = (2, 7, 14, 21, 28)


def _tensors(layers: dict[int, tuple[int, int]], ends: tuple[int, ...]) -> tuple[Tensors, Tensors]:
    """A network as torchvision has it, and heads as the package lpips has them."""
    draw = torch.Generator().manual_seed(3)
    network: Tensors = {"classifier.1.weight": torch.zeros(2, 2)}
    channels = 3
    for number, (width, side) in layers.items():
        shape = (width, channels, side, side)
        spread = (channels * side * side) ** -0.5
        network[f"features.{number}.weight"] = spread * torch.randn(shape, generator=draw)
        network[f"features.{number}.bias"] = 0.3 * torch.rand(width, generator=draw)
        channels = width
    heads = {
        f"lin{index}.model.1.weight": torch.rand(1, layers[end][0], 1, 1, generator=draw)
        for index, end in enumerate(ends)
    }
    return network, heads


def _alex() -> tuple[Tensors, Tensors]:
    return _tensors(ALEX, tuple(ALEX))


def _pair(*size: int) -> tuple[NDArray, NDArray]:
    draw = np.random.default_rng(0)
    hr = draw.random(size)
    return np.clip(hr + 0.1 * draw.standard_normal(size), 0, 1), hr


def _pooled(x: NDArray, side: int) -> NDArray:
    """The maximum in squares, every second one."""
    windows = np.lib.stride_tricks.sliding_window_view(x, (side, side), axis=(1, 2))
    return windows[:, ::2, ::2].max((-2, -1))


def _convolved(x: NDArray, weight: NDArray, bias: NDArray, stride: int, pad: int) -> NDArray:
    x = np.pad(x, ((0, 0), (pad, pad), (pad, pad)))
    out = [
        sum(scipy.signal.correlate2d(a, k, mode="valid") for a, k in zip(x, kernels, strict=True))
        for kernels in weight
    ]
    return np.maximum(np.stack(out)[:, ::stride, ::stride] + bias[:, None, None], 0)


def _by_hand(pair: tuple[NDArray, NDArray], network: Tensors, heads: Tensors, kind: str) -> float:
    """The paper's equation 1, with SciPy's correlation."""
    features = []
    for image in pair:
        x = np.stack([image] * 3) if image.ndim == 2 else image
        mean, spread = np.array([[0.485, 0.456, 0.406], [0.229, 0.224, 0.225]])
        x = (x - mean[:, None, None]) / spread[:, None, None]
        own = []
        for number in ALEX if kind == "alex" else VGG:
            weight, bias = (
                network[f"features.{number}.{part}"].double().numpy() for part in ("weight", "bias")
            )
            if kind == "alex":
                x = _pooled(x, 3) if number in (3, 6) else x
                x = _convolved(
                    x, weight, bias, 4 if number == 0 else 1, {0: 2, 3: 2}.get(number, 1)
                )
                own.append(x)
            else:
                x = _pooled(x, 2) if number in (5, 10, 17, 24) else x
                x = _convolved(x, weight, bias, 1, 1)
                own += [x] if number in VGG_ENDS else []
        features.append([x / (np.linalg.norm(x, axis=0) + 1e-10) for x in own])
    total = 0.0
    for index, (x, y) in enumerate(zip(*features, strict=True)):
        head = heads[f"lin{index}.model.1.weight"].double().numpy().ravel()
        total += float((head[:, None, None] * (x - y) ** 2).sum(0).mean())
    return total


# The shift and scale of the authors' program are those of ImageNet to three digits.
ROUNDED = 2e-3


@pytest.mark.parametrize("size", [(40, 52), (3, 37, 41)])
@pytest.mark.parametrize("kind", ["alex", "vgg"])
def test_distance_is_that_of_the_paper(
    kind: str, size: tuple[int, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    network, heads = _alex() if kind == "alex" else _tensors(VGG, VGG_ENDS)
    pair = _pair(*size)
    similarity = LearnedSimilarity.of(network | heads)
    expected = _by_hand(pair, network, heads, kind)
    assert similarity.distance(*pair) == pytest.approx(expected, rel=ROUNDED)
    exact = np.array([[0.485, 0.456, 0.406], [0.229, 0.224, 0.225]])
    monkeypatch.setattr("vsr_cli.metrics.lpips.SHIFT", tuple(2 * exact[0] - 1))
    monkeypatch.setattr("vsr_cli.metrics.lpips.SCALE", tuple(2 * exact[1]))
    assert similarity.distance(*pair) == pytest.approx(expected, rel=EXACT)


def test_identity_symmetry_and_order() -> None:
    network, heads = _alex()
    similarity = LearnedSimilarity.of(network | heads)
    sr, hr = _pair(48, 48)
    assert similarity.distance(hr, hr) == 0
    assert similarity.distance(sr, hr) == pytest.approx(similarity.distance(hr, sr), rel=1e-12)
    scores = [similarity.distance(hr + noise * (sr - hr), hr) for noise in (0.1, 0.4, 1.0)]
    assert scores == sorted(scores)
    assert scores[0] > 0
    padded = [np.pad(image, 3, constant_values=value) for image, value in ((sr, 0), (hr, 1))]
    assert similarity.distance(*padded, border=3) == similarity.distance(sr, hr)
    threefold = [np.stack([image] * 3) for image in (sr, hr)]
    assert similarity.distance(*threefold) == pytest.approx(scores[2], rel=1e-12)


def test_gaps_are_filled_with_the_truths_mean() -> None:
    network, heads = _alex()
    similarity = LearnedSimilarity.of(network | heads)
    sr, hr = _pair(40, 40)
    holed = hr.copy()
    holed[4:9, 5:30] = np.nan
    missing, mean = np.isnan(holed), np.nanmean(holed)
    filled = [np.where(missing, mean, image) for image in (sr, hr)]
    assert similarity.distance(sr, holed) == pytest.approx(similarity.distance(*filled), rel=1e-12)
    metric = METRICS["lpips"].make(MetricSettings(similarity=similarity))
    assert metric.add(sr, np.full_like(hr, np.nan)) is None


def test_files_as_users_have_them_give_one_network(tmp_path: Path) -> None:
    network, heads = _alex()
    slices = {0: 1, 3: 2, 6: 3, 8: 4, 10: 5}
    merged: Tensors = {"scaling_layer.shift": torch.zeros(1, 3, 1, 1)}
    for number, part in slices.items():
        for kind in ("weight", "bias"):
            merged[f"net.slice{part}.{number}.{kind}"] = network[f"features.{number}.{kind}"]
    for index in range(5):
        head = heads[f"lin{index}.model.1.weight"]
        merged |= {f"lin{index}.model.1.weight": head, f"lins.{index}.model.1.weight": head}
    torch.save(network, tmp_path / "alexnet.pth")
    torch.save(heads, tmp_path / "alex.pth")
    torch.save(merged, tmp_path / "merged.pth")
    save_file(network | heads, tmp_path / "both.safetensors")
    pair = _pair(40, 40)
    expected = LearnedSimilarity.of(network | heads).distance(*pair)
    for names in (["alexnet.pth", "alex.pth"], ["merged.pth"], ["both.safetensors"]):
        similarity = load_similarity([tmp_path / name for name in names])
        assert similarity.distance(*pair) == expected
        assert similarity.backbone.name == "AlexNet"


def test_what_is_missing_is_named() -> None:
    network, heads = _alex()
    with pytest.raises(WeightsError, match="needs a network's features too"):
        LearnedSimilarity.of(heads)
    with pytest.raises(WeightsError, match="by AlexNet lacks the heads of the package lpips"):
        LearnedSimilarity.of(network)
    part = {name: tensor for name, tensor in network.items() if "10.bias" not in name}
    with pytest.raises(WeightsError, match=r"lacks features\.10\.bias"):
        LearnedSimilarity.of(part | heads)
    other = heads | {"lin2.model.1.weight": torch.ones(1, 9, 1, 1)}
    with pytest.raises(WeightsError, match="for 9 features where there are 7"):
        LearnedSimilarity.of(network | other)
    seven = {"features.0.weight": torch.zeros(4, 3, 7, 7)}
    with pytest.raises(WeightsError, match="knows AlexNet and VGG-16"):
        LearnedSimilarity.of(seven)


@pytest.mark.parametrize(("kind", "side"), [("alex", 31), ("vgg", 16)])
def test_smallest_picture(kind: str, side: int) -> None:
    network, heads = _alex() if kind == "alex" else _tensors(VGG, VGG_ENDS)
    similarity = LearnedSimilarity.of(network | heads)
    assert similarity.distance(*_pair(side, side)) > 0
    with pytest.raises(ValueError, match=f"at least {side}x{side} pixels"):
        similarity.distance(*_pair(side, side - 1))
