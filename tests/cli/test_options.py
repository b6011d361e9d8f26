"""Every option of every command: explained, and used. A value that is not the default changes what
the command asks the library for; a new option is picked up here by itself.

Where the value cannot be told from the option's type, ``VALUES`` has one; where an option is only
for some input or beside another option, ``NEEDS`` has the arguments of that call.
"""

from __future__ import annotations

import pkgutil
import re
from collections.abc import Callable, Iterator
from importlib import import_module
from pathlib import Path
from typing import Any
from unittest.mock import MagicMock

import click
import pytest
from click.testing import CliRunner

import vsr_cli
from vsr_cli.cli import main
from vsr_cli.cli.param_types import (
    BoxType,
    DegradationType,
    FilePath,
    FractionType,
    NamesType,
    NameValueType,
    RangeType,
    SizeType,
)
from vsr_cli.cli.reference import all_commands


class Requested(BaseException):
    """What a command asked the library for; no ``Exception``, so that no command catches it."""


# How each command is called, and the functions in which its request arrives. ``{}`` is a folder
# with the clips a.mkv and b.mkv and the field c.nc.
CALLS = {
    "upscale": "in.mp4 out.mp4",
    "batch": "{} out",
    "export": "fsrcnn out.onnx",
    "eval": "truth.mkv --model fsrcnn",
    "bench": "",
    "compare": "a.mkv b.mkv out.mkv",
    "train": "fsrcnn out.safetensors --data {}/a.mkv",
    "render": "in.nc out.mp4",
    "simulate shallow-water": "out.mkv",
    "simulate droplet": "out.mkv",
    "info": "in.mp4",
    "models": "fsrcnn",
    "doctor": "",
}
REQUESTS = (
    "vsr_cli.pipeline.video.upscale_video",
    "vsr_cli.pipeline.segments.resume.resume_video",
    "vsr_cli.pipeline.segments.devices.upscale_on_devices",
    "vsr_cli.pipeline.preview.preview_video",
    "vsr_cli.pipeline.fields.run.upscale_fields",
    "vsr_cli.batch.run.run_batch",
    "vsr_cli.batch.run.plan_batch",
    "vsr_cli.pipeline.export.export_model",
    "vsr_cli.pipeline.evaluate.run.compare_models",
    "vsr_cli.bench.run.run_bench",
    "vsr_cli.pipeline.compare.run.compare_videos",
    "vsr_cli.training.train.train",
    "vsr_cli.pipeline.render.run.render_field",
    "vsr_cli.pipeline.simulate.shallow_water.simulate_to_file",
    "vsr_cli.pipeline.simulate.droplets.simulate_droplets_to_file",
    "vsr_cli.media.probe_file",
    "vsr_cli.models.catalog.describe_layers",
)
# What is asked before: where progress goes, and which files become of an evaluation.
BEFORE = (
    "vsr_cli.cli.display.RunDisplay",
    "vsr_cli.cli.batch_display.BatchDisplay",
    "vsr_cli.cli.simulate.progress_bar",
    "vsr_cli.cli.train.training_bar",
    "vsr_cli.cli.bench._teller",
    "vsr_cli.report.EvaluationOutputs.of",
)
VALUES = {
    "audio-codec": "aac",
    "batch --list": "{}/list.txt",
    "bench --against": "plain",
    "cmap": "RdBu_r",
    "codec": "ffv1",
    "device": "cpu",
    "domain": "climate",
    "extension": "mkv",
    "hwaccel": "auto",
    "label": "one",
    "licence": "CC0-1.0",
    "metric": "ssim",
    "model": "bicubic",
    "only": "feature",
    "pattern": "a*",
    "pix-fmt": "yuv444p",
    "precision": "fp16",
    "preset": "slow",
    "scheduler": "local:2",
    "shard": "1/2",
    "simulate": "jet:1-2",
    "suffix": "_x2",
    "tensorboard": "{}",
    "tile": "64",
    "train --behind": "{}/b.mkv",
    "transfer-layer": "feature",
    "variable": "u",
}
FOR_FIELDS = ("variable", "value-range", "boundary", "conserve", "window")
NEEDS = {
    "upscale --segment-frames": "in.mp4 out.mp4 --resume",
    **{f"upscale --{name}": "in.nc out.nc" for name in FOR_FIELDS},
    **{f"batch --{name}": "{}/c.nc out" for name in FOR_FIELDS},
    "batch --list": "{}/a.mkv out",
    "bench --peer-model": "--against opencv --peer-model {}/b.mkv",
    "compare --position": "a.mkv b.mkv out.mkv --layout split",
    "eval --against": "truth.mkv --against {}/b.mkv",
    "eval --lpips-weights": "truth.mkv --model fsrcnn --metric lpips --lpips-weights {}/b.mkv",
    "eval --variable": "truth.nc --model fsrcnn",
    "train --perceptual-weights": "srgan out.safetensors --data {}/a.mkv",
    "train --behind": "srnet3d out.safetensors --data {}/a.mkv --behind bicubic",
    "train --transfer-layer": "fsrcnn out.safetensors --data {}/a.mkv --transfer {}/b.mkv",
    "render --bits": "in.nc out.mkv --cmap gray",
}


