"""The optimiser of a recipe: what it minimises with, at which rate, and how a blow is softened."""

from __future__ import annotations

import math

import torch
from torch import nn

from vsr_cli.specs import Recipe

FINAL_RATE = 0.01  # of the peak learning rate, at the last step of a cosine
NORM_MEMORY = 0.99  # of the running mean of the gradient's norm that clipping is relative to
SPIKE = 4.0  # a gradient this many times the running mean is scaled down to it
MOMENTUM = 0.9  # of SGD
RATE_CLIP = 0.01  # each value of the gradient times the learning rate is at most this


def make_optimizer(module: nn.Module, recipe: Recipe) -> torch.optim.Optimizer:
    """One group of parameters for the last layer and one for all others."""
    learned = [parameter for parameter in module.parameters() if parameter.requires_grad]
    if not learned:
        raise ValueError("nothing is left to train: all layers are held")
    last = {id(parameter) for parameter in last_layer(module).parameters()}
    groups = [
        {"params": [p for p in learned if id(p) not in last], "share": 1.0},
        {"params": [p for p in learned if id(p) in last], "share": recipe.last_layer_rate},
    ]
    groups = [group for group in groups if group["params"]]
    rate, decay = recipe.learning_rate, recipe.weight_decay
    if recipe.optimizer == "sgd":
        return torch.optim.SGD(groups, lr=rate, momentum=MOMENTUM, weight_decay=decay)
    make = torch.optim.AdamW if recipe.optimizer == "adamw" else torch.optim.Adam
    return make(groups, lr=rate, weight_decay=decay)


def last_layer(module: nn.Module) -> nn.Module:
    """The convolution that was defined last, which is the one that makes the picture."""
    kinds = (nn.Conv2d, nn.Conv3d, nn.ConvTranspose2d)
    return [layer for layer in module.modules() if isinstance(layer, kinds)][-1]


def set_learning_rate(optimizer: torch.optim.Optimizer, recipe: Recipe, step: int) -> None:
    """Give each group its share of a step's rate."""
    for group in optimizer.param_groups:
        group["lr"] = learning_rate(recipe, step) * group["share"]


def learning_rate(recipe: Recipe, step: int) -> float:
    """Linear warm-up, then half a cosine down to ``FINAL_RATE`` of the peak, steps, or nothing."""
    if step < recipe.warmup_steps:
        return recipe.learning_rate * (step + 1) / recipe.warmup_steps
    if recipe.schedule == "constant":
        return recipe.learning_rate
    if recipe.schedule == "steps":
        return recipe.learning_rate * recipe.decay ** (step // recipe.decay_every)
    done = (step - recipe.warmup_steps) / max(1, recipe.steps - recipe.warmup_steps)
    cosine = 0.5 + 0.5 * math.cos(math.pi * min(1.0, done))
    return recipe.learning_rate * (FINAL_RATE + (1 - FINAL_RATE) * cosine)


class Clipper:
    """Keeps one batch from being a blow to the weights; ``norm`` is what it remembers.

    ``spike`` scales a gradient that is far above the running mean of their norms down. ``rate``
    limits each value to a bound divided by the learning rate, which allows rates of 0.1 (Kim et
    al., "Accurate Image Super-Resolution Using Very Deep Convolutional Networks", CVPR 2016,
    arXiv:1511.04587, 3.2; the paper does not give its bound).
    """

    def __init__(self, recipe: Recipe) -> None:
        self.kind = recipe.clip
        self.norm = 0.0

    def clip(self, module: nn.Module, rate: float) -> None:
        """Change the gradients in place, as the recipe says; ``rate`` is that of the step."""
        parameters = [p for p in module.parameters() if p.grad is not None]
        if self.kind == "rate":
            nn.utils.clip_grad_value_(parameters, RATE_CLIP / rate)
        if self.kind != "spike":
            return
        limit = SPIKE * self.norm if self.norm else math.inf
        norm = float(nn.utils.clip_grad_norm_(parameters, limit))
        kept = min(norm, limit)
        self.norm = NORM_MEMORY * self.norm + (1 - NORM_MEMORY) * kept if self.norm else norm
