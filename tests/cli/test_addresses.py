"""Fields that are read from a server, by their addresses."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import numpy as np
import pytest
from click.testing import CliRunner

from vsr_cli.cli import main

xarray = pytest.importorskip("xarray", reason="needs the extra [fields]")
netCDF4 = pytest.importorskip("netCDF4", reason="needs the extra [fields]")  # noqa: N816


@pytest.fixture
def address(tmp_path: Path) -> Iterator[str]:
    """Of a file on a server of this machine, which the NetCDF library reads by ranges of bytes."""
    values = np.random.default_rng(0).normal(280, 5, (2, 12, 14)).astype(np.float32)
    dataset = xarray.Dataset({"tas": (("time", "y", "x"), values, {"units": "K"})})
    dataset.to_netcdf(tmp_path / "run.nc")
    data = (tmp_path / "run.nc").read_bytes()

    class Answer(BaseHTTPRequestHandler):
        def do_HEAD(self) -> None:
            self._head(200, data)

        def do_GET(self) -> None:
            asked = re.match(r"bytes=(\d+)-(\d+)", self.headers.get("Range", ""))
            part = data[int(asked[1]) : int(asked[2]) + 1] if asked else data
            self._head(206 if asked else 200, part)
            self.wfile.write(part)

        def _head(self, status: int, part: bytes) -> None:
            self.send_response(status)
            self.send_header("Accept-Ranges", "bytes")
            self.send_header("Content-Length", str(len(part)))
            self.end_headers()

        def log_message(self, *_: object) -> None:
            """Keep still."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Answer)
    thread = Thread(target=server.serve_forever)
    thread.start()
    url = f"http://127.0.0.1:{server.server_port}/run.nc#mode=bytes"
    try:
        netCDF4.Dataset(url).close()
    except OSError as error:
        pytest.skip(f"this NetCDF library reads no file over HTTP: {error}")
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
