"""python -m vsr_cli"""

from __future__ import annotations

from vsr_cli.cli import main

if __name__ == "__main__":
    main(prog_name="vsr")
