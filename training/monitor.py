"""Watches a run for the two ways in which it dies."""

import math
from dataclasses import dataclass

from training.errors import TrainingError

_DEAD_SPREAD = 0.02  # of embeddings that fill the sphere: 1
_PATIENCE = 50  # steps


@dataclass
class Monitor:
    """Stops a run whose loss is no number, or whose embeddings are all the same."""

    collapsed: int = 0  # steps since the embeddings last lay apart

    def check(self, step: int, loss: float, spread: float) -> None:
        """Look at a step.

        Args:
            step: its number.
            loss: of the objective.
            spread: of the embeddings, as `training.student.spread` measures it.

        Raises:
            TrainingError: the run is dead.
        """
        if not math.isfinite(loss):
            raise TrainingError(f"the loss became {loss} at step {step}; train with a lower learning rate")
        self.collapsed = self.collapsed + 1 if spread < _DEAD_SPREAD else 0
        if self.collapsed >= _PATIENCE:
            raise TrainingError(
                f"the embeddings collapsed: for {_PATIENCE} steps up to step {step} all videos were given the same "
                f"one (spread {spread:.3f} of 1); train with a lower learning rate or on more varied videos"
            )
