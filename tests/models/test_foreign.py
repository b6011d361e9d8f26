"""Weight files of other programs: unwrapped, recognised by their layers, or refused in words."""

from __future__ import annotations

import pickle
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest
import torch
from safetensors.torch import save_file
from torch import Tensor, nn

from vsr_cli.errors import MissingExtraError, VsrError, WeightsError
from vsr_cli.models import get_spec
from vsr_cli.models.fitting import fill, find_misfits
from vsr_cli.models.foreign import open_weights
from vsr_cli.models.load import available_scales, load_chain
from vsr_cli.models.weights import WeightRecord, save_weights
from vsr_cli.specs import UpscaleSpec

Clip = Callable[..., Path]


def _state(name: str = "fsrcnn", scale: int = 2) -> dict[str, Tensor]:
    torch.manual_seed(5)
    return dict(get_spec(name).build(scale, False).state_dict())


def _prefixed(state: Mapping[str, Tensor], prefix: str) -> dict[str, Tensor]:
    return {prefix + name: tensor for name, tensor in state.items()}


WRAPPED: dict[str, Callable[[dict[str, Tensor]], Any]] = {
    "bare": lambda s: s,
    "params_ema": lambda s: {"params_ema": s, "params": {k: v + 1 for k, v in s.items()}},
    "params": lambda s: {"params": s, "iter": 5},
    "state_dict": lambda s: {"state_dict": s, "epoch": 3},
    "model": lambda s: {"model": s, "optimizer": {"lr": 0.1}},
    "model_state_dict": lambda s: {"model_state_dict": s},
    "nested": lambda s: {"model": {"state_dict": s}},
    "parallel": lambda s: _prefixed(s, "module."),
    "compiled": lambda s: {"state_dict": _prefixed(s, "module._orig_mod.")},
    "gan": lambda s: {"state_dict": _prefixed(s, "netG.") | {"netD.weight": torch.zeros(2)}},
    "half": lambda s: {name: tensor.half() for name, tensor in s.items()},
}


@pytest.mark.parametrize("case", WRAPPED)
@pytest.mark.parametrize("suffix", [".pth", ".pt", ".bin"])
def test_tensors_are_found_wherever_programs_put_them(
    case: str, suffix: str, tmp_path: Path
) -> None:
    path, state = tmp_path / f"w{suffix}", _state()
    torch.save(WRAPPED[case](state), path)
    chain = load_chain("fsrcnn", 2, weights=(path,))
    loaded = chain.stages[0].module.state_dict()
    expected = {name: t.half().float() if case == "half" else t for name, t in state.items()}
    assert all(torch.equal(loaded[name], tensor) for name, tensor in expected.items())
    (warning,) = chain.warnings
    assert warning == (
        f"nothing is known of how {path} was trained; it runs as fsrcnn x2 in the paper's form"
    )
    assert chain.stages[0].record is None


def test_old_format_and_safetensors_without_a_record_are_taken(tmp_path: Path) -> None:
    old, bare = tmp_path / "old.pth", tmp_path / "bare.safetensors"
    torch.save(_state(), old, _use_new_zipfile_serialization=False)
    save_file(_prefixed(_state(), "module."), bare)
    for path in (old, bare):
        assert load_chain("fsrcnn", 3, weights=(path,)).stages[0].scale == 3


def test_paper_form_is_what_runs(tmp_path: Path) -> None:
    path = tmp_path / "w.pth"
    torch.save(_state(), path)
    plain = get_spec("fsrcnn").build(2, False)
    fill(plain, _state(), path)
    frames = torch.rand(1, 1, 9, 8)
    loaded = load_chain("fsrcnn", 2, weights=(path,)).stages[0].module
    assert torch.equal(loaded(frames), plain(frames))


def test_each_file_goes_to_the_network_that_it_fits(tmp_path: Path) -> None:
    frame, clip = tmp_path / "a.pth", tmp_path / "b.pth"
    torch.save(_state(), frame)
    torch.save(_state("srnet3d", 1), clip)
    chain = load_chain("2d3d", 4, weights=(clip, frame))
    assert [stage.spec.name for stage in chain.stages] == ["fsrcnn", "srnet3d"]
    assert len(chain.warnings) == 2
    assert available_scales("2d3d", weights=(clip, frame)) == (2, 3, 4)


@pytest.fixture
def twin(monkeypatch: pytest.MonkeyPatch) -> None:
    """A second network whose layers are those of fsrcnn."""
    module = ModuleType("vsr_cli.models.twin")
    spec = get_spec("fsrcnn")
    fields = {name: getattr(spec, name) for name in spec.__dataclass_fields__}
    module.SPEC = type(spec)(**fields | {"name": "twin", "scales": (1,)})  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "vsr_cli.models.twin", module)
    table = dict(sys.modules["vsr_cli.models"].MODELS) | {"twin": "vsr_cli.models.twin"}
    for place in ("vsr_cli.models", "vsr_cli.models.foreign"):
        monkeypatch.setattr(f"{place}.MODELS", table)
    module.SPEC.build(1, False)  # type: ignore[attr-defined]


