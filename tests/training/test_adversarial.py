"""SRGAN's losses, and the checks that keep its training alive."""

from __future__ import annotations

from copy import deepcopy
from pathlib import Path

import pytest
import torch
from torch.nn import functional as F

from vsr_cli.errors import WeightsError
from vsr_cli.training import adversarial
from vsr_cli.training.adversarial import AdversarialCriterion
from vsr_cli.training.perceptual import GROUPS, MEAN, STD, VGG19Features


@pytest.fixture
def vgg(tmp_path: Path) -> Path:
    """A VGG-19 of two to four channels with random weights, as torchvision stores it."""
    torch.manual_seed(0)
    tensors, number, inputs = {}, 0, 3
    for group, size in enumerate(GROUPS):
        for _ in range(size):
            outputs = 2 + group % 3
            tensors[f"features.{number}.weight"] = torch.randn(outputs, inputs, 3, 3) / 3
            tensors[f"features.{number}.bias"] = torch.randn(outputs) / 9
            number, inputs = number + 2, outputs
        number += 1
    tensors["classifier.0.weight"] = torch.zeros(4, 4)
    path = tmp_path / "vgg19.pth"
    torch.save(tensors, path)
    return path


def _criterion(**changes: object) -> AdversarialCriterion:
    torch.manual_seed(0)
    settings = {"patch": 16, "learning_rate": 1e-3, "features": 4, **changes}
    return AdversarialCriterion(**settings)  # type: ignore[arg-type]


def test_vgg_is_the_chain_of_its_layers(vgg: Path) -> None:
    """Against the layers written out, in double precision, with the places of configuration E."""
    tensors = torch.load(vgg, weights_only=True)
    image = torch.rand(2, 3, 48, 32)
    x = (image - torch.tensor(MEAN).view(1, 3, 1, 1)) / torch.tensor(STD).view(1, 3, 1, 1)
    x = x.double()
    pools = {4, 9, 18, 27}  # torchvision's numbers of the poolings before the last convolution
    for number in range(35):
        if number in pools:
            x = F.max_pool2d(x, 2)
        elif (name := f"features.{number}.weight") in tensors:
            weight, bias = tensors[name].double(), tensors[name.replace("weight", "bias")].double()
            x = F.relu(F.conv2d(x, weight, bias, padding=1))
    found = VGG19Features(vgg)(image)
    assert found.shape[-2:] == (3, 2)
    assert torch.allclose(found.double(), x, atol=1e-5)


def test_file_that_is_no_vgg_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "other.pth"
    torch.save({"conv.weight": torch.zeros(1, 1, 3, 3)}, path)
    with pytest.raises(WeightsError, match=r"no VGG-19 of torchvision: features.0.weight is miss"):
        VGG19Features(path)


@pytest.mark.parametrize("has_vgg", [False, True])
def test_content_grows_with_the_error_and_reaches_the_generator(vgg: Path, has_vgg: bool) -> None:
    criterion = _criterion(vgg=vgg if has_vgg else None)
    hr = torch.rand(4, 3, 16, 16)
    near = (hr + 0.01 * torch.randn_like(hr)).requires_grad_()
    far = hr + 0.3 * torch.randn_like(hr)
    loss = criterion(near, hr)
    loss.backward()
    assert loss < criterion(far, hr)
    assert near.grad is not None
    assert near.grad.abs().sum() > 0
    assert all(p.grad is None for p in criterion.discriminator.parameters())


def test_discriminator_learns_to_tell_and_then_waits() -> None:
    """Noise against stripes is easy: its verdict rises, and above the limit it stands still."""
    criterion = _criterion()
    real = (torch.arange(16) % 2).float().expand(8, 3, 16, 16)
    for _ in range(300):
        fake = torch.rand(8, 3, 16, 16)
        before = criterion.discriminator.judge.weight.clone()
        criterion.learn(fake, real, 1e-3)
        if criterion.verdict > adversarial.TOO_STRONG:
            break
    assert criterion.verdict > adversarial.TOO_STRONG
    assert torch.equal(before, criterion.discriminator.judge.weight)


def test_collapse_ends_the_run() -> None:
    criterion = _criterion()
    hr = torch.rand(4, 3, 16, 16)
    for _ in range(110):
        criterion.learn(hr + 0.02, hr, 1e-4)

    def collapse() -> None:
        for _ in range(100):
            criterion.learn(torch.zeros_like(hr), hr, 1e-4)

    with pytest.raises(FloatingPointError, match="the generator has collapsed after 1"):
        collapse()


def test_state_goes_on_where_it_was() -> None:
    criterion = _criterion()
    hr, sr = torch.rand(4, 3, 16, 16), torch.rand(4, 3, 16, 16)
    criterion.learn(sr, hr, 1e-3)
    again = _criterion()
    again.load_state_dict(deepcopy(criterion.state_dict()))
    for each in (criterion, again):
        each.learn(sr, hr, 1e-3)
    assert again.figures() == criterion.figures()
    pairs = zip(criterion.discriminator.parameters(), again.discriminator.parameters(), strict=True)
    assert all(torch.equal(a, b) for a, b in pairs)
