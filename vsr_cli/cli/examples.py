"""The examples at the end of every ``--help``, and how shells complete ``vsr``."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING

from vsr_cli.models import ALIASES, MODELS

if TYPE_CHECKING:
    import click

EXAMPLES: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "upscale": (
            "vsr upscale in.mp4 out.mp4",
            "vsr upscale in.mp4 out.mkv --model fsrcnn --codec ffv1",
            "vsr upscale in.mp4 look.png --preview 4",
            "vsr upscale long.mp4 out.mp4 --device cuda:0,cuda:1 --resume",
            "vsr upscale run.nc run_x2.nc --variable TS --domain climate",
        ),
        "batch": (
            "vsr batch runs/ sr/ --model 2d3d --plan",
            "vsr batch 'runs/*/u.mp4' sr/ --suffix _x2 --workers 4",
        ),
        "info": ("vsr info in.mp4", "vsr info in.mp4 --count --json"),
        "doctor": ("vsr doctor", "vsr doctor --json > machine.json"),
        "models": ("vsr models", "vsr models 2d3d --scale 2", "vsr models verify"),
        "export": ("vsr export fsrcnn fsrcnn.onnx --scale 2",),
        "eval": (
            "vsr eval truth.mkv --model bicubic --model 2d3d --report out",
            "vsr eval truth.mkv --against sr.mkv --metric psnr --json",
        ),
        "bench": (
            "vsr bench --model 2d3d --size 320x160 --layers",
            "vsr bench --model bicubic --against ffmpeg --input clip.mp4",
        ),
        "compare": (
            "vsr compare in.mp4 sr.mp4 look.mp4 --layout split",
            "vsr compare in.mp4 sr.mp4 look.png --at 2.5 --crop 100,60,80,60 --zoom 6",
        ),
        "train": (
            "vsr train fsrcnn 2d.safetensors --data runs --validate held_out.mkv",
            "vsr train srnet3d 3d.safetensors --behind 2d.safetensors --data runs",
            "vsr train 2d3d-fast mine.safetensors --finetune --domain climate --data clip.mp4",
        ),
        "render": (
            "vsr render run.nc run.mp4 --variable TS --cmap RdBu_r",
            "vsr render run.nc last.png --at -1",
        ),
        "shallow-water": ("vsr simulate shallow-water truth.mkv --frames 120 --seed 1",),
        "droplet": (
            "vsr simulate droplet drop.mkv --frames 120 --seed 1",
            "vsr simulate droplet stills --frames 200 --seed 2",
        ),
    }
)
# A line of its own for each shell; \b keeps click from joining them.
COMPLETION = """\b
Completion of commands, options and models, in the shell's start-up file:
  bash  eval "$(_VSR_COMPLETE=bash_source vsr)"     (~/.bashrc)
  zsh   eval "$(_VSR_COMPLETE=zsh_source vsr)"      (~/.zshrc)
  fish  _VSR_COMPLETE=fish_source vsr | source      (~/.config/fish/completions/vsr.fish)
"""


def examples(command: str) -> str:
    """The epilog of a command: its examples, each on a line as it is typed."""
    lines = "\n".join(f"  {line}" for line in EXAMPLES[command])
    return f"\b\nExamples:\n{lines}\n"


def complete_model(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[str]:
    """The names of networks that begin so; of a chain (bicubic+sr) those of its last stage."""
    before, plus, last = incomplete.rpartition("+")
    return [before + plus + name for name in (*MODELS, *ALIASES) if name.startswith(last)]
