"""What vsr eval leaves behind: a line for each frame, and a page that needs nothing else."""

from __future__ import annotations

import csv
import json
import os
import re
import subprocess
from base64 import b64decode
from collections.abc import Callable
from dataclasses import replace
from html.parser import HTMLParser
from io import BytesIO
from pathlib import Path
from xml.etree import ElementTree

import av
import imageio.v3 as iio
import numpy as np
import pytest
from click.testing import CliRunner, Result

from vsr_cli.cli import main
from vsr_cli.media import write_png
from vsr_cli.metrics import ClipScores, FrameScores
from vsr_cli.report.figures import draw_curves

Clip = Callable[..., Path]
MODELS = ("--model", "nearest", "--model", "bicubic", "--device", "cpu")


def _run(*args: str | Path) -> Result:
    return CliRunner().invoke(main, ["eval", *map(str, args), "--quiet"])


def _rows(path: Path) -> list[dict[str, str]]:
    return list(csv.DictReader(path.read_text(encoding="utf-8").splitlines()))


class _Page(HTMLParser):
    """The tags of a page, and that each is closed where it must be."""

    VOID = frozenset({"meta", "img", "input", "br", "link"})

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.open: list[str] = []
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        assert self.open
        assert self.open.pop() == tag

    def all(self, tag: str) -> list[dict[str, str | None]]:
        return [attributes for name, attributes in self.tags if name == tag]


def _clip(path: Path) -> Path:
    """Five frames of moving texture, lossless gray, 96x80."""
    texture = np.random.default_rng(1).integers(0, 256, (90, 106), np.uint8)
    with av.open(str(path), "w") as output:
        stream = output.add_stream("ffv1", rate=25)
        assert isinstance(stream, av.VideoStream)
        stream.width, stream.height, stream.pix_fmt = 96, 80, "gray"
        for n in range(5):
            frame = np.ascontiguousarray(texture[n : n + 80, 2 * n : 2 * n + 96])
            output.mux(stream.encode(av.VideoFrame.from_ndarray(frame, format="gray")))
        output.mux(stream.encode(None))
    return path


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """A clip and its report, which no test changes."""
    folder = tmp_path_factory.mktemp("made")
    clip, report = _clip(folder / "a <b>&.mkv"), folder / "report"
    result = _run(clip, *MODELS, "--metric", "psnr", "--metric", "tpsnr", "--report", report)
    assert result.exit_code == 0, result.output
    return clip, report


@pytest.fixture
def report(made: tuple[Path, Path]) -> Path:
    return made[1]


def test_page_is_whole_and_needs_no_network(report: Path) -> None:
    text = (report / "index.html").read_text()
    page = _Page(text)
    assert page.open == []
    addresses = [
        value
        for _, attributes in page.tags
        for name, value in attributes.items()
        if name in ("src", "href", "xlink:href") and value
    ]
    assert addresses
    assert all(address.startswith(("data:image/png;base64,", "#")) for address in addresses)
    assert not re.search(r"@import|url\((?!#)|fetch\(|https?://(?!www\.w3\.org)", text)
    assert not {"link", "iframe", "object"} & {tag for tag, _ in page.tags}


def test_page_shows_scores_and_says_how_they_were_made(report: Path) -> None:
    text = (report / "index.html").read_text()
    for words in (
        "nearest",
        "bicubic",
        "a &lt;b&gt;&amp;.mkv",
        "PSNR dB",
        "The worst frame",
        "vsr ",
    ):
        assert words in text
    assert "a <b>" not in text
    assert "prefers-color-scheme: dark" in text
    assert "bicubic (imresize, antialiased)" in text
    assert "<th>given_depth</th>" not in text  # nothing to say
    assert re.search(r"PSNR dB: nearest \d+\.\d{3}, bicubic \d+\.\d{3}\.", text)