def options() -> Iterator[tuple[str, click.Option]]:
    """Every option of every command, --json apart."""
    for words, command in all_commands().items():
        for param in command.params:
            if isinstance(param, click.Option) and param.name != "as_json":
                yield words, param


def name_of(option: click.Option) -> str:
    return max(option.opts, key=len).removeprefix("--")


def arguments(command: str, option: click.Option) -> list[list[str]]:
    """Command line words that set the option to what is not its default."""
    name, kind = max(option.opts, key=len), option.type
    if option.is_flag:
        pair = {True: name, **({False: option.secondary_opts[0]} if option.secondary_opts else {})}
        return [[word] for value, word in pair.items() if value != option.default]
    for key in (f"{command} {name}", name_of(option)):
        if key in VALUES:
            return [[name, VALUES[key]]]
    if isinstance(kind, click.Choice):
        return [[name, str(c)] for c in kind.choices if c != option.default]
    if isinstance(kind, click.Tuple):
        return [[name, "10", "20"]]
    if kind is click.INT or isinstance(kind, click.IntRange):
        return [[name, str(option.default + 1 if isinstance(option.default, int) else 9)]]
    if kind is click.FLOAT or isinstance(kind, click.FloatRange):
        is_number = isinstance(option.default, int | float)
        return [[name, str(option.default * 0.5 + 0.01 if is_number else 0.25)]]
    texts: dict[type, str] = {
        DegradationType: "area",
        FractionType: "3",
        NamesType: "u,v",
        NameValueType: "bf=2",
        RangeType: "-1,2",
        SizeType: "64x32",
        BoxType: "1,2,3,4",
        FilePath: "{}/a.mkv",
        click.Path: "{}/b.mkv",
    }
    return [[name, texts[type(kind)]]]


@pytest.fixture(scope="module", autouse=True)
def whole_package() -> None:
    """Load it, so that no module finds a function in which a request arrives when it is loaded."""
    for module in pkgutil.walk_packages(vsr_cli.__path__, "vsr_cli."):
        if not module.name.endswith("__main__"):
            import_module(module.name)


@pytest.fixture
def ask(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Callable[[str, list[str]], str]:
    """Call a command, and tell what it asked for, as text."""
    for name in ("a.mkv", "b.mkv", "c.nc"):
        (tmp_path / name).write_bytes(b"clip")
    (tmp_path / "list.txt").write_text(f"{tmp_path}/b.mkv\n", encoding="utf-8")
    asked: list[str] = []

    def recorder(name: str, *, is_last: bool) -> Callable[..., Any]:
        def record(*args: Any, **kwargs: Any) -> Any:
            given = [*enumerate(args), *kwargs.items()]
            asked.append(f"{name}: {[pair for pair in given if not callable(pair[1])]}")
            if is_last:
                raise Requested
            return MagicMock()

        return record

    for name in REQUESTS + BEFORE:
        monkeypatch.setattr(name, recorder(name, is_last=name in REQUESTS))

    def call(line: str, extra: list[str]) -> str:
        asked.clear()
        arguments = [word.replace("{}", str(tmp_path)) for word in [*line.split(), *extra]]
        try:
            result = CliRunner().invoke(main, arguments)
        except Requested:
            return "\n".join(asked)
        raise AssertionError(f"vsr {' '.join(arguments)}: {result.output}")

    return call


@pytest.mark.parametrize(
    ("command", "option"),
    [pytest.param(*pair, id=f"{pair[0]} --{name_of(pair[1])}") for pair in options()],
)
def test_option_changes_the_request(
    ask: Callable[[str, list[str]], str], command: str, option: click.Option
) -> None:
    line = f"{command} {NEEDS.get(f'{command} --{name_of(option)}', CALLS[command])}"
    seen = [ask(line, extra) for extra in arguments(command, option)]
    default = option.to_info_dict()["default"]
    is_one_of = option.secondary_opts or isinstance(option.type, click.Choice)
    if len(seen) < 2 or not (is_one_of and default is None):  # by itself it may be one of them
        seen.append(ask(line, []))
    assert len(seen) > 1
    assert len({*seen}) == len(seen)


@pytest.mark.parametrize("command", [*all_commands()])
def test_every_option_is_explained(command: str) -> None:
    for param in all_commands()[command].params:
        if isinstance(param, click.Option):
            assert param.help, param.opts
            text = re.sub(r"\s*\[[^]]*\]$", "", param.help)  # its default
            assert text.endswith("."), param.help
