"""The layers of a network by themselves, while it runs.

Each layer is timed from its call to its result, on a GPU until that is there: so nothing overlaps,
and the sum is more than the network takes. Its name is that in the weight file; what runs is its
faster form.
"""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import nn
from torch.utils.hooks import RemovableHandle

from vsr_cli.bench.timing import Timing, synchronise
from vsr_cli.bench.work import Work
from vsr_cli.models import OUTSIDE
from vsr_cli.models.cost import layer_costs, layer_values
from vsr_cli.models.load import LoadedModel


@dataclass(frozen=True, slots=True, kw_only=True)
class LayerTime:
    """One layer that multiplies: how long it took, and what it had to do for a frame."""

    name: str
    timing: Timing
    work: Work


@dataclass
class LayerClock:
    """Seconds of each layer of a network in the passes that it watches."""

    device: torch.device
    passes: list[dict[str, float]] = field(default_factory=list)

    @contextmanager
    def watch(self, module: nn.Module, names: Mapping[str, Work]) -> Iterator[None]:
        """Time the layers of these names in this context, as one pass."""
        seconds: dict[str, float] = defaultdict(float)
        hooks: list[RemovableHandle] = []

        def listen(name: str, layer: nn.Module) -> None:
            started: list[float] = []

            def before(_: nn.Module, given: Any) -> None:
                synchronise(self.device)
                started.append(time.perf_counter())

            def after(_: nn.Module, given: Any, made: Any) -> None:
                synchronise(self.device)
                seconds[name] += time.perf_counter() - started.pop()

            hooks.append(layer.register_forward_pre_hook(before))
            hooks.append(layer.register_forward_hook(after))

        for name, layer in module.named_modules():
            if name in names:
                listen(name, layer)
        try:
            yield
        finally:
            for hook in hooks:
                hook.remove()
        self.passes.append(dict(seconds))

    def times(self, works: Mapping[str, Work], num_frames: int) -> tuple[LayerTime, ...]:
        """The layers that ran in every pass, in the order of the weight file."""
        return tuple(
            LayerTime(
                name=name,
                timing=Timing(tuple(each[name] for each in self.passes), num_frames),
                work=work,
            )
            for name, work in works.items()
            if all(name in each for each in self.passes)
        )


def layer_works(model: LoadedModel, pixels: int, value_bytes: int) -> dict[str, Work]:
    """What each layer that multiplies has to do for a frame of ``pixels`` that come out."""
    spec = model.spec
    if spec.name in OUTSIDE or not spec.has_weights:
        return {}
    values = layer_values(spec, model.scale)
    return {
        layer.name: Work(
            flops=2 * layer.macs * pixels,
            bytes=(values[layer.name] * pixels + layer.parameters) * value_bytes,
        )
        for layer in layer_costs(spec, model.scale)
        if layer.macs
    }