def test_pictures_of_the_page_are_the_frames(made: tuple[Path, Path]) -> None:
    clip, report = made
    page = _Page((report / "index.html").read_text())
    images = [image for image in page.all("img") if "src" in image]
    pictures = {str(image.get("id")): str(image["src"]) for image in images}
    kinds = ("worst", "median", "best")
    options = {option["value"] for option in page.all("option")}
    assert options == {f"clip1_{kind}_{number}" for kind in kinds for number in range(3)}
    assert options <= pictures.keys()
    with av.open(str(clip)) as container:
        frames = [frame.to_ndarray() for frame in container.decode(video=0)]
    for kind in kinds:
        truth = iio.imread(BytesIO(b64decode(pictures[f"clip1_{kind}_0"].partition(",")[2])))
        assert any(np.array_equal(truth, frame) for frame in frames)


def test_sliders_are_inputs_with_names(report: Path) -> None:
    page = _Page((report / "index.html").read_text())
    sliders = [one for one in page.all("input") if one.get("type") == "range"]
    assert len(sliders) == 3
    assert len({one["aria-label"] for one in sliders}) == 3
    assert all(image.get("alt") for image in page.all("img"))


def test_figures_are_files_too_and_drawings_take_the_colour_of_the_page(report: Path) -> None:
    names = {path.name for path in report.iterdir()}
    kinds = ("curves", "spectra", "worst", "median", "best", "region")
    assert names == {"index.html", *(f"clip1_{kind}.png" for kind in kinds)}
    for name in names - {"index.html"}:
        assert min(iio.imread(report / name).shape[:2]) > 100
    drawings = re.findall(r"<svg.*?</svg>", (report / "index.html").read_text(), re.DOTALL)
    assert len(drawings) == 2
    for drawing in drawings:
        ElementTree.fromstring(drawing)
        assert "currentColor" in drawing


@pytest.mark.slow
def test_stills_have_one_frame_each_and_one_slider(tmp_path: Path) -> None:
    noise = np.random.default_rng(1)
    for name in ("a.png", "b.png"):
        write_png(tmp_path / name, noise.integers(0, 256, (64, 72, 3), np.uint8))
    folder = tmp_path / "out"
    result = _run(
        tmp_path / "a.png", tmp_path / "b.png", *MODELS[2:], "--report", folder, "--channel", "rgb"
    )
    assert result.exit_code == 0, result.output
    text = (folder / "index.html").read_text()
    assert text.count("The only frame") == 4  # heading and name of the slider, for each
    assert "Where bicubic errs most" in text
    assert "mean of 2" in text


@pytest.mark.parametrize("size", [(1, 1), (3, 200), (3000, 2), (40, 44)])
def test_report_of_what_is_small_or_without_error(tmp_path: Path, size: tuple[int, int]) -> None:
    for name, gray in (("a.png", 90), ("b.png", 90), ("c.png", 120)):
        write_png(tmp_path / name, np.full(size, gray, np.uint8))
    words = ("--metric", "psnr", "--metric", "bias", "--report")
    for number, other in enumerate("bc"):
        folder = tmp_path / f"report{number}"
        result = _run(tmp_path / "a.png", "--against", tmp_path / f"{other}.png", *words, folder)
        assert result.exit_code == 0, result.output
        text = (folder / "index.html").read_text()
        assert ("inf" if other == "b" else "+1.18e-01") in text
        assert "NaN" not in text


def test_report_of_a_field_speaks_in_its_unit(tmp_path: Path) -> None:
    xarray = pytest.importorskip("xarray", reason="needs the extra [fields]")
    values = 280 + 9 * np.random.default_rng(0).standard_normal((4, 40, 48))
    values[:, :6, :9] = np.nan
    values[0] = values[2] = np.nan
    dims = ("time", "y", "x")
    xarray.Dataset({"t": (dims, values, {"units": "<K>"})}).to_netcdf(tmp_path / "a.nc")
    report = tmp_path / "report"
    result = _run(tmp_path / "a.nc", *MODELS, "--metric", "rmse", "--report", report)
    assert result.exit_code == 0, result.output
    page = (report / "index.html").read_text("utf-8")
    _Page(page)
    assert "RMSE &lt;K&gt;" in page
    low, high = np.nanmin(values), np.nanmax(values)
    assert f"values in which 0 is {low:g} and 1 is {high:g} &lt;K&gt;" in page
    assert "The worst frame: 1" in page or "The worst frame: 3" in page
    assert {"clip1_curves.png", "clip1_spectra.png", "clip1_region.png"} <= {
        path.name for path in report.iterdir()
    }