@pytest.mark.usefixtures("twin")
def test_file_that_fits_several_networks_must_be_named(tmp_path: Path) -> None:
    first, second = tmp_path / "a.pth", tmp_path / "b.pth"
    torch.save(_state(), first)
    torch.save(_state(), second)
    with pytest.raises(WeightsError, match=r"fits fsrcnn and twin: .* --weights fsrcnn=.*a\.pth"):
        load_chain("fsrcnn+twin", 2, weights=(first, second))
    named = (Path(f"twin={first}"), Path(f"fsrcnn={second}"))
    chain = load_chain("fsrcnn+twin", 2, weights=named)
    assert [w.split()[5] for w in chain.warnings] == [str(first), str(second)]


def test_file_of_that_very_name_wins_over_a_named_network(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    torch.save(_state(), "fsrcnn=x.pth")
    assert open_weights(Path("fsrcnn=x.pth")).path == Path("fsrcnn=x.pth")


def test_wrong_file_says_what_is_missing_unexpected_and_misshaped(tmp_path: Path) -> None:
    state, path = _state(), tmp_path / "w.pth"
    state["more"] = state.pop("shrink.bias")
    state["expand.bias"] = torch.zeros(3)
    torch.save({"params": state}, path)
    with pytest.raises(WeightsError) as error:
        load_chain("fsrcnn", 2, weights=(path,))
    assert str(error.value) == (
        f"{path} does not fit fsrcnn: missing: shrink.bias; unexpected: more; "
        "expand.bias is (3,), must be (56,). For a network of another program try --model spandrel"
    )


def test_long_lists_of_names_are_cut() -> None:
    own = {f"layer.{n:02}": torch.zeros(1) for n in range(20)}
    assert find_misfits(own, {}).endswith("layer.07, and 12 more")


def test_counter_of_batch_normalisation_may_be_missing(tmp_path: Path) -> None:
    norm = nn.BatchNorm2d(3)
    state = {name: t for name, t in norm.state_dict().items() if "num_batches" not in name}
    fill(norm, state | {"running_mean": torch.ones(3)}, tmp_path)
    assert norm.running_mean is not None
    assert torch.equal(norm.running_mean, torch.ones(3))


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ({"params": {"a": 1, "b": torch.zeros(1)}}, "not hold tensors under names alone: a beside"),
        ({}, "an empty file"),
        (torch.zeros(3), "holds a Tensor, no tensors under names"),
        ({"state_dict": {"a": torch.tensor([torch.nan])}}, "not finite"),
    ],
)
def test_other_contents_are_refused(content: object, words: str, tmp_path: Path) -> None:
    path = tmp_path / "w.pth"
    torch.save(content, path)
    with pytest.raises(WeightsError, match=words):
        load_chain("fsrcnn", 2, weights=(path,))


class Harmful:
    """Runs something when it is unpickled."""

    def __reduce__(self) -> tuple[Any, ...]:
        return (Path.touch, (Path("harm"),))


def test_code_in_a_file_is_never_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    path = tmp_path / "w.pth"
    torch.save({"params": Harmful()}, path)
    with pytest.raises(WeightsError, match="holds more than tensors, and vsr runs no code"):
        load_chain("fsrcnn", 2, weights=(path,))
    path.write_bytes(pickle.dumps(Harmful()))
    with pytest.raises(WeightsError):
        load_chain("fsrcnn", 2, weights=(path,))
    assert not (tmp_path / "harm").exists()


def test_files_that_are_no_pickles_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "w.pth"
    with pytest.raises(WeightsError, match=r"w\.pth does not exist; check the name"):
        load_chain("fsrcnn", 2, weights=(path,))
    whole = tmp_path / "whole.pth"
    torch.save(_state(), whole)
    for data in (b"", b"hello", b"PK\x03\x04zip", whole.read_bytes()[:20_000]):
        path.write_bytes(data)
        with pytest.raises(WeightsError, match=r"torch\.save|more than tensors"):
            load_chain("fsrcnn", 2, weights=(path,))


def test_name_must_be_in_the_chain_and_agree_with_the_record(tmp_path: Path) -> None:
    path, ours = tmp_path / "w.pth", tmp_path / "w.safetensors"
    torch.save(_state(), path)
    with pytest.raises(WeightsError, match="is for srnet3d, which fsrcnn has no use"):
        load_chain("fsrcnn", 2, weights=(Path(f"srnet3d={path}"),))
    save_weights(ours, get_spec("fsrcnn").build(2, True), WeightRecord(arch="fsrcnn", scale=2))
    with pytest.raises(WeightsError, match="holds weights of fsrcnn, not of srnet3d"):
        load_chain("2d3d", 2, weights=(Path(f"srnet3d={ours}"),))


