"""SRGAN's training: a generator against a discriminator, watched for collapse."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F

from vsr_cli.models.srresnet import Discriminator
from vsr_cli.training.distributed import average_gradients, mean_of_all
from vsr_cli.training.losses import Criterion
from vsr_cli.training.perceptual import VGG19Features

ADVERSARIAL = 1e-3  # share of the adversarial term (Ledig 2017, Eq. 3)
PERCEPTUAL = 0.006  # of the squared distance of VGG features (Ledig 2017: their scale 1/12.75)
MATCHING = 0.1  # of the distance of the discriminator's features, where there is no VGG
MEMORY = 0.99  # of the running means that the checks look at
TOO_STRONG = 0.95  # share of right verdicts above which the discriminator waits
COLLAPSED = 4.0  # times the pixel error of the beginning: 6 dB worse
SETTLE = 100  # steps that the first running means take


class AdversarialCriterion(Criterion):
    """Content plus 1e-3 of the generator's adversarial loss; RGB patches in [0, 1].

    Content is the squared distance of VGG-19 features, where there is a file of them; else the
    absolute pixel error plus the distance of the discriminator's own features (feature matching).

    Two checks against collapse: while the discriminator is right more than 95 times in a hundred it
    does not learn, so that the generator can catch up; and when the pixel error is four times that
    of the beginning the run ends with an error, the last checkpoints as they are.

    References:
        Ledig et al., "Photo-Realistic Single Image Super-Resolution Using a Generative Adversarial
        Network", CVPR 2017, arXiv:1609.04802.
        Salimans et al., "Improved Techniques for Training GANs", NeurIPS 2016, arXiv:1606.03498
        (feature matching); Wang et al., CVPR 2018, arXiv:1711.11585 (in all layers).
    """

    def __init__(
        self, *, patch: int, learning_rate: float, vgg: Path | None = None, features: int = 64
    ) -> None:
        super().__init__(self._content)
        self.discriminator = Discriminator(features=features, patch=patch)
        self.vgg = VGG19Features(vgg) if vgg else None
        self.optimizer = torch.optim.Adam(self.discriminator.parameters(), lr=learning_rate)
        self.verdict = 0.5  # running share of right verdicts
        self.error = self.first_error = 0.0  # running pixel error, and that of the beginning
        self.steps = 0

    def forward(self, sr: Tensor, hr: Tensor) -> Tensor:
        """The generator's loss; sr and hr: (B, 3, H, W) in [0, 1]."""
        self.discriminator.requires_grad_(False)
        loss = self._content(sr, hr) + ADVERSARIAL * _belief(self.discriminator(sr), real=True)
        self.discriminator.requires_grad_(True)
        return loss

    def learn(self, sr: Tensor, hr: Tensor, rate: float) -> None:
        """One step of the discriminator, and the checks.

        Raises:
            FloatingPointError: the generator has collapsed.
        """
        with torch.no_grad():
            self._watch(float(mean_of_all((sr - hr).abs().mean())))
        fake, real = self.discriminator(sr), self.discriminator(hr)
        right = mean_of_all(0.5 * ((fake < 0).float().mean() + (real > 0).float().mean()))
        self.verdict = MEMORY * self.verdict + (1 - MEMORY) * float(right)
        if self.verdict > TOO_STRONG:
            return
        loss = _belief(fake, real=False) + _belief(real, real=True)
        for group in self.optimizer.param_groups:
            group["lr"] = rate
        self.optimizer.zero_grad(set_to_none=True)
        loss.backward()
        average_gradients(self.discriminator.parameters())
        self.optimizer.step()

    def figures(self) -> dict[str, float]:
        """The running share of right verdicts, and the running pixel error."""
        return {"verdict": round(self.verdict, 3), "pixel_error": round(self.error, 5)}

    def get_extra_state(self) -> dict[str, Any]:
        """What a checkpoint holds beside the weights."""
        return {
            "optimizer": self.optimizer.state_dict(),
            "verdict": self.verdict,
            "error": self.error,
            "first_error": self.first_error,
            "steps": self.steps,
        }

    def set_extra_state(self, state: dict[str, Any]) -> None:
        """Go on from ``get_extra_state``."""
        self.optimizer.load_state_dict(state["optimizer"])
        self.verdict, self.error = state["verdict"], state["error"]
        self.first_error, self.steps = state["first_error"], state["steps"]

    def _content(self, sr: Tensor, hr: Tensor) -> Tensor:
        if self.vgg is not None:
            return PERCEPTUAL * F.mse_loss(self.vgg(sr), self.vgg(hr))
        own = self.discriminator.maps(sr)
        with torch.no_grad():
            wanted = self.discriminator.maps(hr)
        matching = sum(
            ((a - b).abs().mean() for a, b in zip(own, wanted, strict=True)), torch.zeros(())
        )
        return (sr - hr).abs().mean() + MATCHING * matching / len(own)

    def _watch(self, error: float) -> None:
        self.steps += 1
        self.error = MEMORY * self.error + (1 - MEMORY) * error if self.steps > 1 else error
        if self.steps == SETTLE:
            self.first_error = self.error
        if self.steps > SETTLE and self.error > COLLAPSED * self.first_error:
            raise FloatingPointError(
                f"the generator has collapsed after {self.steps} steps: its pixel error is "
                f"{self.error / self.first_error:.1f} times that of the beginning; try a lower "
                "--learning-rate"
            )


def _belief(logits: Tensor, *, real: bool) -> Tensor:
    """Cross-entropy of the discriminator's verdicts with what they should be."""
    return F.binary_cross_entropy_with_logits(logits, torch.full_like(logits, float(real)))
