"""Whole files of every kind that vsr reads, and the same files damaged."""

from __future__ import annotations

import shutil
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import torch
import xarray as xr
from av.audio.stream import AudioStream

from vsr_cli.models import get_spec
from vsr_cli.models.weights import WeightRecord, save_weights

# By container: codec, pixel format, and the sound beside it.
CLIPS = {
    "mp4": ("libx264", "yuv420p", "aac"),
    "mkv": ("ffv1", "yuv422p10le", "flac"),
    "webm": ("libvpx-vp9", "yuva420p", "libopus"),
    "ts": ("mpeg2video", "yuv420p", "mp2"),
    "avi": ("mpeg4", "yuv420p", "mp2"),
    "gif": ("gif", "rgb8", None),
    "y4m": ("wrapped_avframe", "yuv420p", None),
    "apng": ("apng", "rgb24", None),
    "png": ("png", "rgb48be", None),
    "tiff": ("tiff", "rgb24", None),
}
STILLS = ("png", "tiff")
FIELDS = {"nc": "NETCDF4", "nc3": "NETCDF3_CLASSIC", "npz": None, "zarr": None}
WEIGHTS = ("safetensors", "pth")
LISTS = ("toml", "txt")
KINDS = (*CLIPS, *FIELDS, *WEIGHTS, *LISTS)
TOML = """[[file]]
path = "a.mkv"
model = "bicubic"
scale = 3
codec-option = ["bf=2"]

[[file]]
path = "b.mkv"
output = "b/out.mkv"
"""


def make_original(kind: str, folder: Path) -> Path:
    """A whole file of one kind."""
    path = folder / f"whole.{'nc' if kind == 'nc3' else kind}"
    if kind in CLIPS:
        write_clip(path, *CLIPS[kind])
    elif kind in FIELDS:
        write_field(path, FIELDS[kind])
    elif kind in WEIGHTS:
        torch.manual_seed(1)
        module = get_spec("fsrcnn-s").build(2, True)
        save_weights(folder / "w.safetensors", module, WeightRecord(arch="fsrcnn-s", scale=2))
        if kind == "pth":
            torch.save({"params_ema": module.state_dict()}, path)
        else:
            (folder / "w.safetensors").rename(path)
    else:
        path.write_text(TOML if kind == "toml" else "a.mkv\n# b\n\nb.mkv\n", encoding="utf-8")
    return path


def write_clip(path: Path, codec: str, pix_fmt: str, sound: str | None) -> None:
    """Four frames of 32x16, with sound where it has one; one frame of a still."""
    is_still = path.suffix[1:] in STILLS
    with av.open(str(path), "w", format="image2" if is_still else None) as output:
        video = output.add_stream(codec, rate=25)
        assert isinstance(video, av.VideoStream)
        video.width, video.height, video.pix_fmt = 32, 16, pix_fmt
        audio = output.add_stream(sound, rate=48_000) if sound else None
        for number in range(1 if is_still else 4):
            rgb = np.random.default_rng(number).integers(0, 256, (16, 32, 3), dtype=np.uint8)
            frame = av.VideoFrame.from_ndarray(rgb, "rgb24").reformat(format=pix_fmt)
            frame.pts, frame.time_base = number, Fraction(1, 25)
            output.mux(video.encode(frame))
        output.mux(video.encode(None))
        if isinstance(audio, AudioStream):
            block = av.AudioFrame(format="s16", layout="stereo", samples=4608)
            for plane in block.planes:
                plane.update(bytes(plane.buffer_size))
            block.sample_rate, block.pts, block.time_base = 48_000, 0, Fraction(1, 48_000)
            resampler = av.AudioResampler(audio.format, audio.layout, 48_000, audio.frame_size)
            for part in [*resampler.resample(block), *resampler.resample(None)]:
                output.mux(audio.encode(part))
            output.mux(audio.encode(None))


def write_field(path: Path, form: str | None) -> None:
    """Three steps of 8x16 on the globe."""
    values = np.random.default_rng(0).normal(280, 9, (3, 8, 16)).astype(np.float32)
    if path.suffix == ".npz":
        np.savez(path, frames=values)
        return
    run = xr.Dataset(
        {"T": (("time", "lat", "lon"), values, {"units": "K"})},
        {
            "time": ("time", np.arange(3.0), {"units": "days since 2000-01-01"}),
            "lat": ("lat", np.linspace(78.75, -78.75, 8), {"units": "degrees_north"}),
            "lon": ("lon", np.arange(0, 360, 22.5), {"units": "degrees_east"}),
        },
    )
    if path.suffix == ".zarr":
        run.to_zarr(path, consolidated=True)
    else:
        run.to_netcdf(path, format=form, engine="netcdf4")


def damage(data: bytes, draw: np.random.Generator) -> bytes:
    """The same bytes with one to three injuries, half of them in the first 512."""
    wounded = bytearray(data)
    for _ in range(draw.integers(1, 4)):
        size = max(1, len(wounded))
        place = int(draw.integers(0, min(size, 512) if draw.random() < 0.5 else size))
        length = int(draw.integers(1, 65))
        match draw.integers(0, 12):
            case 0:
                del wounded[place:]
            case 1:
                del wounded[place : place + length]
            case 2:
                wounded[place:place] = draw.bytes(length)
            case 3:
                wounded[place : place + length] = bytes(length)
            case 4:
                wounded[place : place + 4] = b"\xff" * 4
            case 5:
                wounded[place:place] = wounded[place : place + length]
            case 6 | 7 | 8:
                wounded[place : place + 1] = bytes([draw.integers(0, 256)])
            case _:
                wounded[place : place + 1] = bytes(
                    b ^ 1 << draw.integers(0, 8) for b in wounded[place : place + 1]
                )
    return bytes(wounded)


def make_case(kind: str, number: int, whole: Path, folder: Path) -> Path:
    """The damaged file of that number, the same in every process."""
    draw = np.random.default_rng([KINDS.index(kind), number])
    path = folder / f"case{whole.suffix}"
    if whole.is_dir():
        shutil.copytree(whole, path)
        files = sorted(each for each in path.rglob("*") if each.is_file())
        victim = files[draw.integers(len(files))]
        victim.write_bytes(damage(victim.read_bytes(), draw))
    else:
        path.write_bytes(damage(whole.read_bytes(), draw))
    return path