class FakeDescriptor:
    """As much of spandrel's ImageModelDescriptor as is used."""

    def __init__(self, channels: int, scale: int = 2) -> None:
        self.model = nn.Sequential(
            nn.Conv2d(channels, channels * scale**2, 3, padding=1), nn.PixelShuffle(scale)
        )
        self.architecture = SimpleNamespace(name="Fake")
        self.scale = scale
        self.input_channels = self.output_channels = channels

    def eval(self) -> FakeDescriptor:
        self.model.eval()
        return self

    @torch.inference_mode()
    def __call__(self, image: Tensor) -> Tensor:
        assert image.shape[1] == self.input_channels
        result: Tensor = self.model(image)
        return result.clamp_(0, 1)


@pytest.fixture
def fake_spandrel(monkeypatch: pytest.MonkeyPatch) -> dict[str, object]:
    """A package that loads, for every file, what the test puts under "found"."""
    holder: dict[str, object] = {"found": FakeDescriptor(1)}
    package = ModuleType("spandrel")

    class ModelLoader:
        def __init__(self, device: str) -> None:
            assert device == "cpu"

        def load_from_file(self, path: str) -> object:
            if isinstance(holder["found"], Exception):
                raise holder["found"]
            return holder["found"]

    package.ModelLoader = ModelLoader  # type: ignore[attr-defined]
    package.ImageModelDescriptor = FakeDescriptor  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "spandrel", package)
    return holder


@pytest.mark.parametrize(("channels", "color"), [(1, "luma"), (3, "rgb")])
def test_spandrel_network_is_a_2d_stage(
    channels: int, color: str, fake_spandrel: dict[str, object], tmp_path: Path
) -> None:
    descriptor = FakeDescriptor(channels, scale=4)
    fake_spandrel["found"] = descriptor
    path = tmp_path / "any.pth"
    torch.save({"x": torch.zeros(1)}, path)
    chain = load_chain("spandrel", 4, weights=(path,))
    (stage,) = chain.stages
    assert (stage.spec.color, stage.spec.kind, stage.scale) == (color, "frame", 4)
    frames = torch.rand(2, channels, 7, 9)
    assert torch.equal(stage.module(frames), descriptor(frames))
    assert "nothing is known of how" in chain.warnings[0]
    assert "Fake x4" in chain.warnings[0]
    assert available_scales("spandrel", weights=(path,)) == (4,)
    with pytest.raises(ValueError, match="spandrel has no scale 2: known are 4"):
        load_chain("spandrel", 2, weights=(path,))


@pytest.mark.usefixtures("fake_spandrel")
def test_spandrel_stands_before_a_3d_stage(
    random_weights: tuple[Path, Path], tmp_path: Path
) -> None:
    path, clip = tmp_path / "any.pth", random_weights[1]
    path.write_bytes(b"what only spandrel can read")
    for weights in ((path, clip), (clip, Path(f"spandrel={path}"))):
        chain = load_chain("spandrel+srnet3d", 2, weights=weights)
        assert [stage.spec.name for stage in chain.stages] == ["spandrel", "srnet3d"]
        assert len(chain.warnings) == 2  # nothing known, and another partner


@pytest.mark.usefixtures("fake_spandrel")
def test_luma_network_of_spandrel_upscales_a_clip(make_clip: Clip, tmp_path: Path) -> None:
    from vsr_cli.pipeline.video import upscale_video

    path = tmp_path / "any.pth"
    torch.save({"x": torch.zeros(1)}, path)
    spec = UpscaleSpec(model="spandrel", weights=(path,), device="cpu")
    report = upscale_video(make_clip("in.mp4"), tmp_path / "o.mkv", spec)
    assert (report.model, report.frames) == ("spandrel", 5)


@pytest.mark.parametrize(
    ("found", "words"),
    [
        (RuntimeError("unsupported model"), "spandrel cannot load .*: unsupported model"),
        (SimpleNamespace(scale=1), "not of a network from image to image"),
        (FakeDescriptor(4), "maps 4 channels to 4; vsr takes networks of luma"),
    ],
)
def test_what_spandrel_cannot_give_is_refused(
    found: object, words: str, fake_spandrel: dict[str, object], tmp_path: Path
) -> None:
    fake_spandrel["found"] = found
    path = tmp_path / "any.pth"
    path.write_bytes(b"x")
    with pytest.raises(WeightsError, match=words):
        load_chain("spandrel", 2, weights=(path,))


def test_spandrel_needs_one_file() -> None:
    with pytest.raises(WeightsError, match=r"from one file, got 0: --weights spandrel=FILE"):
        load_chain("spandrel", 2)
    with pytest.raises(ValueError, match="known by its file alone"):
        get_spec("spandrel")


def test_missing_spandrel_names_the_extra(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    path = tmp_path / "any.pth"
    path.write_bytes(b"x")
    monkeypatch.setitem(sys.modules, "spandrel", None)
    with pytest.raises(MissingExtraError, match=r'pip install "vsr-cli\[spandrel\]"'):
        load_chain("spandrel", 2, weights=(path,))


def test_spandrel_that_fails_to_load_is_one_line(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "spandrel.py").write_text("raise RuntimeError('operator nms does not exist')")
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(sys.modules, "spandrel", raising=False)
    with pytest.raises(VsrError, match="spandrel is broken: operator nms does not exist"):
        load_chain("spandrel", 2, weights=(tmp_path / "spandrel.py",))
