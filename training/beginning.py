"""What a training run begins with: the networks of an encoder that was trained before, as far as they fit."""

from dataclasses import dataclass
from typing import Literal

import torch
from torch import nn

from encoder.checkpoint import Checkpoint
from encoder.model import Encoder
from training.errors import TrainingError

Part = Literal["look", "motion"]


@dataclass(frozen=True)
class Beginning:
    """Which encoder a run began with, and what it took of it; heads are fitted anew in any case."""

    name: str
    fingerprint: str
    parts: tuple[Part, ...]


def begin_with(encoder: Encoder, trained: Checkpoint) -> Beginning:
    """Give an encoder the networks of a trained one, each of them that is built alike and sees the same.

    Raises:
        TrainingError: none is.
    """
    parts: list[Part] = []
    for part in ("look", "motion"):
        own, theirs = getattr(encoder, part), getattr(trained.encoder, part)
        seen_alike = part == "look" or encoder.config.centred == trained.config.centred
        if seen_alike and own is not None and theirs is not None and _shapes(own) == _shapes(theirs):
            own.load_state_dict(theirs.state_dict())
            parts.append(part)
    if not parts:
        raise TrainingError(
            f"encoder {trained.name} ({trained.fingerprint}) is built otherwise than what this recipe trains; begin "
            "with another one, or with --from-nothing"
        )
    return Beginning(trained.name, trained.fingerprint, tuple(parts))


def _shapes(network: nn.Module) -> dict[str, torch.Size]:
    return {name: value.shape for name, value in network.state_dict().items()}
