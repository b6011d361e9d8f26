"""Fields that are read from a server, by their addresses."""

from __future__ import annotations

import json
import re
import struct
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any
from urllib.parse import unquote

import numpy as np
import pytest
from click.testing import CliRunner

from vsr_cli.cli import main

xarray = pytest.importorskip("xarray", reason="needs the extra [fields]")
netCDF4 = pytest.importorskip("netCDF4", reason="needs the extra [fields]")  # noqa: N816


VALUES = np.random.default_rng(0).normal(280, 5, (2, 12, 14)).astype(np.float32)
VARIABLES = {  # big-endian, as the protocol sends them
    "tas": (("time", "y", "x"), VALUES.astype(">f4"), "Float32"),
    "y": (("y",), np.arange(12.0).astype(">f8"), "Float64"),
    "x": (("x",), np.arange(14.0).astype(">f8"), "Float64"),
}
ATTRIBUTES = b'Attributes {\n  tas {\n    String units "K";\n  }\n}\n'


class Answer(BaseHTTPRequestHandler):
    """OPeNDAP, version 2.0: structure, attributes, and values of a part of each array.

    References:
        Gallagher et al., "The Data Access Protocol -- DAP 2.0", ESE-RFC-004 (2004).
    """

    def do_GET(self) -> None:
        path, _, asked = self.path.partition("?")
        chosen = _chosen(unquote(asked))
        lines = []
        for name, dims, part, kind in chosen:
            sizes = [f"[{dim} = {length}]" for dim, length in zip(dims, part.shape, strict=True)]
            lines.append(f"{kind} {name}{''.join(sizes)};\n")
        body = f"Dataset {{\n{''.join(lines)}}} run;\n".encode()
        if path.endswith(".das"):
            body = ATTRIBUTES
        elif path.endswith(".dods"):
            sent = [struct.pack(">II", *[each[2].size] * 2) + each[2].tobytes() for each in chosen]
            body += b"\nData:\n" + b"".join(sent)
        is_known = path.startswith("/dodsC//run.nc.") and path.endswith((".das", ".dds", ".dods"))
        self.send_response(200 if is_known else 404)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Keep still."""


def _chosen(asked: str) -> list[tuple[str, tuple[str, ...], Any, str]]:
    """The parts of arrays in a query such as "tas[0:1:1][0:1:11][3],y"."""
    found = []
    for part in asked.split(",") if asked else VARIABLES:
        dims, values, kind = VARIABLES[part.partition("[")[0]]
        ends = [tuple(map(int, text.split(":"))) for text in re.findall(r"\[([\d:]+)\]", part)]
        slices = [slice(end[0], end[-1] + 1, end[1] if len(end) == 3 else 1) for end in ends]
        found.append((part.partition("[")[0], dims, values[tuple(slices)], kind))
    return found


@pytest.fixture
def address(tmp_path: Path) -> Iterator[str]:
    """Of a file on a server of this machine; the same lies in ``tmp_path``."""
    axes = {"y": np.arange(12.0), "x": np.arange(14.0)}
    field = (("time", "y", "x"), VALUES, {"units": "K"})
    xarray.Dataset({"tas": field}, coords=axes).to_netcdf(tmp_path / "run.nc")
    server = ThreadingHTTPServer(("127.0.0.1", 0), Answer)
    thread = Thread(target=server.serve_forever)
    thread.start()
    url = f"http://127.0.0.1:{server.server_port}/dodsC//run.nc"
    try:
        netCDF4.Dataset(url).close()
    except OSError as error:
        pytest.skip(f"this NetCDF library was built without OPeNDAP: {error}")
    else:
        yield url
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def test_field_comes_from_a_server(address: str, tmp_path: Path) -> None:
    for number, source in enumerate((address, tmp_path / "run.nc")):
        target = tmp_path / f"{number}.nc"
        args = ["upscale", str(source), str(target), "--model", "bicubic", "--json", "--quiet"]
        done = CliRunner().invoke(main, args)
        assert done.exit_code == 0, done.stderr
        assert json.loads(done.stdout)["input"] == str(source)
    with netCDF4.Dataset(tmp_path / "0.nc") as one, netCDF4.Dataset(tmp_path / "1.nc") as other:
        assert np.array_equal(one["tas"][:], other["tas"][:])


def test_field_on_a_server_is_scored_and_shown(address: str, tmp_path: Path) -> None:
    done = CliRunner().invoke(main, ["eval", address, "--model", "bicubic", "--metric", "rmse"])
    assert done.exit_code == 0, done.stderr
    pytest.importorskip("matplotlib", reason="needs the extra [report]")
    picture = tmp_path / "look.png"
    done = CliRunner().invoke(main, ["render", address, str(picture), "--at", "0"])
    assert done.exit_code == 0, done.stderr
    assert picture.exists()


def test_server_that_is_not_there_is_one_line(tmp_path: Path) -> None:
    target = tmp_path / "out.nc"
    done = CliRunner().invoke(main, ["upscale", "http://127.0.0.1:1/dodsC/run.nc", str(target)])
    assert done.exit_code == 1
    assert "http://127.0.0.1:1/dodsC/run.nc cannot be read as a field" in done.stderr
    assert not target.exists()
