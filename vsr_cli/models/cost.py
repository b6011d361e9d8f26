"""What a network costs: its parameters, and its multiplications for one pixel of the output.

A multiply-accumulate (MAC) is one product that is added to a sum. Counted are those of
convolutions, transposed convolutions and linear layers, as papers do: padding is multiplied too,
biases, slopes, normalisations and interpolation are left out. So is what a network does once for a
frame, however large: the share of a pixel goes to zero. What neighbouring windows share is counted
once for each frame, as a stream computes it.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode

from vsr_cli.models.spec import ModelSpec
from vsr_cli.models.temporal import TemporalUpscaler

Convolution = nn.Conv1d | nn.Conv2d | nn.Conv3d
Transposed = nn.ConvTranspose1d | nn.ConvTranspose2d | nn.ConvTranspose3d
IN_PLACE = frozenset({"__iadd__", "__isub__", "__imul__", "__itruediv__"})
SIDES = 4, 8  # pixels of inputs whose counts are compared; the result does not depend on them


class NetworkCost(NamedTuple):
    """What a whole network costs, in the paper's form."""

    parameters: int  # as ``parameter_count``
    macs: float  # per pixel of the output


@dataclass(frozen=True, slots=True, kw_only=True)
class LayerCost:
    """One layer, with what it adds to the cost of its network."""

    name: str  # as in the weight file
    type: str
    kernel: tuple[int, ...]  # (T, H, W), (H, W), or empty
    channels: tuple[int, ...]  # in and out
    parameters: int  # slopes too
    macs: float  # per pixel of the output


class _WithoutStart(TorchFunctionMode):
    """Lets layers be built without a start: what is written to a tensor in place is left out."""

    def __torch_function__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: Any = None
    ) -> Any:
        given = {} if kwargs is None else kwargs
        name = getattr(func, "__name__", "")
        if name in IN_PLACE or (name.endswith("_") and not name.endswith("__")):  # normal_, mul_
            return next(iter((*args, *given.values())))
        return func(*args, **given)


def plain_form(spec: ModelSpec, scale: int) -> nn.Module:
    """The paper's form of a network in evaluation: its layers and their shapes.

    Its values are what lay in memory, and of a large network's memory none is taken.
    """
    with _WithoutStart():
        return spec.build(scale, False).eval()


def parameter_count(model: nn.Module) -> int:
    """Weights and biases, PReLU slopes apart, as the paper counts."""
    slopes = {id(p) for m in model.modules() if isinstance(m, nn.PReLU) for p in m.parameters()}
    return sum(p.numel() for p in model.parameters() if id(p) not in slopes)


@cache
def network_cost(spec: ModelSpec, scale: int) -> NetworkCost:
    """Parameters and MACs of a network at one scale; it is built once."""
    model = plain_form(spec, scale)
    macs = math.fsum(layer.macs for layer in _layer_costs(model, spec, scale))
    return NetworkCost(parameter_count(model), macs)


def macs_per_pixel(spec: ModelSpec, scale: int) -> float:
    """MACs of the paper's form of a network for one pixel of its output."""
    return network_cost(spec, scale).macs


def values_per_pixel(spec: ModelSpec, scale: int) -> float:
    """Values that pass between memory and all layers for one pixel of the output."""
    return math.fsum(layer_values(spec, scale).values())


def layer_values(spec: ModelSpec, scale: int) -> dict[str, float]:
    """Values that pass between memory and each layer, by name, for one pixel of the output.

    The layers are those whose MACs are counted, in the paper's form. Each reads what it is given
    once and writes what it makes once; activations, normalisations and interpolation are taken to
    happen on the way. Weights are not counted.
    """
    model = plain_form(spec, scale)
    # A quadratic in the side: what is padded grows with the border, and is in the linear term.
    step = SIDES[1] - SIDES[0]
    first, second, third = (
        _count(model, spec, side, _layer_values) for side in (*SIDES, SIDES[1] + step)
    )
    pixels = 2 * step**2 * scale**2
    return {name: (third[name] - 2 * second[name] + first[name]) / pixels for name in third}


def layer_costs(spec: ModelSpec, scale: int) -> tuple[LayerCost, ...]:
    """Every layer that holds parameters, in the order of the weight file, in the paper's form."""
    return tuple(_layer_costs(plain_form(spec, scale), spec, scale))


