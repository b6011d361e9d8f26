"""Steps of one series through the networks: the part of the street that knows no file."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Any

from torch import Tensor

from vsr_cli.fields.grid import FieldGrid
from vsr_cli.frames import Frame
from vsr_cli.models.load import LoadedChain
from vsr_cli.pipeline.fields.networks import field_info, needed_margin
from vsr_cli.pipeline.fields.values import FieldMapping, HeldStep, held_step
from vsr_cli.pipeline.settings import StageSettings
from vsr_cli.pipeline.size import OutputSize
from vsr_cli.pipeline.stages import run_networks
from vsr_cli.specs import FieldSpec

if TYPE_CHECKING:
    from numpy.typing import NDArray

UNEVEN_STEPS = (
    "steps of time are uneven, and networks of several steps take them for even; "
    "--window none does without"
)
ONE_STEP = "there is one step of time alone: networks of several steps see it five times"


def choose_mapping(
    chain: LoadedChain,
    grid: FieldGrid,
    fields: FieldSpec,
    *,
    value_range: tuple[float, float],
    consistency: int,
) -> FieldMapping:
    """The way of a variable to the networks and back."""
    keeps_means = fields.conserve == "mean"
    return FieldMapping(
        value_range=value_range,
        scale=chain.scale,
        margin=needed_margin(chain, consistency),
        edges=grid.edges,
        areas=grid.areas(chain.scale) if keeps_means else None,
    )


def enlarge_steps(
    steps: Iterable[NDArray[Any]],
    size: tuple[int, int],
    chain: LoadedChain,
    settings: StageSettings,
    mapping: FieldMapping,
) -> Iterator[tuple[Tensor, HeldStep]]:
    """Each step of a series, (s*H, s*W) float64 with NaN, and what it was made of.

    Args:
        steps: (H, W) each, in the field's unit, NaN where missing; neighbours in time.
        size: (H, W).
        chain: the networks.
        settings: what their stages share.
        mapping: to what they know, and back.
    """
    held: deque[HeldStep] = deque()

    def frames() -> Iterator[Frame]:
        shot, was_empty = 0, False
        for number, values in enumerate(steps):
            held.append(held_step(values))
            if held[-1].is_empty != was_empty:  # no window reaches over steps without values
                shot, was_empty = shot + 1, held[-1].is_empty
            plane = mapping.there(held[-1]).to(settings.device)
            yield Frame((plane,), pts=number, shot=shot)

    height, width = (side + 2 * mapping.margin for side in size)
    finer = OutputSize(mapping.scale, width * mapping.scale, height * mapping.scale)
    for frame in run_networks(frames(), chain, settings, field_info(height, width), finer):
        step = held.popleft()
        yield mapping.back(frame.planes[0], step), step