def test_csv_has_a_row_for_each_frame_and_model(tmp_path: Path, make_clip: Clip) -> None:
    clip, path = make_clip(), tmp_path / "scores.csv"
    words = ("--metric", "psnr", "--metric", "tpsnr", "--metric", "flicker")
    assert _run(clip, *MODELS, *words, "--csv", path).exit_code == 0
    rows = _rows(path)
    assert list(rows[0]) == ["model", "clip", "frame", "psnr", "tpsnr"]
    assert [(row["model"], row["frame"]) for row in rows] == [
        (model, str(number)) for model in ("nearest", "bicubic") for number in range(5)
    ]
    assert rows[0]["tpsnr"] == ""
    assert float(rows[1]["tpsnr"]) > 0
    assert _run(clip, "--against", clip, "--csv", path, "--overwrite").exit_code == 0
    assert _rows(path)[0]["psnr"] == "inf"


def test_csv_of_outlines_has_their_measures(tmp_path: Path) -> None:
    y, x = np.mgrid[:64, :72] - np.array([30.7, 36.2])[:, None, None]
    disc = np.clip(20.3 - np.hypot(x, y) + 0.5, 0, 1)
    write_png(tmp_path / "disc.png", np.round(20 + 180 * disc).astype(np.uint8))
    path = tmp_path / "scores.csv"
    result = _run(tmp_path / "disc.png", *MODELS, "--outline", "level", "--csv", path)
    assert result.exit_code == 0, result.output
    row = _rows(path)[0]
    assert float(row["diameter"]) == pytest.approx(40.6, abs=1)


@pytest.mark.parametrize(
    ("words", "code", "complaint"),
    [
        ("--csv {clip}", 2, "is the input; give another name"),
        ("--csv {clip} --overwrite", 2, "is the input; give another name"),
        ("--csv {there}", 1, "exists; give --overwrite or another name"),
        ("--csv {missing}/a.csv", 1, "does not exist; create it first"),
        ("--csv {folder}", 1, "is a folder; give a file name"),
        ("--report {there}", 1, "is a file; give the name of a folder"),
        ("--report {missing}/out", 1, "does not exist; create it first"),
        ("--report {folder}", 1, "index.html exists; give --overwrite"),
    ],
)
def test_output_that_cannot_be_is_refused_before_anything_runs(
    tmp_path: Path, make_clip: Clip, words: str, code: int, complaint: str
) -> None:
    folder, there = tmp_path / "folder", tmp_path / "there.csv"
    folder.mkdir()
    (folder / "index.html").write_text("mine")
    there.write_text("mine")
    clip = make_clip()
    before = clip.read_bytes()
    places = {"clip": clip, "there": there, "folder": folder, "missing": tmp_path / "missing"}
    result = _run(clip, *MODELS, *words.format(**places).split())
    assert result.exit_code == code
    assert complaint in result.stderr
    assert result.stderr.count("\n") == 1
    assert result.stdout == ""
    assert clip.read_bytes() == before
    assert (folder / "index.html").read_text() == there.read_text() == "mine"


def test_run_that_fails_leaves_no_output(tmp_path: Path, make_clip: Clip) -> None:
    folder, path = tmp_path / "report", tmp_path / "scores.csv"
    words = ("--report", folder, "--csv", path, "--metric", "ms-ssim")
    result = _run(make_clip(), *MODELS, *words)
    assert result.exit_code == 2
    assert "MS-SSIM needs at least 161x161 pixels" in result.stderr
    assert {one.name for one in tmp_path.iterdir()} == {"clip.mkv"}


