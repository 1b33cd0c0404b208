"""An encoder in training: its networks, with a head for each term of the objective.

Sizes: V views, B batch, C channels, N cells of the regions' map, T bins in time, D embedding.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import NamedTuple

import torch
from torch import Tensor, nn

from encoder.lattice import Lattice
from encoder.model import Encoder
from encoder.transforms import normalise
from training.objective import Objective

DIM, CELL_DIM = 128, 64  # D, and that of cells, of which there are many
_WIDEST = 512  # hidden layer of a head


class Embedded(NamedTuple):
    """Views through the networks and their heads; None for what the objective has no use for."""

    instance: Tensor | None  # (V, B, D)
    look: Tensor | None  # (V, B, D)
    regions: Tensor | None  # (V, B, N, CELL_DIM)
    cells: Tensor | None  # (V, B, N, C) the regions' map itself
    bins: Tensor | None  # (V, B, T, D)


class Student(nn.Module):
    """The encoder and the heads; the heads are dropped after training, and take the contrast's losses upon them."""

    def __init__(self, encoder: Encoder, objective: Objective) -> None:
        super().__init__()
        self.encoder, self.objective = encoder, objective
        motion = encoder.motion
        self.instance = _head(motion.channels) if objective.instance else None
        self.look = _head(encoder.look_head.in_features) if encoder.look else None
        self.regions = _head(motion.region_channels, CELL_DIM) if objective.region else None
        self.bins = _head(motion.channels) if objective.match or objective.direction else None
        self.twins = _head(encoder.blocks()[-1][0]) if objective.twins else None

    def forward(self, clips: Tensor) -> Embedded:
        """Embed (V, B, 3, T, H, W) RGB in [0, 1]; all views share one pass, and so the statistics of batch-norm."""
        shape = clips.shape[:2]
        joined = normalise(clips.flatten(0, 1))
        maps = self.encoder.motion_maps(joined)
        cells = maps.regions.flatten(2).mT  # (V B, N, C)

        def views(each: Tensor) -> Tensor:
            return each.reshape(*shape, *each.shape[1:])

        return Embedded(
            instance=views(self.instance(maps.final.mean((2, 3, 4)))) if self.instance else None,
            look=views(self.look(self.encoder.look_feature(joined))) if self.look else None,
            regions=views(self.regions(cells)) if self.regions else None,
            cells=views(cells) if self.objective.information == "club" else None,
            bins=views(self.bins(maps.final.mean((3, 4)).mT)) if self.bins else None,
        )

    def embed_twins(self, clips: Tensor) -> Tensor:
        """Embed the motion of (2, B, 3, T, H, W) puppets, (2, B, D); they leave no trace in batch-norm's statistics."""
        assert self.twins is not None
        with _statistics_kept(self.encoder):
            found: Tensor = self.twins(self.encoder.motion_blocks(normalise(clips.flatten(0, 1)))[0])
        return found.reshape(*clips.shape[:2], -1)

    def region_lattice(self, frames: int, size: int) -> Lattice:
        """Where the N cells lie in views of that many frames and pixels."""
        return self.encoder.motion.region_lattice(frames, size, size)

    def bin_lattice(self, frames: int, size: int) -> Lattice:
        """Where the T bins lie."""
        return self.encoder.motion.final_lattice(frames, size, size)


def _head(channels: int, dim: int = DIM) -> nn.Sequential:
    """Two layers on the last axis, (..., C) to (..., D)."""
    hidden = min(max(channels, dim), _WIDEST)
    return nn.Sequential(nn.Linear(channels, hidden), nn.ReLU(), nn.Linear(hidden, dim))


@contextmanager
def _statistics_kept(network: nn.Module) -> Iterator[None]:
    """Meanwhile batch-norm uses a batch's own statistics and remembers none."""
    norms = [module for module in network.modules() if isinstance(module, nn.modules.batchnorm._BatchNorm)]
    momenta = [norm.momentum for norm in norms]
    for norm in norms:
        norm.momentum = 0.0
    try:
        yield
    finally:
        for norm, momentum in zip(norms, momenta, strict=True):
            norm.momentum = momentum


@torch.no_grad()
def spread(embeddings: Tensor) -> float:
    """How far (..., B, D) embeddings lie apart: 0 where all are one, about 1 where they fill the sphere."""
    unit = nn.functional.normalize(embeddings.float(), dim=-1)
    return (1 - unit.mean(-2).square().sum(-1)).clamp(min=0).sqrt().mean().item()