def _layer_costs(model: nn.Module, spec: ModelSpec, scale: int) -> Iterator[LayerCost]:
    small, large = (_count(model, spec, side, _layer_macs) for side in SIDES)
    pixels = (SIDES[1] ** 2 - SIDES[0] ** 2) * scale**2
    for name, layer in model.named_modules():
        if parameters := sum(p.numel() for p in layer.parameters(recurse=False)):
            yield LayerCost(
                name=name,
                type=type(layer).__name__,
                kernel=tuple(getattr(layer, "kernel_size", ())),
                channels=_channels(layer),
                parameters=parameters,
                macs=(large[name] - small[name]) / pixels,
            )


def _count(
    model: nn.Module,
    spec: ModelSpec,
    side: int,
    amount: Callable[[nn.Module, Tensor, Tensor], int],
) -> Counter[str]:
    """The amount of each layer by name for ``side`` x ``side`` pixels, used often as often.

    The layers multiply nothing: what they give has the shape of their results alone.
    """
    found: Counter[str] = Counter()

    def stand_in(name: str, layer: nn.Module) -> Callable[[Tensor], Tensor]:
        def shape(given: Tensor) -> Tensor:
            output = given.new_empty(_result_shape(layer, given.shape))
            found[name] += amount(layer, given, output)
            return output

        return shape

    for name, layer in model.named_modules():
        if isinstance(layer, Convolution | Transposed | nn.Linear):
            layer.forward = stand_in(name, layer)  # type: ignore[method-assign,assignment]
    time = (spec.window,) if spec.kind == "clip" else ()
    channels = 3 if spec.color == "rgb" else 1
    with torch.inference_mode():
        if isinstance(model, TemporalUpscaler):
            _stream_frame(model, torch.zeros(1, 1, side, side))
        else:
            model(torch.zeros(1, channels, *time, side, side))
    return found


def _result_shape(layer: nn.Module, given: torch.Size) -> tuple[int, ...]:
    """The shape of what a convolution or a linear layer makes of a tensor of another one."""
    if isinstance(layer, nn.Linear):
        return (*given[:-1], layer.out_features)
    if not isinstance(layer, Convolution | Transposed):
        raise TypeError(f"no shape is known for {type(layer).__name__}")
    axes = len(layer.kernel_size)
    own = (layer.kernel_size, layer.stride, layer.padding, layer.dilation, layer.output_padding)
    sides = [
        (side - 1) * stride - 2 * padding + dilation * (kernel - 1) + more + 1
        if isinstance(layer, Transposed)
        else (side + 2 * padding - dilation * (kernel - 1) - 1) // stride + 1
        for side, kernel, stride, padding, dilation, more in zip(given[-axes:], *own, strict=True)
    ]
    return (*given[: -axes - 1], layer.out_channels, *sides)


def largest_layer(model: nn.Module, frames: Tensor) -> int:
    """Values that the layer with the most of them takes in or gives out for such frames."""
    sizes = [frames.numel()]

    def look(_: nn.Module, inputs: tuple[Any, ...], output: Any) -> None:
        tensors = [value for value in (*inputs, output) if isinstance(value, Tensor)]
        sizes.extend(tensor.numel() for tensor in tensors)

    hooks = [module.register_forward_hook(look) for module in model.modules()]
    try:
        with torch.inference_mode():
            model(frames)
    finally:
        for hook in hooks:
            hook.remove()
    return max(sizes)


def _stream_frame(model: TemporalUpscaler, frame: Tensor) -> None:
    """What a stream computes for one more frame: each step once, neighbours' results are there."""
    code = model.prepare(frame)
    for number, taps in enumerate(model.taps):
        code = model.step(number, code.unsqueeze(2).expand(-1, -1, taps, -1, -1))
    model.finish(code, frame)


def _layer_macs(layer: nn.Module, given: Tensor, output: Tensor) -> int:
    if isinstance(layer, nn.Linear):
        return output.numel() * layer.in_features
    if isinstance(layer, Convolution):
        return output.numel() * math.prod(layer.kernel_size) * layer.in_channels // layer.groups
    if isinstance(layer, Transposed):
        return given.numel() * math.prod(layer.kernel_size) * layer.out_channels // layer.groups
    raise TypeError(f"no count is known for {type(layer).__name__}")


def _layer_values(layer: nn.Module, given: Tensor, output: Tensor) -> int:
    del layer
    return given.numel() + output.numel()


def _channels(layer: nn.Module) -> tuple[int, ...]:
    for given, out in (
        ("in_channels", "out_channels"),
        ("in_features", "out_features"),
        ("num_features", "num_features"),
        ("num_parameters", "num_parameters"),
    ):
        if hasattr(layer, given):
            return int(getattr(layer, given)), int(getattr(layer, out))
    return ()
