"""How fast a run goes, and for how much of its time it waits for patches."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(slots=True)
class Pace:
    """The time of some steps, without validations and checkpoints."""

    num_patches: int = 0  # of all processes
    waiting_s: float = 0.0  # until a batch was drawn
    learning_s: float = 0.0  # forward, backward, optimiser and average; a GPU's work included

    def add(self, num_patches: int, *, waiting_s: float, learning_s: float) -> None:
        """Count one step."""
        self.num_patches += num_patches
        self.waiting_s += waiting_s
        self.learning_s += learning_s

    def figures(self) -> dict[str, float]:
        """Patches per second, and the share of the time in which the network waited for them."""
        total = self.waiting_s + self.learning_s
        if not total:
            return {"patches_per_s": 0.0, "waiting": 0.0}
        return {
            "patches_per_s": round(self.num_patches / total, 1),
            "waiting": round(self.waiting_s / total, 4),
        }
