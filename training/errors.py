"""The one error of training."""

from encoder.errors import WorldError


class TrainingError(WorldError):
    """A training run that can't start or go on, in one sentence."""