def test_report_without_matplotlib_says_what_to_install(
    tmp_path: Path, make_clip: Clip, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("vsr_cli.report.outputs.find_spec", lambda name: None)
    result = _run(make_clip(), *MODELS, "--report", tmp_path / "out")
    assert result.exit_code == 1
    assert 'matplotlib is not installed; try: pip install "vsr-cli[report]"' in result.stderr


def test_second_report_replaces_the_first_if_asked_to(tmp_path: Path) -> None:
    folder = tmp_path / "report"
    folder.mkdir()
    for name in ("index.html", "mine.txt"):
        (folder / name).write_text("mine")
    write_png(tmp_path / "a.png", np.random.default_rng(1).integers(0, 256, (40, 40), np.uint8))
    words = ("--model", "lanczos", "--report", folder, "--overwrite")
    result = _run(tmp_path / "a.png", *words)
    assert result.exit_code == 0, result.output
    assert "lanczos" in (folder / "index.html").read_text()
    assert (folder / "mine.txt").read_text() == "mine"


def test_curves_of_long_clips_stay_small_drawings() -> None:
    frames = tuple(FrameScores({"psnr": 30 + number % 7}) for number in range(9001))
    clip = ClipScores({"psnr": 33.0}, name="long", frames=9001, per_frame=frames)
    drawing = draw_curves("curves", ["bicubic"], [clip])
    assert drawing is not None
    assert "one in 5 is drawn" in drawing.svg
    assert len(drawing.svg) < 200_000
    assert draw_curves("curves", ["bicubic"], [replace(clip, frames=1)]) is None


BROWSER = """
const {chromium} = require("playwright-core");
(async () => {
  const browser = await chromium.launch({executablePath: process.argv[2], args: ["--no-sandbox",
    "--disable-gpu", "--disable-quic", "--disable-background-networking", "--disable-sync"]});
  const seen = {errors: [], requests: []};
  const page = await browser.newPage({colorScheme: "dark", viewport: {width: 900, height: 700}});
  page.on("pageerror", (error) => seen.errors.push(String(error)));
  page.on("request", (request) => seen.requests.push(request.url().slice(0, 30)));
  await page.goto("file://" + process.argv[3]);
  const state = () => page.evaluate(() => ({
    cut: document.querySelector(".stack").style.getPropertyValue("--cut"),
    clip: getComputedStyle(document.querySelector(".stack .right")).clipPath,
    left: document.querySelector(".stack .left").src ===
      document.getElementById(document.querySelector(".compare select").value).src,
    ink: getComputedStyle(document.body).color,
    paper: getComputedStyle(document.body).backgroundColor,
    broken: [...document.images].filter((one) => !one.naturalWidth).length,
    wide: document.documentElement.scrollWidth > innerWidth,
  }));
  seen.start = await state();
  const slider = page.locator(".compare input").first();
  await slider.focus();
  await page.keyboard.press("Home");
  for (let step = 0; step < 3; step++) await page.keyboard.press("ArrowRight");
  seen.keys = await state();
  const box = await page.locator(".stack").first().boundingBox();
  await page.locator(".stack").first().click({position: {x: box.width * 0.75, y: 10}});
  seen.click = await state();
  await page.locator(".compare select").first().selectOption({label: "truth"});
  seen.chosen = await state();
  await page.emulateMedia({colorScheme: "light"});
  seen.light = await state();
  console.log(JSON.stringify(seen));
  await browser.close();
})();
"""


def test_slider_moves_by_key_and_by_pointer(
    report: Path, tmp_path: Path, require_tool: Callable[[str], str]
) -> None:
    """In headless Chromium, driven by playwright-core (NODE_PATH says where it is)."""
    chromium, node = require_tool("chromium"), require_tool("node")
    probe = [node, "-e", 'require("playwright-core")']
    if subprocess.run(probe, capture_output=True, check=False, timeout=60).returncode:
        pytest.skip("needs playwright-core, which NODE_PATH does not lead to")
    script = tmp_path / "drive.js"
    script.write_text(BROWSER)
    environment = {**os.environ, "HOME": str(tmp_path)}
    words = [node, str(script), chromium, str(report / "index.html")]
    done = subprocess.run(
        words, capture_output=True, text=True, check=True, timeout=120, env=environment
    )
    seen = json.loads(done.stdout)
    assert seen["errors"] == []
    assert all(address.startswith(("file:", "data:")) for address in seen["requests"])
    assert (seen["start"]["cut"], seen["keys"]["cut"], seen["click"]["cut"]) == ("50%", "3%", "75%")
    assert seen["click"]["clip"] == "inset(0px 0px 0px 75%)"
    for state in ("start", "keys", "click", "chosen", "light"):
        assert seen[state]["left"]
        assert seen[state]["broken"] == 0
        assert not seen[state]["wide"]
    assert seen["start"]["ink"] != seen["light"]["ink"]
    assert seen["start"]["paper"] != seen["light"]["paper"]
