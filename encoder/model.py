"""The encoder: clips in, unit vectors out, made of how a clip looks and how it moves.

Sizes: B batch, C channels, T H W frames and pixels, D embedding.
"""

from math import prod

import torch
from torch import Tensor, nn
from torch.nn.functional import adaptive_avg_pool3d, normalize

from encoder.backbones import R3D18, S3D, TSM, Backbone, EfficientNetLite0, Maps, R2Plus1D18
from encoder.config import EncoderConfig
from encoder.parts import look_frames

_LOOK_CELLS = (1, 2, 2)


class Encoder(nn.Module):
    """Embed clips as unit vectors in two parts, so that neither look nor motion drowns the other.

    `look` sees two single frames; it may be missing. `motion` sees all frames, as a rule less their mean over time,
    in which whatever stands still is gone, and its map is pooled to a few cells of time and space: with two or
    more in time, a clip and its reverse get different vectors.
    """

    def __init__(self, config: EncoderConfig) -> None:
        super().__init__()
        self.config = config
        self.look = _look(config) if config.look_dim else None
        self.motion = _motion(config)
        blocks = self.blocks()
        if self.look:
            self.look_head = nn.Linear(sum(blocks[0]), config.look_dim)
        self.motion_head = nn.Linear(sum(blocks[-1]), config.motion_dim)

    def forward(self, clips: Tensor, look: Tensor | None = None) -> Tensor:
        """Embed normalised (B, 3, T, H, W) clips as (B, D) unit vectors: [look, motion], weighed.

        Args:
            clips: what is embedded.
            look: their `look_feature`, where it is known.
        """
        share = self.motion_share(clips)
        weights = [1 - share, share] if self.look else [share]
        return torch.cat([part * weight**0.5 for part, weight in zip(self.parts(clips, look), weights, strict=True)], 1)

    def motion_share(self, clips: Tensor) -> Tensor | float:
        """Share of the cosine that motion decides; with `still`, (B, 1), the less the less moves in a clip."""
        share, still = self.config.motion_weight, self.config.still
        if not still:
            return share
        moved = (clips - clips.mean(2, keepdim=True)).abs().mean((1, 2, 3, 4))[:, None]
        return share * moved / (moved + still)

    def parts(self, clips: Tensor, look: Tensor | None = None) -> list[Tensor]:
        """The (B, look_dim) and (B, motion_dim) unit vectors that `forward` weighs and joins."""
        return [normalize(head(each)) for head, each in zip(self.heads(), self.features(clips, look), strict=True)]

    def heads(self) -> list[nn.Linear]:
        """What maps each of the `features` to its part."""
        return [self.look_head, self.motion_head] if self.look else [self.motion_head]

    def blocks(self) -> list[list[int]]:
        """How many numbers of each of the `features` come from one map: a head is fitted to each such block alone."""
        config, motion = self.config, [self.motion.channels * prod(self.config.cells)]
        if config.region_cells:
            motion.append(self.motion.region_channels * prod(config.region_cells))
        return [[self.look.channels * prod(_LOOK_CELLS)], motion] if self.look else [motion]

    def features(self, clips: Tensor, look: Tensor | None = None) -> list[Tensor]:
        """What the heads are given: (B, C 4) of look, where there is one, and the motion feature."""
        motion = self.motion_feature(clips)
        if not self.look:
            return [motion]
        return [self.look_feature(clips) if look is None else look, motion]

    def look_feature(self, clips: Tensor) -> Tensor:
        """The pooled map of the look part, (B, C 4); only where there is one."""
        return self.pooled_look(clips[:, :, look_frames(clips.shape[2])])

    def pooled_look(self, frames: Tensor) -> Tensor:
        """(B, C 4) of (B, 3, n, H, W) frames, each seen alone: the mean of what they give one by one."""
        assert self.look is not None
        return adaptive_avg_pool3d(self.look(frames), _LOOK_CELLS).flatten(1)

    def motion_feature(self, clips: Tensor) -> Tensor:
        """The `motion_blocks`, joined: (B, C cells)."""
        return torch.cat(self.motion_blocks(clips), 1)

    def motion_blocks(self, clips: Tensor) -> list[Tensor]:
        """The final map of the motion part pooled to its cells and, with `region_cells`, that of the regions."""
        maps, config = self.motion_maps(clips), self.config
        pooled = [adaptive_avg_pool3d(maps.final, config.cells).flatten(1)]
        if config.region_cells:
            pooled.append(adaptive_avg_pool3d(maps.regions, config.region_cells).flatten(1))
        return pooled

    def motion_maps(self, clips: Tensor) -> Maps:
        """Both maps of the motion part's network."""
        return self.motion.maps(clips - clips.mean(2, keepdim=True) if self.config.centred else clips)


def _look(config: EncoderConfig) -> Backbone:
    match config.look_network:
        case "tsm":
            return TSM(config.width, config.blocks, shifted=False)
        case "efficientnet_lite0":
            return EfficientNetLite0(shifted=False)


def _motion(config: EncoderConfig) -> Backbone:
    match config.network:
        case "tsm":
            return TSM(config.width, config.blocks)
        case "r3d_18":
            return R3D18()
        case "r2plus1d_18":
            return R2Plus1D18()
        case "s3d":
            return S3D()
        case "efficientnet_lite0":
            return EfficientNetLite0()
