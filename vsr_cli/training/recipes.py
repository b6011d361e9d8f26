"""Named recipes; what differs from a paper's own training is said beside each."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from vsr_cli.models import parse_chain
from vsr_cli.specs import Recipe

# Of our own networks. Branches gained 0.19 dB after 3,000 steps of plain at x2, and the loss of the
# tables, in which calm frames count as much as wild ones, about as much again.
OURS = Recipe(
    steps=50_000,
    batch_size=4,
    patch=44,
    margin=4,
    learning_rate=2e-3,
    warmup_steps=200,
    loss="psnr",
    reparameterised=True,
)

RECIPES: Mapping[str, Recipe] = MappingProxyType(
    {
        # Dong 2016 trains with SGD on 91 images, 1e-3 and 1e-4 for the deconvolution.
        "fsrcnn": Recipe(
            steps=100_000, batch_size=16, patch=36, margin=3, learning_rate=2e-3, warmup_steps=500
        ),
        # Zhu & Gao train 80 to 100 epochs of one clip. Narrow ReLU layers die at 1e-3 and more.
        "srnet3d": Recipe(
            steps=100_000, batch_size=8, patch=44, margin=4, learning_rate=6e-4, warmup_steps=1000
        ),
        # Both at once, from weights that were trained one after the other.
        "2d3d-joint": Recipe(
            steps=20_000, batch_size=8, patch=24, margin=3, learning_rate=1e-4, warmup_steps=500
        ),
        **dict.fromkeys(("plain", "plain-s", "2d3d-fast", "refine3d"), OURS),
    }
)


def find_recipe(model: str) -> Recipe:
    """The recipe of a network.

    Raises:
        ValueError: unknown name, several networks, or there is none for it.
    """
    if len(names := parse_chain(model)) > 1:
        raise ValueError(
            f"{model} has several stages: train {' and then '.join(names)}, or 2d3d-joint, which "
            "is fsrcnn and srnet3d in one graph"
        )
    if model in RECIPES:
        return RECIPES[model]
    raise ValueError(f"there is no recipe for {model!r}: there are {', '.join(RECIPES)}")
