"""How training ends early."""

from encoder.errors import WorldError


class TrainingError(WorldError):
    """A training run that can't start or go on, in one sentence."""


class Stopped(BaseException):
    """Raised by a `Report` to end a run between two steps; what was done is saved, to be gone on with."""
