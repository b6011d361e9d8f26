"""Deep supervision: a network that recurses learns from its prediction after every recursion."""

from __future__ import annotations

from typing import Protocol, runtime_checkable

import torch
from torch import Tensor

from vsr_cli.specs import Recipe
from vsr_cli.training.losses import Criterion


@runtime_checkable
class Recursive(Protocol):
    """A network with a prediction after each of its D recursions."""

    def predict_each(self, frames: Tensor) -> tuple[Tensor, Tensor]:
        """The result, as a call of the network gives it, and (D, *its shape) of predictions."""


def share_of_each(recipe: Recipe, step: int) -> float:
    """Kim's alpha: what the recursions' own predictions have in the loss of a step, 0 to 1.

    The paper begins high, so that the early recursions converge, and lets it fall "as training
    progresses"; it says neither from where nor how fast. Ours falls on a line from the recipe's
    ``supervision`` in the first step to nothing behind the last.
    """
    return recipe.supervision * max(0.0, 1 - step / recipe.steps)


def supervised_loss(
    criterion: Criterion, result: Tensor, each: Tensor, hr: Tensor, *, share: float
) -> Tensor:
    """share * mean over the recursions of their loss + (1 - share) * loss of the result.

    result and hr: (B, C, H, W) in [0, 1]; each: (D, B, C, H, W).

    The paper's loss is ``euclidean``; its weight decay is the optimiser's.

    References:
        Kim, Lee, Lee, "Deeply-Recursive Convolutional Network for Image Super-Resolution",
        CVPR 2016, arXiv:1511.04491, Eq. 7 to 9.
    """
    own = torch.stack([criterion(prediction, hr) for prediction in each]).mean()
    loss: Tensor = share * own + (1 - share) * criterion(result, hr)
    return loss
