"""Damaged files of every kind that vsr reads, through its commands: no crash without a message.

``python tests/fuzz/run.py FOLDER --kind mp4 --first 0 --cases 100`` makes and runs these cases; a
case is its kind and its number, so each can be run again alone. One JSON line for each fault, then
one with the count of the exit codes. ``test_fuzz.py`` calls this in processes of their own.

A command that is given a damaged file may succeed, or fail with one line, and then leave nothing.
"""

from __future__ import annotations

import argparse
import faulthandler
import json
import os
import resource
import shutil
import time
import warnings
from collections import Counter
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import NamedTuple

import torch
from click.testing import CliRunner, Result
from files import CLIPS, FIELDS, KINDS, LISTS, STILLS, WEIGHTS, make_case, make_original, write_clip

from vsr_cli.cli import main

MEMORY = 16 << 30  # bytes of addresses, of which the libraries alone take some
SLOWEST_S = 60.0


class Case(NamedTuple):
    """A file and what is done with it."""

    words: list[str]
    given: Path
    target: Path  # there if all goes well

    @property
    def folder(self) -> Path:
        return self.target.parent


def choose_case(kind: str, number: int, path: Path, folder: Path) -> Case:
    """What is done with a file of a kind: a third of the clips are only looked at."""
    ending = path.suffix if kind in STILLS or kind in FIELDS else ".mkv"
    target = folder / f"out{ending}"
    if kind == "npz":
        target = folder / "out.mkv"
        return Case(["render", str(path), str(target)], path, target)
    if kind in LISTS:
        target = folder / "out"
        return Case(["batch", "--list", str(path), str(target), "--dry-run"], path, target)
    if kind in WEIGHTS:
        target = folder / "out.png"
        own = ["--model", "fsrcnn-s", "--weights", str(path)]
        return Case(["upscale", "still.png", str(target), *own], path, target)
    if kind in CLIPS and number % 3 == 2:
        return Case(["info", str(path)], path, target)
    codec = ["--codec", "ffv1"] if kind in CLIPS and kind not in STILLS else []
    return Case(["upscale", str(path), str(target), "--model", "bicubic", *codec], path, target)


def run_case(case: Case) -> tuple[int, str]:
    """The exit code, and what must not be, in words; empty if all is as it should be."""
    faulthandler.dump_traceback_later(4 * SLOWEST_S, exit=True)
    start = time.monotonic()
    result = CliRunner().invoke(main, case.words)
    seconds = time.monotonic() - start
    faulthandler.cancel_dump_traceback_later()
    fault = find_fault(case, result) or (f"took {seconds:.0f} s" if seconds > SLOWEST_S else "")
    return result.exit_code, fault


def find_fault(case: Case, result: Result) -> str:
    """What a command must not do."""
    left = {path.name for path in case.folder.iterdir()} - {case.given.name}
    lines = [line for line in result.stderr.splitlines() if line.startswith("Error: ")]
    is_one = len(lines) == 1 or (lines and case.words[0] == "info")  # that names every fault
    if result.exit_code not in (0, 1, 2):
        return f"exit code {result.exit_code}"
    if "Error: unexpected " in result.stderr or "Traceback" in result.output:
        return result.stderr[-600:]
    if result.exit_code and not is_one:
        return f"{len(lines)} lines of error: {result.stderr[-600:]}"
    if result.exit_code == 0:
        left -= {case.target.name}
    return f"left {', '.join(sorted(left))}" if left else ""


def run_cases(kind: str, numbers: range, place: Path, say: Callable[[str], None]) -> Counter[int]:
    """Run the cases one by one; counts exit codes, and tells each fault.

    Raises:
        RuntimeError: the whole file does not pass.
    """
    whole, codes = make_original(kind, place), Counter[int]()
    for name in ("still.png", "a.mkv", "b.mkv"):
        write_clip(place / name, *CLIPS[name.partition(".")[2]])
    os.chdir(place)
    folder = place / "case"
    for number in (None, *numbers):
        Path("now").write_text(str(number), encoding="utf-8")  # for who finds us dead
        folder.mkdir()
        path = whole if number is None else make_case(kind, number, whole, folder)
        code, fault = run_case(choose_case(kind, number or 0, path, folder))
        if number is None and (code or fault):
            raise RuntimeError(f"the whole {kind} gives {code}: {fault}")
        if number is not None:
            codes[code] += 1
        if fault:
            say(json.dumps({"kind": kind, "number": number, "fault": fault}))
        shutil.rmtree(folder)
    return codes


def run() -> None:
    """As the head of this file says."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--kind", choices=KINDS, nargs="+", default=KINDS)
    parser.add_argument("--first", type=int, default=0)
    parser.add_argument("--cases", type=int, default=1)
    options = parser.parse_args()
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    warnings.simplefilter("ignore")  # of what libraries say of damaged files
    torch.set_num_threads(1)
    numbers = range(options.first, options.first + options.cases)
    say = partial(print, flush=True)
    for kind in options.kind:
        place = options.folder.absolute() / kind
        shutil.rmtree(place, ignore_errors=True)
        place.mkdir(parents=True)
        codes = run_cases(kind, numbers, place, say)
        say(json.dumps({"kind": kind, "codes": {str(code): codes[code] for code in codes}}))


if __name__ == "__main__":
    run()
