"""What files become: stills, shots, and clips made of stills."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import av
import imageio.v3 as iio
import numpy as np
import pytest
import torch
import xarray
from numpy.typing import NDArray

from vsr_cli.errors import InputError
from vsr_cli.imaging.degradation import degrade_bicubic, degrade_frames
from vsr_cli.media import open_reader, read_still
from vsr_cli.media.recode import recode_frames
from vsr_cli.pipeline.evaluate.channels import luma, scored_luma
from vsr_cli.pipeline.evaluate.truth import find_clips
from vsr_cli.specs import parse_degradation, parse_simulated
from vsr_cli.training.motion import FRAMES, SHRINK, moving_clip
from vsr_cli.training.sources import SourceSettings, load_pairs


def _picture(path: Path, size: tuple[int, int] = (60, 84), seed: int = 0) -> NDArray[np.uint8]:
    """A smooth coloured picture with noise: (H, W, 3)."""
    draw = np.random.default_rng(seed)
    rows, columns = np.mgrid[0 : size[0], 0 : size[1]]
    waves = [np.sin(rows / (5 + k) + columns / (7 - k)) for k in range(3)]
    pixels = 128 + 70 * np.stack(waves, -1) + draw.normal(0, 12, (*size, 3))
    samples = pixels.clip(0, 255).astype(np.uint8)
    iio.imwrite(path, samples)
    return samples


@pytest.mark.parametrize("chain", ["bicubic", "blur:sigma=1+area+noise:sigma=4+jpeg:quality=60"])
def test_still_is_what_eval_shows_a_network(tmp_path: Path, chain: str) -> None:
    """Truth and input are those of ``vsr eval``, to the rounding of 16 bits."""
    path = tmp_path / "a.png"
    _picture(path)
    spec = parse_degradation(chain)
    (pair,) = load_pairs([path], SourceSettings(scale=2, degradation=spec))
    frame, info = read_still(path)
    (degraded,) = degrade_frames(
        [frame], info, 2, spec, recode=recode_frames, name="a.png", each_axis=True
    )
    shown = luma(degraded, info.pixel_format)
    assert (pair.lr[0, 0].double() / 65535 - shown).abs().max() < 1e-5
    truth = scored_luma(frame, info.pixel_format)
    assert (pair.hr[0, 0].double() / 65535 - truth).abs().max() < 0.5 / 255 + 1e-5


def test_copies_have_their_sizes_and_small_ones_are_left_out(tmp_path: Path) -> None:
    path = tmp_path / "a.png"
    _picture(path)
    settings = SourceSettings(scale=2, sizes=(1.0, 0.7, 0.3), patch=16)
    pairs = load_pairs([path], settings)
    assert [tuple(pair.hr.shape) for pair in pairs] == [(1, 1, 60, 84), (1, 1, 42, 58)]
    with pytest.raises(ValueError, match="patch must be at most 30 for these data, got 64"):
        load_pairs([path], SourceSettings(scale=2, patch=64))


def test_rgb_keeps_red_green_and_blue_in_order(tmp_path: Path) -> None:
    path = tmp_path / "a.png"
    samples = _picture(path)
    (pair,) = load_pairs([path], SourceSettings(scale=2, color="rgb"))
    assert pair.hr.dtype == torch.uint8
    assert np.array_equal(pair.hr[0].permute(1, 2, 0).numpy(), samples)
    assert pair.lr.shape == (1, 3, 30, 42)


def test_video_is_cut_into_its_shots(tmp_path: Path) -> None:
    """Two pictures of unlike textures, four frames each."""
    path = tmp_path / "a.mkv"
    draw = np.random.default_rng(0)
    rows, columns = np.mgrid[0:64, 0:64]
    first = 128 + 100 * np.sign(np.sin(rows / 9))
    second = 128 + 100 * np.sign(np.sin(columns / 6 + 1))
    with av.open(str(path), "w") as output:
        stream = output.add_stream("ffv1", rate=25)
        assert isinstance(stream, av.VideoStream)
        stream.pix_fmt, stream.width, stream.height = "gray", 64, 64
        for picture in [first] * 4 + [second] * 4:
            noisy = (picture + draw.normal(0, 2, picture.shape)).clip(0, 255).astype(np.uint8)
            output.mux(stream.encode(av.VideoFrame.from_ndarray(noisy, format="gray")))
        output.mux(stream.encode(None))
    pairs = load_pairs([path], SourceSettings(scale=2, window=5))
    assert [pair.num_frames for pair in pairs] == [4, 4]
    with pytest.raises(InputError, match="networks that see RGB are trained on stills"):
        load_pairs([path], SourceSettings(scale=2, color="rgb"))


def test_still_becomes_a_moving_clip_for_windows(tmp_path: Path) -> None:
    path = tmp_path / "a.png"
    _picture(path)
    (pair,) = load_pairs([path], SourceSettings(scale=2, window=5))
    assert pair.hr.shape == (FRAMES, 1, 40, 56)
    assert pair.lr.shape == (FRAMES, 1, 20, 28)
    again = load_pairs([path], SourceSettings(scale=2, window=5))[0]
    other = load_pairs([path], SourceSettings(scale=2, window=5, seed=1))[0]
    assert torch.equal(pair.hr, again.hr)
    assert not torch.equal(pair.hr, other.hr)


def test_middle_of_a_moving_clip_is_the_shrunk_still() -> None:
    still = torch.rand(1, 1, 60, 90)
    clip = moving_clip(still, torch.Generator().manual_seed(0))
    expected = moving_clip(still, torch.Generator().manual_seed(1))
    middle = FRAMES // 2
    assert torch.allclose(clip[middle], expected[middle], atol=2e-3)
    assert not torch.allclose(clip[0], expected[0], atol=0.05)


def test_motion_is_what_was_drawn() -> None:
    """A blob moves along a line, at one speed, below the largest."""
    rows, columns = torch.meshgrid(torch.arange(150.0), torch.arange(180.0), indexing="ij")
    still = torch.exp(-((rows - 75) ** 2 + (columns - 90) ** 2) / 60)[None, None]
    for seed in range(5):
        clip = moving_clip(still, torch.Generator().manual_seed(seed))[:, 0]
        weights = clip / clip.sum((-2, -1), keepdim=True)
        height, width = clip.shape[-2:]
        place = torch.stack(
            [
                (weights.sum(-1) * torch.arange(height)).sum(-1),
                (weights.sum(-2) * torch.arange(width)).sum(-1),
            ],
            -1,
        )
        steps = place.diff(dim=0)
        assert steps.norm(dim=-1).max() <= 3.0 * 1.1
        assert (steps - steps.mean(0)).norm(dim=-1).max() < 0.15 * steps.norm(dim=-1).max() + 0.02
        assert place[FRAMES // 2] == pytest.approx([74.5 / SHRINK, 89.5 / SHRINK], abs=0.6)


@pytest.fixture
def dataset() -> xarray.Dataset:
    """Three levels of a wave that travels, and bounds that are no grid."""
    time, level = np.arange(6.0), np.arange(3.0)
    lat, lon = np.linspace(-80, 80, 40), np.arange(0, 360, 6.0)
    phase = lon / 20 + time[:, None, None, None] / 3 + level[:, None, None] + lat[:, None] / 15
    return xarray.Dataset(
        {
            "ta": (("time", "lev", "lat", "lon"), 280 + 9 * np.sin(phase)),
            "lat_bnds": (("lat", "bnds"), np.zeros((40, 2))),
        },
        coords={"time": time, "lev": level, "lat": lat, "lon": lon},
    )


@pytest.mark.parametrize("suffix", [".nc", ".zarr"])
def test_each_level_of_a_field_is_a_series(
    dataset: xarray.Dataset, tmp_path: Path, suffix: str
) -> None:
    path = tmp_path / f"run{suffix}"
    dataset.to_netcdf(path) if suffix == ".nc" else dataset.to_zarr(path, consolidated=False)
    pairs = load_pairs(find_clips([path]), SourceSettings(scale=2, window=5))
    assert [tuple(pair.hr.shape) for pair in pairs] == [(6, 1, 40, 60)] * 3
    values = dataset["ta"][:, 1].to_numpy()
    unit = (values - values.min()) / (values.max() - values.min())
    assert np.abs(pairs[1].hr[:, 0].numpy() / 65535 - unit).max() < 1e-5
    expected = degrade_bicubic(torch.from_numpy(unit), 2, bits=None)
    assert (pairs[1].lr[:, 0].double() / 65535 - expected).abs().max() < 1e-5


def test_archive_of_a_simulation_is_a_series(tmp_path: Path) -> None:
    frames = np.random.default_rng(0).normal(size=(4, 32, 64)).astype(np.float32)
    path = tmp_path / "a.npz"
    np.savez(path, frames=frames, other=np.zeros(3))
    (pair,) = load_pairs([path], SourceSettings(scale=2))
    assert pair.hr.shape == (4, 1, 32, 64)
    with pytest.raises(InputError, match="no array 'nope': there are frames, other"):
        load_pairs([path], SourceSettings(scale=2, variable="nope"))


def test_fields_that_cannot_be_used_are_refused(dataset: xarray.Dataset, tmp_path: Path) -> None:
    several = dataset.assign(ua=dataset["ta"] * 2)
    holes = dataset.copy(deep=True)
    holes["ta"][0, 0, 3, 4] = np.nan
    flat = dataset.assign(ta=dataset["ta"] * 0)
    for name, data, words in (
        ("several", several, "several variables: choose one with --variable: ta, ua"),
        ("holes", holes, "has missing values"),
        ("flat", flat, "value 0 everywhere"),
        ("none", dataset[["lat_bnds"]], "holds no variable of numbers on a grid"),
    ):
        path = tmp_path / f"{name}.nc"
        data.to_netcdf(path)
        with pytest.raises(InputError, match=words):
            load_pairs([path], SourceSettings(scale=2))
    broken = tmp_path / "broken.nc"
    broken.write_bytes(b"nothing")
    with pytest.raises(InputError, match="cannot be read as a field"):
        load_pairs([broken], SourceSettings(scale=2))


def test_real_climate_file_is_read(shared_data: Path) -> None:
    """A file whose calendar xarray cannot decode: times play no part here."""
    path = shared_data / "climate" / "b003_TS_200-299.nc"
    pairs = load_pairs([path], SourceSettings(scale=2, window=5, variable="TS"))
    assert [tuple(pair.hr.shape) for pair in pairs] == [(100, 1, 64, 128)]


def test_drops_are_simulated_for_a_training() -> None:
    runs = parse_simulated("droplet:3-4")
    settings = SourceSettings(scale=2, simulated=runs[:1])
    (pair,) = load_pairs([], settings)
    assert [run.name for run in runs] == ["droplet:3", "droplet:4"]
    assert pair.hr.shape == (60, 1, 280, 280)
    assert pair.hr.max() > 150  # a bright drop on a dark ground
    assert pair.hr.float().median() < 40


def test_runs_of_a_simulation_are_named_by_their_seeds() -> None:
    names = [(run.name, run.spec.frames) for run in parse_simulated("jet:1-3")]
    assert names == [("jet:1", 160), ("jet:2", 160), ("jet:3", 160)]
    for text in ("jet", "jet:", "jet:a", "rain:1", "jet:-3", "jet:1-b"):
        with pytest.raises(ValueError, match="KIND:SEED or KIND:FIRST-LAST"):
            parse_simulated(text)
    with pytest.raises(ValueError, match="first seed must not be above"):
        parse_simulated("jet:3-1")


def test_clip_is_read_and_degraded(make_clip: Callable[..., Path]) -> None:
    clip = make_clip("in.mkv", codec="ffv1", size=(37, 22))
    pairs = load_pairs([clip], SourceSettings(scale=3))  # so small a clip may show cuts
    hr, lr = torch.cat([pair.hr for pair in pairs]), torch.cat([pair.lr for pair in pairs])
    assert (hr.shape, lr.shape) == ((5, 1, 21, 36), (5, 1, 7, 12))
    expected = degrade_bicubic(hr.float() / 255, 3) * 255
    assert torch.equal(lr, expected.round().to(torch.uint8))


@pytest.mark.parametrize("pix_fmt", ["gray10le", "bgr0", "yuv420p10le"])
def test_luma_of_deep_and_rgb_clips_is_that_of_eval(
    make_clip: Callable[..., Path], pix_fmt: str
) -> None:
    clip = make_clip("a.mkv", codec="ffv1", pix_fmt=pix_fmt)
    (pair,) = load_pairs([clip], SourceSettings(scale=2))
    with open_reader(clip) as reader:
        shown = torch.stack([luma(frame, reader.info.pixel_format) for frame in reader])
    height, width = pair.hr.shape[-2:]
    assert pair.hr.dtype == pair.lr.dtype == torch.uint16
    assert (pair.hr[:, 0].double() / 65535 - shown[:, :height, :width]).abs().max() < 1e-5
