"""Others who do the same, each in a process of its own, by turns with us.

A peer is a module that is imported in its own process only; what it needs is looked for before
anything is measured.
"""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from importlib.util import find_spec
from types import MappingProxyType
from typing import NamedTuple

from vsr_cli.errors import InputError, VsrError
from vsr_cli.specs import BenchSpec, Peer


class PeerEntry(NamedTuple):
    """What a peer needs, and how to get it."""

    packages: tuple[str, ...]  # as they are imported
    program: str | None
    hint: str


PEERS: Mapping[Peer, PeerEntry] = MappingProxyType(
    {
        "opencv": PeerEntry(("cv2",), None, "pip install opencv-contrib-python-headless"),
        "onnxruntime": PeerEntry(
            ("onnxruntime", "onnx", "onnxscript"), None, 'pip install onnxruntime "vsr-cli[onnx]"'
        ),
        "ffmpeg": PeerEntry((), "ffmpeg", "install it from your system's packages"),
        "plain": PeerEntry((), None, ""),
    }
)


class MissingPeerError(VsrError):
    """A peer is not installed."""

    def __init__(self, peer: str, what: str) -> None:
        super().__init__(f"--against {peer} needs {what}, which is not here; try: {hint(peer)}")


def hint(peer: str) -> str:
    """How to get a peer."""
    return next(entry.hint for name, entry in PEERS.items() if name == peer)


def check_peer(spec: BenchSpec) -> None:
    """Refuse a peer that is not there, before anything is measured.

    Raises:
        MissingPeerError: says how to get it.
        InputError: its network is not there.
    """
    if spec.peer is None:
        return
    entry = PEERS[spec.peer]
    for package in entry.packages:
        if find_spec(package) is None:
            raise MissingPeerError(spec.peer, package)
    if entry.program is not None and shutil.which(entry.program) is None:
        raise MissingPeerError(spec.peer, entry.program)
    if spec.peer_model is not None and not spec.peer_model.is_file():
        raise InputError(f"{spec.peer_model} does not exist; --peer-model is a file for OpenCV")
