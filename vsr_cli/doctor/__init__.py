"""What works on this machine and what does not, each thing tried. Read ``examine`` first."""

from vsr_cli.doctor.examine import Checkup, examine
from vsr_cli.doctor.finding import Finding

__all__ = ["Checkup", "Finding", "examine"]
