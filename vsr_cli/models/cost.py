"""What a network costs."""

from __future__ import annotations

from torch import nn


def parameter_count(model: nn.Module) -> int:
    """Weights and biases, PReLU slopes apart, as the paper counts."""
    slopes = {id(p) for m in model.modules() if isinstance(m, nn.PReLU) for p in m.parameters()}
    return sum(p.numel() for p in model.parameters() if id(p) not in slopes)
