"""Named recipes: ours, which make the released weights, and those of the papers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from types import MappingProxyType

from vsr_cli.models import parse_chain
from vsr_cli.specs import DEFAULT_FORM, Recipe, RecipeForm

# Copies of the stills: Dong 2016 and Yang 2021 (with three turns: 19 pictures more than there are),
# and paper 000's.
SIZES = (1.0, 0.9, 0.8, 0.7, 0.6)
DROPLET_SIZES = (1.0, 0.9, 0.8, 0.7)

# Small networks of single frames. What a table averages is PSNR, so that is what they learn.
SMALL = Recipe(
    steps=100_000,
    batch_size=16,
    patch=36,
    margin=3,
    learning_rate=2e-3,
    warmup_steps=500,
    loss="psnr",
    sizes=SIZES,
)
# Deep ones want a lower rate and a larger field.
DEEP = replace(SMALL, batch_size=16, patch=32, margin=2, learning_rate=2e-4, loss="l1")
# Of our own networks. Branches gained 0.19 dB after 3,000 steps of plain at x2, and the loss of the
# tables, in which calm frames count as much as wild ones, about as much again.
OWN = Recipe(
    steps=50_000,
    batch_size=4,
    patch=44,
    margin=4,
    learning_rate=2e-3,
    warmup_steps=200,
    loss="psnr",
    reparameterised=True,
    sizes=SIZES,
)

OURS: Mapping[str, Recipe] = MappingProxyType(
    {
        **dict.fromkeys(("srcnn", "srcnn-915", "fsrcnn-s", "espcn", "emtcm"), SMALL),
        # On simulations the loss is the squared error for most of the way; weights/manifest.toml.
        "fsrcnn": SMALL,
        "vdsr": replace(DEEP, learning_rate=5e-4, scales=(2, 3, 4)),
        # To supervise its recursions cost drcn 0.05 dB in 250 steps of 32 channels, on two seeds.
        **dict.fromkeys(("drcn", "msrn", "mcmsrn", "scmsrn", "edrn"), DEEP),
        "srresnet": DEEP,
        # From srresnet's weights: --start. Patches of 96x96 at x4.
        "srgan": replace(
            DEEP,
            steps=100_000,
            patch=24,
            margin=0,
            learning_rate=1e-4,
            loss="adversarial",
            clip="none",
        ),
        "fstrn": replace(DEEP, batch_size=4, loss="charbonnier"),
        # Narrow ReLU layers die at 1e-3 and more.
        "srnet3d": replace(
            SMALL, batch_size=8, patch=44, margin=4, learning_rate=6e-4, warmup_steps=1000
        ),
        # Both at once, from weights that were trained one after the other.
        "2d3d-joint": replace(SMALL, steps=20_000, batch_size=8, patch=24, learning_rate=1e-4),
        **dict.fromkeys(("plain", "plain-s"), replace(OWN, batch_size=16)),
        "2d3d-fast": OWN,
        # At 2e-3 its PReLU layers died and nothing was gained in 6,000 steps; at 5e-4 it gained
        # 0.27 dB on fsrcnn in 4,000 steps on two runs, and still climbed.
        "refine3d": replace(OWN, learning_rate=5e-4),
    }
)

# What a paper does not say is ours: the steps where it counts epochs or waits for saturation, no
# warm-up but where SGD needs one, no average. Patches are of the low-resolution input, at the scale
# 3 of those papers that enlarge first. The data are what --data names.
SGD_WARMUP = 1_000  # steps; from the full rate on fsrcnn's loss was infinite after eight of them
_PLAIN = Recipe(
    steps=1_000_000,
    batch_size=128,
    patch=11,
    margin=2,
    learning_rate=1e-3,
    warmup_steps=0,
    schedule="constant",
    clip="none",
    ema_decay=0.0,
    residual=False,
    turns=False,
)
# 80 epochs of 20 per rate; patches of 41x41 enlarged pixels in batches of 64.
_KIM = replace(
    _PLAIN,
    batch_size=64,
    patch=14,
    margin=0,
    learning_rate=0.1,
    warmup_steps=SGD_WARMUP,
    schedule="steps",
    decay_every=50_000,
    optimizer="sgd",
    loss="euclidean",
    weight_decay=1e-4,
    clip="rate",
    turns=True,
)

PAPER: Mapping[str, Recipe] = MappingProxyType(
    {
        # Dong 2014: 33x33 of the enlarged picture, of which 21x21 count; 8e8 backpropagations.
        **dict.fromkeys(
            ("srcnn", "srcnn-915"),
            replace(
                _PLAIN,
                steps=6_250_000,
                learning_rate=1e-4,
                last_layer_rate=0.1,
                optimizer="sgd",
                loss="euclidean",
            ),
        ),
        # Dong 2016: 1e-3, the deconvolution 1e-4; both halved when General-100 joins: --finetune.
        **dict.fromkeys(
            ("fsrcnn", "fsrcnn-s"),
            replace(
                _PLAIN,
                patch=10,
                margin=0,
                last_layer_rate=0.1,
                warmup_steps=SGD_WARMUP,
                optimizer="sgd",
                loss="euclidean",
                turns=True,
                sizes=SIZES,
            ),
        ),
        # Shi 2016: from 0.01 down to 1e-4 as the error stops falling; 17x17.
        "espcn": replace(
            _PLAIN,
            patch=17,
            margin=0,
            learning_rate=1e-2,
            schedule="steps",
            decay_every=400_000,
            optimizer="sgd",
            loss="unit-mse",
            batch_size=16,
        ),
        # Kim 2016: all scales at once, the rate a tenth after every 20 of 80 epochs.
        "vdsr": replace(_KIM, steps=200_000, residual=True, scales=(2, 3, 4)),
        # Kim 2016 supervises every recursion's own picture too, at first much and then less; that
        # it is all at first, and falls on a line, is ours. So is the rate: at the paper's 0.01
        # networks of 16 and 32 channels diverged within 600 steps on patches of 12x12. At this one,
        # reached after 50 steps, one of two seeds learnt: the warm-up is to be long.
        "drcn": replace(
            _KIM, steps=400_000, decay_every=100_000, learning_rate=1e-3, supervision=1.0
        ),
        # Li 2018: L1, 1e-4, halved every 200 epochs of 1,000 steps.
        "msrn": replace(
            _PLAIN,
            batch_size=16,
            patch=64,
            margin=0,
            learning_rate=1e-4,
            schedule="steps",
            decay_every=200_000,
            decay=0.5,
            loss="l1",
            turns=True,
        ),
        # Paper 000: Adam 1e-4, weight decay 1e-4, 17x17, quarter turns and smaller copies.
        **dict.fromkeys(
            ("scmsrn", "mcmsrn"),
            replace(
                _PLAIN,
                batch_size=16,
                patch=17,
                margin=0,
                learning_rate=1e-4,
                weight_decay=1e-4,
                residual=True,
                turns=True,
                sizes=DROPLET_SIZES,
            ),
        ),
        # Ledig 2017: 16 patches of 96x96 at x4, Adam 1e-4, a million steps.
        "srresnet": replace(
            _PLAIN, batch_size=16, patch=24, margin=0, learning_rate=1e-4, turns=True
        ),
        # Then 100,000 steps each at 1e-4 and 1e-5 with the discriminator, from those weights.
        "srgan": replace(
            _PLAIN,
            steps=200_000,
            batch_size=16,
            patch=24,
            margin=0,
            learning_rate=1e-4,
            schedule="steps",
            decay_every=100_000,
            loss="adversarial",
            turns=True,
        ),
        # Yang 2021: its own loss; rates as Dong 2016. SSIM's window needs patches above 11 pixels.
        "emtcm": replace(
            _PLAIN,
            patch=10,
            margin=0,
            last_layer_rate=0.1,
            loss="ssim+cross-entropy",
            turns=True,
            sizes=SIZES,
        ),
        # Zhu & Gao name 80 to 100 epochs of 96 frames, no rate and no batch.
        "srnet3d": replace(_PLAIN, steps=100_000, batch_size=8, patch=44, margin=4),
        "2d3d-joint": replace(_PLAIN, steps=100_000, batch_size=8, patch=24, margin=3),
    }
)

RECIPES: Mapping[RecipeForm, Mapping[str, Recipe]] = MappingProxyType(
    {"ours": OURS, "paper": PAPER}
)


def find_recipe(model: str, form: RecipeForm = DEFAULT_FORM) -> Recipe:
    """The recipe of a network.

    Raises:
        ValueError: unknown name, several networks, or there is none for it in that form.
    """
    if len(names := parse_chain(model)) > 1:
        raise ValueError(
            f"{model} has several stages: train {' and then '.join(names)}, or 2d3d-joint, which "
            "is fsrcnn and srnet3d in one graph"
        )
    recipes = RECIPES[form]
    if model in recipes:
        return recipes[model]
    whose = "" if form == DEFAULT_FORM else " of a paper"
    raise ValueError(f"there is no recipe{whose} for {model!r}: there are {', '.join(recipes)}")
